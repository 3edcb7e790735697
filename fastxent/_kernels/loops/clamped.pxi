# Cross entropy on probabilities q, clamped at eps, and the loop over a job's blocks.
#
#     loss = -sum_k t_k log(max(q_k, eps))          grad_k = -t_k / max(q_k, eps), 0 where t_k = 0
#
# The gradient keeps its value inside the clamp: it must push a vanished probability back up. A class index without
# smoothing reads and writes one class of each sample, so a loss alone is a gather.
#
# A metric clamps from above as well, where it asks for no gradient: min(max(q_k, eps), most).

from cython cimport floating
from libc.math cimport INFINITY
from libc.stdint cimport int64_t
from libc.string cimport memset

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.arithmetic.lanes cimport Lanes
from fastxent._kernels.arithmetic.panel cimport clear_dead
from fastxent._kernels.arithmetic.sums cimport Total, add_losses, sum_lanes, total_of, two_sum
from fastxent._kernels.arrays.memory cimport prefetch_block_to_write
from fastxent._kernels.arrays.transpose cimport transpose_in, transpose_out
from fastxent._kernels.problem cimport GRAD, LOSSES, X, Problem, Strip, at, has
from fastxent._kernels.strips cimport part_of, strip_at
from fastxent._kernels.target cimport (
    clamped_by_rows, is_plain, own_share, read_samples, read_scales, target_of_classes, target_of_group,
)
from fastxent._kernels.ways cimport GROUP, LANES, WIDTH


cdef struct Steps:               # in elements
    Py_ssize_t inner
    Py_ssize_t classes


cdef inline double clamped_term(floating q, double t, floating eps) noexcept nogil:
    """-t log(max(q, eps)), 0 where t = 0."""
    cdef double term = 0.0 - t * scalar.log(q if q > eps else eps)
    return 0.0 if t == 0 else term


cdef inline floating clamped_slope(floating q, double t, floating eps, double scale) noexcept nogil:
    """-t scale / max(q, eps), 0 where t = 0."""
    cdef double slope = -t * scale / (q if q > eps else eps)
    return <floating>0.0 if t == 0 else <floating>slope


cdef inline bint is_probability(floating q) noexcept nogil:
    """Neither negative nor nan."""
    return q >= 0


cdef inline void clamp_above(floating* q, Py_ssize_t n, const Problem* problem) noexcept nogil:
    """q = min(q, most), where there is such a limit."""
    cdef floating most = <floating>problem.option.most
    cdef Py_ssize_t j
    if most < INFINITY:
        for j in range(n):
            q[j] = q[j] if q[j] < most else most


cdef inline void clear(floating* out, Steps step, Py_ssize_t C, Py_ssize_t n) noexcept nogil:
    """n samples of C zeros."""
    cdef Py_ssize_t j, k
    if step.classes == 1 and step.inner == C:
        memset(out, 0, n * C * sizeof(floating))
    elif step.classes == 1:
        for j in range(n):
            memset(out + j * step.inner, 0, C * sizeof(floating))
    elif step.inner == 1:
        for k in range(C):
            prefetch_block_to_write(out + k * step.classes + n, n)       # the next strip's
            memset(out + k * step.classes, 0, n * sizeof(floating))
    else:
        for k in range(C):
            for j in range(n):
                out[j * step.inner + k * step.classes] = <floating>0.0


