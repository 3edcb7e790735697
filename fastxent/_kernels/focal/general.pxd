"""Focal loss for any target: what a row and a panel of samples share.

In the dtype that is computed in: with slopes in the place of t_k, the gradient is that of the cross entropy.

With L_k = lse - x_k and, of each class, the loss, slope and bend = q h of terms.pxd:

    loss = sum_k t_k loss_k + c lse^2
    grad = G p_k - g_k + 2 c lse p_k                                      g_k = t_k slope_k      G = sum_k g_k
    hess = (G + 2 c lse) p_k q_k + 2 c p_k^2 + sum_j t_j h_j (p_k - [j = k])^2

h_j of a maximum may overflow where its q_j vanishes, which is if no other class has it; then bend_j q_j (p_k / q_j)^2
does not, in which p_k <= q_j.
"""

from cython cimport floating

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.arithmetic.panel cimport BOTTOM, MAGIC, MAXIMUM, ORIGIN, TOP
from fastxent._kernels.arithmetic.sums cimport two_sum
from fastxent._kernels.focal.terms cimport focal_bend, odds_of, odds_times
from fastxent._kernels.ways cimport LANES

cdef enum:
    # What is known of each lane once its exponentials are added up, an array of KNOWN numbers:
    S = 0
    SPREAD = LANES               # s - top
    LOGARITHM = 2 * LANES        # of s
    LONE = 3 * LANES             # the maximum's exponential if no other class has it, else -1
    KNOWN = 4 * LANES
    # What is found of each lane on the way over its classes, an array of FOUND numbers: sums of t_k loss_k, of the
    # slopes and of t_k h_k but for a lone maximum's, then what those lack, then:
    LOSS_SUM = 0
    SLOPE_SUM = LANES
    H_SUM = 2 * LANES
    LACK = 3 * LANES
    MOST = 6 * LANES             # the largest slope
    PEAK = 7 * LANES             # t_k bend_k q_k of a lone maximum
    FOUND = 8 * LANES
    # What the Hessian is made of, an array of CURVES numbers: hess = a e q + (b - w h) e^2 + v bend q + peak (e / o)^2,
    # in which o is a lone maximum's
    A = 0
    B = LANES
    W = 2 * LANES
    V = 3 * LANES
    PEAKED = 4 * LANES
    INVERSE = 5 * LANES          # 1 / o
    CURVES = 6 * LANES


cdef inline void set_known(
    Py_ssize_t j, double s, double spread, double ties, floating top, floating log_s, floating* known
) noexcept nogil:
    """Of one lane."""
    known[S + j] = <floating>s
    known[SPREAD + j] = <floating>spread
    known[LOGARITHM + j] = log_s
    known[LONE + j] = top if ties == 1.0 else -<floating>1.0


