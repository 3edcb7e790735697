# Softmax cross entropy: loss, gradient and Hessian diagonal of one row or one panel, and the loop over a job's blocks.
#
#     rest = sum of e_k over x_k != m      ties = number of k with x_k = m       spread = ties - 1 + rest = s - 1
#     loss = sum_k t_k (m - x_k) + T log1p(spread) + c lse^2                lse = m + log1p(spread)
#     grad = ((T - t_k + 2 c lse) e_k - t_k o_k) / s                        o_k = spread where e_k = 1, else s - e_k
#     hess = (T + 2 c lse) e_k o_k / s^2 + 2 c e_k^2 / s^2

from cython cimport floating
from libc.math cimport fma
from libc.stdint cimport int64_t
from libc.string cimport memset

from fastxent._kernels cimport scalar
from fastxent._kernels.grid cimport PANEL, TRANSPOSED, Block, Steps, block_at, moved, start_of, steps_of
from fastxent._kernels.job cimport Job
from fastxent._kernels.operand cimport Operand, view_of
from fastxent._kernels.panel cimport CLASSES, panel_exp, panel_max, panel_pick, transpose_in, transpose_out
from fastxent._kernels.row cimport row_exp, row_max, row_scale
from fastxent._kernels.sums cimport LANES, add_losses, sum_lanes, total_of, two_sum
from fastxent._kernels.target cimport (
    Scaling, Target, TargetView, is_plain, others_share, own_share, own_shares, read_samples, read_scales,
    target_of_classes, target_of_samples,
)


cdef inline double quotient_rest(double quotient, double scale, double s, double s_low) noexcept nogil:
    """What quotient = scale / s is short of scale / (s + s_low)."""
    return (fma(-quotient, s, scale) - quotient * s_low) / s


cdef inline double entry(
    double e, double t, double others, double slope, double spread, double s, double scale, double factor,
    double factor_low
) noexcept nogil:
    """One entry of the gradient: others = T - t_k, factor + factor_low = scale / s.

    In double whatever the dtype, and with the quotient in two parts, since it is a difference.
    """
    cdef double value = (others + slope) * e - t * (spread if e == 1.0 else s - e)
    return -t * scale + (s - s) if e == 0.0 else value * factor + value * factor_low  # s - s: nan in a row that is nan


