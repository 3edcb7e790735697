"""Focal loss of one sample with any target: LANES classes side by side; general.pxd has the formulas."""

from cython cimport floating

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.arithmetic.panel cimport MAXIMUM, SHIFT, SUMS, TOP
from fastxent._kernels.arithmetic.row cimport row_exp, row_shift, row_sums
from fastxent._kernels.arithmetic.sums cimport plain_sum, sum_lanes
from fastxent._kernels.arrays.soon cimport nothing_soon, soon_behind
from fastxent._kernels.focal.general cimport (
    CURVES, FOUND, H_SUM, KNOWN, LACK, LOGARITHM, LOSS_SUM, MOST, PEAK, SLOPE_SUM, focal_block, focal_hess, set_curves,
    set_known,
)
from fastxent._kernels.problem cimport Problem, Strip
from fastxent._kernels.softmax.row cimport place_of, row_subtract
from fastxent._kernels.softmax.terms cimport entry, quotient_rest, sum_rest
from fastxent._kernels.target cimport classes_of_target
from fastxent._kernels.ways cimport LANES


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


cdef inline void row_curves(
    floating* found,             # in   (FOUND,), used up
    double scale, double slope, double s, double spread, double z_loss,
    floating* curves,            # out  (CURVES,) the same in every lane
) noexcept nogil:
    cdef double peak = 0.0, h = sum_lanes(found + H_SUM, found + LACK + H_SUM)
    cdef Py_ssize_t j
    for j in range(LANES):       # one is not 0, at most
        peak += found[PEAK + j]
    for j in range(LANES):
        set_curves(j, scale, slope, h, peak, s, spread, z_loss, curves)


cdef inline void focal_row_hess(
    const floating* e, const floating* shift, const floating* known, const floating* curves, Py_ssize_t C,
    floating* hess               # out  (C,) holds t_k bend_k
) noexcept nogil:
    """What is left over behind the last whole block is copied into one."""
    cdef floating last[LANES]
    cdef floating bend[LANES]
    cdef Py_ssize_t block, j, k = C // LANES * LANES
    for block in range(C // LANES):
        focal_hess(e + block * LANES, shift, known, curves, hess + block * LANES)
    if k < C:
        for j in range(LANES):
            last[j] = bend[j] = <floating>0.0
        for j in range(C - k):
            last[j] = e[k + j]
            bend[j] = hess[k + j]
        focal_hess(<const floating*>last, shift, known, curves, bend)
        for j in range(C - k):
            hess[k + j] = bend[j]


cdef inline double general_focal_row(
    const floating* x,           # in   (C,), C >= LANES
    const Problem* problem,
    const Strip* sample,
    Py_ssize_t y,
    double scale,                # of the derivatives
    floating* slopes,            # room for C numbers
    floating* grad,              # out  (C,) may be x, may be NULL
    floating* hess,              # out  (C,) may be x, may be NULL
) noexcept nogil:
    """The loss of a sample, and its gradient."""
    cdef floating shift[SHIFT]
    cdef floating exponentials[SUMS]
    cdef floating known[KNOWN]
    cdef floating found[FOUND]
    cdef floating curves[CURVES]
    cdef double far_off[LANES]
    cdef floating room[LANES]
    cdef floating here[LANES]
    cdef floating slope[LANES]
    cdef floating e[LANES]
    cdef floating bend[LANES]
    cdef floating* last_bend = NULL
    cdef const floating* t
    cdef double top, ties, rest, s, spread, log_s, lse, loss, whole, own_slope, own_e = 0.0, factor, factor_low = 0.0
    cdef double gamma = problem.option.gamma, z_loss = problem.option.z_loss, z_slope
    cdef Py_ssize_t block, j, k, n, own = -1, C = problem.C
    if hess != NULL:
        last_bend = bend
    row_shift(x, C, shift)
    row_exp(x, C, shift, soon_behind(x, 0), <floating*>NULL, nothing_soon(), exponentials)
    top = shift[TOP]
    row_sums(<const floating*>exponentials, &ties, &rest)
    s = ties * top + rest
    spread = (ties - 1.0) * top + rest
    log_s = scalar.log1p(spread / top)
    lse = shift[MAXIMUM] + log_s
    z_slope = 2.0 * z_loss * lse
    for j in range(LANES):
        set_known(j, s, spread, ties, shift[TOP], <floating>log_s, known)
        far_off[j] = 0.0
    for j in range(FOUND):
        found[j] = <floating>0.0
    for block in range((C + LANES - 1) // LANES):
        k = block * LANES
        n = min(<Py_ssize_t>LANES, C - k)
        t = block_of_target(problem, sample, y, k, n, room)
        if n == LANES and grad != NULL:
            focal_block(
                x + k, t, shift, known, gamma, grad + k, slopes + k, hess + k if hess != NULL else <floating*>NULL,
                found, far_off
            )
            continue
        for j in range(n):
            here[j] = x[k + j]
        for j in range(n, LANES):
            here[j] = shift[MAXIMUM]
        focal_block(<const floating*>here, t, shift, known, gamma, e, slope, last_bend, found, far_off)
        for j in range(n if grad != NULL else 0):
            grad[k + j] = e[j]
            slopes[k + j] = slope[j]
        for j in range(n if hess != NULL else 0):
            hess[k + j] = bend[j]
    loss = sum_lanes(found + LOSS_SUM, found + LACK + LOSS_SUM) + plain_sum(far_off)
    if grad != NULL:
        whole = sum_lanes(found + SLOPE_SUM, found + LACK + SLOPE_SUM)
        own_slope = found[MOST]
        for j in range(1, LANES):
            own_slope = found[MOST + j] if found[MOST + j] > own_slope else own_slope
        if own_slope > whole - own_slope:
            own = place_of(<const floating*>slopes, C, <floating>own_slope)
            own_e = grad[own]
        if hess != NULL:
            row_curves(&found[0], scale, whole + z_slope, s, spread, z_loss, curves)
            focal_row_hess(grad, shift, known, curves, C, hess)
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
