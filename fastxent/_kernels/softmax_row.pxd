"""Softmax cross entropy of rows of contiguous classes; softmax_terms.pxd has the formulas."""

from cython cimport floating
from libc.string cimport memset

from fastxent._kernels cimport scalar
from fastxent._kernels.focal_row cimport finish_focal_row
from fastxent._kernels.lanes cimport Lanes
from fastxent._kernels.output cimport by_rule
from fastxent._kernels.panel cimport MAXIMUM, REST, REST_LOW, SHIFT, SUMS, TIES, TOP
from fastxent._kernels.problem cimport GRAD, HESS, X, Problem, Strip, at
from fastxent._kernels.row cimport row_exp, row_scale, row_shift
from fastxent._kernels.strips cimport part_of
from fastxent._kernels.softmax_terms cimport Row, entry, quotient_rest, sum_rest
from fastxent._kernels.sums cimport count_lanes, sum_lanes, two_sum
from fastxent._kernels.target cimport (
    is_index, is_plain, others_share, own_share, read_samples, read_scales, target_of_classes,
)
from fastxent._kernels.ways cimport LANES

cdef enum:
    SHORT = 16384    # bytes of a row that the level-1 cache holds beside its gradient
    AHEAD = 512      # elements that are asked for before they are needed, in longer rows


