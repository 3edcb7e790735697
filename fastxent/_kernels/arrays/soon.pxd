"""Memory that will be needed soon, while a row or a panel is computed: behind it, or what its tile stands for."""

from cython cimport floating

from fastxent._kernels.arrays.memory cimport LINE, prefetch, prefetch_far, prefetch_far_to_write, prefetch_to_write
from fastxent._kernels.problem cimport GRAD, Problem, View, at, size_of


# Negative steps ask for memory into the level-2 cache, lest it drive out what is computed. A field of its own for this
# cost plain rows 5 % without AVX.
cdef struct Soon:
    const char* data     # NULL: nothing
    Py_ssize_t step      # bytes of it for each line of what is computed, where numbers may have another size


cdef inline Soon nothing_soon() noexcept nogil:
    cdef Soon soon
    soon.data = NULL
    soon.step = 0
    return soon


cdef inline Soon soon_behind(const floating* x, Py_ssize_t ahead) noexcept nogil:
    """What lies so many numbers behind x."""
    cdef Soon soon
    soon.data = <const char*>(x + ahead)
    soon.step = LINE
    return soon


cdef inline Soon soon_of(const View* view, Py_ssize_t i, const floating* x, Py_ssize_t ahead) noexcept nogil:
    """Sample i of what the tile stands for that x is in; where it is in none, what lies behind."""
    cdef Soon soon
    if view.data == NULL:
        return soon_behind(x, ahead)
    soon.data = view.data + i * view.inner
    soon.step = view.classes * (LINE // <Py_ssize_t>sizeof(floating))
    if view.by_row or soon.step > LINE:
        soon.step = -soon.step
    return soon


cdef inline Soon home_soon(
    const Problem* problem, Py_ssize_t o, Py_ssize_t i, Py_ssize_t behind, const floating* _
) noexcept nogil:
    """Where sample (o, i + behind) has its gradient, or a tile's sample i, if samples lie one after the other."""
    cdef const View* view = &problem.view[<int>GRAD]
    cdef Soon soon = nothing_soon()
    if view.data == NULL or view.classes != size_of(view.kind) or view.inner != problem.C * view.classes:
        return soon
    if problem.home.data != NULL:
        return soon_of(&problem.home, i, <const floating*>NULL, 0)
    soon.data = at(view, o, i + behind)
    soon.step = view.classes * (LINE // <Py_ssize_t>sizeof(floating))
    if soon.step > LINE:
        soon.step = -soon.step
    return soon


cdef inline Soon far_if(bint far, Soon soon) noexcept nogil:
    """The same, asked for into the level-2 cache."""
    if far and soon.step > 0:
        soon.step = -soon.step
    return soon


cdef inline void read_soon(Soon* soon, const floating* _, Py_ssize_t n) noexcept nogil:
    """What stands for the next n numbers will be read: of what is far two lines for one: it may have gaps."""
    cdef Py_ssize_t line, lines = n * <Py_ssize_t>sizeof(floating) // LINE
    if soon.step < 0:
        for line in range(lines):
            prefetch_far(soon.data - line * soon.step)
            prefetch_far(soon.data - line * soon.step + LINE)
        soon.data -= lines * soon.step
    else:
        for line in range(lines):
            prefetch(soon.data + line * soon.step)
        soon.data += lines * soon.step


cdef inline void write_soon(Soon* soon, const floating* _, Py_ssize_t n) noexcept nogil:
    """The same, and written."""
    cdef Py_ssize_t line, lines = n * <Py_ssize_t>sizeof(floating) // LINE
    if soon.step < 0:
        for line in range(lines):
            prefetch_far_to_write(soon.data - line * soon.step)
            prefetch_far_to_write(soon.data - line * soon.step + LINE)
        soon.data -= lines * soon.step
    else:
        for line in range(lines):
            prefetch_to_write(soon.data + line * soon.step)
        soon.data += lines * soon.step
