# Sums of doubles without any rounding, as integers in units of 2^-1074, of which every double is a multiple.
#
# Numbers below 2^M are cut into multiples of g = 2^(M - 41), of g / 2^42 and of g / 2^84: adding and subtracting
# 3 * 2^51 g rounds to a multiple of g (S. M. Rump, T. Ogita and S. Oishi, "Accurate floating-point summation part I",
# SIAM Journal on Scientific Computing 31, 2008, section 3: ExtractVector). What is left is exact, and so is the sum of
# each cut, in any order: 2^11 multiples of g below 2^M add up to no more than 2^52 g. Numbers that have bits below the
# last cut are added up by their exponents, one by one.

cdef enum:
    LIMB_BITS = 32           # of one limb and the next; a limb holds the sums of 2^29 numbers
    LIMBS = 66               # of any double: 2046 places for the lowest bit, 53 bits
    EXACT_RUN = 2048         # 2^11 numbers that are cut at once
    MOST_AT_ONCE = 536870912     # 2^29
    LOWEST = -1074

cdef double TOO_LARGE = ldexp(1.0, 960)      # the cuts of larger numbers may overflow


cdef inline double anchor_of(int exponent) noexcept nogil:
    """What numbers are added to and subtracted from, to be rounded to multiples of 2^exponent."""
    return ldexp(3.0, exponent + 51)


cdef inline int first_limb(uint64_t bits) noexcept nogil:
    """Of three that a double has a part in."""
    cdef int biased = bits << 1 >> 53
    return (biased - 1 if biased > 0 else 0) // LIMB_BITS


cdef inline bint add_by_exponent(double x, int64_t* limb, int least, Py_ssize_t width) noexcept nogil:
    """limb (width,) += x, where the first is number `least`; True if x has no place there, as nan and infinity."""
    cdef uint64_t bits, mantissa, low, high
    cdef int biased, shift, place
    cdef int64_t sign
    memcpy(&bits, &x, sizeof(bits))
    biased = bits >> 52 & 0x7ff
    mantissa = bits << 12 >> 12
    place = first_limb(bits) - least
    if biased == 0x7ff or not 0 <= place <= width - 3:
        return True
    if biased > 0:
        mantissa |= <uint64_t>1 << 52
        biased -= 1
    sign = -1 if bits >> 63 else 1
    limb += place
    shift = biased % LIMB_BITS
    low = <uint64_t>(<uint32_t>mantissa) << shift
    high = (mantissa >> LIMB_BITS) << shift
    limb[0] += sign * <int64_t>(<uint32_t>low)
    limb[1] += sign * <int64_t>((low >> LIMB_BITS) + <uint32_t>high)
    limb[2] += sign * <int64_t>(high >> LIMB_BITS)
    return False


