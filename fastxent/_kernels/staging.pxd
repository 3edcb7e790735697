"""Samples that the kernels cannot read where they lie: gathered into scratch, tile by tile, and the results back.

What is gathered: swapped bytes, elements that are not aligned, other dtypes, axes that do not merge into two, rows
whose classes lie apart, runs of samples too short for the lanes.
"""

from cython cimport floating
from libc.stdint cimport int64_t, uint16_t, uint32_t, uint64_t
from libc.string cimport memcpy

from fastxent._kernels.memory cimport LINE, prefetch_block, prefetch_block_to_write
from fastxent._kernels.operand cimport load, load_labels
from fastxent._kernels.output cimport is_own, store
from fastxent._kernels.problem cimport (
    FLOAT16, FLOAT32, FLOAT64, GRAD, HESS, INT64, LABELS, LOSSES, ROLES, TARGET, X, Kind, Problem, Role, View, at, has,
    size_of,
)
from fastxent._kernels.transpose cimport columns_in, columns_out
from fastxent._kernels.ways cimport LANES, WIDTH, rows_of_block

cdef enum:
    RUN_BYTES = LINE     # of a class, from samples side by side
    COLUMNS = 8          # classes that are transposed at once

cdef extern from *:
    """
    static float fastxent_half(unsigned short half)
    {
        union { unsigned int u; float f; } number, least = {113u << 23};
        unsigned int body = (half & 0x7fffu) << 13, exponent = body & (0x7c00u << 13);
        number.u = body + (112u << 23);
        if (exponent == (0x7c00u << 13)) number.u += 112u << 23;
        if (exponent == 0) { number.u += 1u << 23; number.f -= least.f; }
        number.u |= (half & 0x8000u) << 16;
        return number.f;
    }
    """
    float widened "fastxent_half"(uint16_t half) noexcept nogil


cdef inline void swap(char* p, Py_ssize_t size, Py_ssize_t n) noexcept nogil:
    """The bytes of n elements in the other order."""
    cdef uint16_t* two = <uint16_t*>p
    cdef uint32_t* four = <uint32_t*>p
    cdef uint64_t* eight = <uint64_t*>p
    cdef uint32_t low, high
    cdef Py_ssize_t j
    if size == 2:
        for j in range(n):
            two[j] = <uint16_t>(two[j] << 8 | two[j] >> 8)
    elif size == 4:
        for j in range(n):
            four[j] = swapped_word(four[j])
    elif size == 8:
        for j in range(n):
            low = <uint32_t>eight[j]
            high = <uint32_t>(eight[j] >> 32)
            eight[j] = <uint64_t>swapped_word(low) << 32 | swapped_word(high)


cdef inline uint32_t swapped_word(uint32_t x) noexcept nogil:
    return x << 24 | (x << 8 & 0xff0000) | (x >> 8 & 0xff00) | x >> 24


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


