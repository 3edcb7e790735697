# What fastxent.metrics asks for: the classes among labels, the rows that are no distributions, and the log loss.

cdef Rules METRIC = Rules(logits="y_proba", target="y_true", signed_weights=True)


def classes_among(labels, Py_ssize_t C):
    """How many of the classes 0 ... C - 1 occur; -1 if something else than these does."""
    cdef cnp.ndarray array = labels
    cdef Kind kind
    cdef Py_ssize_t found
    cdef char* seen
    cdef list pins = []
    pin_array(array, pins)
    kind = kind_of(array)
    if cnp.PyArray_NDIM(array) != 1 or not INT8 <= kind <= BOOL or not (
        cnp.PyArray_ISALIGNED(array) and cnp.PyArray_ISNOTSWAPPED(array)
    ):
        return -1
    seen = <char*>PyMem_Calloc(C, 1)
    if seen == NULL:
        raise MemoryError
    with nogil:
        found = mark(
            cnp.PyArray_BYTES(array), kind, cnp.PyArray_STRIDE(array, 0), cnp.PyArray_DIM(array, 0), C, seen
        )
    PyMem_Free(seen)
    return found


cdef Py_ssize_t mark(
    const char* labels, Kind kind, Py_ssize_t stride, Py_ssize_t n, Py_ssize_t C, char* seen
) noexcept nogil:
    """Mark the classes that occur, and count them; -1 for a label that is none."""
    cdef int64_t y[WIDTH]
    cdef Py_ssize_t block, count, j, outside, found = 0
    for block in range((n + WIDTH - 1) // WIDTH):
        count = min(<Py_ssize_t>WIDTH, n - block * WIDTH)
        load_labels(labels + block * WIDTH * stride, kind, stride, count, y)
        outside = 0
        for j in range(count):
            outside += (y[j] < 0) | (y[j] >= C)
        if outside:
            return -1
        for j in range(count):
            seen[y[j]] = 1
    for j in range(C):
        found += seen[j]
    return found


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
    call.problem.option.tolerance = tolerance
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
    solve(call, 0, None, None, None, None)
    return call.total
