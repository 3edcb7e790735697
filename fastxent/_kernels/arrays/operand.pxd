"""Reading numbers of any native real dtype where they lie: labels, weights, distributions."""

from cython cimport floating
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastxent._kernels.problem cimport (
    BOOL, FLOAT32, FLOAT64, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64, Kind, Strip, View, at,
)
from fastxent._kernels.ways cimport LANES


ctypedef fused Element:
    float
    double
    int8_t
    int16_t
    int32_t
    int64_t
    uint8_t
    uint16_t
    uint32_t
    uint64_t


cdef inline void copy_strided(
    const Element* first, Py_ssize_t stride, Py_ssize_t n, floating* out
) noexcept nogil:
    """out[j] = the element `j * stride` bytes after the first."""
    cdef Py_ssize_t j
    if stride == <Py_ssize_t>sizeof(Element):
        for j in range(n):
            out[j] = <floating>first[j]
        return
    if Element is float or Element is double:
        if stride == 2 * <Py_ssize_t>sizeof(Element):    # as vectors; a part of complex numbers lies like this
            for j in range(n):
                out[j] = <floating>first[2 * j]
            return
    for j in range(n):
        out[j] = <floating>(<const Element*>(<const char*>first + j * stride))[0]


cdef inline void copy_truth(const char* first, Py_ssize_t stride, Py_ssize_t n, floating* out) noexcept nogil:
    """out[j] = 1 where the byte `j * stride` bytes after the first is not 0, as NumPy reads bool."""
    cdef Py_ssize_t j
    for j in range(n):
        out[j] = <floating>(first[j * stride] != 0)


cdef inline void load(const char* p, Kind kind, Py_ssize_t stride, Py_ssize_t n, floating* out) noexcept nogil:
    """n elements, `stride` bytes apart, converted."""
    if kind == FLOAT32:
        copy_strided(<const float*>p, stride, n, out)
    elif kind == FLOAT64:
        copy_strided(<const double*>p, stride, n, out)
    elif kind == INT64:
        copy_strided(<const int64_t*>p, stride, n, out)
    elif kind == INT32:
        copy_strided(<const int32_t*>p, stride, n, out)
    elif kind == INT16:
        copy_strided(<const int16_t*>p, stride, n, out)
    elif kind == INT8:
        copy_strided(<const int8_t*>p, stride, n, out)
    elif kind == UINT8:
        copy_strided(<const uint8_t*>p, stride, n, out)
    elif kind == UINT16:
        copy_strided(<const uint16_t*>p, stride, n, out)
    elif kind == UINT32:
        copy_strided(<const uint32_t*>p, stride, n, out)
    elif kind == UINT64:
        copy_strided(<const uint64_t*>p, stride, n, out)
    else:
        copy_truth(p, stride, n, out)


cdef inline void copy_labels(const Element* first, Py_ssize_t stride, Py_ssize_t n, int64_t* y) noexcept nogil:
    """y[j] = the integer `j * stride` bytes after the first; from 2^63 on it comes out negative, which no label is."""
    cdef Py_ssize_t j
    if stride == <Py_ssize_t>sizeof(Element):
        for j in range(n):
            y[j] = <int64_t>first[j]
    else:
        for j in range(n):
            y[j] = <int64_t>(<const Element*>(<const char*>first + j * stride))[0]


cdef inline void copy_float_labels(const floating* first, Py_ssize_t stride, Py_ssize_t n, int64_t* y) noexcept nogil:
    """y[j] = the integer that the float is; -2^63, which no label is, for a fraction, nan, and from 2^63 on."""
    cdef Py_ssize_t j
    cdef double x, limit = 9223372036854775808.0
    cdef int64_t whole, none = <int64_t>-limit
    for j in range(n):
        x = (<const floating*>(<const char*>first + j * stride))[0]
        whole = <int64_t>(x if -limit < x < limit else 0.0)
        y[j] = whole if <double>whole == x else none


cdef inline void load_labels(const char* p, Kind kind, Py_ssize_t stride, Py_ssize_t n, int64_t* y) noexcept nogil:
    """n class indices, `stride` bytes apart."""
    cdef Py_ssize_t j
    if kind == INT64 or kind == UINT64:
        copy_labels(<const int64_t*>p, stride, n, y)
    elif kind == INT32:
        copy_labels(<const int32_t*>p, stride, n, y)
    elif kind == INT16:
        copy_labels(<const int16_t*>p, stride, n, y)
    elif kind == INT8:
        copy_labels(<const int8_t*>p, stride, n, y)
    elif kind == UINT8:
        copy_labels(<const uint8_t*>p, stride, n, y)
    elif kind == UINT16:
        copy_labels(<const uint16_t*>p, stride, n, y)
    elif kind == UINT32:
        copy_labels(<const uint32_t*>p, stride, n, y)
    elif kind == FLOAT32:
        copy_float_labels(<const float*>p, stride, n, y)
    elif kind == BOOL:
        for j in range(n):
            y[j] = p[j * stride] != 0
    else:
        copy_float_labels(<const double*>p, stride, n, y)


cdef inline void times(const View* factor, const Strip* strip, double* values) noexcept nogil:
    """values[j] *= the factor of the strip's sample j, where there is one."""
    cdef double factors[LANES]
    cdef Py_ssize_t block, j, start, n
    if factor.data == NULL:
        return
    for block in range((strip.n + LANES - 1) // LANES):
        start = block * LANES
        n = min(<Py_ssize_t>LANES, strip.n - start)
        load(at(factor, strip.o, strip.i + start), factor.kind, factor.inner, n, factors)
        for j in range(n):
            values[start + j] *= factors[j]
