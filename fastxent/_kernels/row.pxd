"""One row of contiguous classes: every step runs over blocks of LANES classes, with an accumulator for each lane."""

from cython cimport floating
from libc.math cimport INFINITY

from fastxent._kernels.scalar cimport exp
from fastxent._kernels.sums cimport GROUP, LANES, sum_lanes, two_sum

cdef inline floating row_max(const floating* x, Py_ssize_t n) noexcept nogil:
    """The maximum; nan is passed over (exp brings it back)."""
    cdef floating best[LANES]
    cdef Py_ssize_t j, k
    cdef floating m
    for j in range(LANES):
        best[j] = -INFINITY
    for k in range(n // LANES):
        for j in range(LANES):
            best[j] = x[k * LANES + j] if x[k * LANES + j] > best[j] else best[j]
    if n >= LANES:  # a maximum does not mind that the last block overlaps the one before
        for j in range(LANES):
            best[j] = x[n - LANES + j] if x[n - LANES + j] > best[j] else best[j]
    else:
        for j in range(n):
            best[j] = x[j] if x[j] > best[j] else best[j]
    for j in range(16):
        best[j] = best[j] if best[j] > best[j + 16] else best[j + 16]
    for j in range(8):
        best[j] = best[j] if best[j] > best[j + 8] else best[j + 8]
    m = best[0]
    for j in range(1, 8):
        m = best[j] if best[j] > m else m
    return m


cdef inline void exp_block(
    const floating* x, floating m, floating* e, floating* part, floating* ties
) noexcept nogil:
    """e = exp(x - m) for one block; 1 goes to the count of ties, everything else to the partial sums."""
    cdef floating value[LANES]
    cdef Py_ssize_t j
    for j in range(LANES):
        value[j] = exp(x[j] - m)
    for j in range(LANES):
        part[j] += <floating>0.0 if value[j] == <floating>1.0 else value[j]
    for j in range(LANES):
        ties[j] += <floating>1.0 if value[j] == <floating>1.0 else <floating>0.0
    if e != NULL:
        for j in range(LANES):
            e[j] = value[j]


cdef inline void row_exp(
    const floating* x,       # in   (n,)
    floating m,              # in   the row's maximum
    Py_ssize_t n,
    floating* e,             # out  (n,), may be x, may be NULL
    double* ties,            # out  number of e = 1
    double* rest,            # out  sum of the other e
) noexcept nogil:
    """e_k = exp(x_k - m). A maximum's e is 1; another e that rounds to 1 counts as a tie too, which is the same number."""
    cdef floating part[LANES]
    cdef floating high[LANES]
    cdef floating low[LANES]
    cdef floating count[LANES]
    cdef floating last[LANES]
    cdef Py_ssize_t j, k, group
    cdef Py_ssize_t n_blocks = n // LANES
    cdef Py_ssize_t n_full = n_blocks * LANES
    for j in range(LANES):
        high[j] = low[j] = count[j] = <floating>0.0
    for group in range((n_blocks + GROUP - 1) // GROUP):
        for j in range(LANES):
            part[j] = <floating>0.0
        for k in range(group * GROUP, min(group * GROUP + GROUP, n_blocks)):
            if e != NULL:
                exp_block(x + k * LANES, m, e + k * LANES, part, count)
            else:
                exp_block(x + k * LANES, m, <floating*>NULL, part, count)
        two_sum(high, low, part, LANES)
    if n_full < n:
        for j in range(LANES):
            part[j] = <floating>0.0
            last[j] = -INFINITY
        for j in range(n - n_full):
            last[j] = x[n_full + j]
        exp_block(last, m, last, part, count)
        two_sum(high, low, part, LANES)
        if e != NULL:
            for j in range(n - n_full):
                e[n_full + j] = last[j]
    rest[0] = sum_lanes(high, low)
    for j in range(LANES):
        low[j] = <floating>0.0
    ties[0] = sum_lanes(count, low)


cdef inline void row_scale(floating* x, floating factor, Py_ssize_t n) noexcept nogil:
    """x *= factor."""
    cdef Py_ssize_t k
    for k in range(n):
        x[k] *= factor
