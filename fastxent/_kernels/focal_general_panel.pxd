"""Focal loss of samples with any targets, side by side, one lane each; focal_general.pxd has the formulas."""

from cython cimport floating
from libc.math cimport INFINITY
from libc.stdint cimport int64_t
from libc.string cimport memset

from fastxent._kernels cimport scalar
from fastxent._kernels.focal_general cimport (
    KNOWN, LOGARITHM, Parts, S, SPREAD, Shares, Sums, Terms, add_terms, focal_block, focal_hess, focal_terms, gamma_of,
    load_logits, set_shift, set_sums,
)
from fastxent._kernels.lanes cimport Lanes
from fastxent._kernels.panel cimport (
    MAXIMUM, REST, REST_LOW, SHIFT, SUMS, TIES, TOP, panel_exp, panel_max, shift_by,
)
from fastxent._kernels.problem cimport GRAD, Problem, Strip, has
from fastxent._kernels.softmax_general cimport panel_largest, target_panel
from fastxent._kernels.softmax_terms cimport entry, quotient_rest, sum_rest
from fastxent._kernels.sums cimport total_of, two_sum
from fastxent._kernels.target cimport is_index, narrowed, panel_of_target, target_of_samples
from fastxent._kernels.ways cimport LANES


cdef inline void shares_of_panel(
    const floating* x, Py_ssize_t n, Py_ssize_t C, Shares* of, double* best
) noexcept nogil:
    """And the class of each lane's first maximum. nan is passed over there (exp brings it back)."""
    cdef double x_k[LANES]
    cdef double e[LANES]
    cdef double ties[LANES]
    cdef double high[LANES]
    cdef double low[LANES]
    cdef Py_ssize_t j, k
    memset(ties, 0, sizeof(ties))
    memset(high, 0, sizeof(high))
    memset(low, 0, sizeof(low))
    for j in range(LANES):
        of.m[j] = -INFINITY
        best[j] = 0.0
    for k in range(C):
        for j in range(n):
            x_k[j] = x[k * LANES + j]
        for j in range(n):
            best[j] = <double>k if x_k[j] > of.m[j] else best[j]
            of.m[j] = x_k[j] if x_k[j] > of.m[j] else of.m[j]
    set_shift(of)
    for k in range(C):
        load_logits(x + k * LANES, 1, n, of.m, x_k)
        for j in range(LANES):
            e[j] = scalar.exp_scaled(x_k[j], of.origin[j], of.magic[j], of.bottom[j])
        for j in range(LANES):
            ties[j] += 1.0 if e[j] == of.top[j] else 0.0
            e[j] = 0.0 if e[j] == of.top[j] else e[j]
        two_sum(high, low, e, LANES)
    for j in range(LANES):
        high[j] = total_of(high[j], low[j])
    set_sums(of, ties, high)


cdef inline void panel_terms(
    const floating* x, const Shares* of, const Problem* problem, const Strip* part, const int64_t* y, Py_ssize_t k,
    Terms* terms
) noexcept nogil:
    """Of class k."""
    cdef double x_k[LANES]
    cdef double t[LANES]
    cdef Py_ssize_t j
    load_logits(x + k * LANES, 1, part.n, of.m, x_k)
    target_of_samples(problem, part, y, k, t)
    for j in range(part.n, LANES):
        t[j] = 0.0
    focal_terms(of, x_k, t, problem.option.gamma, terms)


cdef inline void focal_panel_hess(
    const floating* x,           # in   C x LANES
    const Problem* problem,
    const Strip* part,           # a strip of at most LANES samples, from its strip's sample `first` on
    const Lanes* lanes,
    Py_ssize_t first,
    floating* hess,              # out  C x LANES
) noexcept nogil:
    """The Hessians, in double."""
    cdef Shares of
    cdef Terms terms
    cdef Parts parts
    cdef Sums sums[LANES]
    cdef double best[LANES]
    cdef double is_best[LANES]
    cdef double best_bend[LANES]
    cdef double value, z_loss = problem.option.z_loss
    cdef const double* scale = lanes.scale + first
    cdef const int64_t* y = lanes.y + first
    cdef Py_ssize_t j, k
    memset(&parts, 0, sizeof(parts))
    memset(best_bend, 0, sizeof(best_bend))
    shares_of_panel(x, part.n, problem.C, &of, best)
    for k in range(problem.C):
        panel_terms(x, &of, problem, part, y, k, &terms)
        for j in range(LANES):
            is_best[j] = 1.0 if best[j] == <double>k else 0.0
            value = terms.bend[j] * terms.q[j]
            best_bend[j] = value if is_best[j] == 1.0 else best_bend[j]
        add_terms(&terms, is_best, &parts)
    for j in range(part.n):
        sums[j].slope = total_of(parts.slope[j], parts.slope_low[j])
        sums[j].h = total_of(parts.h[j], parts.h_low[j])
        sums[j].best_bend = best_bend[j]
        sums[j].best_q = of.spread[j] / of.s[j]
        sums[j].z_slope = 2.0 * z_loss * (of.m[j] + of.log_s[j])
        sums[j].curve = 2.0 * z_loss
    for k in range(problem.C):
        panel_terms(x, &of, problem, part, y, k, &terms)
        for j in range(part.n):
            hess[k * LANES + j] = <floating>(
                scale[j] * focal_hess(&sums[j], terms.p[j], terms.q[j], terms.bend[j], best[j] == <double>k)
            )


