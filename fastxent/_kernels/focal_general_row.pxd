"""Focal loss of one sample with any target: LANES classes side by side; focal_general.pxd has the formulas."""

from cython cimport floating
from libc.math cimport INFINITY
from libc.string cimport memset

from fastxent._kernels cimport scalar
from fastxent._kernels.focal_general cimport (
    KNOWN, LOGARITHM, Parts, S, SPREAD, Shares, Sums, Terms, add_terms, focal_block, focal_hess, focal_terms, gamma_of,
    load_logits, set_shift, set_sums,
)
from fastxent._kernels.panel cimport MAXIMUM, REST, REST_LOW, SHIFT, SUMS, TIES, TOP
from fastxent._kernels.problem cimport Problem, Strip
from fastxent._kernels.row cimport row_exp, row_shift
from fastxent._kernels.softmax_row cimport place_of, row_subtract
from fastxent._kernels.softmax_terms cimport entry, quotient_rest, sum_rest
from fastxent._kernels.sums cimport count_lanes, plain_sum, sum_lanes, two_sum
from fastxent._kernels.target cimport classes_of_target, target_of_classes
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


cdef inline void focal_row_hess(
    const floating* x,           # in   (C,)
    const Problem* problem,
    const Strip* sample,
    Py_ssize_t y,
    double scale,                # of the derivatives
    floating* hess,              # out  (C,) may be x
) noexcept nogil:
    """The Hessian of a sample, in double."""
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
    sums.slope = sum_lanes(parts.slope, parts.slope_low)
    sums.h = sum_lanes(parts.h, parts.h_low)
    sums.best_q = of.spread[0] / of.s[0]
    sums.z_slope = 2.0 * z_loss * lse
    sums.curve = 2.0 * z_loss
    for block in range((C + LANES - 1) // LANES):
        k = block * LANES
        row_terms(x, &of, problem, sample, y, k, &terms)
        for j in range(min(<Py_ssize_t>LANES, C - k)):
            hess[k + j] = <floating>(scale * focal_hess(&sums, terms.p[j], terms.q[j], terms.bend[j], k + j == best))


cdef inline const floating* block_of_target(
    const Problem* problem, const Strip* sample, Py_ssize_t y, Py_ssize_t k, Py_ssize_t n, floating* room
) noexcept nogil:
    """The target for n <= LANES classes from k on, where they are fewer followed by zeros."""
    cdef const floating* t = classes_of_target(problem, sample, y, k, n, room)
    cdef Py_ssize_t j
    if n == LANES:
        return t
    if t != room:
        for j in range(n):
            room[j] = t[j]
    for j in range(n, LANES):
        room[j] = <floating>0.0
    return room


cdef inline double general_focal_row(
    const floating* x,           # in   (C,), C >= LANES
    const Problem* problem,
    const Strip* sample,
    Py_ssize_t y,
    double scale,                # of the derivatives
    floating* slopes,            # room for C numbers
    floating* grad,              # out  (C,) may be x, may be NULL
) noexcept nogil:
    """The loss of a sample, and its gradient."""
    cdef floating shift[SHIFT]
    cdef floating exponentials[SUMS]
    cdef floating known[KNOWN]
    cdef floating sums[4 * LANES]
    cdef floating most[LANES]
    cdef double far_off[LANES]
    cdef floating room[LANES]
    cdef floating here[LANES]
    cdef floating slope[LANES]
    cdef floating e[LANES]
    cdef const floating* t
    cdef double top, ties, rest, s, spread, log_s, lse, loss, whole, own_slope, own_e = 0.0, factor, factor_low = 0.0
    cdef double gamma = gamma_of(problem, x[0]), z_loss = problem.option.z_loss, z_slope
    cdef Py_ssize_t block, j, k, n, own = -1, C = problem.C
    row_shift(x, C, shift)
    row_exp(x, C, shift, 0, <floating*>NULL, 0, exponentials)
    top = shift[TOP]
    ties = count_lanes(exponentials + TIES)
    rest = sum_lanes(exponentials + REST, exponentials + REST_LOW)
    s = ties * top + rest
    spread = (ties - 1.0) * top + rest
    log_s = scalar.log1p(spread / top)
    lse = shift[MAXIMUM] + log_s
    z_slope = 2.0 * z_loss * lse
    for j in range(LANES):
        known[S + j] = <floating>s
        known[SPREAD + j] = <floating>spread
        known[LOGARITHM + j] = <floating>log_s
    for j in range(4 * LANES):
        sums[j] = <floating>0.0
    for j in range(LANES):
        most[j] = <floating>0.0
        far_off[j] = 0.0
    for block in range((C + LANES - 1) // LANES):
        k = block * LANES
        n = min(<Py_ssize_t>LANES, C - k)
        t = block_of_target(problem, sample, y, k, n, room)
        if n == LANES and grad != NULL:
            focal_block(x + k, t, shift, known, gamma, grad + k, slopes + k, sums, most, far_off)
            continue
        for j in range(n):
            here[j] = x[k + j]
        for j in range(n, LANES):
            here[j] = shift[MAXIMUM]
        focal_block(<const floating*>here, t, shift, known, gamma, e, slope, sums, most, far_off)
        for j in range(n if grad != NULL else 0):
            grad[k + j] = e[j]
            slopes[k + j] = slope[j]
    loss = sum_lanes(sums, sums + 2 * LANES) + plain_sum(far_off)
    if grad != NULL:
        whole = sum_lanes(sums + LANES, sums + 3 * LANES)
        own_slope = most[0]
        for j in range(1, LANES):
            own_slope = most[j] if most[j] > own_slope else own_slope
        if own_slope > whole - own_slope:
            own = place_of(<const floating*>slopes, C, <floating>own_slope)
            own_e = grad[own]
        factor = scale / s
        if floating is double:
            factor_low = quotient_rest(factor, scale, s, sum_rest(s, top, ties, rest))
        row_subtract(
            grad, <const floating*>slopes, C, <floating>((whole + z_slope) * factor + (whole + z_slope) * factor_low),
            <floating>scale
        )
        if own >= 0:
            grad[own] = <floating>entry(
                own_e, top, own_slope, whole - own_slope, z_slope, spread, s, scale, factor, factor_low
            )
    return loss + (z_loss * lse * lse if z_loss != 0.0 else log_s - log_s)
