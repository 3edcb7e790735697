# What all losses have in common once their arguments are taken: the last checks, the computation, the result.

cdef enum:
    LARGEST_SHARE = 1099511627776    # 2^40: of a class, and of its weight, in a target that is computed in float32
    TABLE_BYTES = 1048576            # 2^20: a table of them stays in the level-2 cache
    STEEPEST = 40                    # gamma of a target of each class that is; with 48 the Hessian misses its bound


cdef object solve(Call call, int order, object grad_output, object loss_out, object out, object hess_out):
    """The loss, and as many derivatives as `order` says."""
    prepare(call, order, grad_output, loss_out, out, hess_out)
    if call.problem.family == CLAMPED and (call.given or call.denominator == 0.0):
        look_at_probabilities(call)
    if call.denominator == 0.0:
        clear(call)
    elif run(call) != 0 and (call.problem.option.high == 0.0 or run_anew(call) != 0):
        raise_bad(call)
    return finished(call, order) if call.rules is PUBLIC else results(call)


cdef int prepare(
    Call call, int order, object grad_output, object loss_out, object out, object hess_out
) except -1:
    """Everything but the computation. What may be wrong is found here, or while nothing of a caller's is written."""
    cdef Options* option = &call.problem.option
    cdef bint is_large
    take_grad_output(call, grad_output)
    take_output(call, LOSSES, loss_out, call.rules.outs[0])
    take_output(call, GRAD, out, call.rules.outs[1])
    take_output(call, HESS, hess_out, call.rules.outs[2])
    make_outputs(call, order)
    lay_out(call)
    is_large = check_weights(call, SAMPLE_WEIGHT, "sample_weight") and call.problem.family == SOFTMAX
    is_large |= check_weights(call, POS_WEIGHT, "pos_weight")
    take_precision(call, is_large)
    option.with_loss = call.rules.with_loss
    option.hess_factor = call.rules.factor
    option.hess_floor = call.rules.floor
    option.has_rule = option.hess_factor != 1.0 or option.hess_floor != -INFINITY
    find_denominator(call)
    even_out_weights(call)
    if call.denominator != 0.0:
        option.scale /= call.denominator
    if may_look_later(call):
        option.high = LARGEST_SHARE
    elif check_distribution(call):
        take_precision(call, True)
    tabulate_infogain(call)
    return 0


