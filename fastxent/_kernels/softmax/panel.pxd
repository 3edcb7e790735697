"""Softmax cross entropy of a strip of few classes; terms.pxd has the formulas.

Here is what most calls need: one class of each sample, weighted or not; general_panel.pxd has the rest.
"""

from cython cimport floating
from libc.stdint cimport int32_t

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.arithmetic.few cimport lanes_of_few
from fastxent._kernels.arithmetic.lanes cimport Lanes
from fastxent._kernels.arithmetic.panel cimport (
    BOTTOM, LABEL, LOG_S, MAGIC, MAXIMUM, ORIGIN, OWN_E, OWN_X, PANEL, REST, REST_LOW, SHIFT, TIES, TOP, clear_dead,
    panel_exp, panel_max, panel_pick, scaled_panel, shift_by,
)
from fastxent._kernels.arithmetic.row cimport row_scale
from fastxent._kernels.arithmetic.solo cimport solo_exp, solo_max, solo_rows, solo_width
from fastxent._kernels.arrays.output cimport store, store_panels
from fastxent._kernels.arrays.soon cimport Soon, far_if, home_soon, nothing_soon, read_soon, soon_of, write_soon
from fastxent._kernels.arrays.transpose cimport ask_for_run, lanes_in, transpose_in
from fastxent._kernels.focal.panel cimport finish_focal_panels
from fastxent._kernels.problem cimport GRAD, HESS, X, Problem, Strip, at, has
from fastxent._kernels.softmax.general_panel cimport (
    Curves, finish_general, make_hess, own_exponential, panel_dot, target_of_panel, target_room,
)
from fastxent._kernels.softmax.ways cimport is_simple
from fastxent._kernels.strips cimport part_of
from fastxent._kernels.target cimport (
    are_outside, is_index, is_plain, others_shares, own_shares, read_samples, read_scales,
)
from fastxent._kernels.ways cimport FEW, LANES, PANELS, WIDTH, is_solo


cdef inline void simple_losses(
    const floating* of,          # in   (PANEL,)
    const double* own,           # in   (LANES,)
    const double* weight,        # in   (LANES,)
    double* losses,              # out  (LANES,)
) noexcept nogil:
    """The losses where t has one entry, and there is no z-loss. A row that is nan is so without weight of its class."""
    cdef floating loss[LANES]
    cdef double product, wide, nothing
    cdef Py_ssize_t j
    cdef int odd = 0
    for j in range(LANES):
        loss[j] = (of[MAXIMUM + j] - of[OWN_X + j]) + of[LOG_S + j]
    for j in range(LANES):
        odd += loss[j] - loss[j] != 0
    for j in range(LANES):
        product = weight[j] * own[j] * loss[j]
        losses[j] = product if weight[j] != 0 else 0.0
    if odd == 0:
        return
    for j in range(LANES):       # of the odd lanes alone: a difference that overflows in float32 does not in double
        wide = own[j] * ((<double>of[MAXIMUM + j] - <double>of[OWN_X + j]) + <double>of[LOG_S + j])
        nothing = of[LOG_S + j] - of[LOG_S + j]
        product = weight[j] * (wide if own[j] != 0 else nothing)
        product = product if weight[j] != 0 else 0.0
        losses[j] = product if loss[j] - loss[j] != 0 else losses[j]


cdef inline void simple_factors(
    const floating* of,          # in   (PANEL,)
    const double* own,           # in   (LANES,)
    const double* scale,         # in   (LANES,)
    floating* factor,            # out  (LANES,)
    floating* own_grad,          # out  (LANES,)
) noexcept nogil:
    """What the exponentials are multiplied by, and the gradient at the label's class, where t has one entry."""
    cdef const floating* sums = of + SHIFT
    cdef floating e, rest, spread, own_o
    cdef Py_ssize_t j
    for j in range(LANES):
        factor[j] = <floating>(
            own[j] * scale[j]
            / (<double>(sums[TIES + j] * of[TOP + j]) + <double>(sums[REST + j] + sums[REST_LOW + j]))
        )
    for j in range(LANES):
        e = scalar.exp_scaled(of[OWN_X + j], of[ORIGIN + j], of[MAGIC + j], of[BOTTOM + j])
        rest = sums[REST + j] + sums[REST_LOW + j]
        spread = (sums[TIES + j] - <floating>1.0) * of[TOP + j] + rest
        own_o = sums[TIES + j] * of[TOP + j] + rest - e
        own_o = spread if e == of[TOP + j] else own_o
        own_grad[j] = -factor[j] * own_o


cdef inline void kill_factors(
    const double* weight,        # in   (LANES,)
    floating* factor,            # in, out (LANES,)
    floating* own_grad,          # in, out (LANES,)
    double* kept,                # out  (LANES,) 0 where the gradient will have to be cleared
) noexcept nogil:
    """Without weight the factor is 0, which makes the gradient so, unless the row is nan."""
    cdef Py_ssize_t j
    for j in range(LANES):
        kept[j] = 1.0 if (weight[j] != 0) | (factor[j] == 0) else 0.0
    for j in range(LANES):       # not -0.
        own_grad[j] = own_grad[j] if factor[j] != 0 else <floating>0.0
        factor[j] = factor[j] if factor[j] != 0 else <floating>0.0


