# Passes over the small arrays of a call before anything is written: what the mean divides by, and what is out of range.

from cython cimport floating
from libc.float cimport FLT_MAX
from libc.stdint cimport int64_t

from fastxent._kernels.arithmetic.scalar cimport are_up_to
from fastxent._kernels.arithmetic.sums cimport Total, add_losses
from fastxent._kernels.arrays.operand cimport load
from fastxent._kernels.problem cimport (
    FLOAT32, FLOAT64, LABELS, SAMPLE_WEIGHT, TARGET, Problem, View, at, has, size_of,
)
from fastxent._kernels.strips cimport strip_at
from fastxent._kernels.target cimport labels_ignored, labels_outside, read_samples
from fastxent._kernels.ways cimport WIDTH


cdef void count_classes(
    const floating[:, :, :] logits,  # only their number
    floating[:, :, :] losses,        # not used
    const Problem* problem,
    Py_ssize_t start,                # samples start ... start + n - 1, counted along inner
    Py_ssize_t n,
    char* scratch,
    Total* total,                    # out  sum of v_i class_weight[y_i], labels that are no class
) noexcept nogil:
    """What the mean over class indices, distributions and infogain rows divides by."""
    cdef int64_t y[WIDTH]
    cdef double weight[WIDTH]
    cdef Py_ssize_t j, stop = start + n
    cdef Strip strip
    cdef int64_t outside, ignored, bad
    cdef bint weighted = not has(problem, LABELS) or (
        problem.option.with_weights and (problem.class_weight != NULL or has(problem, SAMPLE_WEIGHT))
    )
    while start < stop:
        strip = strip_at(start, stop, logits.shape[1], WIDTH)
        start += strip.n
        if not weighted:         # each label that is neither bad nor ignored is 1
            outside = labels_outside(problem, &strip, y)
            ignored = labels_ignored(problem, y, strip.n)
            bad = outside if 0 <= problem.option.ignored < problem.C else outside - ignored
            total.bad += bad
            total.high[0] += strip.n - bad - ignored
            continue
        total.bad += read_samples(problem, &strip, y, weight)
        if problem.class_weight != NULL:
            for j in range(strip.n):
                weight[j] *= problem.class_weight[y[j]]
        add_losses(weight, strip.n, <double*>NULL, NULL, total)


cdef Py_ssize_t bad_labels(const Problem* problem) noexcept nogil:
    """How many labels of a call are neither class nor ignored."""
    cdef int64_t y[WIDTH]
    cdef double weight[WIDTH]
    cdef Py_ssize_t start = 0, stop = problem.outer * problem.inner, bad = 0
    cdef Strip strip
    while start < stop:
        strip = strip_at(start, stop, problem.inner, WIDTH)
        if labels_outside(problem, &strip, y) > 0:
            bad += read_samples(problem, &strip, y, weight)
        start += strip.n
    return bad


cdef inline Py_ssize_t outside_of(const floating* x, Py_ssize_t n, double low, double high) noexcept nogil:
    """How many of n numbers are not in [low, high]; nan never is."""
    cdef floating least = <floating>low, most = <floating>high
    cdef Py_ssize_t j
    cdef int outside = 0
    if low == 0.0 and are_up_to(x, n, most):
        return 0
    for j in range(n):
        outside += not ((x[j] >= least) & (x[j] <= most))
    return outside


cdef void count_elements(
    const floating[:, :, :] logits,  # only their number
    floating[:, :, :] losses,        # not used
    const Problem* problem,
    Py_ssize_t start,                # elements start ... start + n - 1, counted along inner
    Py_ssize_t n,
    char* scratch,
    Total* total,                    # out  sum of v_i, targets that are neither in [0, 1] nor without weight
) noexcept nogil:
    """What the mean over elements divides by."""
    cdef double t[WIDTH]
    cdef double weight[WIDTH]
    cdef const View* target = &problem.view[<int>TARGET]
    cdef Py_ssize_t j, stop = start + n
    cdef Strip strip
    cdef bint even = not problem.option.with_weights and is_even(problem)
    cdef bint direct = even and target.kind == FLOAT32 and target.inner == 4
    while start < stop:
        strip = strip_at(start, stop, logits.shape[1], WIDTH)
        if direct:
            total.bad += outside_of(<const float*>at(target, strip.o, strip.i), strip.n, 0.0, 1.0)
            start += strip.n
            continue
        for j in range(WIDTH):
            weight[j] = 1.0
        total.bad += read_weights(problem, &strip, t, weight)
        start += strip.n
        if problem.option.with_weights:
            add_losses(weight, strip.n, <double*>NULL, NULL, total)


cdef void count_outside(
    const floating[:, :, :] numbers,  # only their number
    floating[:, :, :] losses,         # not used
    const Problem* problem,
    Py_ssize_t start,                 # numbers start ... start + n - 1, counted along inner
    Py_ssize_t n,
    char* scratch,
    Total* total,                     # out  how many are neither in [low, high] nor ignored; nan never is
) noexcept nogil:
    cdef double block[WIDTH]
    cdef double low = problem.option.low, high = problem.option.high, ignored = problem.option.ignored_target
    cdef const View* view = &problem.view[<int>TARGET]
    cdef Py_ssize_t j, stop = start + n
    # as they are, float32 where the limits are float32 numbers, or beyond all
    cdef double most = min(high, FLT_MAX)
    cdef bint exact_limits = <float>low == low and <float>most == most
    cdef bint direct = not problem.option.has_ignored and view.inner == size_of(view.kind) and (
        view.kind == FLOAT64 or (view.kind == FLOAT32 and exact_limits)
    )
    cdef Strip strip
    while start < stop:
        strip = strip_at(start, stop, numbers.shape[1], n if direct else WIDTH)
        start += strip.n
        if direct and view.kind == FLOAT32:
            total.bad += outside_of(<const float*>at(view, strip.o, strip.i), strip.n, low, most)
            continue
        if direct:
            total.bad += outside_of(<const double*>at(view, strip.o, strip.i), strip.n, low, high)
            continue
        load(at(view, strip.o, strip.i), view.kind, view.inner, strip.n, block)
        if problem.option.has_ignored:
            for j in range(strip.n):
                block[j] = low if block[j] == ignored else block[j]
            for j in range(strip.n if ignored != ignored else 0):
                block[j] = low if block[j] != block[j] else block[j]
        total.bad += outside_of(<const double*>block, strip.n, low, high)
