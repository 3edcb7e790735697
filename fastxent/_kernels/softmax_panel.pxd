"""Softmax cross entropy of a panel of samples side by side; softmax_terms.pxd has the formulas.

Here is what most calls need: one class of each sample, weighted or not; softmax_general.pxd has the rest.
"""

from cython cimport floating
from libc.stdint cimport int32_t, int64_t

from fastxent._kernels cimport scalar
from fastxent._kernels.focal_panel cimport finish_focal
from fastxent._kernels.focal_terms cimport Focusing
from fastxent._kernels.panel cimport (
    BOTTOM, MAGIC, MAXIMUM, ORIGIN, PANELS, REST, REST_LOW, SHIFT, SUMS, TIES, TOP, clear_dead, panel_exp, panel_max,
    panel_pick, scaled_panel, shift_by,
)
from fastxent._kernels.softmax_general cimport finish_general, panel_dot, panel_hess
from fastxent._kernels.sums cimport LANES, WIDTH
from fastxent._kernels.target cimport Scaling, TargetView, is_plain, own_shares, read_samples, read_scales


cdef inline void simple_losses(
    const floating* m,           # in   (LANES,)
    const floating* own_x,       # in   (LANES,)
    const floating* log_s,       # in   (LANES,)
    const double* own,           # in   (LANES,)
    const double* weight,        # in   (LANES,)
    double* losses,              # out  (LANES,)
) noexcept nogil:
    """The losses where t has one entry, and there is no z-loss."""
    cdef floating loss[LANES]
    cdef double v, product
    cdef Py_ssize_t j
    for j in range(LANES):
        loss[j] = (m[j] - own_x[j]) + log_s[j]
    for j in range(LANES):
        v = weight[j] * own[j]
        product = v * loss[j]
        losses[j] = product if v != 0 else 0.0


cdef inline void simple_factors(
    const floating* shift,       # in   (SHIFT,)
    const floating* sums,        # in   (SUMS,)
    const double* own,           # in   (LANES,)
    const double* scale,         # in   (LANES,)
    const floating* own_x,       # in   (LANES,)
    floating* factor,            # out  (LANES,)
    floating* own_grad,          # out  (LANES,)
) noexcept nogil:
    """What the exponentials are multiplied by, and the gradient at the label's class, where t has one entry."""
    cdef floating e, rest, spread, others
    cdef Py_ssize_t j
    for j in range(LANES):
        factor[j] = <floating>(
            own[j] * scale[j]
            / (<double>(sums[TIES + j] * shift[TOP + j]) + <double>(sums[REST + j] + sums[REST_LOW + j]))
        )
    for j in range(LANES):
        e = scalar.exp_scaled(own_x[j], shift[ORIGIN + j], shift[MAGIC + j], shift[BOTTOM + j])
        rest = sums[REST + j] + sums[REST_LOW + j]
        spread = (sums[TIES + j] - <floating>1.0) * shift[TOP + j] + rest
        others = sums[TIES + j] * shift[TOP + j] + rest - e
        others = spread if e == shift[TOP + j] else others
        own_grad[j] = -factor[j] * others


cdef inline void simple_hess(
    const floating* shift,       # in   (SHIFT,)
    const floating* sums,        # in   (SUMS,)
    const double* own,           # in   (LANES,)
    const double* scale,         # in   (LANES,)
    const floating* e,           # in   C x lanes, the exponentials
    Py_ssize_t step,
    Py_ssize_t C,
    Py_ssize_t lanes,
    floating* hess,              # out  C x lanes
    Py_ssize_t hess_step,
) noexcept nogil:
    """The Hessian diagonal where there is no z-loss: t e o / s^2."""
    cdef double a[LANES]
    cdef double b[LANES]
    cdef double spread[LANES]
    cdef double s[LANES]
    cdef double top, rest
    cdef Py_ssize_t j
    for j in range(LANES):
        top = shift[TOP + j]
        rest = <double>sums[REST + j] + <double>sums[REST_LOW + j]
        s[j] = <double>sums[TIES + j] * top + rest
        spread[j] = (<double>sums[TIES + j] - 1.0) * top + rest
        a[j] = own[j] * scale[j] / (s[j] * s[j])
        b[j] = 0.0
    panel_hess(e, step, C, lanes, shift + TOP, a, b, spread, s, hess, hess_step)


