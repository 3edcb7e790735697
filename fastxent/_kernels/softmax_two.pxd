"""Softmax cross entropy of two classes, or of one beside a logit of -inf, by their difference.

    loss = (m - x_y) + log1p(e)    e = exp(-|x_1 - x_0|)    grad = -T q, T q    hess = T q (1 - q)
    q = e / (1 + e) where x_y is the maximum m, else 1 / (1 + e)

is what the formulas in softmax_terms.pxd come to where t has one entry, and there is no z-loss: one exponential and one
quotient for each sample, and no sums.
"""

from cython cimport floating
from libc.math cimport INFINITY
from libc.stdint cimport int32_t

from fastxent._kernels cimport scalar
from fastxent._kernels.lanes cimport Lanes
from fastxent._kernels.output cimport store_hess, store_panels
from fastxent._kernels.panel cimport LOG_S, MAXIMUM, OWN_X, PANEL, clear_dead
from fastxent._kernels.problem cimport GRAD, HESS, X, Problem, Strip, has
from fastxent._kernels.softmax_panel cimport simple_losses
from fastxent._kernels.strips cimport part_of
from fastxent._kernels.target cimport own_shares, read_samples, read_scales
from fastxent._kernels.transpose cimport transpose_in
from fastxent._kernels.ways cimport LANES, WIDTH


cdef inline void two_lanes(
    const floating* x,           # in   2 x LANES
    const floating* label,       # in   (LANES,) 0 or 1
    floating* of,                # out  (PANEL,) MAXIMUM, OWN_X
    floating* e,                 # out  (LANES,)
) noexcept nogil:
    cdef floating zero, one, high, low
    cdef Py_ssize_t j
    for j in range(LANES):
        zero = x[j]
        one = x[LANES + j]
        high = zero if zero > one else one
        low = one if zero > one else zero
        of[MAXIMUM + j] = high
        of[OWN_X + j] = one if label[j] != 0 else zero
        e[j] = scalar.exp_of_difference(low, high)


cdef inline void two_shares(
    const floating* of,          # in   (PANEL,) MAXIMUM, OWN_X
    const floating* e,           # in   (LANES,)
    bint of_own,                 # p_y instead
    floating* q,                 # out  (LANES,) 1 - p_y
) noexcept nogil:
    cdef floating share
    cdef Py_ssize_t j
    for j in range(LANES):
        share = e[j] if (of[OWN_X + j] == of[MAXIMUM + j]) != of_own else <floating>1.0
        q[j] = share / (<floating>1.0 + e[j])


cdef inline void two_grads(
    const floating* label,       # in   (LANES,) 0 or 1
    const double* own,           # in   (LANES,)
    const double* scale,         # in   (LANES,)
    const floating* q,           # in   (LANES,)
    floating* grad,              # out  2 x LANES
) noexcept nogil:
    cdef floating other[LANES]
    cdef Py_ssize_t j
    for j in range(LANES):
        other[j] = <floating>(own[j] * scale[j] * q[j])
    for j in range(LANES):
        grad[j] = other[j] if label[j] != 0 else -other[j]
        grad[LANES + j] = -other[j] if label[j] != 0 else other[j]


cdef inline void two_hess(
    const double* own,           # in   (LANES,)
    const double* scale,         # in   (LANES,)
    const floating* q,           # in   (LANES,)
    const floating* p,           # in   (LANES,)
    floating* hess,              # out  2 x LANES
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(LANES):
        hess[j] = <floating>(own[j] * scale[j] * (<double>q[j] * p[j]))
    for j in range(LANES):
        hess[LANES + j] = hess[j]


cdef inline Py_ssize_t softmax_two(
    const floating* x,           # in   the strip's samples, where they lie
    const Problem* problem,
    const Strip* strip,
    floating* panels,            # 2 x LANES for each panel
    double* losses,              # out  (WIDTH,) v_i l_i; may be NULL
) noexcept nogil:
    """Returns how many labels are no class."""
    cdef Lanes lanes
    cdef floating of[PANEL]
    cdef floating hess[2 * LANES]
    cdef floating label[WIDTH]
    cdef floating e[LANES]
    cdef floating q[LANES]
    cdef floating p[LANES]
    cdef floating* panel
    cdef Strip part
    cdef Py_ssize_t c, first, j, n = strip.n, C = problem.C, n_panels = (n + LANES - 1) // LANES
    cdef Py_ssize_t sample_step = problem.view[<int>X].inner // <Py_ssize_t>sizeof(floating)
    cdef Py_ssize_t class_step = problem.view[<int>X].classes // <Py_ssize_t>sizeof(floating)
    cdef bint with_grad = has(problem, GRAD)
    cdef Py_ssize_t bad = read_samples(problem, strip, lanes.y, lanes.weight)
    for j in range(n, n_panels * LANES):
        lanes.y[j] = 0
        lanes.weight[j] = 0.0
    own_shares(problem, lanes.y, n_panels * LANES, lanes.own, lanes.others)
    for j in range(n_panels * LANES):
        label[j] = <floating><int32_t>lanes.y[j]
    if with_grad:
        read_scales(problem, strip, lanes.weight, lanes.scale)
        for j in range(n, n_panels * LANES):
            lanes.scale[j] = 0.0
    for c in range(n_panels):
        first = c * LANES
        panel = panels + first * C
        part = part_of(strip, first)
        transpose_in(x + first * sample_step, sample_step, class_step, C, part.n, panel)
        for j in range(LANES if C == 1 else 0):    # where nothing lies yet: the next panel is read later
            panel[LANES + j] = -INFINITY
        two_lanes(panel, label + first, of, e)
        if losses != NULL:
            for j in range(LANES):
                of[LOG_S + j] = scalar.log1p_below_1(e[j])
            simple_losses(of, lanes.own + first, lanes.weight + first, losses + first)
        if has(problem, HESS):
            two_shares(of, e, False, q)
            two_shares(of, e, True, p)
            two_hess(lanes.own + first, lanes.scale + first, q, p, hess)
            store_hess(problem, &part, lanes.weight + first, 0, C, hess)
        if with_grad:
            two_shares(of, e, False, q)
            two_grads(label + first, lanes.own + first, lanes.scale + first, q, panel)
            clear_dead(lanes.weight + first, C, panel)
    if with_grad:
        store_panels(problem, GRAD, strip, C, panels)
    return bad
