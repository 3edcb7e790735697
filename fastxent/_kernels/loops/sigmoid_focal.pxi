# Sigmoid focal loss, element by element, and the loop over a job's blocks. Of one side, whose answer is right if y is
# large (y = x for the target 1, y = -x for 0), with p = sigmoid(y), q = sigmoid(-y), L = softplus(-y), odds = p / q:
#
#     loss = q^gamma L
#     grad = -q^(gamma + 1) (1 + gamma odds L)                                   for y
#     hess = q^(gamma + 1) p (1 + 2 gamma - gamma L + gamma^2 odds L)         by the Gauss-Newton rule -grad p
#
# An element between 0 and 1 has both sides. focal/terms.pxd says more.

from cython cimport floating
from libc.float cimport FLT_MAX
from libc.math cimport INFINITY

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.focal.terms cimport odds_of, odds_times


cdef inline double gamma_of(const Problem* problem, const floating* _) noexcept nogil:
    """gamma, or the largest number of the dtype."""
    if floating is float:
        return problem.option.gamma if problem.option.gamma < FLT_MAX else FLT_MAX
    else:
        return problem.option.gamma


cdef inline void focal_side(
    const floating* y,           # in   (WIDTH,)
    const floating* z,           # in   (WIDTH,) exp(-|y|)
    const floating* log1p_z,     # in   (WIDTH,)
    const floating* side,        # in   (WIDTH,) the side's weight
    const Problem* problem,
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
    cdef double gamma = gamma_of(problem, y)
    cdef floating g = <floating>gamma, right, wrong, inverse, value
    cdef Py_ssize_t j
    for j in range(WIDTH):
        right = <floating>1.0 if y[j] > 0 else z[j]
        wrong = z[j] if y[j] > 0 else <floating>1.0
        inverse = <floating>1.0 / (<floating>1.0 + z[j])
        p[j] = right * inverse
        q[j] = wrong * inverse
        odds[j] = odds_of(right, wrong)
    if gamma == 2.0:
        for j in range(WIDTH):
            factor[j] = q[j] * q[j]
    else:
        for j in range(WIDTH):
            factor[j] = scalar.inverse_power(odds[j], gamma)
    for j in range(WIDTH):
        value = log1p_z[j] - y[j]
        value = log1p_z[j] if y[j] > 0 else value
        odds_loss[j] = odds_times(odds[j], value)
        loss[j] = value
    if order == 2:
        for j in range(WIDTH):
            value = p[j] + (g * p[j]) * (<floating>2.0 - loss[j]) + (g * p[j]) * (g * odds_loss[j])
            value = p[j] * (<floating>1.0 + g * odds_loss[j]) if problem.option.gauss_newton else value
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
    const Problem* problem,
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
        focal_side(x, z, log1p_z, up, problem, order, loss, grad, hess)
        for j in range(WIDTH):
            y[j] = -x[j]
        focal_side(y, z, log1p_z, down, problem, order, other[0], other[1], other[2])
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
    focal_side(y, z, log1p_z, side, problem, order, loss, grad, hess)
    if order >= 1:
        for j in range(WIDTH):
            grad[j] = <floating>0.0 + grad[j] if down[j] == 0 else -grad[j]    # no -0, as above


cdef Py_ssize_t sigmoid_focal_strip(
    const floating* x, const Problem* problem, const Strip* strip, double* losses   # out  (WIDTH,)
) noexcept nogil:
    """Returns how many targets are neither in [0, 1] nor without weight."""
    cdef floating value[WIDTH]
    cdef floating up[WIDTH]
    cdef floating down[WIDTH]
    cdef floating loss[WIDTH]
    cdef floating slope[WIDTH]
    cdef floating bend[WIDTH]
    cdef double weight[WIDTH]
    cdef const View* grad = &problem.view[<int>GRAD]
    cdef Py_ssize_t j, bad
    cdef int order = 0 if not has(problem, GRAD) else 1 if not has(problem, HESS) else 2
    if problem.view[<int>X].inner == <Py_ssize_t>sizeof(floating):
        prefetch_block(x + SOON, WIDTH)
    if grad.inner == <Py_ssize_t>sizeof(floating) and grad.data != NULL:
        prefetch_block_to_write(<const floating*>at(grad, strip.o, strip.i + SOON), WIDTH)
    bad = read_targets(problem, strip, up, down, weight)
    for j in range(WIDTH):
        up[j] = <floating>(problem.option.positive * up[j])
        down[j] = <floating>(problem.option.negative * down[j])
    load_logits_of(x, problem, strip.n, value)
    focal_elements(value, up, down, problem, order, loss, slope, bend)
    if is_even(problem):
        for j in range(WIDTH):
            losses[j] = loss[j]
    else:
        for j in range(WIDTH):
            losses[j] = weight[j] * loss[j] if weight[j] != 0 else 0.0
    if order >= 1:
        times_weight(problem, strip, weight, slope)
        store_strip(grad, strip, slope)
    if order == 2:
        times_weight(problem, strip, weight, bend)
        by_rule(&problem.option, WIDTH, bend)
        store_strip(&problem.view[<int>HESS], strip, bend)
    return bad


cdef void sigmoid_focal_loss(
    const floating[:, :, :] logits,  # in   (outer, inner, 1)
    floating[:, :, :] losses,        # out  (outer, inner, 1), or of no size: v_i l_i
    const Problem* problem,          # the rest, derivatives included
    Py_ssize_t start,                # elements start ... start + n - 1, counted along inner
    Py_ssize_t n,
    char* scratch,
    Total* total,                    # out
) noexcept nogil:
    cdef double values[WIDTH]
    cdef floating* loss = NULL
    cdef Py_ssize_t stop = start + n
    cdef Strip strip
    while start < stop:
        strip = strip_at(start, stop, logits.shape[1], WIDTH)
        total.bad += sigmoid_focal_strip(&logits[strip.o, strip.i, 0], problem, &strip, values)
        if losses.shape[2] > 0:
            loss = &losses[strip.o, strip.i, 0]
        add_element_losses(values, strip.n, loss, &problem.view[<int>LOSSES], total)
        start += strip.n