cdef inline void general_focal_panel(
    floating* x,                 # in   C x LANES, the logits; out the gradient, if it is wanted
    const Problem* problem,
    const Strip* part,           # a strip of at most LANES samples, from its strip's sample `first` on
    const Lanes* lanes,
    Py_ssize_t first,
    floating* slopes,            # whole_groups(C) x LANES numbers of room
    double* losses,              # out  (LANES,)
) noexcept nogil:
    cdef floating shift[SHIFT]
    cdef floating exponentials[SUMS]
    cdef floating known[KNOWN]
    cdef floating sums[4 * LANES]
    cdef floating m[LANES]
    cdef floating most[LANES]
    cdef floating label[LANES]
    cdef floating own_e[LANES]
    cdef floating own_grad[LANES]
    cdef floating factor[LANES]
    cdef floating scale[LANES]
    cdef double far_off[LANES]
    cdef double s[LANES]
    cdef double spread[LANES]
    cdef double z_slope[LANES]
    cdef double whole[LANES]
    cdef double largest[LANES]
    cdef double others[LANES]
    cdef double t[LANES]
    cdef double quotient, low = 0.0, lse, rest, v, gamma = gamma_of(problem, x[0]), z_loss = problem.option.z_loss
    cdef Py_ssize_t j, k, C = problem.C
    panel_max(<const floating*>x, C, m)
    shift_by(<const floating*>m, shift)
    panel_exp(<const floating*>x, C, shift, <const floating*>NULL, <const floating*>NULL, <floating*>NULL, exponentials)
    if is_index(problem):
        for k in range(C):
            for j in range(LANES):
                t[j] = 0.0
            target_of_samples(problem, part, lanes.y + first, k, t)
            for j in range(LANES):
                slopes[k * LANES + j] = narrowed(t[j], <floating>0.0)
    else:
        panel_of_target(problem, part, lanes.y + first, slopes)
    for j in range(LANES):
        rest = <double>exponentials[REST + j] + <double>exponentials[REST_LOW + j]
        s[j] = <double>exponentials[TIES + j] * shift[TOP + j] + rest
        spread[j] = (<double>exponentials[TIES + j] - 1.0) * shift[TOP + j] + rest
        known[S + j] = <floating>s[j]
        known[SPREAD + j] = <floating>spread[j]
    for j in range(LANES):
        known[LOGARITHM + j] = scalar.log1p(known[SPREAD + j] / shift[TOP + j])
    for j in range(4 * LANES):
        sums[j] = <floating>0.0
    for j in range(LANES):
        most[j] = <floating>0.0
        far_off[j] = 0.0
    for k in range(C):
        focal_block(
            x + k * LANES, slopes + k * LANES, shift, known, gamma, x + k * LANES, slopes + k * LANES, sums, most,
            far_off
        )
    for j in range(LANES):
        lse = <double>shift[MAXIMUM + j] + known[LOGARITHM + j]
        z_slope[j] = 2.0 * z_loss * lse
        rest = known[LOGARITHM + j] - known[LOGARITHM + j]    # nan in a row that is nan
        rest = z_loss * lse * lse if z_loss != 0.0 else rest
        losses[j] = total_of(<double>sums[j], <double>sums[2 * LANES + j]) + far_off[j] + rest
    if not has(problem, GRAD):
        return
    for j in range(LANES):
        whole[j] = total_of(<double>sums[LANES + j], <double>sums[3 * LANES + j])
        largest[j] = most[j]
        others[j] = whole[j] - largest[j]
        label[j] = -<floating>1.0
        own_e[j] = <floating>0.0
    panel_largest(<const floating*>x, <const floating*>slopes, C, largest, others, label, own_e)
    for j in range(LANES):
        v = lanes.scale[first + j]
        quotient = v / s[j]
        if floating is double:
            rest = sum_rest(s[j], shift[TOP + j], exponentials[TIES + j], exponentials[REST + j])
            low = quotient_rest(quotient, v, s[j], rest + exponentials[REST_LOW + j])
        own_grad[j] = <floating>entry(
            own_e[j], shift[TOP + j], largest[j], others[j], z_slope[j], spread[j], s[j], v, quotient, low
        )
        factor[j] = <floating>((whole[j] + z_slope[j]) * quotient + (whole[j] + z_slope[j]) * low)
        scale[j] = <floating>v
    target_panel(label, factor, scale, own_grad, <const floating*>slopes, C, x)
