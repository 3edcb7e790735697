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
from fastxent._kernels.operand cimport FLOAT32, FLOAT64, Kind, Operand, View, at, load, times, view_of
from fastxent._kernels.sums cimport LANES, WIDTH, add_losses, sum_lanes


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


cdef inline Py_ssize_t read_targets(
    const Binary* binary, Py_ssize_t o, Py_ssize_t i, Py_ssize_t n,
    floating* up,                # out  (n,) weight of softplus(-x): v t
    floating* down,              # out  (n,) weight of softplus(x): 1 - t
    double* weight,              # out  (n,) sample weight, 0 where ignored
) noexcept nogil:
    """Returns how many targets are neither in [0, 1] nor ignored."""
    cdef Kind own = FLOAT32 if floating is float else FLOAT64
    cdef double t[WIDTH]
    cdef Py_ssize_t j
    cdef int bad = 0
    for j in range(n):
        weight[j] = 1.0
    times(&binary.sample_weight, o, i, n, weight)
    if binary.target.kind == own and binary.share == 0.0 and binary.pos_weight.data == NULL and not binary.has_ignore:
        load(at(&binary.target, o, i), own, binary.target.inner, n, up)
        for j in range(n):
            down[j] = <floating>1.0 - up[j]
        for j in range(n):
            bad += (up[j] < 0) | (up[j] > 1) | (up[j] != up[j])  # an integer sum: the compiler may reorder it
        return bad
    # in double, and rounded once
    load(at(&binary.target, o, i), binary.target.kind, binary.target.inner, n, t)
    if binary.has_ignore:
        for j in range(n):
            weight[j] = 0.0 if t[j] == binary.ignore else weight[j]
            t[j] = 0.0 if t[j] == binary.ignore else t[j]
    for j in range(n):
        bad += (t[j] < 0) | (t[j] > 1) | (t[j] != t[j])
    for j in range(n):
        # not 1 - the smoothed t, which would lose digits near t = 1
        down[j] = <floating>((1.0 - t[j]) * binary.keep + binary.share)
        t[j] = t[j] * binary.keep + binary.share
    times(&binary.pos_weight, o, i, n, t)
    for j in range(n):
        up[j] = <floating>t[j]
    return bad


cdef inline Py_ssize_t sigmoid_strip(
    const floating* x,           # in   n elements, `step` apart
    Py_ssize_t step,
    const Binary* binary,
    Py_ssize_t o,
    Py_ssize_t i,
    Py_ssize_t n,
    floating* grad,              # out  like x, may be x, may be NULL
    Py_ssize_t grad_step,
    floating* hess,              # out  like x, may be x, may be NULL
    Py_ssize_t hess_step,
    double* losses,              # out  (n,)
) noexcept nogil:
    """Elements (o, i) ... (o, i + n - 1); returns how many targets are neither in [0, 1] nor ignored."""
    cdef floating value[WIDTH]
    cdef floating up[WIDTH]
    cdef floating down[WIDTH]
    cdef floating z[WIDTH]
    cdef floating result[WIDTH]
    cdef double weight[WIDTH]
    cdef double scale[WIDTH]
    cdef floating log_z, plus, minus, loss, inverse, right, left
    cdef Py_ssize_t j, bad = read_targets(binary, o, i, n, up, down, weight)
    load(<const char*>x, FLOAT32 if floating is float else FLOAT64, step * <Py_ssize_t>sizeof(floating), n, value)
    for j in range(n):
        z[j] = scalar.exp(-value[j] if value[j] > 0 else value[j])
        log_z = scalar.log1p(z[j])
        plus = up[j] * (log_z - value[j] if value[j] < 0 else log_z)
        minus = down[j] * (log_z + value[j] if value[j] > 0 else log_z)
        plus = <floating>0.0 if up[j] == 0 else plus
        minus = <floating>0.0 if down[j] == 0 else minus
        loss = plus + minus
        result[j] = loss if value[j] == value[j] else value[j]
    for j in range(n):
        losses[j] = weight[j] * result[j] if weight[j] != 0 else 0.0
    if grad == NULL:
        return bad

    for j in range(n):
        scale[j] = weight[j] * binary.grad_scale
    times(&binary.grad_output, o, i, n, scale)
    for j in range(n):
        inverse = <floating>1.0 / (<floating>1.0 + z[j])
        right = inverse if value[j] >= 0 else z[j] * inverse    # sigmoid(x)
        left = z[j] * inverse if value[j] >= 0 else inverse     # sigmoid(-x)
        z[j] = right * left
        result[j] = down[j] * right - up[j] * left
    for j in range(n):
        result[j] = <floating>(result[j] * scale[j]) if weight[j] != 0 else <floating>0.0
    if grad_step == 1:
        for j in range(n):
            grad[j] = result[j]
    else:
        for j in range(n):
            grad[j * grad_step] = result[j]
    if hess != NULL:
        for j in range(n):
            result[j] = (up[j] + down[j]) * z[j]
        for j in range(n):
            hess[j * hess_step] = <floating>(result[j] * scale[j]) if weight[j] != 0 else <floating>0.0
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
    floating[:, :, :] losses,            # out  (outer, inner, 1) or None: v_i l_i
    floating[:, :, :] grad,              # out  (outer, inner, 1) or None, may be logits
    floating[:, :, :] hess,              # out  (outer, inner, 1) or None, may be logits
    double[:, ::1] sums,                 # out  (n_blocks, 2): sum of the losses, number of targets outside [0, 1]
    Py_ssize_t block_outer,
    Py_ssize_t block_inner,
    Job job not None,
):
    """Loss, gradient and second derivative of the blocks that `job` hands out."""
    cdef Binary binary
    cdef Block block
    cdef Steps x_step = steps_of(logits), g_step = steps_of(grad), h_step = steps_of(hess), loss_step = steps_of(losses)
    cdef floating* x = start_of(logits)
    cdef floating* g = start_of(grad)
    cdef floating* h = start_of(hess)
    cdef floating* loss = start_of(losses)
    cdef Py_ssize_t outer = logits.shape[0], inner = logits.shape[1], number, o, i, n, bad, strip
    cdef double values[WIDTH]
    cdef double high[LANES]
    cdef double low[LANES]
    binary.target = target.view
    binary.pos_weight = view_of(pos_weight)
    binary.sample_weight = view_of(sample_weight)
    binary.grad_output = view_of(grad_output)
    binary.grad_scale = grad_scale
    binary.keep = 1.0 - smoothing
    binary.share = 0.5 * smoothing
    binary.has_ignore = ignore_index is not None
    binary.ignore = 0.0 if ignore_index is None else ignore_index
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
                        moved(x, x_step, o, i), x_step.inner, &binary, o, i, n, moved(g, g_step, o, i), g_step.inner,
                        moved(h, h_step, o, i), h_step.inner, values
                    )
                    add_losses(values, n, moved(loss, loss_step, o, i), loss_step.inner, high, low)
            sums[number, 0] = sum_lanes(high, low)
            sums[number, 1] = bad
            job.finish()
