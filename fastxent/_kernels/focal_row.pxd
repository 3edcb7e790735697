"""Focal loss of one class of a row of contiguous classes; focal_terms.pxd has the formulas."""

from cython cimport floating
from libc.stdint cimport int64_t

from fastxent._kernels cimport scalar
from fastxent._kernels.focal_terms cimport Focusing, focal_bend, odds_of, odds_times
from fastxent._kernels.panel cimport BOTTOM, MAGIC, MAXIMUM, ORIGIN, REST, REST_LOW, TIES, TOP
from fastxent._kernels.row cimport row_scale
from fastxent._kernels.sums cimport count_lanes, sum_lanes


cdef inline void focal_row_hess(
    const floating* e, Py_ssize_t n, floating top, floating spread, floating s, floating a, floating b, floating c,
    floating inverse, floating* hess
) noexcept nogil:
    """hess = a e o + b e^2 + c e^2 / o_y, in which e / o_y <= 1 where the square might overflow."""
    cdef Py_ssize_t k
    for k in range(n):
        hess[k] = e[k] * (a * (spread if e[k] == top else s - e[k]) + b * e[k] + c * (e[k] * inverse))


cdef inline double finish_focal_row(
    floating own_x,              # in   x_y
    double t,                    # in   t_y
    const floating* shift,       # in   (SHIFT,)
    floating* sums,              # in   (SUMS,), used up
    Py_ssize_t C,
    int64_t y,
    double z_loss,
    const Focusing* focusing,
    double scale,                # of the gradient and the Hessian
    floating* grad,              # out  (C,) holds the exponentials, may be NULL
    floating* hess,              # out  (C,), may be NULL
) noexcept nogil:
    """The loss of one row whose exponentials are known; they become its gradient."""
    cdef double top = shift[TOP], ties = count_lanes(sums + TIES), rest = sum_lanes(sums + REST, sums + REST_LOW)
    cdef double s = ties * top + rest, spread = (ties - 1.0) * top + rest
    cdef double log_s = scalar.log1p(spread / top), lse = shift[MAXIMUM] + log_s, lean = 2.0 * z_loss * lse
    cdef double e = scalar.exp_scaled(own_x, shift[ORIGIN], shift[MAGIC], shift[BOTTOM])
    cdef double o = spread if e == top else s - e
    cdef double p = e / s, q = o / s, odds = odds_of(e, o)
    cdef double loss = <double>(shift[MAXIMUM] - own_x) + log_s, odds_loss = odds_times(odds, loss)
    cdef double factor = scalar.inverse_power(odds, focusing.gamma)
    cdef double slope = t * factor * (1.0 + focusing.gamma * odds_loss), bend
    if hess != NULL:
        bend = 0.0 if focusing.gauss_newton else t * focal_bend(factor, p, focusing.gamma, loss, odds_loss)
        focal_row_hess(
            grad, C, shift[TOP], <floating>spread, <floating>s, <floating>(scale * (slope + lean) / (s * s)),
            <floating>(scale * 2.0 * z_loss / (s * s)), <floating>(scale * bend / s),
            <floating>(1.0 / o if o > 0 else 0.0), hess
        )
        hess[y] = <floating>(scale * ((slope + lean) * p * q + bend * q + 2.0 * z_loss * p * p))
    if grad != NULL:
        row_scale(grad, <floating>((slope + lean) * (scale / s)), C)
        grad[y] = <floating>(scale * (lean * p - slope * q))
    return (t * factor * loss if t > 0 else 0.0) + (z_loss * lse * lse if z_loss != 0.0 else 0.0)
