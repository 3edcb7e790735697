"""Focal loss of samples with any targets, side by side, one lane each; focal_general.pxd has the formulas."""

from cython cimport floating
from libc.math cimport INFINITY
from libc.stdint cimport int64_t
from libc.string cimport memset

from fastxent._kernels cimport scalar
from fastxent._kernels.focal_general cimport (
    Parts, Shares, Sums, Terms, add_terms, focal_grad, focal_hess, focal_terms, load_logits, set_shift, set_sums,
)
from fastxent._kernels.lanes cimport Lanes
from fastxent._kernels.problem cimport Problem, Strip
from fastxent._kernels.sums cimport total_of, two_sum
from fastxent._kernels.target cimport target_of_samples
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


cdef inline void general_focal_panel(
    const floating* x,           # in   C x LANES
    const Problem* problem,
    const Strip* part,           # a strip of at most LANES samples, from its strip's sample `first` on
    const Lanes* lanes,
    Py_ssize_t first,
    floating* grad,              # out  C x LANES, may be x, may be NULL
    floating* hess,              # out  C x LANES, may be NULL
    double* losses,              # out  (n,)
) noexcept nogil:
    cdef Shares of
    cdef Terms terms
    cdef Parts parts
    cdef Sums sums[LANES]
    cdef double best[LANES]
    cdef double is_best[LANES]
    cdef double best_bend[LANES]
    cdef double lse, value, z_loss = problem.option.z_loss
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
        lse = of.m[j] + of.log_s[j]
        sums[j].loss = total_of(parts.loss[j], parts.loss_low[j])
        sums[j].slope = total_of(parts.slope[j], parts.slope_low[j])
        sums[j].h = total_of(parts.h[j], parts.h_low[j])
        sums[j].best_bend = best_bend[j]
        sums[j].best_q = of.spread[j] / of.s[j]
        sums[j].z_slope = 2.0 * z_loss * lse
        sums[j].curve = 2.0 * z_loss
        losses[j] = sums[j].loss + (z_loss * lse * lse if z_loss != 0.0 else of.log_s[j] - of.log_s[j])
    if grad == NULL:
        return
    for k in range(problem.C):
        panel_terms(x, &of, problem, part, y, k, &terms)
        for j in range(part.n):
            grad[k * LANES + j] = <floating>(
                scale[j] * focal_grad(&sums[j], terms.p[j], terms.q[j], terms.slope[j])
            )
        if hess != NULL:
            for j in range(part.n):
                hess[k * LANES + j] = <floating>(
                    scale[j] * focal_hess(&sums[j], terms.p[j], terms.q[j], terms.bend[j], best[j] == <double>k)
                )
