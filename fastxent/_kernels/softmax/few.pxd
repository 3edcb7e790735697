"""Softmax cross entropy of FEW classes or fewer, where t has one entry, and without z-loss.

    loss = (m - x_y) + log1p(r)    e_k = exp(x_k - m)    r = sum of the e_k but for the first maximum's, which is 1
    s = 1 + r                      grad_k = T e_k / s, grad_y = -T (s - e_y) / s     hess_k = T e_k (s - e_k) / s^2

are the formulas in terms.pxd with fewer exponentials, nothing scaled and no ties to count. It is compiled anew
for each number of classes, all of which are in registers then: that is what makes it fast. Beyond FEW the cheaper
exponential of arithmetic/panel.pxd is.
"""

from cython cimport floating
from libc.stdint cimport int32_t

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.arithmetic.few cimport few_lanes, few_shares
from fastxent._kernels.arithmetic.lanes cimport Lanes
from fastxent._kernels.arithmetic.panel cimport (
    LOG_S, MAXIMUM, OWN_X, PANEL, REST, SHIFT, clear_dead, panel_pick, scaled_panel,
)
from fastxent._kernels.arrays.output cimport store_hess, store_panels
from fastxent._kernels.arrays.soon cimport Soon, far_if, home_soon, nothing_soon, read_soon, soon_of, write_soon
from fastxent._kernels.arrays.transpose cimport transpose_in
from fastxent._kernels.frames cimport apart, inlined
from fastxent._kernels.problem cimport GRAD, HESS, X, Problem, Strip, has
from fastxent._kernels.softmax.panel cimport simple_losses
from fastxent._kernels.strips cimport part_of
from fastxent._kernels.target cimport own_shares, read_samples, read_scales
from fastxent._kernels.ways cimport FEW, LANES, PANELS, WIDTH


