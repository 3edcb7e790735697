# softmax, log_softmax and logsumexp of one row or one panel, and the loop over a job's blocks.
#
#     softmax = e / s          log_softmax = (x - m) - log1p(s - 1)          logsumexp = m + log1p(s - 1)

from cython cimport floating
from libc.string cimport memset

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.arithmetic.few cimport lanes_of_few
from fastxent._kernels.arithmetic.panel cimport (
    LABEL, MAXIMUM, PANEL, REST, REST_LOW, SHIFT, SUMS, TIES, TOP, panel_exp, panel_max, shift_by,
)
from fastxent._kernels.arithmetic.row cimport row_exp, row_scale, row_shift, row_sums
from fastxent._kernels.arrays.output cimport store, store_panels
from fastxent._kernels.arrays.soon cimport Soon, far_if, home_soon, nothing_soon, read_soon, soon_of, write_soon
from fastxent._kernels.arrays.transpose cimport transpose_in
from fastxent._kernels.problem cimport (
    GRAD, LOGSUMEXP, LOSSES, SOFTMAX_ITSELF, X, Problem, Strip, View, Which, at, has, side_by_side, size_of,
)
from fastxent._kernels.strips cimport strip_at
from fastxent._kernels.ways cimport FEW, FEWER, LANES, SHORT


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
    Which name, const floating* x, Py_ssize_t C, Soon next, floating* out, Soon home
) noexcept nogil:
    cdef floating shift[SHIFT]
    cdef floating sums[SUMS]
    cdef double top, ties, rest, log_s
    cdef floating m, low
    cdef Py_ssize_t k
    row_shift(x, C, shift)
    row_exp(x, C, shift, next, out if name == SOFTMAX_ITSELF else <floating*>NULL, home, sums)
    m = shift[MAXIMUM]
    top = shift[TOP]
    row_sums(<const floating*>sums, &ties, &rest)
    if name == SOFTMAX_ITSELF:
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
    const Problem* problem,
    floating* x,                   # in   C x LANES; out what softmax and log_softmax make of it
    Soon next,                     # C x LANES numbers that are read soon
    Soon home,                     # and written
    floating* of_lane,             # out  (LANES,) logsumexp
) noexcept nogil:
    cdef floating of[PANEL]
    cdef floating factor[LANES]
    cdef const floating* m = of + MAXIMUM
    cdef floating* sums = of + SHIFT
    cdef Which name = problem.which
    cdef floating* e = x if name == SOFTMAX_ITSELF else <floating*>NULL
    cdef Py_ssize_t j, k, C = problem.C
    cdef int odd = 0
    if C <= (FEWER if name == SOFTMAX_ITSELF else FEW):
        if next.data != NULL:
            read_soon(&next, x, C * LANES)
        if home.data != NULL:
            write_soon(&home, x, C * LANES)
        memset(of + LABEL, 0, LANES * sizeof(floating))      # there is none
        lanes_of_few(<const floating*>x, C, of, factor, e)
    else:
        panel_max(<const floating*>x, C, factor)
        shift_by(<const floating*>factor, of)
        panel_exp(<const floating*>x, C, of, next, home, e, sums)
    if name == SOFTMAX_ITSELF:
        for j in range(LANES):
            factor[j] = <floating>1.0 / (sums[TIES + j] * of[TOP + j] + (sums[REST + j] + sums[REST_LOW + j]))
        for k in range(C):
            for j in range(LANES):
                x[k * LANES + j] *= factor[j]
        return
    for j in range(LANES):
        factor[j] = (sums[REST + j] + sums[REST_LOW + j]) / of[TOP + j]
        factor[j] = scalar.log1p(sums[TIES + j] - <floating>1.0 + factor[j])
    if name == LOGSUMEXP:
        for j in range(LANES):
            of_lane[j] = m[j] + factor[j]
        for j in range(LANES):
            odd += m[j] - m[j] != 0
        for j in range(LANES if odd > 0 else 0):
            of_lane[j] = with_infinities(of_lane[j], m[j], x + j, LANES, C)
        return
    for k in range(C):
        for j in range(LANES):
            x[k * LANES + j] = (x[k * LANES + j] - m[j]) - factor[j]


cdef void activation_strip(
    const floating* x, const Problem* problem, const Strip* strip, char* scratch
) noexcept nogil:
    cdef floating* panel = <floating*>scratch
    cdef floating lse[LANES]
    cdef Soon home, next = nothing_soon()
    cdef floating* to
    cdef const View* out = &problem.view[<int>(LOSSES if problem.which == LOGSUMEXP else GRAD)]
    cdef Py_ssize_t j, C = problem.C, step = problem.view[<int>X].inner // <Py_ssize_t>sizeof(floating)
    cdef Py_ssize_t row_bytes = C * size_of(problem.kind)
    cdef bint far = row_bytes > problem.tuning.close_bytes
    if not side_by_side(problem):
        for j in range(strip.n):
            to = <floating*>at(out, strip.o, strip.i + j)
            next = far_if(far, soon_of(&problem.next, strip.i + j, x + j * step, C))
            home = far_if(far, soon_of(&problem.home, strip.i + j, <const floating*>to, C))
            activation_row(problem.which, x + j * step, C, next, to, home)
        return
    transpose_in(x, step, problem.view[<int>X].classes // <Py_ssize_t>sizeof(floating), C, strip.n, panel)
    far = 3 * LANES * row_bytes > SHORT      # this panel, the next and where it goes
    if step == C:
        next = far_if(far, soon_of(&problem.next, strip.i, x, strip.n * C))
    home = far_if(far, home_soon(problem, strip.o, strip.i, 0, x))
    activation_panel(problem, panel, next, home, lse)
    if problem.which == LOGSUMEXP:
        store(out, at(out, strip.o, strip.i), <const floating*>lse, strip.n, out.inner)
    else:
        store_panels(problem, GRAD, strip, C, <const floating*>panel)


cdef void activation(
    const floating[:, :, :] logits,  # in   (outer, inner, C)
    floating[:, :, :] losses,        # out  (outer, inner, 1) the logsumexp
    const Problem* problem,          # which, and where the others go
    Py_ssize_t start,                # samples start ... start + n - 1, counted along inner
    Py_ssize_t n,
    char* scratch,
    Total* total,
) noexcept nogil:
    cdef Py_ssize_t stop = start + n
    cdef Strip strip
    while start < stop:
        strip = strip_at(start, stop, logits.shape[1], LANES)
        activation_strip(&logits[strip.o, strip.i, 0], problem, &strip, scratch)
        start += strip.n
