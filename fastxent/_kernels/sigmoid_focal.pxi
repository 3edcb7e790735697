# Sigmoid focal loss, element by element, and the loop over a job's blocks. Of one side, whose answer is right if y is
# large (y = x for the target 1, y = -x for 0), with p = sigmoid(y), q = sigmoid(-y), L = softplus(-y), odds = p / q:
#
#     loss = q^gamma L
#     grad = -q^(gamma + 1) (1 + gamma odds L)                                   for y
#     hess = q^(gamma + 1) p (1 + 2 gamma - gamma L + gamma^2 odds L)         by the Gauss-Newton rule -grad p
#
# An element between 0 and 1 has both sides. focal_terms.pxd says more.

from cython cimport floating
from libc.math cimport INFINITY
from libc.string cimport memset

from fastxent._kernels cimport scalar
from fastxent._kernels.focal_terms cimport odds_of, odds_times
from fastxent._kernels.grid cimport Block, Steps, block_at, moved, start_of, steps_of
from fastxent._kernels.job cimport Job
from fastxent._kernels.memory cimport prefetch_block, prefetch_block_to_write
from fastxent._kernels.operand cimport FLOAT32, FLOAT64, Operand
from fastxent._kernels.output cimport Output, OutputView, by_rule, output_of, place, store_strip
from fastxent._kernels.sums cimport LANES, WIDTH, add_losses, sum_lanes


cdef double LARGEST_GAMMA = 3.4028234663852886e+38  # in float32


cdef struct Focal:
    double gamma
    bint gauss_newton
    double positive              # the weight of the target 1: alpha, or 1
    double negative              # of the target 0: 1 - alpha, or 1


cdef inline void focal_side(
    const floating* y,           # in   (WIDTH,)
    const floating* z,           # in   (WIDTH,) exp(-|y|)
    const floating* log1p_z,     # in   (WIDTH,)
    const floating* side,        # in   (WIDTH,) the side's weight
    const Focal* focal,
    int order,                   # of the highest derivative wanted
    floating* loss,              # out  (WIDTH,)
    floating* grad,              # out  (WIDTH,)
    floating* hess,              # out  (WIDTH,)
) noexcept nogil:
    cdef floating p[WIDTH]
    cdef floating q[WIDTH]
    cdef floating odds[WIDTH]
    cdef floating factor[WIDTH]
    cdef floating odds_loss[WIDTH]
    cdef floating g = <floating>focal.gamma, right, wrong, inverse, value
    cdef Py_ssize_t j
    for j in range(WIDTH):
        right = <floating>1.0 if y[j] > 0 else z[j]
        wrong = z[j] if y[j] > 0 else <floating>1.0
        inverse = <floating>1.0 / (<floating>1.0 + z[j])
        p[j] = right * inverse
        q[j] = wrong * inverse
        odds[j] = odds_of(right, wrong)
    if focal.gamma == 2.0:
        for j in range(WIDTH):
            factor[j] = q[j] * q[j]
    else:
        for j in range(WIDTH):
            factor[j] = scalar.inverse_power(odds[j], focal.gamma)
    for j in range(WIDTH):
        value = log1p_z[j] - y[j]
        value = log1p_z[j] if y[j] > 0 else value
        odds_loss[j] = odds_times(odds[j], value)
        loss[j] = value
    if order == 2:
        for j in range(WIDTH):
            value = p[j] + (g * p[j]) * (<floating>2.0 - loss[j]) + (g * p[j]) * (g * odds_loss[j])
            value = p[j] * (<floating>1.0 + g * odds_loss[j]) if focal.gauss_newton else value
            value = side[j] * (factor[j] * q[j]) * value
            hess[j] = <floating>0.0 if (factor[j] == 0) | (p[j] == 0) else value
    if order >= 1:
        for j in range(WIDTH):
            grad[j] = -side[j] * (factor[j] * q[j]) * (<floating>1.0 + g * odds_loss[j])
    for j in range(WIDTH):
        value = side[j] * factor[j] * loss[j]
        loss[j] = <floating>0.0 if (side[j] == 0) & (loss[j] == <floating>INFINITY) else value


cdef inline bint is_soft(const floating* up, const floating* down) noexcept nogil:
    """Whether an element has both sides."""
    cdef Py_ssize_t j
    cdef int both = 0
    for j in range(WIDTH):
        both += (up[j] != 0) & (down[j] != 0)
    return both > 0


