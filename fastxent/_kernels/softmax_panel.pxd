"""Softmax cross entropy of a panel of samples side by side; softmax_terms.pxd has the formulas."""

from cython cimport floating
from libc.stdint cimport int32_t, int64_t

from fastxent._kernels cimport scalar
from fastxent._kernels.panel cimport (
    BOTTOM, MAGIC, MAXIMUM, ORIGIN, PANELS, REST, REST_LOW, SHIFT, SUMS, TIES, TOP, panel_exp, panel_max, panel_pick,
    shift_by, store_lanes, whole_lanes,
)
from fastxent._kernels.softmax_terms cimport entry, quotient_rest, sum_rest
from fastxent._kernels.sums cimport LANES, WIDTH, total_of, two_sum
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


cdef inline void scaled_panel(
    const floating* label,       # in   (LANES,) the class, -1 for none
    const floating* factor,      # in   (LANES,)
    const floating* own_grad,    # in   (LANES,)
    Py_ssize_t C,
    Py_ssize_t lanes,
    floating* grad,              # out  C x lanes, holds the exponentials
    Py_ssize_t step,
) noexcept nogil:
    """The gradient where t has one entry: the exponentials times a factor, but for the label's class."""
    cdef floating scaled[LANES]
    cdef floating room[LANES]
    cdef const floating* e
    cdef floating own, other, number
    cdef Py_ssize_t j, k
    for k in range(C):
        e = whole_lanes(grad + k * step, lanes, room)
        number = <floating>k
        for j in range(LANES):
            own = own_grad[j]
            other = e[j] * factor[j]
            scaled[j] = own if label[j] == number else other
        store_lanes(scaled, lanes, grad + k * step)


cdef inline void panel_hess(
    const floating* e,           # in   C x lanes
    Py_ssize_t step,
    Py_ssize_t C,
    Py_ssize_t lanes,
    const floating* top,         # in   (LANES,)
    const double* a,             # in   (LANES,)
    const double* b,             # in   (LANES,)
    const double* spread,        # in   (LANES,)
    const double* s,             # in   (LANES,)
    floating* hess,              # out  C x lanes
    Py_ssize_t hess_step,
) noexcept nogil:
    """hess = a e o + b e^2."""
    cdef floating p[LANES]
    cdef floating q[LANES]
    cdef floating others[LANES]
    cdef floating whole[LANES]
    cdef floating result[LANES]
    cdef floating room[LANES]
    cdef const floating* e_k
    cdef floating value, o, most
    cdef Py_ssize_t j, k
    for j in range(LANES):
        p[j] = <floating>a[j]
        q[j] = <floating>b[j]
        others[j] = <floating>spread[j]
        whole[j] = <floating>s[j]
    for k in range(C):
        e_k = whole_lanes(e + k * step, lanes, room)
        for j in range(LANES):
            value = e_k[j]
            most = others[j]
            o = whole[j] - value
            o = most if value == top[j] else o
            result[j] = value * (p[j] * o + q[j] * value)
        store_lanes(result, lanes, hess + k * hess_step)


cdef inline void general_panel(
    const TargetView* target,
    Py_ssize_t o,
    Py_ssize_t i,
    const int64_t* y,
    const floating* label,       # in   (n,) the class, -1 for none
    const floating* own_grad,    # in   (n,)
    const floating* top,         # in   (n,), and so on
    const double* total,
    const double* slope,
    const double* spread,
    const double* s,
    const double* scale,
    const double* quotient,
    const double* quotient_low,
    Py_ssize_t n,
    floating* grad,              # out  C x n, holds the exponentials
    Py_ssize_t step,
) noexcept nogil:
    """The gradient for any target."""
    cdef double t[LANES]
    cdef floating value
    cdef Py_ssize_t j, k
    for k in range(target.C):
        target_of_samples(target, o, i, y, k, n, t)
        for j in range(n):
            value = <floating>entry(
                grad[k * step + j], top[j], t[j], total[j] - t[j], slope[j], spread[j], s[j], scale[j], quotient[j],
                quotient_low[j]
            )
            grad[k * step + j] = own_grad[j] if label[j] == <floating>k else value


cdef inline void simple_losses(
    const floating* m,           # in   (LANES,)
    const floating* own_x,       # in   (LANES,)
    const floating* log_s,       # in   (LANES,)
    const double* own,           # in   (LANES,)
    const double* weight,        # in   (LANES,)
    double* losses,              # out  (LANES,)
) noexcept nogil:
    """The losses where t has one entry, and there is no z-loss."""
    cdef floating loss[LANES]
    cdef double v, product
    cdef Py_ssize_t j
    for j in range(LANES):
        loss[j] = (m[j] - own_x[j]) + log_s[j]
    for j in range(LANES):
        v = weight[j] * own[j]
        product = v * loss[j]
        losses[j] = product if v != 0 else 0.0


