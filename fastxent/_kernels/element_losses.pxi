# Losses of elements that are right or wrong each for itself: sigmoid cross entropy and focal loss.

def sigmoid_cross_entropy(
    int order, logits, target, sample_weight, pos_weight, ignore_index, label_smoothing, reduction, n_threads,
    grad_output=None, out=None, hess_out=None, Rules rules=None, loss_out=None
):
    cdef Call call = element_call(SIGMOID, logits, target, ignore_index, reduction, n_threads, rules)
    take_element_options(call, sample_weight, pos_weight, label_smoothing)
    return solve_elements(call, order, grad_output, loss_out, out, hess_out)


def sigmoid_focal_loss(
    int order, logits, target, gamma, alpha, sample_weight, pos_weight, ignore_index, label_smoothing, reduction,
    n_threads, grad_output=None, out=None, hess_out=None, Rules rules=None
):
    cdef Call call = element_call(SIGMOID_FOCAL, logits, target, ignore_index, reduction, n_threads, rules)
    call.problem.option.gauss_newton = call.rules.gauss_newton
    call.problem.option.gamma = number_of_value(gamma, 0.0, DBL_MAX, gamma_of)
    call.problem.option.positive = call.problem.option.negative = 1.0
    if alpha is not None:
        call.problem.option.positive = number_of_value(alpha, 0.0, 1.0, balance_of)
        call.problem.option.negative = 1.0 - call.problem.option.positive
    take_element_options(call, sample_weight, pos_weight, label_smoothing)
    return solve_elements(call, order, grad_output, None, out, hess_out)


cdef Call element_call(
    Family family, object logits, object target, object ignore_index, object reduction, object n_threads, Rules rules
):
    """A call with its logits, target and reduction."""
    cdef Call call = Call()
    cdef cnp.ndarray x, array
    call.problem.family = family
    call.rules = PUBLIC if rules is None else rules
    take_logits(call, logits, call.rules.logits)
    x = call.array(X)
    array = numbers_of_value(target, call.rules.target)
    if call.rules.strict and cnp.PyArray_NDIM(x) != 1:
        _check.raise_wrong_classes(shape_of(x), call.name, -1)
    if not same_shape(array, x):
        _check.raise_wrong_element_target(shape_of(array), shape_of(x), call.rules.target, call.name)
    call.hold(TARGET, array)
    take_reduction(call, reduction)
    take_threads(call, n_threads)
    if ignore_index is not None:
        call.problem.option.has_ignored = True
        call.problem.option.ignored_target = number_of_value(ignore_index, -DBL_MAX, DBL_MAX, ignored_target_of)
    return call


cdef int take_element_options(Call call, object sample_weight, object pos_weight, object label_smoothing) except -1:
    cdef double smoothing = number_of_value(label_smoothing, 0.0, 1.0, smoothing_of)
    call.problem.option.keep = 1.0 - smoothing
    call.problem.option.share = 0.5 * smoothing
    take_weights(call, SAMPLE_WEIGHT, sample_weight, "sample_weight")
    take_weights(call, POS_WEIGHT, pos_weight, "pos_weight")
    return 0


cdef object solve_elements(
    Call call, int order, object grad_output, object loss_out, object out, object hess_out
):
    """Check what is left, run the kernels, and return what is asked for."""
    cdef Problem counting
    cdef double total
    cdef bint weighted = call.reduction == MEAN and (call.has(SAMPLE_WEIGHT) or call.problem.option.has_ignored)
    take_grad_output(call, grad_output)
    take_output(call, LOSSES, loss_out, call.rules.outs[0])
    take_output(call, GRAD, out, call.rules.outs[1])
    take_output(call, HESS, hess_out, call.rules.outs[2])
    make_outputs(call, order)
    lay_out(call)
    check_weights(call, SAMPLE_WEIGHT, "sample_weight")
    check_weights(call, POS_WEIGHT, "pos_weight")
    set_derivatives(call)
    call.denominator = call.samples() if call.reduction == MEAN else 1.0
    if weighted or call.given:
        counting = counting_problem(&call.problem, COUNT_ELEMENTS, weighted)
        if run_problem(&counting, call.n_threads, &total) != 0:
            raise_bad_target(call)
        if weighted:
            call.denominator = total
    if call.denominator == 0.0:
        clear(call)
    else:
        call.problem.option.scale /= call.denominator
        if run(call) != 0:
            raise_bad_target(call)
    return finished(call, order) if call.rules is PUBLIC else results(call)


cdef int raise_bad_target(Call call) except -1:
    """Name the first target that is neither in [0, 1] nor without weight."""
    ignored = call.problem.option.ignored_target if call.problem.option.has_ignored else None
    _check.raise_outside(
        call.array(TARGET), call.rules.target, 0.0, 1.0, "a target is in [0, 1]", ignored, call.result(SAMPLE_WEIGHT)
    )
    raise ValueError(f"{call.rules.target} changed while it was read")
