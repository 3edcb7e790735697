"""Numbers of any kind and in any place to rows, and rows back: swapped bytes, unaligned elements, half precision."""

from cython cimport floating
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fastxent._kernels.arithmetic.row cimport keep_larger, largest_of, row_shift, row_shift_by, start_max
from fastxent._kernels.arrays.half cimport CONVERTS, narrow, widen, widen_some
from fastxent._kernels.arrays.memory cimport (
    prefetch_block, prefetch_block_to_write, prefetch_far, prefetch_far_to_write,
)
from fastxent._kernels.arrays.operand cimport load, load_labels
from fastxent._kernels.arrays.output cimport is_own, store_scaled
from fastxent._kernels.arrays.transpose cimport columns_in, columns_out, transpose_in, transpose_out
from fastxent._kernels.arrays.turn cimport SIDE, TURNS, turn
from fastxent._kernels.frames cimport apart
from fastxent._kernels.problem cimport FLOAT16, FLOAT32, Kind, View, is_half, size_of
from fastxent._kernels.ways cimport LANES, WIDTH

cdef enum:
    COLUMNS = SIDE       # classes that are transposed at once
    # Classes that are asked for before they are needed: into the level-2 cache, since in that of level 1 all of them
    # share a few places where classes lie a power of two apart.
    SOON = 16


cdef inline void swap(char* p, Py_ssize_t size, Py_ssize_t n) noexcept nogil:
    """The bytes of n elements in the other order."""
    cdef uint16_t* two = <uint16_t*>p
    cdef uint32_t* four = <uint32_t*>p
    cdef uint64_t* eight = <uint64_t*>p
    cdef Py_ssize_t j
    if size == 2:
        for j in range(n):
            two[j] = <uint16_t>(two[j] << 8 | two[j] >> 8)
    elif size == 4:
        for j in range(n):
            four[j] = swapped_word(four[j])
    elif size == 8:
        for j in range(n):
            eight[j] = swapped_words(eight[j])


cdef inline uint32_t swapped_word(uint32_t x) noexcept nogil:
    return x << 24 | (x << 8 & 0xff0000) | (x >> 8 & 0xff00) | x >> 24


cdef inline uint64_t swapped_words(uint64_t x) noexcept nogil:
    return <uint64_t>swapped_word(<uint32_t>x) << 32 | swapped_word(<uint32_t>(x >> 32))


cdef inline floating swapped_number(const char* p, const floating* _) noexcept nogil:
    """A number whose bytes are in the other order."""
    cdef uint32_t four
    cdef uint64_t eight
    cdef floating number
    if floating is float:
        memcpy(&four, p, 4)
        four = swapped_word(four)
        memcpy(&number, &four, 4)
    else:
        memcpy(&eight, p, 8)
        eight = swapped_words(eight)
        memcpy(&number, &eight, 8)
    return number


cdef inline void fetch(const View* view, const char* first, Py_ssize_t step, Py_ssize_t n, char* room) noexcept nogil:
    """n elements, `step` bytes apart, side by side, aligned and in the native order."""
    cdef Py_ssize_t j, size = size_of(view.kind)
    if step == size:
        memcpy(room, first, n * size)
    else:
        for j in range(n):
            memcpy(room + j * size, first + j * step, size)
    if view.swapped:
        swap(room, size, n)


cdef inline void copy_some(bint swapped, const char* first, Py_ssize_t n, floating* out) noexcept nogil:
    """n numbers that lie side by side, unaligned or with swapped bytes."""
    cdef Py_ssize_t j
    if swapped:
        for j in range(n):
            out[j] = swapped_number(first + j * <Py_ssize_t>sizeof(floating), out)
    else:
        for j in range(n):       # as vectors: memcpy is slow where addresses are odd
            memcpy(out + j, first + j * <Py_ssize_t>sizeof(floating), sizeof(floating))


cdef inline bint is_direct(const View* view, Py_ssize_t step) noexcept nogil:
    """Whether they are half precision, as it is widened and narrowed: side by side, aligned and native."""
    return is_half(view.kind) and step == size_of(view.kind) and not view.swapped and not view.unaligned


