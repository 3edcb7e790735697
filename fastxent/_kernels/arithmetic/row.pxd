"""One row of contiguous classes: every step runs over blocks of LANES classes, with an accumulator for each lane."""

from cython cimport floating
from libc.math cimport INFINITY

from fastxent._kernels.arithmetic.panel cimport (
    BOTTOM, MAGIC, MAXIMUM, ORIGIN, REST, REST_LOW, SUMS, TIES, TOP, add_group, clear_blocks, exp_block,
)
from fastxent._kernels.arithmetic.scalar cimport bottom_of, exp_scaled, magic_of, origin_of
from fastxent._kernels.arithmetic.sums cimport count_lanes, sum_lanes, two_sum
from fastxent._kernels.arrays.soon cimport Soon, read_soon, write_soon
from fastxent._kernels.frames cimport apart
from fastxent._kernels.ways cimport BATCH, GROUP, LANES


cdef enum:
    LONG = 2048              # classes of which most groups have no maximum, so that a look is worth it
    PART = 16                # what is left over behind whole blocks is computed by so many classes


cdef inline void start_max(const floating* x, floating* best) noexcept nogil:
    """The first of the blocks that a maximum is looked for in, each lane by itself; nan is passed over."""
    cdef Py_ssize_t j
    for j in range(LANES):
        best[j] = x[j] if x[j] > -INFINITY else -INFINITY


cdef inline void keep_larger(const floating* x, floating* best) noexcept nogil:
    """A further block."""
    cdef Py_ssize_t j
    for j in range(LANES):
        best[j] = x[j] if x[j] > best[j] else best[j]


cdef inline floating largest_of(floating* best) noexcept nogil:
    """Of all lanes, which are used up."""
    cdef Py_ssize_t j
    cdef floating m
    for j in range(16):
        best[j] = best[j] if best[j] > best[j + 16] else best[j + 16]
    for j in range(8):
        best[j] = best[j] if best[j] > best[j + 8] else best[j + 8]
    for j in range(4):
        best[j] = best[j] if best[j] > best[j + 4] else best[j + 4]
    m = best[0]
    for j in range(1, 4):
        m = best[j] if best[j] > m else m
    return m


