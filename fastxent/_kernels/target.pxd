"""A row's target t: a class index, a distribution or a row of the infogain matrix, with class weights and smoothing.

    t_k = w_k (keep d_k + share),   keep = 1 - a, share = a / C, d the distribution or one-hot row
"""

cimport cython
from libc.stdint cimport int64_t

from fastxent._kernels.operand cimport View, at, load, load_labels, times
from fastxent._kernels.sums cimport LANES


cdef struct TargetView:
    View labels                  # (outer, inner), or no data
    View distribution            # (outer, inner, C); with labels (C, -, C): the infogain matrix
    const double* class_weight   # (C,) or NULL
    const double* others         # (C,) sum of the other classes' weights; NULL: all weights are 1
    double keep
    double share
    int64_t ignore
    bint has_ignore
    Py_ssize_t C


cdef struct Scaling:
    View sample_weight           # (outer, inner), or no data: all 1
    View grad_output             # (outer, inner), or no data: all 1
    double grad_scale


@cython.final
cdef class Target:
    cdef TargetView view
    cdef tuple operands          # keeps the arrays alive


cdef inline bint is_plain(const TargetView* target) noexcept nogil:
    """A class index without smoothing: t has one entry."""
    return target.distribution.data == NULL and target.share == 0.0


cdef inline double weight_of(const TargetView* target, int64_t k) noexcept nogil:
    return target.class_weight[k] if target.class_weight != NULL else 1.0


cdef inline double own_weight(const TargetView* target, int64_t y) noexcept nogil:
    """What a sample's weight counts for in the denominator of the mean."""
    return weight_of(target, y) if target.distribution.data == NULL else 1.0


cdef inline double own_share(const TargetView* target, int64_t y) noexcept nogil:
    """t_y of a class index."""
    return weight_of(target, y) * (target.keep + target.share)


cdef inline double others_share(const TargetView* target, int64_t y) noexcept nogil:
    """T - t_y of a class index, never a rounded difference."""
    return target.share * (target.others[y] if target.others != NULL else <double>(target.C - 1))


cdef inline void own_shares(
    const TargetView* target, const int64_t* y, Py_ssize_t n, double* own, double* others
) noexcept nogil:
    """own_share and others_share of n class indices."""
    cdef Py_ssize_t j
    cdef double one, all_others
    if target.class_weight == NULL:
        one = own_share(target, 0)
        all_others = others_share(target, 0)
        for j in range(n):
            own[j] = one
            others[j] = all_others
    else:
        for j in range(n):
            own[j] = own_share(target, y[j])
            others[j] = others_share(target, y[j])


cdef inline Py_ssize_t bad_labels(
    const TargetView* target, Py_ssize_t o, Py_ssize_t i, Py_ssize_t n, int64_t* y
) noexcept nogil:
    """y = the labels of the samples (o, i) ... (o, i + n - 1); returns how many are no class."""
    cdef int64_t bad = 0, C = target.C
    cdef Py_ssize_t j
    load_labels(at(&target.labels, o, i), target.labels.kind, target.labels.inner, n, y)
    for j in range(n):
        bad += (y[j] < 0) | (y[j] >= C)
    return bad


cdef inline Py_ssize_t read_samples(
    const TargetView* target,
    const Scaling* scaling,
    Py_ssize_t o,
    Py_ssize_t i,
    Py_ssize_t n,
    int64_t* y,                  # out  (n,) the class; 0 for an ignored sample and for a label that is no class
    double* weight,              # out  (n,) v_i; 0 for the same samples
) noexcept nogil:
    """Labels and weights of the samples (o, i) ... (o, i + n - 1); how many labels are neither class nor ignored."""
    cdef Py_ssize_t j, outside, bad = 0
    cdef int64_t C = target.C
    for j in range(n):
        weight[j] = 1.0
    times(&scaling.sample_weight, o, i, n, weight)
    if target.labels.data == NULL:
        for j in range(n):
            y[j] = 0
        return 0
    outside = bad_labels(target, o, i, n, y)
    if target.has_ignore:
        outside = 1
        for j in range(n):
            weight[j] = 0.0 if y[j] == target.ignore else weight[j]
            y[j] = 0 if y[j] == target.ignore else y[j]
    if outside > 0:
        for j in range(n):
            bad += (y[j] < 0) | (y[j] >= C)
        for j in range(n):
            weight[j] = 0.0 if (y[j] < 0) | (y[j] >= C) else weight[j]
            y[j] = 0 if (y[j] < 0) | (y[j] >= C) else y[j]
    return bad


cdef inline void target_of_classes(
    const TargetView* target, Py_ssize_t o, Py_ssize_t i, int64_t y, Py_ssize_t k, Py_ssize_t n, double* t
) noexcept nogil:
    """t = the target of sample (o, i) for the classes k ... k + n - 1."""
    cdef Py_ssize_t j
    cdef const char* row
    if target.distribution.data == NULL:
        for j in range(n):
            t[j] = 0.0
    else:
        if target.labels.data == NULL:
            row = at(&target.distribution, o, i)
        else:
            row = at(&target.distribution, y, 0)
        load(row + k * target.distribution.classes, target.distribution.kind, target.distribution.classes, n, t)
    if target.share != 0.0 or target.class_weight != NULL:
        for j in range(n):
            t[j] = weight_of(target, k + j) * (target.keep * t[j] + target.share)
    if target.distribution.data == NULL and k <= y < k + n:
        t[y - k] = own_share(target, y)


cdef inline void target_of_samples(
    const TargetView* target, Py_ssize_t o, Py_ssize_t i, const int64_t* y, Py_ssize_t k, Py_ssize_t n, double* t
) noexcept nogil:
    """t = the target for class k of the samples (o, i) ... (o, i + n - 1), whose classes are y."""
    cdef Py_ssize_t j
    cdef const char* column
    cdef double own, other
    if target.distribution.data == NULL:
        own = own_share(target, k)
        other = weight_of(target, k) * target.share
        for j in range(n):
            t[j] = own if y[j] == k else other
        return
    if target.labels.data == NULL:
        column = at(&target.distribution, o, i) + k * target.distribution.classes
        load(column, target.distribution.kind, target.distribution.inner, n, t)
    else:
        for j in range(n):
            column = at(&target.distribution, y[j], 0) + k * target.distribution.classes
            load(column, target.distribution.kind, 0, 1, t + j)
    if target.share != 0.0 or target.class_weight != NULL:
        for j in range(n):
            t[j] = weight_of(target, k) * (target.keep * t[j] + target.share)


cdef inline void read_scales(
    const Scaling* scaling, Py_ssize_t o, Py_ssize_t i, Py_ssize_t n, const double* weight, double* scale
) noexcept nogil:
    """What each sample's gradient is multiplied by: v_i grad_output / D."""
    cdef Py_ssize_t j
    for j in range(n):
        scale[j] = weight[j] * scaling.grad_scale
    times(&scaling.grad_output, o, i, n, scale)