cdef inline void read_numbers(
    const View* view, const char* first, Py_ssize_t step, Py_ssize_t n, floating* out
) noexcept nogil:
    """n numbers of any kind, `step` bytes apart."""
    cdef double room[WIDTH]
    cdef float wide[WIDTH]
    cdef Py_ssize_t block, j, start, count
    if not view.swapped and not view.unaligned and not is_half(view.kind):
        load(first, view.kind, step, n, out)
        return
    if floating is float and is_direct(view, step):
        widen(view.kind, <const uint16_t*>first, n, out)
        return
    if is_own(view, out) and step == <Py_ssize_t>sizeof(floating):
        copy_some(view.swapped, first, n, out)
        return
    for block in range((n + WIDTH - 1) // WIDTH):
        start = block * WIDTH
        count = min(<Py_ssize_t>WIDTH, n - start)
        fetch(view, first + start * step, step, count, <char*>room)
        if is_half(view.kind):
            widen(view.kind, <const uint16_t*>room, count, wide)
            for j in range(count):
                out[start + j] = <floating>wide[j]
        else:
            load(<const char*>room, view.kind, size_of(view.kind), count, out + start)


cdef inline float widen_row(Kind kind, const uint16_t* half, Py_ssize_t C, float* row) noexcept nogil:
    """A row of C >= LANES halves, side by side; returns its maximum, which row_max would load all of it for again."""
    cdef float best[LANES]
    cdef Py_ssize_t k, last = C - LANES
    widen(kind, half + last, LANES, row + last)
    start_max(<const float*>row + last, best)
    for k in range(C // LANES):
        widen_some(kind, half + k * LANES, row + k * LANES)
        keep_larger(<const float*>row + k * LANES, best)
    return largest_of(best)


cdef inline floating copy_row(bint swapped, const char* first, Py_ssize_t C, floating* row) noexcept nogil:
    """The same of numbers as copy_some takes them."""
    cdef floating best[LANES]
    cdef Py_ssize_t k, last = C - LANES
    copy_some(swapped, first + last * <Py_ssize_t>sizeof(floating), LANES, row + last)
    start_max(<const floating*>row + last, best)
    for k in range(C // LANES):
        copy_some(swapped, first + k * LANES * <Py_ssize_t>sizeof(floating), LANES, row + k * LANES)
        keep_larger(<const floating*>row + k * LANES, best)
    return largest_of(best)


cdef inline void read_row(
    const View* view, const char* first, Py_ssize_t C,    # C >= LANES
    floating* row,               # out  (C,)
    floating* shift,             # out  (SHIFT,)
) noexcept nogil:
    """A row of numbers of any kind, and what its exponentials are relative to."""
    if floating is float and CONVERTS and is_direct(view, view.classes):
        row_shift_by(widen_row(view.kind, <const uint16_t*>first, C, row), shift)
    elif is_own(view, row) and view.classes == <Py_ssize_t>sizeof(floating):
        row_shift_by(copy_row(view.swapped, first, C, row), shift)
    else:
        read_numbers(view, first, view.classes, C, row)
        row_shift(<const floating*>row, C, shift)


cdef inline void read_labels(
    const View* view, const char* first, Py_ssize_t step, Py_ssize_t n, int64_t* out
) noexcept nogil:
    """n labels of any kind."""
    cdef double room[WIDTH]
    cdef float wide[WIDTH]
    cdef Py_ssize_t block, start, count
    for block in range((n + WIDTH - 1) // WIDTH):
        start = block * WIDTH
        count = min(<Py_ssize_t>WIDTH, n - start)
        if is_half(view.kind):
            read_numbers(view, first + start * step, step, count, wide)
            load_labels(<const char*>wide, FLOAT32, sizeof(float), count, out + start)
        else:
            fetch(view, first + start * step, step, count, <char*>room)
            load_labels(<const char*>room, view.kind, size_of(view.kind), count, out + start)


cdef inline void write_scaled(
    const View* view, char* first, Py_ssize_t step, Py_ssize_t n, floating factor, const floating* values
) noexcept nogil:
    """n numbers times a factor, `step` bytes apart, of any float dtype."""
    cdef double room[WIDTH]
    cdef Py_ssize_t block, j, start, count, size = size_of(view.kind)
    cdef floating value
    if not view.unaligned and not is_half(view.kind):
        store_scaled(view, first, values, n, factor, step)
        return
    if is_direct(view, step):
        narrow(view.kind, values, n, factor, <uint16_t*>first)
        return
    if is_own(view, values) and step == <Py_ssize_t>sizeof(floating):
        for j in range(n):       # as vectors, again
            value = values[j] * factor
            memcpy(first + j * <Py_ssize_t>sizeof(floating), &value, sizeof(floating))
        return
    for block in range((n + WIDTH - 1) // WIDTH):
        start = block * WIDTH
        count = min(<Py_ssize_t>WIDTH, n - start)
        if is_half(view.kind):
            narrow(view.kind, values + start, count, factor, <uint16_t*>room)
        else:
            store_scaled(view, <char*>room, values + start, count, factor, size)
        if step == size:
            memcpy(first + start * step, room, count * size)
            continue
        for j in range(count):
            memcpy(first + (start + j) * step, <char*>room + j * size, size)


cdef inline void write_numbers(
    const View* view, char* first, Py_ssize_t step, Py_ssize_t n, const floating* values
) noexcept nogil:
    """n numbers, `step` bytes apart, of any float dtype."""
    write_scaled(view, first, step, n, <floating>1.0, values)


cdef inline void write_row(
    const View* view, char* first, Py_ssize_t C, const floating* row, floating factor,
    Py_ssize_t own, floating own_value       # own: a class that has this value, or -1
) noexcept nogil:
    """A row times a factor, but for one class."""
    write_scaled(view, first, view.classes, C, factor, row)
    if own >= 0:
        write_numbers(view, first + own * view.classes, view.classes, 1, &own_value)


cdef inline bint lie_apart(Py_ssize_t class_step, Py_ssize_t step) noexcept nogil:
    """Whether samples lie closer together than classes."""
    return (class_step if class_step > 0 else -class_step) > (step if step > 0 else -step)


cdef inline bint is_simple(const View* view, Py_ssize_t step, const floating* own) noexcept nogil:
    """Whether samples lie side by side, in the dtype that is computed in."""
    return is_own(view, own) and not view.swapped and not view.unaligned and step == <Py_ssize_t>sizeof(floating)


cdef inline void ask_for(const floating* x) noexcept nogil:
    """LANES numbers, which may begin within a line, will be read."""
    prefetch_block(x, LANES)
    prefetch_far(x + LANES - 1)


cdef inline void ask_for_to_write(const floating* x) noexcept nogil:
    """The same, and written."""
    prefetch_block_to_write(x, LANES)
    prefetch_far_to_write(x + LANES - 1)


cdef inline void columns_to_rows(
    const floating* x, Py_ssize_t class_step, Py_ssize_t row_step, floating* rows
) noexcept nogil:
    """COLUMNS classes of LANES samples that lie side by side; the next classes will be needed soon."""
    cdef floating panel[COLUMNS * LANES]
    cdef Py_ssize_t c, j
    for c in range(COLUMNS):
        ask_for(x + (SOON + c) * class_step)
        if not TURNS:
            for j in range(LANES):
                panel[c * LANES + j] = x[c * class_step + j]
    if TURNS:
        for j in range(LANES // SIDE):
            turn(x + j * SIDE, class_step, rows + j * SIDE * row_step, row_step)
    else:
        columns_out(<const floating*>panel, row_step, LANES, COLUMNS, rows)


cdef inline void rows_to_columns(
    const floating* rows, Py_ssize_t row_step, Py_ssize_t class_step, floating* x
) noexcept nogil:
    """The way back of columns_to_rows."""
    cdef floating panel[COLUMNS * LANES]
    cdef Py_ssize_t c, j
    for c in range(COLUMNS):
        ask_for_to_write(x + (SOON + c) * class_step)
    if TURNS:
        for j in range(LANES // SIDE):
            turn(rows + j * SIDE * row_step, row_step, x + j * SIDE, class_step)
    else:
        columns_in(rows, row_step, LANES, COLUMNS, panel)
        for c in range(COLUMNS):
            for j in range(LANES):
                x[c * class_step + j] = panel[c * LANES + j]


cdef inline apart gather_few(
    const View* view, const char* first, Py_ssize_t step, Py_ssize_t n, Py_ssize_t C, Py_ssize_t row_step, floating* out
) noexcept nogil:
    """gather_run of fewer than COLUMNS classes, which lie apart."""
    cdef floating panel[COLUMNS * LANES]
    cdef Py_ssize_t block, k, start, count
    for block in range((n + LANES - 1) // LANES):
        start = block * LANES
        count = min(<Py_ssize_t>LANES, n - start)
        for k in range(C):
            read_numbers(view, first + start * step + k * view.classes, step, count, panel + k * LANES)
        transpose_out(<const floating*>panel, row_step, 1, C, count, out + start * row_step)


cdef inline apart scatter_few(
    const View* view, char* first, Py_ssize_t step, Py_ssize_t n, Py_ssize_t C, Py_ssize_t row_step,
    const floating* rows
) noexcept nogil:
    """The way back of gather_few."""
    cdef floating panel[COLUMNS * LANES]
    cdef Py_ssize_t block, k, start, count
    for block in range((n + LANES - 1) // LANES):
        start = block * LANES
        count = min(<Py_ssize_t>LANES, n - start)
        transpose_in(rows + start * row_step, row_step, 1, C, count, panel)
        for k in range(C):
            write_numbers(
                view, first + start * step + k * view.classes, step, count, <const floating*>panel + k * LANES
            )


cdef inline void gather_run(
    const View* view, const char* first, Py_ssize_t step, Py_ssize_t n, Py_ssize_t C, Py_ssize_t row_step,
    floating* out                # out  (n, row_step)
) noexcept nogil:
    """n samples, `step` bytes apart, into rows of C."""
    cdef floating panel[COLUMNS * LANES]
    cdef bint simple = is_simple(view, step, out)
    cdef Py_ssize_t block, c, j, k, start, count, group
    if C == 1:
        read_numbers(view, first, step, n, out)
    elif step == C * view.classes and row_step == C:
        read_numbers(view, first, view.classes, n * C, out)
    elif not lie_apart(view.classes, step):
        for j in range(n):
            read_numbers(view, first + j * step, view.classes, C, out + j * row_step)
    elif C < COLUMNS:
        gather_few(view, first, step, n, C, row_step, out)
    else:
        for group in range((C + COLUMNS - 1) // COLUMNS):
            k = min(group * COLUMNS, C - COLUMNS)
            for block in range((n + LANES - 1) // LANES):
                start = block * LANES
                count = min(<Py_ssize_t>LANES, n - start)
                if count == LANES and simple:
                    columns_to_rows(
                        <const floating*>(first + start * step + k * view.classes),
                        view.classes // <Py_ssize_t>sizeof(floating), row_step, out + start * row_step + k
                    )
                    continue
                for c in range(COLUMNS):
                    read_numbers(
                        view, first + start * step + (k + c) * view.classes, step, count, panel + c * LANES
                    )
                columns_out(<const floating*>panel, row_step, count, COLUMNS, out + start * row_step + k)


cdef inline void scatter_run(
    const View* view, char* first, Py_ssize_t step, Py_ssize_t n, Py_ssize_t C, Py_ssize_t row_step,
    const floating* rows         # in   (n, row_step)
) noexcept nogil:
    """The way back of gather_run."""
    cdef floating panel[COLUMNS * LANES]
    cdef bint simple = is_simple(view, step, rows)
    cdef Py_ssize_t block, c, j, k, start, count, group
    if C == 1:
        write_numbers(view, first, step, n, rows)
    elif step == C * view.classes and row_step == C:
        write_numbers(view, first, view.classes, n * C, rows)
    elif not lie_apart(view.classes, step):
        for j in range(n):
            write_numbers(view, first + j * step, view.classes, C, rows + j * row_step)
    elif C < COLUMNS:
        scatter_few(view, first, step, n, C, row_step, rows)
    else:
        for group in range((C + COLUMNS - 1) // COLUMNS):
            k = min(group * COLUMNS, C - COLUMNS)
            for block in range((n + LANES - 1) // LANES):
                start = block * LANES
                count = min(<Py_ssize_t>LANES, n - start)
                if count == LANES and simple:
                    rows_to_columns(
                        rows + start * row_step + k, row_step, view.classes // <Py_ssize_t>sizeof(floating),
                        <floating*>(first + start * step + k * view.classes)
                    )
                    continue
                columns_in(rows + start * row_step + k, row_step, count, COLUMNS, panel)
                for c in range(COLUMNS):
                    write_numbers(
                        view, first + start * step + (k + c) * view.classes, step, count,
                        <const floating*>panel + c * LANES
                    )
