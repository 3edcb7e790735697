"""One row of contiguous classes: every step runs over blocks of LANES classes, with an accumulator for each lane."""

from cython cimport floating
from libc.math cimport INFINITY

from fastxent._kernels.panel cimport exp_group, exp_lanes
from fastxent._kernels.sums cimport LANES, sum_lanes

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


cdef inline void row_exp(
    const floating* x,       # in   (n,)
    floating m,              # in   the row's maximum
    Py_ssize_t n,
    floating* e,             # out  (n,), may be x, may be NULL
    double* ties,            # out  number of e = 1
    double* rest,            # out  sum of the other e
) noexcept nogil:
    """e_k = exp(x_k - m). Blocks of LANES classes are a panel whose lanes all have the same maximum."""
    cdef floating top[LANES]
    cdef floating high[LANES]
    cdef floating low[LANES]
    cdef floating count[LANES]
    cdef floating last[LANES]
    cdef Py_ssize_t j, n_full = n // LANES * LANES
    for j in range(LANES):
        top[j] = m
        high[j] = low[j] = count[j] = <floating>0.0
    if e != NULL:
        exp_lanes(x, LANES, n // LANES, LANES, top, e, LANES, high, low, count)
    else:
        exp_lanes(x, LANES, n // LANES, LANES, top, <floating*>NULL, 0, high, low, count)
    if n_full < n:
        for j in range(LANES):
            last[j] = -INFINITY
        for j in range(n - n_full):
            last[j] = x[n_full + j]
        exp_group(last, LANES, 1, LANES, top, last, LANES, high, low, count)
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
