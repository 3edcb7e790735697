"""Focal loss of one class of each sample of a panel, in double whatever the dtype; terms.pxd has the formulas."""

from cython cimport floating

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.arithmetic.lanes cimport Lanes
from fastxent._kernels.arithmetic.panel cimport (
    LABEL, LOG_S, MAXIMUM, OWN_E, OWN_X, PANEL, REST, REST_LOW, SHIFT, TIES, TOP, clear_dead, scaled_panel,
)
from fastxent._kernels.arrays.output cimport store_hess
from fastxent._kernels.focal.terms cimport focal_bend, odds_of, odds_times
from fastxent._kernels.problem cimport GRAD, HESS, Problem, Strip, has
from fastxent._kernels.strips cimport part_of
from fastxent._kernels.ways cimport GROUP, LANES


cdef struct FocalLanes:          # one number a lane
    double s[LANES]
    double spread[LANES]
    double p[LANES]
    double q[LANES]
    double own_o[LANES]          # s q
    double lse[LANES]
    double loss[LANES]           # L
    double odds_loss[LANES]
    double factor[LANES]
    double slope[LANES]          # t times it
    double nothing[LANES]        # 0, or nan in a row that is nan


cdef inline void focal_lanes(
    const floating* of,          # in   (PANEL,)
    const double* t,             # in   (LANES,) t_y
    double gamma,
    bint with_slope,             # else no derivatives are wanted
    FocalLanes* lane,            # out
) noexcept nogil:
    cdef const floating* sums = of + SHIFT
    cdef double odds[LANES]
    cdef double top, rest, share
    cdef Py_ssize_t j
    for j in range(LANES):
        top = of[TOP + j]
        share = of[OWN_E + j]
        rest = <double>sums[REST + j] + <double>sums[REST_LOW + j]
        lane.spread[j] = (<double>sums[TIES + j] - 1.0) * top + rest
        lane.s[j] = <double>sums[TIES + j] * top + rest
        rest = lane.s[j] - share
        lane.own_o[j] = lane.spread[j] if share == top else rest
        lane.q[j] = lane.own_o[j] / lane.s[j]
        lane.loss[j] = (<double>of[MAXIMUM + j] - <double>of[OWN_X + j]) + <double>of[LOG_S + j]
        lane.lse[j] = <double>of[MAXIMUM + j] + <double>of[LOG_S + j]
        lane.nothing[j] = <double>of[LOG_S + j] - <double>of[LOG_S + j]
    if with_slope or gamma != 2.0:
        for j in range(LANES):
            odds[j] = odds_of(<double>of[OWN_E + j], lane.own_o[j])
    if gamma == 2.0:
        for j in range(LANES):
            lane.factor[j] = lane.q[j] * lane.q[j]
    else:
        for j in range(LANES):
            lane.factor[j] = scalar.inverse_power(odds[j], gamma)
    for j in range(LANES if with_slope else 0):
        lane.p[j] = of[OWN_E + j] / lane.s[j]
        lane.odds_loss[j] = odds_times(odds[j], lane.loss[j])
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
        loss = loss if t[j] != 0 else lane.nothing[j]
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
    cdef double z_slope
    cdef Py_ssize_t j
    for j in range(LANES):
        z_slope = 2.0 * z_loss * lane.lse[j]
        factor[j] = <floating>((lane.slope[j] + z_slope) * (scale[j] / lane.s[j]))
        own_grad[j] = <floating>(scale[j] * (z_slope * lane.p[j] - lane.slope[j] * lane.q[j]))


cdef struct FocalCurves:         # one number a lane: hess = a e o + b e^2 + c e^2 / o_y, but for the label's class
    double a[LANES]
    double b[LANES]
    double c[LANES]
    double own[LANES]


cdef inline void focal_curves(
    const Problem* problem, const double* t, const double* scale, const FocalLanes* lane, FocalCurves* curves   # out
) noexcept nogil:
    cdef double bend, steep, v, z_loss = problem.option.z_loss
    cdef Py_ssize_t j
    for j in range(LANES):
        v = scale[j]
        steep = lane.slope[j] + 2.0 * z_loss * lane.lse[j]
        bend = t[j] * focal_bend(lane.factor[j], lane.p[j], problem.option.gamma, lane.loss[j], lane.odds_loss[j])
        bend = 0.0 if problem.option.gauss_newton else bend
        curves.a[j] = v * steep / (lane.s[j] * lane.s[j])
        curves.b[j] = v * 2.0 * z_loss / (lane.s[j] * lane.s[j])
        curves.c[j] = v * bend / lane.s[j]
        curves.own[j] = v * (
            steep * lane.p[j] * lane.q[j] + bend * lane.q[j] + 2.0 * z_loss * lane.p[j] * lane.p[j]
        )


