"""Samples that the kernels cannot read where they lie: gathered into scratch, tile by tile, and the results back.

What is gathered: swapped bytes, elements that are not aligned, other dtypes, axes that do not merge into two, rows
whose classes lie apart, runs of samples too short for the lanes.
"""

from libc.stdint cimport int64_t

from fastxent._kernels.arrays.gather cimport (
    gather_run, lie_apart, read_labels, read_numbers, read_row, scatter_run, write_numbers, write_row,
)
from fastxent._kernels.arrays.memory cimport LINE, prefetch_block, prefetch_block_to_write, whole_lines
from fastxent._kernels.frames cimport apart
from fastxent._kernels.problem cimport (
    ACTIVATION, CLAMPED, FLOAT32, FLOAT64, GRAD, HESS, INT64, LABELS, LOSSES, ROLES, SOFTMAX, STATISTICS, TARGET, X,
    Kind, Problem, Role, View, has, has_classes, is_half, is_loss, side_by_side, size_of,
)
from fastxent._kernels.softmax.ways cimport FOCAL_ROWS, ROWS, way_of
from fastxent._kernels.target cimport is_plain
from fastxent._kernels.ways cimport LANES, SHORT, rows_of_block, whole_strips

cdef enum:
    RUN_BYTES = 512      # of a class that are gathered in one go, from samples side by side
    FEW_SETS = 512       # bytes, an eighth of a page: so many apart, 32 rows lie in eight sets of the level-1 cache

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
    left = run - (sample % run if sample >= run else sample)
    axis = problem.n_axes - 1
    offset[0] = 0
    while axis > 0 and sample >= problem.lengths[axis]:      # of one axis nothing is divided, which is slow
        offset[0] += sample % problem.lengths[axis] * step[axis]
        sample //= problem.lengths[axis]
        axis -= 1
    offset[0] += sample * step[axis]
    return left


cdef inline Kind staged_kind(const Problem* problem, int role) noexcept nogil:
    """What is gathered for a role."""
    if role == LABELS:
        return INT64
    if role == LOSSES and is_loss(problem):
        return problem.view[role].kind
    if role == X or role >= LOSSES:
        return problem.kind
    return FLOAT32 if problem.view[role].kind == FLOAT32 or is_half(problem.view[role].kind) else FLOAT64


cdef inline Py_ssize_t numbers_of(const Problem* problem, int role) noexcept nogil:
    """How many numbers a sample has in a role."""
    return problem.C if has_classes(problem, role) else 1


cdef inline Py_ssize_t last_step(const Problem* problem, int role) noexcept nogil:
    """From one sample to the next along the last axis."""
    return problem.steps[role * problem.n_axes + problem.n_axes - 1]


cdef inline bint classes_apart(const Problem* problem) noexcept nogil:
    """Whether rows are gathered across samples that lie side by side."""
    return problem.is_staged and problem.C > 1 and (
        (has(problem, X) and lie_apart(problem.view[<int>X].classes, last_step(problem, X)))
        or (has(problem, GRAD) and lie_apart(problem.view[<int>GRAD].classes, last_step(problem, GRAD)))
    )


cdef inline bint by_class(const Problem* problem) noexcept nogil:
    """Whether a tile has its samples side by side as all arrays of classes have: panels are, and nothing is turned."""
    cdef int role
    if not classes_apart(problem) or not side_by_side(problem):
        return False
    if problem.family != ACTIVATION and problem.family != STATISTICS and problem.family != SOFTMAX:
        return False
    if problem.family == SOFTMAX and way_of(problem) == FOCAL_ROWS:
        return False
    for role in range(<int>ROLES):
        if has(problem, <Role>role) and numbers_of(problem, role) > 1:
            if not lie_apart(problem.view[role].classes, last_step(problem, role)):
                return False
    return True


cdef inline Py_ssize_t tile_step(const Problem* problem, int role) noexcept nogil:
    """From one sample of a tile to the next, in numbers.

    A line more than it has, where samples that are written class by class would else meet in few sets of the caches.
    """
    cdef Py_ssize_t n = numbers_of(problem, role), size = size_of(staged_kind(problem, role))
    if n == 1 or n * size % FEW_SETS != 0 or not classes_apart(problem) or by_class(problem):
        return n
    return n + LINE // size


cdef inline bint goes_by_row(const Problem* problem, int role) noexcept nogil:
    """Whether softmax/row.pxd moves each row when it comes to it, by way of the level-1 cache."""
    return (
        (role == X or role == GRAD) and problem.family == SOFTMAX and way_of(problem) == ROWS
        and problem.C * size_of(problem.kind) <= SHORT and not classes_apart(problem)
        and (not has(problem, GRAD) or problem.tuning.grad_by_row)
    )


cdef inline bint shares_tile(const Problem* problem, int role) noexcept nogil:
    """Whether a role is in the place of the logits: the gradient is, which the kernels may write there."""
    return role == GRAD and has(problem, X)


