# Whether samples are points of the probability simplex: every number in [0, 1], and their sum near 1.

from cython cimport floating
from libc.math cimport INFINITY, fabs

from fastxent._kernels.grid cimport ROWS, TRANSPOSED, Block, Steps, block_at, moved, start_of, steps_of
from fastxent._kernels.job cimport Job
from fastxent._kernels.memory cimport prefetch_block
from fastxent._kernels.panel cimport whole_lanes
from fastxent._kernels.sums cimport LANES, plain_sum
from fastxent._kernels.transpose cimport SCRATCH, aligned, transpose_in

cdef enum:
    RUN = 32             # numbers that a lane adds up before the sum goes on in double


cdef inline void look(
    const floating* x,       # in   n x lanes
    Py_ssize_t step,
    Py_ssize_t n,
    Py_ssize_t lanes,        # at most LANES
    Py_ssize_t ahead,        # what will be needed soon lies so many elements behind x
    double* least,           # out  (LANES,)
    double* most,            # out  (LANES,)
    double* total,           # out  (LANES,)
) noexcept nogil:
    """Each lane's minimum, maximum and sum; nan is passed over in the first two and stays in the sum."""
    cdef floating low[LANES]
    cdef floating high[LANES]
    cdef floating part[LANES]
    cdef floating room[LANES]
    cdef const floating* x_k
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
            prefetch_block(x + k * step + ahead, LANES)
            x_k = whole_lanes(x + k * step, lanes, room)
            for j in range(LANES):
                v = x_k[j]
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
    look(x, LANES, n // LANES, LANES, 16 * LANES, low, high, part)
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


def off_simplex(
    Py_ssize_t way,                      # ROWS, PANEL or TRANSPOSED
    const floating[:, :, :] probs,       # in   (outer, inner, C)
    double tolerance,
    double[:, ::1] sums,                 # out  (n_blocks, 2): samples whose sum is off 1; samples outside [0, 1] or nan
    Py_ssize_t block_outer,
    Py_ssize_t block_inner,
    Job job not None,
):
    """Count the samples that are no distribution in the blocks that `job` hands out."""
    cdef char scratch[SCRATCH + 64]
    cdef floating* panel = <floating*>aligned(scratch)
    cdef double least[LANES]
    cdef double most[LANES]
    cdef double total[LANES]
    cdef Steps step = steps_of(probs)
    cdef const floating* start = start_of(probs)
    cdef const floating* x
    cdef Block block
    cdef Py_ssize_t outer = probs.shape[0], inner = probs.shape[1], C = probs.shape[2]
    cdef Py_ssize_t number, o, i, j, n, strip, off, outside
    with nogil:
        while True:
            number = job.draw()
            if number < 0:
                break
            block = block_at(number, outer, inner, block_outer, block_inner)
            off = outside = 0
            for o in range(block.outer, block.outer_stop):
                for strip in range((block.inner_stop - block.inner + LANES - 1) // LANES):
                    i = block.inner + strip * LANES
                    n = min(<Py_ssize_t>LANES, block.inner_stop - i)
                    x = moved(<floating*>start, step, o, i)
                    if way == ROWS:
                        for j in range(n):
                            look_at_row(x + j * step.inner, C, least + j, most + j, total + j)
                    elif way == TRANSPOSED:
                        prefetch_block(x + LANES * step.inner, C * LANES)
                        transpose_in(x, step.inner, step.classes, C, n, panel)
                        look(panel, LANES, C, LANES, 0, least, most, total)
                    else:
                        look(x, step.classes, C, n, 4 * LANES, least, most, total)
                    for j in range(n):
                        outside += (least[j] < 0.0) | (most[j] > 1.0) | (total[j] != total[j])
                        off += fabs(total[j] - 1.0) > tolerance
            sums[number, 0] = off
            sums[number, 1] = outside
            job.finish()
