"""Focal loss of samples with any targets, side by side, one lane each; focal_general.pxd has the formulas."""

from cython cimport floating
from libc.math cimport INFINITY
from libc.stdint cimport int64_t
from libc.string cimport memset

from fastxent._kernels cimport scalar
from fastxent._kernels.focal_general cimport (
    Parts, Shares, Sums, Terms, add_terms, focal_grad, focal_hess, focal_terms, load_logits, set_shift, set_sums,
)
from fastxent._kernels.grid cimport Steps
from fastxent._kernels.sums cimport LANES, total_of, two_sum
from fastxent._kernels.target cimport TargetView, target_of_samples


cdef inline void shares_of_panel(
    const floating* x, Steps step, Py_ssize_t n, Py_ssize_t C, Shares* of, double* best
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
            x_k[j] = x[j * step.inner + k * step.classes]
        for j in range(n):
            best[j] = <double>k if x_k[j] > of.m[j] else best[j]
            of.m[j] = x_k[j] if x_k[j] > of.m[j] else of.m[j]
    set_shift(of)
    for k in range(C):
        load_logits(x + k * step.classes, step.inner, n, of.m, x_k)
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
    const floating* x, Steps step, const Shares* of, const TargetView* target, Py_ssize_t o, Py_ssize_t i,
    const int64_t* y, Py_ssize_t n, Py_ssize_t k, double gamma, Terms* terms
) noexcept nogil:
    """Of class k."""
    cdef double x_k[LANES]
    cdef double t[LANES]
    cdef Py_ssize_t j
    load_logits(x + k * step.classes, step.inner, n, of.m, x_k)
    target_of_samples(target, o, i, y, k, n, t)
    for j in range(n, LANES):
        t[j] = 0.0
    focal_terms(of, x_k, t, gamma, terms)


cdef inline void focal_panel(
    const floating* x,           # in   n <= LANES samples of C classes
    Steps step,
    const TargetView* target,
    Py_ssize_t o,
    Py_ssize_t i,
    const int64_t* y,
    Py_ssize_t n,                # samples (o, i) ... (o, i + n - 1)
    double z_loss,
    double gamma,
    const double* scale,         # in   (n,) of the gradient and the Hessian
    floating* grad,              # out  like x, may be x, may be NULL
    Steps grad_step,
    floating* hess,              # out  like x, may be x, may be NULL
    Steps hess_step,
    double* losses,              # out  (n,)
) noexcept nogil:
    cdef Shares of
    cdef Terms terms
    cdef Parts parts
    cdef Sums sums[LANES]
    cdef double best[LANES]
    cdef double is_best[LANES]
    cdef double best_bend[LANES]
    cdef double lse, value
    cdef Py_ssize_t j, k
    memset(&parts, 0, sizeof(parts))
    shares_of_panel(x, step, n, target.C, &of, best)
    for k in range(target.C):
        panel_terms(x, step, &of, target, o, i, y, n, k, gamma, &terms)
        for j in range(LANES):
            is_best[j] = 1.0 if best[j] == <double>k else 0.0
            value = terms.bend[j] * terms.q[j]
            best_bend[j] = value if is_best[j] == 1.0 else best_bend[j]
        add_terms(&terms, is_best, &parts)
    for j in range(n):
        lse = of.m[j] + of.log_s[j]
        sums[j].loss = total_of(parts.loss[j], parts.loss_low[j])
        sums[j].slope = total_of(parts.slope[j], parts.slope_low[j])
        sums[j].h = total_of(parts.h[j], parts.h_low[j])
        sums[j].best_bend = best_bend[j]
        sums[j].best_q = of.spread[j] / of.s[j]
        sums[j].lean = 2.0 * z_loss * lse
        sums[j].curve = 2.0 * z_loss
        losses[j] = sums[j].loss + (z_loss * lse * lse if z_loss != 0.0 else 0.0)
    if grad == NULL:
        return
    for k in range(target.C):
        panel_terms(x, step, &of, target, o, i, y, n, k, gamma, &terms)
        for j in range(n):
            grad[j * grad_step.inner + k * grad_step.classes] = <floating>(
                scale[j] * focal_grad(&sums[j], terms.p[j], terms.q[j], terms.slope[j])
            )
        if hess != NULL:
            for j in range(n):
                hess[j * hess_step.inner + k * hess_step.classes] = <floating>(
                    scale[j] * focal_hess(&sums[j], terms.p[j], terms.q[j], terms.bend[j], best[j] == <double>k)
                )