cdef inline void simple_curves(
    const floating* of,          # in   (PANEL,)
    const double* own,           # in   (LANES,)
    const double* scale,         # in   (LANES,)
    Curves* curves,              # out
) noexcept nogil:
    """The Hessian diagonal where there is no z-loss: t e o / s^2."""
    cdef const floating* sums = of + SHIFT
    cdef double top, rest
    cdef Py_ssize_t j
    for j in range(LANES):
        top = of[TOP + j]
        rest = <double>sums[REST + j] + <double>sums[REST_LOW + j]
        curves.s[j] = <double>sums[TIES + j] * top + rest
        curves.spread[j] = (<double>sums[TIES + j] - 1.0) * top + rest
        curves.a[j] = own[j] * scale[j] / (curves.s[j] * curves.s[j])
        curves.b[j] = 0.0


cdef inline void store_solo(
    const Problem* problem, const Strip* strip, const Lanes* lanes, const floating* factor, const floating* own_grad,
    floating* rows
) noexcept nogil:
    """The exponentials of rows become their gradient, which goes to where it is wanted."""
    cdef Py_ssize_t j, k, C = problem.C
    cdef floating* row
    for j in range(strip.n):
        row = rows + j * solo_width(C)
        row_scale(row, factor[j], C)
        row[lanes.y[j]] = own_grad[j]
        if lanes.weight[j] == 0:
            for k in range(C):
                row[k] = <floating>0.0
        store(
            &problem.view[<int>GRAD], at(&problem.view[<int>GRAD], strip.o, strip.i + j), row, C,
            problem.view[<int>GRAD].classes
        )


cdef inline void sum_solo(
    const floating* x, const Problem* problem, const Lanes* lanes, Py_ssize_t n, floating* rows, floating* of
) noexcept nogil:
    """The exponentials of n samples, in rows, and what is known of each, in the lanes of one panel."""
    cdef Py_ssize_t j, C = problem.C, width = solo_width(C)
    cdef floating m[LANES]
    cdef floating* sums = of + SHIFT
    solo_rows(x, problem.view[<int>X].inner, problem.view[<int>X].classes, C, n, rows)
    for j in range(LANES):
        m[j] = of[OWN_X + j] = sums[REST + j] = sums[REST_LOW + j] = <floating>0.0
        sums[TIES + j] = <floating>1.0
    for j in range(n):
        m[j] = solo_max(rows + j * width, C)
        of[OWN_X + j] = rows[j * width + lanes.y[j]]
    shift_by(m, of)
    for j in range(n):
        solo_exp(rows + j * width, C, j, of, sums)


