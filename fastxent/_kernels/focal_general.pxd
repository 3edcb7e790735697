"""Focal loss for any target, sample by sample, with the classes any step apart, in double whatever the dtype.

With L_k = lse - x_k and, of each class, the loss, slope and bend = q h of focal_terms.pxd:

    loss = sum_k t_k loss_k + c lse^2
    grad = (G - g_k) p_k - g_k q_k + 2 c lse p_k                          g_k = t_k slope_k      G = sum_k g_k
    hess = (G + 2 c lse) p_k q_k + 2 c p_k^2 + sum_j t_j h_j (p_k - [j = k])^2

h_j of the maximum may overflow where its q_j vanishes; bend_j q_j (p_k / q_j)^2 does not, in which p_k <= q_j.
"""

from cython cimport floating
from libc.math cimport INFINITY
from libc.stdint cimport int64_t
from libc.string cimport memset

from fastxent._kernels cimport scalar
from fastxent._kernels.focal_terms cimport focal_bend, odds_of, odds_times
from fastxent._kernels.grid cimport Steps
from fastxent._kernels.sums cimport LANES, WIDTH, sum_lanes, two_sum
from fastxent._kernels.target cimport Scaling, TargetView, read_samples, read_scales, target_of_classes


cdef struct Sample:
    double m                     # the maximum
    Py_ssize_t best              # where it is first
    double origin                # what exp_scaled is relative to
    double magic
    double bottom
    double top                   # the maximum's exponential
    double s
    double spread                # s - top
    double log_s


cdef struct Sums:                # over all classes
    double loss
    double slope                 # G
    double h                     # of t_k h_k but for the maximum's
    double best_bend             # the maximum's t_k bend_k q_k


cdef struct Terms:               # of LANES classes
    double p[LANES]
    double q[LANES]
    double loss[LANES]           # times t_k, and so are the next two
    double slope[LANES]
    double bend[LANES]


cdef inline void load_logits(const floating* x, Py_ssize_t step, Py_ssize_t n, double m, double* values) noexcept nogil:
    """LANES logits; -inf for one so far below the maximum that the difference overflows, and from n on."""
    cdef floating top = <floating>m
    cdef Py_ssize_t j
    for j in range(n):
        values[j] = -INFINITY if top - x[j * step] == INFINITY else x[j * step]
    for j in range(n, LANES):
        values[j] = -INFINITY


