"""An array of any native real dtype read where it lies: labels, weights, distributions."""

cimport cython
from cython cimport floating
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t


cdef enum Kind:
    FLOAT32, FLOAT64, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64


cdef struct View:
    const char* data     # NULL: there is no such operand
    Py_ssize_t outer     # strides in bytes; 0 repeats
    Py_ssize_t inner
    Py_ssize_t classes
    Kind kind


@cython.final
cdef class Operand:
    cdef Py_buffer buffer
    cdef View view


cdef inline View view_of(Operand operand) noexcept:
    """The operand's view; one without data for None."""
    cdef View nothing
    if operand is None:
        nothing.data = NULL
        nothing.outer = nothing.inner = nothing.classes = 0
        nothing.kind = FLOAT64
        return nothing
    return operand.view


cdef inline const char* at(const View* view, Py_ssize_t o, Py_ssize_t i) noexcept nogil:
    """Address of element (o, i), or of its first class."""
    return view.data + o * view.outer + i * view.inner


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
    else:
        for j in range(n):
            out[j] = <floating>(<const Element*>(<const char*>first + j * stride))[0]


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
    else:
        copy_strided(<const uint64_t*>p, stride, n, out)


cdef inline int64_t load_label(const char* p, Kind kind) noexcept nogil:
    """One integer; from 2^63 on it comes back negative, which no label is."""
    if kind == INT64 or kind == UINT64:
        return (<const int64_t*>p)[0]
    if kind == INT32:
        return (<const int32_t*>p)[0]
    if kind == UINT8:
        return (<const uint8_t*>p)[0]
    if kind == INT8:
        return (<const int8_t*>p)[0]
    if kind == INT16:
        return (<const int16_t*>p)[0]
    if kind == UINT16:
        return (<const uint16_t*>p)[0]
    return (<const uint32_t*>p)[0]


cdef inline double load_weight(const View* view, Py_ssize_t o, Py_ssize_t i) noexcept nogil:
    """One weight; 1 where there are none."""
    cdef double weight = 1.0
    if view.data != NULL:
        load(at(view, o, i), view.kind, 0, 1, &weight)
    return weight
