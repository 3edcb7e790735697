"""Where the samples are: the (outer, inner) grid, the fixed blocks that threads draw, the steps between elements."""

from cython cimport floating

cdef enum Way:
    ROWS              # classes contiguous, one sample at a time
    PANEL             # samples contiguous, many side by side
    TRANSPOSED        # few classes, any strides: copied into a panel


cdef struct Steps:    # in elements
    Py_ssize_t outer
    Py_ssize_t inner
    Py_ssize_t classes


cdef struct Block:    # samples (o, i) with outer <= o < outer_stop, inner <= i < inner_stop
    Py_ssize_t outer
    Py_ssize_t outer_stop
    Py_ssize_t inner
    Py_ssize_t inner_stop


cdef inline Block block_at(
    Py_ssize_t number, Py_ssize_t outer, Py_ssize_t inner, Py_ssize_t block_outer, Py_ssize_t block_inner
) noexcept nogil:
    """Block `number` of the grid, counted along inner first."""
    cdef Block block
    cdef Py_ssize_t per_outer = (inner + block_inner - 1) // block_inner
    block.outer = number // per_outer * block_outer
    block.outer_stop = min(block.outer + block_outer, outer)
    block.inner = number % per_outer * block_inner
    block.inner_stop = min(block.inner + block_inner, inner)
    return block


cdef inline Steps steps_of(const floating[:, :, :] array) noexcept:
    """Distances between neighbours; 0 for None."""
    cdef Steps steps
    steps.outer = steps.inner = steps.classes = 0
    if array is not None:
        steps.outer = array.strides[0] // <Py_ssize_t>sizeof(floating)
        steps.inner = array.strides[1] // <Py_ssize_t>sizeof(floating)
        steps.classes = array.strides[2] // <Py_ssize_t>sizeof(floating)
    return steps


cdef inline floating* start_of(const floating[:, :, :] array) noexcept:
    """The first element; NULL for None."""
    return NULL if array is None else <floating*>&array[0, 0, 0]


cdef inline floating* moved(floating* start, Steps steps, Py_ssize_t o, Py_ssize_t i) noexcept nogil:
    """The address of sample (o, i); NULL stays NULL."""
    return NULL if start == NULL else start + o * steps.outer + i * steps.inner
