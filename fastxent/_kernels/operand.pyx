"""An array of any native real dtype read where it lies: labels, weights, distributions."""

cimport cython
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES, PyBuffer_Release, PyObject_GetBuffer


@cython.final
cdef class Operand:
    """Operand(array): a view of an array of shape (outer, inner) or (outer, inner, classes), which it keeps alive.

    The kernels convert the elements as they read them, so that no dtype needs a copy of the whole.
    """

    def __cinit__(self, array not None):
        cdef int kind
        PyObject_GetBuffer(array, &self.buffer, PyBUF_FORMAT | PyBUF_STRIDES)
        kind = kind_of(self.buffer.format, self.buffer.itemsize)
        if kind < 0:
            raise TypeError(f"kernels do not read arrays of format {self.buffer.format!r}")
        self.view.kind = <Kind>kind
        self.view.data = <const char*>self.buffer.buf
        self.view.outer = self.buffer.strides[0]
        self.view.inner = self.buffer.strides[1]
        self.view.classes = self.buffer.strides[2] if self.buffer.ndim == 3 else 0

    def __dealloc__(self):
        PyBuffer_Release(&self.buffer)
