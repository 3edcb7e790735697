"""Derivatives written where they lie: of either float dtype, whatever they are computed in, and by a library's rule."""

cimport cython
from cython cimport floating

from fastxent._kernels.grid cimport Steps
from fastxent._kernels.sums cimport LANES, WIDTH
from fastxent._kernels.transpose cimport Stored, transpose_out


cdef struct OutputView:
    char* data           # NULL: not wanted
    Steps step           # in elements
    Py_ssize_t itemsize  # 4: float, 8: double
    double factor        # an element becomes max(factor * it, floor), where `has_rule`
    double floor
    bint has_rule


@cython.final
cdef class Output:
    cdef Py_buffer buffer
    cdef OutputView view


cdef inline OutputView output_of(Output output) noexcept:
    """The output's view; one without data for None."""
    if output is None:
        return plain_output_of(NULL, 8, 0, 0)
    return output.view


cdef inline OutputView plain_output_of(
    void* data, Py_ssize_t itemsize, Py_ssize_t inner, Py_ssize_t classes
) noexcept nogil:
    """An array given by its first element and its steps; without data for NULL."""
    cdef OutputView view
    view.data = <char*>data
    view.step.outer = 0
    view.step.inner = inner
    view.step.classes = classes
    view.itemsize = itemsize
    view.factor = 1.0
    view.floor = 0.0
    view.has_rule = False
    return view


cdef inline char* place(const OutputView* output, Py_ssize_t o, Py_ssize_t i) noexcept nogil:
    """The address of sample (o, i); NULL stays NULL."""
    if output.data == NULL:
        return NULL
    return output.data + (o * output.step.outer + i * output.step.inner) * output.itemsize


cdef inline void by_rule(const OutputView* output, Py_ssize_t n, floating* x) noexcept nogil:
    """n numbers become what the rule makes of them; nan stays nan."""
    cdef floating factor = <floating>output.factor, floor = <floating>output.floor, value
    cdef Py_ssize_t j
    if output.has_rule:
        for j in range(n):
            value = factor * x[j]
            x[j] = floor if value < floor else value


cdef inline void by_rule_in_place(
    const OutputView* output, Py_ssize_t n, Py_ssize_t C, floating* x
) noexcept nogil:
    """The same for n samples of C classes that lie in the output; one of the two axes is contiguous."""
    cdef Py_ssize_t j
    if not output.has_rule or x == NULL:
        return
    if output.step.classes == 1:
        for j in range(n):
            by_rule(output, C, x + j * output.step.inner)
    else:
        for j in range(C):
            by_rule(output, n, x + j * output.step.classes)


cdef inline void store_panels(
    const floating* panel,   # in   panels of C x LANES, one after the other
    Py_ssize_t C,
    const OutputView* output,
    Py_ssize_t o,
    Py_ssize_t i,
    Py_ssize_t n,            # samples (o, i) ... (o, i + n - 1)
) noexcept nogil:
    cdef Py_ssize_t c, count
    for c in range((n + LANES - 1) // LANES):
        count = min(<Py_ssize_t>LANES, n - c * LANES)
        if output.itemsize == 4:
            transpose_out(
                panel + c * C * LANES, output.step.inner, output.step.classes, C, count,
                <float*>place(output, o, i + c * LANES)
            )
        else:
            transpose_out(
                panel + c * C * LANES, output.step.inner, output.step.classes, C, count,
                <double*>place(output, o, i + c * LANES)
            )


cdef inline void store_elements(const floating* values, Py_ssize_t n, Py_ssize_t step, Stored* out) noexcept nogil:
    """The first n of WIDTH values."""
    cdef Py_ssize_t j
    if step == 1 and n == WIDTH:
        for j in range(WIDTH):
            out[j] = <Stored>values[j]
    else:
        for j in range(n):
            out[j * step] = <Stored>values[j]


cdef inline void store_strip(
    const floating* values,  # in   (WIDTH,)
    const OutputView* output,
    Py_ssize_t o,
    Py_ssize_t i,
    Py_ssize_t n,            # samples (o, i) ... (o, i + n - 1) of one number
) noexcept nogil:
    if output.itemsize == 4:
        store_elements(values, n, output.step.inner, <float*>place(output, o, i))
    else:
        store_elements(values, n, output.step.inner, <double*>place(output, o, i))
