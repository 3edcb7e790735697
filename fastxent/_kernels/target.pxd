"""A row's target t: a class index, a distribution or a row of the infogain matrix, with class weights and smoothing.

    t_k = w_k (keep d_k + share),   keep = 1 - a, share = a / C, d the distribution or one-hot row
"""

from cython cimport floating
from libc.stdint cimport int64_t, uint64_t

from fastxent._kernels.arithmetic.panel cimport clear_blocks
from fastxent._kernels.arithmetic.scalar cimport are_up_to
from fastxent._kernels.arrays.memory cimport LINE, prefetch, prefetch_block
from fastxent._kernels.arrays.operand cimport load, load_labels, times
from fastxent._kernels.arrays.soon cimport Soon, nothing_soon, soon_behind
from fastxent._kernels.arrays.transpose cimport Stored, transpose_in, transpose_rows_in
from fastxent._kernels.problem cimport (
    FLOAT32, FLOAT64, GRAD_OUTPUT, Kind, LABELS, SAMPLE_WEIGHT, TARGET, Problem, Strip, View, at, has,
    panels_of_strip, size_of,
)
from fastxent._kernels.ways cimport BATCH, GROUP, LANES


cdef inline bint is_index(const Problem* problem) noexcept nogil:
    """Whether a sample's target is a class index, smoothed or not."""
    return not has(problem, TARGET) and problem.infogain.data == NULL


cdef inline bint is_plain(const Problem* problem) noexcept nogil:
    """A class index without smoothing: t has one entry."""
    return is_index(problem) and problem.option.share == 0.0


cdef inline bint clamped_by_rows(const Problem* problem) noexcept nogil:
    """Whether the clamped loss goes from class to class of a sample; else from sample to sample of a class.

    With 64 classes both took about as long where classes lie side by side, and the latter .6 where they lie apart.
    """
    return not is_plain(problem) and problem.C >= 2 * LANES


cdef inline bint is_flat(const Problem* problem) noexcept nogil:
    """A class index: t_k = share but for the label's class."""
    return is_index(problem) and problem.weight == NULL


cdef inline const View* view_of_target(const Problem* problem) noexcept nogil:
    """Where t_k is read of all classes."""
    return &problem.infogain if problem.infogain.data != NULL else &problem.view[<int>TARGET]


cdef inline bint is_float_kind(Kind kind) noexcept nogil:
    return kind == FLOAT32 or kind == FLOAT64


cdef inline bint is_bare(const Problem* problem, const floating* _) noexcept nogil:
    """Whether t is what lies there, in the dtype that is computed in."""
    return (
        not is_index(problem) and problem.option.share == 0.0 and problem.weight == NULL
        and view_of_target(problem).kind == (FLOAT32 if sizeof(floating) == sizeof(float) else FLOAT64)
    )


cdef inline bint are_outside(const Problem* problem, const floating* t, Py_ssize_t n) noexcept nogil:
    """Whether one of n numbers is not in [0, high], if that is still to be looked at."""
    return problem.option.high > 0 and not are_up_to(t, n, <floating>problem.option.high)


cdef inline const char* row_of_target(const Problem* problem, const Strip* sample, int64_t y) noexcept nogil:
    """Where the first t_k of a strip's first sample lies."""
    if problem.infogain.data != NULL:
        return problem.infogain.data + y * problem.infogain.outer
    return at(&problem.view[<int>TARGET], sample.o, sample.i)


cdef inline double weight_of(const Problem* problem, int64_t k) noexcept nogil:
    return problem.weight[k] if problem.weight != NULL else 1.0


cdef inline double own_share(const Problem* problem, int64_t y) noexcept nogil:
    """t_y of a class index."""
    return weight_of(problem, y) * (problem.option.keep + problem.option.share)


cdef inline double others_share(const Problem* problem, int64_t y) noexcept nogil:
    """T - t_y of a class index, never a rounded difference."""
    cdef double rest = problem.other_weights[y] if problem.other_weights != NULL else <double>(problem.C - 1)
    return problem.option.share * rest


cdef inline void own_shares(const Problem* problem, const int64_t* y, Py_ssize_t n, double* own) noexcept nogil:
    """own_share of n class indices."""
    cdef Py_ssize_t j
    cdef double one
    if problem.weight == NULL:
        one = own_share(problem, 0)
        for j in range(n):
            own[j] = one
    else:
        for j in range(n):
            own[j] = own_share(problem, y[j])


