# Sigmoid cross entropy, element by element, and the loop over a job's blocks.
#
#     z = exp(-|x|)      softplus(x) = max(x, 0) + log1p(z)      sigmoid(x) = (1 if x >= 0 else z) / (1 + z)
#     loss = v t softplus(-x) + (1 - t) softplus(x)
#     grad = (1 - t) sigmoid(x) - v t sigmoid(-x)
#     hess = (v t + 1 - t) sigmoid(x) sigmoid(-x)                a product with a factor 0 is 0, also against inf

from cython cimport floating

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.arithmetic.sums cimport Total, add_element_losses
from fastxent._kernels.arrays.memory cimport prefetch_block, prefetch_block_to_write
from fastxent._kernels.arrays.operand cimport load, times
from fastxent._kernels.arrays.output cimport by_rule, is_own, store_strip
from fastxent._kernels.problem cimport (
    FLOAT32, FLOAT64, GRAD, GRAD_OUTPUT, HESS, LOSSES, POS_WEIGHT, SAMPLE_WEIGHT, TARGET, X, Kind, Problem, Strip,
    View, at, has,
)
from fastxent._kernels.strips cimport strip_at
from fastxent._kernels.ways cimport WIDTH


cdef enum:
    SOON = 2 * WIDTH    # elements that are asked for before they are needed


cdef inline bint is_even(const Problem* problem) noexcept nogil:
    """Whether every element has the weight 1."""
    return not has(problem, SAMPLE_WEIGHT) and not problem.option.has_ignored


cdef inline void load_whole(
    const char* p, Kind kind, Py_ssize_t stride, Py_ssize_t n, floating* out
) noexcept nogil:
    """WIDTH elements, 0 from n on."""
    cdef Py_ssize_t j
    if n == WIDTH:
        load(p, kind, stride, WIDTH, out)
        return
    for j in range(WIDTH):
        out[j] = <floating>0.0
    load(p, kind, stride, n, out)


cdef inline void load_logits_of(
    const floating* x, const Problem* problem, Py_ssize_t n, floating* value
) noexcept nogil:
    """WIDTH logits, 0 from n on."""
    load_whole(
        <const char*>x, FLOAT32 if floating is float else FLOAT64, problem.view[<int>X].inner, n, value
    )


cdef inline Py_ssize_t read_weights(
    const Problem* problem, const Strip* strip, floating* t, double* weight   # out  (WIDTH,)
) noexcept nogil:
    """Targets and sample weights, 0 where ignored; returns how many targets that count are not in [0, 1]."""
    cdef double ignored = problem.option.ignored_target
    cdef Py_ssize_t j
    cdef int bad = 0
    load_whole(
        at(&problem.view[<int>TARGET], strip.o, strip.i), problem.view[<int>TARGET].kind,
        problem.view[<int>TARGET].inner, strip.n, t
    )
    if not is_even(problem):
        for j in range(WIDTH):
            weight[j] = 1.0
        times(&problem.view[<int>SAMPLE_WEIGHT], strip, weight)
        if problem.option.has_ignored and ignored == ignored:
            for j in range(WIDTH):
                weight[j] = 0.0 if t[j] == ignored else weight[j]
        elif problem.option.has_ignored:
            for j in range(WIDTH):
                weight[j] = 0.0 if t[j] != t[j] else weight[j]
        for j in range(WIDTH):
            t[j] = <floating>0.0 if weight[j] == 0.0 else t[j]
    for j in range(WIDTH):
        bad += (t[j] < 0) | (t[j] > 1) | (t[j] != t[j])  # an integer sum: the compiler may reorder it
    return bad


cdef inline Py_ssize_t read_targets(
    const Problem* problem, const Strip* strip,
    floating* up,                # out  (WIDTH,) weight of softplus(-x): v t; 0 from n on
    floating* down,              # out  (WIDTH,) weight of softplus(x): 1 - t
    double* weight,              # out  (WIDTH,) sample weight, 0 where ignored; untouched if `is_even`
) noexcept nogil:
    """Returns how many targets are neither in [0, 1] nor without weight."""
    cdef double t[WIDTH]
    cdef Py_ssize_t j, bad
    if problem.option.share == 0.0 and not has(problem, POS_WEIGHT) and is_own(&problem.view[<int>TARGET], up):
        bad = read_weights(problem, strip, up, weight)
        for j in range(WIDTH):
            down[j] = <floating>1.0 - up[j]
        return bad
    # in double, and rounded once
    bad = read_weights(problem, strip, t, weight)
    for j in range(WIDTH):
        # not 1 - the smoothed t, which would lose digits near t = 1
        down[j] = <floating>((1.0 - t[j]) * problem.option.keep + problem.option.share)
        t[j] = t[j] * problem.option.keep + problem.option.share
    times(&problem.view[<int>POS_WEIGHT], strip, t)
    for j in range(WIDTH):
        up[j] = <floating>t[j]
    return bad