cdef inline void sum_panels(
    const floating* x, const Problem* problem, const Strip* strip, Lanes* lanes, floating* panels, floating* of,
    double* losses
) noexcept nogil:
    """The exponentials of a strip, in panels, and what is known of each sample."""
    cdef Soon home, next = nothing_soon()
    cdef floating* e
    cdef floating m[LANES]
    cdef floating top[LANES]
    cdef Py_ssize_t c, i, j, n = strip.n, C = problem.C, row_bytes = C * <Py_ssize_t>sizeof(floating)
    cdef Py_ssize_t sample_step = problem.view[<int>X].inner, class_step = problem.view[<int>X].classes
    cdef bint index = is_index(problem), with_grad = has(problem, GRAD)
    cdef bint with_dot = not problem.option.is_focal and not is_simple(problem)
    c = 0
    if sample_step == sizeof(floating):
        c = n // LANES
        lanes_in(x, class_step // <Py_ssize_t>sizeof(floating), C, c, False, panels)
    for c in range(c, (n + LANES - 1) // LANES):
        transpose_in(
            <const floating*>(<const char*>x + c * LANES * sample_step), sample_step // <Py_ssize_t>sizeof(floating),
            class_step // <Py_ssize_t>sizeof(floating), C, min(<Py_ssize_t>LANES, n - c * LANES), panels + c * LANES * C
        )
    for c in range((n + LANES - 1) // LANES):
        e = panels + c * LANES * C
        i = strip.i + c * LANES
        if sample_step == row_bytes:
            next = far_if(with_grad or floating is double, soon_of(&problem.next, i, x, (n + c * LANES) * C))
        home = far_if(True, home_soon(problem, strip.o, i, 0, x))
        for j in range(C if sample_step == sizeof(floating) else 0):
            ask_for_run(<const floating*>(<const char*>x + j * class_step) + c * LANES)
        if C <= FEW:             # focal loss
            if next.data != NULL:
                read_soon(&next, x, C * LANES)
            if home.data != NULL:
                write_soon(&home, x, C * LANES)
            lanes_of_few(<const floating*>e, C, of, top, e if with_grad else <floating*>NULL)
            for j in range(LANES):
                of[OWN_E + j] = scalar.exp_of_difference(of[OWN_X + j], of[MAXIMUM + j])
            of += PANEL
            continue
        panel_max(e, C, m)
        if index:
            panel_pick(e, C, of + LABEL, of + OWN_X)
        else:
            for j in range(LANES):
                of[OWN_X + j] = m[j]
        if with_dot:
            panel_dot(
                e, m, problem, strip, c * LANES, lanes, of,
                target_room(problem, panels) + target_of_panel(problem, c * LANES), losses
            )
        shift_by(m, of)
        panel_exp(e, C, of, next, home, e if with_grad else <floating*>NULL, of + SHIFT)
        of += PANEL


cdef inline Py_ssize_t softmax_panels(
    const floating* x,           # in   the strip's samples, where they lie
    const Problem* problem,
    const Strip* strip,
    floating* panels,            # softmax_room: C x LANES each, or rows, for the exponentials
    double* losses,              # out  (WIDTH,) v_i l_i; may be NULL where t has one entry, without z-loss or focusing
) noexcept nogil:
    """Returns how many labels are no class.

    Step by step for all panels, since one panel alone would have the processor wait for each step's result. What is one
    number a lane is computed for all LANES, used or not. Rows and panels share all steps between the sums and the
    scaling, and so their bits.
    """
    cdef Lanes lanes
    cdef floating known[PANELS * PANEL]
    cdef floating factor[WIDTH]
    cdef floating own_grad[WIDTH]
    cdef double kept[LANES]
    cdef floating* of
    cdef floating* sums
    cdef floating value
    cdef Py_ssize_t c, first, j, n = strip.n, C = problem.C, n_panels = (n + LANES - 1) // LANES
    cdef bint with_grad = has(problem, GRAD)
    cdef bint simple = is_simple(problem)
    cdef bint solo = simple and n <= LANES and not has(problem, HESS) and is_solo(&problem.tuning, C, n)
    cdef Curves curves
    cdef Strip part
    cdef Py_ssize_t bad = read_samples(problem, strip, lanes.y, lanes.weight)

    for j in range(n, n_panels * LANES):
        lanes.y[j] = 0
        lanes.weight[j] = 0.0
    if is_index(problem):
        own_shares(problem, lanes.y, n_panels * LANES, lanes.own)
        if not simple:
            others_shares(problem, lanes.y, n_panels * LANES, lanes.others)
        for c in range(n_panels):
            for j in range(LANES):
                known[c * PANEL + LABEL + j] = <floating><int32_t>lanes.y[c * LANES + j]
    else:
        for c in range(n_panels):
            for j in range(LANES):
                known[c * PANEL + LABEL + j] = -<floating>1.0
                lanes.own[c * LANES + j] = lanes.others[c * LANES + j] = 0.0
    if solo:
        sum_solo(x, problem, &lanes, n, panels, known)
    else:
        sum_panels(x, problem, strip, &lanes, panels, known, losses)
    for c in range(n_panels if losses != NULL else 0):
        of = known + c * PANEL
        sums = of + SHIFT
        for j in range(LANES):
            value = (sums[REST + j] + sums[REST_LOW + j]) / of[TOP + j]
            of[LOG_S + j] = scalar.log1p((sums[TIES + j] - <floating>1.0) + value)
    if with_grad:
        read_scales(problem, strip, lanes.weight, lanes.scale)
        for j in range(n, n_panels * LANES):
            lanes.scale[j] = 0.0

    if problem.option.is_focal:
        for c in range(n_panels if C > FEW else 0):
            own_exponential(known + c * PANEL)
        finish_focal_panels(problem, strip, &lanes, known, panels, losses)
    elif not simple:
        for c in range(n_panels if not is_index(problem) else 0):
            bad += are_outside(
                problem, target_room(problem, panels) + target_of_panel(problem, c * LANES), C * LANES
            )
        for c in range(n_panels if with_grad else 0):
            own_exponential(known + c * PANEL)
        finish_general(problem, strip, &lanes, known, target_room(problem, panels), panels, losses)
    else:
        for c in range(n_panels if losses != NULL else 0):
            first = c * LANES
            simple_losses(known + c * PANEL, lanes.own + first, lanes.weight + first, losses + first)
        for c in range(n_panels if with_grad else 0):
            first = c * LANES
            simple_factors(
                known + c * PANEL, lanes.own + first, lanes.scale + first, factor + first, own_grad + first
            )
        if solo:
            if with_grad:
                kill_factors(lanes.weight, factor, own_grad, kept)
                store_solo(problem, strip, &lanes, factor, own_grad, panels)
            return bad
        for c in range(n_panels if with_grad else 0):
            of = known + c * PANEL
            first = c * LANES
            if has(problem, HESS):
                simple_curves(of, lanes.own + first, lanes.scale + first, &curves)
                part = part_of(strip, first)
                make_hess(problem, &part, lanes.weight + first, of + TOP, &curves, panels + first * C)
            kill_factors(lanes.weight + first, factor + first, own_grad + first, kept)
            scaled_panel(of + LABEL, factor + first, own_grad + first, C, panels + first * C)
            clear_dead(kept, C, panels + first * C)
    if with_grad:
        store_panels(problem, GRAD, strip, C, panels)
    return bad
