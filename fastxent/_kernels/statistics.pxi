# What a row of logits says of its target, in one pass.
#
#     log p_y = (x_y - m) - log1p(s - 1)    lse = m + log1p(s - 1)    s = sum_k e_k    e_k = exp(x_k - m)
#     entropy = log1p(s - 1) + sum_k e_k (m - x_k) / s    rank = number of x_k > x_y    predicted = first x_k = m

from cython cimport floating
from libc.math cimport INFINITY, NAN
from libc.stdint cimport int64_t

from fastxent._kernels cimport scalar
from fastxent._kernels.lanes cimport Lanes
from fastxent._kernels.memory cimport prefetch_block
from fastxent._kernels.panel cimport (
    MAXIMUM, REST, REST_LOW, SHIFT, SUMS, TIES, TOP, add_group, exp_block, panel_exp, panel_max, panel_pick, shift_by,
)
from fastxent._kernels.problem cimport LOSSES, X, Problem, Strip, at, side_by_side
from fastxent._kernels.row cimport row_shift
from fastxent._kernels.softmax_row cimport AHEAD, SHORT, place_of
from fastxent._kernels.softmax_sums cimport add_pulls
from fastxent._kernels.strips cimport strip_at
from fastxent._kernels.sums cimport Total, count_lanes, sum_lanes, total_of
from fastxent._kernels.target cimport read_samples
from fastxent._kernels.transpose cimport transpose_in
from fastxent._kernels.ways cimport BATCH, GROUP, LANES, whole_groups


cdef struct FloatStatistics:     # one sample's, as the door's array has them
    float log_prob
    float lse
    float entropy
    float unused
    int64_t predicted
    int64_t rank


cdef struct DoubleStatistics:
    double log_prob
    double lse
    double entropy
    int64_t predicted
    int64_t rank


cdef inline void store_statistics(
    char* out, double log_prob, double lse, double entropy, int64_t predicted, int64_t rank, floating _
) noexcept nogil:
    if floating is float:
        (<FloatStatistics*>out)[0] = FloatStatistics(
            <float>log_prob, <float>lse, <float>entropy, <float>0.0, predicted, rank
        )
    else:
        (<DoubleStatistics*>out)[0] = DoubleStatistics(log_prob, lse, entropy, predicted, rank)


cdef inline Py_ssize_t first_nan(const floating* x, Py_ssize_t step, Py_ssize_t C) noexcept nogil:
    """The first class that is nan, or -1."""
    cdef Py_ssize_t k
    for k in range(C):
        if x[k * step] != x[k * step]:
            return k
    return -1


cdef inline void describe(
    char* out, const floating* x, Py_ssize_t step, Py_ssize_t C,   # the row, for what is not finite
    floating m, double own_gap, double log_s, double spread_of, int64_t predicted, int64_t rank
) noexcept nogil:
    """One sample's statistics: own_gap = m - x_y, spread_of = sum_k e_k (m - x_k) / s."""
    cdef double lse = <double>m + log_s
    cdef Py_ssize_t odd = -1
    if log_s != log_s or m - m != 0:
        odd = first_nan(x, step, C)
        lse = <double>m if odd < 0 else NAN
        own_gap = NAN
        predicted = odd if odd >= 0 else predicted
    store_statistics(out, -(own_gap + log_s), lse, log_s + spread_of, predicted, rank, m)


cdef inline void ignore(char* out, floating _) noexcept nogil:
    store_statistics(out, NAN, NAN, NAN, -1, -1, _)


cdef inline const floating* batch_of(
    const floating* x, Py_ssize_t C, Py_ssize_t first, floating* room      # (BATCH,)
) noexcept nogil:
    """The BATCH classes of a row from `first` on: where they lie, or filled up with -inf.

    The last block is filled up at its start, which row_exp leaves to the block before: the sums have its bits.
    """
    cdef Py_ssize_t k, n = C - first, whole = n // LANES * LANES
    if n >= BATCH:
        return x + first
    for k in range(BATCH):
        room[k] = -INFINITY
    for k in range(whole):
        room[k] = x[first + k]
    for k in range(whole, n):
        room[k + LANES - (n - whole)] = x[first + k]
    return room


