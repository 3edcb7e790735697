# What a row of logits says of its target, in one pass.
#
#     log p_y = (x_y - m) - log1p(s - 1)    lse = m + log1p(s - 1)    s = sum_k e_k    e_k = exp(x_k - m)
#     entropy = log1p(s - 1) + sum_k e_k (m - x_k) / s    rank = number of x_k > x_y    predicted = first x_k = m

from cython cimport floating
from libc.math cimport INFINITY, NAN
from libc.stdint cimport int32_t, int64_t, uint64_t
from libc.string cimport memcpy, memset

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.arithmetic.few cimport lanes_of_few
from fastxent._kernels.arithmetic.lanes cimport Lanes
from fastxent._kernels.arithmetic.panel cimport (
    LABEL, MAXIMUM, OWN_X, PANEL, REST, REST_LOW, SHIFT, SUMS, TIES, TOP, add_group, clear_blocks, exp_block,
    panel_exp, panel_pick, panel_top, shift_by,
)
from fastxent._kernels.arithmetic.row cimport begins_with_rest, row_shift, row_sums
from fastxent._kernels.arithmetic.sums cimport Total, total_of
from fastxent._kernels.arrays.soon cimport Soon, nothing_soon, read_soon, soon_of
from fastxent._kernels.arrays.transpose cimport transpose_in, transpose_out
from fastxent._kernels.problem cimport LOSSES, X, Problem, Strip, at, side_by_side
from fastxent._kernels.records cimport DOUBLE_PREDICTED, DOUBLE_RANK, DOUBLE_RECORD, PREDICTED, RANK, RECORD
from fastxent._kernels.softmax.row cimport AHEAD, place_of
from fastxent._kernels.softmax.sums cimport add_pulls
from fastxent._kernels.strips cimport strip_at
from fastxent._kernels.target cimport read_samples
from fastxent._kernels.ways cimport BATCH, FEW, GROUP, LANES, SHORT, whole_groups


cdef inline Py_ssize_t first_nan(const floating* x, Py_ssize_t step, Py_ssize_t C) noexcept nogil:
    """The first class that is nan, or -1."""
    cdef Py_ssize_t k
    for k in range(C):
        if x[k * step] != x[k * step]:
            return k
    return -1


cdef struct Found:               # of each sample of a strip, in double whatever the dtype
    double m[LANES]
    double own_gap[LANES]        # m - x_y
    double log_s[LANES]
    double spread[LANES]         # sum_k e_k (m - x_k) / s
    int64_t predicted[LANES]
    int64_t rank[LANES]


cdef inline void pack(const int64_t* numbers, floating* panel) noexcept nogil:
    """The bits of LANES integers as one class of a panel, or in float32 as two: the lower halves come first."""
    cdef int32_t halves[2][LANES]
    cdef Py_ssize_t j
    if floating is double:
        memcpy(panel, numbers, LANES * sizeof(int64_t))
    else:
        for j in range(LANES):
            halves[0][j] = <int32_t>numbers[j]
        for j in range(LANES):
            halves[1][j] = <int32_t>(<uint64_t>numbers[j] >> 32)
        memcpy(panel, halves, sizeof(halves))


cdef inline void describe(
    Found* found, const Problem* problem, const Strip* part, const double* weight,
    const floating* x, Py_ssize_t sample_step, Py_ssize_t class_step   # the samples, for what is not finite
) noexcept nogil:
    """Store the statistics of a strip's samples: side by side as a panel, which is transposed."""
    cdef floating panel[RECORD * LANES]
    cdef floating* out = <floating*>at(&problem.view[<int>LOSSES], part.o, part.i)
    cdef Py_ssize_t j, odd, record = RECORD if floating is float else DOUBLE_RECORD
    cdef int n_odd = 0
    for j in range(LANES):
        panel[j] = <floating>(-(found.own_gap[j] + found.log_s[j]))
        panel[LANES + j] = <floating>(found.m[j] + found.log_s[j])
        panel[2 * LANES + j] = <floating>(found.log_s[j] + found.spread[j])
    for j in range(LANES):
        n_odd += (found.log_s[j] - found.log_s[j] != 0) | (found.m[j] - found.m[j] != 0) | (weight[j] == 0)
    for j in range(part.n if n_odd > 0 else 0):
        if weight[j] == 0:
            panel[j] = panel[LANES + j] = panel[2 * LANES + j] = <floating>NAN
            found.predicted[j] = found.rank[j] = -1
        elif found.log_s[j] != found.log_s[j] or found.m[j] - found.m[j] != 0:
            odd = first_nan(x + j * sample_step, class_step, problem.C)
            panel[j] = <floating>NAN
            panel[LANES + j] = <floating>(found.m[j] if odd < 0 else NAN)
            found.predicted[j] = odd if odd >= 0 else found.predicted[j]
    if floating is float:
        for j in range(LANES):
            panel[3 * LANES + j] = <floating>0.0
    pack(found.predicted, panel + (PREDICTED if floating is float else DOUBLE_PREDICTED) * LANES)
    pack(found.rank, panel + (RANK if floating is float else DOUBLE_RANK) * LANES)
    transpose_out(<const floating*>panel, record, 1, record, part.n, out)


