# The plainest call without the Python layer: small, two-dimensional, C-contiguous, class indices, mean, no options.
#
# It only decides whether a call is that plain; any other, and any that must raise, goes the long way to the same bits.

import numpy

from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_IsContiguous, PyBuffer_Release, PyObject_GetBuffer
)
from cython cimport floating
from libc.string cimport memset

from fastxent._kernels.grid cimport ROWS, TRANSPOSED, Steps
from fastxent._kernels.operand cimport FLOAT32, FLOAT64, INT8, Kind, kind_of
from fastxent._kernels.panel cimport CLASSES
from fastxent._kernels.sums cimport LANES, WIDTH, add_losses, sum_lanes
from fastxent._kernels.target cimport Scaling, TargetView

cdef object ndarray = numpy.ndarray
cdef object empty_like = numpy.empty_like

cdef enum:
    ELEMENTS = 32768    # BLOCK in _layout.py: a call of one block is summed in one piece on both ways


cdef bint opened(object array, Py_buffer* buffer, int flags) except -1:
    """Open the buffer of an exact ndarray; False for everything else."""
    if type(array) is not ndarray:
        return False
    try:
        PyObject_GetBuffer(array, buffer, flags | PyBUF_FORMAT | PyBUF_STRIDES)
    except (BufferError, ValueError):
        return False
    return True


cdef bint apart(const Py_buffer* a, const Py_buffer* b) noexcept:
    """Whether two contiguous buffers share no byte."""
    return <char*>a.buf + a.len <= <char*>b.buf or <char*>b.buf + b.len <= <char*>a.buf


cdef bint plain_logits(const Py_buffer* x) noexcept:
    """A matrix of native float32 or float64, C-contiguous, of one block and not empty."""
    cdef int kind = kind_of(x.format, x.itemsize)
    cdef Py_ssize_t rows
    if (kind != FLOAT32 and kind != FLOAT64) or x.ndim != 2:
        return False
    if x.len == 0:
        return False
    rows = ELEMENTS // x.shape[1]
    if x.shape[0] > (rows // 128 * 128 if rows >= 128 else rows):
        return False
    return <size_t>x.buf % <size_t>x.itemsize == 0 and PyBuffer_IsContiguous(x, b"C")


cdef bint plain_labels(const Py_buffer* x, const Py_buffer* t) noexcept:
    """Contiguous native integers, one for each row."""
    return (
        t.ndim == 1 and t.shape[0] == x.shape[0] and kind_of(t.format, t.itemsize) >= INT8
        and <size_t>t.buf % <size_t>t.itemsize == 0 and PyBuffer_IsContiguous(t, b"C")
    )


cdef bint plain_output(const Py_buffer* x, const Py_buffer* t, const Py_buffer* g) noexcept:
    """Like the logits; the same memory, or memory apart from all inputs."""
    return (
        g.ndim == 2 and g.shape[0] == x.shape[0] and g.shape[1] == x.shape[1] and g.itemsize == x.itemsize
        and kind_of(g.format, g.itemsize) == kind_of(x.format, x.itemsize)
        and <size_t>g.buf % <size_t>g.itemsize == 0 and PyBuffer_IsContiguous(g, b"C")
        and (g.buf == x.buf or apart(x, g)) and apart(t, g)
    )


cdef bint in_range(const TargetView* target, Py_ssize_t n) noexcept nogil:
    """Whether every label is a class."""
    cdef Scaling scaling
    cdef int64_t y[LANES]
    cdef double weight[LANES]
    cdef Py_ssize_t strip, bad = 0
    memset(&scaling, 0, sizeof(scaling))
    for strip in range((n + LANES - 1) // LANES):
        bad += read_samples(target, &scaling, 0, strip * LANES, min(<Py_ssize_t>LANES, n - strip * LANES), y, weight)
    return bad == 0


cdef double quick_loss(
    const floating* x, floating* grad, Py_ssize_t n, Py_ssize_t C, const TargetView* target
) noexcept nogil:
    """The sum of the losses; the gradient is of their mean."""
    cdef Scaling scaling
    cdef Steps steps
    cdef Py_ssize_t way = TRANSPOSED if C <= CLASSES else ROWS, width = strip_width(way, C), strip, i, count
    cdef double values[WIDTH]
    cdef double high[LANES]
    cdef double low[LANES]
    memset(&scaling, 0, sizeof(scaling))
    memset(high, 0, sizeof(high))
    memset(low, 0, sizeof(low))
    scaling.grad_scale = 1.0 / n
    steps.outer = 0
    steps.inner = C
    steps.classes = 1
    for strip in range((n + width - 1) // width):
        i = strip * width
        count = min(width, n - i)
        softmax_strip(
            way, x + i * C, steps, target, &scaling, 0, i, count, 0.0,
            grad + i * C if grad != NULL else <floating*>NULL, steps, <floating*>NULL, steps, values
        )
        add_losses(values, count, <floating*>NULL, 0, high, low)
    return sum_lanes(high, low)


def quick_softmax(object logits, object target, object out, bint with_grad):
    """(mean loss, gradient or None) of a plain call; None where the call is not plain."""
    cdef Py_buffer x, t, g
    cdef TargetView view
    cdef double total
    cdef Py_ssize_t n
    if not opened(logits, &x, 0):
        return None
    try:
        if not plain_logits(&x) or not opened(target, &t, 0):
            return None
        try:
            if not plain_labels(&x, &t):
                return None
            n = x.shape[0]
            memset(&view, 0, sizeof(view))
            view.labels.data = <const char*>t.buf
            view.labels.inner = t.itemsize
            view.labels.kind = <Kind>kind_of(t.format, t.itemsize)
            view.keep = 1.0
            view.C = x.shape[1]
            if not in_range(&view, n):
                return None
            if not with_grad:
                if x.itemsize == 4:
                    return quick_loss(<const float*>x.buf, <float*>NULL, n, view.C, &view) / n, None
                return quick_loss(<const double*>x.buf, <double*>NULL, n, view.C, &view) / n, None
            if out is None:
                out = empty_like(logits)
            if not opened(out, &g, PyBUF_WRITABLE):
                return None
            try:
                if not plain_output(&x, &t, &g):
                    return None
                if x.itemsize == 4:
                    total = quick_loss(<const float*>x.buf, <float*>g.buf, n, view.C, &view)
                else:
                    total = quick_loss(<const double*>x.buf, <double*>g.buf, n, view.C, &view)
                return total / n, out
            finally:
                PyBuffer_Release(&g)
        finally:
            PyBuffer_Release(&t)
    finally:
        PyBuffer_Release(&x)
