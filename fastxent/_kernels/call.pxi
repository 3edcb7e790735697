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
    cdef bint with_loss          # at least their sum is; else the derivatives alone
    cdef object empty            # makes the derivatives' arrays: empty(logits, dtype); None: as public calls do
    cdef double factor           # the second derivative becomes max(factor * it, floor)
    cdef double floor
    cdef bint gauss_newton       # that of focal loss without the change of its factor

    def __init__(
        self, *, logits="logits", target="target", outs=("loss_out", "out", "hess_out"), bint float_labels=False,
        bint strict=False, bint signed_weights=False, Py_ssize_t n_classes=-1, bint mean_of_samples=False,
        bint with_losses=False, bint with_loss=True, empty=None,
        double factor=1.0, double floor=-math.inf, bint gauss_newton=False
    ):
        self.logits, self.target, self.outs = logits, target, outs
        self.float_labels, self.strict, self.signed_weights = float_labels, strict, signed_weights
        self.n_classes, self.mean_of_samples, self.with_losses = n_classes, mean_of_samples, with_losses
        self.with_loss, self.empty, self.factor, self.floor = with_loss, empty, factor, floor
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
    cdef int axis                # of the classes; -1 where there are none
    cdef bint weighted           # whether D is not just the number of samples
    cdef bint given              # whether an output is the caller's
    cdef double* weights         # memory that problem.class_weight and its like point into
    cdef Py_ssize_t* axes        # and problem.lengths and its like
    cdef double total            # of the losses
    cdef double denominator      # D; 1 for a sum

    def __cinit__(self):
        self.problem.tuning = tuning
        self.problem.option.scale = self.problem.option.keep = self.problem.option.hess_factor = 1.0
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
        """An output as it is returned; None where there is none."""
        return None if self.held[<int>role] == NULL else <object>self.held[<int>role]

    cdef Py_ssize_t samples(self) noexcept:
        """How many there are."""
        return self.problem.outer * self.problem.inner

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


cdef int take_logits(Call call, object value, object name) except -1:
    """Logits or probabilities, and the dtype to compute in."""
    cdef cnp.ndarray array
    if not (cnp.PyArray_CheckExact(value) and kind_of(<cnp.ndarray>value) != NO_KIND):
        value = _check.float_array(value, name)[0]
    array = value
    call.hold(X, array)
    call.name = name
    call.problem.kind = FLOAT32 if kind_of(array) == FLOAT32 or kind_of(array) == FLOAT16 else FLOAT64
    if cnp.PyArray_NDIM(array) == 0:
        _check.float_array(value, name)  # raises
    return 0


cdef int take_axis(Call call, object axis, int ndim, object name) except -1:
    cdef Py_ssize_t number
    if PyLong_CheckExact(axis):
        if axis == -1:
            call.axis = ndim - 1
            return 0
        if -ndim <= axis < ndim:
            number = axis
            call.axis = number if number >= 0 else number + ndim
            return 0
    call.axis = _check.axis_of(axis, ndim, name)
    return 0


cdef int take_threads(Call call, object n_threads) except -1:
    if n_threads is not None and not (PyLong_CheckExact(n_threads) and n_threads >= 1):
        n_threads = _check.n_threads_of(n_threads)
    call.n_threads = n_threads
    return 0


cdef int take_reduction(Call call, object reduction) except -1:
    if type(reduction) is not str:
        reduction = _check.reduction_of(reduction)
    if reduction == "mean":
        call.reduction = MEAN
    elif reduction == "sum":
        call.reduction = SUM
    else:
        _check.reduction_of(reduction)  # raises, if it is none
        call.reduction = NONE
    return 0


cdef bint is_per_sample(Call call, Role role, cnp.ndarray array) noexcept:
    """Whether an array has one number for each sample, is broadcast to them, or has one for all."""
    cdef cnp.ndarray x = call.array(X)
    cdef int ndim = cnp.PyArray_NDIM(x) - (call.axis >= 0), axis
    cdef Py_ssize_t n
    if cnp.PyArray_NDIM(array) == 0:
        return True
    if role == POS_WEIGHT and cnp.PyArray_NDIM(array) == 1:  # one number for each column
        if cnp.PyArray_DIM(array, 0) == cnp.PyArray_DIM(x, ndim - 1):
            return True
    if cnp.PyArray_NDIM(array) != ndim:
        return False
    for axis in range(ndim):
        n = cnp.PyArray_DIM(array, axis)
        if n != 1 and n != cnp.PyArray_DIM(x, axis + (0 <= call.axis <= axis)):
            return False
    return True


cdef int take_weights(Call call, Role role, object value, object name) except -1:
    """Weights of the samples; not yet looked at."""
    cdef cnp.ndarray array
    cdef cnp.ndarray x = call.array(X)
    if value is None:
        return 0
    array = numbers_of_value(value, name)
    call.hold(role, array)
    if call.rules.strict and role == SAMPLE_WEIGHT and not same_rows(call, array):
        _check.raise_not_like_target(shape_of(array), name, rows_shape(call), call.rules.target)
    if not is_per_sample(call, role, array):
        _check.raise_not_per_sample(shape_of(array), name, rows_shape(call))
    return 0


cdef int take_grad_output(Call call, object value) except -1:
    """A factor of all derivatives, or one for each sample."""
    cdef cnp.ndarray array
    if value is None:
        return 0
    if PyFloat_CheckExact(value):
        call.problem.option.scale = PyFloat_AS_DOUBLE(value)
        return 0
    array = numbers_of_value(value, "grad_output")
    if cnp.PyArray_NDIM(array) == 0:
        call.problem.option.scale = float(array)
        return 0
    if call.reduction != NONE or not same_rows(call, array):
        _check.raise_wrong_grad_output(shape_of(array), call.reduction == NONE, rows_shape(call))
    call.hold(GRAD_OUTPUT, array)
    return 0


