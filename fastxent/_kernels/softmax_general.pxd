"""What a panel takes beyond one class of weight w_y per sample: any target, z-loss, Hessian.

In double, whatever the dtype. softmax_terms.pxd has the formulas; softmax_panel.pxd the steps before.
"""

from cython cimport floating

from fastxent._kernels cimport scalar
from fastxent._kernels.lanes cimport Lanes
from fastxent._kernels.output cimport store_hess
from fastxent._kernels.panel cimport (
    BOTTOM, LABEL, LOG_S, MAGIC, MAXIMUM, ORIGIN, OWN_X, PANEL, REST, REST_LOW, SHIFT, TIES, TOP, clear_dead,
)
from fastxent._kernels.problem cimport GRAD, HESS, Problem, Strip, has
from fastxent._kernels.softmax_terms cimport entry, quotient_rest, sum_rest
from fastxent._kernels.strips cimport part_of
from fastxent._kernels.sums cimport total_of, two_sum
from fastxent._kernels.target cimport is_index, is_plain, target_of_samples
from fastxent._kernels.ways cimport GROUP, LANES


cdef struct Curves:              # one number a lane: the Hessian is a e o + b e^2
    double a[LANES]
    double b[LANES]
    double spread[LANES]
    double s[LANES]


cdef struct Slopes:              # and the gradient, entry by entry
    double z_slope[LANES]          # 2 c lse
    double quotient[LANES]       # scale / s in two parts
    double quotient_low[LANES]


cdef inline void panel_dot(
    const floating* x,           # in   C x LANES
    const floating* m,           # in   (LANES,)
    const Problem* problem,
    const Strip* strip,
    Py_ssize_t first,            # the panel's first sample
    Lanes* lanes,                # out  the total
    double* dots,                # out  (WIDTH,)
) noexcept nogil:
    """row_dot for the lanes of a panel."""
    cdef double t[LANES]
    cdef double term[LANES]
    cdef double low[2][LANES]
    cdef double* dot = dots + first
    cdef double* total = lanes.total + first
    cdef Strip part = part_of(strip, first)
    cdef Py_ssize_t j, k
    for j in range(LANES):
        dot[j] = total[j] = low[0][j] = low[1][j] = 0.0
    for k in range(problem.C):
        target_of_samples(problem, &part, lanes.y + first, k, t)
        for j in range(part.n):
            term[j] = t[j] * (<double>m[j] - <double>x[k * LANES + j]) if t[j] > 0 else 0.0
        two_sum(dot, low[0], term, part.n)
        two_sum(total, low[1], t, part.n)
    for j in range(LANES):
        dot[j] = total_of(dot[j], low[0][j])
        total[j] = total_of(total[j], low[1][j])
    if is_index(problem):
        for j in range(LANES):
            total[j] = lanes.own[first + j] + lanes.others[first + j]


cdef inline void panel_hess(
    const floating* e,           # in   n x LANES
    Py_ssize_t n,
    const floating* top,         # in   (LANES,)
    const Curves* curves,
    floating* hess,              # out  n x LANES
) noexcept nogil:
    """hess = a e o + b e^2, of n classes."""
    cdef floating p[LANES]
    cdef floating q[LANES]
    cdef floating spread[LANES]
    cdef floating whole[LANES]
    cdef floating result[LANES]
    cdef floating value, o, most
    cdef Py_ssize_t j, k
    for j in range(LANES):
        p[j] = <floating>curves.a[j]
        q[j] = <floating>curves.b[j]
        spread[j] = <floating>curves.spread[j]
        whole[j] = <floating>curves.s[j]
    for k in range(n):
        for j in range(LANES):
            value = e[k * LANES + j]
            most = spread[j]
            o = whole[j] - value
            o = most if value == top[j] else o
            result[j] = value * (p[j] * o + q[j] * value)
        for j in range(LANES):
            hess[k * LANES + j] = result[j]