cdef inline void row_dot(
    const floating* x, floating m, const TargetView* target, Py_ssize_t o, Py_ssize_t i, int64_t y,
    double* dot, double* total
) noexcept nogil:
    """dot = sum_k t_k (m - x_k), total = sum_k t_k; classes with t_k = 0 are skipped.

    Compensated term by term: beside a large t_k a plain sum of small equal ones drifts.
    """
    cdef double t[LANES]
    cdef double term[LANES]
    cdef double high[2][LANES]
    cdef double low[2][LANES]
    cdef Py_ssize_t block, j, k, n
    memset(high, 0, sizeof(high))
    memset(low, 0, sizeof(low))
    for block in range((target.C + LANES - 1) // LANES):
        k = block * LANES
        n = min(<Py_ssize_t>LANES, target.C - k)
        target_of_classes(target, o, i, y, k, n, t)
        for j in range(n):
            term[j] = t[j] * <double>(m - x[k + j]) if t[j] > 0 else 0.0
        two_sum(high[0], low[0], term, n)
        two_sum(high[1], low[1], t, n)
    dot[0] = sum_lanes(high[0], low[0])
    total[0] = sum_lanes(high[1], low[1])


cdef inline void row_grad(
    floating* e, const TargetView* target, Py_ssize_t o, Py_ssize_t i, int64_t y,
    double total, double slope, double spread, double s, double scale, double factor, double factor_low
) noexcept nogil:
    """e becomes the gradient, for any target."""
    cdef double t[LANES]
    cdef Py_ssize_t block, j, k
    for block in range((target.C + LANES - 1) // LANES):
        k = block * LANES
        target_of_classes(target, o, i, y, k, min(<Py_ssize_t>LANES, target.C - k), t)
        for j in range(min(<Py_ssize_t>LANES, target.C - k)):
            e[k + j] = <floating>entry(
                e[k + j], t[j], total - t[j], slope, spread, s, scale, factor, factor_low
            )


cdef inline void row_hess(
    const floating* e, floating* hess, Py_ssize_t n, double a, double b, double spread, double s
) noexcept nogil:
    """hess = a e o + b e^2."""
    cdef floating p = <floating>a, q = <floating>b, top = <floating>spread, whole = <floating>s
    cdef Py_ssize_t k
    for k in range(n):
        hess[k] = e[k] * (p * (top if e[k] == <floating>1.0 else whole - e[k]) + q * e[k])


cdef inline double softmax_row(
    const floating* x,           # in   (C,)
    const TargetView* target,
    Py_ssize_t o,
    Py_ssize_t i,
    int64_t y,
    double z_loss,
    double scale,                # of the gradient and the Hessian
    floating* grad,              # out  (C,), may be x, may be NULL
    floating* hess,              # out  (C,), may be x, may be NULL
) noexcept nogil:
    """The loss of one row."""
    cdef double own = 0.0, others = 0.0, total, dot, ties = 0.0, rest = 0.0, spread, s, s_low
    cdef double log_s, lse, slope, own_e, factor, factor_low
    cdef floating m = row_max(x, target.C)
    cdef bint index = target.distribution.data == NULL
    if index:
        own = own_share(target, y)
        others = others_share(target, y)
    if is_plain(target):
        total = own
        dot = own * <double>(m - x[y]) if own > 0 else 0.0
    else:
        row_dot(x, m, target, o, i, y, &dot, &total)
        if index:
            total = own + others
    row_exp(x, m, target.C, grad, &ties, &rest)
    spread = ties - 1.0 + rest
    s = ties + rest
    s_low = rest - (s - ties) if ties > rest else ties - (s - rest)
    log_s = scalar.log1p(spread)
    lse = m + log_s
    slope = 2.0 * z_loss * lse
    if hess != NULL:
        row_hess(
            grad, hess, target.C, scale * (total + slope) / (s * s), scale * 2.0 * z_loss / (s * s), spread, s
        )
    if grad != NULL:
        own_e = grad[y]
        factor = scale / s
        factor_low = quotient_rest(factor, scale, s, s_low)
        if is_plain(target):
            row_scale(grad, <floating>((total + slope) * factor + (total + slope) * factor_low), target.C)
        else:
            row_grad(grad, target, o, i, y, total, slope, spread, s, scale, factor, factor_low)
        if index:
            grad[y] = <floating>entry(own_e, own, others, slope, spread, s, scale, factor, factor_low)
    return dot + total * log_s + (z_loss * lse * lse if z_loss != 0.0 else 0.0)


cdef inline void panel_dot(
    const floating* x, Py_ssize_t step, const floating* m, const TargetView* target, Py_ssize_t o, Py_ssize_t i,
    const int64_t* y, Py_ssize_t n, double* dot, double* total
) noexcept nogil:
    """row_dot for n lanes."""
    cdef double t[LANES]
    cdef double term[LANES]
    cdef double low[2][LANES]
    cdef Py_ssize_t j, k
    for j in range(LANES):
        dot[j] = total[j] = low[0][j] = low[1][j] = 0.0
    for k in range(target.C):
        target_of_samples(target, o, i, y, k, n, t)
        for j in range(n):
            term[j] = t[j] * <double>(m[j] - x[k * step + j]) if t[j] > 0 else 0.0
        two_sum(dot, low[0], term, n)
        two_sum(total, low[1], t, n)
    for j in range(LANES):
        dot[j] = total_of(dot[j], low[0][j])
        total[j] = total_of(total[j], low[1][j])


cdef inline Py_ssize_t softmax_panel(
    const floating* x,           # in   C x lanes
    Py_ssize_t step,
    Py_ssize_t lanes,            # n, or LANES in a transposed panel
    const TargetView* target,
    const Scaling* scaling,
    Py_ssize_t o,
    Py_ssize_t i,
    Py_ssize_t n,                # samples (o, i) ... (o, i + n - 1)
    double z_loss,
    floating* grad,              # out  C x lanes, may be x, may be NULL
    Py_ssize_t grad_step,
    floating* hess,              # out  C x lanes, may be x, may be NULL
    Py_ssize_t hess_step,
    double* losses,              # out  (n,) v_i l_i
) noexcept nogil:
    """Returns how many labels are no class. What is one number a lane is computed for all LANES, used or not."""
    cdef int64_t y[LANES]
    cdef double weight[LANES]
    cdef double scale[LANES]
    cdef double own[LANES]
    cdef double others[LANES]
    cdef double total[LANES]
    cdef double slope[LANES]
    cdef double t[LANES]
    cdef double quotient[LANES]
    cdef double quotient_low[LANES]
    cdef floating label[LANES]
    cdef floating live[LANES]
    cdef floating m[LANES]
    cdef floating ties[LANES]
    cdef floating rest[LANES]
    cdef floating rest_low[LANES]
    cdef floating s[LANES]
    cdef floating s_low[LANES]
    cdef floating log_s[LANES]
    cdef floating own_x[LANES]
    cdef floating own_grad[LANES]
    cdef floating factor[LANES]
    cdef floating curve[LANES]
    cdef Py_ssize_t bad, j, k, C = target.C
    cdef floating value
    cdef double lse
    cdef bint index = target.distribution.data == NULL
    cdef bint plain = is_plain(target)

    for j in range(LANES):
        y[j] = 0
        weight[j] = own[j] = others[j] = 0.0
        m[j] = ties[j] = <floating>1.0
        rest[j] = rest_low[j] = own_x[j] = <floating>0.0
    bad = read_samples(target, scaling, o, i, n, y, weight)
    panel_max(x, step, C, lanes, m)
    if index:
        own_shares(target, y, own, others)
        for j in range(LANES):
            label[j] = <floating>y[j]
        panel_pick(x, step, C, lanes, label, own_x)
    else:
        for j in range(LANES):
            label[j] = -<floating>1.0
    if plain:
        for j in range(LANES):
            total[j] = own[j]
            losses[j] = own[j] * <double>(m[j] - own_x[j]) if own[j] > 0 else 0.0
    else:
        panel_dot(x, step, m, target, o, i, y, n, losses, total)
        if index:
            for j in range(LANES):
                total[j] = own[j] + others[j]
    panel_exp(x, step, C, lanes, m, grad, grad_step, ties, rest, rest_low)
    for j in range(LANES):
        s[j] = ties[j]
        log_s[j] = rest_low[j]
    two_sum(s, log_s, rest, LANES)
    for j in range(LANES):
        own_grad[j] = s[j] + log_s[j]
        s_low[j] = log_s[j] - (own_grad[j] - s[j])
        s[j] = own_grad[j]
        rest[j] = ties[j] - <floating>1.0 + (rest[j] + rest_low[j])  # from here on the spread, s - 1
        log_s[j] = scalar.log1p(rest[j])
    for j in range(LANES):
        slope[j] = 0.0
        losses[j] += total[j] * log_s[j]
    if z_loss != 0.0:
        for j in range(LANES):
            lse = <double>m[j] + log_s[j]
            slope[j] = 2.0 * z_loss * lse
            losses[j] += z_loss * lse * lse
    for j in range(LANES):
        losses[j] = weight[j] * losses[j] if weight[j] != 0 else 0.0
    if grad == NULL:
        return bad

    read_scales(scaling, o, i, n, weight, scale)
    if hess != NULL:
        for j in range(LANES):
            live[j] = <floating>(weight[j] != 0)
            factor[j] = <floating>((total[j] + slope[j]) * scale[j] / (<double>s[j] * s[j]))
            curve[j] = <floating>(2.0 * z_loss * scale[j] / (<double>s[j] * s[j]))
        for k in range(C):
            for j in range(lanes):
                value = grad[k * grad_step + j]
                value *= factor[j] * (rest[j] if value == <floating>1.0 else s[j] - value) + curve[j] * value
                hess[k * hess_step + j] = value if live[j] != 0 else <floating>0.0
    for j in range(LANES):
        live[j] = <floating>(weight[j] != 0)
        quotient[j] = scale[j] / s[j]
    for j in range(LANES):
        quotient_low[j] = quotient_rest(quotient[j], scale[j], s[j], s_low[j])
    for j in range(LANES):
        factor[j] = <floating>((total[j] + slope[j]) * quotient[j] + (total[j] + slope[j]) * quotient_low[j])
        own_x[j] = scalar.exp_difference(own_x[j], m[j])
    for j in range(LANES):
        own_grad[j] = <floating>entry(
            own_x[j], own[j], others[j], slope[j], rest[j], s[j], scale[j], quotient[j], quotient_low[j]
        )
    if plain:
        for k in range(C):
            for j in range(lanes):
                value = own_grad[j] if label[j] == <floating>k else grad[k * grad_step + j] * factor[j]
                grad[k * grad_step + j] = value if live[j] != 0 else <floating>0.0
    else:
        for k in range(C):
            target_of_samples(target, o, i, y, k, n, t)
            for j in range(n):
                value = <floating>entry(
                    grad[k * grad_step + j], t[j], total[j] - t[j], slope[j], rest[j], s[j], scale[j],
                    quotient[j], quotient_low[j]
                )
                value = own_grad[j] if label[j] == <floating>k else value
                grad[k * grad_step + j] = value if live[j] != 0 else <floating>0.0
    return bad


cdef inline Py_ssize_t softmax_strip(
    Py_ssize_t way,              # ROWS, PANEL or TRANSPOSED
    const floating* x,           # in   n <= LANES samples of C classes
    Steps x_step,
    const TargetView* target,
    const Scaling* scaling,
    Py_ssize_t o,
    Py_ssize_t i,
    Py_ssize_t n,
    double z_loss,
    floating* grad,              # out  like x, may be x, may be NULL
    Steps grad_step,
    floating* hess,              # out  like x, may be x, may be NULL
    Steps hess_step,
    double* losses,              # out  (LANES,)
) noexcept nogil:
    """Samples (o, i) ... (o, i + n - 1); returns how many labels are no class."""
    cdef floating buffer[CLASSES * LANES]
    cdef floating second[CLASSES * LANES]
    cdef double weight[LANES]
    cdef double scale[LANES]
    cdef int64_t y[LANES]
    cdef floating* g = NULL
    cdef floating* h = NULL
    cdef Py_ssize_t j, bad, C = target.C
    if way == PANEL:
        if n == LANES:
            return softmax_panel(
                x, x_step.classes, LANES, target, scaling, o, i, LANES, z_loss, grad, grad_step.classes, hess,
                hess_step.classes, losses
            )
        return softmax_panel(
            x, x_step.classes, n, target, scaling, o, i, n, z_loss, grad, grad_step.classes, hess, hess_step.classes,
            losses
        )
    if way == TRANSPOSED:
        if grad != NULL:
            g = buffer
        if hess != NULL:
            h = second
        transpose_in(x, x_step.inner, x_step.classes, C, n, buffer)
        bad = softmax_panel(buffer, LANES, LANES, target, scaling, o, i, n, z_loss, g, LANES, h, LANES, losses)
        if grad != NULL:
            transpose_out(buffer, grad_step.inner, grad_step.classes, C, n, grad)
        if hess != NULL:
            transpose_out(second, hess_step.inner, hess_step.classes, C, n, hess)
        return bad
    bad = read_samples(target, scaling, o, i, n, y, weight)
    read_scales(scaling, o, i, n, weight, scale)
    for j in range(n):
        if grad != NULL:
            g = grad + j * grad_step.inner
        if hess != NULL:
            h = hess + j * hess_step.inner
        losses[j] = 0.0
        if weight[j] != 0.0:
            losses[j] = weight[j] * softmax_row(x + j * x_step.inner, target, o, i + j, y[j], z_loss, scale[j], g, h)
        else:
            if grad != NULL:
                memset(g, 0, C * sizeof(floating))
            if hess != NULL:
                memset(h, 0, C * sizeof(floating))
    return bad


def softmax_cross_entropy(
    Py_ssize_t way,                      # ROWS, PANEL or TRANSPOSED
    const floating[:, :, :] logits,      # in   (outer, inner, C)
    Target target not None,
    Operand sample_weight,               # in   (outer, inner) or None
    Operand grad_output,                 # in   (outer, inner) or None
    double grad_scale,
    double z_loss,
    floating[:, :, :] losses,            # out  (outer, inner, 1) or None: v_i l_i
    floating[:, :, :] grad,              # out  (outer, inner, C) or None, may be logits
    floating[:, :, :] hess,              # out  (outer, inner, C) or None, may be logits
    double[:, ::1] sums,                 # out  (n_blocks, 2): sum of the losses, number of labels that are no class
    Py_ssize_t block_outer,
    Py_ssize_t block_inner,
    Job job not None,
):
    """Loss, gradient and Hessian diagonal of the blocks that `job` hands out."""
    cdef Scaling scaling
    cdef Block block
    cdef Steps x_step = steps_of(logits), g_step = steps_of(grad), h_step = steps_of(hess), loss_step = steps_of(losses)
    cdef floating* x = start_of(logits)
    cdef floating* g = start_of(grad)
    cdef floating* h = start_of(hess)
    cdef floating* loss = start_of(losses)
    cdef Py_ssize_t outer = logits.shape[0], inner = logits.shape[1], number, o, i, n, bad, strip
    cdef double values[LANES]
    cdef double high[LANES]
    cdef double low[LANES]
    scaling.sample_weight = view_of(sample_weight)
    scaling.grad_output = view_of(grad_output)
    scaling.grad_scale = grad_scale
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
                for strip in range((block.inner_stop - block.inner + LANES - 1) // LANES):
                    i = block.inner + strip * LANES
                    n = min(<Py_ssize_t>LANES, block.inner_stop - i)
                    bad += softmax_strip(
                        way, moved(x, x_step, o, i), x_step, &target.view, &scaling, o, i, n, z_loss,
                        moved(g, g_step, o, i), g_step, moved(h, h_step, o, i), h_step, values
                    )
                    add_losses(values, n, moved(loss, loss_step, o, i), loss_step.inner, high, low)
            sums[number, 0] = sum_lanes(high, low)
            sums[number, 1] = bad
            job.finish()