cdef inline floating count_of(const floating* count) noexcept nogil:
    """The sum of LANES small whole numbers."""
    cdef floating part[8]
    cdef Py_ssize_t j
    for j in range(8):
        part[j] = (count[j] + count[8 + j]) + (count[16 + j] + count[24 + j])
    return ((part[0] + part[1]) + (part[2] + part[3])) + ((part[4] + part[5]) + (part[6] + part[7]))


cdef inline void count_above(const floating* x, floating own, floating* above) noexcept nogil:
    """above += those of a batch that exceed the target's logit, in each lane."""
    cdef Py_ssize_t j, k
    for k in range(GROUP):
        for j in range(LANES):
            above[j] += <floating>1.0 if x[k * LANES + j] > own else <floating>0.0


cdef inline void statistics_row(
    const floating* x, Py_ssize_t C, Py_ssize_t y,                # C >= LANES
    const floating* shift,         # in   (SHIFT,)
    Py_ssize_t ahead,              # what will be needed soon lies so many elements behind x
    const floating* next_row,      # in   (C,), or NULL
    floating* next_shift,          # out  (SHIFT,) the next row's: a processor looks for its maximum beside the sums
    char* out
) noexcept nogil:
    cdef floating sums[SUMS]
    cdef floating pulls[2 * LANES]
    cdef floating above[LANES]
    cdef floating v[BATCH]
    cdef floating room[BATCH]
    cdef const floating* batch
    cdef double top, rest, ties, s, log_s
    cdef Py_ssize_t block, first, j, k, predicted = -1
    cdef floating found = <floating>0.0, before
    for j in range(SUMS):
        sums[j] = <floating>0.0
    for j in range(2 * LANES):
        pulls[j] = <floating>0.0
    for j in range(LANES):
        above[j] = <floating>0.0
    for block in range((C + BATCH - 1) // BATCH):
        first = block * BATCH
        batch = batch_of(x, C, first, room)
        for k in range(GROUP):
            prefetch_block(x + first + k * LANES + ahead, LANES)
            exp_block(batch + k * LANES, shift, v + k * LANES)
        add_group(v, GROUP, shift, sums)
        add_pulls(batch, v, shift + MAXIMUM, pulls, pulls + LANES)
        count_above(batch, x[y], above)
        if predicted < 0:        # a maximum counts as a tie; so does what rounds to it
            before = found
            found = count_of(sums + TIES)
            if found != before:
                predicted = place_of(x + first, min(<Py_ssize_t>BATCH, C - first), shift[MAXIMUM])
                predicted += first if predicted >= 0 else 0
    if next_row != NULL:
        row_shift(next_row, C, next_shift)
    top = shift[TOP]
    ties = count_lanes(sums + TIES)
    rest = sum_lanes(sums + REST, sums + REST_LOW)
    s = ties * top + rest
    log_s = scalar.log1p(((ties - 1.0) * top + rest) / top)
    if predicted < 0:            # the maximum is infinite
        predicted = place_of(x, C, shift[MAXIMUM])
    describe(
        out, x, 1, C, shift[MAXIMUM], <double>shift[MAXIMUM] - x[y], log_s, sum_lanes(pulls, pulls + LANES) / s,
        predicted, <int64_t>count_lanes(above)
    )


cdef inline void statistics_rows(
    const floating* x, Py_ssize_t step,      # in   strip.n rows
    const Problem* problem, const Strip* strip, const int64_t* y, const double* weight
) noexcept nogil:
    cdef floating shift[2][SHIFT]
    cdef Py_ssize_t j, C = problem.C
    cdef bint short_rows = C * <Py_ssize_t>sizeof(floating) <= SHORT
    cdef Py_ssize_t ahead = 2 * step if short_rows else AHEAD
    cdef const floating* next_row
    cdef char* out
    if problem.ahead != 0:
        ahead = problem.ahead // <Py_ssize_t>sizeof(floating)
    for j in range(strip.n):
        out = at(&problem.view[<int>LOSSES], strip.o, strip.i + j)
        if j == 0 or not short_rows or weight[j - 1] == 0:
            row_shift(x + j * step, C, shift[j % 2])
        if weight[j] == 0:
            ignore(out, <floating>0.0)
            continue
        next_row = x + (j + 1) * step if short_rows and j + 1 < strip.n else <const floating*>NULL
        statistics_row(x + j * step, C, y[j], shift[j % 2], ahead, next_row, shift[(j + 1) % 2], out)


cdef inline void statistics_panel(
    const floating* x,           # in   C x LANES and what lies behind, of part.n samples
    const Problem* problem, const Strip* part, const int64_t* y, const double* weight,
    floating* e,                 # for whole_groups(C) x LANES numbers
) noexcept nogil:
    cdef floating m[LANES]
    cdef floating shift[SHIFT]
    cdef floating sums[SUMS]
    cdef floating label[LANES]
    cdef floating own[LANES]
    cdef floating above[LANES]
    cdef floating best[LANES]
    cdef floating log_s[LANES]
    cdef floating pulls[2 * LANES]
    cdef double spread[LANES]
    cdef floating here, before, number
    cdef Py_ssize_t j, k, C = problem.C
    cdef char* out
    panel_max(x, C, m)
    shift_by(m, shift)
    panel_exp(x, C, shift, NULL, NULL, e, sums)
    for k in range(C, whole_groups(C)):
        for j in range(LANES):
            e[k * LANES + j] = <floating>0.0
    for j in range(2 * LANES):
        pulls[j] = <floating>0.0
    for k in range(whole_groups(C) // GROUP):
        add_pulls(x + k * BATCH, e + k * BATCH, m, pulls, pulls + LANES)
    for j in range(LANES):
        label[j] = above[j] = best[j] = <floating>0.0
    for j in range(part.n):
        label[j] = <floating>y[j]
    panel_pick(x, C, label, own)
    for k in range(C):
        for j in range(LANES):
            above[j] += <floating>1.0 if x[k * LANES + j] > own[j] else <floating>0.0
    for k in range(C - 1, -1, -1):
        number = <floating>k
        for j in range(LANES):
            here = x[k * LANES + j]
            before = best[j]
            best[j] = number if here == m[j] else before
    for j in range(LANES):
        log_s[j] = scalar.log1p(
            sums[TIES + j] - <floating>1.0 + (sums[REST + j] + sums[REST_LOW + j]) / shift[TOP + j]
        )
    for j in range(LANES):
        spread[j] = total_of(<double>pulls[j], <double>pulls[LANES + j]) / (
            <double>sums[TIES + j] * shift[TOP + j] + (<double>sums[REST + j] + sums[REST_LOW + j])
        )
    for j in range(part.n):
        out = at(&problem.view[<int>LOSSES], part.o, part.i + j)
        if weight[j] == 0:
            ignore(out, m[j])
            continue
        describe(
            out, x + j, LANES, C, m[j], <double>m[j] - own[j], log_s[j], spread[j], <int64_t>best[j],
            <int64_t>above[j]
        )


cdef void statistics(
    const floating[:, :, :] logits,  # in   (outer, inner, C)
    floating[:, :, :] _,             # out  (outer, inner, 1): where the samples' statistics begin
    const Problem* problem,
    Py_ssize_t start,                # samples start ... start + n - 1, counted along inner
    Py_ssize_t n,
    char* scratch,
    Total* total,                    # out  how many labels are no class
) noexcept nogil:
    cdef Lanes lanes
    cdef Py_ssize_t j, C = problem.C, stop = start + n
    cdef Py_ssize_t step = problem.view[<int>X].inner // <Py_ssize_t>sizeof(floating)
    cdef const floating* x
    cdef floating* panel = <floating*>scratch
    cdef Strip strip
    while start < stop:
        strip = strip_at(start, stop, logits.shape[1], LANES)
        total.bad += read_samples(problem, &strip, lanes.y, lanes.weight)
        x = &logits[strip.o, strip.i, 0]
        if side_by_side(problem):
            transpose_in(x, step, problem.view[<int>X].classes // <Py_ssize_t>sizeof(floating), C, strip.n, panel)
            statistics_panel(
                <const floating*>panel, problem, &strip, lanes.y, lanes.weight, panel + whole_groups(C) * LANES
            )
        else:
            statistics_rows(x, step, problem, &strip, lanes.y, lanes.weight)
        start += strip.n
