"""What few.pxd leaves over of FEW classes or fewer, with its exponentials: any target, z-loss.

The sums over a sample's classes are compiled anew for each number of them, which are in registers then;
general_panel.pxd has what follows. Exponentials are not scaled, and no ties are left to count: top = 1, ties = 1.
"""

from cython cimport floating
from libc.stdint cimport int32_t

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.arithmetic.few cimport few_lanes, few_shares
from fastxent._kernels.arithmetic.lanes cimport Lanes
from fastxent._kernels.arithmetic.panel cimport (
    LABEL, LOG_S, MAXIMUM, OWN_E, OWN_X, PANEL, REST, REST_LOW, SHIFT, TIES, TOP, panel_pick,
)
from fastxent._kernels.arithmetic.row cimport larger
from fastxent._kernels.arrays.memory cimport prefetch_block
from fastxent._kernels.arrays.output cimport store_panels
from fastxent._kernels.arrays.soon cimport Soon, far_if, home_soon, nothing_soon, read_soon, soon_of, write_soon
from fastxent._kernels.frames cimport flat, inlined
from fastxent._kernels.problem cimport GRAD, X, Problem, Strip, has
from fastxent._kernels.softmax.few cimport few_in
from fastxent._kernels.softmax.general_panel cimport finish_general, label_dots, target_of_panel, target_room
from fastxent._kernels.softmax.sums cimport gap, mend_dots, smaller
from fastxent._kernels.strips cimport part_of
from fastxent._kernels.target cimport (
    are_outside, is_flat, is_index, is_plain, others_shares, own_shares, panel_of_target, read_samples,
    read_scales, targets_soon,
)
from fastxent._kernels.ways cimport FEW, LANES, PANELS


