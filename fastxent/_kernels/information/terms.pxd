"""Terms of entropy, cross entropy and divergence, LANES side by side, and their sums in each lane.

    H(p) = -sum_k p_k log p_k        H(p, q) = -sum_k p_k log q_k
    KL(p || q) = sum_k p_k log(p_k / q_k) = sum_k h_k phi((p_k - h_k) / h_k) + sum_k (n_k p_k log 2 + p_k - h_k)
    h_k = 2^n_k q_k near p_k                phi(r) = (1 + r) log(1 + r) - r

A term with p_k = 0 is 0. What no probability is makes its sum nan, so that only sums that are not finite have to be
looked at once more. The terms are summed in double. The last ones of float64, which may cancel to far below their own
rounding, have a compensated sum of their own; double holds those of float32 beside the others.
"""

from cython cimport floating
from libc.float cimport DBL_MAX, DBL_MIN, FLT_MAX, FLT_MIN
from libc.math cimport NAN
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.arithmetic.sums cimport two_sum
from fastxent._kernels.problem cimport DIVERGENCE, Which
from fastxent._kernels.ways cimport BATCH, GROUP, LANES

cdef struct Sums:            # of each lane, compensated
    double high[LANES]
    double low[LANES]
    double large[LANES]              # those of a divergence of float64 that may cancel
    double large_low[LANES]


cdef inline void clear_sums(Sums* sums) noexcept nogil:
    memset(sums, 0, sizeof(Sums))


cdef inline void join_sums(Sums* sums) noexcept nogil:
    """Add what may have cancelled to the other sum."""
    cdef Py_ssize_t j
    two_sum(sums.high, sums.low, sums.large, LANES)
    for j in range(LANES):
        sums.low[j] += sums.large_low[j]


cdef inline bint is_share(floating p) noexcept nogil:
    """Neither negative nor infinite nor nan."""
    if floating is float:
        return (p >= 0) & (p <= FLT_MAX)
    else:
        return (p >= 0) & (p <= DBL_MAX)


# Whether all numbers lie between two others that are not negative is asked of their bits, which are in the same order:
# a difference of them is negative for a number outside (-0 counts as such), and so is the "or" of any with it.


cdef inline bint log_terms(const floating* p, const floating* q, Py_ssize_t n, double* term) noexcept nogil:
    """p log q. False if there is a p that is no share or a q that is not normal; then the terms are not to be used."""
    cdef int32_t odd32 = 0
    cdef int64_t odd64 = 0
    cdef Py_ssize_t i
    if floating is float:
        for i in range(n):
            odd32 |= (scalar.bits_f(q[i]) - scalar.bits_f(FLT_MIN)) | (scalar.bits_f(FLT_MAX) - scalar.bits_f(q[i]))
            odd32 |= scalar.bits_f(p[i])
            term[i] = <double>p[i] * <double>scalar.log_of_normal(q[i])
        return odd32 >= 0
    else:
        for i in range(n):
            odd64 |= (scalar.bits_d(q[i]) - scalar.bits_d(DBL_MIN)) | (scalar.bits_d(DBL_MAX) - scalar.bits_d(q[i]))
            odd64 |= scalar.bits_d(p[i])
            term[i] = p[i] * scalar.log_of_normal(q[i])
        return odd64 >= 0


cdef inline void any_log_terms(const floating* p, const floating* q, Py_ssize_t n, double* term) noexcept nogil:
    """p log q for any p and q."""
    cdef double value
    cdef Py_ssize_t i
    for i in range(n):
        value = <double>p[i] * <double>scalar.log(q[i])
        value = 0.0 if p[i] == 0 else value
        term[i] = value if is_share(p[i]) & is_share(q[i]) else NAN


cdef inline bint divergence_terms(
    const floating* p, const floating* q, Py_ssize_t n, double* term, double* large
) noexcept nogil:
    """p log(p / q), in two numbers each of float64. False if there is a p or q that takes any_size, or none at all."""
    cdef double part
    cdef int32_t odd32 = 0
    cdef int64_t odd64 = 0
    cdef Py_ssize_t i
    if floating is float:    # positive and finite
        for i in range(n):
            odd32 |= (scalar.bits_f(p[i]) - 1) | (scalar.bits_f(FLT_MAX) - scalar.bits_f(p[i]))
            odd32 |= (scalar.bits_f(q[i]) - 1) | (scalar.bits_f(FLT_MAX) - scalar.bits_f(q[i]))
            term[i] = scalar.divergence(p[i], q[i], False, &part)
        return odd32 >= 0
    else:                    # 2^-512 to 2^512: the exponent field less 511 has ten bits; else one of two more is set
        for i in range(n):
            odd64 |= (scalar.bits_d(p[i]) - 0x1FF0000000000000LL) | (scalar.bits_d(q[i]) - 0x1FF0000000000000LL)
            term[i] = scalar.divergence(p[i], q[i], False, &part)
            large[i] = part
        return 0 <= odd64 < 0x4000000000000000LL


