# Softmax focal loss: the loop over a job's blocks. The formulas are in focal_terms.pxd and focal_general.pxd.

from cython cimport floating
from libc.string cimport memset

from fastxent._kernels.focal_terms cimport Focusing
from fastxent._kernels.grid cimport Block, Steps, block_at, moved, start_of, steps_of
from fastxent._kernels.job cimport Job
from fastxent._kernels.operand cimport Operand, view_of
from fastxent._kernels.output cimport Output, OutputView, output_of
from fastxent._kernels.sums cimport LANES, WIDTH, add_losses, sum_lanes
from fastxent._kernels.target cimport Scaling, Target


def softmax_focal_loss(
    Py_ssize_t way,                      # ROWS, PANEL or TRANSPOSED
    const floating[:, :, :] logits,      # in   (outer, inner, C)
    Target target not None,
    Operand sample_weight,               # in   (outer, inner) or None
    Operand grad_output,                 # in   (outer, inner) or None
    double grad_scale,
    double z_loss,
    double gamma,
    bint gauss_newton,                   # the second derivatives without the bend; for plain targets
    floating[:, :, :] losses,            # out  (outer, inner, 1) or None: v_i l_i
    Output grad,                         # out  (outer, inner, C) or None, may be logits
    Output hess,                         # out  (outer, inner, C) or None, may be logits
    double[:, ::1] sums,                 # out  (n_blocks, 2): sum of the losses, number of labels that are no class
    Py_ssize_t block_outer,
    Py_ssize_t block_inner,
    Job job not None,
):
    """Loss, gradient and Hessian diagonal of the blocks that `job` hands out."""
    cdef Scaling scaling
    cdef Focusing focusing
    cdef Block block
    cdef Steps x_step = steps_of(logits), loss_step = steps_of(losses)
    cdef OutputView g = output_of(grad), h = output_of(hess)
    cdef floating* x = start_of(logits)
    cdef floating* loss = start_of(losses)
    cdef Py_ssize_t outer = logits.shape[0], inner = logits.shape[1], number, o, i, n, bad, strip
    cdef Py_ssize_t width = strip_width(way, target.view.C)
    cdef double values[WIDTH]
    cdef double high[LANES]
    cdef double low[LANES]
    scaling.sample_weight = view_of(sample_weight)
    scaling.grad_output = view_of(grad_output)
    scaling.grad_scale = grad_scale
    focusing.gamma = gamma
    focusing.gauss_newton = gauss_newton
    with nogil:
        while True:
            number = job.draw()
            if number < 0:
                break
            block = block_at(number, outer, inner, block_outer, block_inner)
            memset(high, 0, sizeof(high))
            memset(low, 0, sizeof(low))
            bad = 0
            for o in range(block.outer, block.outer_stop):
                for strip in range((block.inner_stop - block.inner + width - 1) // width):
                    i = block.inner + strip * width
                    n = min(width, block.inner_stop - i)
                    bad += softmax_strip(
                        way, moved(x, x_step, o, i), x_step, &target.view, &scaling, o, i, n, z_loss, &focusing, &g, &h,
                        values
                    )
                    add_losses(values, n, moved(loss, loss_step, o, i), loss_step.inner, high, low)
            sums[number, 0] = sum_lanes(high, low)
            sums[number, 1] = bad
            job.finish()