cdef inline void focal_elements(
    const floating* x,           # in   (WIDTH,)
    const floating* up,          # in   (WIDTH,) weight of the target 1
    const floating* down,        # in   (WIDTH,) of the target 0
    const Focal* focal,
    int order,                   # of the highest derivative wanted
    floating* loss,              # out  (WIDTH,)
    floating* grad,              # out  (WIDTH,)
    floating* hess,              # out  (WIDTH,)
) noexcept nogil:
    """One side of each element where no target lies between 0 and 1, else both."""
    cdef floating y[WIDTH]
    cdef floating z[WIDTH]
    cdef floating log1p_z[WIDTH]
    cdef floating side[WIDTH]
    cdef floating other[3][WIDTH]
    cdef Py_ssize_t j
    cdef bint soft = is_soft(up, down)
    for j in range(WIDTH):
        z[j] = scalar.exp(-x[j] if x[j] > 0 else x[j])
    for j in range(WIDTH):
        log1p_z[j] = scalar.log1p(z[j])
    if soft:
        focal_side(x, z, log1p_z, up, focal, order, loss, grad, hess)
        for j in range(WIDTH):
            y[j] = -x[j]
        focal_side(y, z, log1p_z, down, focal, order, other[0], other[1], other[2])
        for j in range(WIDTH):
            loss[j] += other[0][j]
        if order >= 1:
            for j in range(WIDTH):
                grad[j] -= other[1][j]
        if order == 2:
            for j in range(WIDTH):
                hess[j] += other[2][j]
        return
    for j in range(WIDTH):
        y[j] = x[j] if down[j] == 0 else -x[j]
        side[j] = up[j] + down[j]
    focal_side(y, z, log1p_z, side, focal, order, loss, grad, hess)
    if order >= 1:
        for j in range(WIDTH):
            grad[j] = grad[j] if down[j] == 0 else -grad[j]


cdef inline Py_ssize_t sigmoid_focal_strip(
    const floating* x,           # in   n elements, `step` apart
    Py_ssize_t step,
    const Binary* binary,
    const Focal* focal,
    Py_ssize_t o,
    Py_ssize_t i,
    Py_ssize_t n,
    const OutputView* grad,      # out  may be x
    const OutputView* hess,      # out  may be x; only with a gradient
    double* losses,              # out  (WIDTH,)
) noexcept nogil:
    """Elements (o, i) ... (o, i + n - 1); returns how many targets are neither in [0, 1] nor ignored."""
    cdef floating value[WIDTH]
    cdef floating up[WIDTH]
    cdef floating down[WIDTH]
    cdef floating loss[WIDTH]
    cdef floating slope[WIDTH]
    cdef floating bend[WIDTH]
    cdef double weight[WIDTH]
    cdef Py_ssize_t j, bad
    cdef int order = 0 if grad.data == NULL else 1 if hess.data == NULL else 2
    if step == 1:
        prefetch_block(x + AHEAD, WIDTH)
    if grad.step.inner == 1 and grad.data != NULL:
        prefetch_block_to_write(<const floating*>place(grad, o, i + AHEAD), WIDTH)
    bad = read_targets(binary, o, i, n, up, down, weight)
    for j in range(WIDTH):
        up[j] = <floating>(focal.positive * up[j])
        down[j] = <floating>(focal.negative * down[j])
    load_whole(<const char*>x, FLOAT32 if floating is float else FLOAT64, step * <Py_ssize_t>sizeof(floating), n, value)
    focal_elements(value, up, down, focal, order, loss, slope, bend)
    if is_even(binary):
        for j in range(WIDTH):
            losses[j] = loss[j]
    else:
        for j in range(WIDTH):
            losses[j] = weight[j] * loss[j] if weight[j] != 0 else 0.0
    if grad.data != NULL:
        times_weight(binary, o, i, n, weight, slope)
        store_strip(slope, grad, o, i, n)
    if hess.data != NULL:
        times_weight(binary, o, i, n, weight, bend)
        by_rule(hess, WIDTH, bend)
        store_strip(bend, hess, o, i, n)
    return bad


def sigmoid_focal_loss(
    Py_ssize_t way,                      # not used: there are no classes to go along
    const floating[:, :, :] logits,      # in   (outer, inner, 1)
    Operand target not None,             # in   (outer, inner)
    Operand pos_weight,                  # in   (outer, inner) or None
    Operand sample_weight,               # in   (outer, inner) or None
    Operand grad_output,                 # in   (outer, inner) or None
    double grad_scale,
    double smoothing,
    object ignore_index,                 # a number or None
    double gamma,
    bint gauss_newton,                   # the second derivative without the change of q^gamma
    double positive,                     # alpha, or 1
    double negative,                     # 1 - alpha, or 1
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
    cdef Focal focal
    cdef Block block
    cdef Steps x_step = steps_of(logits), loss_step = steps_of(losses)
    cdef OutputView g = output_of(grad), h = output_of(hess)
    cdef floating* x = start_of(logits)
    cdef floating* loss = start_of(losses)
    cdef Py_ssize_t outer = logits.shape[0], inner = logits.shape[1], number, o, i, n, bad, strip
    cdef double values[WIDTH]
    cdef double high[LANES]
    cdef double low[LANES]
    focal.gamma = min(gamma, LARGEST_GAMMA) if floating is float else gamma
    focal.gauss_newton = gauss_newton
    focal.positive = positive
    focal.negative = negative
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
                    bad += sigmoid_focal_strip(
                        moved(x, x_step, o, i), x_step.inner, &binary, &focal, o, i, n, &g, &h, values
                    )
                    add_losses(values, n, moved(loss, loss_step, o, i), loss_step.inner, high, low)
            sums[number, 0] = sum_lanes(high, low)
            sums[number, 1] = bad
            job.finish()
