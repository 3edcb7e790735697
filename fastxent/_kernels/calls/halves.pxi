# The bits of float32 numbers in two halves, of which one lies where a gradient of half precision is going to be.

def split(cnp.ndarray whole not None, cnp.ndarray first not None, cnp.ndarray rest not None):
    """Store numbers in two halves."""
    cdef Py_ssize_t i, n = check_halves(whole, first, rest)
    with nogil:
        for i in range(n):
            split_row(
                <const uint32_t*>first_of_row(whole, i), cnp.PyArray_DIM(whole, 1), first_of_row(first, i),
                cnp.PyArray_STRIDE(first, 1), <uint16_t*>first_of_row(rest, i)
            )


def add_joined(cnp.ndarray whole not None, cnp.ndarray first not None, cnp.ndarray rest not None):
    """Add to numbers those that are in two halves."""
    cdef Py_ssize_t i, n = check_halves(whole, first, rest)
    with nogil:
        for i in range(n):
            add_joined_row(
                <float*>first_of_row(whole, i), cnp.PyArray_DIM(whole, 1), first_of_row(first, i),
                cnp.PyArray_STRIDE(first, 1), <const uint16_t*>first_of_row(rest, i)
            )


cdef Py_ssize_t check_halves(cnp.ndarray whole, cnp.ndarray first, cnp.ndarray rest) except -1:
    """How many rows they have; raises unless they are float32, any two bytes at any steps, and uint16."""
    if (
        cnp.PyArray_NDIM(whole) != 2 or not same_shape(first, whole) or not same_shape(rest, whole)
        or kind_of(whole) != FLOAT32 or not cnp.PyArray_ISCARRAY(whole)
        or not is_half(kind_of(first)) or not cnp.PyArray_ISWRITEABLE(first)
        or kind_of(rest) != UINT16 or not cnp.PyArray_ISCARRAY(rest)
    ):
        raise ValueError("these are no numbers and their halves")
    return cnp.PyArray_DIM(whole, 0)


cdef inline char* first_of_row(cnp.ndarray array, Py_ssize_t i) noexcept nogil:
    return cnp.PyArray_BYTES(array) + i * cnp.PyArray_STRIDE(array, 0)


cdef void split_row(
    const uint32_t* bits, Py_ssize_t n, char* first, Py_ssize_t step, uint16_t* rest
) noexcept nogil:
    cdef uint16_t half
    cdef Py_ssize_t k
    for k in range(n):
        rest[k] = <uint16_t>bits[k]
    for k in range(n):
        half = <uint16_t>(bits[k] >> 16)
        memcpy(first + (k * 2 if step == 2 else k * step), &half, 2)   # which may lie at odd addresses


cdef void add_joined_row(
    float* x, Py_ssize_t n, const char* first, Py_ssize_t step, const uint16_t* rest
) noexcept nogil:
    cdef float before
    cdef uint32_t bits
    cdef uint16_t half
    cdef Py_ssize_t k
    for k in range(n):
        memcpy(&half, first + (k * 2 if step == 2 else k * step), 2)
        bits = <uint32_t>half << 16 | rest[k]
        memcpy(&before, &bits, 4)
        x[k] += before