cdef inline void read_numbers(
    const View* view, const char* first, Py_ssize_t step, Py_ssize_t n, floating* out
) noexcept nogil:
    """n numbers of any kind, `step` bytes apart."""
    cdef double room[WIDTH]
    cdef const uint16_t* half = <const uint16_t*>room
    cdef Py_ssize_t block, j, start, count
    if not view.swapped and not view.unaligned and view.kind != FLOAT16:
        load(first, view.kind, step, n, out)
        return
    for block in range((n + WIDTH - 1) // WIDTH):
        start = block * WIDTH
        count = min(<Py_ssize_t>WIDTH, n - start)
        fetch(view, first + start * step, step, count, <char*>room)
        if view.kind == FLOAT16:
            for j in range(count):
                out[start + j] = <floating>widened(half[j])
        else:
            load(<const char*>room, view.kind, size_of(view.kind), count, out + start)


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
        if view.kind == FLOAT16:
            read_numbers(view, first + start * step, step, count, wide)
            load_labels(<const char*>wide, FLOAT32, sizeof(float), count, out + start)
        else:
            fetch(view, first + start * step, step, count, <char*>room)
            load_labels(<const char*>room, view.kind, size_of(view.kind), count, out + start)


cdef inline void write_numbers(
    const View* view, char* first, Py_ssize_t step, Py_ssize_t n, const floating* values
) noexcept nogil:
    """n numbers, `step` bytes apart, of either float dtype."""
    cdef double room[WIDTH]
    cdef Py_ssize_t block, j, start, count, size = size_of(view.kind)
    if not view.unaligned:
        store(view, first, values, n, step)
        return
    for block in range((n + WIDTH - 1) // WIDTH):
        start = block * WIDTH
        count = min(<Py_ssize_t>WIDTH, n - start)
        store(view, <char*>room, values + start, count, size)
        for j in range(count):
            memcpy(first + (start + j) * step, <char*>room + j * size, size)


cdef inline bint apart(Py_ssize_t class_step, Py_ssize_t step) noexcept nogil:
    """Whether samples lie closer together than classes."""
    return (class_step if class_step > 0 else -class_step) > (step if step > 0 else -step)


cdef inline bint is_simple(const View* view, Py_ssize_t step, const floating* own) noexcept nogil:
    """Whether samples lie side by side, in the dtype that is computed in."""
    return is_own(view, own) and not view.swapped and not view.unaligned and step == <Py_ssize_t>sizeof(floating)


cdef inline void copy_in(const floating* x, Py_ssize_t class_step, floating* panel) noexcept nogil:
    """COLUMNS classes of LANES samples that lie side by side; the next ones will be needed soon."""
    cdef Py_ssize_t c, j
    for c in range(COLUMNS):
        prefetch_block(x + c * class_step + LANES, LANES)
        for j in range(LANES):
            panel[c * LANES + j] = x[c * class_step + j]


cdef inline void copy_out(const floating* panel, Py_ssize_t class_step, floating* x) noexcept nogil:
    """The way back of copy_in."""
    cdef Py_ssize_t c, j
    for c in range(COLUMNS):
        prefetch_block_to_write(x + c * class_step + LANES, LANES)
        for j in range(LANES):
            x[c * class_step + j] = panel[c * LANES + j]


cdef inline void gather_run(
    const View* view, const char* first, Py_ssize_t step, Py_ssize_t n, Py_ssize_t C, floating* out
) noexcept nogil:
    """n samples, `step` bytes apart, into rows of C."""
    cdef floating panel[COLUMNS * LANES]
    cdef bint simple = is_simple(view, step, out)
    cdef Py_ssize_t block, c, j, k, start, count, group
    if C == 1:
        read_numbers(view, first, step, n, out)
    elif step == C * view.classes:
        read_numbers(view, first, view.classes, n * C, out)
    elif not apart(view.classes, step) or C < COLUMNS:
        for j in range(n):
            read_numbers(view, first + j * step, view.classes, C, out + j * C)
    else:
        for block in range((n + LANES - 1) // LANES):
            start = block * LANES
            count = min(<Py_ssize_t>LANES, n - start)
            for group in range((C + COLUMNS - 1) // COLUMNS):
                k = min(group * COLUMNS, C - COLUMNS)
                if count == LANES and simple:
                    copy_in(
                        <const floating*>(first + start * step + k * view.classes),
                        view.classes // <Py_ssize_t>sizeof(floating), panel
                    )
                for c in range(0 if count == LANES and simple else COLUMNS):
                    read_numbers(
                        view, first + start * step + (k + c) * view.classes, step, count, panel + c * LANES
                    )
                columns_out(<const floating*>panel, C, count, COLUMNS, out + start * C + k)


cdef inline void scatter_run(
    const View* view, char* first, Py_ssize_t step, Py_ssize_t n, Py_ssize_t C, const floating* rows
) noexcept nogil:
    """The way back of gather_run."""
    cdef floating panel[COLUMNS * LANES]
    cdef bint simple = is_simple(view, step, rows)
    cdef Py_ssize_t block, c, j, k, start, count, group
    if C == 1:
        write_numbers(view, first, step, n, rows)
    elif not apart(view.classes, step) or C < COLUMNS:
        for j in range(n):
            write_numbers(view, first + j * step, view.classes, C, rows + j * C)
    else:
        for block in range((n + LANES - 1) // LANES):
            start = block * LANES
            count = min(<Py_ssize_t>LANES, n - start)
            for group in range((C + COLUMNS - 1) // COLUMNS):
                k = min(group * COLUMNS, C - COLUMNS)
                columns_in(rows + start * C + k, C, count, COLUMNS, panel)
                if count == LANES and simple:
                    copy_out(
                        <const floating*>panel, view.classes // <Py_ssize_t>sizeof(floating),
                        <floating*>(first + start * step + k * view.classes)
                    )
                for c in range(0 if count == LANES and simple else COLUMNS):
                    write_numbers(
                        view, first + start * step + (k + c) * view.classes, step, count,
                        <const floating*>panel + c * LANES
                    )


cdef inline Py_ssize_t locate(
    const Problem* problem, int role, Py_ssize_t sample, Py_ssize_t* offset
) noexcept nogil:
    """The offset of a sample, and how many lie in equal steps from it on, itself included."""
    cdef int axis = problem.n_axes - 1
    cdef const Py_ssize_t* step = problem.steps + role * problem.n_axes
    cdef Py_ssize_t run = problem.lengths[axis], left
    while axis > 0 and step[axis - 1] == step[axis] * problem.lengths[axis]:
        axis -= 1
        run *= problem.lengths[axis]
    left = run - sample % run
    axis = problem.n_axes - 1
    offset[0] = 0
    while axis >= 0:
        offset[0] += sample % problem.lengths[axis] * step[axis]
        sample //= problem.lengths[axis]
        axis -= 1
    return left


cdef inline Kind staged_kind(const Problem* problem, int role) noexcept nogil:
    """What is gathered for a role."""
    if role == LABELS:
        return INT64
    if role == X or role >= LOSSES:
        return problem.kind
    return FLOAT32 if problem.view[role].kind == FLOAT32 or problem.view[role].kind == FLOAT16 else FLOAT64


cdef inline Py_ssize_t numbers_of(const Problem* problem, int role) noexcept nogil:
    """How many numbers a sample has in a role."""
    return problem.C if role == X or role == TARGET or role == GRAD or role == HESS else 1


cdef inline bint shares_tile(const Problem* problem, int role) noexcept nogil:
    """Whether a role is in the place of the logits: the gradient is, which the kernels may write there."""
    return role == GRAD and has(problem, X)


cdef inline Py_ssize_t tile_bytes(const Problem* problem, int role, Py_ssize_t rows) noexcept nogil:
    """Of a role in a tile of so many samples, to the end of a cache line."""
    if problem.view[role].data == NULL or shares_tile(problem, role):
        return 0
    return (rows * numbers_of(problem, role) * size_of(staged_kind(problem, role)) + LINE - 1) // LINE * LINE


cdef inline Py_ssize_t last_step(const Problem* problem, int role) noexcept nogil:
    """From one sample to the next along the last axis."""
    return problem.steps[role * problem.n_axes + problem.n_axes - 1]


cdef inline bint classes_apart(const Problem* problem) noexcept nogil:
    """Whether rows are gathered across samples that lie side by side."""
    return problem.is_staged and problem.C > 1 and (
        (has(problem, X) and apart(problem.view[<int>X].classes, last_step(problem, X)))
        or (has(problem, GRAD) and apart(problem.view[<int>GRAD].classes, last_step(problem, GRAD)))
    )


cdef inline Py_ssize_t samples_of_block(const Problem* problem) noexcept nogil:
    """How many samples a block has: by classes, dtype and layout, never by how many there are."""
    cdef Py_ssize_t rows = rows_of_block(&problem.tuning, problem.C if has(problem, X) else 1)
    return max(rows, RUN_BYTES // size_of(problem.kind)) if classes_apart(problem) else rows


cdef inline Py_ssize_t samples_of_tile(const Problem* problem) noexcept nogil:
    """How many samples are gathered at once."""
    cdef Py_ssize_t rows = samples_of_block(problem), bytes = 1
    cdef int role
    for role in range(<int>ROLES):
        bytes += tile_bytes(problem, role, 1)
    bytes = max(<Py_ssize_t>1, problem.tuning.stage_bytes // bytes)
    if classes_apart(problem):
        bytes = max(bytes, RUN_BYTES // size_of(problem.kind))
    return min(rows, bytes, problem.outer * problem.inner)


cdef inline Py_ssize_t staging_bytes(const Problem* problem) noexcept nogil:
    """Scratch that a tile takes."""
    cdef Py_ssize_t bytes = 0
    cdef int role
    if problem.is_staged:
        for role in range(<int>ROLES):
            bytes += tile_bytes(problem, role, samples_of_tile(problem))
    return bytes


cdef inline void gather(
    const Problem* problem, int role, Py_ssize_t start, Py_ssize_t n, char* tile
) noexcept nogil:
    """Samples start ... start + n - 1 of an input."""
    cdef const View* view = &problem.view[role]
    cdef Py_ssize_t offset, run, C = numbers_of(problem, role), done = 0
    cdef Py_ssize_t step = last_step(problem, role)
    cdef Kind kind = staged_kind(problem, role)
    while done < n:
        run = min(locate(problem, role, start + done, &offset), n - done)
        if role == LABELS:
            read_labels(view, view.data + offset, step, run, <int64_t*>tile + done)
        elif kind == FLOAT32:
            gather_run(view, view.data + offset, step, run, C, <float*>tile + done * C)
        else:
            gather_run(view, view.data + offset, step, run, C, <double*>tile + done * C)
        done += run


cdef inline void scatter(
    const Problem* problem, int role, Py_ssize_t start, Py_ssize_t n, const char* tile
) noexcept nogil:
    """Samples start ... start + n - 1 of an output."""
    cdef const View* view = &problem.view[role]
    cdef Py_ssize_t offset, run, C = numbers_of(problem, role), done = 0
    cdef Py_ssize_t step = last_step(problem, role)
    while done < n:
        run = min(locate(problem, role, start + done, &offset), n - done)
        if problem.kind == FLOAT32:
            scatter_run(view, view.data + offset, step, run, C, <const float*>tile + done * C)
        else:
            scatter_run(view, view.data + offset, step, run, C, <const double*>tile + done * C)
        done += run


cdef inline void stage(
    const Problem* problem, Py_ssize_t start, Py_ssize_t n, Py_ssize_t rows, char* scratch, Problem* here   # out
) noexcept nogil:
    """The same problem for n samples that are gathered into a tile of `rows`."""
    cdef View* view
    cdef int role
    here[0] = problem[0]
    here.is_staged = False
    here.outer = 1
    here.inner = n
    for role in range(<int>ROLES):
        view = &here.view[role]
        if view.data == NULL:
            continue
        view.data = here.view[<int>X].data if shares_tile(problem, role) else scratch
        scratch += tile_bytes(problem, role, rows)
        view.kind = staged_kind(problem, role)
        view.swapped = view.unaligned = False
        view.classes = size_of(view.kind)
        view.inner = view.classes * numbers_of(problem, role)
        view.outer = 0
        if role < LOSSES:
            gather(problem, role, start, n, view.data)


cdef inline void unstage(const Problem* problem, Py_ssize_t start, Py_ssize_t n, const Problem* here) noexcept nogil:
    """The results, to where they belong."""
    cdef int role
    for role in range(<int>LOSSES, <int>ROLES):
        if problem.view[role].data != NULL:
            scatter(problem, role, start, n, here.view[role].data)
