# What each build offers: its loops, one for each family and dtype, and the way to them.

from cpython.pycapsule cimport PyCapsule_New

from fastxent._kernels.arithmetic.sums cimport Total, clear_total, close_total
from fastxent._kernels.arrays.memory cimport LINE, fence
from fastxent._kernels.arrays.memoryview cimport point_double, point_float
from fastxent._kernels.arrays.output cimport is_streamed
from fastxent._kernels.arrays.staging cimport samples_of_tile, stage, staging_bytes, unstage
from fastxent._kernels.focal.general_strip cimport focal_room
from fastxent._kernels.problem cimport (
    ACTIVATION, CARRIED, CLAMPED, CONVERSION, COUNT_CLASSES, COUNT_ELEMENTS, COUNT_OUTSIDE, FAMILIES, FLOAT32, GRAD,
    INFORMATION, LOSSES, SIGMOID, SIGMOID_FOCAL, SIMPLEX, SOFTMAX, STATISTICS, X, Problem, Table, View, side_by_side,
    size_of,
)
from fastxent._kernels.softmax.general_panel cimport softmax_room
from fastxent._kernels.softmax.row cimport row_room
from fastxent._kernels.softmax.ways cimport FOCAL_PANELS, FOCAL_ROWS, ROWS, Way, way_of
from fastxent._kernels.ways cimport LANES

include "loops/elementwise.pxi"
include "loops/softmax.pxi"
include "loops/activations.pxi"
include "loops/clamped.pxi"
include "loops/information.pxi"
include "loops/simplex.pxi"
include "loops/sigmoid.pxi"
include "loops/sigmoid_focal.pxi"
include "loops/statistics.pxi"
include "loops/carried.pxi"
include "loops/conversion.pxi"
include "loops/counts.pxi"

ctypedef void (*FloatLoop)(
    const float[:, :, :], float[:, :, :], const Problem*, Py_ssize_t, Py_ssize_t, char*, Total*
) noexcept nogil
ctypedef void (*DoubleLoop)(
    const double[:, :, :], double[:, :, :], const Problem*, Py_ssize_t, Py_ssize_t, char*, Total*
) noexcept nogil

cdef FloatLoop float_loops[<int>FAMILIES]
cdef DoubleLoop double_loops[<int>FAMILIES]
float_loops[<int>SOFTMAX] = softmax_cross_entropy[float]
double_loops[<int>SOFTMAX] = softmax_cross_entropy[double]
float_loops[<int>CLAMPED] = clamped_cross_entropy[float]
double_loops[<int>CLAMPED] = clamped_cross_entropy[double]
float_loops[<int>SIGMOID] = sigmoid_cross_entropy[float]
double_loops[<int>SIGMOID] = sigmoid_cross_entropy[double]
float_loops[<int>SIGMOID_FOCAL] = sigmoid_focal_loss[float]
double_loops[<int>SIGMOID_FOCAL] = sigmoid_focal_loss[double]
float_loops[<int>ACTIVATION] = activation[float]
double_loops[<int>ACTIVATION] = activation[double]
float_loops[<int>INFORMATION] = information[float]
double_loops[<int>INFORMATION] = information[double]
float_loops[<int>SIMPLEX] = off_simplex[float]
double_loops[<int>SIMPLEX] = off_simplex[double]
float_loops[<int>STATISTICS] = statistics[float]
double_loops[<int>STATISTICS] = statistics[double]
float_loops[<int>CARRIED] = carry[float]
double_loops[<int>CARRIED] = carry[double]
float_loops[<int>CONVERSION] = convert[float]
double_loops[<int>CONVERSION] = convert[double]
float_loops[<int>COUNT_CLASSES] = count_classes[float]
double_loops[<int>COUNT_CLASSES] = count_classes[double]
float_loops[<int>COUNT_ELEMENTS] = count_elements[float]
double_loops[<int>COUNT_ELEMENTS] = count_elements[double]
float_loops[<int>COUNT_OUTSIDE] = count_outside[float]
double_loops[<int>COUNT_OUTSIDE] = count_outside[double]


