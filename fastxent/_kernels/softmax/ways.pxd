"""Which way a softmax or focal loss is computed: by its classes, dtype and options, not by how many samples it has."""

from fastxent._kernels.problem cimport Problem, side_by_side, two_side_by_side
from fastxent._kernels.target cimport is_plain
from fastxent._kernels.ways cimport FEW, LANES


cdef enum Way:
    SIMPLE_FEW          # softmax/few.pxd
    GENERAL_FEW         # softmax/few_general.pxd
    PANELS              # softmax/panel.pxd
    ROWS                # softmax/row.pxd
    FOCAL_PANELS        # focal/general_panel.pxd
    FOCAL_ROWS          # focal/general_row.pxd


cdef inline bint is_simple(const Problem* problem) noexcept nogil:
    """What most calls are: one class of each sample, weighted or not."""
    return is_plain(problem) and problem.option.z_loss == 0.0 and not problem.option.is_focal


cdef inline Way way_of(const Problem* problem) noexcept nogil:
    if problem.option.is_focal and not is_plain(problem):
        # slopes lie beside the logits, as Hessians do beside gradients
        return FOCAL_PANELS if problem.C < LANES or two_side_by_side(problem) else FOCAL_ROWS
    if not side_by_side(problem):
        return ROWS
    if problem.C > FEW or problem.option.is_focal:
        return PANELS
    return SIMPLE_FEW if is_simple(problem) else GENERAL_FEW
