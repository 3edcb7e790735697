# The plainest call without the Python layer: two-dimensional, C-contiguous, class indices, mean, no options.
#
# It only decides whether a call is that plain; any other, and any that must raise, goes the long way to the same bits.

import math

import numpy

from cpython.buffer cimport (
    PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_IsContiguous, PyBuffer_Release, PyObject_GetBuffer
)
from cython cimport floating
from libc.stdint cimport int64_t
from libc.string cimport memset

from fastxent._kernels.grid cimport ROWS, TRANSPOSED, Steps
from fastxent._kernels.operand cimport FLOAT32, FLOAT64, INT8, Kind, kind_of
from fastxent._kernels.output cimport OutputView, plain_output_of
from fastxent._kernels.sums cimport LANES, WIDTH, add_losses, sum_lanes
from fastxent._kernels.target cimport Scaling, TargetView, bad_labels
from fastxent._kernels.transpose cimport PANEL_BYTES

cdef object ndarray = numpy.ndarray
cdef object empty_like = numpy.empty_like

cdef object fsum = math.fsum

cdef enum:
    ELEMENTS = 32768       # BLOCK in _layout.py: both ways add up the same blocks
    SMALL_BYTES = 256      # as there
    QUICK_BLOCKS = 11      # with more of them, threads may help (BLOCKS_EACH in _threads.py)


cdef Py_ssize_t rows_of_block(Py_ssize_t C) noexcept:
    """As many rows as _layout.call puts into a block."""
    cdef Py_ssize_t rows = max(<Py_ssize_t>1, ELEMENTS // C)
    return rows // 128 * 128 if rows >= 128 else rows


cdef Py_ssize_t way_of(Py_ssize_t n, Py_ssize_t size, bint with_hess) noexcept nogil:
    """The way of n samples of so many bytes: _layout.transposes."""
    return TRANSPOSED if size * (1 + with_hess) <= PANEL_BYTES and (size <= SMALL_BYTES or n >= LANES) else ROWS


cdef object block_total(list sums):
    """The blocks' sums, added as _layout.total adds them."""
    try:
        return fsum(sums)
    except (OverflowError, ValueError):  # inf - inf, or finite sums that overflow
        return sum(sums)


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
    """A matrix of native float32 or float64, C-contiguous and not empty."""
    cdef int kind = kind_of(x.format, x.itemsize)
    if (kind != FLOAT32 and kind != FLOAT64) or x.ndim != 2:
        return False
    if x.len == 0:
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
    cdef int64_t y[WIDTH]
    cdef Py_ssize_t strip
    for strip in range((n + WIDTH - 1) // WIDTH):
        if bad_labels(target, 0, strip * WIDTH, min(<Py_ssize_t>WIDTH, n - strip * WIDTH), y) > 0:
            return False
    return True


cdef double quick_loss(
    Py_ssize_t way, const floating* x, Py_ssize_t n, Py_ssize_t start, const TargetView* target,
    const Scaling* scaling, double z_loss, floating* losses, floating* grad, floating* hess
) noexcept nogil:
    """The sum of the losses of n rows from `start` on; the rows' losses and derivatives where they are asked for."""
    cdef Steps steps
    cdef Py_ssize_t C = target.C, width = strip_width(way, C), strip, i, count
    cdef double values[WIDTH]
    cdef double high[LANES]
    cdef double low[LANES]
    cdef OutputView g = plain_output_of(grad, sizeof(floating), C, 1), h = plain_output_of(hess, sizeof(floating), C, 1)
    memset(high, 0, sizeof(high))
    memset(low, 0, sizeof(low))
    steps.outer = 0
    steps.inner = C
    steps.classes = 1
    for strip in range((n + width - 1) // width):
        i = start + strip * width
        count = min(width, start + n - i)
        softmax_strip(
            way, x + i * C, steps, target, scaling, 0, i, count, z_loss, NULL, &g, &h, values
        )
        add_losses(values, count, losses + i if losses != NULL else <floating*>NULL, 1, high, low)
    return sum_lanes(high, low)


cdef double quick_sum(
    const Py_buffer* x, const TargetView* target, const Scaling* scaling, double z_loss, void* losses, void* grad,
    void* hess
) except? -1.0:
    """The sum of the losses, block by block like the long way."""
    cdef double sums[QUICK_BLOCKS]
    cdef Py_ssize_t number, n = x.shape[0], rows = rows_of_block(x.shape[1]), n_blocks = (n + rows - 1) // rows, count
    cdef Py_ssize_t way = way_of(n, x.shape[1] * x.itemsize, hess != NULL)
    with nogil:
        for number in range(n_blocks):
            count = min(rows, n - number * rows)
            if x.itemsize == 4:
                sums[number] = quick_loss(
                    way, <const float*>x.buf, count, number * rows, target, scaling, z_loss, <float*>losses,
                    <float*>grad, <float*>hess
                )
            else:
                sums[number] = quick_loss(
                    way, <const double*>x.buf, count, number * rows, target, scaling, z_loss, <double*>losses,
                    <double*>grad, <double*>hess
                )
    if n_blocks == 1:
        return sums[0]
    return block_total([sums[number] for number in range(n_blocks)])


def quick_softmax(object logits, object target, object out, bint with_grad, object n_threads, object large):
    """(mean loss, gradient or None) of a plain call; None where the call is not plain.

    A call of so many blocks that threads may help is left to ``large(logits, target, out, rows, n_threads)``: the sum
    of the losses, from blocks of so many rows.
    """
    cdef Py_buffer x, t, g
    cdef TargetView view
    cdef Scaling scaling
    cdef Py_ssize_t rows
    if not opened(logits, &x, 0):
        return None
    try:
        if not plain_logits(&x) or not opened(target, &t, 0):
            return None
        try:
            if not plain_labels(&x, &t):
                return None
            memset(&view, 0, sizeof(view))
            view.labels.data = <const char*>t.buf
            view.labels.inner = t.itemsize
            view.labels.kind = <Kind>kind_of(t.format, t.itemsize)
            view.keep = 1.0
            view.C = x.shape[1]
            if not in_range(&view, x.shape[0]):
                return None
            memset(&scaling, 0, sizeof(scaling))
            scaling.grad_scale = 1.0 / x.shape[0]
            rows = rows_of_block(x.shape[1])
            if not with_grad:
                if x.shape[0] > rows * QUICK_BLOCKS:
                    return large(logits, target, None, rows, n_threads) / x.shape[0], None
                return quick_sum(&x, &view, &scaling, 0.0, NULL, NULL, NULL) / x.shape[0], None
            if out is None:
                out = empty_like(logits)
            if not opened(out, &g, PyBUF_WRITABLE):
                return None
            try:
                if not plain_output(&x, &t, &g):
                    return None
                if x.shape[0] > rows * QUICK_BLOCKS:
                    return large(logits, target, out, rows, n_threads) / x.shape[0], out
                return quick_sum(&x, &view, &scaling, 0.0, NULL, g.buf, NULL) / x.shape[0], out
            finally:
                PyBuffer_Release(&g)
        finally:
            PyBuffer_Release(&t)
    finally:
        PyBuffer_Release(&x)
