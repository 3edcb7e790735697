"""A block's samples, cut into strips that lie along one axis."""

from fastxent._kernels.problem cimport Strip


cdef inline Strip strip_at(Py_ssize_t start, Py_ssize_t stop, Py_ssize_t inner, Py_ssize_t width) noexcept nogil:
    """At most `width` samples from `start` on, counted along inner."""
    cdef Strip strip
    strip.o = start // inner
    strip.i = start % inner
    strip.n = min(width, min(inner - strip.i, stop - start))
    return strip
