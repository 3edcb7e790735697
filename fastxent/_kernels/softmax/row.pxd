"""Softmax cross entropy of rows of contiguous classes; terms.pxd has the formulas."""

from cython cimport floating
from libc.float cimport FLT_MIN
from libc.string cimport memset

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.arithmetic.lanes cimport Lanes
from fastxent._kernels.arithmetic.panel cimport MAXIMUM, SHIFT, SUMS, TOP, clear_blocks
from fastxent._kernels.arithmetic.row cimport row_exp, row_scale, row_shift, row_sums
from fastxent._kernels.arithmetic.scalar cimport rounded
from fastxent._kernels.arithmetic.sums cimport sum_lanes
from fastxent._kernels.arrays.memory cimport LINE, prefetch_block, prefetch_block_to_write, whole_lines
from fastxent._kernels.arrays.output cimport by_rule
from fastxent._kernels.arrays.soon cimport Soon, far_if, soon_of
from fastxent._kernels.focal.row cimport finish_focal_row
from fastxent._kernels.problem cimport FLOAT64, GRAD, HESS, X, Problem, Strip, View, at, has, size_of
from fastxent._kernels.softmax.sums cimport add_dots, clear_sums, largest_of_lanes, row_gaps
from fastxent._kernels.softmax.terms cimport Row, entry, quotient_rest, slope_of, sum_rest
from fastxent._kernels.strips cimport part_of
from fastxent._kernels.target cimport (
    are_outside, is_flat, is_index, is_plain, narrowed, others_share, own_share, read_samples, read_scales,
    row_of_classes, target_of_classes, view_of_target, weight_of,
)
from fastxent._kernels.ways cimport BATCH, GROUP, LANES, SHORT

cdef enum:
    AHEAD = 512      # elements that are asked for before they are needed, in longer rows


