"""Focal loss for any target: what a row and a panel of samples share.

Loss and gradient in the dtype that is computed in: with slopes in the place of t_k, the gradient is that of the cross
entropy. The Hessian in double.

With L_k = lse - x_k and, of each class, the loss, slope and bend = q h of focal_terms.pxd:

    loss = sum_k t_k loss_k + c lse^2
    grad = G p_k - g_k + 2 c lse p_k                                      g_k = t_k slope_k      G = sum_k g_k
    hess = (G + 2 c lse) p_k q_k + 2 c p_k^2 + sum_j t_j h_j (p_k - [j = k])^2

h_j of the maximum may overflow where its q_j vanishes; bend_j q_j (p_k / q_j)^2 does not, in which p_k <= q_j.
"""

from cython cimport floating
from libc.float cimport FLT_MAX
from libc.math cimport INFINITY

from fastxent._kernels cimport scalar
from fastxent._kernels.focal_terms cimport focal_bend, odds_of, odds_times
from fastxent._kernels.panel cimport BOTTOM, MAGIC, MAXIMUM, ORIGIN, TOP
from fastxent._kernels.problem cimport Problem
from fastxent._kernels.sums cimport two_sum
from fastxent._kernels.ways cimport LANES

cdef enum:
    # What is known of each lane once its exponentials are added up, an array of KNOWN numbers:
    S = 0
    SPREAD = LANES               # s - top
    LOGARITHM = 2 * LANES        # of s
    KNOWN = 3 * LANES


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
    double slope[LANES]          # times t_k
    double bend[LANES]


cdef struct Parts:               # sums of terms, a part of them in each lane
    double slope[LANES]
    double slope_low[LANES]
    double h[LANES]
    double h_low[LANES]


cdef struct Sums:                # over all classes of a sample
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
    cdef double e, o, spread, odds_loss
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
    two_sum(parts.slope, parts.slope_low, terms.slope, LANES)
    two_sum(parts.h, parts.h_low, h, LANES)


cdef inline double focal_hess(const Sums* of, double p, double q, double bend, bint best) noexcept nogil:
    cdef double ratio = p / of.best_q
    cdef double others = bend * q + (of.h - bend / q) * p * p + of.best_bend * ratio * ratio
    cdef double curvature = (of.slope + of.z_slope) * p * q + of.curve * p * p
    if best:
        return curvature + of.best_bend + of.h * p * p
    return curvature + (0.0 if p == 0 else others)


cdef inline double gamma_of(const Problem* problem, floating _) noexcept nogil:
    """gamma, or the largest number of the dtype."""
    return min(problem.option.gamma, <double>FLT_MAX) if floating is float else problem.option.gamma


cdef inline void focal_block(
    const floating* x,           # in   (LANES,)
    const floating* t,           # in   (LANES,)
    const floating* shift,       # in   (SHIFT,)
    const floating* known,       # in   (KNOWN,)
    double gamma,
    floating* e,                 # out  (LANES,) the exponentials; may be x
    floating* slope,             # out  (LANES,) t_k slope_k; may be t
    floating* sums,              # in, out  4 x LANES: of t_k loss_k and of the slopes, then what they lack
    floating* most,              # in, out  (LANES,) the largest slope
    double* far_off,             # in, out  (LANES,) sum of t_k loss_k that might overflow: p_k is 0
) noexcept nogil:
    """Loss and slope of one class a lane."""
    cdef floating share[LANES]
    cdef floating odds[LANES]
    cdef floating far[LANES]
    cdef floating factor[LANES]
    cdef floating part[2 * LANES]
    cdef floating o, all_others, term, odds_loss, g = <floating>gamma, most_far = <floating>1e30
    cdef Py_ssize_t j
    cdef int odd = 0
    for j in range(LANES):
        share[j] = scalar.exp_scaled(x[j], shift[ORIGIN + j], shift[MAGIC + j], shift[BOTTOM + j])
    for j in range(LANES):
        o = known[S + j] - share[j]
        all_others = known[SPREAD + j]
        o = all_others if share[j] == shift[TOP + j] else o
        odds[j] = odds_of(share[j], o)
        factor[j] = o / known[S + j]
        far[j] = (shift[MAXIMUM + j] - x[j]) + known[LOGARITHM + j]
    if gamma == 2.0:
        for j in range(LANES):
            factor[j] *= factor[j]
    else:
        for j in range(LANES):
            factor[j] = scalar.inverse_power(odds[j], gamma)
    for j in range(LANES):
        odds_loss = odds_times(odds[j], far[j])
        term = t[j] * factor[j]
        o = term * far[j]
        part[j] = o if t[j] > 0 else <floating>0.0
        part[LANES + j] = term * (<floating>1.0 + g * odds_loss)
    for j in range(LANES):
        odd += far[j] > most_far
    for j in range(LANES if odd > 0 else 0):
        if far[j] > most_far:
            part[j] = <floating>0.0
            far_off[j] += <double>t[j] * (<double>shift[MAXIMUM + j] - <double>x[j]) if t[j] > 0 else 0.0
    for j in range(LANES):
        e[j] = share[j]
    for j in range(LANES):
        slope[j] = part[LANES + j]
    for j in range(LANES):
        most[j] = slope[j] if slope[j] > most[j] else most[j]
    two_sum(sums, sums + 2 * LANES, <const floating*>part, 2 * LANES)
