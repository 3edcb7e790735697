"""Softmax cross entropy of rows of contiguous classes; softmax_terms.pxd has the formulas."""

from cython cimport floating
from libc.stdint cimport int64_t
from libc.string cimport memset

from fastxent._kernels cimport scalar
from fastxent._kernels.focal_row cimport finish_focal_row
from fastxent._kernels.focal_terms cimport Focusing
from fastxent._kernels.panel cimport MAXIMUM, REST, REST_LOW, SHIFT, SUMS, TIES, TOP
from fastxent._kernels.row cimport row_exp, row_scale, row_shift
from fastxent._kernels.softmax_terms cimport entry, quotient_rest, sum_rest
from fastxent._kernels.sums cimport LANES, count_lanes, sum_lanes, two_sum
from fastxent._kernels.target cimport (
    Scaling, TargetView, is_plain, others_share, own_share, read_samples, read_scales, target_of_classes,
)

cdef enum:
    SHORT = 16384    # bytes of a row that the level-1 cache holds beside its gradient
    AHEAD = 512      # elements that are asked for before they are needed, in longer rows


cdef inline void row_dot(
    const floating* x, floating m, const TargetView* target, Py_ssize_t o, Py_ssize_t i, int64_t y,
    double* dot, double* total
) noexcept nogil:
    """dot = sum_k t_k (m - x_k), total = sum_k t_k; classes with t_k = 0 are skipped.

    Compensated term by term: beside a large t_k a plain sum of small equal ones drifts.
    """
    cdef double t[LANES]
    cdef double term[LANES]
    cdef double high[2][LANES]
    cdef double low[2][LANES]
    cdef Py_ssize_t block, j, k, n
    memset(high, 0, sizeof(high))
    memset(low, 0, sizeof(low))
    for block in range((target.C + LANES - 1) // LANES):
        k = block * LANES
        n = min(<Py_ssize_t>LANES, target.C - k)
        target_of_classes(target, o, i, y, k, n, t)
        for j in range(n):
            term[j] = t[j] * <double>(m - x[k + j]) if t[j] > 0 else 0.0
        two_sum(high[0], low[0], term, n)
        two_sum(high[1], low[1], t, n)
    dot[0] = sum_lanes(high[0], low[0])
    total[0] = sum_lanes(high[1], low[1])


cdef inline void row_grad(
    floating* e, const TargetView* target, Py_ssize_t o, Py_ssize_t i, int64_t y,
    double top, double total,
    double slope, double spread, double s, double scale, double factor, double factor_low
) noexcept nogil:
    """e becomes the gradient, for any target."""
    cdef double t[LANES]
    cdef Py_ssize_t block, j, k
    for block in range((target.C + LANES - 1) // LANES):
        k = block * LANES
        target_of_classes(target, o, i, y, k, min(<Py_ssize_t>LANES, target.C - k), t)
        for j in range(min(<Py_ssize_t>LANES, target.C - k)):
            e[k + j] = <floating>entry(
                e[k + j], top, t[j], total - t[j], slope, spread, s, scale, factor, factor_low
            )


cdef inline void row_hess(
    const floating* e, floating* hess, Py_ssize_t n, floating top, double a, double b, double spread, double s
) noexcept nogil:
    """hess = a e o + b e^2."""
    cdef floating p = <floating>a, q = <floating>b, others = <floating>spread, whole = <floating>s
    cdef Py_ssize_t k
    for k in range(n):
        hess[k] = e[k] * (p * (others if e[k] == top else whole - e[k]) + q * e[k])


cdef inline double finish_row(
    floating own_x,              # in   x_y of a class index
    double dot,                  # in   sum_k t_k (m - x_k)
    double total,                # in   sum_k t_k
    const floating* shift,       # in   (SHIFT,)
    floating* sums,              # in   (SUMS,), used up
    const TargetView* target,
    Py_ssize_t o,
    Py_ssize_t i,
    int64_t y,
    double z_loss,
    double scale,                # of the gradient and the Hessian
    floating* grad,              # out  (C,) holds the exponentials, may be NULL
    floating* hess,              # out  (C,), may be NULL
) noexcept nogil:
    """The loss of one row whose exponentials are known; they become its gradient."""
    cdef double top = shift[TOP], ties = count_lanes(sums + TIES), rest = sum_lanes(sums + REST, sums + REST_LOW)
    cdef double s = ties * top + rest, spread = (ties - 1.0) * top + rest
    cdef double log_s = scalar.log1p(spread / top), lse = shift[MAXIMUM] + log_s, slope = 2.0 * z_loss * lse
    cdef double own_e, factor, factor_low = 0.0
    if hess != NULL:
        row_hess(
            grad, hess, target.C, shift[TOP], scale * (total + slope) / (s * s), scale * 2.0 * z_loss / (s * s),
            spread, s
        )
    if grad != NULL:
        own_e = grad[y]
        factor = scale / s
        if floating is double:
            factor_low = quotient_rest(factor, scale, s, sum_rest(s, top, ties, rest))
        if is_plain(target):
            row_scale(grad, <floating>((total + slope) * factor + (total + slope) * factor_low), target.C)
        else:
            row_grad(grad, target, o, i, y, top, total, slope, spread, s, scale, factor, factor_low)
        if target.distribution.data == NULL:
            grad[y] = <floating>entry(
                own_e, top, own_share(target, y), others_share(target, y), slope, spread, s, scale, factor, factor_low
            )
    return dot + total * log_s + (z_loss * lse * lse if z_loss != 0.0 else 0.0)


cdef inline Py_ssize_t softmax_rows(
    const floating* x,           # in   n <= LANES rows of C >= LANES classes
    Py_ssize_t step,
    const TargetView* target,
    const Scaling* scaling,
    Py_ssize_t o,
    Py_ssize_t i,
    Py_ssize_t n,                # samples (o, i) ... (o, i + n - 1)
    double z_loss,
    const Focusing* focusing,    # in   of focal loss, for one class of each sample; NULL for cross entropy
    floating* grad,              # out  like x, may be x, may be NULL
    Py_ssize_t grad_step,
    floating* hess,              # out  like x, may be x, may be NULL
    Py_ssize_t hess_step,
    double* losses,              # out  (n,) v_i l_i
) noexcept nogil:
    """Returns how many labels are no class.

    Where rows are short, the next row's maximum is looked for before this row's sums are added up: a processor does
    both at once.
    """
    cdef int64_t y[LANES]
    cdef double weight[LANES]
    cdef double scale[LANES]
    cdef floating shift[2][SHIFT]
    cdef floating sums[SUMS]
    cdef const floating* row
    cdef floating* g = NULL
    cdef floating* h = NULL
    cdef floating own_x
    cdef double dot, total
    cdef Py_ssize_t j, C = target.C, bad = read_samples(target, scaling, o, i, n, y, weight)
    cdef bint short_rows = C * <Py_ssize_t>sizeof(floating) <= SHORT
    cdef Py_ssize_t ahead = 2 * step if short_rows else AHEAD, e_ahead = grad_step if short_rows else AHEAD
    read_scales(scaling, o, i, n, weight, scale)
    if short_rows:
        row_shift(x, C, shift[0])
    for j in range(n):
        row = x + j * step
        if grad != NULL:
            g = grad + j * grad_step
        if hess != NULL:
            h = hess + j * hess_step
        if not short_rows:
            row_shift(row, C, shift[j % 2])
        own_x = row[y[j]]
        if is_plain(target):
            total = own_share(target, y[j])
            dot = total * <double>(shift[j % 2][MAXIMUM] - own_x) if total > 0 else 0.0
        else:
            row_dot(row, shift[j % 2][MAXIMUM], target, o, i + j, y[j], &dot, &total)
            if target.distribution.data == NULL:
                total = own_share(target, y[j]) + others_share(target, y[j])
        row_exp(row, C, shift[j % 2], ahead, g, e_ahead, sums)
        if short_rows and j + 1 < n:
            row_shift(row + step, C, shift[(j + 1) % 2])
        if focusing != NULL:
            losses[j] = finish_focal_row(
                own_x, total, shift[j % 2], sums, C, y[j], z_loss, focusing, scale[j], g, h
            )
        else:
            losses[j] = finish_row(
                own_x, dot, total, shift[j % 2], sums, target, o, i + j, y[j], z_loss, scale[j], g, h
            )
        if weight[j] != 0.0:
            losses[j] *= weight[j]
        else:
            losses[j] = 0.0
            if grad != NULL:
                memset(g, 0, C * sizeof(floating))
            if hess != NULL:
                memset(h, 0, C * sizeof(floating))
    return bad
