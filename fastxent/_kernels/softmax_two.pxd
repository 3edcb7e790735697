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
from fastxent._kernels.frames cimport apart
from fastxent._kernels.lanes cimport Lanes
from fastxent._kernels.output cimport is_own, store_hess, store_panels
from fastxent._kernels.panel cimport LOG_S, MAXIMUM, OWN_X, PANEL, clear_dead
from fastxent._kernels.problem cimport GRAD, HESS, X, Problem, Strip, View, at, has
from fastxent._kernels.softmax_panel cimport simple_losses
from fastxent._kernels.soon cimport Soon, far_if, nothing_soon, read_soon, soon_of, write_soon
from fastxent._kernels.strips cimport part_of
from fastxent._kernels.target cimport own_shares, read_samples, read_scales
from fastxent._kernels.transpose cimport transpose_in
from fastxent._kernels.ways cimport LANES, PANELS, WIDTH


cdef inline apart two_in(
    const floating* x, Py_ssize_t sample_step, Py_ssize_t class_step, Py_ssize_t C, Py_ssize_t n, floating* panels
) noexcept nogil:
    """A strip's samples in panels. Apart: inlined, it makes GCC compute the lanes in .15 more of the time."""
    cdef Py_ssize_t c, first
    for c in range((n + LANES - 1) // LANES):
        first = c * LANES
        transpose_in(
            x + first * sample_step, sample_step, class_step, C, min(<Py_ssize_t>LANES, n - first), panels + first * C
        )


cdef inline void two_lanes(
    const floating* zero,        # in   (LANES,) x_0
    const floating* one,         # in   (LANES,) x_1
    const floating* label,       # in   (LANES,) 0 or 1
    floating* of,                # out  (PANEL,) MAXIMUM, OWN_X
    floating* e,                 # out  (LANES,)
) noexcept nogil:
    cdef floating high, low
    cdef Py_ssize_t j
    for j in range(LANES):
        high = zero[j] if zero[j] > one[j] else one[j]
        low = one[j] if zero[j] > one[j] else zero[j]
        of[MAXIMUM + j] = high
        of[OWN_X + j] = one[j] if label[j] != 0 else zero[j]
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
    const floating* factor,      # in   (LANES,)
    const floating* q,           # in   (LANES,)
    floating* zero,              # out  (LANES,) of x_0
    floating* one,               # out  (LANES,) of x_1
) noexcept nogil:
    cdef floating other
    cdef Py_ssize_t j
    for j in range(LANES):
        other = factor[j] * q[j]
        zero[j] = other if label[j] != 0 else -other
        one[j] = -other if label[j] != 0 else other


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
    cdef floating known[PANELS * PANEL]
    cdef floating hess[2 * LANES]
    cdef floating none[LANES]    # x_1, or its gradient, where there is one class
    cdef floating label[WIDTH]
    cdef floating factor[WIDTH]
    cdef floating e[WIDTH]
    cdef floating q[LANES]
    cdef floating p[LANES]
    cdef floating* of
    cdef floating* zero
    cdef Soon next = nothing_soon(), home = nothing_soon()
    cdef const View* grad = &problem.view[<int>GRAD]
    cdef Strip part
    cdef Py_ssize_t sample_step = problem.view[<int>X].inner // <Py_ssize_t>sizeof(floating)
    cdef Py_ssize_t class_step = problem.view[<int>X].classes // <Py_ssize_t>sizeof(floating)
    cdef Py_ssize_t c, first, j, dead = 0, n = strip.n, C = problem.C, n_panels = (n + LANES - 1) // LANES
    cdef Py_ssize_t bad = read_samples(problem, strip, lanes.y, lanes.weight)
    for j in range(n, n_panels * LANES):
        lanes.y[j] = 0
        lanes.weight[j] = 0.0
    own_shares(problem, lanes.y, n_panels * LANES, lanes.own)
    for j in range(n_panels * LANES):
        label[j] = <floating><int32_t>lanes.y[j]
    for j in range(LANES):
        none[j] = -INFINITY
    two_in(x, sample_step, class_step, C, n, panels)
    if sample_step == C:
        next = far_if(floating is double, soon_of(&problem.next, strip.i, x, n * C))
        if has(problem, GRAD) and grad.inner == C * <Py_ssize_t>sizeof(floating) and is_own(grad, x):
            home = far_if(
                floating is double,
                soon_of(&problem.home, strip.i, <const floating*>at(grad, strip.o, strip.i), n * C),
            )
    for c in range(n_panels):
        zero = panels + c * LANES * C
        if next.data != NULL:
            read_soon(&next, x, LANES * C)
        two_lanes(zero, zero + LANES if C == 2 else none, label + c * LANES, known + c * PANEL, e + c * LANES)
    for c in range(n_panels if losses != NULL else 0):
        of = known + c * PANEL
        for j in range(LANES):
            of[LOG_S + j] = scalar.log1p_below_1(e[c * LANES + j])
    for c in range(n_panels if losses != NULL else 0):
        first = c * LANES
        simple_losses(known + c * PANEL, lanes.own + first, lanes.weight + first, losses + first)
    if not has(problem, GRAD):
        return bad
    read_scales(problem, strip, lanes.weight, lanes.scale)
    for j in range(n, n_panels * LANES):
        lanes.scale[j] = 0.0
    for c in range(n_panels if has(problem, HESS) else 0):
        first = c * LANES
        part = part_of(strip, first)
        two_shares(known + c * PANEL, e + first, False, q)
        two_shares(known + c * PANEL, e + first, True, p)
        two_hess(lanes.own + first, lanes.scale + first, q, p, hess)
        store_hess(problem, &part, lanes.weight + first, 0, C, hess)
    for j in range(n_panels * LANES):
        factor[j] = <floating>(lanes.own[j] * lanes.scale[j])
    for c in range(n_panels):
        first = c * LANES
        zero = panels + first * C
        if home.data != NULL:
            write_soon(&home, x, LANES * C)
        two_shares(known + c * PANEL, e + first, False, q)
        two_grads(label + first, factor + first, q, zero, zero + LANES if C == 2 else none)
    for j in range(n):
        dead += lanes.weight[j] == 0
    for c in range(n_panels if dead > 0 else 0):
        clear_dead(lanes.weight + c * LANES, C, panels + c * LANES * C)
    store_panels(problem, GRAD, strip, C, panels)
    return bad
