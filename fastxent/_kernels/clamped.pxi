# Cross entropy on probabilities q, clamped at eps, and the loop over a job's blocks.
#
#     loss = -sum_k t_k log(max(q_k, eps))          grad_k = -t_k / max(q_k, eps), 0 where t_k = 0
#
# The gradient keeps its value inside the clamp: it must push a vanished probability back up. A class index without
# smoothing reads and writes one class of each sample, so a loss alone is a gather.

from cython cimport floating
from libc.stdint cimport int64_t
from libc.string cimport memset

from fastxent._kernels cimport scalar
from fastxent._kernels.grid cimport ROWS, Block, Steps, block_at, moved, start_of, steps_of
from fastxent._kernels.job cimport Job
from fastxent._kernels.operand cimport Operand, view_of
from fastxent._kernels.output cimport Output, OutputView, output_of, place
from fastxent._kernels.sums cimport GROUP, LANES, WIDTH, add_losses, sum_lanes, total_of, two_sum
from fastxent._kernels.target cimport (
    Scaling, Target, TargetView, is_plain, own_share, read_samples, read_scales, target_of_classes, target_of_samples,
)


cdef inline double clamped_term(floating q, double t, floating eps) noexcept nogil:
    """-t log(max(q, eps)), 0 where t = 0."""
    cdef double term = -t * scalar.log(q if q > eps else eps)
    return 0.0 if t == 0 else term


cdef inline floating clamped_slope(floating q, double t, floating eps, double scale) noexcept nogil:
    """-t scale / max(q, eps), 0 where t = 0."""
    cdef double slope = -t * scale / (q if q > eps else eps)
    return <floating>0.0 if t == 0 else <floating>slope


cdef inline bint is_probability(floating q) noexcept nogil:
    """Neither negative nor nan."""
    return q >= 0


cdef inline void clear(floating* out, Steps step, Py_ssize_t C, Py_ssize_t n) noexcept nogil:
    """n samples of C zeros."""
    cdef Py_ssize_t j, k
    if step.classes == 1 and step.inner == C:
        memset(out, 0, n * C * sizeof(floating))
    elif step.classes == 1:
        for j in range(n):
            memset(out + j * step.inner, 0, C * sizeof(floating))
    else:
        for k in range(C):
            for j in range(n):
                out[j * step.inner + k * step.classes] = <floating>0.0


cdef inline Py_ssize_t clamped_plain(
    const floating* q, Steps q_step, const TargetView* target, floating eps, const int64_t* y, const double* weight,
    const double* scale, Py_ssize_t n, floating* grad, Steps grad_step, double* losses
) noexcept nogil:
    """One class of each of n samples; returns how many q are no probability."""
    cdef floating own[WIDTH]
    cdef double t[WIDTH]
    cdef Py_ssize_t j, bad = 0
    for j in range(n):
        own[j] = q[j * q_step.inner + y[j] * q_step.classes] if weight[j] != 0 else <floating>1.0
        bad += not is_probability(own[j])
        t[j] = own_share(target, y[j])
    for j in range(n):
        losses[j] = weight[j] * clamped_term(own[j], t[j], eps) if weight[j] != 0 else 0.0
    if grad != NULL:
        clear(grad, grad_step, target.C, n)
        for j in range(n):
            if weight[j] != 0:
                grad[j * grad_step.inner + y[j] * grad_step.classes] = clamped_slope(
                    own[j], t[j], eps, scale[j]
                )
    return bad