cdef inline Py_ssize_t tile_bytes(const Problem* problem, int role, Py_ssize_t rows) noexcept nogil:
    """Of a role in a tile of so many samples, to the end of a cache line."""
    cdef Py_ssize_t bytes = tile_step(problem, role) * size_of(staged_kind(problem, role))
    if problem.view[role].data == NULL or shares_tile(problem, role):
        return 0
    if goes_by_row(problem, role):       # the next row of logits is looked at before this one is done with
        return 2 * whole_lines(bytes)
    return whole_lines(rows * bytes)


cdef inline Py_ssize_t samples_of_run(const Problem* problem) noexcept nogil:
    """How many samples are worth going from class to class for: those that are transposed at once, at least."""
    cdef Py_ssize_t size = size_of(problem.kind)
    cdef Py_ssize_t most = 2 * problem.tuning.stage_bytes // (problem.C * size) // LANES * LANES
    return max(<Py_ssize_t>LANES, min(most, RUN_BYTES // size))


cdef inline Py_ssize_t samples_of_block(const Problem* problem) noexcept nogil:
    """How many samples a block has: by classes, dtype and layout, never by how many there are."""
    cdef Py_ssize_t rows, C = problem.C if has(problem, X) else 1
    if problem.family == CLAMPED and is_plain(problem):
        C //= problem.tuning.gather_blocks
    rows = rows_of_block(&problem.tuning, C)
    return max(rows, samples_of_run(problem)) if classes_apart(problem) else rows


cdef inline Py_ssize_t samples_of_tile(const Problem* problem) noexcept nogil:
    """How many samples are gathered at once."""
    cdef Py_ssize_t rows, bytes = 1
    cdef int role
    for role in range(<int>ROLES):
        if has(problem, <Role>role) and not shares_tile(problem, role) and not goes_by_row(problem, role):
            bytes += numbers_of(problem, role) * size_of(staged_kind(problem, role))
    rows = whole_strips(max(<Py_ssize_t>1, problem.tuning.stage_bytes // bytes))
    if classes_apart(problem):
        rows = max(rows, samples_of_run(problem))
    return min(rows, samples_of_block(problem), problem.outer * problem.inner)


cdef inline Py_ssize_t staging_bytes(const Problem* problem) noexcept nogil:
    """Scratch that a tile takes."""
    cdef Py_ssize_t bytes = 0, rows
    cdef int role
    if problem.is_staged:
        rows = samples_of_tile(problem)
        for role in range(<int>ROLES):
            bytes += tile_bytes(problem, role, rows)
    return bytes


cdef inline bint lies_well(
    const Problem* problem, int role, Py_ssize_t start, Py_ssize_t n, Py_ssize_t* offset
) noexcept nogil:
    """Whether n samples can be read or written where they are, from an offset on."""
    cdef const View* view = &problem.view[role]
    return (
        view.data != NULL and view.kind == staged_kind(problem, role) and not view.unaligned and not view.swapped
        and (view.classes == size_of(view.kind) or numbers_of(problem, role) == 1)
        and locate(problem, role, start, offset) >= n
    )


cdef inline void gather(
    const Problem* problem, int role, Py_ssize_t start, Py_ssize_t n, Py_ssize_t rows, char* tile
) noexcept nogil:
    """Samples start ... start + n - 1 of an input, into a tile of `rows`."""
    cdef const View* view = &problem.view[role]
    cdef char* first
    cdef Py_ssize_t k, offset, run, C = numbers_of(problem, role), done = 0
    cdef Py_ssize_t step = last_step(problem, role), row_step = tile_step(problem, role)
    cdef Kind kind = staged_kind(problem, role)
    while done < n:
        run = min(locate(problem, role, start + done, &offset), n - done)
        if role == LABELS:
            read_labels(view, view.data + offset, step, run, <int64_t*>tile + done)
        elif C > 1 and by_class(problem):
            for k in range(C):
                first = view.data + offset + k * view.classes
                if 0 < step <= <Py_ssize_t>sizeof(double):       # the next tile's
                    prefetch_block(<const float*>(first + run * step), run * step // <Py_ssize_t>sizeof(float))
                if kind == FLOAT32:
                    read_numbers(view, first, step, run, <float*>tile + k * rows + done)
                else:
                    read_numbers(view, first, step, run, <double*>tile + k * rows + done)
        elif kind == FLOAT32:
            gather_run(view, view.data + offset, step, run, C, row_step, <float*>tile + done * row_step)
        else:
            gather_run(view, view.data + offset, step, run, C, row_step, <double*>tile + done * row_step)
        done += run


cdef inline void scatter(
    const Problem* problem, int role, Py_ssize_t start, Py_ssize_t n, Py_ssize_t rows, const char* tile
) noexcept nogil:
    """Samples start ... start + n - 1 of an output, from a tile of `rows`."""
    cdef const View* view = &problem.view[role]
    cdef char* first
    cdef Py_ssize_t k, offset, run, C = numbers_of(problem, role), done = 0
    cdef Py_ssize_t step = last_step(problem, role), row_step = tile_step(problem, role)
    while done < n:
        run = min(locate(problem, role, start + done, &offset), n - done)
        if C > 1 and by_class(problem):
            for k in range(C):
                first = view.data + offset + k * view.classes
                if 0 < step <= <Py_ssize_t>sizeof(double):
                    prefetch_block_to_write(
                        <const float*>(first + run * step), run * step // <Py_ssize_t>sizeof(float)
                    )
                if staged_kind(problem, role) == FLOAT32:
                    write_numbers(view, first, step, run, <const float*>tile + k * rows + done)
                else:
                    write_numbers(view, first, step, run, <const double*>tile + k * rows + done)
        elif staged_kind(problem, role) == FLOAT32:
            scatter_run(view, view.data + offset, step, run, C, row_step, <const float*>tile + done * row_step)
        else:
            scatter_run(view, view.data + offset, step, run, C, row_step, <const double*>tile + done * row_step)
        done += run


cdef inline View whereabouts(const Problem* problem, int role, Py_ssize_t start) noexcept nogil:
    """Where the samples lie that a tile stands for, from `start` on; data is NULL where classes are farther apart."""
    cdef View view = problem.view[role]
    cdef Py_ssize_t offset
    view.inner = last_step(problem, role)
    locate(problem, role, start, &offset)
    view.data = view.data + offset if 0 < view.classes <= 2 * size_of(view.kind) else NULL
    return view


cdef inline void gather_row(const Problem* here, Py_ssize_t i, char* row, char* shift) noexcept nogil:
    """The tile's row i of logits, and its shift."""
    cdef const View* view = &here.whole.view[<int>X]
    cdef Py_ssize_t offset
    locate(here.whole, <int>X, here.first + i, &offset)
    if here.kind == FLOAT32:
        read_row(view, view.data + offset, here.C, <float*>row, <float*>shift)
    else:
        read_row(view, view.data + offset, here.C, <double*>row, <double*>shift)


cdef inline void scatter_row(
    const Problem* here, Py_ssize_t i, const char* row, double factor, Py_ssize_t own, double own_grad
) noexcept nogil:
    """The gradient of the tile's row i, to where it belongs."""
    cdef const View* view = &here.whole.view[<int>GRAD]
    cdef Py_ssize_t offset
    locate(here.whole, <int>GRAD, here.first + i, &offset)
    if here.kind == FLOAT32:
        write_row(view, view.data + offset, here.C, <const float*>row, <float>factor, own, <float>own_grad)
    else:
        write_row(view, view.data + offset, here.C, <const double*>row, factor, own, own_grad)


cdef inline apart stage(
    const Problem* problem, Py_ssize_t start, Py_ssize_t n, Py_ssize_t rows, char* scratch, Problem* here   # out
) noexcept nogil:
    """The same problem for n samples that are gathered into a tile of `rows`."""
    cdef View* view
    cdef char* tile
    cdef char* tile_of_x = scratch
    cdef Py_ssize_t offset
    cdef int role
    here[0] = problem[0]
    here.is_staged = False
    here.outer = 1
    here.inner = n
    here.whole = problem
    here.first = start
    here.gather_row = gather_row
    here.scatter_row = scatter_row
    for role in range(<int>ROLES):
        view = &here.view[role]
        if view.data == NULL:
            continue
        tile = tile_of_x if shares_tile(problem, role) else scratch
        scratch += tile_bytes(problem, role, rows)
        # rows that go one by one: with the gradient stored where it belongs, AVX-512 took 1.08 to 1.16 times as long
        if lies_well(problem, role, start, n, &offset) and not (role == GRAD and here.view[<int>X].by_row):
            view.data += offset
            view.inner = last_step(problem, role)
            continue
        view.data = tile
        view.kind = staged_kind(problem, role)
        view.swapped = view.unaligned = False
        view.classes = view.inner = size_of(view.kind)
        view.by_row = goes_by_row(problem, role)
        view.outer = 0
        if numbers_of(problem, role) > 1 and by_class(problem):
            view.classes *= rows
        else:
            view.inner *= 0 if view.by_row else tile_step(problem, role)
        if role < LOSSES and not view.by_row:
            gather(problem, role, start, n, rows, view.data)
        if role == X:
            here.next = whereabouts(problem, role, start + (2 if view.by_row else n))
            here.next.by_row = view.by_row
        elif role == GRAD:
            here.home = whereabouts(problem, role, start + view.by_row)
            here.home.by_row = view.by_row


cdef inline apart unstage(
    const Problem* problem, Py_ssize_t start, Py_ssize_t n, Py_ssize_t rows, const Problem* here
) noexcept nogil:
    """The results, to where they belong."""
    cdef Py_ssize_t offset
    cdef int role
    for role in range(<int>LOSSES, <int>ROLES):
        if problem.view[role].data == NULL or here.view[role].by_row:
            continue
        if not lies_well(problem, role, start, n, &offset):
            scatter(problem, role, start, n, rows, here.view[role].data)
