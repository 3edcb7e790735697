"""An array of any native real dtype read where it lies: labels, weights, distributions."""

cimport cython
from cython cimport floating
from libc.stdint cimport int8_t, int16_t, int32_t, int64_t, uint8_t, uint16_t, uint32_t, uint64_t

from fastxent._kernels.sums cimport LANES


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


cdef inline int kind_of(const char* code, Py_ssize_t itemsize) noexcept:
    """The Kind for a format of the struct module; -1 for one that the kernels do not read."""
    cdef unsigned short one = 1
    cdef bint little = (<unsigned char*>&one)[0]
    # the native order may be spelled out: NumPy does so for ctypes arrays, as LightGBM hands over its labels
    if (little and code[0] == b"<") or (not little and code[0] == b">"):
        code += 1
    if code[0] == 0 or code[1] != 0:
        return -1
    if code[0] == b"f":
        return FLOAT32
    if code[0] == b"d":
        return FLOAT64
    if code[0] in b"bhilq":
        return INT8 if itemsize == 1 else INT16 if itemsize == 2 else INT32 if itemsize == 4 else INT64
    if code[0] in b"?BHILQ":
        return UINT8 if itemsize == 1 else UINT16 if itemsize == 2 else UINT32 if itemsize == 4 else UINT64
    return -1


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
    else:
        copy_float_labels(<const double*>p, stride, n, y)


cdef inline void times(const View* factor, Py_ssize_t o, Py_ssize_t i, Py_ssize_t n, double* values) noexcept nogil:
    """values[j] *= factor (o, i + j), where there is one."""
    cdef double factors[LANES]
    cdef Py_ssize_t j, start
    if factor.data == NULL:
        return
    for start in range((n + LANES - 1) // LANES):
        load(
            at(factor, o, i + start * LANES), factor.kind, factor.inner, min(<Py_ssize_t>LANES, n - start * LANES),
            factors
        )
        for j in range(min(<Py_ssize_t>LANES, n - start * LANES)):
            values[start * LANES + j] *= factors[j]
