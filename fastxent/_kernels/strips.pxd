"""A block's samples, cut into strips that lie along one axis; a strip's, cut into panels."""

from fastxent._kernels.problem cimport Strip
from fastxent._kernels.ways cimport LANES


cdef inline Strip strip_at(Py_ssize_t start, Py_ssize_t stop, Py_ssize_t inner, Py_ssize_t width) noexcept nogil:
    """At most `width` samples from `start` on, counted along inner."""
    cdef Strip strip
    strip.o = start // inner
    strip.i = start % inner
    strip.n = min(width, min(inner - strip.i, stop - start))
    return strip


cdef inline Strip part_of(const Strip* strip, Py_ssize_t first) noexcept nogil:
    """The panel of a strip that begins with its sample `first`."""
    cdef Strip part
    part.o = strip.o
    part.i = strip.i + first
    part.n = min(<Py_ssize_t>LANES, strip.n - first)
    return part
