"""Focal loss of a strip of samples with any targets: by rows where the classes fill the lanes, else by panels."""

from cython cimport floating

from fastxent._kernels.arithmetic.lanes cimport Lanes
from fastxent._kernels.arithmetic.panel cimport clear_dead
from fastxent._kernels.arrays.output cimport by_rule, store_panels
from fastxent._kernels.arrays.transpose cimport transpose_in
from fastxent._kernels.focal.general_panel cimport general_focal_panel
from fastxent._kernels.focal.general_row cimport general_focal_row
from fastxent._kernels.frames cimport apart
from fastxent._kernels.problem cimport GRAD, HESS, X, Problem, Strip, at, has
from fastxent._kernels.softmax.ways cimport FOCAL_PANELS, way_of
from fastxent._kernels.strips cimport part_of
from fastxent._kernels.target cimport read_samples, read_scales
from fastxent._kernels.ways cimport LANES, whole_groups


cdef inline Py_ssize_t focal_room(const Problem* problem) noexcept nogil:
    """The numbers of scratch that a strip takes: three panels, or a row and what it is longer by."""
    return 3 * whole_groups(problem.C) * LANES if way_of(problem) == FOCAL_PANELS else problem.C + LANES


cdef inline void one_focal_row(
    const floating* x, const Problem* problem, const Strip* sample, const Lanes* lanes, Py_ssize_t j, floating* room,
    double* losses
) noexcept nogil:
    """The strip's sample j, where it lies."""
    cdef Py_ssize_t k, C = problem.C
    cdef floating* g = <floating*>at(&problem.view[<int>GRAD], sample.o, sample.i)
    cdef floating* h = <floating*>at(&problem.view[<int>HESS], sample.o, sample.i)
    losses[j] = general_focal_row(x, problem, sample, lanes.y[j], lanes.scale[j], room, g, h)
    if lanes.weight[j] == 0 and g != NULL:
        for k in range(C):
            g[k] = <floating>0.0
        for k in range(C if h != NULL else 0):
            h[k] = <floating>0.0
    if h != NULL:
        by_rule(&problem.option, C, h)


cdef inline void focal_panels(
    const floating* x, const Problem* problem, const Strip* strip, const Lanes* lanes, floating* room, double* losses
) noexcept nogil:
    """One panel after the other, in the same memory."""
    cdef Strip part
    cdef Py_ssize_t c, first, C = problem.C
    cdef floating* panel = room
    cdef floating* hess = room + whole_groups(C) * LANES
    cdef floating* slopes = room + 2 * whole_groups(C) * LANES
    cdef bint with_hess = has(problem, HESS)
    for c in range((strip.n + LANES - 1) // LANES):
        first = c * LANES
        part = part_of(strip, first)
        transpose_in(
            <const floating*>(<const char*>x + first * problem.view[<int>X].inner),
            problem.view[<int>X].inner // <Py_ssize_t>sizeof(floating),
            problem.view[<int>X].classes // <Py_ssize_t>sizeof(floating), C, part.n, panel
        )
        general_focal_panel(
            panel, problem, &part, lanes, first, hess if with_hess else <floating*>NULL, slopes, losses + first
        )
        if has(problem, GRAD):
            clear_dead(lanes.weight + first, C, panel)
            store_panels(problem, GRAD, &part, C, panel)
        if with_hess:
            clear_dead(lanes.weight + first, C, hess)
            by_rule(&problem.option, C * LANES, hess)
            store_panels(problem, HESS, &part, C, hess)


cdef inline apart focal_strip(
    const floating* x,           # in   the strip's samples, where they lie
    const Problem* problem,
    const Strip* strip,
    floating* room,              # focal_room
    double* losses,              # out  (WIDTH,) v_i l_i
    Py_ssize_t* bad,             # out  how many labels are no class
) noexcept nogil:
    cdef Lanes lanes
    cdef Strip sample
    cdef Py_ssize_t j
    bad[0] = read_samples(problem, strip, lanes.y, lanes.weight)
    read_scales(problem, strip, lanes.weight, lanes.scale)
    for j in range(strip.n, (strip.n + LANES - 1) // LANES * LANES):
        lanes.weight[j] = lanes.scale[j] = 0.0
        lanes.y[j] = 0
    if way_of(problem) == FOCAL_PANELS:
        focal_panels(x, problem, strip, &lanes, room, losses)
    else:
        for j in range(strip.n):
            sample = part_of(strip, j)
            one_focal_row(
                <const floating*>(<const char*>x + j * problem.view[<int>X].inner), problem, &sample, &lanes, j, room,
                losses
            )
    for j in range(strip.n):
        losses[j] = lanes.weight[j] * losses[j] if lanes.weight[j] != 0 else 0.0
