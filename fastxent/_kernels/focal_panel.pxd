"""Focal loss of one class of each sample of a panel, in double whatever the dtype; focal_terms.pxd has the formulas."""

from cython cimport floating

from fastxent._kernels cimport scalar
from fastxent._kernels.focal_terms cimport Focusing, focal_bend, odds_of, odds_times
from fastxent._kernels.panel cimport (
    BOTTOM, MAGIC, MAXIMUM, ORIGIN, REST, REST_LOW, SHIFT, SUMS, TIES, TOP, clear_dead, scaled_panel, store_lanes,
    whole_lanes,
)
from fastxent._kernels.sums cimport LANES, WIDTH
from fastxent._kernels.target cimport Scaling, read_scales


cdef struct FocalLanes:          # one number a lane
    double s[LANES]
    double spread[LANES]
    double p[LANES]
    double q[LANES]
    double others[LANES]         # s q
    double lse[LANES]
    double loss[LANES]           # L
    double odds_loss[LANES]
    double factor[LANES]
    double slope[LANES]          # t times it


cdef inline void focal_lanes(
    const floating* shift,       # in   (SHIFT,)
    const floating* sums,        # in   (SUMS,)
    const floating* own_x,       # in   (LANES,) x_y
    const floating* log_s,       # in   (LANES,)
    const double* t,             # in   (LANES,) t_y
    double gamma,
    FocalLanes* lane,            # out
) noexcept nogil:
    cdef floating e[LANES]
    cdef double odds[LANES]
    cdef double top, rest, share
    cdef Py_ssize_t j
    for j in range(LANES):
        e[j] = scalar.exp_scaled(own_x[j], shift[ORIGIN + j], shift[MAGIC + j], shift[BOTTOM + j])
    for j in range(LANES):
        top = shift[TOP + j]
        share = e[j]
        rest = <double>sums[REST + j] + <double>sums[REST_LOW + j]
        lane.spread[j] = (<double>sums[TIES + j] - 1.0) * top + rest
        lane.s[j] = <double>sums[TIES + j] * top + rest
        rest = lane.s[j] - share
        lane.others[j] = lane.spread[j] if share == top else rest
        lane.p[j] = share / lane.s[j]
        lane.q[j] = lane.others[j] / lane.s[j]
        odds[j] = odds_of(share, lane.others[j])
        lane.loss[j] = <double>(shift[MAXIMUM + j] - own_x[j]) + <double>log_s[j]
        lane.lse[j] = <double>shift[MAXIMUM + j] + <double>log_s[j]
        lane.odds_loss[j] = odds_times(odds[j], lane.loss[j])
    for j in range(LANES):
        lane.factor[j] = scalar.inverse_power(odds[j], gamma)
    for j in range(LANES):
        lane.slope[j] = t[j] * lane.factor[j] * (1.0 + gamma * lane.odds_loss[j])


cdef inline void focal_losses(
    const FocalLanes* lane, const double* t, const double* weight, double z_loss, double* losses
) noexcept nogil:
    """losses = v (t factor L + c lse^2)."""
    cdef double loss, v
    cdef Py_ssize_t j
    for j in range(LANES):
        v = weight[j]
        loss = t[j] * lane.factor[j] * lane.loss[j]
        loss = loss if t[j] != 0 else 0.0
        if z_loss != 0.0:
            loss = loss + z_loss * lane.lse[j] * lane.lse[j]
        loss = v * loss
        losses[j] = loss if v != 0 else 0.0


cdef inline void focal_factors(
    const FocalLanes* lane,
    const double* scale,         # in   (LANES,) of the gradient
    double z_loss,
    floating* factor,            # out  (LANES,)
    floating* own_grad,          # out  (LANES,)
) noexcept nogil:
    """What the exponentials are multiplied by, and the gradient at the label's class."""
    cdef double lean
    cdef Py_ssize_t j
    for j in range(LANES):
        lean = 2.0 * z_loss * lane.lse[j]
        factor[j] = <floating>((lane.slope[j] + lean) * (scale[j] / lane.s[j]))
        own_grad[j] = <floating>(scale[j] * (lean * lane.p[j] - lane.slope[j] * lane.q[j]))