cdef inline floating row_max(const floating* x, Py_ssize_t n) noexcept nogil:
    """The maximum of n >= LANES numbers; nan is passed over (exp brings it back)."""
    cdef floating best[LANES]
    cdef Py_ssize_t k
    start_max(x + n - LANES, best)
    for k in range(n // LANES):
        keep_larger(x + k * LANES, best)
    return largest_of(best)


cdef inline void row_shift_by(
    floating m,              # in   the row's maximum
    floating* shift,         # out  (SHIFT,)
) noexcept nogil:
    """What a row's exponentials are relative to, the same for all lanes."""
    cdef floating origin = origin_of(m)
    cdef floating magic = magic_of(m, origin)
    cdef floating bottom = bottom_of(magic)
    in_all_lanes(m, origin, magic, bottom, exp_scaled(m, origin, magic, bottom), shift)


cdef inline apart row_shift(
    const floating* x,       # in   (n,), n >= LANES
    Py_ssize_t n,
    floating* shift,         # out  (SHIFT,)
) noexcept nogil:
    """The same of a row. Apart: within a loop over rows GCC looks through the lanes of row_max one by one."""
    row_shift_by(row_max(x, n), shift)


cdef inline void in_all_lanes(
    floating m, floating origin, floating magic, floating bottom, floating top, floating* shift
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(LANES):
        shift[ORIGIN + j] = origin
    for j in range(LANES):
        shift[MAGIC + j] = magic
    for j in range(LANES):
        shift[BOTTOM + j] = bottom
    for j in range(LANES):
        shift[TOP + j] = top
    for j in range(LANES):
        shift[MAXIMUM + j] = m


cdef inline void exp_part(
    const floating* x,       # in   (PART,)
    const floating* shift,   # in   (SHIFT,) the same for all lanes
    int overlap,             # what is before it counts elsewhere
    floating* v,             # out  (PART,)
    floating* counted,       # out  (PART,) with 0 for that
) noexcept nogil:
    cdef floating e
    cdef int j
    for j in range(PART):
        e = exp_scaled(x[j], shift[ORIGIN + j], shift[MAGIC + j], shift[BOTTOM + j])
        v[j] = e
        counted[j] = e if j >= overlap else <floating>0.0


cdef inline bint add_below_top(
    const floating* v,       # in   GROUP x LANES
    const floating* shift,   # in   (SHIFT,) the same for all lanes
    floating* sums,          # out  (SUMS,)
) noexcept nogil:
    """Add a whole group as add_group does if none of it is a maximum's, as of most groups of a long row; else False."""
    cdef floating most[LANES]
    cdef floating part[LANES]
    cdef Py_ssize_t j
    cdef int found = 0
    for j in range(LANES):
        most[j] = larger(
            larger(larger(v[j], v[LANES + j]), larger(v[2 * LANES + j], v[3 * LANES + j])),
            larger(larger(v[4 * LANES + j], v[5 * LANES + j]), larger(v[6 * LANES + j], v[7 * LANES + j])),
        )
        part[j] = ((v[j] + v[LANES + j]) + (v[2 * LANES + j] + v[3 * LANES + j])) + (
            (v[4 * LANES + j] + v[5 * LANES + j]) + (v[6 * LANES + j] + v[7 * LANES + j])
        )
    for j in range(LANES):
        found += most[j] >= shift[TOP + j]
    if found > 0:
        return False
    two_sum(sums + REST, sums + REST_LOW, part, LANES)
    return True


cdef inline floating larger(floating a, floating b) noexcept nogil:
    return a if a > b else b


cdef inline bint begins_with_rest(Py_ssize_t n) noexcept nogil:
    """Whether what is left over of n classes behind whole blocks finds no room in a group: the sums begin with it."""
    return 0 < n % BATCH < LANES


cdef inline void row_exp(
    const floating* x,       # in   (n,), n >= LANES
    Py_ssize_t n,
    const floating* shift,   # in   (SHIFT,)
    Soon next,               # read soon
    floating* e,             # out  (n,), may be x, may be NULL
    Soon home,               # written soon, if there is e
    floating* sums,          # out  (SUMS,)
) noexcept nogil:
    """e_k = exp(x_k - m), all times the same number. Blocks of LANES classes are a panel of lanes with one maximum.

    What is left over behind the last whole block is in a block of its own that overlaps the one before. A group of its
    own at the end would have a processor wait for the sums: see begins_with_rest.
    """
    cdef floating last[LANES]
    cdef floating counted[2 * LANES]
    cdef floating v[GROUP * LANES]
    cdef floating block[LANES]
    cdef Py_ssize_t first, group, j, k, width, n_blocks = n // LANES, overlap = (n_blocks + 1) * LANES - n
    cdef Py_ssize_t unused = overlap // PART
    clear_blocks(0, counted)
    for k in range(unused, LANES // PART):  # first, since e may be x
        exp_part(x + n - LANES + k * PART, shift, <int>(overlap - k * PART), last + k * PART, counted + k * PART)
    for j in range(SUMS):
        sums[j] = <floating>0.0
    if begins_with_rest(n):
        add_group(counted, 1, shift, sums)
    for group in range((n_blocks + GROUP - 1) // GROUP):
        first = group * GROUP
        width = min(<Py_ssize_t>GROUP, n_blocks - first)
        if floating is double and e != NULL and width == GROUP:
            for k in range(first, first + GROUP):
                read_soon(&next, x, LANES)
                exp_block(x + k * LANES, shift, block)
                write_soon(&home, x, LANES)
                for j in range(LANES):
                    e[k * LANES + j] = block[j]
            if n < LONG or not add_below_top(<const floating*>e + first * LANES, shift, sums):
                add_group(<const floating*>e + first * LANES, GROUP, shift, sums)
            continue
        for k in range(width):
            read_soon(&next, x, LANES)
            exp_block(x + (first + k) * LANES, shift, v + k * LANES)
        if e != NULL:
            for k in range(width):
                write_soon(&home, x, LANES)
                for j in range(LANES):
                    e[(first + k) * LANES + j] = v[k * LANES + j]
        if width < GROUP:
            for j in range(LANES):
                v[width * LANES + j] = counted[j]
            width += 1
            clear_blocks(width, v)
        if n < LONG or width < GROUP or not add_below_top(v, shift, sums):
            add_group(v, width, shift, sums)
    read_soon(&next, x, LANES)          # what is behind whole blocks, or in a line more where those begin within one
    if e != NULL:
        write_soon(&home, x, LANES)
        for j in range(unused * PART, LANES):
            e[n - LANES + j] = last[j]


cdef inline apart row_sums(
    const floating* sums,    # in   (SUMS,)
    double* ties,            # out
    double* rest,            # out
) noexcept nogil:
    """What is in the lanes. Apart: within a loop over rows GCC takes loops of 16 to pieces and converts one by one."""
    ties[0] = count_lanes(sums + TIES)
    rest[0] = sum_lanes(sums + REST, sums + REST_LOW)


cdef inline apart row_scale(floating* x, floating factor, Py_ssize_t n) noexcept nogil:
    """x *= factor. Apart: where GCC takes it for rare, its loop lies across two lines: 1.05 of a gradient's time."""
    cdef Py_ssize_t k
    for k in range(n):
        x[k] *= factor