cdef inline const floating* batch_of(
    const floating* x, Py_ssize_t C, Py_ssize_t first, floating* room      # (BATCH,)
) noexcept nogil:
    """The classes of a row from `first` on, up to BATCH: where they lie, or whole blocks that are filled up with -inf.

    The last block is filled up at its start, which row_exp leaves to the block before: the sums have its bits, and
    begin as they do.
    """
    cdef Py_ssize_t j, k, n = C - first, whole = n // LANES, overlap = (whole + 1) * LANES - n
    if n >= BATCH:
        return x + first
    for k in range(whole):
        for j in range(LANES):
            room[k * LANES + j] = x[first + k * LANES + j]
    for j in range(LANES):
        room[whole * LANES + j] = x[C - LANES + j] if j >= overlap else -INFINITY
    return room


cdef inline bint has_maximum(const floating* ties) noexcept nogil:
    """Whether any of LANES counts is more than 0."""
    cdef Py_ssize_t j
    cdef int found = 0
    for j in range(LANES):
        found |= ties[j] > 0
    return found != 0


cdef inline void count_above(const floating* x, Py_ssize_t n, floating own, floating* above) noexcept nogil:
    """above += those of n blocks that exceed the target's logit, in each lane."""
    cdef Py_ssize_t j, k
    for k in range(n):
        for j in range(LANES):
            above[j] += <floating>1.0 if x[k * LANES + j] > own else <floating>0.0


cdef inline void add_batch(
    const floating* x, floating* v,              # in   n blocks, and their exponentials
    Py_ssize_t n, const floating* shift, floating own,
    floating* sums, floating* more,              # out  (SUMS,)
) noexcept nogil:
    clear_blocks(n, v)
    add_group(v, n, shift, sums)
    add_pulls(x, v, n, shift + MAXIMUM, more + REST, more + REST_LOW)
    count_above(x, n, own, more + TIES)


