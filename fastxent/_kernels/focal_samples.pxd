"""Focal loss of samples with any targets, by rows or by panels, whichever leaves fewer lanes empty."""

from cython cimport floating
from libc.stdint cimport int64_t

from fastxent._kernels.focal_general_panel cimport focal_panel
from fastxent._kernels.focal_general_row cimport focal_row
from fastxent._kernels.grid cimport Steps
from fastxent._kernels.sums cimport LANES, WIDTH
from fastxent._kernels.target cimport Scaling, TargetView, read_samples, read_scales


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
    cdef Py_ssize_t group, j, k, C = target.C, bad = read_samples(target, scaling, o, i, n, y, weight)
    cdef bint rows = n * ((C + LANES - 1) // LANES) < C * ((n + LANES - 1) // LANES)
    read_scales(scaling, o, i, n, weight, scale)
    for group in range(n if rows else (n + LANES - 1) // LANES):
        j = group if rows else group * LANES
        if grad != NULL:
            g = grad + j * grad_step.inner
        if hess != NULL:
            h = hess + j * hess_step.inner
        if rows:
            losses[j] = focal_row(
                x + j * x_step.inner, x_step.classes, target, o, i + j, y[j], z_loss, gamma, scale[j], g,
                grad_step.classes, h, hess_step.classes
            )
        else:
            focal_panel(
                x + j * x_step.inner, x_step, target, o, i + j, y + j, min(<Py_ssize_t>LANES, n - j), z_loss, gamma,
                scale + j, g, grad_step, h, hess_step, losses + j
            )
    for j in range(n):
        losses[j] = weight[j] * losses[j] if weight[j] != 0 else 0.0
        if weight[j] == 0 and grad != NULL:
            for k in range(C):
                grad[j * grad_step.inner + k * grad_step.classes] = <floating>0.0
                if hess != NULL:
                    hess[j * hess_step.inner + k * hess_step.classes] = <floating>0.0
    return bad
