# Whether the numbers of an array are where they have to be.

def check_range(array, name, double low, double high, rule, n_threads, ignored=None):
    """Raise for the first element outside [low, high] that is not `ignored`; nan is outside."""
    check_numbers(array, name, low, high, rule, n_threads, ignored)


def is_within(array, double low, double high, n_threads):
    """Whether all elements are in [low, high]; nan is not."""
    return in_range(array, low, high, n_threads, None)


cdef int check_numbers(
    cnp.ndarray array, object name, double low, double high, object rule, object n_threads, object ignored
) except -1:
    if not in_range(array, low, high, n_threads, ignored):
        _explain.raise_outside(array, name, low, high, rule, ignored)
    return 0


cdef bint in_range(cnp.ndarray array, double low, double high, object n_threads, object ignored) except -1:
    """Whether all elements are in [low, high] or `ignored`; nan is not."""
    cdef double value[WIDTH]
    cdef Kind kind = kind_of(array)
    cdef Py_ssize_t i, n = cnp.PyArray_SIZE(array)
    cdef Call call
    if (
        n <= WIDTH and ignored is None and cnp.PyArray_IS_C_CONTIGUOUS(array) and not is_half(kind) and kind != NO_KIND
        and cnp.PyArray_ISNOTSWAPPED(array) and cnp.PyArray_ISALIGNED(array)
    ):
        load(cnp.PyArray_BYTES(array), kind, size_of(kind), n, value)
        for i in range(n):
            if not low <= value[i] <= high:
                return False
        return True
    if n == 0:
        return True
    if kind == NO_KIND:
        array = array.astype("f8")
    call = Call()
    call.problem.family = COUNT_OUTSIDE
    call.problem.kind = FLOAT64
    call.n_threads = n_threads
    call.problem.option.low = low
    call.problem.option.high = high
    call.problem.option.has_ignored = ignored is not None
    call.problem.option.ignored_target = 0.0 if ignored is None else ignored
    if cnp.PyArray_NDIM(array) == 0:
        array = array.reshape(1)
    call.hold(X, array)          # whose strides order the axes
    call.hold(TARGET, array)
    lay_out(call)
    call.problem.view[<int>X].data = NULL
    return run(call) == 0