cdef int check_weights(Call call, Role role, object name) except -1:
    """Finite, and not negative unless an adapter says so."""
    if call.has(role):
        if call.rules.signed_weights:
            check_numbers(call.array(role), name, -DBL_MAX, DBL_MAX, "weights are finite", call.n_threads, None)
        else:
            check_numbers(call.array(role), name, 0.0, DBL_MAX, weight_rule, call.n_threads, None)
    return 0


cdef int take_output(Call call, Role role, object out, object name) except -1:
    """A caller's output: it is written at the end, and shares memory with no other array but, exactly, the logits."""
    cdef cnp.ndarray like = call.array(X)
    cdef cnp.ndarray array
    cdef int other, axis
    cdef bint fine
    if out is None:
        return 0
    fine = cnp.PyArray_CheckExact(out)
    if fine:
        array = out
        fine = (
            cnp.PyArray_ISWRITEABLE(array) and cnp.PyArray_ISNOTSWAPPED(array)
            and (kind_of(array) == FLOAT32 or kind_of(array) == FLOAT64)
            and (same_shape(array, like) if role != LOSSES else same_rows(call, array))
        )
        for axis in range(cnp.PyArray_NDIM(array) if fine else 0):
            fine = fine and (cnp.PyArray_STRIDE(array, axis) != 0 or cnp.PyArray_DIM(array, axis) <= 1)
        for other in range(<int>ROLES if fine else 0):
            if call.held[other] != NULL and other != role:
                fine = fine and (
                    apart_from(array, <cnp.ndarray>call.held[other])
                    or (other == <int>X and role != LOSSES and same_memory(array, like))
                )
        fine = fine and apart_from_options(call, array)
    if not fine:
        check_output(call, role, out, name)
    call.hold(role, out)
    call.given = True
    return 0


cdef bint apart_from_options(Call call, cnp.ndarray array) noexcept:
    """Whether an output is in the memory of no option that belongs to classes."""
    return (
        (call.infogain is None or option_apart_from(call.infogain, array))
        and (call.class_weight is None or option_apart_from(call.class_weight, array))
        and (call.alpha is None or option_apart_from(call.alpha, array))
    )


cdef inline bint option_apart_from(object option, cnp.ndarray array) noexcept:
    return not cnp.PyArray_Check(option) or apart_from(array, <cnp.ndarray>option)


cdef object check_output(Call call, Role role, object out, object name):
    """Raise for an output that is none; an unusual one may be one all the same."""
    cdef dict others = {}
    cdef int other
    weights = "sample_weight", "pos_weight", "grad_output"
    names = call.name, call.rules.target, call.rules.target, *weights, *call.rules.outs
    for other in range(<int>ROLES):
        if call.held[other] != NULL and other != <int>role and (other != <int>X or role == LOSSES):
            others[names[other]] = <object>call.held[other]
    options = {"infogain": call.infogain, "class_weight": call.class_weight, "alpha": call.alpha}
    others.update({key: option for key, option in options.items() if cnp.PyArray_Check(option)})
    like = call.array(X) if role != LOSSES else None
    _check.check_output(out, name, rows_shape(call) if role == LOSSES else shape_of(call.array(X)), like, others)


cdef int make_outputs(Call call, int order) except -1:
    """The arrays that are wanted and not given: of the dtype computed in, or of that of one that is given."""
    cdef cnp.ndarray x = call.array(X)
    cdef Kind kind = call.problem.kind
    cdef int role
    if call.given and call.rules is not PUBLIC:
        for role in range(<int>HESS, <int>LOSSES - 1, -1):
            if call.held[role] != NULL:
                kind = kind_of(<cnp.ndarray>call.held[role])
    for role in range(<int>GRAD, <int>GRAD + order):
        if call.held[role] == NULL:
            call.hold(
                <Role>role, new_like(x, kind) if call.rules.empty is None else call.rules.empty(x)
            )
    if (call.reduction == NONE or call.rules.with_losses) and not call.has(LOSSES):
        call.hold(LOSSES, new_rows(call, kind))
    return 0


cdef cnp.ndarray new_rows(Call call, Kind kind):
    """An uninitialised array of one number for each sample."""
    cdef cnp.npy_intp shape[MOST_AXES]
    cdef cnp.ndarray x = call.array(X)
    cdef int axis, ndim = 0
    for axis in range(cnp.PyArray_NDIM(x)):
        if axis != call.axis:
            shape[ndim] = cnp.PyArray_DIM(x, axis)
            ndim += 1
    return cnp.PyArray_EMPTY(ndim, shape, cnp.NPY_FLOAT if kind == FLOAT32 else cnp.NPY_DOUBLE, 0)


cdef object finished(Call call, int order):
    """What a public function returns: the loss, and as many derivatives as `order` says."""
    cdef cnp.ndarray losses
    if call.reduction == NONE:
        losses = call.array(LOSSES)
        loss = losses if cnp.PyArray_NDIM(losses) else losses[()]
    elif call.reduction == SUM:
        loss = call.total
    else:
        loss = call.total / call.denominator if call.denominator else math.nan
    if order == 0:
        return loss
    return (loss, call.result(GRAD)) if order == 1 else (loss, call.result(GRAD), call.result(HESS))


cdef object results(Call call):
    """What an adapter gets: (sum of the losses, D, losses, gradient, second derivative)."""
    return call.total, call.denominator, call.result(LOSSES), call.result(GRAD), call.result(HESS)
