"""What a panel takes beyond one class of weight w_y per sample: any target, z-loss, Hessian.

In double, whatever the dtype. softmax_terms.pxd has the formulas; softmax_panel.pxd the steps before.
"""

from cython cimport floating
from libc.stdint cimport int64_t

from fastxent._kernels cimport scalar
from fastxent._kernels.panel cimport (
    BOTTOM, MAGIC, MAXIMUM, ORIGIN, REST, REST_LOW, SHIFT, SUMS, TIES, TOP, clear_dead, store_lanes, whole_lanes,
)
from fastxent._kernels.softmax_terms cimport entry, quotient_rest, sum_rest
from fastxent._kernels.sums cimport LANES, WIDTH, total_of, two_sum
from fastxent._kernels.target cimport Scaling, TargetView, is_plain, read_scales, target_of_samples


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
    if is_plain(target):  # t_k = 0 but for the label's class
        for j in range(n):
            t[j] = 0.0
    for k in range(target.C):
        if not is_plain(target):
            target_of_samples(target, o, i, y, k, n, t)
        for j in range(n):
            value = <floating>entry(
                grad[k * step + j], top[j], t[j], total[j] - t[j], slope[j], spread[j], s[j], scale[j], quotient[j],
                quotient_low[j]
            )
            grad[k * step + j] = own_grad[j] if label[j] == <floating>k else value


cdef inline void finish_general(
    Py_ssize_t n_panels,
    Py_ssize_t lanes,            # used in a panel
    const TargetView* target,
    const Scaling* scaling,
    Py_ssize_t o,
    Py_ssize_t i,
    Py_ssize_t n,                # samples (o, i) ... (o, i + n - 1)
    double z_loss,
    const int64_t* y,            # in   (WIDTH,), and so on
    const double* weight,
    const double* own,           # in   t_y of a class index
    const double* others,        # in   T - t_y
    const double* total,         # in   T
    const floating* label,       # in   the class, -1 for none
    const floating* own_x,       # in   x_y
    const floating* log_s,
    const floating* shift,       # in   (PANELS, SHIFT)
    const floating* sums,        # in   (PANELS, SUMS)
    floating* grad,              # out  panels of C x lanes, hold the exponentials; may be NULL
    Py_ssize_t grad_panel,
    Py_ssize_t grad_step,
    floating* hess,              # out  panels of C x lanes, may be NULL
    Py_ssize_t hess_panel,
    Py_ssize_t hess_step,
    double* losses,              # in, out  (WIDTH,) sum_k t_k (m - x_k) becomes v_i l_i
) noexcept nogil:
    """Losses, gradients and Hessians of panels whose exponentials are known."""
    cdef double scale[WIDTH]
    cdef double slope[WIDTH]
    cdef double s[WIDTH]
    cdef double spread[WIDTH]
    cdef double quotient[WIDTH]
    cdef double quotient_low[WIDTH]
    cdef double a[LANES]
    cdef double b[LANES]
    cdef floating own_grad[LANES]
    cdef const floating* of
    cdef const floating* part
    cdef Py_ssize_t c, j, k, width = n_panels * LANES, C = target.C
    cdef double lse, rest
    cdef floating own_e
    for j in range(width):
        slope[j] = 0.0
        losses[j] += total[j] * log_s[j]
    if z_loss != 0.0:
        for j in range(width):
            lse = <double>shift[j // LANES * SHIFT + MAXIMUM + j % LANES] + log_s[j]
            slope[j] = 2.0 * z_loss * lse
            losses[j] += z_loss * lse * lse
    for j in range(width):
        losses[j] = weight[j] * losses[j] if weight[j] != 0 else 0.0
    if grad == NULL:
        return

    read_scales(scaling, o, i, n, weight, scale)
    for j in range(n, width):
        scale[j] = 0.0
    for c in range(n_panels):
        of = shift + c * SHIFT
        part = sums + c * SUMS
        for j in range(LANES):
            k = c * LANES + j
            rest = <double>part[REST + j] + <double>part[REST_LOW + j]
            s[k] = <double>part[TIES + j] * of[TOP + j] + rest
            spread[k] = (<double>part[TIES + j] - 1.0) * of[TOP + j] + rest
            quotient[k] = scale[k] / s[k]
            quotient_low[k] = 0.0
        if floating is double:
            for j in range(LANES):
                k = c * LANES + j
                rest = sum_rest(s[k], of[TOP + j], part[TIES + j], part[REST + j]) + part[REST_LOW + j]
                quotient_low[k] = quotient_rest(quotient[k], scale[k], s[k], rest)
    for c in range(n_panels):
        of = shift + c * SHIFT
        for j in range(LANES):
            k = c * LANES + j
            own_e = scalar.exp_scaled(own_x[k], of[ORIGIN + j], of[MAGIC + j], of[BOTTOM + j])
            own_grad[j] = <floating>entry(
                own_e, of[TOP + j], own[k], others[k], slope[k], spread[k], s[k], scale[k], quotient[k],
                quotient_low[k]
            )
        k = c * LANES
        if hess != NULL:
            for j in range(LANES):
                a[j] = (total[k + j] + slope[k + j]) * scale[k + j] / (s[k + j] * s[k + j])
                b[j] = 2.0 * z_loss * scale[k + j] / (s[k + j] * s[k + j])
            panel_hess(
                grad + c * grad_panel, grad_step, C, lanes, of + TOP, a, b, spread + k, s + k, hess + c * hess_panel,
                hess_step
            )
            clear_dead(weight + k, C, lanes, hess + c * hess_panel, hess_step)
        general_panel(
            target, o, i + k, y + k, label + k, own_grad, of + TOP, total + k, slope + k, spread + k, s + k, scale + k,
            quotient + k, quotient_low + k, min(<Py_ssize_t>LANES, n - k), grad + c * grad_panel, grad_step
        )
        clear_dead(weight + k, C, lanes, grad + c * grad_panel, grad_step)
