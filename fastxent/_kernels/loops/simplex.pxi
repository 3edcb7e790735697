# Whether samples are points of the probability simplex: every number in [0, 1], and their sum near 1.

from cython cimport floating
from libc.math cimport INFINITY, fabs

from fastxent._kernels.arithmetic.sums cimport Total, plain_sum
from fastxent._kernels.arrays.memory cimport prefetch_block
from fastxent._kernels.arrays.transpose cimport transpose_in
from fastxent._kernels.problem cimport X, Problem, side_by_side
from fastxent._kernels.strips cimport strip_at
from fastxent._kernels.ways cimport LANES

cdef enum:
    RUN = 32             # numbers that a lane adds up before the sum goes on in double


cdef inline void look(
    const floating* x,       # in   n x LANES
    Py_ssize_t n,
    Py_ssize_t ahead,        # what will be needed soon lies so many elements behind x
    double* least,           # out  (LANES,)
    double* most,            # out  (LANES,)
    double* total,           # out  (LANES,)
) noexcept nogil:
    """Each lane's minimum, maximum and sum; nan is passed over in the first two and stays in the sum."""
    cdef floating low[LANES]
    cdef floating high[LANES]
    cdef floating part[LANES]
    cdef floating v
    cdef Py_ssize_t first, j, k
    for j in range(LANES):
        low[j] = INFINITY
        high[j] = -INFINITY
    for j in range(LANES):
        total[j] = 0.0
    for first in range((n + RUN - 1) // RUN):
        for j in range(LANES):
            part[j] = <floating>0.0
        for k in range(first * RUN, min(first * RUN + RUN, n)):
            prefetch_block(x + k * LANES + ahead, LANES)
            for j in range(LANES):
                v = x[k * LANES + j]
                part[j] += v
                low[j] = v if v < low[j] else low[j]
                high[j] = v if v > high[j] else high[j]
        for j in range(LANES):
            total[j] += part[j]
    for j in range(LANES):
        least[j] = low[j]
        most[j] = high[j]


cdef inline void look_at_row(
    const floating* x, Py_ssize_t n, double* least, double* most, double* total
) noexcept nogil:
    """One sample of contiguous classes; the results are in the first lane."""
    cdef double low[LANES]
    cdef double high[LANES]
    cdef double part[LANES]
    cdef double rest = 0.0
    cdef Py_ssize_t j, whole = n // LANES * LANES
    look(x, n // LANES, 16 * LANES, low, high, part)
    for j in range(whole, n):
        low[0] = x[j] if x[j] < low[0] else low[0]
        high[0] = x[j] if x[j] > high[0] else high[0]
        rest += x[j]
    for j in range(1, LANES):
        low[0] = low[j] if low[j] < low[0] else low[0]
        high[0] = high[j] if high[j] > high[0] else high[0]
    least[0] = low[0]
    most[0] = high[0]
    total[0] = plain_sum(part) + rest


cdef void off_simplex(
    const floating[:, :, :] probs,   # in   (outer, inner, C)
    floating[:, :, :] losses,        # not used
    const Problem* problem,
    Py_ssize_t start,                # samples start ... start + n - 1, counted along inner
    Py_ssize_t n,
    char* scratch,
    Total* total,                    # out  how many are outside [0, 1] or nan, and in place of a sum how many off 1
) noexcept nogil:
    cdef floating* panel = <floating*>scratch
    cdef double least[LANES]
    cdef double most[LANES]
    cdef double sums[LANES]
    cdef const floating* x
    cdef Py_ssize_t j, stop = start + n, C = problem.C
    cdef Py_ssize_t step = problem.view[<int>X].inner // <Py_ssize_t>sizeof(floating)
    cdef Strip strip
    while start < stop:
        strip = strip_at(start, stop, probs.shape[1], LANES)
        x = &probs[strip.o, strip.i, 0]
        if side_by_side(problem):
            prefetch_block(x + LANES * step, C * LANES)
            transpose_in(x, step, problem.view[<int>X].classes // <Py_ssize_t>sizeof(floating), C, strip.n, panel)
            look(<const floating*>panel, C, 0, least, most, sums)
        else:
            for j in range(strip.n):
                look_at_row(x + j * step, C, least + j, most + j, sums + j)
        for j in range(strip.n):
            total.bad += (least[j] < 0.0) | (most[j] > 1.0) | (sums[j] != sums[j])
            total.high[0] += fabs(sums[j] - 1.0) > problem.option.tolerance
        start += strip.n
