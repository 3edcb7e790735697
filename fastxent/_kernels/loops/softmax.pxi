# Softmax cross entropy and focal loss: the loop over a block's samples. softmax/terms.pxd has the formulas.

from cython cimport floating

from fastxent._kernels.arithmetic.sums cimport Total, add_losses
from fastxent._kernels.focal.general_strip cimport focal_strip
from fastxent._kernels.problem cimport LOSSES, Problem, Strip, panels_of_strip, side_by_side
from fastxent._kernels.softmax.few cimport softmax_few
from fastxent._kernels.softmax.few_general cimport softmax_few_general
from fastxent._kernels.softmax.panel cimport softmax_panels
from fastxent._kernels.softmax.row cimport softmax_rows
from fastxent._kernels.softmax.ways cimport (
    FOCAL_PANELS, FOCAL_ROWS, GENERAL_FEW, ROWS, SIMPLE_FEW, Way, is_simple, way_of,
)
from fastxent._kernels.strips cimport strip_at
from fastxent._kernels.ways cimport LANES, WIDTH


cdef Py_ssize_t softmax_strip(
    const floating* x, const Problem* problem, const Strip* strip, char* scratch, double* losses
) noexcept nogil:
    """Returns how many labels are no class. Without losses they are computed only where the derivatives need them."""
    cdef double room[WIDTH]
    cdef floating* panels = <floating*>scratch
    cdef Py_ssize_t bad
    cdef Way way = way_of(problem)
    if losses == NULL and (way == ROWS or not is_simple(problem)):
        losses = room
    if way == FOCAL_PANELS or way == FOCAL_ROWS:
        focal_strip(x, problem, strip, panels, losses, &bad)
        return bad
    if way == ROWS:
        return softmax_rows(x, problem, strip, panels, losses)
    if way == SIMPLE_FEW:
        return softmax_few(x, problem, strip, panels, losses)
    if way == GENERAL_FEW:
        return softmax_few_general(x, problem, strip, panels, losses)
    return softmax_panels(x, problem, strip, panels, losses)


cdef void softmax_cross_entropy(
    const floating[:, :, :] logits,  # in   (outer, inner, C)
    floating[:, :, :] losses,        # out  (outer, inner, 1), or of no size: v_i l_i
    const Problem* problem,          # the rest, derivatives included
    Py_ssize_t start,                # samples start ... start + n - 1, counted along inner
    Py_ssize_t n,
    char* scratch,
    Total* total,                    # out
) noexcept nogil:
    cdef double values[WIDTH]
    cdef double* wanted = <double*>values if problem.option.with_loss else <double*>NULL
    cdef floating* loss = NULL
    cdef Py_ssize_t width = LANES, stop = start + n
    cdef Strip strip
    if side_by_side(problem):
        width = panels_of_strip(problem) * LANES
    while start < stop:
        strip = strip_at(start, stop, logits.shape[1], width)
        total.bad += softmax_strip(&logits[strip.o, strip.i, 0], problem, &strip, scratch, wanted)
        if problem.option.with_loss:
            if losses.shape[2] > 0:
                loss = &losses[strip.o, strip.i, 0]
            add_losses(values, strip.n, loss, &problem.view[<int>LOSSES], total)
        start += strip.n
