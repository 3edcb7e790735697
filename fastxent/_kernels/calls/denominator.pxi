# What the mean divides by, D; and weights that are so small or so large that D, or 1 / D, is no ordinary number.

cdef int find_denominator(Call call) except -1:
    """D; 1 for a sum. Looks through labels or elements where D or a caller's output asks for it."""
    cdef Problem counting
    cdef double total
    cdef bint elements = call.problem.family == SIGMOID or call.problem.family == SIGMOID_FOCAL
    cdef bint looked_at = call.given and (elements or call.has(LABELS))
    cdef bint weighted = call.reduction == MEAN and (
        call.has(SAMPLE_WEIGHT) or call.problem.option.has_ignored
        or (call.has(LABELS) and call.problem.class_weight != NULL)
    )
    call.denominator = call.samples() if call.reduction == MEAN else 1.0
    if looked_at and not weighted and not elements and few_to_look_at(&call.problem):
        if build.bad_labels(&call.problem) != 0:
            raise_bad(call)
    elif weighted or looked_at:
        counting = counting_problem(&call.problem, COUNT_ELEMENTS if elements else COUNT_CLASSES, weighted)
        if not call.has(LABELS) or call.rules.mean_of_samples:
            counting.class_weight = NULL
        if run_problem(&counting, call.n_threads, &total) != 0:
            raise_bad(call)
        if weighted:
            call.denominator = total
    return 0


cdef inline bint few_to_look_at(const Problem* problem) noexcept:
    """Whether a pass of the kernels would take longer to prepare than to make."""
    return not problem.is_staged and problem.outer * problem.inner <= problem.tuning.held_elements


cdef Problem counting_problem(const Problem* problem, Family family, bint weighted) noexcept:
    """The same samples, of which only labels or targets, and weights, are looked at; with their sum if `weighted`."""
    cdef Problem counting = problem[0]
    cdef int role
    counting.family = family
    counting.option.with_weights = weighted
    for role in range(<int>ROLES):
        if role != <int>SAMPLE_WEIGHT and role != <int>(LABELS if family == COUNT_CLASSES else TARGET):
            counting.view[role].data = NULL
    return counting


cdef int even_out_weights(Call call) except -1:
    """Take powers of two out of the weights of a mean, which has them above and below its fraction stroke.

    No bit of the mean and of its derivatives depends on such a power, but for which dtype the logits are computed in.
    """
    cdef bint by_class = call.has(LABELS) and call.problem.class_weight != NULL
    cdef bint by_sample = call.has(SAMPLE_WEIGHT)
    cdef double D = call.denominator, largest, largest_class
    cdef int k = 0, classes_k = 0
    if call.reduction != MEAN or not (by_class or by_sample) or is_ordinary(D, call.problem.option.scale):
        return 0
    if D == 0.0 or not (call.rules is PUBLIC or call.rules is LINEAR):    # the other rules want the sum beside D
        return 0
    weights = np.asarray(_bfloat16.widened(call.result(SAMPLE_WEIGHT)) if by_sample else 1.0, np.float64)
    largest = weights.max(initial=0.0)
    if by_class:
        largest_class = largest_weight(call.problem.class_weight, call.problem.C)
        if largest * largest_class > DBL_MAX:                 # not even a product of two is a number
            return 0
        classes_k = exponent_of(largest_class)
        divide_class_weights(call, classes_k)
    k = exponent_of(D) - classes_k if D <= DBL_MAX else exponent_of(largest)
    with np.errstate(all="ignore"):
        weights = np.asarray(np.ldexp(weights, -k))
    call.hold(SAMPLE_WEIGHT, weights)
    lay_out_anew(call)
    return find_denominator(call)


cdef int divide_class_weights(Call call, int k) except -1:
    """By 2^k, and what is added to the loss beside them."""
    cdef Py_ssize_t C = call.problem.C, i
    cdef double* weight = call.weights              # those of take_class_weights
    cdef double* product = weight if call.alpha is None else weight + C
    for i in range(C):
        weight[i] = ldexp(weight[i], -k)
        if product != weight:
            product[i] = ldexp(product[i], -k)
    call.problem.weight = product
    if call.problem.option.share != 0.0:
        sum_others(product, C, weight + 2 * C)
        call.problem.other_weights = weight + 2 * C
    call.problem.option.z_loss = ldexp(call.problem.option.z_loss, -k)
    return 0


cdef inline bint is_ordinary(double denominator, double scale) noexcept:
    """Whether D and what the derivatives are multiplied by are far from where doubles lose digits, or end."""
    cdef double factor = fabs(scale / denominator)
    return 2.0**-500 <= denominator <= 2.0**500 and (
        DBL_MIN <= factor <= DBL_MAX or scale == 0.0 or not fabs(scale) <= DBL_MAX
    )


cdef inline double largest_weight(const double* weight, Py_ssize_t n) noexcept:
    cdef double largest = 0.0
    cdef Py_ssize_t i
    for i in range(n):
        largest = max(largest, weight[i])
    return largest


cdef inline int exponent_of(double number) noexcept:
    """k in number = f 2^k with f in [1/2, 1); 0 for 0."""
    cdef int k
    frexp(number, &k)
    return k


cdef int lay_out_anew(Call call) except -1:
    """Where every array lies, after one of them has been replaced."""
    cdef int role
    PyMem_Free(call.axes)
    call.axes = NULL
    call.problem.n_axes = 0
    call.problem.is_staged = False
    for role in range(<int>ROLES):
        call.problem.view[role].outer = call.problem.view[role].inner = 0
    return lay_out(call)
