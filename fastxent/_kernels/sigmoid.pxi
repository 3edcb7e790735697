# Sigmoid cross entropy, element by element, and the loop over a job's blocks.
#
#     z = exp(-|x|)      softplus(x) = max(x, 0) + log1p(z)      sigmoid(x) = (1 if x >= 0 else z) / (1 + z)
#     loss = v t softplus(-x) + (1 - t) softplus(x)
#     grad = (1 - t) sigmoid(x) - v t sigmoid(-x)
#     hess = (v t + 1 - t) sigmoid(x) sigmoid(-x)                a product with a factor 0 is 0, also against inf

from cython cimport floating
from libc.string cimport memset

from fastxent._kernels cimport scalar
from fastxent._kernels.grid cimport Block, Steps, block_at, moved, start_of, steps_of
from fastxent._kernels.job cimport Job
from fastxent._kernels.memory cimport prefetch_block, prefetch_block_to_write
from fastxent._kernels.operand cimport FLOAT32, FLOAT64, Kind, Operand, View, at, load, times, view_of
from fastxent._kernels.output cimport Output, OutputView, by_rule, output_of, place, store_strip
from fastxent._kernels.sums cimport LANES, WIDTH, add_losses, sum_lanes


cdef enum:
    AHEAD = 2 * WIDTH    # elements that are asked for before they are needed


cdef struct Binary:
    View target                  # (outer, inner)
    View pos_weight              # (outer, inner), or no data: all 1
    View sample_weight           # (outer, inner), or no data: all 1
    View grad_output             # (outer, inner), or no data: all 1
    double grad_scale
    double keep                  # 1 - a
    double share                 # a / 2
    double ignore
    bint has_ignore


cdef Binary binary_of(
    Operand target, Operand pos_weight, Operand sample_weight, Operand grad_output, double grad_scale, double smoothing,
    object ignore_index
):
    cdef Binary binary
    binary.target = target.view
    binary.pos_weight = view_of(pos_weight)
    binary.sample_weight = view_of(sample_weight)
    binary.grad_output = view_of(grad_output)
    binary.grad_scale = grad_scale
    binary.keep = 1.0 - smoothing
    binary.share = 0.5 * smoothing
    binary.has_ignore = ignore_index is not None
    binary.ignore = 0.0 if ignore_index is None else ignore_index
    return binary


cdef inline Py_ssize_t read_targets(
    const Binary* binary, Py_ssize_t o, Py_ssize_t i, Py_ssize_t n,
    floating* up,                # out  (WIDTH,) weight of softplus(-x): v t; 0 from n on
    floating* down,              # out  (WIDTH,) weight of softplus(x): 1 - t
    double* weight,              # out  (WIDTH,) sample weight, 0 where ignored; untouched if `is_even`
) noexcept nogil:
    """Returns how many targets are neither in [0, 1] nor ignored."""
    cdef Kind own = FLOAT32 if floating is float else FLOAT64
    cdef double t[WIDTH]
    cdef Py_ssize_t j
    cdef int bad = 0
    if not is_even(binary):
        for j in range(WIDTH):
            weight[j] = 1.0
        times(&binary.sample_weight, o, i, n, weight)
    if binary.target.kind == own and binary.share == 0.0 and binary.pos_weight.data == NULL and not binary.has_ignore:
        load_whole(at(&binary.target, o, i), own, binary.target.inner, n, up)
        for j in range(WIDTH):
            down[j] = <floating>1.0 - up[j]
        for j in range(WIDTH):
            bad += (up[j] < 0) | (up[j] > 1) | (up[j] != up[j])  # an integer sum: the compiler may reorder it
        return bad
    # in double, and rounded once
    load_whole(at(&binary.target, o, i), binary.target.kind, binary.target.inner, n, t)
    if binary.has_ignore:
        for j in range(n):
            weight[j] = 0.0 if t[j] == binary.ignore else weight[j]
            t[j] = 0.0 if t[j] == binary.ignore else t[j]
    for j in range(WIDTH):
        bad += (t[j] < 0) | (t[j] > 1) | (t[j] != t[j])
    for j in range(WIDTH):
        # not 1 - the smoothed t, which would lose digits near t = 1
        down[j] = <floating>((1.0 - t[j]) * binary.keep + binary.share)
        t[j] = t[j] * binary.keep + binary.share
    times(&binary.pos_weight, o, i, n, t)
    for j in range(WIDTH):
        up[j] = <floating>t[j]
    return bad


cdef inline bint is_even(const Binary* binary) noexcept nogil:
    """Whether every element has the weight 1."""
    return binary.sample_weight.data == NULL and not binary.has_ignore


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


cdef inline void times_weight(
    const Binary* binary, Py_ssize_t o, Py_ssize_t i, Py_ssize_t n, const double* weight, floating* values
) noexcept nogil:
    """values *= v grad_output / D, and exactly 0 without weight."""
    cdef double scale[WIDTH]
    cdef floating factor = <floating>binary.grad_scale
    cdef Py_ssize_t j
    if is_even(binary) and binary.grad_output.data == NULL:
        for j in range(WIDTH):
            values[j] *= factor
        return
    if is_even(binary):
        for j in range(WIDTH):
            scale[j] = binary.grad_scale
    else:
        for j in range(WIDTH):
            scale[j] = weight[j] * binary.grad_scale
    times(&binary.grad_output, o, i, n, scale)
    for j in range(n, WIDTH):
        scale[j] = 0.0
    if is_even(binary):
        for j in range(WIDTH):
            values[j] = <floating>(values[j] * scale[j])
    else:
        for j in range(WIDTH):
            values[j] = <floating>(values[j] * scale[j]) if weight[j] != 0 else <floating>0.0