cdef inline void focal_block(
    const floating* x,           # in   (LANES,)
    const floating* t,           # in   (LANES,)
    const floating* shift,       # in   (SHIFT,)
    const floating* known,       # in   (KNOWN,)
    double gamma,
    floating* e,                 # out  (LANES,) the exponentials; may be x
    floating* slope,             # out  (LANES,) t_k slope_k; may be t
    floating* bend,              # out  (LANES,) t_k bend_k; may be x, may be NULL
    floating* found,             # in, out  (FOUND,)
    double* far_off,             # in, out  (LANES,) sum of t_k loss_k that might overflow: p_k is 0
) noexcept nogil:
    """Loss, slope and bend of one class a lane."""
    cdef floating share[LANES]
    cdef floating odds[LANES]
    cdef floating far[LANES]
    cdef floating factor[LANES]
    cdef floating q[LANES]
    cdef floating bends[LANES]
    cdef floating part[3 * LANES]
    cdef floating o, all_others, term, odds_loss, h, peak, g = <floating>gamma, most_far = <floating>1e30
    cdef Py_ssize_t j
    cdef int odd = 0
    for j in range(LANES):
        share[j] = scalar.exp_scaled(x[j], shift[ORIGIN + j], shift[MAGIC + j], shift[BOTTOM + j])
    for j in range(LANES):
        o = known[S + j] - share[j]
        all_others = known[SPREAD + j]
        o = all_others if share[j] == shift[TOP + j] else o
        odds[j] = odds_of(share[j], o)
        q[j] = o / known[S + j]
        far[j] = (shift[MAXIMUM + j] - x[j]) + known[LOGARITHM + j]
    if gamma == 2.0:
        for j in range(LANES):
            factor[j] = q[j] * q[j]
    else:
        for j in range(LANES):
            factor[j] = scalar.inverse_power(odds[j], gamma)
    for j in range(LANES):
        odds_loss = odds_times(odds[j], far[j])
        term = t[j] * factor[j]
        o = term * far[j]
        part[LOSS_SUM + j] = o if t[j] > 0 else <floating>0.0
        part[SLOPE_SUM + j] = term * (<floating>1.0 + g * odds_loss)
    for j in range(LANES):
        odd += far[j] > most_far
    for j in range(LANES if odd > 0 else 0):
        if far[j] > most_far:
            part[LOSS_SUM + j] = <floating>0.0
            far_off[j] += <double>t[j] * (<double>shift[MAXIMUM + j] - <double>x[j]) if t[j] > 0 else 0.0
    if bend != NULL:
        for j in range(LANES):
            odds_loss = odds_times(odds[j], far[j])
            term = t[j] * factor[j]
            bends[j] = focal_bend(term, share[j] / known[S + j], g, far[j], odds_loss)
        for j in range(LANES):
            h = bends[j] / q[j]
            part[H_SUM + j] = <floating>0.0 if share[j] == known[LONE + j] else h
        for j in range(LANES):
            peak = bends[j] * q[j]
            found[PEAK + j] += peak if share[j] == known[LONE + j] else <floating>0.0
        for j in range(LANES):
            bend[j] = bends[j]
        two_sum(found + H_SUM, found + LACK + H_SUM, <const floating*>part + H_SUM, LANES)
    for j in range(LANES):
        e[j] = share[j]
    for j in range(LANES):
        slope[j] = part[SLOPE_SUM + j]
    for j in range(LANES):
        found[MOST + j] = slope[j] if slope[j] > found[MOST + j] else found[MOST + j]
    two_sum(found, found + LACK, <const floating*>part, 2 * LANES)


cdef inline void set_curves(
    Py_ssize_t j, double scale, double slope, double h, double peak, double s, double spread, double z_loss,
    floating* curves
) noexcept nogil:
    """Of one lane: slope = G + 2 c lse, h = sum_k t_k h_k but for a lone maximum's."""
    curves[A + j] = <floating>(scale * slope / s)
    curves[B + j] = <floating>(scale * (2.0 * z_loss + h) / (s * s))
    curves[W + j] = <floating>(scale / (s * s))
    curves[V + j] = <floating>scale
    curves[PEAKED + j] = <floating>(scale * peak)
    curves[INVERSE + j] = <floating>(1.0 / spread) if spread > 0 else <floating>0.0


cdef inline void focal_hess(
    const floating* e,           # in   (LANES,)
    const floating* shift,       # in   (SHIFT,)
    const floating* known,       # in   (KNOWN,)
    const floating* curves,      # in   (CURVES,)
    floating* hess,              # out  (LANES,) holds t_k bend_k
) noexcept nogil:
    """The Hessian of one class a lane."""
    cdef floating result[LANES]
    cdef floating o, all_others, q, own, ratio
    cdef Py_ssize_t j
    for j in range(LANES):
        o = known[S + j] - e[j]
        all_others = known[SPREAD + j]
        o = all_others if e[j] == shift[TOP + j] else o
        q = o / known[S + j]
        own = curves[W + j] * (hess[j] / q)
        own = <floating>0.0 if e[j] == known[LONE + j] else own
        ratio = e[j] * curves[INVERSE + j]
        ratio = <floating>0.0 if e[j] == known[LONE + j] else ratio
        result[j] = (
            e[j] * (curves[A + j] * q + (curves[B + j] - own) * e[j]) + curves[V + j] * (hess[j] * q)
            + curves[PEAKED + j] * (ratio * ratio)
        )
    for j in range(LANES):
        hess[j] = result[j]
