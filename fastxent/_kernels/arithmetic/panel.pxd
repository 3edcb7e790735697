"""Samples side by side, one lane each: every step is elementwise across lanes, so no reduction; log1p vectorises too.

A panel is a buffer of C x LANES numbers, into which samples are transposed (arrays/transpose.pxd).
"""

from cython cimport floating
from libc.math cimport INFINITY

from fastxent._kernels.arithmetic.scalar cimport bottom_of, exp_scaled, magic_of, origin_of
from fastxent._kernels.arrays.soon cimport Soon, read_soon, write_soon
from fastxent._kernels.frames cimport inlined
from fastxent._kernels.ways cimport GROUP, LANES

cdef enum:
    # What the lanes' exponentials are relative to (see exp_scaled in scalar.pxd): an array of SHIFT numbers, in which
    # each lane's origin, magic, bottom, top (the result at the maximum) and the maximum itself start at:
    ORIGIN = 0
    MAGIC = LANES
    BOTTOM = 2 * LANES
    TOP = 3 * LANES
    MAXIMUM = 4 * LANES
    SHIFT = 5 * LANES
    # An array of SUMS numbers has for each lane, of the exponentials, the sum of those that are not a maximum's, what
    # its rounding cut off, and the number of the others (any that rounds to a maximum's counts as a tie too) from:
    REST = 0
    REST_LOW = LANES
    TIES = 2 * LANES
    SUMS = 3 * LANES
    # What is known of one panel, an array of PANEL numbers: SHIFT and SUMS, then for each lane the label's class (-1:
    # the target is no class), the logit there and its exponential, and log(s) from:
    LABEL = SHIFT + SUMS
    OWN_X = LABEL + LANES
    OWN_E = OWN_X + LANES
    LOG_S = OWN_E + LANES
    PANEL = LOG_S + LANES


