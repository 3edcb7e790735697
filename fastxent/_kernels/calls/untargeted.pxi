# What is computed without a target: activations and entropies.

def softmax(x, axis, out, n_threads):
    return activation(SOFTMAX_ITSELF, x, axis, out, n_threads, False)


def log_softmax(x, axis, out, n_threads):
    return activation(LOG_SOFTMAX, x, axis, out, n_threads, False)


def logsumexp(x, axis, n_threads, bint keepdims):
    return activation(LOGSUMEXP, x, axis, None, n_threads, keepdims)


def entropy(p, axis, base, n_threads):
    return information(ENTROPY, p, None, axis, base, n_threads)


def cross_entropy(p, q, axis, base, n_threads):
    return information(CROSS_ENTROPY, p, q, axis, base, n_threads)


def kl_divergence(p, q, axis, base, n_threads):
    return information(DIVERGENCE, p, q, axis, base, n_threads)


cdef object activation(Which which, object x, object axis, object out, object n_threads, bint keepdims):
    """softmax, log_softmax or logsumexp along an axis."""
    cdef Call call = Call()
    cdef cnp.ndarray array, result
    call.problem.family = ACTIVATION
    call.problem.which = which
    call.rules = PUBLIC
    take_logits(call, x, "x")
    array = call.array(X)
    take_axis(call, axis, cnp.PyArray_NDIM(array), "x")
    take_threads(call, n_threads)
    take_output(call, GRAD, out, "out")
    if which == LOGSUMEXP:
        result = new_rows(call, call.problem.kind)
        call.hold(LOSSES, result)
    else:
        if not call.has(GRAD):
            call.hold(GRAD, new_like(array, kind_of(array) if is_half(kind_of(array)) else call.problem.kind, array))
        result = call.array(GRAD)
    lay_out(call)
    if cnp.PyArray_SIZE(array):
        run(call)
    elif cnp.PyArray_SIZE(result):  # of no classes
        result[...] = -math.inf
    if which == LOGSUMEXP:
        if keepdims:
            shape = shape_of(array)
            return result.reshape(shape[: call.axis] + (1,) + shape[call.axis + 1 :])
        return result if cnp.PyArray_NDIM(result) else result[()]
    return call.result(GRAD)


cdef object information(Which which, object p, object q, object axis, object base, object n_threads):
    """Entropy, cross entropy or divergence along an axis."""
    cdef Call call = Call()
    cdef cnp.ndarray first, second, result
    cdef Kind kind
    call.problem.family = INFORMATION
    call.problem.which = which
    call.rules = PUBLIC
    call.problem.option.per_nat = 1.0
    if base is not None:
        call.problem.option.per_nat, call.problem.option.per_nat_low = _check.units_per_nat(base)
    take_threads(call, n_threads)
    if not PyLong_CheckExact(axis):
        axis = _check.axis_number(axis)
    take_logits(call, p, "p")
    first = call.array(X)
    arrays = (first,)
    if which != ENTROPY:
        kind = call.problem.kind
        take_logits(call, q, "q")
        second = call.array(X)
        if which == CROSS_ENTROPY and not is_float(kind_of(second)):
            _explain.raise_not_probabilities(second)
        if kind == FLOAT64:
            call.problem.kind = FLOAT64
        arrays = first, second
        if not same_shape(first, second):
            first, second = _check.broadcast(first, second)
        call.hold(X, first)
        call.hold(TARGET, second)
    take_axis(call, axis, cnp.PyArray_NDIM(first), "p" if which == ENTROPY else "p and q")
    result = new_rows(call, call.problem.kind)
    call.hold(LOSSES, result)
    lay_out(call)
    if cnp.PyArray_SIZE(first) == 0:
        result[...] = 0.0
    elif run(call) != 0:
        for array, name in zip(arrays, "pq"):
            _explain.raise_not_a_probability(array, name)
        raise ValueError("p or q changed while they were read")
    return result if cnp.PyArray_NDIM(result) else result[()]
