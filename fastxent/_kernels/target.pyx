"""What a row's target is, bound once for a call."""

cimport cython

from fastxent._kernels.operand cimport Operand, view_of


@cython.final
cdef class Target:
    """Target(classes, labels, distribution, ...): t_k = w_k ((1 - smoothing) d_k + smoothing / classes).

    labels alone: d is one-hot; distribution alone: d is its row; both: d is the label's row of the infogain matrix.
    """

    def __cinit__(
        self,
        Py_ssize_t classes,
        Operand labels,
        Operand distribution,
        const double[::1] class_weight,
        const double[::1] others,
        double smoothing,
        object ignore_index,
    ):
        self.operands = (labels, distribution, class_weight, others)
        self.view.labels = view_of(labels)
        self.view.distribution = view_of(distribution)
        if class_weight is not None:
            self.view.class_weight = &class_weight[0]
        if others is not None:
            self.view.others = &others[0]
        self.view.keep = 1.0 - smoothing
        self.view.share = smoothing / classes if classes else 0.0
        self.view.has_ignore = ignore_index is not None
        self.view.ignore = 0 if ignore_index is None else ignore_index
        self.view.C = classes