cdef inline void times_weight(
    const Problem* problem, const Strip* strip, const double* weight, floating* values
) noexcept nogil:
    """values *= v grad_output / D, and exactly 0 without weight."""
    cdef double scale[WIDTH]
    cdef double whole = problem.option.scale
    cdef floating factor = <floating>whole
    cdef Py_ssize_t j
    if is_even(problem) and not has(problem, GRAD_OUTPUT):
        if factor == whole:          # exact: no other bits than by way of double
            for j in range(WIDTH):
                values[j] *= factor
        else:
            for j in range(WIDTH):
                values[j] = <floating>(values[j] * whole)
        return
    if is_even(problem):
        for j in range(WIDTH):
            scale[j] = problem.option.scale
    else:
        for j in range(WIDTH):
            scale[j] = weight[j] * problem.option.scale
    times(&problem.view[<int>GRAD_OUTPUT], strip, scale)
    for j in range(strip.n, WIDTH):
        scale[j] = 0.0
    if is_even(problem):
        for j in range(WIDTH):
            values[j] = <floating>(values[j] * scale[j])
    else:
        for j in range(WIDTH):
            values[j] = <floating>(values[j] * scale[j]) if weight[j] != 0 else <floating>0.0


cdef inline void sigmoid_losses(
    const Problem* problem,
    const floating* value,       # in   (WIDTH,), and so on
    const floating* up,
    const floating* down,
    const floating* z,
    const double* weight,
    double* losses,              # out  (WIDTH,)
) noexcept nogil:
    cdef floating result[WIDTH]
    cdef floating size, far
    cdef Py_ssize_t j
    for j in range(WIDTH):
        result[j] = scalar.log1p(z[j])
    for j in range(WIDTH):
        size = value[j] if value[j] > 0 else -value[j]
        far = down[j] if value[j] > 0 else up[j]
        size = far * size if far != 0 else <floating>0.0
        result[j] = (up[j] + down[j]) * result[j] + size
    if is_even(problem):
        for j in range(WIDTH):
            losses[j] = result[j]
    else:
        for j in range(WIDTH):
            losses[j] = weight[j] * result[j] if weight[j] != 0 else 0.0


cdef Py_ssize_t sigmoid_strip(
    const floating* x, const Problem* problem, const Strip* strip, double* losses   # out  (WIDTH,), NULL if not wanted
) noexcept nogil:
    """Returns how many targets are neither in [0, 1] nor without weight."""
    cdef floating value[WIDTH]
    cdef floating up[WIDTH]
    cdef floating down[WIDTH]
    cdef floating z[WIDTH]
    cdef floating result[WIDTH]
    cdef double weight[WIDTH]
    cdef floating size, inverse, right, left
    cdef const View* grad = &problem.view[<int>GRAD]
    cdef Py_ssize_t j, bad
    if problem.view[<int>X].inner == <Py_ssize_t>sizeof(floating):
        prefetch_block(x + SOON, WIDTH)
    if grad.inner == <Py_ssize_t>sizeof(floating) and grad.data != NULL:
        prefetch_block_to_write(<const floating*>at(grad, strip.o, strip.i + SOON), WIDTH)
    bad = read_targets(problem, strip, up, down, weight)
    load_logits_of(x, problem, strip.n, value)
    for j in range(WIDTH):
        z[j] = scalar.exp(-value[j] if value[j] > 0 else value[j])
    if losses != NULL:
        sigmoid_losses(problem, value, up, down, z, weight, losses)
    if grad.data == NULL:
        return bad

    for j in range(WIDTH):
        inverse = <floating>1.0 / (<floating>1.0 + z[j])
        size = z[j] * inverse
        right = inverse if value[j] >= 0 else size    # sigmoid(x)
        left = size if value[j] >= 0 else inverse     # sigmoid(-x)
        z[j] = right * left
        result[j] = down[j] * right - up[j] * left
    times_weight(problem, strip, weight, result)
    store_strip(grad, strip, result)
    if has(problem, HESS):
        for j in range(WIDTH):
            result[j] = (up[j] + down[j]) * z[j]
        times_weight(problem, strip, weight, result)
        by_rule(&problem.option, WIDTH, result)
        store_strip(&problem.view[<int>HESS], strip, result)
    return bad


cdef void sigmoid_cross_entropy(
    const floating[:, :, :] logits,  # in   (outer, inner, 1)
    floating[:, :, :] losses,        # out  (outer, inner, 1), or of no size: v_i l_i
    const Problem* problem,          # the rest, derivatives included
    Py_ssize_t start,                # elements start ... start + n - 1, counted along inner
    Py_ssize_t n,
    char* scratch,
    Total* total,                    # out
) noexcept nogil:
    cdef double values[WIDTH]
    cdef double* wanted = <double*>values if problem.option.with_loss else <double*>NULL
    cdef floating* loss = NULL
    cdef Py_ssize_t stop = start + n
    cdef Strip strip
    while start < stop:
        strip = strip_at(start, stop, logits.shape[1], WIDTH)
        total.bad += sigmoid_strip(&logits[strip.o, strip.i, 0], problem, &strip, wanted)
        if problem.option.with_loss:
            if losses.shape[2] > 0:
                loss = &losses[strip.o, strip.i, 0]
            add_element_losses(values, strip.n, loss, &problem.view[<int>LOSSES], total)
        start += strip.n