cdef inline void simple_factors(
    const floating* shift,       # in   (SHIFT,)
    const floating* sums,        # in   (SUMS,)
    const double* own,           # in   (LANES,)
    const double* scale,         # in   (LANES,)
    const floating* own_x,       # in   (LANES,)
    floating* factor,            # out  (LANES,)
    floating* own_grad,          # out  (LANES,)
) noexcept nogil:
    """What the exponentials are multiplied by, and the gradient at the label's class, where t has one entry."""
    cdef floating e, rest, spread, others
    cdef Py_ssize_t j
    for j in range(LANES):
        factor[j] = <floating>(
            own[j] * scale[j] / (<double>(sums[TIES + j] * shift[TOP + j]) + <double>(sums[REST + j] + sums[REST_LOW + j]))
        )
    for j in range(LANES):
        e = scalar.exp_scaled(own_x[j], shift[ORIGIN + j], shift[MAGIC + j], shift[BOTTOM + j])
        rest = sums[REST + j] + sums[REST_LOW + j]
        spread = (sums[TIES + j] - <floating>1.0) * shift[TOP + j] + rest
        others = sums[TIES + j] * shift[TOP + j] + rest - e
        others = spread if e == shift[TOP + j] else others
        own_grad[j] = -factor[j] * others


cdef inline Py_ssize_t softmax_panels(
    const floating* x,           # in   panels of C x LANES
    Py_ssize_t x_panel,          # from one panel to the next
    Py_ssize_t x_step,           # from one class to the next
    Py_ssize_t n_panels,         # at most PANELS
    Py_ssize_t lanes,            # used in a panel, LANES if there are several
    const TargetView* target,
    const Scaling* scaling,
    Py_ssize_t o,
    Py_ssize_t i,
    Py_ssize_t n,                # samples (o, i) ... (o, i + n - 1)
    double z_loss,
    const floating* read_soon,     # n_panels times C x LANES numbers from here on will be read soon; may be NULL
    const floating* written_soon,  # and these will be written; may be NULL
    floating* grad,              # out  panels of C x LANES, may be x, may be NULL
    Py_ssize_t grad_panel,
    Py_ssize_t grad_step,
    floating* hess,              # out  panels of C x LANES, may be NULL
    Py_ssize_t hess_panel,
    Py_ssize_t hess_step,
    double* losses,              # out  (n,) v_i l_i
) noexcept nogil:
    """Returns how many labels are no class.

    Step by step for all panels, since one panel alone would have the processor wait for each step's result. What is one
    number a lane is computed for all LANES, used or not.
    """
    cdef int64_t y[WIDTH]
    cdef double weight[WIDTH]
    cdef double scale[WIDTH]
    cdef double own[WIDTH]
    cdef double others[WIDTH]
    cdef double total[WIDTH]
    cdef double slope[WIDTH]
    cdef double s[WIDTH]
    cdef double spread[WIDTH]
    cdef double quotient[WIDTH]
    cdef double quotient_low[WIDTH]
    cdef floating label[WIDTH]
    cdef floating own_x[WIDTH]
    cdef floating own_grad[WIDTH]
    cdef floating log_s[WIDTH]
    cdef floating factor[WIDTH]
    cdef floating shift[PANELS * SHIFT]
    cdef floating sums[PANELS * SUMS]
    cdef floating m[LANES]
    cdef floating* shift_
    cdef floating* sums_
    cdef Py_ssize_t bad, c, j, l, C = target.C, width = n_panels * LANES
    cdef floating value
    cdef double lse, rest
    cdef bint index = target.distribution.data == NULL
    cdef bint plain = is_plain(target)
    cdef bint simple = plain and z_loss == 0.0 and hess == NULL

    bad = read_samples(target, scaling, o, i, n, y, weight)
    for j in range(n, width):
        y[j] = 0
        weight[j] = 0.0
    if index:
        own_shares(target, y, width, own, others)
        for c in range(n_panels):
            for j in range(LANES):
                label[c * LANES + j] = <floating><int32_t>y[c * LANES + j]
    else:
        for j in range(width):
            label[j] = -<floating>1.0
            own[j] = others[j] = 0.0

    for c in range(n_panels):
        l = c * LANES
        panel_max(x + c * x_panel, x_step, C, lanes, m)
        if index:
            panel_pick(x + c * x_panel, x_step, C, lanes, label + l, own_x + l)
        else:
            for j in range(LANES):
                own_x[l + j] = m[j]
        if simple:
            pass
        elif plain:
            for j in range(LANES):
                total[l + j] = own[l + j]
                losses[l + j] = own[l + j] * <double>(m[j] - own_x[l + j]) if own[l + j] > 0 else 0.0
        else:
            panel_dot(
                x + c * x_panel, x_step, m, target, o, i + l, y + l, min(<Py_ssize_t>LANES, n - l), losses + l, total + l
            )
            if index:
                for j in range(LANES):
                    total[l + j] = own[l + j] + others[l + j]
        shift_by(m, shift + c * SHIFT)
        panel_exp(
            x + c * x_panel, x_step, C, lanes, shift + c * SHIFT,
            read_soon + l * C if read_soon != NULL else <floating*>NULL,
            written_soon + l * C if written_soon != NULL else <floating*>NULL,
            grad + c * grad_panel if grad != NULL else <floating*>NULL, grad_step, sums + c * SUMS
        )

    for c in range(n_panels):
        l = c * LANES
        shift_ = shift + c * SHIFT
        sums_ = sums + c * SUMS
        for j in range(LANES):
            value = (sums_[REST + j] + sums_[REST_LOW + j]) / shift_[TOP + j]
            log_s[l + j] = scalar.log1p((sums_[TIES + j] - <floating>1.0) + value)
    if simple:
        for c in range(n_panels):
            l = c * LANES
            simple_losses(shift + c * SHIFT + MAXIMUM, own_x + l, log_s + l, own + l, weight + l, losses + l)
        if grad == NULL:
            return bad
        read_scales(scaling, o, i, n, weight, scale)
        for j in range(n, width):
            scale[j] = 0.0
        for c in range(n_panels):
            l = c * LANES
            simple_factors(shift + c * SHIFT, sums + c * SUMS, own + l, scale + l, own_x + l, factor + l, own_grad + l)
        for c in range(n_panels):
            l = c * LANES
            scaled_panel(label + l, factor + l, own_grad + l, C, lanes, grad + c * grad_panel, grad_step)
            clear_dead(weight + l, C, lanes, grad + c * grad_panel, grad_step)
        return bad

    for j in range(width):
        losses[j] += total[j] * log_s[j]
    if z_loss != 0.0:
        for j in range(width):
            lse = <double>shift[j // LANES * SHIFT + MAXIMUM + j % LANES] + log_s[j]
            slope[j] = 2.0 * z_loss * lse
            losses[j] += z_loss * lse * lse
    else:
        for j in range(width):
            slope[j] = 0.0
    for j in range(width):
        losses[j] = weight[j] * losses[j] if weight[j] != 0 else 0.0
    if grad == NULL:
        return bad

    read_scales(scaling, o, i, n, weight, scale)
    for j in range(n, width):
        scale[j] = 0.0
    for c in range(n_panels):
        l = c * LANES
        shift_ = shift + c * SHIFT
        sums_ = sums + c * SUMS
        for j in range(LANES):
            rest = <double>sums_[REST + j] + <double>sums_[REST_LOW + j]
            s[l + j] = <double>sums_[TIES + j] * shift_[TOP + j] + rest
            spread[l + j] = (<double>sums_[TIES + j] - 1.0) * shift_[TOP + j] + rest
            quotient[l + j] = scale[l + j] / s[l + j]
            quotient_low[l + j] = 0.0
        if floating is double:
            for j in range(LANES):
                rest = sum_rest(s[l + j], shift_[TOP + j], sums_[TIES + j], sums_[REST + j]) + sums_[REST_LOW + j]
                quotient_low[l + j] = quotient_rest(quotient[l + j], scale[l + j], s[l + j], rest)
    for c in range(n_panels):
        l = c * LANES
        shift_ = shift + c * SHIFT
        for j in range(LANES):
            own_x[l + j] = scalar.exp_scaled(
                own_x[l + j], shift_[ORIGIN + j], shift_[MAGIC + j], shift_[BOTTOM + j]
            )
        for j in range(LANES):
            own_grad[l + j] = <floating>entry(
                own_x[l + j], shift_[TOP + j], own[l + j], others[l + j], slope[l + j], spread[l + j], s[l + j],
                scale[l + j], quotient[l + j], quotient_low[l + j]
            )
            factor[l + j] = <floating>(
                (total[l + j] + slope[l + j]) * quotient[l + j] + (total[l + j] + slope[l + j]) * quotient_low[l + j]
            )
    for c in range(n_panels):
        l = c * LANES
        if hess != NULL:
            # in place of what is not needed any more
            for j in range(LANES):
                own[l + j] = (total[l + j] + slope[l + j]) * scale[l + j] / (s[l + j] * s[l + j])
                others[l + j] = 2.0 * z_loss * scale[l + j] / (s[l + j] * s[l + j])
            panel_hess(
                grad + c * grad_panel, grad_step, C, lanes, shift + c * SHIFT + TOP, own + l, others + l, spread + l,
                s + l, hess + c * hess_panel, hess_step
            )
            clear_dead(weight + l, C, lanes, hess + c * hess_panel, hess_step)
        if plain:
            scaled_panel(label + l, factor + l, own_grad + l, C, lanes, grad + c * grad_panel, grad_step)
        else:
            general_panel(
                target, o, i + l, y + l, label + l, own_grad + l, shift + c * SHIFT + TOP, total + l, slope + l,
                spread + l, s + l, scale + l, quotient + l, quotient_low + l, min(<Py_ssize_t>LANES, n - l),
                grad + c * grad_panel, grad_step
            )
        clear_dead(weight + l, C, lanes, grad + c * grad_panel, grad_step)
    return bad