cdef inline void statistics_row(
    const floating* x, Py_ssize_t C, Py_ssize_t y,                # C >= LANES
    const floating* shift,         # in   (SHIFT,)
    Soon next,                     # read soon
    const floating* next_row,      # in   (C,), or NULL
    floating* next_shift,          # out  (SHIFT,) the next row's: a processor looks for its maximum beside the sums
    Py_ssize_t sample,             # its place in
    Found* found                   # out  where log_s is s - 1
) noexcept nogil:
    cdef floating sums[SUMS]
    cdef floating more[SUMS]       # the pulls where sums has the rest, and for ties what exceeds the target's logit
    cdef floating v[BATCH]
    cdef floating room[BATCH]
    cdef const floating* batch
    cdef double top, rest, ties, pulls, above
    cdef Py_ssize_t block, first, j, k, n, place, predicted = -1, n_batches = (C + BATCH - 1) // BATCH
    for j in range(SUMS):
        sums[j] = more[j] = <floating>0.0
    if begins_with_rest(C):
        n_batches -= 1
        batch = batch_of(x, C, n_batches * BATCH, room)
        exp_block(batch, shift, v)
        add_batch(batch, v, 1, shift, x[y], sums, more)
    for block in range(n_batches):
        first = block * BATCH
        batch = batch_of(x, C, first, room)
        n = min(<Py_ssize_t>GROUP, (C - first + LANES - 1) // LANES)
        for k in range(n):
            read_soon(&next, x, LANES)
            exp_block(batch + k * LANES, shift, v + k * LANES)
        add_batch(batch, v, n, shift, x[y], sums, more)
        if predicted < 0 and has_maximum(sums + TIES):       # or what rounds to it
            place = place_of(x + first, min(<Py_ssize_t>BATCH, C - first), shift[MAXIMUM])
            predicted = first + place if place >= 0 else -1
    if next_row != NULL:
        row_shift(next_row, C, next_shift)
    top = shift[TOP]
    row_sums(<const floating*>sums, &ties, &rest)
    row_sums(<const floating*>more, &above, &pulls)
    if predicted < 0:            # the maximum is infinite, or in what is left over
        predicted = place_of(x, C, shift[MAXIMUM])
    found.m[sample] = shift[MAXIMUM]
    found.own_gap[sample] = <double>shift[MAXIMUM] - x[y]
    found.log_s[sample] = ((ties - 1.0) * top + rest) / top
    found.spread[sample] = pulls / (ties * top + rest)
    found.predicted[sample] = predicted
    found.rank[sample] = <int64_t>above


cdef inline void statistics_rows(
    const floating* x, Py_ssize_t step,      # in   strip.n rows
    const Problem* problem, const Strip* strip, const int64_t* y, const double* weight
) noexcept nogil:
    """Logarithms are taken of all rows together, side by side."""
    cdef Found found
    cdef floating shift[2][SHIFT]
    cdef Py_ssize_t j, C = problem.C
    cdef bint short_rows = C * <Py_ssize_t>sizeof(floating) <= SHORT
    cdef Py_ssize_t ahead = 2 * step if short_rows else AHEAD
    cdef const floating* next_row
    cdef Soon next
    memset(&found, 0, sizeof(Found))         # samples that are not there or ignored
    for j in range(strip.n):
        if j == 0 or not short_rows or weight[j - 1] == 0:
            row_shift(x + j * step, C, shift[j % 2])
        if weight[j] == 0:
            continue
        next_row = x + (j + 1) * step if short_rows and j + 1 < strip.n else <const floating*>NULL
        next = soon_of(&problem.next, strip.i + j, x + j * step, ahead)
        statistics_row(x + j * step, C, y[j], shift[j % 2], next, next_row, shift[(j + 1) % 2], j, &found)
    for j in range(LANES):
        found.log_s[j] = scalar.log1p(found.log_s[j])
    describe(&found, problem, strip, weight, x, step, 1)


cdef inline void statistics_panel(
    const floating* x,           # in   C x LANES and what lies behind, of part.n samples
    const Problem* problem, const Strip* part, const int64_t* y, const double* weight,
    Soon next,                   # C x LANES numbers that are read soon
    floating* e,                 # for whole_groups(C) x LANES numbers
) noexcept nogil:
    cdef Found found
    cdef floating of[PANEL]
    cdef const floating* m = of + MAXIMUM
    cdef const floating* sums = of + SHIFT
    cdef floating* label = of + LABEL
    cdef floating* own = of + OWN_X
    cdef floating above[LANES]
    cdef floating best[LANES]
    cdef floating log_s[LANES]
    cdef floating pulls[2 * LANES]
    cdef Py_ssize_t j, k, n, C = problem.C
    for j in range(LANES if C < LANES // 2 else 0):
        label[j] = <floating><int32_t>y[j]
    if C <= FEW:
        if next.data != NULL:
            read_soon(&next, x, C * LANES)
        lanes_of_few(x, C, of, best, e)
    else:
        panel_top(x, C, above, best)
        shift_by(<const floating*>above, of)
        panel_exp(x, C, of, next, nothing_soon(), e, of + SHIFT)
        if C < LANES // 2:       # sooner compared than loaded one by one
            panel_pick(x, C, <const floating*>label, own)
        else:
            for j in range(LANES):
                own[j] = x[y[j] * LANES + j]
    for j in range(2 * LANES):
        pulls[j] = <floating>0.0
    for k in range(whole_groups(C) // GROUP):
        n = min(<Py_ssize_t>GROUP, C - k * GROUP)
        clear_blocks(n, e + k * BATCH)
        add_pulls(x + k * BATCH, e + k * BATCH, n, m, pulls, pulls + LANES)
    for j in range(LANES):
        above[j] = <floating>0.0
    for k in range(C):
        for j in range(LANES):
            above[j] += <floating>1.0 if x[k * LANES + j] > own[j] else <floating>0.0
    for j in range(LANES):
        log_s[j] = scalar.log1p(
            sums[TIES + j] - <floating>1.0 + (sums[REST + j] + sums[REST_LOW + j]) / of[TOP + j]
        )
    for j in range(LANES):
        found.spread[j] = total_of(<double>pulls[j], <double>pulls[LANES + j]) / (
            <double>sums[TIES + j] * of[TOP + j] + (<double>sums[REST + j] + sums[REST_LOW + j])
        )
    for j in range(LANES):
        found.m[j] = m[j]
        found.own_gap[j] = <double>m[j] - own[j]
        found.log_s[j] = log_s[j]
    for j in range(LANES):       # by way of 32 bits, as which any processor converts some at once
        found.predicted[j] = <int32_t>best[j]
    for j in range(LANES):
        found.rank[j] = <int32_t>above[j]
    describe(&found, problem, part, weight, x, 1, LANES)


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
    cdef Soon next
    cdef Strip strip
    memset(&lanes, 0, sizeof(Lanes))         # describe looks at all samples of a strip, there or not
    while start < stop:
        strip = strip_at(start, stop, logits.shape[1], LANES)
        total.bad += read_samples(problem, &strip, lanes.y, lanes.weight)
        x = &logits[strip.o, strip.i, 0]
        if side_by_side(problem):
            transpose_in(x, step, problem.view[<int>X].classes // <Py_ssize_t>sizeof(floating), C, strip.n, panel)
            next = soon_of(&problem.next, strip.i, x, strip.n * C) if step == C else nothing_soon()
            statistics_panel(
                <const floating*>panel, problem, &strip, lanes.y, lanes.weight, next, panel + whole_groups(C) * LANES
            )
        else:
            statistics_rows(x, step, problem, &strip, lanes.y, lanes.weight)
        start += strip.n
