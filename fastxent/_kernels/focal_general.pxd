"""Focal loss for any target: what a row and a panel of samples share. In double, whatever the dtype.

With L_k = lse - x_k and, of each class, the loss, slope and bend = q h of focal_terms.pxd:

    loss = sum_k t_k loss_k + c lse^2
    grad = (G - g_k) p_k - g_k q_k + 2 c lse p_k                          g_k = t_k slope_k      G = sum_k g_k
    hess = (G + 2 c lse) p_k q_k + 2 c p_k^2 + sum_j t_j h_j (p_k - [j = k])^2

h_j of the maximum may overflow where its q_j vanishes; bend_j q_j (p_k / q_j)^2 does not, in which p_k <= q_j.
"""

from cython cimport floating
from libc.math cimport INFINITY

from fastxent._kernels cimport scalar
from fastxent._kernels.focal_terms cimport focal_bend, odds_of, odds_times
from fastxent._kernels.sums cimport two_sum
from fastxent._kernels.ways cimport LANES


cdef struct Shares:              # what a lane's shares are computed from
    double m[LANES]              # the maximum
    double origin[LANES]         # what exp_scaled is relative to
    double magic[LANES]
    double bottom[LANES]
    double top[LANES]            # the maximum's exponential
    double s[LANES]
    double spread[LANES]         # s - top
    double log_s[LANES]


cdef struct Terms:               # of one class a lane
    double p[LANES]
    double q[LANES]
    double loss[LANES]           # times t_k, and so are the next two
    double slope[LANES]
    double bend[LANES]


cdef struct Parts:               # sums of terms, a part of them in each lane
    double loss[LANES]
    double loss_low[LANES]
    double slope[LANES]
    double slope_low[LANES]
    double h[LANES]
    double h_low[LANES]


cdef struct Sums:                # over all classes of a sample
    double loss
    double slope                 # G
    double h                     # of t_k h_k but for the maximum's
    double best_bend             # the maximum's t_k bend_k q_k
    double best_q
    double z_slope               # 2 c lse
    double curve                 # 2 c


cdef inline void set_shift(Shares* of) noexcept nogil:
    """What follows from the maxima alone."""
    cdef Py_ssize_t j
    for j in range(LANES):
        of.origin[j] = scalar.origin_of(of.m[j])
        of.magic[j] = scalar.magic_of(of.m[j], of.origin[j])
        of.bottom[j] = scalar.bottom_of(of.magic[j])
    for j in range(LANES):
        of.top[j] = scalar.exp_scaled(of.m[j], of.origin[j], of.magic[j], of.bottom[j])


cdef inline void set_sums(Shares* of, const double* ties, const double* rest) noexcept nogil:
    """What follows from the number of maxima, and the sum of the others' exponentials."""
    cdef Py_ssize_t j
    for j in range(LANES):
        of.s[j] = ties[j] * of.top[j] + rest[j]
        of.spread[j] = (ties[j] - 1.0) * of.top[j] + rest[j]
    for j in range(LANES):
        of.log_s[j] = scalar.log1p(of.spread[j] / of.top[j])


cdef inline void load_logits(
    const floating* x, Py_ssize_t step, Py_ssize_t n, const double* m, double* values
) noexcept nogil:
    """LANES logits; -inf for one so far below the maximum that the difference overflows, and from n on."""
    cdef Py_ssize_t j
    for j in range(n):
        values[j] = x[j * step]
    for j in range(n, LANES):
        values[j] = -INFINITY
    for j in range(LANES):
        values[j] = -INFINITY if m[j] - values[j] == INFINITY else values[j]


cdef inline void focal_terms(
    const Shares* of, const double* x, const double* t, double gamma, Terms* terms
) noexcept nogil:
    cdef double odds[LANES]
    cdef double loss[LANES]
    cdef double factor[LANES]
    cdef double e, o, spread, term, odds_loss
    cdef Py_ssize_t j
    for j in range(LANES):
        e = scalar.exp_scaled(x[j], of.origin[j], of.magic[j], of.bottom[j])
        o = of.s[j] - e
        spread = of.spread[j]
        o = spread if e == of.top[j] else o
        terms.p[j] = e / of.s[j]
        terms.q[j] = o / of.s[j]
        odds[j] = odds_of(e, o)
        loss[j] = (of.m[j] - x[j]) + of.log_s[j]
    for j in range(LANES):
        factor[j] = scalar.inverse_power(odds[j], gamma)
    for j in range(LANES):
        odds_loss = odds_times(odds[j], loss[j])
        term = t[j] * factor[j] * loss[j]
        terms.loss[j] = term if t[j] > 0 else 0.0
        terms.slope[j] = t[j] * factor[j] * (1.0 + gamma * odds_loss)
        terms.bend[j] = t[j] * focal_bend(factor[j], terms.p[j], gamma, loss[j], odds_loss)


cdef inline void add_terms(const Terms* terms, const double* best, Parts* parts) noexcept nogil:
    """`best` is 1 in the lane of a maximum, whose h is left out, else 0."""
    cdef double h[LANES]
    cdef double value
    cdef Py_ssize_t j
    for j in range(LANES):
        value = terms.bend[j] / terms.q[j]
        h[j] = 0.0 if best[j] == 1.0 else value
    two_sum(parts.loss, parts.loss_low, terms.loss, LANES)
    two_sum(parts.slope, parts.slope_low, terms.slope, LANES)
    two_sum(parts.h, parts.h_low, h, LANES)


cdef inline double focal_grad(const Sums* of, double p, double q, double slope) noexcept nogil:
    return (of.slope - slope + of.z_slope) * p - slope * q


cdef inline double focal_hess(const Sums* of, double p, double q, double bend, bint best) noexcept nogil:
    cdef double ratio = p / of.best_q
    cdef double others = bend * q + (of.h - bend / q) * p * p + of.best_bend * ratio * ratio
    cdef double curvature = (of.slope + of.z_slope) * p * q + of.curve * p * p
    if best:
        return curvature + of.best_bend + of.h * p * p
    return curvature + (0.0 if p == 0 else others)
