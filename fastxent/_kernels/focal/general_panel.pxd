"""Focal loss of samples with any targets, side by side, one lane each; general.pxd has the formulas."""

from cython cimport floating

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.arithmetic.lanes cimport Lanes
from fastxent._kernels.arithmetic.panel cimport (
    MAXIMUM, REST, REST_LOW, SHIFT, SUMS, TIES, TOP, panel_exp, panel_max, shift_by,
)
from fastxent._kernels.arithmetic.sums cimport total_of
from fastxent._kernels.arrays.soon cimport Soon, nothing_soon
from fastxent._kernels.focal.general cimport (
    CURVES, FOUND, H_SUM, KNOWN, LACK, LOGARITHM, LOSS_SUM, MOST, PEAK, SLOPE_SUM, focal_block, focal_hess, set_curves,
    set_known,
)
from fastxent._kernels.problem cimport GRAD, Problem, Strip, has
from fastxent._kernels.softmax.general_panel cimport panel_largest, target_panel
from fastxent._kernels.softmax.terms cimport entry, quotient_rest, sum_rest
from fastxent._kernels.target cimport is_index, panel_of_target, target_by_groups, targets_soon
from fastxent._kernels.ways cimport LANES


cdef inline void general_focal_panel(
    floating* x,                 # in   C x LANES, the logits; out the gradient, if it is wanted
    const Problem* problem,
    const Strip* part,           # a strip of at most LANES samples, from its strip's sample `first` on
    const Lanes* lanes,
    Py_ssize_t first,
    floating* hess,              # out  C x LANES, if it is wanted; else NULL
    floating* slopes,            # whole_groups(C) x LANES numbers of room
    double* losses,              # out  (LANES,)
) noexcept nogil:
    cdef floating shift[SHIFT]
    cdef floating exponentials[SUMS]
    cdef floating known[KNOWN]
    cdef floating found[FOUND]
    cdef floating curves[CURVES]
    cdef floating m[LANES]
    cdef floating log_s[LANES]
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
    cdef Soon next
    cdef double quotient, low = 0.0, lse, rest, v, gamma = problem.option.gamma, z_loss = problem.option.z_loss
    cdef Py_ssize_t j, k, C = problem.C
    panel_max(<const floating*>x, C, m)
    shift_by(<const floating*>m, shift)
    next = targets_soon(problem, part, x)
    panel_exp(<const floating*>x, C, shift, next, nothing_soon(), <floating*>NULL, exponentials)
    if is_index(problem):
        target_by_groups(problem, part, lanes.y + first, slopes)
    else:
        panel_of_target(problem, part, lanes.y + first, slopes)
    for j in range(LANES):
        rest = <double>exponentials[REST + j] + <double>exponentials[REST_LOW + j]
        s[j] = <double>exponentials[TIES + j] * shift[TOP + j] + rest
        spread[j] = (<double>exponentials[TIES + j] - 1.0) * shift[TOP + j] + rest
    for j in range(LANES):
        log_s[j] = scalar.log1p(<floating>spread[j] / shift[TOP + j])
    for j in range(LANES):
        set_known(j, s[j], spread[j], exponentials[TIES + j], shift[TOP + j], log_s[j], known)
        far_off[j] = 0.0
    for j in range(FOUND):
        found[j] = <floating>0.0
    for k in range(C):
        focal_block(
            x + k * LANES, slopes + k * LANES, shift, known, gamma, x + k * LANES, slopes + k * LANES,
            hess + k * LANES if hess != NULL else <floating*>NULL, found, far_off
        )
    for j in range(LANES):
        lse = <double>shift[MAXIMUM + j] + known[LOGARITHM + j]
        z_slope[j] = 2.0 * z_loss * lse
        rest = known[LOGARITHM + j] - known[LOGARITHM + j]    # nan in a row that is nan
        rest = z_loss * lse * lse if z_loss != 0.0 else rest
        losses[j] = total_of(<double>found[LOSS_SUM + j], <double>found[LACK + LOSS_SUM + j]) + far_off[j] + rest
    if not has(problem, GRAD):
        return
    for j in range(LANES):
        whole[j] = total_of(<double>found[SLOPE_SUM + j], <double>found[LACK + SLOPE_SUM + j])
        largest[j] = found[MOST + j]
        others[j] = whole[j] - largest[j]
        label[j] = -<floating>1.0
        own_e[j] = <floating>0.0
    if hess != NULL:
        for j in range(LANES):
            rest = total_of(<double>found[H_SUM + j], <double>found[LACK + H_SUM + j])
            set_curves(
                j, lanes.scale[first + j], whole[j] + z_slope[j], rest, found[PEAK + j], s[j], spread[j], z_loss, curves
            )
        for k in range(C):
            focal_hess(x + k * LANES, shift, known, curves, hess + k * LANES)
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
