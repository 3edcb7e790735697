# Where the results of a call go, and how they are returned.

cdef int take_output(Call call, Role role, object out, object name) except -1:
    """A caller's output: it is written at the end, and shares memory with no other array but, exactly, the logits."""
    cdef cnp.ndarray like = call.array(X)
    cdef cnp.ndarray array
    cdef int other
    cdef bint fine
    if out is None:
        return 0
    if cnp.PyArray_Check(out):
        learn(<cnp.ndarray>out)
    elif _bfloat16.is_tensor(out):
        call.outs = call.outs or {}
        call.outs[role] = out
        out = _bfloat16.of_output(out, name)
    fine = cnp.PyArray_CheckExact(out)
    if fine:
        array = out
        fine = (
            cnp.PyArray_ISWRITEABLE(array) and cnp.PyArray_ISNOTSWAPPED(array)
            and is_float(kind_of(array)) and (role != LOSSES or not is_half(kind_of(array)))
            and (same_shape(array, like) if role != LOSSES else same_rows(call, array))
        )
        fine = fine and is_nested(array)
        for other in range(<int>ROLES if fine else 0):
            if call.held[other] != NULL and other != <int>role:
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


cdef bint is_nested(cnp.ndarray array) noexcept:
    """Whether each axis steps over all that lies along the axes of smaller steps, so that no two elements overlap."""
    cdef Py_ssize_t step, other_step, within
    cdef int axis, other
    for axis in range(cnp.PyArray_NDIM(array)):
        step = abs(cnp.PyArray_STRIDE(array, axis))
        within = cnp.PyArray_ITEMSIZE(array)
        for other in range(cnp.PyArray_NDIM(array)):
            other_step = abs(cnp.PyArray_STRIDE(array, other))
            if other != axis and other_step <= step:
                within += other_step * (cnp.PyArray_DIM(array, other) - 1)
        if cnp.PyArray_DIM(array, axis) > 1 and step < within:
            return False
    return True


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
    """The arrays that are wanted and not given: of the dtype computed in, half precision again of the logits'.

    For adapters, of that of an output that is given.
    """
    cdef cnp.ndarray x = call.array(X)
    cdef cnp.ndarray given = x
    cdef Kind kind = kind_of(x) if is_half(kind_of(x)) else call.problem.kind
    cdef int role
    if call.given and call.rules is not PUBLIC:
        for role in range(<int>HESS, <int>LOSSES - 1, -1):
            if call.held[role] != NULL:
                given = <cnp.ndarray>call.held[role]
                kind = kind_of(given)
    for role in range(<int>GRAD, <int>GRAD + order):
        if call.held[role] == NULL:
            call.hold(
                <Role>role, new_like(x, kind, given) if call.rules.empty is None else call.rules.empty(x)
            )
    if (call.reduction == NONE or call.rules.with_losses) and not call.has(LOSSES):
        call.hold(LOSSES, new_rows(call, FLOAT64 if call.rules.wide_losses else FLOAT32 if is_half(kind) else kind))
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
