# Losses of samples of several classes: softmax cross entropy and focal loss, clamped cross entropy.

def softmax_cross_entropy(
    int order, logits, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, z_loss, infogain,
    reduction, n_threads, grad_output=None, out=None, hess_out=None, Rules rules=None, loss_out=None
):
    cdef Call call = class_call(SOFTMAX, logits, target, axis, ignore_index, reduction, n_threads, rules)
    call.problem.option.z_loss = number_of_value(z_loss, 0.0, DBL_MAX, z_loss_of)
    take_class_options(call, class_weight, None, sample_weight, label_smoothing, infogain)
    return solve(call, order, grad_output, loss_out, out, hess_out)


def softmax_focal_loss(
    int order, logits, target, gamma, alpha, axis, class_weight, sample_weight, ignore_index, label_smoothing, z_loss,
    infogain, reduction, n_threads, grad_output=None, out=None, hess_out=None, Rules rules=None
):
    cdef Call call = class_call(SOFTMAX, logits, target, axis, ignore_index, reduction, n_threads, rules, True)
    call.problem.option.gauss_newton = call.rules.gauss_newton
    call.problem.option.gamma = number_of_value(gamma, 0.0, DBL_MAX, gamma_of)
    call.problem.option.z_loss = number_of_value(z_loss, 0.0, DBL_MAX, z_loss_of)
    take_class_options(call, class_weight, alpha, sample_weight, label_smoothing, infogain)
    return solve(call, order, grad_output, None, out, hess_out)


def clamped_cross_entropy(
    int order, probs, target, eps, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain,
    reduction, n_threads, grad_output=None, out=None, Rules rules=None
):
    cdef Call call = class_call(CLAMPED, probs, target, axis, ignore_index, reduction, n_threads, rules)
    take_eps(call, eps)
    take_class_options(call, class_weight, None, sample_weight, label_smoothing, infogain)
    return solve(call, order, grad_output, None, out, None)


cdef int take_eps(Call call, object eps) except -1:
    """The clamp's threshold; its reciprocal must be finite in the dtype, unless it is 0."""
    cdef double number
    if PyFloat_CheckExact(eps):
        number = PyFloat_AS_DOUBLE(eps)
        if number == 0.0 or 1e-37 <= number <= 1e37:
            call.problem.option.eps = number
            return 0
    call.problem.option.eps = _check.eps_of(eps, "float32" if call.problem.kind == FLOAT32 else "float64")
    return 0


cdef Call class_call(
    Family family, object logits, object target, object axis, object ignore_index, object reduction, object n_threads,
    Rules rules, bint is_focal=False
):
    """A call with its logits, target, axis and reduction."""
    cdef Call call = Call()
    cdef cnp.ndarray x, array
    call.problem.family = family
    call.problem.option.is_focal = is_focal
    call.rules = PUBLIC if rules is None else rules
    take_logits(call, logits, "probs" if family == CLAMPED and rules is None else call.rules.logits)
    x = call.array(X)
    take_axis(call, axis, cnp.PyArray_NDIM(x), call.name)
    array = numbers_of_value(target, call.rules.target)
    take_threads(call, n_threads)
    if call.rules.n_classes >= 0 and (cnp.PyArray_NDIM(x) != 2 or cnp.PyArray_DIM(x, 1) != call.rules.n_classes):
        _explain.raise_wrong_classes(shape_of(x), call.name, call.rules.n_classes)
    if same_shape(array, x) and not call.rules.strict:
        call.hold(TARGET, array)
    else:
        if not same_rows(call, array):
            _explain.raise_wrong_target(
                array, x, call.axis, call.rules.target, call.name, call.rules.strict
            )
        if is_float(kind_of(array)) and not call.rules.float_labels:
            array = _check.integer_labels(
                array, call.rules.target, call.name, cnp.PyArray_DIM(x, call.axis), is_focal
            )
        call.hold(LABELS, array)
    take_reduction(call, reduction)
    take_ignored_label(call, ignore_index)
    return call


cdef int take_ignored_label(Call call, object ignore_index) except -1:
    """What labels are compared with; nothing, where none can be equal to it."""
    cdef int64_t number
    cdef Kind kind
    if ignore_index is None:
        return 0
    call.ignored = ignore_index
    if not call.has(LABELS) or not PyLong_CheckExact(ignore_index) or not -2**63 <= ignore_index < 2**63:
        ignore_index = _check.ignored_label(ignore_index, call.result(LABELS))
        if ignore_index is None:
            return 0
        number = ignore_index
    else:
        number = ignore_index
        kind = kind_of(call.array(LABELS))
        if (kind == UINT64 and number < 0) or (is_float(kind) and number == INT64_MIN):
            return 0
    call.problem.option.ignored = number
    call.problem.option.has_ignored = True
    return 0


