"""Samples of few classes, in any layout, to a panel in scratch memory and back."""

from cython cimport floating
from libc.stdint cimport int64_t

from fastxent._kernels.arrays.memory cimport LINE, past_line, prefetch_block, prefetch_block_to_write, stream
from fastxent._kernels.ways cimport LANES, WIDTH


ctypedef fused Stored:    # what is computed in the other dtype is converted on the way out
    float
    double


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


cdef inline void ask_for_run(const floating* run) noexcept nogil:
    """LANES samples of a class that lie as far behind as the next strip does will be read.

    By the last byte of each line's length: the run before has asked for the line that this one begins in.
    """
    prefetch_block(run + WIDTH + LINE // <Py_ssize_t>sizeof(floating) - 1, LANES)


cdef inline void ask_for_run_to_write(const floating* run) noexcept nogil:
    prefetch_block_to_write(run + WIDTH + LINE // <Py_ssize_t>sizeof(floating) - 1, LANES)


cdef inline void lanes_in(
    const floating* x,       # in   n_panels * LANES samples side by side
    Py_ssize_t class_step,
    Py_ssize_t C,
    Py_ssize_t n_panels,
    bint asking,             # for the next ones
    floating* panels,        # out  C x LANES each
) noexcept nogil:
    """Samples that lie as they do in panels: each class in one run."""
    cdef const floating* row
    cdef floating* to
    cdef Py_ssize_t c, j, k
    for k in range(C):
        row = x + k * class_step
        to = panels + k * LANES
        for c in range(n_panels):
            if asking:
                ask_for_run(row + c * LANES)
            for j in range(LANES):
                to[c * C * LANES + j] = row[c * LANES + j]


cdef inline void lanes_out(
    const floating* panels, Py_ssize_t class_step, Py_ssize_t C, Py_ssize_t n_panels, Stored* x
) noexcept nogil:
    """The way back of lanes_in."""
    cdef const floating* of
    cdef Stored* row
    cdef Py_ssize_t c, j, k
    for k in range(C):
        row = x + k * class_step
        of = panels + k * LANES
        for c in range(n_panels):
            ask_for_run_to_write(<const Stored*>row + c * LANES)
            for j in range(LANES):
                row[c * LANES + j] = <Stored>of[c * C * LANES + j]


cdef inline void lanes_streamed(
    const floating* panels, Py_ssize_t class_step, Py_ssize_t C, Py_ssize_t n_panels, floating* x
) noexcept nogil:
    """The same past the caches, but for the lines at a run's ends, which its neighbours write to."""
    cdef const floating* of
    cdef floating* row
    cdef Py_ssize_t c, j, k, head, tail, last = (n_panels - 1) * LANES
    for k in range(C):
        row = x + k * class_step
        of = panels + k * LANES
        head = past_line(row) // <Py_ssize_t>sizeof(floating)
        tail = past_line(row + last + LANES) // <Py_ssize_t>sizeof(floating)
        tail = LANES - (LINE // <Py_ssize_t>sizeof(floating) - tail if tail > 0 else 0)
        prefetch_block_to_write(row + n_panels * LANES + last + tail, LINE // <Py_ssize_t>sizeof(floating))
        for j in range(head):
            row[j] = of[j]
        for c in range(n_panels):
            if c == 0 and head > 0 or c == n_panels - 1 and tail < LANES:
                j = head if c == 0 else 0
                stream(
                    of + c * C * LANES + j, row + c * LANES + j,
                    ((tail if c == n_panels - 1 else LANES) - j) * <Py_ssize_t>sizeof(floating)
                )
            else:
                stream(of + c * C * LANES, row + c * LANES, LANES * sizeof(floating))
        of += (n_panels - 1) * C * LANES
        for j in range(tail, LANES):
            row[last + j] = of[j]


cdef inline void transpose_in(
    const floating* x,       # in   n samples of C classes
    Py_ssize_t sample_step,
    Py_ssize_t class_step,
    Py_ssize_t C,
    Py_ssize_t n,
    floating* panel,         # out  C x LANES, missing samples 0
) noexcept nogil:
    """By groups of columns; the last group, of fewer where few are left, overlaps the one before."""
    cdef Py_ssize_t j, k
    if class_step == 1 and C >= 8:
        for k in range(C // 8):
            columns_in(x + k * 8, sample_step, n, 8, panel + k * 8 * LANES)
        if C % 8 > 4:
            columns_in(x + C - 8, sample_step, n, 8, panel + (C - 8) * LANES)
        elif C % 8 > 2:
            columns_in(x + C - 4, sample_step, n, 4, panel + (C - 4) * LANES)
        elif C % 8 > 0:
            columns_in(x + C - 2, sample_step, n, 2, panel + (C - 2) * LANES)
    elif class_step == 1 and C >= 4:
        columns_in(x, sample_step, n, 4, panel)
        if C == 5 or C == 6:
            columns_in(x + C - 2, sample_step, n, 2, panel + (C - 2) * LANES)
        elif C > 6:
            columns_in(x + C - 4, sample_step, n, 4, panel + (C - 4) * LANES)
    elif class_step == 1 and C >= 2:
        if C == 3:
            columns_in(x, sample_step, n, 3, panel)
        else:
            columns_in(x, sample_step, n, 2, panel)
    elif sample_step == 1 and n == LANES:
        lanes_in(x, class_step, C, 1, True, panel)
    else:
        for k in range(C):
            for j in range(n):
                panel[k * LANES + j] = x[j * sample_step + k * class_step]
            for j in range(n, LANES):
                panel[k * LANES + j] = <floating>0.0


cdef inline void transpose_rows_in(
    const floating* x, Py_ssize_t row_bytes, const int64_t* rows, Py_ssize_t C,    # LANES rows of contiguous classes
    floating* panel              # out  C x LANES
) noexcept nogil:
    """Rows from anywhere in a matrix."""
    cdef floating group[8 * LANES]
    cdef const floating* row
    cdef Py_ssize_t first, j, k
    for first in range(0, C - 7, 8):
        for j in range(LANES):
            row = <const floating*>(<const char*>x + rows[j] * row_bytes) + first
            for k in range(8):
                group[j * 8 + k] = row[k]
        columns_in(<const floating*>group, 8, LANES, 8, panel + first * LANES)
    for j in range(LANES):
        row = <const floating*>(<const char*>x + rows[j] * row_bytes)
        for k in range(C // 8 * 8, C):
            panel[k * LANES + j] = row[k]


cdef inline void transpose_out(
    const floating* panel,   # in   C x LANES
    Py_ssize_t sample_step,
    Py_ssize_t class_step,
    Py_ssize_t C,
    Py_ssize_t n,
    Stored* x,               # out  n samples of C classes
) noexcept nogil:
    """The way back of transpose_in."""
    cdef Py_ssize_t j, k
    if class_step == 1 and C >= 8:
        for k in range(C // 8):
            columns_out(panel + k * 8 * LANES, sample_step, n, 8, x + k * 8)
        if C % 8 > 4:
            columns_out(panel + (C - 8) * LANES, sample_step, n, 8, x + C - 8)
        elif C % 8 > 2:
            columns_out(panel + (C - 4) * LANES, sample_step, n, 4, x + C - 4)
        elif C % 8 > 0:
            columns_out(panel + (C - 2) * LANES, sample_step, n, 2, x + C - 2)
    elif class_step == 1 and C >= 4:
        columns_out(panel, sample_step, n, 4, x)
        if C == 5 or C == 6:
            columns_out(panel + (C - 2) * LANES, sample_step, n, 2, x + C - 2)
        elif C > 6:
            columns_out(panel + (C - 4) * LANES, sample_step, n, 4, x + C - 4)
    elif class_step == 1 and C >= 2:
        if C == 3:
            columns_out(panel, sample_step, n, 3, x)
        else:
            columns_out(panel, sample_step, n, 2, x)
    elif sample_step == 1 and n == LANES:
        lanes_out(panel, class_step, C, 1, x)
    else:
        for j in range(n):
            for k in range(C):
                x[j * sample_step + k * class_step] = <Stored>panel[k * LANES + j]