cdef inline apart few_in(
    const floating* x, Py_ssize_t sample_step, Py_ssize_t class_step, Py_ssize_t C, Py_ssize_t n, floating* panels
) noexcept nogil:
    """A strip's samples in panels. Apart: inlined, it makes GCC compute the lanes in .15 more of the time."""
    cdef Py_ssize_t c, first
    for c in range((n + LANES - 1) // LANES):
        first = c * LANES
        transpose_in(
            x + first * sample_step, sample_step, class_step, C, min(<Py_ssize_t>LANES, n - first), panels + first * C
        )


cdef inline void few_grads(
    const floating* of,          # in   (PANEL,)
    Py_ssize_t C,                # known to the compiler
    const floating* label,       # in   (LANES,)
    const double* factor,        # in   (LANES,) T
    floating* grad,              # out  C x LANES; but for two classes it holds the shares
) noexcept nogil:
    cdef floating own[LANES]
    cdef floating own_share[LANES]
    cdef floating others[LANES]
    cdef floating scale[LANES]
    cdef floating share, rest
    cdef double s
    cdef Py_ssize_t j
    for j in range(LANES if C == 2 else 0):    # both gradients are the same but for the sign
        share = of[SHIFT + REST + j] if of[OWN_X + j] == of[MAXIMUM + j] else <floating>1.0
        share = <floating>factor[j] * (share / (<floating>1.0 + of[SHIFT + REST + j]))
        grad[j] = share if label[j] != 0 else -share
        grad[LANES + j] = -share if label[j] != 0 else share
    if C == 2:
        return
    panel_pick(<const floating*>grad, C, label, own_share)
    for j in range(LANES):
        rest = of[SHIFT + REST + j]
        share = <floating>1.0 + (rest - own_share[j])
        others[j] = rest if of[OWN_X + j] == of[MAXIMUM + j] else share
    for j in range(LANES):       # the label's has the most roundings: it is made in double, or of a quotient of its own
        s = 1.0 + <double>of[SHIFT + REST + j]
        if floating is double:
            scale[j] = factor[j] / s
            own[j] = -(factor[j] * (others[j] / s))
        else:
            s = factor[j] / s
            scale[j] = <floating>s
            own[j] = <floating>-(s * others[j])
    scaled_panel(label, scale, own, C, grad)


cdef inline apart few_hess(
    const floating* shares,      # in   C x LANES; of two classes not
    const floating* of,          # in   (PANEL,)
    const double* factor,        # in   (LANES,) T
    const double* weight,        # in   (LANES,)
    const Problem* problem,
    const Strip* part,           # a panel of samples
) noexcept nogil:
    """The Hessian goes to where it is wanted."""
    cdef floating hess[FEW * LANES]
    cdef double scale[LANES]
    cdef double rest[LANES]
    cdef double s[LANES]
    cdef double share, others
    cdef Py_ssize_t j, k, C = problem.C
    for j in range(LANES):
        rest[j] = of[SHIFT + REST + j]
        s[j] = 1.0 + rest[j]
        scale[j] = factor[j] / (s[j] * s[j])
    for j in range(LANES if C == 2 else 0):
        hess[j] = <floating>(scale[j] * rest[j])
    for j in range(LANES if C == 2 else 0):
        hess[LANES + j] = hess[j]
    for k in range(C if C != 2 else 0):
        for j in range(LANES):
            share = shares[k * LANES + j]
            others = s[j] - share
            others = rest[j] if share == 1.0 else others
            hess[k * LANES + j] = <floating>(scale[j] * (share * others))
    store_hess(problem, part, weight, 0, C, hess)


cdef inline inlined few_strip(
    const floating* x, const Problem* problem, const Strip* strip, floating* panels, double* losses, Py_ssize_t* bad,
    Py_ssize_t C                 # known to the compiler
) noexcept nogil:
    cdef Lanes lanes
    cdef floating known[PANELS * PANEL]
    cdef floating label[WIDTH]
    cdef floating top[WIDTH]
    cdef floating e[FEW * WIDTH]
    cdef double* factor = lanes.total
    cdef floating* of
    cdef floating* panel
    cdef Soon next = nothing_soon(), home = nothing_soon()
    cdef Strip part
    cdef Py_ssize_t sample_step = problem.view[<int>X].inner // <Py_ssize_t>sizeof(floating)
    cdef Py_ssize_t class_step = problem.view[<int>X].classes // <Py_ssize_t>sizeof(floating)
    cdef Py_ssize_t c, first, j, n = strip.n, n_panels = (n + LANES - 1) // LANES
    bad[0] = read_samples(problem, strip, lanes.y, lanes.weight)
    for j in range(n, n_panels * LANES):
        lanes.y[j] = 0
        lanes.weight[j] = 0.0
    own_shares(problem, lanes.y, n_panels * LANES, lanes.own)
    for j in range(n_panels * LANES):
        label[j] = <floating><int32_t>lanes.y[j]
    few_in(x, sample_step, class_step, C, n, panels)
    if sample_step == C:
        next = far_if(floating is double, soon_of(&problem.next, strip.i, x, n * C))
        home = far_if(floating is double, home_soon(problem, strip.o, strip.i, n, x))
    for c in range(n_panels):
        first = c * LANES
        of = known + c * PANEL
        if next.data != NULL:
            read_soon(&next, x, LANES * C)
        few_lanes(<const floating*>panels + first * C, C, label + first, of, top + first, e + first * FEW)
    for c in range(n_panels if losses != NULL else 0):
        of = known + c * PANEL
        if C <= 2:
            for j in range(LANES):
                of[LOG_S + j] = scalar.log1p_below_1(of[SHIFT + REST + j])
        else:
            for j in range(LANES):
                of[LOG_S + j] = scalar.log1p(of[SHIFT + REST + j])
    for c in range(n_panels if losses != NULL else 0):
        first = c * LANES
        simple_losses(known + c * PANEL, lanes.own + first, lanes.weight + first, losses + first)
    if not has(problem, GRAD):
        return
    read_scales(problem, strip, lanes.weight, lanes.scale)
    for j in range(n, n_panels * LANES):
        lanes.scale[j] = 0.0
    for j in range(n_panels * LANES):
        factor[j] = lanes.own[j] * lanes.scale[j]
    for c in range(n_panels):
        first = c * LANES
        of = known + c * PANEL
        panel = panels + first * C
        if home.data != NULL:
            write_soon(&home, x, LANES * C)
        if C != 2:
            few_shares(<const floating*>e + first * FEW, <const floating*>top + first, C, panel)
        if has(problem, HESS):
            part = part_of(strip, first)
            few_hess(<const floating*>panel, of, factor + first, lanes.weight + first, problem, &part)
        few_grads(of, C, label + first, factor + first, panel)
    for c in range(n_panels):
        clear_dead(lanes.weight + c * LANES, C, panels + c * LANES * C)
    store_panels(problem, GRAD, strip, C, panels)


cdef inline apart one_class(
    const floating* x, const Problem* problem, const Strip* strip, floating* panels, double* losses, Py_ssize_t* bad
) noexcept nogil:
    few_strip(x, problem, strip, panels, losses, bad, 1)


cdef inline apart two_classes(
    const floating* x, const Problem* problem, const Strip* strip, floating* panels, double* losses, Py_ssize_t* bad
) noexcept nogil:
    few_strip(x, problem, strip, panels, losses, bad, 2)


cdef inline apart three_classes(
    const floating* x, const Problem* problem, const Strip* strip, floating* panels, double* losses, Py_ssize_t* bad
) noexcept nogil:
    few_strip(x, problem, strip, panels, losses, bad, 3)


cdef inline apart four_classes(
    const floating* x, const Problem* problem, const Strip* strip, floating* panels, double* losses, Py_ssize_t* bad
) noexcept nogil:
    few_strip(x, problem, strip, panels, losses, bad, 4)


cdef inline apart five_classes(
    const floating* x, const Problem* problem, const Strip* strip, floating* panels, double* losses, Py_ssize_t* bad
) noexcept nogil:
    few_strip(x, problem, strip, panels, losses, bad, 5)


cdef inline apart six_classes(
    const floating* x, const Problem* problem, const Strip* strip, floating* panels, double* losses, Py_ssize_t* bad
) noexcept nogil:
    few_strip(x, problem, strip, panels, losses, bad, 6)


cdef inline apart seven_classes(
    const floating* x, const Problem* problem, const Strip* strip, floating* panels, double* losses, Py_ssize_t* bad
) noexcept nogil:
    few_strip(x, problem, strip, panels, losses, bad, 7)


cdef inline apart eight_classes(
    const floating* x, const Problem* problem, const Strip* strip, floating* panels, double* losses, Py_ssize_t* bad
) noexcept nogil:
    few_strip(x, problem, strip, panels, losses, bad, 8)


cdef inline apart nine_classes(
    const floating* x, const Problem* problem, const Strip* strip, floating* panels, double* losses, Py_ssize_t* bad
) noexcept nogil:
    few_strip(x, problem, strip, panels, losses, bad, 9)


cdef inline Py_ssize_t softmax_few(
    const floating* x,           # in   the strip's samples, where they lie
    const Problem* problem,
    const Strip* strip,
    floating* panels,            # C x LANES for each panel
    double* losses,              # out  (WIDTH,) v_i l_i; may be NULL
) noexcept nogil:
    """Returns how many labels are no class."""
    cdef Py_ssize_t bad = 0
    if problem.C == 1:
        one_class(x, problem, strip, panels, losses, &bad)
    elif problem.C == 2:
        two_classes(x, problem, strip, panels, losses, &bad)
    elif problem.C == 3:
        three_classes(x, problem, strip, panels, losses, &bad)
    elif problem.C == 4:
        four_classes(x, problem, strip, panels, losses, &bad)
    elif problem.C == 5:
        five_classes(x, problem, strip, panels, losses, &bad)
    elif problem.C == 6:
        six_classes(x, problem, strip, panels, losses, &bad)
    elif problem.C == 7:
        seven_classes(x, problem, strip, panels, losses, &bad)
    elif problem.C == 8:
        eight_classes(x, problem, strip, panels, losses, &bad)
    else:
        nine_classes(x, problem, strip, panels, losses, &bad)
    return bad