cdef int take_class_options(
    Call call, object class_weight, object alpha, object sample_weight, object label_smoothing, object infogain
) except -1:
    cdef cnp.ndarray x = call.array(X)
    cdef double smoothing = number_of_value(label_smoothing, 0.0, 1.0, smoothing_of)
    cdef Py_ssize_t C
    if call.axis >= cnp.PyArray_NDIM(x) or cnp.PyArray_DIM(x, call.axis) > MOST_CLASSES:
        check_again(call)  # raises
    C = cnp.PyArray_DIM(x, call.axis)
    call.problem.C = C
    if C == 0 and cnp.PyArray_SIZE(x) == 0 and 0 not in rows_shape(call):
        raise ValueError(f"{call.name} have shape {shape_of(x)}: 0 classes")
    call.problem.option.keep = 1.0 - smoothing
    call.problem.option.share = smoothing / C if C else 0.0
    if infogain is not None:
        matrix = _check.infogain_of(infogain, C, call.result(LABELS), class_weight, smoothing)
        call.large_infogain = not in_range(matrix, 0.0, LARGEST_SHARE, call.n_threads, None)
        if call.large_infogain:
            check_numbers(matrix, "infogain", 0.0, DBL_MAX, _check.ENTRY_RULE, call.n_threads, None)
        call.infogain = matrix
    if class_weight is not None or alpha is not None:
        call.class_weight, call.alpha = class_weight, alpha
        take_class_weights(call, class_weight, alpha, C)
    take_weights(call, SAMPLE_WEIGHT, sample_weight, "sample_weight")
    return 0


cdef int take_class_weights(Call call, object class_weight, object alpha, Py_ssize_t C) except -1:
    """Class weights, what t is weighted by (they times alpha), and, of each class, the others' sum."""
    cdef double* weight
    cdef double* product
    cdef Py_ssize_t k
    call.weights = <double*>PyMem_Malloc(max(<Py_ssize_t>1, 3 * C) * sizeof(double))
    if call.weights == NULL:
        raise MemoryError
    weight = call.weights
    product = weight + C
    if class_weight is not None:
        read_class_numbers(class_weight, C, weight, _check.class_weight_of, "class_weight", weight_rule)
        if not are_one(weight, C):
            call.problem.class_weight = call.problem.weight = weight
    if alpha is not None:
        read_class_numbers(alpha, C, product, _check.alpha_of, "alpha", _check.ENTRY_RULE)
        if class_weight is not None:
            for k in range(C):
                product[k] *= weight[k]
        call.problem.weight = NULL if are_one(product, C) else product
    if call.problem.weight != NULL and call.problem.option.share != 0.0 and call.has(LABELS):
        sum_others(call.problem.weight, C, weight + 2 * C)
        call.problem.other_weights = weight + 2 * C
    return 0


cdef int read_class_numbers(
    object value, Py_ssize_t C, double* out, object parse, object name, object rule
) except -1:
    """C finite numbers that are not negative."""
    cdef cnp.ndarray array
    cdef Py_ssize_t k
    if not cnp.PyArray_CheckExact(value) or cnp.PyArray_NDIM(<cnp.ndarray>value) != 1 or (
        cnp.PyArray_DIM(<cnp.ndarray>value, 0) != C or kind_of(<cnp.ndarray>value) >= FLOAT16
        or not cnp.PyArray_ISALIGNED(<cnp.ndarray>value) or not cnp.PyArray_ISNOTSWAPPED(<cnp.ndarray>value)
    ):
        value = parse(value, C)
    array = value
    load(cnp.PyArray_BYTES(array), kind_of(array), cnp.PyArray_STRIDE(array, 0), C, out)
    for k in range(C):
        if not 0.0 <= out[k] <= DBL_MAX:
            _explain.raise_outside(array, name, 0.0, DBL_MAX, rule)
    return 0


cdef bint are_one(const double* weight, Py_ssize_t C) noexcept:
    """Whether weights change nothing: not a bit then."""
    cdef Py_ssize_t k
    for k in range(C):
        if weight[k] != 1.0:
            return False
    return True


cdef void sum_others(const double* weight, Py_ssize_t C, double* others) noexcept:
    """For each class the sum of the other classes' weights.

    The largest weight enters last and unrounded, so that no difference is smaller than what it is taken from: at most
    one class can weigh more than all others together.
    """
    cdef Py_ssize_t k, top = 0
    cdef double rest = 0.0, low = 0.0, term
    for k in range(C):
        top = k if weight[k] > weight[top] else top
    for k in range(C):
        term = weight[k] if k != top else 0.0
        two_sum(&rest, &low, &term, 1)
    for k in range(C):
        others[k] = (rest - weight[k]) + weight[top] + low
    others[top] = rest + low


def gradient_proba(
    logits, target, sample_weight, ignore_index, label_smoothing, z_loss, class_weight, infogain, n_threads, grad_out,
    proba_out, Rules rules not None
):
    """(gradient, softmax) of an adapter's call."""
    cdef Call call = class_call(SOFTMAX, logits, target, 1, ignore_index, "sum", n_threads, rules)
    cdef bint in_place
    call.problem.option.z_loss = number_of_value(z_loss, 0.0, DBL_MAX, z_loss_of)
    take_class_options(call, class_weight, None, sample_weight, label_smoothing, infogain)
    prepare(call, 2, None, None, grad_out, proba_out)
    in_place = same_memory(call.array(GRAD), call.array(X))
    if in_place:                 # the gradient would be in the place of what is still to be read
        run(activation_of(call))
    call.problem.view[<int>HESS].data = NULL
    if run(call) != 0:
        raise_bad(call)
    call.problem.view[<int>HESS].data = cnp.PyArray_BYTES(call.array(HESS))
    if not in_place:
        run(activation_of(call))
    return call.result(GRAD), call.result(HESS)


cdef Call activation_of(Call call):
    """The softmax of another call's logits, in the place of its second derivatives."""
    cdef Call other = Call()
    other.problem.family = ACTIVATION
    other.problem.which = SOFTMAX_ITSELF
    other.problem.kind = call.problem.kind
    other.rules = call.rules
    other.n_threads = call.n_threads
    other.axis = call.axis
    other.hold(X, call.array(X))
    other.hold(GRAD, call.array(HESS))
    lay_out(other)
    return other