cdef inline void shift_by(
    const floating* m,       # in   (LANES,) the maxima
    floating* shift,         # out  (SHIFT,)
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(LANES):
        shift[MAXIMUM + j] = m[j]
        shift[ORIGIN + j] = origin_of(m[j])
        shift[MAGIC + j] = magic_of(m[j], shift[ORIGIN + j])
        shift[BOTTOM + j] = bottom_of(shift[MAGIC + j])
    for j in range(LANES):
        shift[TOP + j] = exp_scaled(m[j], shift[ORIGIN + j], shift[MAGIC + j], shift[BOTTOM + j])


cdef inline floating unless_top(floating e, floating top) noexcept nogil:
    """e, or 0 for a maximum."""
    return <floating>0.0 if e == top else e


cdef inline floating if_top(floating e, floating top) noexcept nogil:
    """1 for a maximum, else 0."""
    return <floating>1.0 if e == top else <floating>0.0


cdef inline void exp_block(
    const floating* x,       # in   (LANES,)
    const floating* shift,   # in   (SHIFT,)
    floating* v,             # out  (LANES,), not x
) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(LANES):
        v[j] = exp_scaled(x[j], shift[ORIGIN + j], shift[MAGIC + j], shift[BOTTOM + j])


cdef inline void add_group(
    const floating* v,       # in   GROUP x LANES
    Py_ssize_t n,            # blocks; those behind them are 0
    const floating* shift,   # in   (SHIFT,)
    floating* sums,          # out  (SUMS,)
) noexcept nogil:
    """Add what exp_block made of up to GROUP blocks.

    As a tree, which is exact for equal terms where a running sum would drift the same way in every group. A half or a
    quarter of it has the same bits where the rest is 0.
    """
    cdef floating part[LANES]
    cdef floating count[LANES]
    cdef floating total, shadow, top
    cdef Py_ssize_t j
    if n > GROUP // 2:
        for j in range(LANES):
            top = shift[TOP + j]
            count[j] = (
                (if_top(v[j], top) + if_top(v[LANES + j], top))
                + (if_top(v[2 * LANES + j], top) + if_top(v[3 * LANES + j], top))
            ) + (
                (if_top(v[4 * LANES + j], top) + if_top(v[5 * LANES + j], top))
                + (if_top(v[6 * LANES + j], top) + if_top(v[7 * LANES + j], top))
            )
            part[j] = (
                (unless_top(v[j], top) + unless_top(v[LANES + j], top))
                + (unless_top(v[2 * LANES + j], top) + unless_top(v[3 * LANES + j], top))
            ) + (
                (unless_top(v[4 * LANES + j], top) + unless_top(v[5 * LANES + j], top))
                + (unless_top(v[6 * LANES + j], top) + unless_top(v[7 * LANES + j], top))
            )
    elif n > GROUP // 4:
        for j in range(LANES):
            top = shift[TOP + j]
            count[j] = (if_top(v[j], top) + if_top(v[LANES + j], top)) + (
                if_top(v[2 * LANES + j], top) + if_top(v[3 * LANES + j], top)
            )
            part[j] = (unless_top(v[j], top) + unless_top(v[LANES + j], top)) + (
                unless_top(v[2 * LANES + j], top) + unless_top(v[3 * LANES + j], top)
            )
    else:                        # in two passes: of both at once GCC makes a dozen masks
        for j in range(LANES):
            count[j] = if_top(v[j], shift[TOP + j]) + if_top(v[LANES + j], shift[TOP + j])
        for j in range(LANES):
            part[j] = unless_top(v[j], shift[TOP + j]) + unless_top(v[LANES + j], shift[TOP + j])
    for j in range(LANES):  # two_sum, in one array, so that the compiler sees what does not overlap
        total = sums[REST + j] + part[j]
        shadow = total - sums[REST + j]
        sums[REST_LOW + j] += (sums[REST + j] - (total - shadow)) + (part[j] - shadow)
        sums[REST + j] = total
        sums[TIES + j] += count[j]


cdef inline void clear_blocks(Py_ssize_t n, floating* v) noexcept nogil:
    """0 behind n blocks, up to the end of a group or of its first half or quarter."""
    cdef Py_ssize_t j, k, end = GROUP // 4 if n <= GROUP // 4 else GROUP // 2 if n <= GROUP // 2 else GROUP
    for k in range(n, end):
        for j in range(LANES):
            v[k * LANES + j] = <floating>0.0


cdef inline void panel_exp(
    const floating* x,       # in   C x LANES
    Py_ssize_t C,
    const floating* shift,   # in   (SHIFT,)
    Soon next,               # C x LANES numbers that are read soon
    Soon home,               # and written
    floating* e,             # out  C x LANES, may be x, may be NULL
    floating* sums,          # out  (SUMS,)
) noexcept nogil:
    """e_k = exp(x_k - m) in each lane, all of a lane times the same number."""
    cdef floating v[GROUP * LANES]
    cdef floating block[LANES]
    cdef floating kept[TOP]
    cdef const floating* by = shift
    cdef Py_ssize_t first, group, j, k, n
    if floating is float:        # a copy, which stays in registers: for all that GCC knows, e might be shift
        for j in range(TOP):
            kept[j] = shift[j]
        by = <const floating*>kept
    for j in range(SUMS):
        sums[j] = <floating>0.0
    for group in range((C + GROUP - 1) // GROUP):
        first = group * GROUP
        n = min(<Py_ssize_t>GROUP, C - first)
        if next.data != NULL:
            read_soon(&next, x, n * LANES)
        if home.data != NULL:
            write_soon(&home, x, n * LANES)
        # in passes of one thing each, which keep their numbers in registers
        if e != NULL and n == GROUP:
            for k in range(first, first + GROUP):
                exp_block(x + k * LANES, by, block)
                for j in range(LANES):
                    e[k * LANES + j] = block[j]
            add_group(<const floating*>e + first * LANES, GROUP, shift, sums)
            continue
        for k in range(n):
            exp_block(x + (first + k) * LANES, by, v + k * LANES)
        for k in range(n if e != NULL else 0):
            for j in range(LANES):
                e[(first + k) * LANES + j] = v[k * LANES + j]
        clear_blocks(n, v)
        add_group(v, n, shift, sums)


cdef inline void panel_max(
    const floating* x,       # in   C x LANES
    Py_ssize_t C,
    floating* m,             # out  (LANES,)
) noexcept nogil:
    """Each lane's maximum; nan is passed over (exp brings it back)."""
    cdef floating best[LANES]
    cdef floating here, before
    cdef Py_ssize_t j, k
    for j in range(LANES):
        best[j] = -INFINITY
    for k in range(C):
        for j in range(LANES):
            here = x[k * LANES + j]
            before = best[j]
            best[j] = here if here > before else before
    for j in range(LANES):
        m[j] = best[j]


cdef inline void panel_top(
    const floating* x,           # in   C x LANES
    Py_ssize_t C,
    floating* m,                 # out  (LANES,) as panel_max has it
    floating* first,             # out  (LANES,) the first class with it
) noexcept nogil:
    cdef floating most[LANES]
    cdef floating place[LANES]
    cdef floating here, before, number
    cdef Py_ssize_t j, k
    for j in range(LANES):
        most[j] = -INFINITY
        place[j] = <floating>0.0
    for k in range(C):
        number = <floating>k
        for j in range(LANES):
            here = x[k * LANES + j]
            before = place[j]
            place[j] = number if here > most[j] else before
        for j in range(LANES):   # in a loop of its own, or GCC makes a branch of the two choices
            here = x[k * LANES + j]
            before = most[j]
            most[j] = here if here > before else before
    for j in range(LANES):
        m[j] = most[j]
        first[j] = place[j]


cdef inline inlined panel_pick(
    const floating* x,       # in   C x LANES
    Py_ssize_t C,
    const floating* y,       # in   (LANES,) a class for each lane
    floating* picked,        # out  (LANES,)
) noexcept nogil:
    """picked = x at the lane's class. By comparison: vector processors gather no faster than they compare."""
    cdef floating found[LANES]
    cdef floating here, before, number
    cdef Py_ssize_t j, k
    for j in range(LANES):
        found[j] = <floating>0.0
    for k in range(C):
        number = <floating>k
        for j in range(LANES):
            # in any case: a choice between numbers vectorises everywhere, one between loads does not
            here = x[k * LANES + j]
            before = found[j]
            found[j] = here if y[j] == number else before
    for j in range(LANES):
        picked[j] = found[j]


cdef inline void scaled_panel(
    const floating* label,       # in   (LANES,) the class, -1 for none
    const floating* factor,      # in   (LANES,)
    const floating* own_grad,    # in   (LANES,)
    Py_ssize_t C,
    floating* grad,              # out  C x LANES, holds the exponentials
) noexcept nogil:
    """The gradient where t has one entry: the exponentials times a factor, but for the label's class."""
    cdef floating scaled[LANES]
    cdef floating by[LANES]      # copies, which stay in registers: the gradient might be what pointers point to
    cdef floating at_own[LANES]
    cdef floating place[LANES]
    cdef floating own, other, number
    cdef Py_ssize_t j, k
    for j in range(LANES):
        by[j] = factor[j]
        at_own[j] = own_grad[j]
        place[j] = label[j]
    for k in range(C):
        number = <floating>k
        for j in range(LANES):
            own = at_own[j]
            other = grad[k * LANES + j] * by[j]
            scaled[j] = own if place[j] == number else other
        for j in range(LANES):
            grad[k * LANES + j] = scaled[j]


cdef inline void clear_dead(const double* weight, Py_ssize_t C, floating* out) noexcept nogil:
    """0 in the lanes without weight, whatever came out for them: selected, never multiplied."""
    cdef floating live[LANES]
    cdef Py_ssize_t j, k, dead = 0
    for j in range(LANES):
        live[j] = <floating>(weight[j] != 0)
    for j in range(LANES):
        dead += weight[j] == 0
    if dead == 0:
        return
    for k in range(C):
        for j in range(LANES):
            out[k * LANES + j] = out[k * LANES + j] if live[j] != 0 else <floating>0.0
