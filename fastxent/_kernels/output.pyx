"""Derivatives written where they lie: of either float dtype, whatever they are computed in, and by a library's rule."""

cimport cython
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES, PyBUF_WRITABLE, PyBuffer_Release, PyObject_GetBuffer

from fastxent._kernels.operand cimport FLOAT32, FLOAT64, kind_of


@cython.final
cdef class Output:
    """Output(array, factor=1, floor=-inf): float32 or float64 (outer, inner, classes), kept alive.

    An element becomes max(factor * it, floor), in the dtype that it is computed in.
    """

    def __cinit__(self, array not None, double factor=1.0, double floor=-float("inf")):
        cdef int kind
        PyObject_GetBuffer(array, &self.buffer, PyBUF_FORMAT | PyBUF_STRIDES | PyBUF_WRITABLE)
        kind = kind_of(self.buffer.format, self.buffer.itemsize)
        if (kind != FLOAT32 and kind != FLOAT64) or self.buffer.ndim != 3:
            raise TypeError(f"kernels do not write arrays of format {self.buffer.format!r} and rank {self.buffer.ndim}")
        self.view.data = <char*>self.buffer.buf
        self.view.itemsize = self.buffer.itemsize
        self.view.step.outer = self.buffer.strides[0] // self.buffer.itemsize
        self.view.step.inner = self.buffer.strides[1] // self.buffer.itemsize
        self.view.step.classes = self.buffer.strides[2] // self.buffer.itemsize
        self.view.factor = factor
        self.view.floor = floor
        self.view.has_rule = factor != 1.0 or floor != -float("inf")

    def __dealloc__(self):
        PyBuffer_Release(&self.buffer)