cdef inline Py_ssize_t clamped_row(
    const floating* q, const TargetView* target, floating eps, Py_ssize_t o, Py_ssize_t i, int64_t y, double scale,
    floating* grad, double* loss
) noexcept nogil:
    """All classes of one sample, which lie side by side."""
    cdef double t[LANES]
    cdef floating value[LANES]
    cdef double part[LANES]
    cdef double high[LANES]
    cdef double low[LANES]
    cdef Py_ssize_t block, group, j, k, n, bad = 0, n_blocks = (target.C + LANES - 1) // LANES
    for j in range(LANES):
        high[j] = low[j] = 0.0
    for group in range((n_blocks + GROUP - 1) // GROUP):
        for j in range(LANES):
            part[j] = 0.0
        for block in range(group * GROUP, min(group * GROUP + GROUP, n_blocks)):
            k = block * LANES
            n = min(<Py_ssize_t>LANES, target.C - k)
            target_of_classes(target, o, i, y, k, n, t)
            for j in range(n):
                value[j] = q[k + j]
            for j in range(n):
                bad += not is_probability(value[j])
            for j in range(n):
                part[j] += clamped_term(value[j], t[j], eps)
            if grad != NULL:
                for j in range(n):
                    grad[k + j] = clamped_slope(value[j], t[j], eps, scale)
        two_sum(high, low, part, LANES)
    loss[0] = sum_lanes(high, low)
    return bad


cdef inline Py_ssize_t clamped_panel(
    const floating* q, Steps q_step, const TargetView* target, floating eps, Py_ssize_t o, Py_ssize_t i,
    const int64_t* y, const double* weight, const double* scale, Py_ssize_t n, floating* grad, Steps grad_step,
    double* losses
) noexcept nogil:
    """All classes of n samples, class by class."""
    cdef double t[WIDTH]
    cdef floating value[WIDTH]
    cdef double part[WIDTH]
    cdef double high[WIDTH]
    cdef double low[WIDTH]
    cdef floating slope
    cdef Py_ssize_t group, j, k, bad = 0
    for j in range(n):
        high[j] = low[j] = 0.0
    for group in range((target.C + GROUP - 1) // GROUP):
        for j in range(n):
            part[j] = 0.0
        for k in range(group * GROUP, min(group * GROUP + GROUP, target.C)):
            target_of_samples(target, o, i, y, k, n, t)
            for j in range(n):
                value[j] = q[j * q_step.inner + k * q_step.classes]
            for j in range(n):
                bad += not is_probability(value[j]) and weight[j] != 0
            for j in range(n):
                part[j] += clamped_term(value[j], t[j], eps)
            if grad != NULL:
                for j in range(n):
                    slope = clamped_slope(value[j], t[j], eps, scale[j])
                    grad[j * grad_step.inner + k * grad_step.classes] = slope if weight[j] != 0 else <floating>0.0
        two_sum(high, low, part, n)
    for j in range(n):
        losses[j] = weight[j] * total_of(high[j], low[j]) if weight[j] != 0 else 0.0
    return bad


cdef inline Py_ssize_t clamped_strip(
    Py_ssize_t way,              # ROWS or PANEL
    const floating* q,           # in   n samples of C classes
    Steps q_step,
    const TargetView* target,
    const Scaling* scaling,
    Py_ssize_t o,
    Py_ssize_t i,
    Py_ssize_t n,
    floating eps,
    floating* grad,              # out  like q, may be q, may be NULL
    Steps grad_step,
    double* losses,              # out  (n,)
) noexcept nogil:
    """Samples (o, i) ... (o, i + n - 1); returns how many labels or probabilities are none."""
    cdef int64_t y[WIDTH]
    cdef double weight[WIDTH]
    cdef double scale[WIDTH]
    cdef Py_ssize_t j, bad = read_samples(target, scaling, o, i, n, y, weight)
    read_scales(scaling, o, i, n, weight, scale)
    if is_plain(target):
        return bad + clamped_plain(q, q_step, target, eps, y, weight, scale, n, grad, grad_step, losses)
    if way != ROWS:
        return bad + clamped_panel(q, q_step, target, eps, o, i, y, weight, scale, n, grad, grad_step, losses)
    for j in range(n):
        losses[j] = 0.0
        if weight[j] != 0:
            bad += clamped_row(
                q + j * q_step.inner, target, eps, o, i + j, y[j], scale[j],
                grad + j * grad_step.inner if grad != NULL else <floating*>NULL, &losses[j]
            )
            losses[j] *= weight[j]
        elif grad != NULL:
            clear(grad + j * grad_step.inner, grad_step, target.C, 1)
    return bad


def clamped_cross_entropy(
    Py_ssize_t way,                      # ROWS or PANEL
    const floating[:, :, :] probs,       # in   (outer, inner, C)
    Target target not None,
    Operand sample_weight,               # in   (outer, inner) or None
    Operand grad_output,                 # in   (outer, inner) or None
    double grad_scale,
    double eps,
    floating[:, :, :] losses,            # out  (outer, inner, 1) or None: v_i l_i
    Output grad,                         # out  (outer, inner, C) or None, may be probs
    double[:, ::1] sums,                 # out  (n_blocks, 2): sum of the losses, labels and probabilities that are none
    Py_ssize_t block_outer,
    Py_ssize_t block_inner,
    Job job not None,
):
    """Loss and gradient of the blocks that `job` hands out."""
    cdef Scaling scaling
    cdef Block block
    cdef Steps q_step = steps_of(probs), loss_step = steps_of(losses)
    cdef OutputView g = output_of(grad)
    cdef floating* q = start_of(probs)
    cdef floating* loss = start_of(losses)
    cdef Py_ssize_t outer = probs.shape[0], inner = probs.shape[1], number, o, i, n, bad, strip
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
                for strip in range((block.inner_stop - block.inner + WIDTH - 1) // WIDTH):
                    i = block.inner + strip * WIDTH
                    n = min(<Py_ssize_t>WIDTH, block.inner_stop - i)
                    bad += clamped_strip(
                        way, moved(q, q_step, o, i), q_step, &target.view, &scaling, o, i, n, <floating>eps,
                        <floating*>place(&g, o, i), g.step, values
                    )
                    add_losses(values, n, moved(loss, loss_step, o, i), loss_step.inner, high, low)
            sums[number, 0] = sum_lanes(high, low)
            sums[number, 1] = bad
            job.finish()
