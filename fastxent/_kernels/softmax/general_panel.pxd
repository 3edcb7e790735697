"""What a panel takes beyond one class of weight w_y per sample: any target, z-loss, Hessian.

terms.pxd has the formulas; panel.pxd the steps before.
"""

from cython cimport floating

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.arithmetic.lanes cimport Lanes
from fastxent._kernels.arithmetic.panel cimport (
    BOTTOM, LABEL, LOG_S, MAGIC, MAXIMUM, ORIGIN, OWN_E, OWN_X, PANEL, REST, REST_LOW, SHIFT, TIES, TOP,
    clear_dead, scaled_panel,
)
from fastxent._kernels.arithmetic.scalar cimport rounded
from fastxent._kernels.arrays.output cimport store_hess
from fastxent._kernels.arrays.soon cimport Soon, far_if
from fastxent._kernels.problem cimport GRAD, HESS, Problem, Strip, has, panels_of_strip, room_of_panels
from fastxent._kernels.softmax.sums cimport panel_dots, panel_gaps
from fastxent._kernels.softmax.terms cimport entry, quotient_rest, slope_of, sum_rest
from fastxent._kernels.strips cimport part_of
from fastxent._kernels.target cimport is_flat, is_index, is_plain, panel_of_target, targets_soon
from fastxent._kernels.ways cimport GROUP, LANES, whole_groups


cdef struct Curves:              # one number a lane: the Hessian is a e o + b e^2
    double a[LANES]
    double b[LANES]
    double spread[LANES]
    double s[LANES]


cdef struct Slopes:              # and the gradient, entry by entry
    double z_slope[LANES]        # 2 c lse
    double quotient[LANES]       # scale / s in two parts
    double quotient_low[LANES]


cdef inline floating* target_room(const Problem* problem, floating* panels) noexcept nogil:
    """Where a strip's targets are, side by side as its samples are: behind those."""
    return panels + room_of_panels(problem)


cdef inline Py_ssize_t target_of_panel(const Problem* problem, Py_ssize_t first) noexcept nogil:
    """From there, where those of the panel are that begins with sample `first`; class weights are there once."""
    return 0 if is_index(problem) else first * whole_groups(problem.C)


cdef inline Py_ssize_t softmax_room(const Problem* problem) noexcept nogil:
    """The numbers of scratch that a strip takes."""
    cdef Py_ssize_t room = room_of_panels(problem)
    if not is_plain(problem) and not is_flat(problem):
        room += panels_of_strip(problem) * LANES * whole_groups(problem.C)
    return room


cdef inline void label_dots(
    const Problem* problem,
    Py_ssize_t first,            # the panel's first sample
    const floating* m,           # in   (LANES,)
    const floating* own_x,       # in   (LANES,)
    Lanes* lanes,                # in   y, own and others; out  the total
    double* dot,                 # in, out  (LANES,) sum_k w_k (m - x_k) becomes sum_k t_k (m - x_k)
) noexcept nogil:
    """Of class indices. What counts for nothing does so however far away its logit is."""
    cdef double beyond[LANES]    # what t_y has beyond the share that all classes have
    cdef double share = problem.option.share, gap
    cdef Py_ssize_t j
    if is_plain(problem):
        for j in range(LANES):
            beyond[j] = lanes.own[first + j]
    elif problem.weight == NULL:
        for j in range(LANES):
            beyond[j] = problem.option.keep
    else:
        for j in range(LANES):
            beyond[j] = problem.weight[lanes.y[first + j]] * problem.option.keep
    for j in range(LANES):
        gap = <double>m[j] - <double>own_x[j]
        dot[j] = share * dot[j] if share > 0 else 0.0
        dot[j] += beyond[j] * gap if beyond[j] > 0 else 0.0
    for j in range(first, first + LANES):
        lanes.total[j] = lanes.own[j] + lanes.others[j]


cdef inline void panel_dot(
    const floating* x,           # in   C x LANES, and what lies behind
    const floating* m,           # in   (LANES,)
    const Problem* problem,
    const Strip* strip,
    Py_ssize_t first,            # the panel's first sample
    Lanes* lanes,                # out  the total, and what is own
    floating* of,                # out  (PANEL,)
    floating* t,                 # out  whole_groups(C) x LANES; class weights, which all panels have, of the first
    double* dots,                # out  (WIDTH,)
) noexcept nogil:
    """row_dot for the lanes of a panel."""
    cdef double most[LANES]
    cdef double rest[LANES]
    cdef double* dot = dots + first
    cdef double* total = lanes.total + first
    cdef double* own = lanes.own + first
    cdef double* others = lanes.others + first
    cdef Strip part = part_of(strip, first)
    cdef Soon next
    cdef Py_ssize_t j
    cdef int found = 0
    if is_plain(problem):
        for j in range(LANES):
            dot[j] = 0.0
    elif is_flat(problem):
        panel_gaps(x, problem.C, m, dot)
    else:
        if not is_index(problem) or first == 0:
            panel_of_target(problem, &part, lanes.y + first, t)
        next = far_if(True, targets_soon(problem, &part, x))
        panel_dots(x, t, problem.C, m, not is_index(problem), next, dot, most, rest)
    if is_index(problem):
        label_dots(problem, first, m, of + OWN_X, lanes, dot)
        return
    for j in range(LANES):
        found += most[j] > rest[j]
    for j in range(LANES):
        own[j] = most[j]
        others[j] = rest[j]
        total[j] = most[j] + rest[j]
    if found > 0:
        panel_largest(x, t, problem.C, own, others, of + LABEL, of + OWN_X)