cdef inline Sample sample_of(const floating* x, Py_ssize_t step, Py_ssize_t C) noexcept nogil:
    """What the shares of all classes are computed from; nan is passed over in the maximum (exp brings it back)."""
    cdef Sample of
    cdef double x_k[LANES]
    cdef double e[LANES]
    cdef double high[LANES]
    cdef double low[LANES]
    cdef double rest, ties = 0.0
    cdef Py_ssize_t block, j, k
    memset(high, 0, sizeof(high))
    memset(low, 0, sizeof(low))
    of.m = -INFINITY
    of.best = 0
    for k in range(C):
        if x[k * step] > of.m:
            of.m = x[k * step]
            of.best = k
    of.origin = scalar.origin_of(of.m)
    of.magic = scalar.magic_of(of.m, of.origin)
    of.bottom = scalar.bottom_of(of.magic)
    of.top = scalar.exp_scaled(of.m, of.origin, of.magic, of.bottom)
    for block in range((C + LANES - 1) // LANES):
        k = block * LANES
        load_logits(x + k * step, step, min(<Py_ssize_t>LANES, C - k), of.m, x_k)
        for j in range(LANES):
            e[j] = scalar.exp_scaled(x_k[j], of.origin, of.magic, of.bottom)
        for j in range(LANES):
            ties += e[j] == of.top
            e[j] = 0.0 if e[j] == of.top else e[j]
        two_sum(high, low, e, LANES)
    rest = sum_lanes(high, low)
    of.s = ties * of.top + rest
    of.spread = (ties - 1.0) * of.top + rest
    of.log_s = scalar.log1p(of.spread / of.top)
    return of


cdef inline void focal_terms(
    const Sample* of, const double* x, const double* t, double gamma, Terms* terms
) noexcept nogil:
    cdef double odds[LANES]
    cdef double loss[LANES]
    cdef double factor[LANES]
    cdef double e, o, term, odds_loss
    cdef Py_ssize_t j
    for j in range(LANES):
        e = scalar.exp_scaled(x[j], of.origin, of.magic, of.bottom)
        o = of.s - e
        o = of.spread if e == of.top else o
        terms.p[j] = e / of.s
        terms.q[j] = o / of.s
        odds[j] = odds_of(e, o)
        loss[j] = (of.m - x[j]) + of.log_s
    for j in range(LANES):
        factor[j] = scalar.inverse_power(odds[j], gamma)
    for j in range(LANES):
        odds_loss = odds_times(odds[j], loss[j])
        term = t[j] * factor[j] * loss[j]
        terms.loss[j] = term if t[j] > 0 else 0.0
        terms.slope[j] = t[j] * factor[j] * (1.0 + gamma * odds_loss)
        terms.bend[j] = t[j] * focal_bend(factor[j], terms.p[j], gamma, loss[j], odds_loss)


cdef inline void load_target(
    const TargetView* target, Py_ssize_t o, Py_ssize_t i, int64_t y, Py_ssize_t k, Py_ssize_t n, double* t
) noexcept nogil:
    """The target for LANES classes from k on, 0 from k + n on."""
    cdef Py_ssize_t j
    target_of_classes(target, o, i, y, k, n, t)
    for j in range(n, LANES):
        t[j] = 0.0


cdef inline Sums sums_of(
    const floating* x, Py_ssize_t step, const Sample* of, const TargetView* target, Py_ssize_t o, Py_ssize_t i,
    int64_t y, double gamma, Terms* terms
) noexcept nogil:
    """The sums; `terms` is left with those of the last block."""
    cdef Sums sums
    cdef double x_k[LANES]
    cdef double t[LANES]
    cdef double h[LANES]
    cdef double high[3][LANES]
    cdef double low[3][LANES]
    cdef Py_ssize_t block, j, k, n
    memset(high, 0, sizeof(high))
    memset(low, 0, sizeof(low))
    for block in range((target.C + LANES - 1) // LANES):
        k = block * LANES
        n = min(<Py_ssize_t>LANES, target.C - k)
        load_logits(x + k * step, step, n, of.m, x_k)
        load_target(target, o, i, y, k, n, t)
        focal_terms(of, x_k, t, gamma, terms)
        two_sum(high[0], low[0], terms.loss, LANES)
        two_sum(high[1], low[1], terms.slope, LANES)
        for j in range(LANES):
            h[j] = terms.bend[j] / terms.q[j]
        if k <= of.best < k + LANES:
            sums.best_bend = terms.bend[of.best - k] * terms.q[of.best - k]
            h[of.best - k] = 0.0
        two_sum(high[2], low[2], h, LANES)
    sums.loss = sum_lanes(high[0], low[0])
    sums.slope = sum_lanes(high[1], low[1])
    sums.h = sum_lanes(high[2], low[2])
    return sums


cdef inline double focal_sample(
    const floating* x, Py_ssize_t step, const TargetView* target, Py_ssize_t o, Py_ssize_t i, int64_t y, double z_loss,
    double gamma, double scale, floating* grad, Py_ssize_t grad_step, floating* hess, Py_ssize_t hess_step
) noexcept nogil:
    """The loss of one sample, and its derivatives times `scale`."""
    cdef Terms terms
    cdef Sample of = sample_of(x, step, target.C)
    cdef Sums sums = sums_of(x, step, &of, target, o, i, y, gamma, &terms)
    cdef double x_k[LANES]
    cdef double t[LANES]
    cdef double lse = of.m + of.log_s, lean = 2.0 * z_loss * lse, best_q = of.spread / of.s
    cdef double p, q, slope, h, ratio
    cdef Py_ssize_t block, j, k, n
    if grad != NULL:
        for block in range((target.C + LANES - 1) // LANES):
            k = block * LANES
            n = min(<Py_ssize_t>LANES, target.C - k)
            if target.C > LANES:
                load_logits(x + k * step, step, n, of.m, x_k)
                load_target(target, o, i, y, k, n, t)
                focal_terms(&of, x_k, t, gamma, &terms)
            for j in range(n):
                p = terms.p[j]
                q = terms.q[j]
                slope = terms.slope[j]
                grad[(k + j) * grad_step] = <floating>(scale * ((sums.slope - slope + lean) * p - slope * q))
                if hess != NULL:
                    h = (sums.slope + lean) * p * q + 2.0 * z_loss * p * p
                    if k + j == of.best:
                        h += sums.best_bend + sums.h * p * p
                    else:
                        ratio = p / best_q if p > 0 else 0.0
                        h += terms.bend[j] * q + (sums.h - terms.bend[j] / q) * p * p + sums.best_bend * ratio * ratio
                    hess[(k + j) * hess_step] = <floating>(scale * h)
    return sums.loss + (z_loss * lse * lse if z_loss != 0.0 else 0.0)


cdef inline Py_ssize_t focal_samples(
    const floating* x,           # in   n <= WIDTH samples of C classes
    Steps x_step,
    const TargetView* target,
    const Scaling* scaling,
    Py_ssize_t o,
    Py_ssize_t i,
    Py_ssize_t n,                # samples (o, i) ... (o, i + n - 1)
    double z_loss,
    double gamma,
    floating* grad,              # out  like x, may be x, may be NULL
    Steps grad_step,
    floating* hess,              # out  like x, may be x, may be NULL
    Steps hess_step,
    double* losses,              # out  (n,) v_i l_i
) noexcept nogil:
    """Returns how many labels are no class."""
    cdef int64_t y[WIDTH]
    cdef double weight[WIDTH]
    cdef double scale[WIDTH]
    cdef floating* g = NULL
    cdef floating* h = NULL
    cdef Py_ssize_t j, k, bad = read_samples(target, scaling, o, i, n, y, weight)
    read_scales(scaling, o, i, n, weight, scale)
    for j in range(n):
        if grad != NULL:
            g = grad + j * grad_step.inner
        if hess != NULL:
            h = hess + j * hess_step.inner
        losses[j] = 0.0
        if weight[j] != 0:
            losses[j] = weight[j] * focal_sample(
                x + j * x_step.inner, x_step.classes, target, o, i + j, y[j], z_loss, gamma, scale[j], g,
                grad_step.classes, h, hess_step.classes
            )
            continue
        for k in range(target.C):
            if grad != NULL:
                g[k * grad_step.classes] = <floating>0.0
            if hess != NULL:
                h[k * hess_step.classes] = <floating>0.0
    return bad
