# Losses of elements that are right or wrong each for itself: sigmoid cross entropy and focal loss.

def sigmoid_cross_entropy(
    int order, logits, target, sample_weight, pos_weight, ignore_index, label_smoothing, reduction, n_threads,
    grad_output=None, out=None, hess_out=None, Rules rules=None, loss_out=None
):
    cdef Call call = element_call(SIGMOID, logits, target, ignore_index, reduction, n_threads, rules)
    take_element_options(call, sample_weight, pos_weight, label_smoothing)
    return solve(call, order, grad_output, loss_out, out, hess_out)


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
    return solve(call, order, grad_output, None, out, hess_out)


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
        _explain.raise_wrong_classes(shape_of(x), call.name, -1)
    if not same_shape(array, x):
        _explain.raise_wrong_element_target(array, x, call.rules.target, call.name, family == SIGMOID_FOCAL)
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