cdef inline double largest_of(const double* x, Py_ssize_t n) noexcept nogil:
    """max |x| of n numbers, a multiple of LANES; nan is passed over."""
    cdef double most[LANES]
    cdef double size
    cdef Py_ssize_t i, j
    for j in range(LANES):
        most[j] = 0.0
    for i in range(n // LANES):
        for j in range(LANES):
            size = fabs(x[i * LANES + j])
            most[j] = size if size > most[j] else most[j]
    for j in range(1, LANES):
        most[0] = most[j] if most[j] > most[0] else most[0]
    return most[0]


cdef inline bint add_cut(const double* x, Py_ssize_t n, int cuts, int64_t* limb) noexcept nogil:
    """limb += the sum of n numbers, a multiple of LANES up to EXACT_RUN; False if so many cuts do not hold them."""
    cdef double sums[3][LANES]
    cdef double left[LANES]
    cdef double most = largest_of(x, n), one, two, three, q, rest
    cdef int exponent
    cdef Py_ssize_t i, j
    if not most < TOO_LARGE:
        return False
    frexp(most, &exponent)
    one = anchor_of(max(exponent - 41, LOWEST))
    two = anchor_of(max(exponent - 83, LOWEST))
    three = anchor_of(max(exponent - 125, LOWEST))
    for j in range(LANES):
        sums[0][j] = sums[1][j] = sums[2][j] = left[j] = 0.0
    for i in range(n // LANES):
        for j in range(LANES):
            rest = x[i * LANES + j]
            q = (rest + one) - one
            sums[0][j] += q
            rest -= q
            q = (rest + two) - two
            sums[1][j] += q
            rest -= q
            if cuts == 3:
                q = (rest + three) - three
                sums[2][j] += q
                rest -= q
            left[j] += fabs(rest)
    for j in range(1, LANES):
        for i in range(3):
            sums[i][0] += sums[i][j]
        left[0] += left[j]
    if not left[0] == 0.0:       # or nan
        return False
    for i in range(3):
        add_by_exponent(sums[i][0], limb, 0, LIMBS)
    return True


cdef Py_ssize_t add_exactly(const double* x, Py_ssize_t n, int64_t* limb) noexcept nogil:
    """limb (LIMBS,) += the sum of n numbers but for those that are not finite; returns how many these are."""
    cdef Py_ssize_t start = 0, stop, i, bad = 0
    while start < n:
        stop = min(start + EXACT_RUN, n)
        if stop - start >= LANES:
            stop = start + (stop - start) // LANES * LANES
            if add_cut(x + start, stop - start, 2, limb) or add_cut(x + start, stop - start, 3, limb):
                start = stop
                continue
        for i in range(start, stop):
            bad += add_by_exponent(x[i], limb, 0, LIMBS)
        start = stop
    return bad


cdef object integer_of(const int64_t* limb):
    """What the limbs add up to."""
    cdef int i
    cdef object total = 0
    for i in range(LIMBS):
        if limb[i] != 0:
            total += <object>limb[i] << LIMB_BITS * i
    return total


def exact_sum(values):
    """(the sum of the finite numbers in units of 2^-1074, how many are not finite)."""
    cdef cnp.ndarray x = doubles_of(values)
    cdef int64_t limb[LIMBS]
    cdef Py_ssize_t bad
    memset(limb, 0, sizeof(limb))
    with nogil:
        bad = add_exactly(<const double*>cnp.PyArray_BYTES(x), cnp.PyArray_SIZE(x), limb)
    return integer_of(limb), bad


def exact_sums(values, groups, Py_ssize_t n_groups):
    """The same for each of the groups 0 ... n_groups - 1; a number may be of none.

    Returns (limbs, power, bad): the sum of group k is that of limbs[k, i] * 2^(power + 32 i).
    """
    cdef cnp.ndarray x = doubles_of(values)
    cdef cnp.ndarray group = _check.aligned(groups, np.int64)
    cdef cnp.ndarray limbs
    cdef Py_ssize_t n = cnp.PyArray_SIZE(x), width, bad
    cdef int least, most
    if cnp.PyArray_SIZE(group) != n:
        raise ValueError(f"{cnp.PyArray_SIZE(group)} groups of {n} numbers")
    limbs_of(<const double*>cnp.PyArray_BYTES(x), n, &least, &most)
    width = max(0, most - least) + 3
    limbs = np.zeros((n_groups, width), np.int64)
    with nogil:
        bad = add_to_groups(
            <const double*>cnp.PyArray_BYTES(x), <const int64_t*>cnp.PyArray_BYTES(group), n, n_groups, width, least,
            <int64_t*>cnp.PyArray_BYTES(limbs)
        )
    return limbs, least * LIMB_BITS, bad


cdef void limbs_of(const double* x, Py_ssize_t n, int* least, int* most) noexcept nogil:
    """The first limbs of the numbers with the least and the largest exponent, of those that are finite and not 0."""
    cdef uint64_t bits
    cdef int first
    cdef Py_ssize_t i
    least[0] = LIMBS
    most[0] = 0
    for i in range(n):
        memcpy(&bits, x + i, sizeof(bits))
        if bits << 1 != 0 and bits << 1 >> 53 != 0x7ff:
            first = first_limb(bits)
            least[0] = first if first < least[0] else least[0]
            most[0] = first if first > most[0] else most[0]


cdef Py_ssize_t add_to_groups(
    const double* x, const int64_t* group, Py_ssize_t n, Py_ssize_t n_groups, Py_ssize_t width, int least,
    int64_t* limbs           # out  (n_groups, width), of which the first is `least`
) noexcept nogil:
    """Returns how many numbers of a group are not finite."""
    cdef Py_ssize_t i, bad = 0
    for i in range(n):
        if 0 <= group[i] < n_groups and x[i] != 0.0:
            bad += add_by_exponent(x[i], limbs + group[i] * width, least, width)
    return bad


cdef cnp.ndarray doubles_of(object values):
    """An array of doubles, one after the other, and no more than a limb holds the sums of."""
    if np.size(values) > MOST_AT_ONCE:
        raise ValueError(f"{np.size(values)} numbers, but at most {MOST_AT_ONCE} are added up at once")
    return _check.aligned(values, np.float64)