cdef inline double wide_dot(
    const floating* x, floating m, const Problem* problem, const Strip* sample, Py_ssize_t y
) noexcept nogil:
    """sum_k t_k (m - x_k) in double, of the t_k that row_dot takes; but of what is no normal float32 as it is."""
    cdef double t[BATCH]
    cdef double dot = 0.0, share
    cdef Py_ssize_t batch, j, k, n
    for batch in range((problem.C + BATCH - 1) // BATCH):
        k = batch * BATCH
        n = min(<Py_ssize_t>BATCH, problem.C - k)
        target_of_classes(problem, sample, y, k, n, t)
        for j in range(n):
            share = t[j] if t[j] < FLT_MIN else <double><floating>t[j]
            dot += share * (<double>m - <double>x[k + j]) if share > 0 else 0.0
    return dot


cdef inline void row_dot(
    const floating* x,           # in   (C,)
    const floating* t,           # in   (C,)
    Py_ssize_t C,
    const floating* m,           # in   (LANES,)
    bint with_total,             # else dot alone is wanted
    Py_ssize_t ahead,            # what will be needed soon lies so many bytes behind t
    Row* row,                    # out
) noexcept nogil:
    """dot, total and own, for a t_k of each class."""
    cdef floating high[2 * LANES]
    cdef floating low[2 * LANES]
    cdef floating most[LANES]
    cdef floating last[BATCH]
    cdef floating last_t[BATCH]
    cdef const floating* soon = <const floating*>(<const char*>t + ahead)
    cdef Py_ssize_t batch, blocks, j, k = C // BATCH * BATCH, n = C - k, line = LINE // <Py_ssize_t>sizeof(floating)
    clear_sums(high, low, most)
    for batch in range(C // BATCH):
        prefetch_block(soon + batch * BATCH, BATCH)
        add_dots(x + batch * BATCH, t + batch * BATCH, GROUP, m, with_total, high, low, most)
    if n > 0:
        prefetch_block(soon + k, n + line)    # to the end of the last line, wherever in one the row begins
        for j in range(n):
            last[j] = x[k + j]
        for j in range(n):
            last_t[j] = t[k + j]
        blocks = (n + LANES - 1) // LANES
        for j in range(n, blocks * LANES):
            last[j] = last_t[j] = <floating>0.0
        clear_blocks(blocks, last)
        clear_blocks(blocks, last_t)
        add_dots(<const floating*>last, <const floating*>last_t, blocks, m, with_total, high, low, most)
    row.dot = sum_lanes(high, low)
    if with_total:
        row.own_t = largest_of_lanes(<const floating*>most, high + LANES, low + LANES, &row.others)
        row.total = row.own_t + row.others
        row.own = place_of(t, C, <floating>row.own_t) if row.own_t > row.others else -1


cdef inline Py_ssize_t place_of(const floating* values, Py_ssize_t n, floating wanted) noexcept nogil:
    """Where the first of n numbers is that has a value, or -1."""
    cdef Py_ssize_t block, k
    cdef int j, place
    for block in range(n // LANES):
        place = LANES
        for j in range(LANES):
            place = min(place, j if values[block * LANES + j] == wanted else LANES)
        if place < LANES:
            return block * LANES + place
    for k in range(n // LANES * LANES, n):
        if values[k] == wanted:
            return k
    return -1


cdef inline void label_dot(
    const floating* x, const floating* m, const Problem* problem, Py_ssize_t y,
    const floating* weight,      # in   (C,) the classes' weights, if there are any and all count
    Row* row,                    # out
) noexcept nogil:
    """The same for a class index: in closed form unless classes are weighted."""
    cdef double gap = <double>m[0] - x[y]
    row.own_x = x[y]
    row.dot = 0.0
    if is_plain(problem):
        row.total = own_share(problem, y)
        row.others = 0.0
        row.dot = row.total * gap if row.total > 0 else 0.0
    else:
        if is_flat(problem):
            row.dot = row_gaps(x, problem.C, m)
        else:
            row_dot(x, weight, problem.C, m, False, 0, row)
        row.dot = problem.option.share * row.dot
        if weight_of(problem, y) * problem.option.keep > 0:
            row.dot += weight_of(problem, y) * problem.option.keep * gap
        row.others = others_share(problem, y)
        row.total = own_share(problem, y) + row.others
    row.own = y
    row.own_t = own_share(problem, y)


cdef inline void row_subtract(
    floating* e, const floating* t, Py_ssize_t n, floating factor, floating scale
) noexcept nogil:
    """e = factor e - scale t."""
    cdef Py_ssize_t k
    for k in range(n):
        e[k] = e[k] * factor - rounded(t[k] * scale)


cdef inline void row_lower(floating* e, Py_ssize_t n, floating factor, floating less) noexcept nogil:
    """e = factor e - less."""
    cdef Py_ssize_t k
    for k in range(n):
        e[k] = e[k] * factor - less


cdef inline void row_hess(
    const floating* e, floating* hess, Py_ssize_t n, floating top, double a, double b, double spread, double s
) noexcept nogil:
    """hess = a e o + b e^2; the next row's is asked for."""
    cdef floating p = <floating>a, q = <floating>b, most = <floating>spread, whole = <floating>s
    cdef Py_ssize_t batch, k
    for batch in range((n + BATCH - 1) // BATCH):
        prefetch_block_to_write(hess + n + batch * BATCH, BATCH)
        for k in range(batch * BATCH, min(n, (batch + 1) * BATCH)):
            hess[k] = e[k] * (p * (most if e[k] == top else whole - e[k]) + q * e[k])


cdef inline double finish_row(
    Row* row,
    const floating* shift,       # in   (SHIFT,)
    const floating* sums,        # in   (SUMS,)
    const Problem* problem,
    const floating* t,           # in   (C,), or the classes' weights; not read where a label has closed forms
    floating* grad,              # out  (C,) holds the exponentials, may be NULL
    floating* hess,              # out  (C,), may be NULL
    double* spread,              # out
) noexcept nogil:
    """The exponentials of one row become its gradient over row.factor. Returns c lse^2, and its spread over its top."""
    cdef double share = problem.option.share if is_index(problem) else 1.0
    cdef double top = shift[TOP], ties, rest, own_e, factor
    cdef double z_loss = problem.option.z_loss, lse = 0.0, factor_low = 0.0
    cdef floating slope
    row_sums(sums, &ties, &rest)
    row.s = ties * top + rest
    row.spread = (ties - 1.0) * top + rest
    spread[0] = row.spread / top
    if z_loss != 0.0:
        lse = shift[MAXIMUM] + scalar.log1p(spread[0])
    row.z_slope = 2.0 * z_loss * lse
    if hess != NULL:
        row_hess(
            grad, hess, problem.C, shift[TOP], row.scale * (row.total + row.z_slope) / (row.s * row.s),
            row.scale * 2.0 * z_loss / (row.s * row.s), row.spread, row.s
        )
    if grad != NULL:
        own_e = grad[row.own] if row.own >= 0 else 0.0
        factor = row.scale / row.s
        if floating is double:
            factor_low = quotient_rest(factor, row.scale, row.s, sum_rest(row.s, top, ties, rest))
        slope = slope_of(row.own_t, row.others, row.z_slope, factor, factor_low, <floating>0.0)
        if is_plain(problem):
            row.factor = slope
        elif is_flat(problem):
            row_lower(grad, problem.C, slope, <floating>(row.scale * share))
        else:
            row_subtract(grad, t, problem.C, slope, <floating>(row.scale * share))
        if row.own >= 0:
            row.own_grad = entry(
                own_e, top, row.own_t, row.others, row.z_slope, row.spread, row.s, row.scale, factor, factor_low
            )
    return z_loss * lse * lse


cdef inline Py_ssize_t row_room(const Problem* problem) noexcept nogil:
    """The numbers of scratch that a strip takes: a row's t_k, or class weights, in the dtype that is computed in."""
    return 0 if is_plain(problem) or is_flat(problem) else problem.C


cdef inline const floating* look_at_row(
    const floating* x, const Problem* problem, const Strip* strip, Py_ssize_t j,
    floating* shift,             # out  (SHIFT,)
) noexcept nogil:
    """Row j of a strip that begins at x; rows that are gathered one by one take two places in turn."""
    cdef const View* view = &problem.view[<int>X]
    cdef const floating* row = <const floating*>(<const char*>x + j * view.inner)
    if view.by_row:
        row = <const floating*>(<const char*>x + j % 2 * whole_lines(problem.C * sizeof(floating)))
        problem.gather_row(problem, strip.i + j, <char*>row, <char*>shift)
    else:
        row_shift(row, problem.C, shift)
    return row


cdef inline bint is_far(const Problem* problem, bint short_rows) noexcept nogil:
    """Whether rows that come are asked for into the level-2 cache: that of level 1 has no room for them as well."""
    cdef Py_ssize_t arrays = 2 + has(problem, HESS) + (not is_index(problem))
    if not has(problem, GRAD):
        return False
    return problem.kind == FLOAT64 or (
        short_rows and arrays * problem.C * size_of(problem.kind) > problem.tuning.close_bytes
    )


cdef inline Py_ssize_t softmax_rows(
    const floating* x,           # in   n <= LANES rows of C >= LANES classes
    const Problem* problem,
    const Strip* strip,
    floating* room,              # for row_room numbers
    double* losses,              # out  (n,) v_i l_i
) noexcept nogil:
    """Returns how many labels are no class.

    Where rows are short, the next row's maximum is looked for before this row's sums are added up: a processor does
    both at once. Logarithms are taken of all rows together, side by side.
    """
    cdef Lanes lanes
    cdef Row row
    cdef Strip sample
    cdef floating shift[2][SHIFT]
    cdef floating sums[SUMS]
    cdef double spread[LANES]
    cdef double log_s[LANES]
    cdef double dot[LANES]
    cdef double total[LANES]
    cdef const floating* t = room
    cdef const floating* x_j = NULL
    cdef const floating* x_next = NULL
    cdef floating* g
    cdef floating* h
    cdef Py_ssize_t j, y, C = problem.C, bad = read_samples(problem, strip, lanes.y, lanes.weight)
    cdef Py_ssize_t step = problem.view[<int>X].inner // <Py_ssize_t>sizeof(floating)
    cdef bint short_rows = C * <Py_ssize_t>sizeof(floating) <= SHORT
    cdef bint far = is_far(problem, short_rows)
    cdef Soon next, home
    cdef Py_ssize_t ahead = 2 * step if short_rows else AHEAD, e_ahead = AHEAD
    cdef Py_ssize_t t_ahead = AHEAD * <Py_ssize_t>sizeof(floating)
    if short_rows:
        e_ahead = problem.view[<int>GRAD].inner // <Py_ssize_t>sizeof(floating)
        t_ahead = 2 * view_of_target(problem).inner
    read_scales(problem, strip, lanes.weight, lanes.scale)
    if is_index(problem):
        for j in range(row_room(problem)):
            room[j] = narrowed(problem.weight[j], <floating>0.0)
    for j in range(strip.n):
        sample = part_of(strip, j)
        if j == 0 or not short_rows:
            x_next = look_at_row(x, problem, strip, j, shift[j % 2])
        x_j = x_next
        y = lanes.y[j]
        g = <floating*>at(&problem.view[<int>GRAD], sample.o, sample.i)
        if problem.view[<int>GRAD].by_row and problem.view[<int>X].by_row:
            g = <floating*>x_j
        h = <floating*>at(&problem.view[<int>HESS], sample.o, sample.i)
        row.scale = lanes.scale[j]
        if is_index(problem):
            label_dot(x_j, shift[j % 2] + MAXIMUM, problem, y, t, &row)
        else:
            t = row_of_classes(problem, &sample, y, t_ahead, room)
            bad += are_outside(problem, t, C)
            row_dot(x_j, t, C, shift[j % 2] + MAXIMUM, True, t_ahead if t != room else 0, &row)
        if floating is float:
            if row.dot - row.dot != 0:
                row.dot = wide_dot(x_j, shift[j % 2][MAXIMUM], problem, &sample, y)
        next = far_if(far, soon_of(&problem.next, strip.i + j, x_j, ahead))
        home = far_if(far, soon_of(&problem.home, strip.i + j, <const floating*>g, e_ahead))
        row_exp(x_j, C, shift[j % 2], next, g, home, sums)
        if short_rows and j + 1 < strip.n:
            x_next = look_at_row(x, problem, strip, j + 1, shift[(j + 1) % 2])
        row.factor = 1.0
        if problem.option.is_focal:
            losses[j] = finish_focal_row(&row, shift[j % 2], <const floating*>sums, problem, y, g, h)
        else:
            losses[j] = finish_row(&row, shift[j % 2], <const floating*>sums, problem, t, g, h, spread + j)
            dot[j] = row.dot
            total[j] = row.total
        if lanes.weight[j] == 0.0:
            if g != NULL:
                memset(g, 0, C * sizeof(floating))
                row.factor = 1.0
                row.own = -1
            if h != NULL:
                memset(h, 0, C * sizeof(floating))
        if h != NULL:
            by_rule(&problem.option, C, h)
        if problem.view[<int>GRAD].by_row:
            problem.scatter_row(problem, strip.i + j, <const char*>g, row.factor, row.own, row.own_grad)
        elif g != NULL:
            if is_plain(problem):
                row_scale(g, <floating>row.factor, C)
            if row.own >= 0:
                g[row.own] = <floating>row.own_grad
    if not problem.option.is_focal:
        for j in range(strip.n, LANES):
            spread[j] = 0.0
        for j in range(LANES):
            log_s[j] = scalar.log1p(spread[j])
        for j in range(strip.n):
            losses[j] = (dot[j] + total[j] * log_s[j]) + losses[j]
    for j in range(strip.n):
        losses[j] = lanes.weight[j] * losses[j] if lanes.weight[j] != 0 else 0.0
    return bad
