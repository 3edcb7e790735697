"""Focal loss of one class of a row of contiguous classes; terms.pxd has the formulas."""

from cython cimport floating

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.arithmetic.panel cimport BOTTOM, MAGIC, MAXIMUM, ORIGIN, TOP
from fastxent._kernels.arithmetic.row cimport row_sums
from fastxent._kernels.arrays.memory cimport prefetch_block_to_write
from fastxent._kernels.focal.terms cimport focal_bend, odds_of, odds_times
from fastxent._kernels.problem cimport Problem
from fastxent._kernels.softmax.terms cimport Row
from fastxent._kernels.ways cimport BATCH


cdef struct Bend:                # hess = a e o + b e^2 + c e^2 / o_y
    double a
    double b
    double c
    double inverse               # 1 / o_y


cdef inline void focal_row_hess(
    const floating* e, Py_ssize_t n, floating top, const Row* row, const Bend* bend, floating* hess
) noexcept nogil:
    """In which e / o_y <= 1 where the square might overflow; the next row's is asked for."""
    cdef floating spread = <floating>row.spread, s = <floating>row.s, a = <floating>bend.a, b = <floating>bend.b
    cdef floating c = <floating>bend.c, inverse = <floating>bend.inverse
    cdef Py_ssize_t batch, k
    for batch in range((n + BATCH - 1) // BATCH):
        prefetch_block_to_write(hess + n + batch * BATCH, BATCH)
        for k in range(batch * BATCH, min(n, (batch + 1) * BATCH)):
            hess[k] = e[k] * (a * (spread if e[k] == top else s - e[k]) + b * e[k] + c * (e[k] * inverse))


cdef inline double finish_focal_row(
    Row* row,
    const floating* shift,       # in   (SHIFT,)
    const floating* sums,        # in   (SUMS,)
    const Problem* problem,
    Py_ssize_t y,
    floating* grad,              # out  (C,) holds the exponentials, may be NULL
    floating* hess,              # out  (C,), may be NULL
) noexcept nogil:
    """The loss of one row whose exponentials are known; they become its gradient over row.factor."""
    cdef double top = shift[TOP], ties, rest
    row_sums(sums, &ties, &rest)
    cdef double s = ties * top + rest, spread = (ties - 1.0) * top + rest, t = row.total, gamma = problem.option.gamma
    cdef double z_loss = problem.option.z_loss, log_s = scalar.log1p(spread / top), lse = shift[MAXIMUM] + log_s
    cdef double z_slope = 2.0 * z_loss * lse
    cdef double e = scalar.exp_scaled(<floating>row.own_x, shift[ORIGIN], shift[MAGIC], shift[BOTTOM])
    cdef double o = spread if e == top else s - e
    cdef double p = e / s, q = o / s, odds = odds_of(e, o)
    cdef double loss = (<double>shift[MAXIMUM] - row.own_x) + log_s, odds_loss = odds_times(odds, loss)
    cdef double factor = scalar.inverse_power(odds, gamma)
    cdef double slope = t * factor * (1.0 + gamma * odds_loss), own_bend
    cdef Bend bend
    row.s = s
    row.spread = spread
    if hess != NULL:
        own_bend = 0.0 if problem.option.gauss_newton else t * focal_bend(factor, p, gamma, loss, odds_loss)
        bend.a = row.scale * (slope + z_slope) / (s * s)
        bend.b = row.scale * 2.0 * z_loss / (s * s)
        bend.c = row.scale * own_bend / s
        bend.inverse = 1.0 / o if o > 0 else 0.0
        focal_row_hess(grad, problem.C, shift[TOP], row, &bend, hess)
        hess[y] = <floating>(row.scale * ((slope + z_slope) * p * q + own_bend * q + 2.0 * z_loss * p * p))
    if grad != NULL:
        row.factor = (slope + z_slope) * (row.scale / s)
        row.own_grad = row.scale * (z_slope * p - slope * q)
    # without weight of its class a row is 0, or nan if it is that
    return (t * factor * loss if t > 0 else log_s - log_s) + (z_loss * lse * lse if z_loss != 0.0 else 0.0)
