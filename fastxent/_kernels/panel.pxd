"""Samples side by side, one lane each: every step is elementwise across lanes, so no reduction; log1p vectorises too.

A panel is given by its first element and the distance `step` (in elements) from one class to the next; its lanes are
contiguous. It lies either in the caller's array (class axis not last) or, transposed, in a small buffer on the stack
(few classes, axis last).
"""

from cython cimport floating
from libc.math cimport INFINITY

from fastxent._kernels.scalar cimport exp_difference
from fastxent._kernels.sums cimport GROUP, LANES, two_sum

cdef enum:
    CLASSES = 64             # the most classes of a transposed panel, which is LANES wide


cdef inline void exp_group(
    const floating* x, Py_ssize_t step, Py_ssize_t n, Py_ssize_t lanes, const floating* m,
    floating* e, Py_ssize_t e_step, floating* high, floating* low, floating* ties
) noexcept nogil:
    """exp_lanes for n <= GROUP classes.

    In several passes, since a loop that does one thing keeps its numbers in registers; and summed as a tree, which is
    exact for equal terms where a running sum would drift the same way in every group.
    """
    cdef floating value[GROUP * LANES]
    cdef floating part[LANES]
    cdef floating one
    cdef Py_ssize_t j, k
    for k in range(n):
        for j in range(lanes):
            value[k * LANES + j] = exp_difference(x[k * step + j], m[j])
    if e != NULL:
        for k in range(n):
            for j in range(lanes):
                e[k * e_step + j] = value[k * LANES + j]
    for k in range(n):
        for j in range(lanes):
            one = <floating>1.0 if value[k * LANES + j] == <floating>1.0 else <floating>0.0
            value[k * LANES + j] -= one
            ties[j] += one
    for k in range(n, GROUP):
        for j in range(lanes):
            value[k * LANES + j] = <floating>0.0
    for j in range(lanes):
        part[j] = (
            (value[j] + value[LANES + j]) + (value[2 * LANES + j] + value[3 * LANES + j])
        ) + (
            (value[4 * LANES + j] + value[5 * LANES + j]) + (value[6 * LANES + j] + value[7 * LANES + j])
        )
    two_sum(high, low, part, lanes)