cdef float[:, :, :] no_floats
cdef double[:, :, :] no_doubles


cdef void run_where_it_lies(
    const Problem* problem, Py_ssize_t start, Py_ssize_t n, char* scratch, Total* total
) noexcept nogil:
    """Samples start ... start + n - 1, by the loop of their family and dtype."""
    cdef const View* x = &problem.view[<int>X]
    cdef const View* loss = &problem.view[<int>LOSSES]
    cdef Py_ssize_t with_losses = loss.data != NULL
    cdef float[:, :, :] float_x = no_floats, float_losses = no_floats
    cdef double[:, :, :] double_x = no_doubles, double_losses = no_doubles
    if problem.kind == FLOAT32:
        point_float(float_x, x.data, problem.outer, problem.inner, problem.C, x.outer, x.inner, x.classes)
        point_float(
            float_losses, loss.data, problem.outer, problem.inner, with_losses, loss.outer, loss.inner, loss.classes
        )
        float_loops[<int>problem.family](float_x, float_losses, problem, start, n, scratch, total)
    else:
        point_double(double_x, x.data, problem.outer, problem.inner, problem.C, x.outer, x.inner, x.classes)
        point_double(
            double_losses, loss.data, problem.outer, problem.inner, with_losses, loss.outer, loss.inner, loss.classes
        )
        double_loops[<int>problem.family](double_x, double_losses, problem, start, n, scratch, total)


cdef void run_block(
    const Problem* problem, Py_ssize_t start, Py_ssize_t n, char* scratch, double* sums
) noexcept nogil:
    """One block, tile by tile where it has to be gathered."""
    cdef Total total
    cdef Problem here
    cdef Py_ssize_t rows, stop = start + n
    clear_total(&total)
    if problem.is_staged:
        rows = samples_of_tile(problem)
        while start < stop:
            n = min(rows, stop - start)
            stage(problem, start, n, rows, scratch + kernel_bytes(problem), &here)
            run_where_it_lies(&here, 0, n, scratch, &total)
            unstage(problem, start, n, rows, &here)
            start += n
    else:
        run_where_it_lies(problem, start, n, scratch, &total)
    close_total(&total, sums)
    if is_streamed(problem, GRAD, problem.C):
        fence()


cdef Py_ssize_t kernel_bytes(const Problem* problem) noexcept nogil:
    """The scratch that a loop takes, to the end of a cache line."""
    cdef Py_ssize_t panels = 0, room = 0, size = size_of(problem.kind)
    cdef Way way
    if problem.family == SOFTMAX:
        way = way_of(problem)
        if way == FOCAL_PANELS or way == FOCAL_ROWS:
            room = focal_room(problem)
        else:
            room = row_room(problem) if way == ROWS else softmax_room(problem)
    elif problem.family == INFORMATION:
        panels = 2 if problem.C < problem.tuning.row_classes else 0           # terms in two parts
        size = sizeof(double)
    elif problem.family == ACTIVATION or problem.family == SIMPLEX:
        panels = side_by_side(problem)
    elif problem.family == STATISTICS:
        panels = 2 * side_by_side(problem)                                    # logits and exponentials
    room = max(room, panels * LANES * (problem.C + LANES))
    return (room * size + LINE - 1) // LINE * LINE


cdef Py_ssize_t scratch_bytes(const Problem* problem) noexcept nogil:
    """The scratch, from the start of a cache line on, that each thread needs."""
    return kernel_bytes(problem) + staging_bytes(problem)


cdef Table offered
offered.size_of_problem = sizeof(Problem)
offered.run_block = run_block
offered.scratch_bytes = scratch_bytes
offered.bad_labels = bad_labels

table = PyCapsule_New(&offered, b"fastxent table", NULL)
