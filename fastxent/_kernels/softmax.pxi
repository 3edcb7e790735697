# Softmax cross entropy: the loop over a job's blocks. The formulas are in softmax_terms.pxd.

from cython cimport floating
from libc.string cimport memset

from fastxent._kernels.focal_samples cimport focal_samples
from fastxent._kernels.focal_terms cimport Focusing
from fastxent._kernels.grid cimport PANEL, ROWS, TRANSPOSED, Block, Steps, block_at, moved, start_of, steps_of
from fastxent._kernels.job cimport Job
from fastxent._kernels.memory cimport LINE
from fastxent._kernels.operand cimport Operand, view_of
from fastxent._kernels.output cimport Output, OutputView, by_rule, by_rule_in_place, output_of, place, store_panels
from fastxent._kernels.softmax_panel cimport softmax_panels
from fastxent._kernels.softmax_row cimport softmax_rows
from fastxent._kernels.sums cimport LANES, WIDTH, add_losses, sum_lanes
from fastxent._kernels.target cimport Scaling, Target, TargetView, is_plain
from fastxent._kernels.transpose cimport SCRATCH, aligned, transpose_in


cdef inline Py_ssize_t strip_width(Py_ssize_t way, Py_ssize_t C) noexcept nogil:
    """Samples of one strip: several panels where there are few classes."""
    if way == TRANSPOSED and 0 < C < 64:
        return min(<Py_ssize_t>WIDTH, 64 // C * LANES)
    return LANES


cdef inline Py_ssize_t transposed_strip(
    const floating* x,           # in   n <= strip_width samples of C classes
    Steps x_step,
    const TargetView* target,
    const Scaling* scaling,
    Py_ssize_t o,
    Py_ssize_t i,
    Py_ssize_t n,
    double z_loss,
    const Focusing* focusing,    # in   of focal loss; NULL for cross entropy
    const OutputView* grad,      # out  may be the logits
    const OutputView* hess,      # out  may be the logits; only with a gradient
    double* losses,              # out  (strip_width,), NULL if not wanted
) noexcept nogil:
    """softmax_strip by way of panels on the stack."""
    cdef char scratch[SCRATCH + LINE]
    cdef floating* buffer = <floating*>aligned(scratch)
    cdef floating* second = buffer + SCRATCH // <Py_ssize_t>sizeof(floating) // 2    # where there is a Hessian
    cdef Py_ssize_t bad = 0, c, C = target.C, panel = C * LANES, n_panels = (n + LANES - 1) // LANES
    cdef const floating* read_soon = NULL
    cdef const floating* written_soon = NULL
    cdef floating* g = buffer if grad.data != NULL else <floating*>NULL
    cdef floating* h = second if hess.data != NULL else <floating*>NULL
    cdef Steps step
    if focusing != NULL and not is_plain(target):
        step.outer = 0
        step.inner = 1
        step.classes = LANES
        for c in range(n_panels):
            bad += focal_samples(
                x + c * LANES * x_step.inner, x_step, target, scaling, o, i + c * LANES,
                min(<Py_ssize_t>LANES, n - c * LANES), z_loss, focusing.gamma,
                g + c * panel if g != NULL else g, step, h + c * panel if h != NULL else h, step, losses + c * LANES
            )
    else:
        for c in range(n_panels):
            transpose_in(
                x + c * LANES * x_step.inner, x_step.inner, x_step.classes, C, min(<Py_ssize_t>LANES, n - c * LANES),
                buffer + c * panel
            )
        if x_step.inner == C:
            read_soon = x + n * C
        if grad.step.inner == C and grad.itemsize == <Py_ssize_t>sizeof(floating):
            written_soon = <const floating*>place(grad, o, i)
        bad = softmax_panels(
            buffer, panel, LANES, n_panels, LANES, target, scaling, o, i, n, z_loss, focusing, read_soon, written_soon,
            g, panel, LANES, h, panel, LANES, losses
        )
    if g != NULL:
        store_panels(g, C, grad, o, i, n)
    if h != NULL:
        by_rule(hess, n_panels * panel, h)
        store_panels(h, C, hess, o, i, n)
    return bad


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
    const Focusing* focusing,    # in   of focal loss; NULL for cross entropy
    const OutputView* grad,      # out  may be the logits
    const OutputView* hess,      # out  may be the logits; only with a gradient
    double* losses,              # out  (strip_width,), NULL if not wanted
) noexcept nogil:
    """Samples (o, i) ... (o, i + n - 1); returns how many labels are no class."""
    cdef double room[WIDTH]
    cdef Py_ssize_t bad
    cdef floating* g
    cdef floating* h
    cdef bint general = focusing != NULL and not is_plain(target)
    # without losses, panels of one class each need no logarithm; the others need it, or somewhere to write
    if losses == NULL and (way == ROWS or focusing != NULL or z_loss != 0.0 or not is_plain(target)):
        losses = room
    if way == TRANSPOSED:
        return transposed_strip(x, x_step, target, scaling, o, i, n, z_loss, focusing, grad, hess, losses)
    g = <floating*>place(grad, o, i)
    h = <floating*>place(hess, o, i)
    if general:
        bad = focal_samples(
            x, x_step, target, scaling, o, i, n, z_loss, focusing.gamma, g, grad.step, h, hess.step, losses
        )
    elif way == ROWS:
        bad = softmax_rows(
            x, x_step.inner, target, scaling, o, i, n, z_loss, focusing, g, grad.step.inner, h, hess.step.inner, losses
        )
    else:
        bad = softmax_panels(
            x, 0, x_step.classes, 1, n, target, scaling, o, i, n, z_loss, focusing, <floating*>NULL, <floating*>NULL, g,
            0, grad.step.classes, h, 0, hess.step.classes, losses
        )
    by_rule_in_place(hess, n, target.C, h)
    return bad


def softmax_cross_entropy(
    Py_ssize_t way,                      # ROWS, PANEL or TRANSPOSED
    const floating[:, :, :] logits,      # in   (outer, inner, C)
    Target target not None,
    Operand sample_weight,               # in   (outer, inner) or None
    Operand grad_output,                 # in   (outer, inner) or None
    double grad_scale,
    double z_loss,
    bint with_loss,                      # whether the losses are wanted: else the sums are 0
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
                        way, moved(x, x_step, o, i), x_step, &target.view, &scaling, o, i, n, z_loss, NULL, &g, &h,
                        <double*>values if with_loss else <double*>NULL
                    )
                    if with_loss:
                        add_losses(values, n, moved(loss, loss_step, o, i), loss_step.inner, high, low)
            sums[number, 0] = sum_lanes(high, low)
            sums[number, 1] = bad
            job.finish()