cdef inline void row_dot(
    const floating* x, floating m, const Problem* problem, const Strip* sample, Py_ssize_t y, Row* row
) noexcept nogil:
    """dot and total; classes with t_k = 0 are skipped.

    Compensated term by term: beside a large t_k a plain sum of small equal ones drifts.
    """
    cdef double t[LANES]
    cdef double term[LANES]
    cdef double high[2][LANES]
    cdef double low[2][LANES]
    cdef Py_ssize_t block, j, k, n
    memset(high, 0, sizeof(high))
    memset(low, 0, sizeof(low))
    for block in range((problem.C + LANES - 1) // LANES):
        k = block * LANES
        n = min(<Py_ssize_t>LANES, problem.C - k)
        target_of_classes(problem, sample, y, k, n, t)
        for j in range(n):
            term[j] = t[j] * (<double>m - <double>x[k + j]) if t[j] > 0 else 0.0
        two_sum(high[0], low[0], term, n)
        two_sum(high[1], low[1], t, n)
    row.dot = sum_lanes(high[0], low[0])
    row.total = sum_lanes(high[1], low[1])


cdef inline void row_grad(
    floating* e, const Problem* problem, const Strip* sample, Py_ssize_t y, const Row* row, double top, double factor,
    double factor_low
) noexcept nogil:
    """e becomes the gradient, for any target."""
    cdef double t[LANES]
    cdef Py_ssize_t block, j, k
    for block in range((problem.C + LANES - 1) // LANES):
        k = block * LANES
        target_of_classes(problem, sample, y, k, min(<Py_ssize_t>LANES, problem.C - k), t)
        for j in range(min(<Py_ssize_t>LANES, problem.C - k)):
            e[k + j] = <floating>entry(
                e[k + j], top, t[j], row.total - t[j], row.z_slope, row.spread, row.s, row.scale, factor, factor_low
            )


cdef inline void row_hess(
    const floating* e, floating* hess, Py_ssize_t n, floating top, double a, double b, double spread, double s
) noexcept nogil:
    """hess = a e o + b e^2."""
    cdef floating p = <floating>a, q = <floating>b, most = <floating>spread, whole = <floating>s
    cdef Py_ssize_t k
    for k in range(n):
        hess[k] = e[k] * (p * (most if e[k] == top else whole - e[k]) + q * e[k])


cdef inline double finish_row(
    Row* row,
    const floating* shift,       # in   (SHIFT,)
    floating* sums,              # in   (SUMS,), used up
    const Problem* problem,
    const Strip* sample,
    Py_ssize_t y,
    floating* grad,              # out  (C,) holds the exponentials, may be NULL
    floating* hess,              # out  (C,), may be NULL
) noexcept nogil:
    """The loss of one row whose exponentials are known; they become its gradient."""
    cdef double top = shift[TOP], ties = count_lanes(sums + TIES), rest = sum_lanes(sums + REST, sums + REST_LOW)
    cdef double z_loss = problem.option.z_loss, log_s, lse, own_e, factor, factor_low = 0.0
    row.s = ties * top + rest
    row.spread = (ties - 1.0) * top + rest
    log_s = scalar.log1p(row.spread / top)
    lse = shift[MAXIMUM] + log_s
    row.z_slope = 2.0 * z_loss * lse
    if hess != NULL:
        row_hess(
            grad, hess, problem.C, shift[TOP], row.scale * (row.total + row.z_slope) / (row.s * row.s),
            row.scale * 2.0 * z_loss / (row.s * row.s), row.spread, row.s
        )
    if grad != NULL:
        own_e = grad[y]
        factor = row.scale / row.s
        if floating is double:
            factor_low = quotient_rest(factor, row.scale, row.s, sum_rest(row.s, top, ties, rest))
        if is_plain(problem):
            row_scale(
                grad, <floating>((row.total + row.z_slope) * factor + (row.total + row.z_slope) * factor_low), problem.C
            )
        else:
            row_grad(grad, problem, sample, y, row, top, factor, factor_low)
        if is_index(problem):
            grad[y] = <floating>entry(
                own_e, top, own_share(problem, y), others_share(problem, y), row.z_slope, row.spread, row.s, row.scale,
                factor, factor_low
            )
    return row.dot + row.total * log_s + (z_loss * lse * lse if z_loss != 0.0 else 0.0)


cdef inline Py_ssize_t softmax_rows(
    const floating* x,           # in   n <= LANES rows of C >= LANES classes
    const Problem* problem,
    const Strip* strip,
    double* losses,              # out  (n,) v_i l_i
) noexcept nogil:
    """Returns how many labels are no class.

    Where rows are short, the next row's maximum is looked for before this row's sums are added up: a processor does
    both at once.
    """
    cdef Lanes lanes
    cdef Row row
    cdef Strip sample
    cdef floating shift[2][SHIFT]
    cdef floating sums[SUMS]
    cdef const floating* x_j
    cdef floating* g
    cdef floating* h
    cdef Py_ssize_t j, y, C = problem.C, bad = read_samples(problem, strip, lanes.y, lanes.weight)
    cdef Py_ssize_t step = problem.view[<int>X].inner // <Py_ssize_t>sizeof(floating)
    cdef bint short_rows = C * <Py_ssize_t>sizeof(floating) <= SHORT
    cdef Py_ssize_t ahead = 2 * step if short_rows else AHEAD, e_ahead = AHEAD
    if short_rows:
        e_ahead = problem.view[<int>GRAD].inner // <Py_ssize_t>sizeof(floating)
    if problem.ahead != 0:
        ahead = problem.ahead // <Py_ssize_t>sizeof(floating)
    read_scales(problem, strip, lanes.weight, lanes.scale)
    if short_rows:
        row_shift(x, C, shift[0])
    for j in range(strip.n):
        sample = part_of(strip, j)
        x_j = x + j * step
        y = lanes.y[j]
        g = <floating*>at(&problem.view[<int>GRAD], sample.o, sample.i)
        h = <floating*>at(&problem.view[<int>HESS], sample.o, sample.i)
        if not short_rows:
            row_shift(x_j, C, shift[j % 2])
        row.own_x = x_j[y]
        row.scale = lanes.scale[j]
        if is_plain(problem):
            row.total = own_share(problem, y)
            row.dot = row.total * (<double>shift[j % 2][MAXIMUM] - row.own_x) if row.total > 0 else 0.0
        else:
            row_dot(x_j, shift[j % 2][MAXIMUM], problem, &sample, y, &row)
            if is_index(problem):
                row.total = own_share(problem, y) + others_share(problem, y)
        row_exp(x_j, C, shift[j % 2], ahead, g, e_ahead, sums)
        if short_rows and j + 1 < strip.n:
            row_shift(x_j + step, C, shift[(j + 1) % 2])
        if problem.option.is_focal:
            losses[j] = finish_focal_row(&row, shift[j % 2], sums, problem, y, g, h)
        else:
            losses[j] = finish_row(&row, shift[j % 2], sums, problem, &sample, y, g, h)
        if lanes.weight[j] != 0.0:
            losses[j] *= lanes.weight[j]
        else:
            losses[j] = 0.0
            if g != NULL:
                memset(g, 0, C * sizeof(floating))
            if h != NULL:
                memset(h, 0, C * sizeof(floating))
        if h != NULL:
            by_rule(&problem.option, C, h)
    return bad
