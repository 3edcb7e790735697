"""Softmax cross entropy of a panel of samples side by side; softmax_terms.pxd has the formulas."""

from cython cimport floating
from libc.stdint cimport int64_t

from fastxent._kernels cimport scalar
from fastxent._kernels.panel cimport (
    BOTTOM, MAGIC, ORIGIN, REST, REST_LOW, SHIFT, SUMS, TIES, TOP, panel_exp, panel_max, panel_pick, shift_by,
)
from fastxent._kernels.softmax_terms cimport entry, quotient_rest, sum_rest
from fastxent._kernels.sums cimport LANES, total_of, two_sum
from fastxent._kernels.target cimport (
    Scaling, TargetView, is_plain, own_shares, read_samples, read_scales, target_of_samples,
)


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


cdef inline void clear_dead(
    const double* weight, Py_ssize_t C, Py_ssize_t lanes, floating* out, Py_ssize_t step
) noexcept nogil:
    """0 in the lanes without weight, whatever came out for them: selected, never multiplied."""
    cdef floating live[LANES]
    cdef Py_ssize_t j, k, dead = 0
    for j in range(lanes):
        live[j] = <floating>(weight[j] != 0)
    for j in range(lanes):
        dead += weight[j] == 0
    if dead == 0:
        return
    for k in range(C):
        for j in range(lanes):
            out[k * step + j] = out[k * step + j] if live[j] != 0 else <floating>0.0


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
    cdef double s[LANES]
    cdef double spread[LANES]
    cdef double quotient[LANES]
    cdef double quotient_low[LANES]
    cdef floating label[LANES]
    cdef floating m[LANES]
    cdef floating shift[SHIFT]
    cdef floating sums[SUMS]
    cdef floating log_s[LANES]
    cdef floating own_x[LANES]
    cdef floating own_grad[LANES]
    cdef floating factor[LANES]
    cdef floating curve[LANES]
    cdef floating most[LANES]
    cdef floating whole[LANES]
    cdef Py_ssize_t bad, j, k, C = target.C
    cdef floating value
    cdef double lse, rest
    cdef bint index = target.distribution.data == NULL
    cdef bint plain = is_plain(target)

    for j in range(n, LANES):
        y[j] = 0
        weight[j] = 0.0
    if lanes < LANES:
        for j in range(lanes, LANES):
            m[j] = own_x[j] = <floating>0.0
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
            own_x[j] = m[j]
            own[j] = others[j] = 0.0
    if plain:
        for j in range(LANES):
            total[j] = own[j]
            losses[j] = own[j] * <double>(m[j] - own_x[j]) if own[j] > 0 else 0.0
    else:
        panel_dot(x, step, m, target, o, i, y, n, losses, total)
        if index:
            for j in range(LANES):
                total[j] = own[j] + others[j]
    shift_by(m, LANES, shift)
    panel_exp(x, step, C, lanes, shift, grad, grad_step, sums)
    for j in range(LANES):
        value = (sums[REST + j] + sums[REST_LOW + j]) / shift[TOP + j]
        log_s[j] = scalar.log1p((sums[TIES + j] - <floating>1.0) + value)
    for j in range(LANES):
        losses[j] += total[j] * log_s[j]
    if z_loss != 0.0:
        for j in range(LANES):
            lse = <double>m[j] + log_s[j]
            slope[j] = 2.0 * z_loss * lse
            losses[j] += z_loss * lse * lse
    else:
        for j in range(LANES):
            slope[j] = 0.0
    for j in range(LANES):
        losses[j] = weight[j] * losses[j] if weight[j] != 0 else 0.0
    if grad == NULL:
        return bad

    read_scales(scaling, o, i, n, weight, scale)
    for j in range(n, LANES):
        scale[j] = 0.0
    for j in range(LANES):
        rest = <double>sums[REST + j] + <double>sums[REST_LOW + j]
        s[j] = <double>sums[TIES + j] * shift[TOP + j] + rest
        spread[j] = (<double>sums[TIES + j] - 1.0) * shift[TOP + j] + rest
        quotient[j] = scale[j] / s[j]
        quotient_low[j] = 0.0
    if floating is double:
        for j in range(LANES):
            rest = sum_rest(s[j], shift[TOP + j], sums[TIES + j], sums[REST + j]) + sums[REST_LOW + j]
            quotient_low[j] = quotient_rest(quotient[j], scale[j], s[j], rest)
    if hess != NULL:
        for j in range(LANES):
            factor[j] = <floating>((total[j] + slope[j]) * scale[j] / (s[j] * s[j]))
            curve[j] = <floating>(2.0 * z_loss * scale[j] / (s[j] * s[j]))
            most[j] = <floating>spread[j]
            whole[j] = <floating>s[j]
        for k in range(C):
            for j in range(lanes):
                value = grad[k * grad_step + j]
                value *= factor[j] * (most[j] if value == shift[TOP + j] else whole[j] - value) + curve[j] * value
                hess[k * hess_step + j] = value
        clear_dead(weight, C, lanes, hess, hess_step)
    for j in range(LANES):
        factor[j] = <floating>((total[j] + slope[j]) * quotient[j] + (total[j] + slope[j]) * quotient_low[j])
        own_x[j] = scalar.exp_scaled(own_x[j], shift[ORIGIN + j], shift[MAGIC + j], shift[BOTTOM + j])
    for j in range(LANES):
        own_grad[j] = <floating>entry(
            own_x[j], shift[TOP + j], own[j], others[j], slope[j], spread[j], s[j], scale[j], quotient[j],
            quotient_low[j]
        )
    if plain:
        for k in range(C):
            for j in range(lanes):
                grad[k * grad_step + j] = own_grad[j] if label[j] == <floating>k else grad[k * grad_step + j] * factor[j]
    else:
        for k in range(C):
            target_of_samples(target, o, i, y, k, n, t)
            for j in range(n):
                value = <floating>entry(
                    grad[k * grad_step + j], shift[TOP + j], t[j], total[j] - t[j], slope[j], spread[j], s[j],
                    scale[j], quotient[j], quotient_low[j]
                )
                grad[k * grad_step + j] = own_grad[j] if label[j] == <floating>k else value
    clear_dead(weight, C, lanes, grad, grad_step)
    return bad
