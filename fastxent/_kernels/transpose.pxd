"""Samples of few classes, in any layout, to a panel in scratch memory and back."""

from cython cimport floating

from fastxent._kernels.memory cimport prefetch_block, prefetch_block_to_write
from fastxent._kernels.ways cimport LANES, WIDTH


cdef inline void columns_in(
    const floating* x, Py_ssize_t step, Py_ssize_t n, Py_ssize_t columns, floating* panel
) noexcept nogil:
    """Some columns of n rows. A small buffer with constant strides between: the compiler turns it into shuffles."""
    cdef floating rows[8 * LANES]
    cdef Py_ssize_t j, k
    if step == columns and n == LANES:  # they lie as they would in the buffer
        for j in range(LANES):
            for k in range(columns):
                panel[k * LANES + j] = x[j * columns + k]
        return
    for j in range(n):
        for k in range(columns):
            rows[j * columns + k] = x[j * step + k]
    for j in range(n * columns, LANES * columns):
        rows[j] = <floating>0.0
    for j in range(LANES):
        for k in range(columns):
            panel[k * LANES + j] = rows[j * columns + k]


ctypedef fused Stored:    # what is computed in the other dtype is converted on the way out
    float
    double


cdef inline void columns_out(
    const floating* panel, Py_ssize_t step, Py_ssize_t n, Py_ssize_t columns, Stored* x
) noexcept nogil:
    """The way back of columns_in."""
    cdef Stored rows[8 * LANES]
    cdef Py_ssize_t j, k
    if step == columns and n == LANES:
        for j in range(LANES):
            for k in range(columns):
                x[j * columns + k] = <Stored>panel[k * LANES + j]
        return
    for j in range(LANES):
        for k in range(columns):
            rows[j * columns + k] = <Stored>panel[k * LANES + j]
    for j in range(n):
        for k in range(columns):
            x[j * step + k] = rows[j * columns + k]


cdef inline void transpose_in(
    const floating* x,       # in   n samples of C classes
    Py_ssize_t sample_step,
    Py_ssize_t class_step,
    Py_ssize_t C,
    Py_ssize_t n,
    floating* panel,         # out  C x LANES, missing samples 0
) noexcept nogil:
    """By groups of columns; the last group overlaps the one before."""
    cdef Py_ssize_t first, j, k
    if class_step == 1 and C >= 8:
        for k in range((C + 7) // 8):
            first = min(k * 8, C - 8)
            columns_in(x + first, sample_step, n, 8, panel + first * LANES)
    elif class_step == 1 and C >= 4:
        columns_in(x, sample_step, n, 4, panel)
        if C > 4:
            columns_in(x + C - 4, sample_step, n, 4, panel + (C - 4) * LANES)
    elif class_step == 1 and C >= 2:
        columns_in(x, sample_step, n, 2, panel)
        if C > 2:
            columns_in(x + C - 2, sample_step, n, 2, panel + (C - 2) * LANES)
    elif sample_step == 1 and n == LANES:
        for k in range(C):
            prefetch_block(x + k * class_step + WIDTH, LANES)
            for j in range(LANES):
                panel[k * LANES + j] = x[k * class_step + j]
    else:
        for k in range(C):
            for j in range(n):
                panel[k * LANES + j] = x[j * sample_step + k * class_step]
            for j in range(n, LANES):
                panel[k * LANES + j] = <floating>0.0


cdef inline void transpose_out(
    const floating* panel,   # in   C x LANES
    Py_ssize_t sample_step,
    Py_ssize_t class_step,
    Py_ssize_t C,
    Py_ssize_t n,
    Stored* x,               # out  n samples of C classes
) noexcept nogil:
    """The way back of transpose_in."""
    cdef Py_ssize_t first, j, k
    if class_step == 1 and C >= 8:
        for k in range((C + 7) // 8):
            first = min(k * 8, C - 8)
            columns_out(panel + first * LANES, sample_step, n, 8, x + first)
    elif class_step == 1 and C >= 4:
        columns_out(panel, sample_step, n, 4, x)
        if C > 4:
            columns_out(panel + (C - 4) * LANES, sample_step, n, 4, x + C - 4)
    elif class_step == 1 and C >= 2:
        columns_out(panel, sample_step, n, 2, x)
        if C > 2:
            columns_out(panel + (C - 2) * LANES, sample_step, n, 2, x + C - 2)
    elif sample_step == 1 and n == LANES:
        for k in range(C):
            prefetch_block_to_write(x + k * class_step + WIDTH, LANES)
            for j in range(LANES):
                x[k * class_step + j] = <Stored>panel[k * LANES + j]
    else:
        for j in range(n):
            for k in range(C):
                x[j * sample_step + k * class_step] = <Stored>panel[k * LANES + j]
