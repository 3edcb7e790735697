# softmax, log_softmax and logsumexp of one row or one panel, and the loop over a job's blocks.
#
#     softmax = e / s          log_softmax = (x - m) - log1p(s - 1)          logsumexp = m + log1p(s - 1)

from cython cimport floating

from fastxent._kernels cimport scalar
from fastxent._kernels.grid cimport ROWS, TRANSPOSED, Block, Steps, block_at, moved, start_of, steps_of
from fastxent._kernels.job cimport Job
from fastxent._kernels.memory cimport LINE
from fastxent._kernels.panel cimport (
    MAXIMUM, REST, REST_LOW, SHIFT, SUMS, TIES, TOP, panel_exp, panel_max, shift_by, store_lanes, whole_lanes,
)
from fastxent._kernels.row cimport row_exp, row_scale, row_shift
from fastxent._kernels.sums cimport LANES, count_lanes, sum_lanes
from fastxent._kernels.transpose cimport SCRATCH, aligned, transpose_in, transpose_out

cdef enum Activation:
    SOFTMAX, LOG_SOFTMAX, LOGSUMEXP


cdef inline floating with_infinities(
    floating lse, floating m, const floating* x, Py_ssize_t step, Py_ssize_t C
) noexcept nogil:
    """logsumexp where the maximum is infinite: that maximum, unless there is a nan."""
    cdef Py_ssize_t k
    if m - m == 0:
        return lse
    for k in range(C):
        if x[k * step] != x[k * step]:
            return x[k * step]
    return m


cdef inline void activation_row(
    Activation name, const floating* x, Py_ssize_t C, floating* out
) noexcept nogil:
    cdef floating shift[SHIFT]
    cdef floating sums[SUMS]
    cdef double top, ties, rest, log_s
    cdef floating m, low
    cdef Py_ssize_t k
    row_shift(x, C, shift)
    row_exp(x, C, shift, C, out if name == SOFTMAX else <floating*>NULL, C, sums)
    m = shift[MAXIMUM]
    top = shift[TOP]
    ties = count_lanes(sums + TIES)
    rest = sum_lanes(sums + REST, sums + REST_LOW)
    if name == SOFTMAX:
        row_scale(out, <floating>(1.0 / (ties * top + rest)), C)
        return
    log_s = scalar.log1p(ties - 1.0 + rest / top)
    if name == LOGSUMEXP:
        out[0] = with_infinities(<floating>(m + log_s), m, x, 1, C)
    else:
        low = <floating>log_s
        for k in range(C):
            out[k] = (x[k] - m) - low


cdef inline void activation_panel(
    Activation name,
    const floating* x,             # in   C x lanes
    Py_ssize_t step,
    Py_ssize_t C,
    Py_ssize_t lanes,              # at most LANES
    const floating* read_soon,     # C x LANES numbers from here on will be read soon; may be NULL
    const floating* written_soon,  # and these will be written; may be NULL
    floating* out,                 # out  C x lanes, may be x; for logsumexp (LANES,)
    Py_ssize_t out_step,
) noexcept nogil:
    cdef floating m[LANES]
    cdef floating shift[SHIFT]
    cdef floating sums[SUMS]
    cdef floating of_lane[LANES]
    cdef floating value[LANES]
    cdef floating room[LANES]
    cdef const floating* x_k
    cdef floating* e = NULL
    cdef Py_ssize_t j, k
    if name == SOFTMAX:
        e = out
    panel_max(x, step, C, lanes, m)
    shift_by(m, shift)
    panel_exp(x, step, C, lanes, shift, read_soon, written_soon, e, out_step, sums)
    if name == SOFTMAX:
        for j in range(LANES):
            of_lane[j] = <floating>1.0 / (sums[TIES + j] * shift[TOP + j] + (sums[REST + j] + sums[REST_LOW + j]))
        for k in range(C):
            x_k = whole_lanes(out + k * out_step, lanes, room)
            for j in range(LANES):
                value[j] = x_k[j] * of_lane[j]
            store_lanes(value, lanes, out + k * out_step)
        return
    for j in range(LANES):
        of_lane[j] = (sums[REST + j] + sums[REST_LOW + j]) / shift[TOP + j]
        of_lane[j] = scalar.log1p(sums[TIES + j] - <floating>1.0 + of_lane[j])
    if name == LOGSUMEXP:
        for j in range(lanes):
            out[j] = with_infinities(m[j] + of_lane[j], m[j], x + j, step, C)
        return
    for k in range(C):
        x_k = whole_lanes(x + k * step, lanes, room)
        for j in range(LANES):
            value[j] = (x_k[j] - m[j]) - of_lane[j]
        store_lanes(value, lanes, out + k * out_step)


cdef inline void activation_strip(
    Activation name,
    Py_ssize_t way,
    const floating* x,           # in   n samples of C classes
    Steps x_step,
    Py_ssize_t C,
    Py_ssize_t n,
    floating* out,               # out  like x, may be x; for logsumexp (n, 1)
    Steps out_step,
) noexcept nogil:
    cdef char scratch[SCRATCH + LINE]
    cdef floating* buffer = <floating*>aligned(scratch)
    cdef floating lse[LANES]
    cdef const floating* panel = x
    cdef const floating* read_soon = NULL
    cdef const floating* written_soon = NULL
    cdef floating* result = out
    cdef Py_ssize_t j, step = x_step.classes, result_step = out_step.classes, lanes = n
    if way == ROWS:
        for j in range(n):
            activation_row(name, x + j * x_step.inner, C, out + j * out_step.inner)
        return
    if way == TRANSPOSED:
        transpose_in(x, x_step.inner, x_step.classes, C, n, buffer)
        panel = result = buffer
        step = result_step = lanes = LANES
        if x_step.inner == C:
            read_soon = x + n * C
        if out_step.inner == C and name != LOGSUMEXP:
            written_soon = out
    if name == LOGSUMEXP:
        activation_panel(name, panel, step, C, lanes, read_soon, written_soon, lse, 0)
        for j in range(n):
            out[j * out_step.inner] = lse[j]
        return
    activation_panel(name, panel, step, C, lanes, read_soon, written_soon, result, result_step)
    if way == TRANSPOSED:
        transpose_out(buffer, out_step.inner, out_step.classes, C, n, out)


def activation(
    Py_ssize_t way,                      # ROWS, PANEL or TRANSPOSED
    Activation name,
    const floating[:, :, :] logits,      # in   (outer, inner, C)
    floating[:, :, :] out,               # out  (outer, inner, C), may be logits; for logsumexp (outer, inner, 1)
    Py_ssize_t block_outer,
    Py_ssize_t block_inner,
    Job job not None,
):
    """softmax, log_softmax or logsumexp of the blocks that `job` hands out."""
    cdef Block block
    cdef Steps x_step = steps_of(logits), out_step = steps_of(out)
    cdef floating* x = start_of(logits)
    cdef floating* to = start_of(out)
    cdef Py_ssize_t outer = logits.shape[0], inner = logits.shape[1], C = logits.shape[2], number, o, i, strip
    with nogil:
        while True:
            number = job.draw()
            if number < 0:
                break
            block = block_at(number, outer, inner, block_outer, block_inner)
            for o in range(block.outer, block.outer_stop):
                for strip in range((block.inner_stop - block.inner + LANES - 1) // LANES):
                    i = block.inner + strip * LANES
                    activation_strip(
                        name, way, moved(x, x_step, o, i), x_step, C, min(<Py_ssize_t>LANES, block.inner_stop - i),
                        moved(to, out_step, o, i), out_step
                    )
            job.finish()