cdef inline Py_ssize_t softmax_panels(
    const floating* x,           # in   panels of C x LANES
    Py_ssize_t x_panel,          # from one panel to the next
    Py_ssize_t x_step,           # from one class to the next
    Py_ssize_t n_panels,         # at most PANELS
    Py_ssize_t lanes,            # used in a panel, LANES if there are several
    const TargetView* target,
    const Scaling* scaling,
    Py_ssize_t o,
    Py_ssize_t i,
    Py_ssize_t n,                # samples (o, i) ... (o, i + n - 1)
    double z_loss,
    const Focusing* focusing,    # in   of focal loss, for one class of each sample; NULL for cross entropy
    const floating* read_soon,     # n_panels times C x LANES numbers from here on will be read soon; may be NULL
    const floating* written_soon,  # and these will be written; may be NULL
    floating* grad,              # out  panels of C x LANES, may be x, may be NULL
    Py_ssize_t grad_panel,
    Py_ssize_t grad_step,
    floating* hess,              # out  panels of C x LANES, may be NULL
    Py_ssize_t hess_panel,
    Py_ssize_t hess_step,
    double* losses,              # out  (n,) v_i l_i; may be NULL where t has one entry, without z-loss or focusing
) noexcept nogil:
    """Returns how many labels are no class.

    Step by step for all panels, since one panel alone would have the processor wait for each step's result. What is one
    number a lane is computed for all LANES, used or not.
    """
    cdef int64_t y[WIDTH]
    cdef double weight[WIDTH]
    cdef double scale[WIDTH]
    cdef double own[WIDTH]
    cdef double others[WIDTH]
    cdef double total[WIDTH]
    cdef floating label[WIDTH]
    cdef floating own_x[WIDTH]
    cdef floating own_grad[WIDTH]
    cdef floating log_s[WIDTH]
    cdef floating factor[WIDTH]
    cdef floating shift[PANELS * SHIFT]
    cdef floating sums[PANELS * SUMS]
    cdef floating m[LANES]
    cdef const floating* soon_read = NULL
    cdef const floating* soon_written = NULL
    cdef floating* e = NULL
    cdef floating* part
    cdef Py_ssize_t c, first, j, C = target.C, width = n_panels * LANES
    cdef Py_ssize_t bad = read_samples(target, scaling, o, i, n, y, weight)
    cdef floating value
    cdef bint index = target.distribution.data == NULL
    cdef bint simple = focusing != NULL or (is_plain(target) and z_loss == 0.0)

    for j in range(n, width):
        y[j] = 0
        weight[j] = 0.0
    if index:
        own_shares(target, y, width, own, others)
        for c in range(n_panels):
            for j in range(LANES):
                label[c * LANES + j] = <floating><int32_t>y[c * LANES + j]
    else:
        for j in range(width):
            label[j] = -<floating>1.0
            own[j] = others[j] = 0.0

    for c in range(n_panels):
        first = c * LANES
        panel_max(x + c * x_panel, x_step, C, lanes, m)
        if index:
            panel_pick(x + c * x_panel, x_step, C, lanes, label + first, own_x + first)
        else:
            for j in range(LANES):
                own_x[first + j] = m[j]
        if not simple:
            panel_dot(
                x + c * x_panel, x_step, m, target, o, i + first, y + first, min(<Py_ssize_t>LANES, n - first),
                losses + first, total + first
            )
            if index:
                for j in range(LANES):
                    total[first + j] = own[first + j] + others[first + j]
        shift_by(m, shift + c * SHIFT)
        if read_soon != NULL:
            soon_read = read_soon + first * C
        if written_soon != NULL:
            soon_written = written_soon + first * C
        if grad != NULL:
            e = grad + c * grad_panel
        panel_exp(
            x + c * x_panel, x_step, C, lanes, shift + c * SHIFT, soon_read, soon_written, e, grad_step, sums + c * SUMS
        )

    for c in range(n_panels if losses != NULL else 0):
        part = sums + c * SUMS
        for j in range(LANES):
            value = (part[REST + j] + part[REST_LOW + j]) / shift[c * SHIFT + TOP + j]
            log_s[c * LANES + j] = scalar.log1p((part[TIES + j] - <floating>1.0) + value)
    if focusing != NULL:
        finish_focal(
            n_panels, lanes, C, scaling, o, i, n, z_loss, focusing, weight, own, label, own_x, log_s, shift, sums, grad,
            grad_panel, grad_step, hess, hess_panel, hess_step, losses
        )
        return bad
    if not simple:
        finish_general(
            n_panels, lanes, target, scaling, o, i, n, z_loss, y, weight, own, others, total, label, own_x, log_s,
            shift, sums, grad, grad_panel, grad_step, hess, hess_panel, hess_step, losses
        )
        return bad

    for c in range(n_panels if losses != NULL else 0):
        first = c * LANES
        simple_losses(
            shift + c * SHIFT + MAXIMUM, own_x + first, log_s + first, own + first, weight + first, losses + first
        )
    if grad == NULL:
        return bad
    read_scales(scaling, o, i, n, weight, scale)
    for j in range(n, width):
        scale[j] = 0.0
    for c in range(n_panels):
        first = c * LANES
        simple_factors(
            shift + c * SHIFT, sums + c * SUMS, own + first, scale + first, own_x + first, factor + first,
            own_grad + first
        )
    for c in range(n_panels):
        first = c * LANES
        if hess != NULL:
            simple_hess(
                shift + c * SHIFT, sums + c * SUMS, own + first, scale + first, grad + c * grad_panel, grad_step, C,
                lanes, hess + c * hess_panel, hess_step
            )
            clear_dead(weight + first, C, lanes, hess + c * hess_panel, hess_step)
        scaled_panel(label + first, factor + first, own_grad + first, C, lanes, grad + c * grad_panel, grad_step)
        clear_dead(weight + first, C, lanes, grad + c * grad_panel, grad_step)
    return bad