cdef inline void make_hess(
    const Problem* problem,
    const Strip* part,           # a panel of samples
    const double* weight,        # in   (LANES,)
    const floating* top,         # in   (LANES,)
    const Curves* curves,
    const floating* e,           # in   C x LANES
) noexcept nogil:
    """The Hessian goes to where it is wanted, some classes after the others: it needs no panel of its own."""
    cdef floating hess[GROUP * LANES]
    cdef Py_ssize_t group, k, n = min(<Py_ssize_t>GROUP, problem.C)
    for group in range((problem.C + GROUP - 1) // GROUP):
        k = min(group * GROUP, problem.C - n)
        panel_hess(e + k * LANES, n, top, curves, hess)
        store_hess(problem, part, weight, k, n, hess)


cdef inline void general_panel(
    const Problem* problem,
    const Strip* part,
    const Lanes* lanes,
    Py_ssize_t first,
    const floating* of,          # in   (PANEL,)
    const Slopes* slopes,
    const Curves* curves,
    floating* grad,              # out  C x LANES, holds the exponentials
) noexcept nogil:
    """The gradient for any target."""
    cdef double t[LANES]
    cdef floating own_grad[LANES]
    cdef floating value, own_e
    cdef Py_ssize_t j, k
    for j in range(LANES):
        own_e = scalar.exp_scaled(of[OWN_X + j], of[ORIGIN + j], of[MAGIC + j], of[BOTTOM + j])
        own_grad[j] = <floating>entry(
            own_e, of[TOP + j], lanes.own[first + j], lanes.others[first + j], slopes.z_slope[j], curves.spread[j],
            curves.s[j], lanes.scale[first + j], slopes.quotient[j], slopes.quotient_low[j]
        )
    if is_plain(problem):  # t_k = 0 but for the label's class
        for j in range(part.n):
            t[j] = 0.0
    for k in range(problem.C):
        if not is_plain(problem):
            target_of_samples(problem, part, lanes.y + first, k, t)
        for j in range(part.n):
            value = <floating>entry(
                grad[k * LANES + j], of[TOP + j], t[j], lanes.total[first + j] - t[j], slopes.z_slope[j],
                curves.spread[j], curves.s[j], lanes.scale[first + j], slopes.quotient[j], slopes.quotient_low[j]
            )
            grad[k * LANES + j] = own_grad[j] if of[LABEL + j] == <floating>k else value


cdef inline void finish_general(
    const Problem* problem,
    const Strip* strip,
    const Lanes* lanes,
    const floating* known,       # in   (PANEL,) of each panel
    floating* grad,              # out  panels of C x LANES, hold the exponentials
    double* losses,              # in, out  (WIDTH,) sum_k t_k (m - x_k) becomes v_i l_i
) noexcept nogil:
    """Losses, gradients and Hessians of panels whose exponentials are known."""
    cdef Slopes slopes
    cdef Curves curves
    cdef Strip part
    cdef const floating* of
    cdef const floating* sums
    cdef Py_ssize_t c, first, j, C = problem.C
    cdef double lse, rest, z_loss = problem.option.z_loss
    for c in range((strip.n + LANES - 1) // LANES):
        of = known + c * PANEL
        sums = of + SHIFT
        first = c * LANES
        part = part_of(strip, first)
        for j in range(LANES):
            slopes.z_slope[j] = 0.0
            losses[first + j] += lanes.total[first + j] * of[LOG_S + j]
        if z_loss != 0.0:
            for j in range(LANES):
                lse = <double>of[MAXIMUM + j] + of[LOG_S + j]
                slopes.z_slope[j] = 2.0 * z_loss * lse
                losses[first + j] += z_loss * lse * lse
        for j in range(LANES):
            rest = lanes.weight[first + j] * losses[first + j]
            losses[first + j] = rest if lanes.weight[first + j] != 0 else 0.0
        if not has(problem, GRAD):
            continue
        for j in range(LANES):
            rest = <double>sums[REST + j] + <double>sums[REST_LOW + j]
            curves.s[j] = <double>sums[TIES + j] * of[TOP + j] + rest
            curves.spread[j] = (<double>sums[TIES + j] - 1.0) * of[TOP + j] + rest
            slopes.quotient[j] = lanes.scale[first + j] / curves.s[j]
            slopes.quotient_low[j] = 0.0
        if floating is double:
            for j in range(LANES):
                rest = sum_rest(curves.s[j], of[TOP + j], sums[TIES + j], sums[REST + j]) + sums[REST_LOW + j]
                slopes.quotient_low[j] = quotient_rest(slopes.quotient[j], lanes.scale[first + j], curves.s[j], rest)
        if has(problem, HESS):
            for j in range(LANES):
                rest = lanes.scale[first + j] / (curves.s[j] * curves.s[j])
                curves.a[j] = (lanes.total[first + j] + slopes.z_slope[j]) * rest
                curves.b[j] = 2.0 * z_loss * rest
            make_hess(problem, &part, lanes.weight + first, of + TOP, &curves, grad + first * C)
        general_panel(problem, &part, lanes, first, of, &slopes, &curves, grad + first * C)
        clear_dead(lanes.weight + first, C, grad + first * C)