cdef inline void exp_lanes(
    const floating* x,       # in   C x lanes
    Py_ssize_t step,
    Py_ssize_t C,
    Py_ssize_t lanes,        # at most LANES
    const floating* m,       # in   (lanes,)
    floating* e,             # out  C x lanes, may be x, may be NULL
    Py_ssize_t e_step,
    floating* high,          # out  (lanes,) += the e that are not 1, compensated by
    floating* low,           # out  (lanes,)
    floating* ties,          # out  (lanes,) += the number of e = 1
) noexcept nogil:
    """e_k = exp(x_k - m). A maximum's e is 1; any other e that rounds to 1 counts as a tie too: the same number."""
    cdef Py_ssize_t group
    for group in range(C // GROUP):
        if e != NULL:
            exp_group(
                x + group * GROUP * step, step, GROUP, lanes, m, e + group * GROUP * e_step, e_step, high, low, ties
            )
        else:
            exp_group(x + group * GROUP * step, step, GROUP, lanes, m, <floating*>NULL, 0, high, low, ties)
    group = C // GROUP * GROUP
    if group < C:
        if e != NULL:
            exp_group(x + group * step, step, C - group, lanes, m, e + group * e_step, e_step, high, low, ties)
        else:
            exp_group(x + group * step, step, C - group, lanes, m, <floating*>NULL, 0, high, low, ties)


cdef inline void panel_max(
    const floating* x,       # in   C x lanes
    Py_ssize_t step,
    Py_ssize_t C,
    Py_ssize_t lanes,        # at most LANES
    floating* m,             # out  (lanes,)
) noexcept nogil:
    """Each lane's maximum; nan is passed over (exp brings it back)."""
    cdef floating best[LANES]
    cdef Py_ssize_t j, k
    for j in range(lanes):
        best[j] = -INFINITY
    for k in range(C):
        for j in range(lanes):
            best[j] = x[k * step + j] if x[k * step + j] > best[j] else best[j]
    for j in range(lanes):
        m[j] = best[j]


cdef inline void panel_pick(
    const floating* x,       # in   C x lanes
    Py_ssize_t step,
    Py_ssize_t C,
    Py_ssize_t lanes,        # at most LANES
    const floating* y,       # in   (lanes,) a class for each lane
    floating* picked,        # out  (lanes,)
) noexcept nogil:
    """picked = x at the lane's class. By comparison: vector processors gather no faster than they compare."""
    cdef floating found[LANES]
    cdef Py_ssize_t j, k
    for j in range(lanes):
        found[j] = <floating>0.0
    for k in range(C):
        for j in range(lanes):
            found[j] = x[k * step + j] if y[j] == <floating>k else found[j]
    for j in range(lanes):
        picked[j] = found[j]


cdef inline void panel_exp(
    const floating* x,       # in   C x lanes
    Py_ssize_t step,
    Py_ssize_t C,
    Py_ssize_t lanes,        # at most LANES
    const floating* m,       # in   (lanes,)
    floating* e,             # out  C x lanes, may be x, may be NULL
    Py_ssize_t e_step,
    floating* ties,          # out  (lanes,) number of e = 1
    floating* rest,          # out  (lanes,) sum of the other e
    floating* rest_low,      # out  (lanes,) what its rounding cut off
) noexcept nogil:
    """e_k = exp(x_k - m) in each lane."""
    cdef Py_ssize_t j
    for j in range(lanes):
        rest[j] = rest_low[j] = ties[j] = <floating>0.0
    if e != NULL:
        exp_lanes(x, step, C, lanes, m, e, e_step, rest, rest_low, ties)
    else:
        exp_lanes(x, step, C, lanes, m, <floating*>NULL, 0, rest, rest_low, ties)


cdef inline void columns_in(
    const floating* x, Py_ssize_t step, Py_ssize_t n, Py_ssize_t columns, floating* panel
) noexcept nogil:
    """Some columns of n rows. A small buffer with constant strides between: the compiler turns it into shuffles."""
    cdef floating rows[8 * LANES]
    cdef Py_ssize_t j, k
    for j in range(n):
        for k in range(columns):
            rows[j * columns + k] = x[j * step + k]
    for j in range(n * columns, LANES * columns):
        rows[j] = <floating>0.0
    for j in range(LANES):
        for k in range(columns):
            panel[k * LANES + j] = rows[j * columns + k]


cdef inline void columns_out(
    const floating* panel, Py_ssize_t step, Py_ssize_t n, Py_ssize_t columns, floating* x
) noexcept nogil:
    """The way back of columns_in."""
    cdef floating rows[8 * LANES]
    cdef Py_ssize_t j, k
    for j in range(LANES):
        for k in range(columns):
            rows[j * columns + k] = panel[k * LANES + j]
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
        columns_in(x + C - 4, sample_step, n, 4, panel + (C - 4) * LANES)
    elif class_step == 1 and C >= 2:
        columns_in(x, sample_step, n, 2, panel)
        columns_in(x + C - 2, sample_step, n, 2, panel + (C - 2) * LANES)
    elif sample_step == 1 and n == LANES:
        for k in range(C):
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
    floating* x,             # out  n samples of C classes
) noexcept nogil:
    """The way back of transpose_in."""
    cdef Py_ssize_t first, j, k
    if class_step == 1 and C >= 8:
        for k in range((C + 7) // 8):
            first = min(k * 8, C - 8)
            columns_out(panel + first * LANES, sample_step, n, 8, x + first)
    elif class_step == 1 and C >= 4:
        columns_out(panel, sample_step, n, 4, x)
        columns_out(panel + (C - 4) * LANES, sample_step, n, 4, x + C - 4)
    elif class_step == 1 and C >= 2:
        columns_out(panel, sample_step, n, 2, x)
        columns_out(panel + (C - 2) * LANES, sample_step, n, 2, x + C - 2)
    elif sample_step == 1 and n == LANES:
        for k in range(C):
            for j in range(LANES):
                x[k * class_step + j] = panel[k * LANES + j]
    else:
        for j in range(n):
            for k in range(C):
                x[j * sample_step + k * class_step] = panel[k * LANES + j]