cdef inline void sigmoid_losses(
    const Binary* binary,
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
    if is_even(binary):
        for j in range(WIDTH):
            losses[j] = result[j]
    else:
        for j in range(WIDTH):
            losses[j] = weight[j] * result[j] if weight[j] != 0 else 0.0


cdef inline Py_ssize_t sigmoid_strip(
    const floating* x,           # in   n elements, `step` apart
    Py_ssize_t step,
    const Binary* binary,
    Py_ssize_t o,
    Py_ssize_t i,
    Py_ssize_t n,
    const OutputView* grad,      # out  may be x
    const OutputView* hess,      # out  may be x; only with a gradient
    double* losses,              # out  (WIDTH,), NULL if not wanted
) noexcept nogil:
    """Elements (o, i) ... (o, i + n - 1); returns how many targets are neither in [0, 1] nor ignored."""
    cdef floating value[WIDTH]
    cdef floating up[WIDTH]
    cdef floating down[WIDTH]
    cdef floating z[WIDTH]
    cdef floating result[WIDTH]
    cdef double weight[WIDTH]
    cdef floating size, inverse, right, left
    cdef Py_ssize_t j, bad
    if step == 1:
        prefetch_block(x + AHEAD, WIDTH)
    if grad.step.inner == 1 and grad.data != NULL:
        prefetch_block_to_write(<const floating*>place(grad, o, i + AHEAD), WIDTH)
    bad = read_targets(binary, o, i, n, up, down, weight)
    load_whole(<const char*>x, FLOAT32 if floating is float else FLOAT64, step * <Py_ssize_t>sizeof(floating), n, value)
    for j in range(WIDTH):
        z[j] = scalar.exp(-value[j] if value[j] > 0 else value[j])
    if losses != NULL:
        sigmoid_losses(binary, value, up, down, z, weight, losses)
    if grad.data == NULL:
        return bad

    for j in range(WIDTH):
        inverse = <floating>1.0 / (<floating>1.0 + z[j])
        size = z[j] * inverse
        right = inverse if value[j] >= 0 else size    # sigmoid(x)
        left = size if value[j] >= 0 else inverse     # sigmoid(-x)
        z[j] = right * left
        result[j] = down[j] * right - up[j] * left
    times_weight(binary, o, i, n, weight, result)
    store_strip(result, grad, o, i, n)
    if hess.data != NULL:
        for j in range(WIDTH):
            result[j] = (up[j] + down[j]) * z[j]
        times_weight(binary, o, i, n, weight, result)
        by_rule(hess, WIDTH, result)
        store_strip(result, hess, o, i, n)
    return bad


def sigmoid_cross_entropy(
    Py_ssize_t way,                      # not used: there are no classes to go along
    const floating[:, :, :] logits,      # in   (outer, inner, 1)
    Operand target not None,             # in   (outer, inner)
    Operand pos_weight,                  # in   (outer, inner) or None
    Operand sample_weight,               # in   (outer, inner) or None
    Operand grad_output,                 # in   (outer, inner) or None
    double grad_scale,
    double smoothing,
    object ignore_index,                 # a number or None
    bint with_loss,                      # whether the losses are wanted: else the sums are 0
    floating[:, :, :] losses,            # out  (outer, inner, 1) or None: v_i l_i
    Output grad,                         # out  (outer, inner, 1) or None, may be logits
    Output hess,                         # out  (outer, inner, 1) or None, may be logits
    double[:, ::1] sums,                 # out  (n_blocks, 2): sum of the losses, number of targets outside [0, 1]
    Py_ssize_t block_outer,
    Py_ssize_t block_inner,
    Job job not None,
):
    """Loss, gradient and second derivative of the blocks that `job` hands out."""
    cdef Binary binary = binary_of(
        target, pos_weight, sample_weight, grad_output, grad_scale, smoothing, ignore_index
    )
    cdef Block block
    cdef Steps x_step = steps_of(logits), loss_step = steps_of(losses)
    cdef OutputView g = output_of(grad), h = output_of(hess)
    cdef floating* x = start_of(logits)
    cdef floating* loss = start_of(losses)
    cdef Py_ssize_t outer = logits.shape[0], inner = logits.shape[1], number, o, i, n, bad, strip
    cdef double values[WIDTH]
    cdef double high[LANES]
    cdef double low[LANES]
    with nogil:
        while True:
            number = job.draw()
            if number < 0:
                break
            block = block_at(number, outer, inner, block_outer, block_inner)
            memset(high, 0, sizeof(high))
            memset(low, 0, sizeof(low))
            bad = 0
            for o in range(block.outer, block.outer_stop):
                for strip in range((block.inner_stop - block.inner + WIDTH - 1) // WIDTH):
                    i = block.inner + strip * WIDTH
                    n = min(<Py_ssize_t>WIDTH, block.inner_stop - i)
                    bad += sigmoid_strip(
                        moved(x, x_step, o, i), x_step.inner, &binary, o, i, n, &g, &h,
                        <double*>values if with_loss else <double*>NULL
                    )
                    if with_loss:
                        add_losses(values, n, moved(loss, loss_step, o, i), loss_step.inner, high, low)
            sums[number, 0] = sum_lanes(high, low)
            sums[number, 1] = bad
            job.finish()