cdef inline void focal_panel_hess(
    const floating* e,           # in   n x LANES, of the classes from `first` on
    Py_ssize_t first,
    Py_ssize_t n,
    const floating* of,          # in   (PANEL,)
    const FocalLanes* lane,
    const FocalCurves* curves,
    floating* hess,              # out  n x LANES
) noexcept nogil:
    """In which e / o_y <= 1 where the square might overflow."""
    cdef floating a[LANES]
    cdef floating b[LANES]
    cdef floating c[LANES]
    cdef floating inverse[LANES]
    cdef floating spread[LANES]
    cdef floating s[LANES]
    cdef floating own[LANES]
    cdef floating result[LANES]
    cdef floating value, o, most, number
    cdef Py_ssize_t j, k
    for j in range(LANES):
        a[j] = <floating>curves.a[j]
        b[j] = <floating>curves.b[j]
        c[j] = <floating>curves.c[j]
        own[j] = <floating>curves.own[j]
        inverse[j] = <floating>(1.0 / lane.own_o[j]) if lane.own_o[j] > 0 else <floating>0.0
        spread[j] = <floating>lane.spread[j]
        s[j] = <floating>lane.s[j]
    for k in range(n):
        number = <floating>(first + k)
        for j in range(LANES):
            value = e[k * LANES + j]
            most = spread[j]
            o = s[j] - value
            o = most if value == of[TOP + j] else o
            value = value * (a[j] * o + b[j] * value + c[j] * (value * inverse[j]))
            most = own[j]
            result[j] = most if of[LABEL + j] == number else value
        for j in range(LANES):
            hess[k * LANES + j] = result[j]


cdef inline void make_focal_hess(
    const Problem* problem,
    const Strip* part,           # a panel of samples
    const double* weight,        # in   (LANES,)
    const floating* of,          # in   (PANEL,)
    const FocalLanes* lane,
    const FocalCurves* curves,
    const floating* e,           # in   C x LANES
) noexcept nogil:
    """Some classes after the others, as in softmax/general_panel.pxd."""
    cdef floating hess[GROUP * LANES]
    cdef Py_ssize_t group, k, n = min(<Py_ssize_t>GROUP, problem.C)
    for group in range((problem.C + GROUP - 1) // GROUP):
        k = min(group * GROUP, problem.C - n)
        focal_panel_hess(e + k * LANES, k, n, of, lane, curves, hess)
        store_hess(problem, part, weight, k, n, hess)


cdef inline void finish_focal_panels(
    const Problem* problem,
    const Strip* strip,
    const Lanes* lanes,
    const floating* known,       # in   (PANEL,) of each panel
    floating* grad,              # out  panels of C x LANES, hold the exponentials
    double* losses,              # out  (WIDTH,) v_i l_i
) noexcept nogil:
    """Losses, gradients and Hessians of panels whose exponentials are known."""
    cdef FocalLanes lane
    cdef FocalCurves curves
    cdef Strip part
    cdef floating factor[LANES]
    cdef floating own_grad[LANES]
    cdef const floating* of
    cdef Py_ssize_t c, first, C = problem.C
    cdef double z_loss = problem.option.z_loss
    for c in range((strip.n + LANES - 1) // LANES):
        of = known + c * PANEL
        first = c * LANES
        focal_lanes(of, lanes.own + first, problem.option.gamma, has(problem, GRAD), &lane)
        focal_losses(&lane, lanes.own + first, lanes.weight + first, z_loss, losses + first)
        if has(problem, HESS):
            part = part_of(strip, first)
            focal_curves(problem, lanes.own + first, lanes.scale + first, &lane, &curves)
            make_focal_hess(problem, &part, lanes.weight + first, of, &lane, &curves, grad + first * C)
        if has(problem, GRAD):
            focal_factors(&lane, lanes.scale + first, z_loss, factor, own_grad)
            scaled_panel(of + LABEL, factor, own_grad, C, grad + first * C)
            clear_dead(lanes.weight + first, C, grad + first * C)
