# What large vocabularies need: statistics of the targets, and losses whose classes come in parts.

cdef dict RECORDS = {
    <int>FLOAT32: np.dtype(
        [("log_prob", "f4"), ("lse", "f4"), ("entropy", "f4"), ("unused", "f4"), ("predicted", "i8"), ("rank", "i8")]
    ),
    <int>FLOAT64: np.dtype(
        [("log_prob", "f8"), ("lse", "f8"), ("entropy", "f8"), ("predicted", "i8"), ("rank", "i8")]
    ),
}
CARRIED_ROW = np.dtype([(name, "f8") for name in ("m", "ties", "rest", "own_x", "gaps", "weight")])
assert CARRIED_ROW.itemsize == sizeof(Carried)
assert RECORDS[<int>FLOAT32].itemsize == RECORD * sizeof(float)
assert RECORDS[<int>FLOAT64].itemsize == DOUBLE_RECORD * sizeof(double)


def records_of(dtype):
    """The dtype of the records of logits that are computed in a dtype."""
    return RECORDS[<int>(FLOAT32 if dtype == np.float32 else FLOAT64)]


def target_statistics(logits, target, axis, ignore_index, n_threads):
    """An array of one record for each sample."""
    cdef Call call = class_call(STATISTICS, logits, target, axis, ignore_index, "sum", n_threads, None)
    cdef cnp.ndarray records
    if not call.has(LABELS):
        _explain.raise_not_labels(call.array(TARGET), call.rules.target, call.axis)
    take_class_options(call, None, None, None, 0.0, None)
    records = new_records(call, RECORDS[<int>call.problem.kind])
    call.hold(LOSSES, records["log_prob"])
    lay_out(call)
    if cnp.PyArray_SIZE(records) and run(call) != 0:
        raise_bad(call)
    return records


cdef cnp.ndarray new_records(Call call, object dtype):
    """An array of the samples' shape in which they lie one after the other in the order of the logits' memory."""
    cdef cnp.ndarray x = call.array(X)
    cdef int axes[MOST_AXES]
    cdef int axis, i, n_axes = axes_by_stride(x, call.axis, axes)
    rest = [axis for axis in range(cnp.PyArray_NDIM(x)) if axis != call.axis]
    order = [axes[i] for i in range(n_axes)]
    order = [axis for axis in rest if axis not in order] + order
    records = np.empty([cnp.PyArray_DIM(x, axis) for axis in order], dtype)
    return records.transpose([order.index(axis) for axis in rest])


def plan(
    shape, bint in_double, target, class_weight, sample_weight, ignore_index, label_smoothing, z_loss, reduction,
    n_threads, grad_output
):
    """A call on logits of a shape that are still to be made: its checked arguments.

    (labels or None, distribution or None, class weights or None, sample weights or None, the ignored label or None,
    label smoothing, z-loss, D, what gradients are multiplied by beside 1 / D: a number, or one for each sample)
    """
    cdef cnp.ndarray one = np.zeros((), "f8" if in_double else "f4")
    cdef Call call = class_call(
        SOFTMAX, np.broadcast_to(one, shape), target, -1, ignore_index, reduction, n_threads, LINEAR
    )
    cdef double smoothing = number_of_value(label_smoothing, 0.0, 1.0, smoothing_of)
    call.problem.option.z_loss = number_of_value(z_loss, 0.0, DBL_MAX, z_loss_of)
    take_class_options(call, class_weight, None, sample_weight, smoothing, None)
    take_grad_output(call, grad_output)
    call.given = True            # labels are looked at before anything is multiplied
    lay_out(call)
    check_weights(call, SAMPLE_WEIGHT, "sample_weight")
    check_distribution(call)
    find_denominator(call)
    even_out_weights(call)
    weights = None
    if call.problem.class_weight != NULL:
        weights = np.empty(call.problem.C)
        memcpy(cnp.PyArray_DATA(weights), call.problem.class_weight, call.problem.C * sizeof(double))
    return (
        call.result(LABELS), call.result(TARGET), weights, call.result(SAMPLE_WEIGHT),
        call.problem.option.ignored if call.problem.option.has_ignored else None,
        smoothing, call.problem.option.z_loss, call.denominator,
        call.result(GRAD_OUTPUT) if call.has(GRAD_OUTPUT) else call.problem.option.scale,
    )


cdef Rules LINEAR = Rules(logits="hidden @ weight.T")


def carry(
    cnp.ndarray logits not None, cnp.ndarray places not None, cnp.ndarray rows not None, weight, bint with_gaps,
    n_threads
):
    """Take a part of the classes into `rows`; places are the labels', less the part's first class."""
    cdef Problem problem
    cdef double total
    cdef cnp.ndarray weights
    memset(&problem, 0, sizeof(Problem))
    if (
        cnp.PyArray_NDIM(logits) != 2 or not cnp.PyArray_ISCARRAY(rows) or not cnp.PyArray_ISCARRAY_RO(places)
        or rows.dtype != CARRIED_ROW or kind_of(places) != INT64 or not cnp.PyArray_ISBEHAVED_RO(logits)
        or not (kind_of(logits) == FLOAT32 or kind_of(logits) == FLOAT64)
        or cnp.PyArray_STRIDE(logits, 1) != cnp.PyArray_ITEMSIZE(logits)
        or not (cnp.PyArray_SIZE(places) == cnp.PyArray_SIZE(rows) == cnp.PyArray_DIM(logits, 0))
    ):
        raise ValueError("these are no rows of logits with what is known of them")
    problem.family = CARRIED
    problem.kind = kind_of(logits)
    problem.tuning = tuning
    problem.outer = 1
    problem.inner = cnp.PyArray_DIM(logits, 0)
    problem.C = cnp.PyArray_DIM(logits, 1)
    set_view(logits, &problem.view[<int>X])
    problem.view[<int>X].inner = cnp.PyArray_STRIDE(logits, 0)
    problem.view[<int>X].classes = cnp.PyArray_ITEMSIZE(logits)
    problem.view[<int>LABELS].data = cnp.PyArray_BYTES(places)
    problem.view[<int>LOSSES].data = cnp.PyArray_BYTES(rows)
    problem.option.with_gaps = with_gaps
    if weight is not None:
        weights = weight
        if kind_of(weights) != FLOAT64 or not cnp.PyArray_ISCARRAY_RO(weights) or (
            cnp.PyArray_SIZE(weights) != problem.C
        ):
            raise ValueError("these are no weights of the part's classes")
        problem.weight = <const double*>cnp.PyArray_DATA(weights)
    run_problem(&problem, n_threads, &total)


def convert(cnp.ndarray x not None, cnp.ndarray out not None, n_threads):
    """Store numbers in an array of their shape and of any float dtype, rounded once."""
    cdef Call call = Call()
    call.problem.family = CONVERSION
    call.rules = PUBLIC
    take_logits(call, x, "x")
    take_axis(call, -1, cnp.PyArray_NDIM(x), "x")
    take_threads(call, n_threads)
    take_output(call, GRAD, out, "out")
    if kind_of(out) == FLOAT64:
        call.problem.kind = FLOAT64
    lay_out(call)
    if cnp.PyArray_SIZE(x):
        run(call)