cdef inline void others_shares(const Problem* problem, const int64_t* y, Py_ssize_t n, double* others) noexcept nogil:
    """others_share of n class indices."""
    cdef Py_ssize_t j
    cdef double all_others
    if problem.other_weights == NULL:
        all_others = others_share(problem, 0)
        for j in range(n):
            others[j] = all_others
    else:
        for j in range(n):
            others[j] = others_share(problem, y[j])


cdef inline Py_ssize_t labels_outside(const Problem* problem, const Strip* strip, int64_t* y) noexcept nogil:
    """y = a strip's labels; returns how many are no class, ignored or not."""
    cdef const View* labels = &problem.view[<int>LABELS]
    cdef uint64_t C = problem.C
    cdef int64_t outside = 0
    cdef Py_ssize_t j, n_bytes = strip.n * labels.inner
    cdef const char* first = at(labels, strip.o, strip.i)
    for j in range(n_bytes // LINE if labels.inner <= <Py_ssize_t>sizeof(int64_t) else 0):    # the next strip's
        prefetch(first + n_bytes + j * LINE)
    load_labels(first, labels.kind, labels.inner, strip.n, y)
    for j in range(strip.n):
        outside += <uint64_t>y[j] >= C    # negative ones too
    return outside


cdef inline int64_t labels_ignored(const Problem* problem, const int64_t* y, Py_ssize_t n) noexcept nogil:
    """How many of n labels are ignored."""
    cdef int64_t count = 0
    cdef Py_ssize_t j
    if problem.option.has_ignored:
        for j in range(n):
            count += y[j] == problem.option.ignored
    return count


cdef inline Py_ssize_t read_samples(
    const Problem* problem,
    const Strip* strip,
    int64_t* y,                  # out  (n,) the class; 0 for an ignored sample and for a label that is no class
    double* weight,              # out  (n,) v_i; 0 for the same samples
) noexcept nogil:
    """Labels and weights of a strip; returns how many labels are neither class nor ignored."""
    cdef Py_ssize_t j, n = strip.n
    cdef int64_t outside, bad
    cdef int64_t C = problem.C, ignored = problem.option.ignored if problem.option.has_ignored else -1
    for j in range(n):
        weight[j] = 1.0
    times(&problem.view[<int>SAMPLE_WEIGHT], strip, weight)
    if not has(problem, LABELS):
        for j in range(n):
            y[j] = 0
        return 0
    outside = labels_outside(problem, strip, y)
    if 0 <= ignored < C:
        bad = outside
    elif outside > 0:
        bad = outside - labels_ignored(problem, y, n)
    else:
        return 0
    for j in range(n):
        weight[j] = 0.0 if (y[j] < 0) | (y[j] >= C) | (y[j] == ignored) else weight[j]
        y[j] = 0 if (y[j] < 0) | (y[j] >= C) | (y[j] == ignored) else y[j]
    return bad


cdef inline void read_scales(
    const Problem* problem, const Strip* strip, const double* weight, double* scale
) noexcept nogil:
    """What each sample's gradient is multiplied by: v_i grad_output / D."""
    cdef Py_ssize_t j
    for j in range(strip.n):
        scale[j] = weight[j] * problem.option.scale
    times(&problem.view[<int>GRAD_OUTPUT], strip, scale)


cdef inline void target_of_classes(
    const Problem* problem, const Strip* sample, int64_t y, Py_ssize_t k, Py_ssize_t n, double* t
) noexcept nogil:
    """t = the target of a strip's first sample for the classes k ... k + n - 1."""
    cdef Py_ssize_t j
    cdef const View* view = view_of_target(problem)
    if is_index(problem):
        for j in range(n):
            t[j] = 0.0
    else:
        load(row_of_target(problem, sample, y) + k * view.classes, view.kind, view.classes, n, t)
    if problem.option.share != 0.0 or problem.weight != NULL:
        for j in range(n):
            t[j] = weight_of(problem, k + j) * (problem.option.keep * t[j] + problem.option.share)
    if is_index(problem) and k <= y < k + n:
        t[y - k] = own_share(problem, y)


cdef inline void target_of_samples(
    const Problem* problem, const Strip* strip, const int64_t* y, Py_ssize_t k, double* t
) noexcept nogil:
    """t = the target for class k of a strip's samples, whose rows in the matrix are y, if there is one."""
    cdef const char* first
    cdef Py_ssize_t j
    if problem.infogain.data != NULL:
        first = problem.infogain.data + k * problem.infogain.classes
        for j in range(strip.n if problem.infogain.kind == FLOAT64 else 0):
            t[j] = (<const double*>(first + y[j] * problem.infogain.outer))[0]
        for j in range(strip.n if problem.infogain.kind == FLOAT32 else 0):
            t[j] = (<const float*>(first + y[j] * problem.infogain.outer))[0]
        for j in range(strip.n if not is_float_kind(problem.infogain.kind) else 0):
            load(first + y[j] * problem.infogain.outer, problem.infogain.kind, 0, 1, t + j)
    else:
        load(
            at(&problem.view[<int>TARGET], strip.o, strip.i) + k * problem.view[<int>TARGET].classes,
            problem.view[<int>TARGET].kind, problem.view[<int>TARGET].inner, strip.n, t
        )
    if problem.option.share != 0.0 or problem.weight != NULL:
        for j in range(strip.n):
            t[j] = weight_of(problem, k) * (problem.option.keep * t[j] + problem.option.share)


cdef inline floating narrowed(double t, floating _) noexcept nogil:
    """t in the dtype that is computed in; what is not 0 stays so."""
    cdef floating result = <floating>t
    if floating is float:
        return <float>1.401298464324817e-45 if (t > 0) & (result == 0) else result
    else:
        return result


cdef inline void shares_of(
    const Stored* d, const double* weight, double keep, double share, Py_ssize_t n, floating* t
) noexcept nogil:
    """t = w (keep d + share), narrowed, of n classes of a sample; weight: NULL for 1."""
    cdef Py_ssize_t j
    if weight != NULL:
        for j in range(n):
            t[j] = narrowed(weight[j] * (keep * <double>d[j] + share), <floating>0.0)
    elif share != 0.0:
        for j in range(n):
            t[j] = narrowed(keep * <double>d[j] + share, <floating>0.0)
    else:
        for j in range(n):
            t[j] = narrowed(<double>d[j], <floating>0.0)


cdef inline void shares_of_group(
    const Stored* x, const Problem* problem, Py_ssize_t sample_step, Py_ssize_t class_step,
    Py_ssize_t first, Py_ssize_t n_classes, Py_ssize_t n,
    floating* t                  # out  n_classes x LANES
) noexcept nogil:
    """The same of n samples of a panel and up to GROUP classes; missing samples as if d were 0."""
    cdef Stored d[GROUP * LANES]
    cdef double weight, keep = problem.option.keep, share = problem.option.share
    cdef Py_ssize_t j, k
    transpose_in(x + first * class_step, sample_step, class_step, n_classes, n, d)
    for k in range(n_classes):
        weight = weight_of(problem, first + k)
        for j in range(LANES):
            t[k * LANES + j] = narrowed(weight * (keep * <double>d[k * LANES + j] + share), <floating>0.0)


cdef inline void target_of_group(
    const Problem* problem, const Strip* part, const int64_t* y, Py_ssize_t first, Py_ssize_t n_classes,
    floating* t                  # out  n_classes x LANES
) noexcept nogil:
    """The target of a panel's samples for up to GROUP classes, side by side."""
    cdef double values[LANES]
    cdef double own, other
    cdef const View* view = view_of_target(problem)
    cdef Py_ssize_t j, k, size = size_of(view.kind)
    cdef const char* row
    if has(problem, TARGET) and is_float_kind(view.kind):
        row = row_of_target(problem, part, 0)
        if view.kind == FLOAT64:
            shares_of_group(
                <const double*>row, problem, view.inner // size, view.classes // size, first, n_classes, part.n, t
            )
        else:
            shares_of_group(
                <const float*>row, problem, view.inner // size, view.classes // size, first, n_classes, part.n, t
            )
        return
    for j in range(LANES):
        values[j] = 0.0
    for k in range(n_classes):
        if is_index(problem):
            own = own_share(problem, first + k)
            other = weight_of(problem, first + k) * problem.option.share
            for j in range(LANES):
                values[j] = own if y[j] == first + k else other
        else:
            target_of_samples(problem, part, y, first + k, values)
        for j in range(LANES):
            t[k * LANES + j] = narrowed(values[j], <floating>0.0)


cdef inline void target_by_groups(
    const Problem* problem, const Strip* part, const int64_t* y, floating* t       # out  C x LANES
) noexcept nogil:
    """The same for all classes."""
    cdef Py_ssize_t first, group
    for group in range((problem.C + GROUP - 1) // GROUP):
        first = group * GROUP
        target_of_group(problem, part, y, first, min(<Py_ssize_t>GROUP, problem.C - first), t + first * LANES)


cdef inline bint are_row(const Problem* problem, const floating* _) noexcept nogil:
    """Whether the target's classes can be read where they lie, one behind the other."""
    return is_bare(problem, _) and view_of_target(problem).classes == <Py_ssize_t>sizeof(floating)


cdef inline const floating* classes_of_target(
    const Problem* problem, const Strip* sample, int64_t y, Py_ssize_t k, Py_ssize_t n, floating* room
) noexcept nogil:
    """target_of_classes for n <= BATCH classes, where they lie or in `room`."""
    cdef double t[BATCH]
    cdef Py_ssize_t j
    cdef const View* view = view_of_target(problem)
    cdef const char* first
    cdef const double* weight
    if are_row(problem, room):
        return <const floating*>row_of_target(problem, sample, y) + k
    if has(problem, TARGET) and is_float_kind(view.kind) and view.classes == size_of(view.kind):
        first = row_of_target(problem, sample, y) + k * view.classes
        weight = problem.weight + k if problem.weight != NULL else <const double*>NULL
        if view.kind == FLOAT64:
            shares_of(<const double*>first, weight, problem.option.keep, problem.option.share, n, room)
        else:
            shares_of(<const float*>first, weight, problem.option.keep, problem.option.share, n, room)
        return room
    target_of_classes(problem, sample, y, k, n, t)
    for j in range(n):
        room[j] = narrowed(t[j], <floating>0.0)
    return room


cdef inline const floating* row_of_classes(
    const Problem* problem,
    const Strip* sample,
    int64_t y,
    Py_ssize_t ahead,            # what will be needed soon lies so many bytes behind the row
    floating* room,              # out  (C,), if they lie otherwise
) noexcept nogil:
    """The target of a strip's first sample for all classes."""
    cdef Py_ssize_t batch, k, n, step = view_of_target(problem).classes
    cdef const char* row = row_of_target(problem, sample, y)
    if are_row(problem, room):
        return <const floating*>row
    for batch in range((problem.C + BATCH - 1) // BATCH):
        k = batch * BATCH
        n = min(<Py_ssize_t>BATCH, problem.C - k)
        if 0 < step <= <Py_ssize_t>sizeof(double):
            prefetch_block(<const float*>(row + k * step + ahead), (n * step + LINE) // <Py_ssize_t>sizeof(float))
        classes_of_target(problem, sample, y, k, n, room + k)
    return room


cdef inline Soon targets_soon(const Problem* problem, const Strip* part, const floating* _) noexcept nogil:
    """The distributions of the next strip's panel, where they lie one after the other as they are computed."""
    cdef const View* view = view_of_target(problem)
    if is_index(problem) or not are_row(problem, _) or view.inner != problem.C * <Py_ssize_t>sizeof(floating):
        return nothing_soon()
    return soon_behind(
        <const floating*>row_of_target(problem, part, 0), panels_of_strip(problem) * LANES * problem.C
    )


cdef inline void panel_of_target(
    const Problem* problem, const Strip* part, const int64_t* y, floating* t   # out  whole_groups(C) x LANES
) noexcept nogil:
    """The target of a panel's samples, side by side, missing samples 0; of a class index the weights alone.

    Behind its classes zeros, as far as add_dots reads.
    """
    cdef floating row[LANES]
    cdef const View* view = view_of_target(problem)
    cdef const floating* found
    cdef floating same
    cdef Py_ssize_t block, j, k, n
    if problem.infogain.data != NULL and are_row(problem, t):
        transpose_rows_in(<const floating*>problem.infogain.data, problem.infogain.outer, y, problem.C, t)
    elif problem.infogain.data != NULL:
        for block in range((problem.C + LANES - 1) // LANES):
            n = min(<Py_ssize_t>LANES, problem.C - block * LANES)
            for j in range(LANES):
                found = classes_of_target(problem, part, y[j], block * LANES, n, row)
                for k in range(n):
                    t[(block * LANES + k) * LANES + j] = found[k]
    elif is_bare(problem, t):
        transpose_in(
            <const floating*>row_of_target(problem, part, 0), view.inner // <Py_ssize_t>sizeof(floating),
            view.classes // <Py_ssize_t>sizeof(floating), problem.C, part.n, t
        )
    elif is_index(problem):
        for k in range(problem.C):
            same = narrowed(problem.weight[k], <floating>0.0)
            for j in range(LANES):
                t[k * LANES + j] = same
    else:
        target_by_groups(problem, part, y, t)
    n = (problem.C - 1) % GROUP + 1
    clear_blocks(n, t + (problem.C - n) * LANES)
