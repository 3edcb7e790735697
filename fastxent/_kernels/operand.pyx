"""An array of any native real dtype read where it lies: labels, weights, distributions."""

cimport cython
from cpython.buffer cimport PyBUF_FORMAT, PyBUF_STRIDES, PyBuffer_Release, PyObject_GetBuffer

cdef dict KINDS = {
    (b"f", 4): FLOAT32, (b"f", 8): FLOAT64,
    (b"i", 1): INT8, (b"i", 2): INT16, (b"i", 4): INT32, (b"i", 8): INT64,
    (b"u", 1): UINT8, (b"u", 2): UINT16, (b"u", 4): UINT32, (b"u", 8): UINT64,
}


@cython.final
cdef class Operand:
    """Operand(array): a view of an array of shape (outer, inner) or (outer, inner, classes), which it keeps alive.

    The kernels convert the elements as they read them, so that no dtype needs a copy of the whole.
    """

    def __cinit__(self, array not None):
        PyObject_GetBuffer(array, &self.buffer, PyBUF_FORMAT | PyBUF_STRIDES)
        self.view.data = <const char*>self.buffer.buf
        self.view.kind = KINDS[family(self.buffer.format[0]), self.buffer.itemsize]
        self.view.outer = self.buffer.strides[0]
        self.view.inner = self.buffer.strides[1]
        self.view.classes = self.buffer.strides[2] if self.buffer.ndim == 3 else 0

    def __dealloc__(self):
        PyBuffer_Release(&self.buffer)


cdef bytes family(char code):
    """Which family of numbers a format character of the struct module belongs to."""
    if code in b"fd":
        return b"f"
    return b"i" if code in b"bhilq" else b"u"