cdef inline void any_divergence_terms(
    const floating* p, const floating* q, Py_ssize_t n, double* term, double* large
) noexcept nogil:
    """p log(p / q), in two numbers each of float64, for any p and q; nan where p > 0 = q."""
    cdef double value, other, part
    cdef bint both
    cdef Py_ssize_t i
    for i in range(n):
        part = 0.0
        value = scalar.divergence(p[i], q[i], True, &part)
        other = 0.0 if (p[i] == 0) & is_share(q[i]) else NAN
        both = (p[i] > 0) & is_share(p[i]) & (q[i] > 0) & is_share(q[i])
        term[i] = value if both else other
        if floating is double:
            large[i] = part if both else 0.0


cdef inline void sum_large(const double* large, Py_ssize_t n, Sums* sums) noexcept nogil:
    """Add n x LANES numbers; of GROUP, lane by lane, so that the sums stay in registers."""
    cdef double high, low, total, shadow, term
    cdef Py_ssize_t j, k
    if n < GROUP:
        for k in range(n):
            two_sum(sums.large, sums.large_low, large + k * LANES, LANES)
        return
    for j in range(LANES):
        high = sums.large[j]
        low = sums.large_low[j]
        for k in range(GROUP):   # two_sum
            term = large[k * LANES + j]
            total = high + term
            shadow = total - high
            low += (high - (total - shadow)) + (term - shadow)
            high = total
        sums.large[j] = high
        sums.large_low[j] = low


cdef inline void sum_group(double* term, Py_ssize_t n, Sums* sums) noexcept nogil:
    """Add n x LANES terms, which are used up; GROUP of them as a tree, which is exact for equal terms."""
    cdef Py_ssize_t j, k
    if n == GROUP:
        for j in range(LANES):
            term[j] = (
                ((term[j] + term[4 * LANES + j]) + (term[2 * LANES + j] + term[6 * LANES + j]))
                + ((term[LANES + j] + term[5 * LANES + j]) + (term[3 * LANES + j] + term[7 * LANES + j]))
            )
    else:
        for k in range(1, n):
            for j in range(LANES):
                term[j] += term[k * LANES + j]
    two_sum(sums.high, sums.low, term, LANES)


cdef inline void log_block(const floating* p, const floating* q, Py_ssize_t n, double* term) noexcept nogil:
    """n terms p log q."""
    if not log_terms(p, q, n, term):
        any_log_terms(p, q, n, term)


cdef inline void divergence_block(
    const floating* p, const floating* q, Py_ssize_t n, double* term, double* large
) noexcept nogil:
    """n terms p log(p / q), in two numbers each of float64."""
    if not divergence_terms(p, q, n, term, large):
        any_divergence_terms(p, q, n, term, large)


cdef inline void group_terms(
    Which name,
    const floating* p,           # in   (n,)
    const floating* q,           # in   (n,), p for the entropy
    Py_ssize_t n,                # at most BATCH
    double* term,                # out  (n,)
    double* large                # out  (n,), for the divergence of float64
) noexcept nogil:
    if name == DIVERGENCE:
        divergence_block(p, q, n, term, large)
    else:
        log_block(p, q, n, term)


cdef inline void add_terms(double* term, const double* large, bint with_large, Py_ssize_t n, Sums* sums) noexcept nogil:
    """Add n x LANES terms, of which the first part is used up."""
    if with_large:
        sum_large(large, n, sums)
    sum_group(term, n, sums)


cdef inline void add_group(
    Which name,
    const floating* p,           # in   n x LANES
    const floating* q,           # in   n x LANES, p for the entropy
    Py_ssize_t n,                # at most GROUP
    Sums* sums,                  # out
) noexcept nogil:
    """Add the terms of n classes in every lane."""
    cdef double term[BATCH]
    cdef double large[BATCH]
    group_terms(name, p, q, n * LANES, term, large)
    add_terms(term, large, floating is double and name == DIVERGENCE, n, sums)
