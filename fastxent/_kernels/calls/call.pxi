# One call: what the kernels are told of it, and the arrays, which it keeps alive.

cdef enum Reduction:
    NONE, SUM, MEAN


cdef class Rules:
    """How an adapter's call differs from a public one; what its arrays are called in messages."""

    cdef object logits           # their name
    cdef object target           # and the target's
    cdef object outs             # (loss_out, out, hess_out), and theirs
    cdef bint float_labels       # class labels may be floats
    cdef bint strict             # one axis of samples, and weights of that shape
    cdef bint signed_weights     # sample weights need only be finite
    cdef Py_ssize_t n_classes    # that the logits must have in their second axis; -1: any
    cdef bint mean_of_samples    # class weights do not count in D
    cdef bint with_losses        # one loss for each sample is wanted beside the sum
    cdef bint wide_losses        # and these in double, as they are computed, whatever the logits' dtype
    cdef bint with_loss          # at least their sum is; else the derivatives alone
    cdef object empty            # makes the derivatives' arrays: empty(logits); None: as public calls do
    cdef double factor           # the second derivative becomes max(factor * it, floor)
    cdef double floor
    cdef bint gauss_newton       # that of focal loss without the change of its factor

    def __init__(
        self, *, logits="logits", target="target", outs=("loss_out", "out", "hess_out"), bint float_labels=False,
        bint strict=False, bint signed_weights=False, Py_ssize_t n_classes=-1, bint mean_of_samples=False,
        bint with_losses=False, bint wide_losses=False, bint with_loss=True, empty=None, double factor=1.0,
        double floor=-math.inf, bint gauss_newton=False
    ):
        self.logits, self.target, self.outs = logits, target, outs
        self.float_labels, self.strict, self.signed_weights = float_labels, strict, signed_weights
        self.n_classes, self.mean_of_samples, self.with_losses = n_classes, mean_of_samples, with_losses
        self.with_loss, self.empty, self.factor, self.floor = with_loss, empty, factor, floor
        self.wide_losses = wide_losses
        self.gauss_newton = gauss_newton


cdef Rules PUBLIC = Rules()


@cython.final
@cython.no_gc
@cython.freelist(8)
cdef class Call:
    cdef Problem problem
    cdef PyObject* held[<int>ROLES]
    cdef Rules rules
    cdef Reduction reduction
    cdef object n_threads        # None or an int from 1 on
    cdef object name             # of the logits
    cdef object ignored          # as it was given
    cdef object infogain         # options of classes as they were given; the matrix as it is read
    cdef object class_weight
    cdef object alpha
    cdef list pins               # weak references: see pin
    cdef dict outs               # a caller's outputs that are tensors, by role
    cdef int axis                # of the classes; -1 where there are none
    cdef bint given              # whether an output is the caller's
    cdef bint large_infogain     # whether an entry of the matrix is beyond LARGEST_SHARE
    cdef double* weights         # memory that problem.class_weight and its like point into
    cdef Py_ssize_t* axes        # and problem.lengths and its like
    cdef double total            # of the losses
    cdef double denominator      # D; 1 for a sum

    def __cinit__(self):
        self.problem.tuning = tuning
        self.problem.option.scale = self.problem.option.keep = 1.0
        self.problem.option.with_loss = True
        self.problem.option.most = INFINITY
        self.problem.C = 1
        self.axis = -1

    def __dealloc__(self):
        cdef int role
        for role in range(<int>ROLES):
            Py_XDECREF(self.held[role])
        PyMem_Free(self.weights)
        PyMem_Free(self.axes)

    cdef inline void hold(self, Role role, cnp.ndarray array):
        """Keep an array for a role, in place of what it had."""
        Py_INCREF(array)
        Py_XDECREF(self.held[<int>role])
        self.held[<int>role] = <PyObject*>array

    cdef inline bint has(self, Role role) noexcept:
        return self.held[<int>role] != NULL

    cdef inline cnp.ndarray array(self, Role role):
        return <cnp.ndarray>self.held[<int>role]

    cdef object result(self, Role role):
        """An array as its owner knows it; None where there is none."""
        if self.held[<int>role] == NULL:
            return None
        if self.outs is not None and role in self.outs:
            return self.outs[role]
        if (
            role >= LOSSES and descr_of(self.array(role)) == <void*>of_tensors
            and cnp.PyArray_CHKFLAGS(self.array(role), cnp.NPY_ARRAY_OWNDATA)   # made here; a caller's is a tensor's
        ):
            return _bfloat16.tensor_of(self.array(role))
        return <object>self.held[<int>role]

    cdef Py_ssize_t samples(self) noexcept:
        """How many there are."""
        return self.problem.outer * self.problem.inner


cdef int pin(Call call) except -1:
    """Hold all arrays in the place where they are, unless the call is so small that it keeps the interpreter's lock."""
    cdef int role
    if cnp.PyArray_SIZE(call.array(X)) <= min(tuning.held_elements, tuning.block_elements // 2):
        return 0
    call.pins = []
    for role in range(<int>ROLES):
        if call.held[role] != NULL:
            pin_array(<cnp.ndarray>call.held[role], call.pins)
    if call.infogain is not None:
        pin_array(call.infogain, call.pins)
    return 0


cdef int pin_array(cnp.ndarray array, list pins) except -1:
    """While there is a weak reference to an array, NumPy does not resize it, whoever asks; nor what it is a view of."""
    while True:
        pins.append(PyWeakref_NewRef(array, None))
        if cnp.PyArray_BASE(array) == NULL or not cnp.PyArray_Check(<object>cnp.PyArray_BASE(array)):
            return 0
        array = <cnp.ndarray>cnp.PyArray_BASE(array)


cdef tuple rows_shape(Call call):
    """The shape of the samples: the logits' without their class axis."""
    cdef cnp.ndarray x = call.array(X)
    cdef int axis
    return tuple([cnp.PyArray_DIM(x, axis) for axis in range(cnp.PyArray_NDIM(x)) if axis != call.axis])


cdef bint same_rows(Call call, cnp.ndarray array) noexcept:
    """Whether an array has the shape of the samples."""
    cdef cnp.ndarray x = call.array(X)
    cdef int axis, other, ndim = cnp.PyArray_NDIM(x) - (call.axis >= 0)
    if cnp.PyArray_NDIM(array) != ndim:
        return False
    for axis in range(ndim):
        other = axis + (0 <= call.axis <= axis)
        if cnp.PyArray_DIM(array, axis) != cnp.PyArray_DIM(x, other):
            return False
    return True
