# The arguments of a call, taken one by one: all that can run a caller's code is done here.

cdef int take_logits(Call call, object value, object name) except -1:
    """Logits or probabilities, and the dtype to compute in."""
    cdef cnp.ndarray array
    if not (cnp.PyArray_CheckExact(value) and kind_of(<cnp.ndarray>value) != NO_KIND):
        value = _check.array_of(value, name)
        _check.check_logits(value, name)
        learn(value)
    array = value
    call.hold(X, array)
    call.name = name
    call.problem.kind = FLOAT32 if kind_of(array) == FLOAT32 or is_half(kind_of(array)) else FLOAT64
    if cnp.PyArray_NDIM(array) == 0:
        _check.check_logits(value, name)  # raises
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
        _explain.raise_not_like_target(shape_of(array), name, rows_shape(call), call.rules.target)
    if not is_per_sample(call, role, array):
        classes = call.problem.C if call.axis >= 0 else -1
        _explain.raise_not_per_sample(shape_of(array), name, rows_shape(call), classes)
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
        call.problem.option.scale = float(_bfloat16.widened(array))
        return 0
    if call.reduction != NONE or not same_rows(call, array):
        _explain.raise_wrong_grad_output(shape_of(array), call.reduction == NONE, rows_shape(call))
    call.hold(GRAD_OUTPUT, array)
    return 0
