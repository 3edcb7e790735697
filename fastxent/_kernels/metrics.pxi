# What fastxent.metrics asks for: the rows that are no distributions, and the log loss.

cdef Rules METRIC = Rules(logits="y_proba", target="y_true", signed_weights=True)


def off_simplex(probs, double tolerance, bint in_double, n_threads):
    """Of the rows of a matrix, how many do not sum to 1, and how many have a number outside [0, 1] or nan."""
    cdef Call call = Call()
    call.problem.family = SIMPLEX
    call.rules = METRIC
    take_logits(call, probs, METRIC.logits)
    if in_double:
        call.problem.kind = FLOAT64
    call.axis = cnp.PyArray_NDIM(call.array(X)) - 1
    take_threads(call, n_threads)
    call.problem.option.high = tolerance
    lay_out(call)
    bad = run(call)
    return int(call.total), bad


def log_loss(probs, target, sample_weight, double eps, double most, bint in_double, n_threads):
    """The weighted sum of the losses of probabilities that are clamped to [eps, most]."""
    cdef Call call = class_call(CLAMPED, probs, target, -1, None, "sum", n_threads, METRIC)
    if in_double:
        call.problem.kind = FLOAT64
    take_eps(call, eps)
    call.problem.option.most = most
    take_class_options(call, None, None, sample_weight, 0.0, None)
    solve_classes(call, 0, None, None, None, None)
    return call.total