cdef inline Py_ssize_t clamped_plain(
    const floating* q, const Problem* problem, const Lanes* lanes, Py_ssize_t n, Steps q_step, Steps grad_step,
    floating* grad, double* losses
) noexcept nogil:
    """One class of each of n samples; returns how many q are no probability."""
    cdef floating own[WIDTH]
    cdef double t[WIDTH]
    cdef double weight[WIDTH]
    cdef double term
    cdef floating eps = <floating>problem.option.eps
    cdef Py_ssize_t block, j, bad = 0
    cdef double one = problem.option.keep + problem.option.share
    for j in range(n):
        weight[j] = lanes.weight[j]
        own[j] = q[j * q_step.inner + lanes.y[j] * q_step.classes] if weight[j] != 0 else <floating>1.0
        bad += not is_probability(own[j])
    if problem.weight == NULL:
        for j in range(n):
            t[j] = one
    else:
        for j in range(n):
            t[j] = own_share(problem, lanes.y[j])
    clamp_above(own, n, problem)
    for j in range(n, (n + LANES - 1) // LANES * LANES):
        own[j] = <floating>1.0
        t[j] = 0.0
    for block in range((n + LANES - 1) // LANES):
        for j in range(block * LANES, block * LANES + LANES):    # a loop of a known length vectorises best
            term = clamped_term(own[j], t[j], eps)
            t[j] = term
    for j in range(n):
        losses[j] = weight[j] * t[j] if weight[j] != 0 else 0.0
    if grad != NULL:
        clear(grad, grad_step, problem.C, n)
        for j in range(n):
            if weight[j] != 0:
                grad[j * grad_step.inner + lanes.y[j] * grad_step.classes] = clamped_slope(
                    own[j], one if problem.weight == NULL else own_share(problem, lanes.y[j]), eps, lanes.scale[j]
                )
    return bad


cdef inline Py_ssize_t clamped_row(
    const floating* q, const Problem* problem, const Strip* sample, Py_ssize_t y, double scale, floating* grad,
    double* loss
) noexcept nogil:
    """All classes of one sample, which lie side by side."""
    cdef double t[LANES]
    cdef floating value[LANES]
    cdef double part[LANES]
    cdef double high[LANES]
    cdef double low[LANES]
    cdef floating eps = <floating>problem.option.eps
    cdef Py_ssize_t block, group, j, k, n, bad = 0, n_blocks = (problem.C + LANES - 1) // LANES
    for j in range(LANES):
        high[j] = low[j] = 0.0
    for group in range((n_blocks + GROUP - 1) // GROUP):
        for j in range(LANES):
            part[j] = 0.0
        for block in range(group * GROUP, min(group * GROUP + GROUP, n_blocks)):
            k = block * LANES
            n = min(<Py_ssize_t>LANES, problem.C - k)
            target_of_classes(problem, sample, y, k, n, t)
            for j in range(n):
                value[j] = q[k + j]
            for j in range(n):
                bad += not is_probability(value[j])
            clamp_above(value, n, problem)
            for j in range(n):
                part[j] += clamped_term(value[j], t[j], eps)
            if grad != NULL:
                for j in range(n):
                    grad[k + j] = clamped_slope(value[j], t[j], eps, scale)
        two_sum(high, low, part, LANES)
    loss[0] = sum_lanes(high, low)
    return bad


cdef inline Py_ssize_t clamped_panel(
    const floating* q, const Problem* problem, const Strip* part, const int64_t* y, const double* weight,
    const double* scale, Steps q_step, Steps grad_step, floating* grad,
    double* losses               # out  (LANES,)
) noexcept nogil:
    """All classes of up to LANES samples, some classes after the others, the samples side by side."""
    cdef double t[GROUP * LANES]
    cdef floating value[GROUP * LANES]
    cdef floating slope[GROUP * LANES]
    cdef double live[LANES]
    cdef double factor[LANES]
    cdef double sum[LANES]
    cdef double high[LANES]
    cdef double low[LANES]
    cdef floating eps = <floating>problem.option.eps
    cdef Py_ssize_t first, group, j, k, n_classes, bad = 0
    for j in range(LANES):
        high[j] = low[j] = 0.0
        live[j] = weight[j] if j < part.n else 0.0
        factor[j] = scale[j] if j < part.n else 0.0
    for group in range((problem.C + GROUP - 1) // GROUP):
        first = group * GROUP
        n_classes = min(<Py_ssize_t>GROUP, problem.C - first)
        target_of_group(problem, part, y, first, n_classes, t)
        transpose_in(q + first * q_step.classes, q_step.inner, q_step.classes, n_classes, part.n, value)
        for j in range(LANES):
            sum[j] = 0.0
        for k in range(n_classes):
            for j in range(LANES):
                bad += (live[j] != 0) & (not is_probability(value[k * LANES + j]))
        clamp_above(value, n_classes * LANES, problem)
        for k in range(n_classes):
            for j in range(LANES):
                sum[j] += clamped_term(value[k * LANES + j], t[k * LANES + j], eps)
        two_sum(high, low, sum, LANES)
        if grad == NULL:
            continue
        for k in range(n_classes):
            for j in range(LANES):
                slope[k * LANES + j] = clamped_slope(value[k * LANES + j], t[k * LANES + j], eps, factor[j])
        clear_dead(live, n_classes, slope)
        transpose_out(
            <const floating*>slope, grad_step.inner, grad_step.classes, n_classes, part.n,
            grad + first * grad_step.classes
        )
    for j in range(part.n):
        losses[j] = live[j] * total_of(high[j], low[j]) if live[j] != 0 else 0.0
    return bad


cdef Py_ssize_t clamped_strip(
    const floating* q, const Problem* problem, const Strip* strip, double* losses   # out  (WIDTH,)
) noexcept nogil:
    """Returns how many labels or probabilities are none."""
    cdef Lanes lanes
    cdef Steps q_step, grad_step
    cdef Strip sample
    cdef floating* grad = <floating*>at(&problem.view[<int>GRAD], strip.o, strip.i)
    cdef Py_ssize_t block, first, j, bad = read_samples(problem, strip, lanes.y, lanes.weight)
    read_scales(problem, strip, lanes.weight, lanes.scale)
    q_step.inner = problem.view[<int>X].inner // <Py_ssize_t>sizeof(floating)
    q_step.classes = problem.view[<int>X].classes // <Py_ssize_t>sizeof(floating)
    grad_step.inner = problem.view[<int>GRAD].inner // <Py_ssize_t>sizeof(floating)
    grad_step.classes = problem.view[<int>GRAD].classes // <Py_ssize_t>sizeof(floating)
    if is_plain(problem):
        return bad + clamped_plain(q, problem, &lanes, strip.n, q_step, grad_step, grad, losses)
    for block in range((strip.n + LANES - 1) // LANES if not clamped_by_rows(problem) else 0):
        first = block * LANES
        sample = part_of(strip, first)
        bad += clamped_panel(
            q + first * q_step.inner, problem, &sample, lanes.y + first, lanes.weight + first, lanes.scale + first,
            q_step, grad_step, grad + first * grad_step.inner if grad != NULL else <floating*>NULL, losses + first
        )
    for j in range(strip.n if clamped_by_rows(problem) else 0):
        losses[j] = 0.0
        if lanes.weight[j] != 0:
            sample = part_of(strip, j)
            bad += clamped_row(
                q + j * q_step.inner, problem, &sample, lanes.y[j], lanes.scale[j],
                grad + j * grad_step.inner if grad != NULL else <floating*>NULL, &losses[j]
            )
            losses[j] *= lanes.weight[j]
        elif grad != NULL:
            clear(grad + j * grad_step.inner, grad_step, problem.C, 1)
    return bad


cdef void clamped_cross_entropy(
    const floating[:, :, :] probs,   # in   (outer, inner, C)
    floating[:, :, :] losses,        # out  (outer, inner, 1), or of no size: v_i l_i
    const Problem* problem,          # the rest, the gradient included
    Py_ssize_t start,                # samples start ... start + n - 1, counted along inner
    Py_ssize_t n,
    char* scratch,
    Total* total,                    # out
) noexcept nogil:
    cdef double values[WIDTH]
    cdef floating* loss = NULL
    cdef Py_ssize_t stop = start + n
    cdef Strip strip
    while start < stop:
        strip = strip_at(start, stop, probs.shape[1], WIDTH)
        total.bad += clamped_strip(&probs[strip.o, strip.i, 0], problem, &strip, values)
        if losses.shape[2] > 0:
            loss = &losses[strip.o, strip.i, 0]
        add_losses(values, strip.n, loss, &problem.view[<int>LOSSES], total)
        start += strip.n