cdef inline void panel_largest(
    const floating* x,           # in   C x LANES
    const floating* t,           # in   C x LANES
    Py_ssize_t C,
    const double* most,          # in   (LANES,) the largest t_k
    const double* others,        # in   (LANES,) T - t_k
    floating* label,             # in   (LANES,) -1; out  the class, where it has more than all others
    floating* own_x,             # in, out  (LANES,) and its logit
) noexcept nogil:
    cdef floating wanted[LANES]
    cdef floating found[LANES]
    cdef floating here[LANES]
    cdef floating number, value, before, class_before
    cdef Py_ssize_t j, k
    for j in range(LANES):
        wanted[j] = <floating>(most[j] if most[j] > others[j] else -1.0)
        found[j] = label[j]
        here[j] = own_x[j]
    for k in range(C):
        number = <floating>k
        for j in range(LANES):
            value = x[k * LANES + j]
            before = here[j]
            here[j] = value if t[k * LANES + j] == wanted[j] else before
        for j in range(LANES):
            class_before = found[j]
            found[j] = number if t[k * LANES + j] == wanted[j] else class_before
    for j in range(LANES):
        label[j] = found[j]
    for j in range(LANES):
        own_x[j] = here[j]


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


cdef inline void lowered_panel(
    const floating* label,       # in   (LANES,) the class, -1 for none
    const floating* factor,      # in   (LANES,)
    const floating* less,        # in   (LANES,)
    const floating* own_grad,    # in   (LANES,)
    Py_ssize_t C,
    floating* grad,              # out  C x LANES, holds the exponentials
) noexcept nogil:
    """The exponentials times a factor, less a number; but for the label's class."""
    cdef floating result[LANES]
    cdef floating own, other, number
    cdef Py_ssize_t j, k
    for k in range(C):
        number = <floating>k
        for j in range(LANES):
            own = own_grad[j]
            other = grad[k * LANES + j] * factor[j] - less[j]
            result[j] = own if label[j] == number else other
        for j in range(LANES):
            grad[k * LANES + j] = result[j]


cdef inline void target_panel(
    const floating* label,       # in   (LANES,) the class, -1 for none
    const floating* factor,      # in   (LANES,)
    const floating* scale,       # in   (LANES,)
    const floating* own_grad,    # in   (LANES,)
    const floating* t,           # in   C x LANES
    Py_ssize_t C,
    floating* grad,              # out  C x LANES, holds the exponentials
) noexcept nogil:
    """The exponentials times a factor, less a number times t; but for the label's class."""
    cdef floating result[LANES]
    cdef floating own, other, number
    cdef Py_ssize_t j, k
    for k in range(C):
        number = <floating>k
        for j in range(LANES):
            own = own_grad[j]
            other = grad[k * LANES + j] * factor[j] - rounded(t[k * LANES + j] * scale[j])
            result[j] = own if label[j] == number else other
        for j in range(LANES):
            grad[k * LANES + j] = result[j]


cdef inline void own_exponential(floating* of) noexcept nogil:    # in, out  (PANEL,)
    """What panel_exp made of the logit of the label's class."""
    cdef Py_ssize_t j
    for j in range(LANES):
        of[OWN_E + j] = scalar.exp_scaled(of[OWN_X + j], of[ORIGIN + j], of[MAGIC + j], of[BOTTOM + j])


cdef inline void general_panel(
    const Problem* problem,
    const Lanes* lanes,
    Py_ssize_t first,
    const floating* of,          # in   (PANEL,)
    const Slopes* slopes,
    const Curves* curves,
    const floating* t,           # in   C x LANES
    floating* grad,              # out  C x LANES, holds the exponentials
) noexcept nogil:
    """The gradient for any target."""
    cdef floating own_grad[LANES]
    cdef floating factor[LANES]
    cdef floating less[LANES]
    cdef double share = problem.option.share if is_index(problem) else 1.0
    cdef Py_ssize_t j
    for j in range(LANES):
        own_grad[j] = <floating>entry(
            of[OWN_E + j], of[TOP + j], lanes.own[first + j], lanes.others[first + j], slopes.z_slope[j],
            curves.spread[j], curves.s[j], lanes.scale[first + j], slopes.quotient[j], slopes.quotient_low[j]
        )
    for j in range(LANES):
        factor[j] = slope_of(
            lanes.own[first + j], lanes.others[first + j], slopes.z_slope[j], slopes.quotient[j],
            slopes.quotient_low[j], <floating>0.0
        )
    for j in range(LANES):
        less[j] = <floating>(share * lanes.scale[first + j])
    if is_plain(problem):
        scaled_panel(of + LABEL, factor, own_grad, problem.C, grad)
    elif is_flat(problem):
        lowered_panel(of + LABEL, factor, less, own_grad, problem.C, grad)
    else:
        target_panel(of + LABEL, factor, less, own_grad, t, problem.C, grad)


cdef inline void finish_general(
    const Problem* problem,
    const Strip* strip,
    const Lanes* lanes,
    const floating* known,       # in   (PANEL,) of each panel
    const floating* t,           # in   panels of whole_groups(C) x LANES
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
        general_panel(
            problem, lanes, first, of, &slopes, &curves, t + target_of_panel(problem, first), grad + first * C
        )
        clear_dead(lanes.weight + first, C, grad + first * C)