cdef inline void focal_panel_hess(
    const floating* e,           # in   C x lanes
    Py_ssize_t step,
    Py_ssize_t C,
    Py_ssize_t lanes,
    const floating* top,         # in   (LANES,)
    const floating* label,       # in   (LANES,)
    const double* t,             # in   (LANES,)
    const double* scale,         # in   (LANES,)
    double z_loss,
    const Focusing* focusing,
    const FocalLanes* lane,
    floating* hess,              # out  C x lanes
    Py_ssize_t hess_step,
) noexcept nogil:
    """hess = a e o + b e^2 + c e^2 / o_y, in which e / o_y <= 1 where the square might overflow."""
    cdef floating a[LANES]
    cdef floating b[LANES]
    cdef floating c[LANES]
    cdef floating inverse[LANES]
    cdef floating spread[LANES]
    cdef floating s[LANES]
    cdef floating own[LANES]
    cdef floating result[LANES]
    cdef floating room[LANES]
    cdef const floating* e_k
    cdef floating value, o, most, number
    cdef double bend, steep, v
    cdef Py_ssize_t j, k
    for j in range(LANES):
        v = scale[j]
        steep = lane.slope[j] + 2.0 * z_loss * lane.lse[j]
        bend = t[j] * focal_bend(lane.factor[j], lane.p[j], focusing.gamma, lane.loss[j], lane.odds_loss[j])
        bend = 0.0 if focusing.gauss_newton else bend
        a[j] = <floating>(v * steep / (lane.s[j] * lane.s[j]))
        b[j] = <floating>(v * 2.0 * z_loss / (lane.s[j] * lane.s[j]))
        c[j] = <floating>(v * bend / lane.s[j])
        inverse[j] = <floating>(1.0 / lane.others[j]) if lane.others[j] > 0 else <floating>0.0
        own[j] = <floating>(
            v * (steep * lane.p[j] * lane.q[j] + bend * lane.q[j] + 2.0 * z_loss * lane.p[j] * lane.p[j])
        )
        spread[j] = <floating>lane.spread[j]
        s[j] = <floating>lane.s[j]
    for k in range(C):
        e_k = whole_lanes(e + k * step, lanes, room)
        number = <floating>k
        for j in range(LANES):
            value = e_k[j]
            most = spread[j]
            o = s[j] - value
            o = most if value == top[j] else o
            value = value * (a[j] * o + b[j] * value + c[j] * (value * inverse[j]))
            most = own[j]
            result[j] = most if label[j] == number else value
        store_lanes(result, lanes, hess + k * hess_step)


cdef inline void finish_focal(
    Py_ssize_t n_panels,
    Py_ssize_t lanes,            # used in a panel
    Py_ssize_t C,
    const Scaling* scaling,
    Py_ssize_t o,
    Py_ssize_t i,
    Py_ssize_t n,                # samples (o, i) ... (o, i + n - 1)
    double z_loss,
    const Focusing* focusing,
    const double* weight,        # in   (WIDTH,), and so on
    const double* t,             # in   t_y of a class index
    const floating* label,       # in   the class
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
    double* losses,              # out  (WIDTH,) v_i l_i
) noexcept nogil:
    """Losses, gradients and Hessians of panels whose exponentials are known."""
    cdef FocalLanes lane
    cdef double scale[WIDTH]
    cdef floating factor[LANES]
    cdef floating own_grad[LANES]
    cdef Py_ssize_t c, j, k
    read_scales(scaling, o, i, n, weight, scale)
    for j in range(n, n_panels * LANES):
        scale[j] = 0.0
    for c in range(n_panels):
        k = c * LANES
        focal_lanes(shift + c * SHIFT, sums + c * SUMS, own_x + k, log_s + k, t + k, focusing.gamma, &lane)
        focal_losses(&lane, t + k, weight + k, z_loss, losses + k)
        if hess != NULL:
            focal_panel_hess(
                grad + c * grad_panel, grad_step, C, lanes, shift + c * SHIFT + TOP, label + k, t + k, scale + k,
                z_loss, focusing, &lane, hess + c * hess_panel, hess_step
            )
            clear_dead(weight + k, C, lanes, hess + c * hess_panel, hess_step)
        if grad != NULL:
            focal_factors(&lane, scale + k, z_loss, factor, own_grad)
            scaled_panel(label + k, factor, own_grad, C, lanes, grad + c * grad_panel, grad_step)
            clear_dead(weight + k, C, lanes, grad + c * grad_panel, grad_step)
