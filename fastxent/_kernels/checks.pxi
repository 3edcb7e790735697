# Passes over the small inputs before anything is written: the number of values out of range, the mean's denominator.

from cython cimport floating
from libc.stdint cimport int64_t
from libc.string cimport memset

from fastxent._kernels.grid cimport Block, block_at
from fastxent._kernels.job cimport Job
from fastxent._kernels.operand cimport FLOAT32, Operand, View, at, load, times, view_of
from fastxent._kernels.sums cimport LANES, WIDTH, add_losses, sum_lanes
from fastxent._kernels.target cimport Scaling, Target, bad_labels, own_weight, read_samples


cdef inline Py_ssize_t outside_of(const floating* x, Py_ssize_t n, double low, double high) noexcept nogil:
    """How many of n numbers are not in [low, high]; nan never is."""
    cdef floating least = <floating>low, most = <floating>high
    cdef Py_ssize_t j
    cdef int outside = 0
    for j in range(n):
        outside += (x[j] < least) | (x[j] > most) | (x[j] != x[j])
    return outside


def count_outside(
    Operand values not None,             # in   (1, n)
    Py_ssize_t n,
    double low,
    double high,
    object ignore,                       # a number or None
    Py_ssize_t[::1] counts,              # out  (n_blocks,)
    Py_ssize_t block_size,               # a multiple of 256
    Job job not None,
):
    """How many values of each block are outside [low, high] (nan always is) and not `ignore`."""
    cdef double block[256]
    cdef double ignored = 0.0 if ignore is None else ignore
    cdef bint has_ignore = ignore is not None
    # float32 as it is, where the limits are float32 numbers
    cdef bint exact_limits = <float>low == low and <float>high == high
    cdef bint direct = values.view.kind == FLOAT32 and values.view.inner == 4 and exact_limits
    cdef Py_ssize_t number, strip, i, j, width, bad
    with nogil:
        while True:
            number = job.draw()
            if number < 0:
                break
            bad = 0
            for strip in range((min(block_size, n - number * block_size) + 255) // 256):
                i = number * block_size + strip * 256
                width = min(<Py_ssize_t>256, n - i)
                if direct and not has_ignore:
                    bad += outside_of(<const float*>at(&values.view, 0, i), width, low, high)
                    continue
                load(at(&values.view, 0, i), values.view.kind, values.view.inner, width, block)
                if has_ignore:
                    for j in range(width):
                        block[j] = low if block[j] == ignored else block[j]
                bad += outside_of(block, width, low, high)
            counts[number] = bad
            job.finish()


def denominator(
    Py_ssize_t way,                      # not used: there are no classes to go along
    Target target not None,
    Operand sample_weight,               # in   (outer, inner) or None
    Py_ssize_t outer,
    Py_ssize_t inner,
    double[:, ::1] sums,                 # out  (n_blocks, 2): sum of v_i class_weight[y_i], labels that are no class
    Py_ssize_t block_outer,
    Py_ssize_t block_inner,
    Job job not None,
):
    """The denominator of the mean over class indices, distributions and infogain rows."""
    cdef Scaling scaling
    cdef Block block
    cdef double high[LANES]
    cdef double low[LANES]
    cdef double weight[WIDTH]
    cdef int64_t y[WIDTH]
    cdef Py_ssize_t number, o, i, j, n, strip, bad
    cdef bint counted = (
        sample_weight is None and target.view.class_weight == NULL and not target.view.has_ignore
        and target.view.labels.data != NULL
    )
    scaling.sample_weight = view_of(sample_weight)
    with nogil:
        while True:
            number = job.draw()
            if number < 0:
                break
            block = block_at(number, outer, inner, block_outer, block_inner)
            memset(high, 0, sizeof(high))
            memset(low, 0, sizeof(low))
            bad = 0
            for o in range(block.outer, block.outer_stop):
                for strip in range((block.inner_stop - block.inner + WIDTH - 1) // WIDTH):
                    i = block.inner + strip * WIDTH
                    n = min(<Py_ssize_t>WIDTH, block.inner_stop - i)
                    if counted:
                        bad += bad_labels(&target.view, o, i, n, y)
                        high[0] += n
                        continue
                    bad += read_samples(&target.view, &scaling, o, i, n, y, weight)
                    for j in range(n):
                        weight[j] *= own_weight(&target.view, y[j])
                    add_losses(weight, n, <double*>NULL, 0, high, low)
            sums[number, 0] = sum_lanes(high, low)
            sums[number, 1] = bad
            job.finish()


def element_denominator(
    Py_ssize_t way,                      # not used: there are no classes to go along
    Operand target not None,             # in   (outer, inner)
    Operand sample_weight,               # in   (outer, inner) or None
    object ignore_index,                 # a number or None
    Py_ssize_t outer,
    Py_ssize_t inner,
    double[:, ::1] sums,                 # out  (n_blocks, 2): sum of v_i, 0
    Py_ssize_t block_outer,
    Py_ssize_t block_inner,
    Job job not None,
):
    """The denominator of the mean over elements."""
    cdef Block block
    cdef View weights = view_of(sample_weight)
    cdef double ignore = 0.0 if ignore_index is None else ignore_index
    cdef bint has_ignore = ignore_index is not None
    cdef double high[LANES]
    cdef double low[LANES]
    cdef double weight[WIDTH]
    cdef double value[WIDTH]
    cdef Py_ssize_t number, o, i, j, n, strip
    with nogil:
        while True:
            number = job.draw()
            if number < 0:
                break
            block = block_at(number, outer, inner, block_outer, block_inner)
            memset(high, 0, sizeof(high))
            memset(low, 0, sizeof(low))
            for o in range(block.outer, block.outer_stop):
                for strip in range((block.inner_stop - block.inner + WIDTH - 1) // WIDTH):
                    i = block.inner + strip * WIDTH
                    n = min(<Py_ssize_t>WIDTH, block.inner_stop - i)
                    for j in range(n):
                        weight[j] = 1.0
                    times(&weights, o, i, n, weight)
                    if has_ignore:
                        load(at(&target.view, o, i), target.view.kind, target.view.inner, n, value)
                        for j in range(n):
                            weight[j] = 0.0 if value[j] == ignore else weight[j]
                    add_losses(weight, n, <double*>NULL, 0, high, low)
            sums[number, 0] = sum_lanes(high, low)
            sums[number, 1] = 0.0
            job.finish()