cdef int tabulate_infogain(Call call) except -1:
    """A matrix that is small, also beside the samples: row by row, in the dtype that it is computed in.

    In double where it is weighted by alpha before it is rounded; as it is where rounding would take digits.
    """
    cdef Problem* problem = &call.problem
    cdef View* view = &problem.infogain
    cdef double row[LANES]
    cdef cnp.npy_intp shape[2]
    cdef cnp.ndarray table
    cdef Py_ssize_t block, first, j, k, n, C = problem.C
    cdef bint is_double = problem.kind == FLOAT64 or problem.family == CLAMPED or problem.weight != NULL
    if call.infogain is None or call.samples() < 4 * C or C * C > TABLE_BYTES // <Py_ssize_t>sizeof(double):
        return 0
    if view.kind == (FLOAT64 if is_double else FLOAT32) and view.classes == size_of(view.kind):
        return 0
    shape[0] = shape[1] = C
    table = cnp.PyArray_EMPTY(2, shape, cnp.NPY_DOUBLE if is_double else cnp.NPY_FLOAT, 0)
    for k in range(C):
        for block in range((C + LANES - 1) // LANES):
            first = block * LANES
            n = min(<Py_ssize_t>LANES, C - first)
            load(view.data + k * view.outer + first * view.classes, view.kind, view.classes, n, row)
            for j in range(n if is_double else 0):
                (<double*>cnp.PyArray_DATA(table))[k * C + first + j] = row[j]
            for j in range(n if not is_double else 0):
                if 0.0 < row[j] < FLT_MIN:
                    return 0
                (<float*>cnp.PyArray_DATA(table))[k * C + first + j] = <float>row[j]
    call.infogain = table
    set_view(table, view)
    view.outer = cnp.PyArray_STRIDE(table, 0)
    view.classes = cnp.PyArray_STRIDE(table, 1)
    return 0


cdef bint may_look_later(Call call) noexcept:
    """Whether the kernels look through a distribution themselves, while it is in the nearest caches.

    Where nothing of a caller's is written; and they have to read it as it is.
    """
    cdef Problem* problem = &call.problem
    if call.given or call.denominator == 0.0 or call.rules is not PUBLIC or problem.is_staged:
        return False
    if problem.family != SOFTMAX or problem.option.is_focal or not call.has(TARGET):
        return False
    return is_bare(problem, <float*>NULL) if problem.kind == FLOAT32 else is_bare(problem, <double*>NULL)


cdef Py_ssize_t run_anew(Call call) except -1:
    """Once the kernels have come upon something in a distribution: name it, or compute in double if it is large."""
    call.problem.option.high = 0.0
    take_precision(call, check_distribution(call))
    return run(call)


cdef int check_weights(Call call, Role role, object name) except -1:
    """Finite, and not negative unless an adapter says so. Is any beyond LARGEST_SHARE?"""
    cdef double signed = -1.0 if call.rules.signed_weights else 0.0
    if not call.has(role) or in_range(call.array(role), signed * LARGEST_SHARE, LARGEST_SHARE, call.n_threads, None):
        return 0
    rule = "weights are finite" if call.rules.signed_weights else weight_rule
    check_numbers(call.array(role), name, signed * DBL_MAX, DBL_MAX, rule, call.n_threads, None)
    return 1


cdef bint is_large_factor(Call call) except -1:
    """Whether grad_output has a number beyond LARGEST_SHARE."""
    cdef double scale = call.problem.option.scale
    if call.has(GRAD_OUTPUT):
        return not in_range(call.array(GRAD_OUTPUT), -<double>LARGEST_SHARE, LARGEST_SHARE, call.n_threads, None)
    return not -<double>LARGEST_SHARE <= scale <= LARGEST_SHARE


cdef int check_distribution(Call call) except -1:
    """A target of classes is finite and not negative; of integers, zeros and ones. Is any beyond LARGEST_SHARE?"""
    cdef cnp.ndarray array
    if not call.has(TARGET) or not has_classes(&call.problem, <int>TARGET):
        return 0
    array = call.array(TARGET)
    if not is_float(kind_of(array)) and not in_range(array, 0.0, 1.0, call.n_threads, None):
        _explain.raise_not_one_hot(array, call.rules.target, call.axis)
    if not is_float(kind_of(array)) and cnp.PyArray_NDIM(array) == 1 and call.problem.family != INFORMATION:
        _explain.raise_not_one_row(array, call.rules.target, call.name, call.problem.option.is_focal)
    if in_range(array, 0.0, LARGEST_SHARE, call.n_threads, None):
        return 0
    if not in_range(array, 0.0, DBL_MAX, call.n_threads, None):
        _explain.raise_bad_distribution(array, call.rules.target, call.array(X), target_rule)
    return 1


cdef int take_precision(Call call, bint is_large) except -1:
    """Targets or factors of a size that float32 does not multiply and add up: the logits are computed in double."""
    if call.problem.kind != FLOAT32 or call.problem.family == CLAMPED:
        return 0
    if call.problem.family == SOFTMAX:
        is_large = is_large or is_large_factor(call) or is_steep(&call.problem)
        if call.infogain is not None:
            is_large = is_large or call.large_infogain
        elif call.problem.weight != NULL:
            is_large = is_large or not are_middling(
                call.problem.weight, call.problem.C, call.has(TARGET) or call.problem.option.share != 0.0
            )
    if is_large:
        call.problem.kind = FLOAT64
        call.problem.is_staged = True
        if call.axes == NULL:
            axes_of_grid(call)
    return 0


cdef bint is_steep(const Problem* problem) noexcept:
    """Whether (1 - p)^gamma may be too small for float32 where the Hessian, gamma^2 times as large, is not."""
    return problem.option.is_focal and problem.option.gamma > STEEPEST and not is_plain(problem)


cdef bint are_middling(const double* weight, Py_ssize_t n, bint are_added) noexcept:
    """Whether the largest weight is not very large, nor very small where weights are added up."""
    cdef double largest = largest_weight(weight, n)
    return largest <= LARGEST_SHARE and (not are_added or largest == 0.0 or largest >= 1.0 / LARGEST_SHARE)


cdef int look_at_probabilities(Call call) except -1:
    """The loss alone reads what the gradient reads, and writes nothing of the caller's."""
    cdef View grad = call.problem.view[<int>GRAD], losses = call.problem.view[<int>LOSSES]
    call.problem.view[<int>GRAD].data = call.problem.view[<int>LOSSES].data = NULL
    if run(call) != 0:
        raise_bad(call)
    call.problem.view[<int>GRAD] = grad
    call.problem.view[<int>LOSSES] = losses
    return 0


cdef int clear(Call call) except -1:
    """Without any weight the loss is nan, and the derivatives of the mean are 0 everywhere."""
    cdef cnp.ndarray array
    cdef int role
    for role in range(<int>GRAD, <int>HESS + 1):
        if call.held[role] == NULL:
            continue
        array = <cnp.ndarray>call.held[role]
        if kind_of(array) == BFLOAT16:   # whose 0 is that of its bits
            array = PyArray_View(array, new_descr(cnp.NPY_USHORT), NULL)
        cnp.PyArray_FillWithScalar(array, 0)
    return 0


cdef int raise_bad(Call call) except -1:
    """Name the first label or target that is none, else the first probability that is none among those read."""
    # callers of an adapter's own name or dtype of labels have not the options that a hint would name
    cdef bint hinted = call.rules.target == "target" and not call.rules.float_labels
    labels = call.result(LABELS)
    if labels is not None:
        _explain.raise_bad_label(
            labels, call.problem.C, call.ignored, call.rules.target, call.name, hinted,
            call.problem.option.is_focal
        )
    if call.problem.family == CLAMPED:
        whole = labels is None or call.infogain is not None or call.problem.option.share != 0.0
        _explain.raise_bad_probability(
            call.array(X), call.axis, labels, call.result(SAMPLE_WEIGHT), call.ignored, whole
        )
    if call.problem.family == SIGMOID or call.problem.family == SIGMOID_FOCAL:
        ignored = call.problem.option.ignored_target if call.problem.option.has_ignored else None
        _explain.raise_bad_element_target(
            call.array(TARGET), call.rules.target, call.array(X), ignored, call.result(SAMPLE_WEIGHT),
            hinted
        )
    raise ValueError(f"{call.rules.target} changed while it was read")
