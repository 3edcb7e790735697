# Softmax cross entropy: the loop over a job's blocks. The formulas are in softmax_terms.pxd.

from cython cimport floating
from libc.string cimport memset

from fastxent._kernels.focal_samples cimport focal_samples
from fastxent._kernels.grid cimport PANEL, ROWS, TRANSPOSED, Block, Steps, block_at, moved, start_of, steps_of
from fastxent._kernels.job cimport Job
from fastxent._kernels.memory cimport LINE
from fastxent._kernels.operand cimport Operand, view_of
from fastxent._kernels.softmax_panel cimport softmax_panels
from fastxent._kernels.softmax_row cimport softmax_rows
from fastxent._kernels.sums cimport LANES, WIDTH, add_losses, sum_lanes
from fastxent._kernels.target cimport Scaling, Target, TargetView, is_plain
from fastxent._kernels.transpose cimport SCRATCH, aligned, transpose_in, transpose_out


cdef inline Py_ssize_t strip_width(Py_ssize_t way, Py_ssize_t C) noexcept nogil:
    """Samples of one strip: several panels where there are few classes."""
    if way == TRANSPOSED and 0 < C < 64:
        return min(<Py_ssize_t>WIDTH, 64 // C * LANES)
    return LANES


cdef inline Py_ssize_t softmax_strip(
    Py_ssize_t way,              # ROWS, PANEL or TRANSPOSED
    const floating* x,           # in   n <= strip_width samples of C classes
    Steps x_step,
    const TargetView* target,
    const Scaling* scaling,
    Py_ssize_t o,
    Py_ssize_t i,
    Py_ssize_t n,
    double z_loss,
    const double* gamma,         # in   of focal loss; NULL for cross entropy
    floating* grad,              # out  like x, may be x, may be NULL
    Steps grad_step,
    floating* hess,              # out  like x, may be x, may be NULL
    Steps hess_step,
    double* losses,              # out  (strip_width,)
) noexcept nogil:
    """Samples (o, i) ... (o, i + n - 1); returns how many labels are no class."""
    cdef char scratch[SCRATCH + LINE]
    cdef floating* buffer = <floating*>aligned(scratch)
    cdef floating* second = buffer + SCRATCH // <Py_ssize_t>sizeof(floating) // 2    # where there is a Hessian
    cdef Py_ssize_t bad, c, C = target.C, panel = C * LANES, n_panels = (n + LANES - 1) // LANES
    cdef const floating* read_soon = NULL
    cdef const floating* written_soon = NULL
    cdef floating* g = NULL
    cdef floating* h = NULL
    if gamma != NULL and not is_plain(target):
        return focal_samples(
            x, x_step, target, scaling, o, i, n, z_loss, gamma[0], grad, grad_step, hess, hess_step, losses
        )
    if way == ROWS:
        return softmax_rows(
            x, x_step.inner, target, scaling, o, i, n, z_loss, gamma, grad, grad_step.inner, hess, hess_step.inner,
            losses
        )
    if way == PANEL:
        return softmax_panels(
            x, 0, x_step.classes, 1, n, target, scaling, o, i, n, z_loss, gamma, read_soon, written_soon, grad, 0,
            grad_step.classes, hess, 0, hess_step.classes, losses
        )
    for c in range(n_panels):
        transpose_in(
            x + c * LANES * x_step.inner, x_step.inner, x_step.classes, C, min(<Py_ssize_t>LANES, n - c * LANES),
            buffer + c * panel
        )
    if x_step.inner == C:
        read_soon = x + n * C
    if grad_step.inner == C:
        written_soon = grad
    if grad != NULL:
        g = buffer
    if hess != NULL:
        h = second
    bad = softmax_panels(
        buffer, panel, LANES, n_panels, LANES, target, scaling, o, i, n, z_loss, gamma, read_soon, written_soon, g,
        panel, LANES, h, panel, LANES, losses
    )
    for c in range(n_panels):
        if grad != NULL:
            transpose_out(
                buffer + c * panel, grad_step.inner, grad_step.classes, C, min(<Py_ssize_t>LANES, n - c * LANES),
                grad + c * LANES * grad_step.inner
            )
        if hess != NULL:
            transpose_out(
                second + c * panel, hess_step.inner, hess_step.classes, C, min(<Py_ssize_t>LANES, n - c * LANES),
                hess + c * LANES * hess_step.inner
            )
    return bad


def softmax_cross_entropy(
    Py_ssize_t way,                      # ROWS, PANEL or TRANSPOSED
    const floating[:, :, :] logits,      # in   (outer, inner, C)
    Target target not None,
    Operand sample_weight,               # in   (outer, inner) or None
    Operand grad_output,                 # in   (outer, inner) or None
    double grad_scale,
    double z_loss,
    floating[:, :, :] losses,            # out  (outer, inner, 1) or None: v_i l_i
    floating[:, :, :] grad,              # out  (outer, inner, C) or None, may be logits
    floating[:, :, :] hess,              # out  (outer, inner, C) or None, may be logits
    double[:, ::1] sums,                 # out  (n_blocks, 2): sum of the losses, number of labels that are no class
    Py_ssize_t block_outer,
    Py_ssize_t block_inner,
    Job job not None,
):
    """Loss, gradient and Hessian diagonal of the blocks that `job` hands out."""
    cdef Scaling scaling
    cdef Block block
    cdef Steps x_step = steps_of(logits), g_step = steps_of(grad), h_step = steps_of(hess), loss_step = steps_of(losses)
    cdef floating* x = start_of(logits)
    cdef floating* g = start_of(grad)
    cdef floating* h = start_of(hess)
    cdef floating* loss = start_of(losses)
    cdef Py_ssize_t outer = logits.shape[0], inner = logits.shape[1], number, o, i, n, bad, strip
    cdef Py_ssize_t width = strip_width(way, target.view.C)
    cdef double values[WIDTH]
    cdef double high[LANES]
    cdef double low[LANES]
    scaling.sample_weight = view_of(sample_weight)
    scaling.grad_output = view_of(grad_output)
    scaling.grad_scale = grad_scale
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
                        way, moved(x, x_step, o, i), x_step, &target.view, &scaling, o, i, n, z_loss, NULL,
                        moved(g, g_step, o, i), g_step, moved(h, h_step, o, i), h_step, values
                    )
                    add_losses(values, n, moved(loss, loss_step, o, i), loss_step.inner, high, low)
            sums[number, 0] = sum_lanes(high, low)
            sums[number, 1] = bad
            job.finish()