cdef inline inlined few_dots(
    const floating* x,           # in   C x LANES
    const floating* t,           # in   C x LANES, or NULL where each is 1
    Py_ssize_t C,                # known to the compiler
    const floating* m,           # in   (LANES,)
    double* dot,                 # out  (LANES,) sum_k t_k (m - x_k)
) noexcept nogil:
    """panel_dots, or panel_gaps. The sum is a tree as in few_lanes."""
    cdef floating found[LANES]
    cdef floating part[FEW]
    cdef floating here
    cdef Py_ssize_t j, k
    for j in range(LANES):
        for k in range(C):
            if t == NULL:
                here = m[j] - x[k * LANES + j]
            else:
                here = t[k * LANES + j] * gap(t[k * LANES + j], m[j], x[k * LANES + j])
            part[k // 2] = here if k % 2 == 0 else part[k // 2] + here
        if C > 2:
            part[0] = part[0] + part[1]
        if C > 6:
            part[2] = part[2] + part[3]
        if C > 4:
            part[0] = part[0] + part[2]
        if C > 8:
            part[0] = part[0] + part[4]
        found[j] = part[0]
    for j in range(LANES):
        dot[j] = found[j]
    mend_dots(x, t, C, m, dot)


cdef inline inlined few_largest(
    const floating* t,           # in   C x LANES
    Py_ssize_t C,                # known to the compiler
    double* own,                 # out  (LANES,) the largest t_k
    double* others,              # out  (LANES,) T but for that
    floating* label,             # out  (LANES,) the class that has more than all others, or -1
) noexcept nogil:
    """The rest of panel_dots, and panel_largest. In a loop of its own: of a larger one GCC makes no vectors."""
    cdef floating largest[LANES]
    cdef floating rest[LANES]
    cdef floating less[FEW]
    cdef floating most, here, number
    cdef Py_ssize_t j, k
    for j in range(LANES):
        most = t[j]
        number = less[0] = <floating>0.0
        for k in range(1, C):
            here = t[k * LANES + j]
            less[(k - 1) // 2] = smaller(here, most) if k % 2 == 1 else less[(k - 1) // 2] + smaller(here, most)
            number = <floating>k if here > most else number
            most = larger(here, most)
        if C > 3:
            less[0] = less[0] + less[1]
        if C > 7:
            less[2] = less[2] + less[3]
        if C > 5:
            less[0] = less[0] + less[2]
        largest[j] = most
        rest[j] = less[0]
        label[j] = number if most > less[0] else -<floating>1.0
    for j in range(LANES):
        own[j] = largest[j]
        others[j] = rest[j]


cdef inline inlined few_sums(
    const Problem* problem, floating* of, const floating* t, double* dot, double* own, double* others, floating* panel,
    Py_ssize_t C
) noexcept nogil:
    """sums_of_few of C classes, which the compiler knows."""
    cdef floating top[LANES]
    cdef floating e[FEW * LANES]
    cdef Py_ssize_t j
    few_lanes(<const floating*>panel, C, of + LABEL, of, top, e)
    if not is_index(problem):
        few_largest(t, C, own, others, of + LABEL)
    if is_plain(problem):
        for j in range(LANES):
            dot[j] = 0.0
    elif is_flat(problem):
        few_dots(<const floating*>panel, <const floating*>NULL, C, of + MAXIMUM, dot)
    else:
        few_dots(<const floating*>panel, t, C, of + MAXIMUM, dot)
    if has(problem, GRAD):
        few_shares(<const floating*>e, <const floating*>top, C, panel)
        panel_pick(<const floating*>panel, C, of + LABEL, of + OWN_E)


cdef inline flat sums_of_few(
    const Problem* problem,
    floating* of,                # in, out  (PANEL,) LABEL of class indices; else out, as all but LOG_S
    const floating* t,           # in   C x LANES, the distributions or the classes' weights, if there are any
    double* dot,                 # out  (LANES,) sum_k t_k (m - x_k), of class indices sum_k w_k (m - x_k)
    double* own,                 # out  (LANES,) of distributions the largest t_k
    double* others,              # out  (LANES,) and T but for that
    floating* panel,             # in   C x LANES; out the exponentials, if there is a gradient
) noexcept nogil:
    cdef Py_ssize_t j, C = problem.C
    if C == 1:
        few_sums(problem, of, t, dot, own, others, panel, 1)
    elif C == 2:
        few_sums(problem, of, t, dot, own, others, panel, 2)
    elif C == 3:
        few_sums(problem, of, t, dot, own, others, panel, 3)
    elif C == 4:
        few_sums(problem, of, t, dot, own, others, panel, 4)
    elif C == 5:
        few_sums(problem, of, t, dot, own, others, panel, 5)
    elif C == 6:
        few_sums(problem, of, t, dot, own, others, panel, 6)
    elif C == 7:
        few_sums(problem, of, t, dot, own, others, panel, 7)
    elif C == 8:
        few_sums(problem, of, t, dot, own, others, panel, 8)
    else:
        few_sums(problem, of, t, dot, own, others, panel, 9)
    for j in range(LANES):
        of[SHIFT + TIES + j] = of[TOP + j] = <floating>1.0
        of[SHIFT + REST_LOW + j] = <floating>0.0


cdef inline Py_ssize_t softmax_few_general(
    const floating* x,           # in   the strip's samples, where they lie
    const Problem* problem,
    const Strip* strip,
    floating* panels,            # softmax_room
    double* losses,              # out  (WIDTH,) v_i l_i
) noexcept nogil:
    """Returns how many labels are no class."""
    cdef Lanes lanes
    cdef floating known[PANELS * PANEL]
    cdef floating* of
    cdef floating* t
    cdef Soon next = nothing_soon(), home = nothing_soon(), targets = targets_soon(problem, strip, x)
    cdef Strip part
    cdef Py_ssize_t sample_step = problem.view[<int>X].inner // <Py_ssize_t>sizeof(floating)
    cdef Py_ssize_t class_step = problem.view[<int>X].classes // <Py_ssize_t>sizeof(floating)
    cdef Py_ssize_t c, first, j, C = problem.C, n = strip.n, n_panels = (n + LANES - 1) // LANES
    cdef bint with_grad = has(problem, GRAD)
    cdef Py_ssize_t bad = read_samples(problem, strip, lanes.y, lanes.weight)
    for j in range(n, n_panels * LANES):
        lanes.y[j] = 0
        lanes.weight[j] = 0.0
    if is_index(problem):
        own_shares(problem, lanes.y, n_panels * LANES, lanes.own)
        others_shares(problem, lanes.y, n_panels * LANES, lanes.others)
    few_in(x, sample_step, class_step, C, n, panels)
    if sample_step == C:
        next = far_if(floating is double, soon_of(&problem.next, strip.i, x, n * C))
        home = far_if(floating is double, home_soon(problem, strip.o, strip.i, n, x))
    for c in range(n_panels):
        first = c * LANES
        of = known + c * PANEL
        t = target_room(problem, panels) + target_of_panel(problem, first)
        for j in range(LANES):
            of[LABEL + j] = <floating><int32_t>lanes.y[first + j] if is_index(problem) else -<floating>1.0
        if not is_plain(problem) and not is_flat(problem) and (not is_index(problem) or c == 0):
            part = part_of(strip, first)
            panel_of_target(problem, &part, lanes.y + first, t)
        if not is_index(problem):
            bad += are_outside(problem, <const floating*>t, C * LANES)
            if targets.data != NULL:
                prefetch_block(<const floating*>targets.data + first * C, LANES * C)
        if next.data != NULL:
            read_soon(&next, x, LANES * C)
        if home.data != NULL:
            write_soon(&home, x, LANES * C)
        sums_of_few(
            problem, of, <const floating*>t, losses + first, lanes.own + first, lanes.others + first, panels + first * C
        )
        if is_index(problem):
            label_dots(problem, first, of + MAXIMUM, of + OWN_X, &lanes, losses + first)
        else:
            for j in range(first, first + LANES):
                lanes.total[j] = lanes.own[j] + lanes.others[j]
    for c in range(n_panels):
        of = known + c * PANEL
        for j in range(LANES):
            of[LOG_S + j] = scalar.log1p(of[SHIFT + REST + j])
    if with_grad:
        read_scales(problem, strip, lanes.weight, lanes.scale)
        for j in range(n, n_panels * LANES):
            lanes.scale[j] = 0.0
    finish_general(problem, strip, &lanes, known, target_room(problem, panels), panels, losses)
    if with_grad:
        store_panels(problem, GRAD, strip, C, panels)
    return bad
