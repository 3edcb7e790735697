"""Focal loss of one sample with any target: LANES classes side by side; focal_general.pxd has the formulas."""

from cython cimport floating
from libc.math cimport INFINITY
from libc.string cimport memset

from fastxent._kernels cimport scalar
from fastxent._kernels.focal_general cimport (
    Parts, Shares, Sums, Terms, add_terms, focal_grad, focal_hess, focal_terms, load_logits, set_shift, set_sums,
)
from fastxent._kernels.problem cimport Problem, Strip
from fastxent._kernels.sums cimport plain_sum, sum_lanes, two_sum
from fastxent._kernels.target cimport target_of_classes
from fastxent._kernels.ways cimport LANES


cdef inline Py_ssize_t shares_of_row(const floating* x, Py_ssize_t C, Shares* of) noexcept nogil:
    """The same in every lane; returns the first maximum's class. nan is passed over there (exp brings it back)."""
    cdef double x_k[LANES]
    cdef double e[LANES]
    cdef double ties[LANES]
    cdef double high[LANES]
    cdef double low[LANES]
    cdef double m = -INFINITY, rest, count
    cdef Py_ssize_t block, j, k, best = 0
    memset(ties, 0, sizeof(ties))
    memset(high, 0, sizeof(high))
    memset(low, 0, sizeof(low))
    for k in range(C):
        if x[k] > m:
            m = x[k]
            best = k
    for j in range(LANES):
        of.m[j] = m
    set_shift(of)
    for block in range((C + LANES - 1) // LANES):
        k = block * LANES
        load_logits(x + k, 1, min(<Py_ssize_t>LANES, C - k), of.m, x_k)
        for j in range(LANES):
            e[j] = scalar.exp_scaled(x_k[j], of.origin[j], of.magic[j], of.bottom[j])
        for j in range(LANES):
            ties[j] += 1.0 if e[j] == of.top[j] else 0.0
            e[j] = 0.0 if e[j] == of.top[j] else e[j]
        two_sum(high, low, e, LANES)
    rest = sum_lanes(high, low)
    count = plain_sum(ties)
    for j in range(LANES):
        ties[j] = count
        high[j] = rest
    set_sums(of, ties, high)
    return best


cdef inline void row_terms(
    const floating* x, const Shares* of, const Problem* problem, const Strip* sample, Py_ssize_t y, Py_ssize_t k,
    Terms* terms
) noexcept nogil:
    """Of the classes from k on."""
    cdef double x_k[LANES]
    cdef double t[LANES]
    cdef Py_ssize_t j, n = min(<Py_ssize_t>LANES, problem.C - k)
    load_logits(x + k, 1, n, of.m, x_k)
    target_of_classes(problem, sample, y, k, n, t)
    for j in range(n, LANES):
        t[j] = 0.0
    focal_terms(of, x_k, t, problem.option.gamma, terms)


cdef inline double general_focal_row(
    const floating* x,           # in   (C,)
    const Problem* problem,
    const Strip* sample,
    Py_ssize_t y,
    double scale,                # of the derivatives
    floating* grad,              # out  (C,) may be x, may be NULL
    floating* hess,              # out  (C,) may be NULL
) noexcept nogil:
    """The loss of a sample."""
    cdef Shares of
    cdef Terms terms
    cdef Parts parts
    cdef Sums sums
    cdef double is_best[LANES]
    cdef Py_ssize_t block, j, k, C = problem.C, best = shares_of_row(x, C, &of)
    cdef double lse = of.m[0] + of.log_s[0], z_loss = problem.option.z_loss
    memset(&parts, 0, sizeof(parts))
    memset(is_best, 0, sizeof(is_best))
    sums.best_bend = 0.0
    for block in range((C + LANES - 1) // LANES):
        k = block * LANES
        row_terms(x, &of, problem, sample, y, k, &terms)
        if k <= best < k + LANES:
            is_best[best - k] = 1.0
            sums.best_bend = terms.bend[best - k] * terms.q[best - k]
        add_terms(&terms, is_best, &parts)
        is_best[best % LANES] = 0.0
    sums.loss = sum_lanes(parts.loss, parts.loss_low)
    sums.slope = sum_lanes(parts.slope, parts.slope_low)
    sums.h = sum_lanes(parts.h, parts.h_low)
    sums.best_q = of.spread[0] / of.s[0]
    sums.z_slope = 2.0 * z_loss * lse
    sums.curve = 2.0 * z_loss
    if grad != NULL:
        for block in range((C + LANES - 1) // LANES):
            k = block * LANES
            row_terms(x, &of, problem, sample, y, k, &terms)
            for j in range(min(<Py_ssize_t>LANES, C - k)):
                grad[k + j] = <floating>(scale * focal_grad(&sums, terms.p[j], terms.q[j], terms.slope[j]))
            if hess != NULL:
                for j in range(min(<Py_ssize_t>LANES, C - k)):
                    hess[k + j] = <floating>(
                        scale * focal_hess(&sums, terms.p[j], terms.q[j], terms.bend[j], k + j == best)
                    )
    return sums.loss + (z_loss * lse * lse if z_loss != 0.0 else of.log_s[0] - of.log_s[0])
