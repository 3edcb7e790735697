"""Samples side by side, one lane each: every step is elementwise across lanes, so no reduction; log1p vectorises too.

A panel is given by its first element and the distance `step` (in elements) from one class to the next; its lanes are
contiguous. It lies either in the caller's array (class axis not last) or, transposed, in a small buffer on the stack
(transpose.pxd).
"""

from cython cimport floating
from libc.math cimport INFINITY

from fastxent._kernels.memory cimport prefetch_block, prefetch_block_to_write
from fastxent._kernels.scalar cimport bottom_of, exp_scaled, magic_of, origin_of
from fastxent._kernels.sums cimport GROUP, LANES, WIDTH

cdef enum:
    PANELS = WIDTH // LANES  # the most panels that are worked on side by side
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


cdef inline const floating* whole_lanes(const floating* x, Py_ssize_t lanes, floating* room) noexcept nogil:
    """LANES numbers, of which the first `lanes` are x: x itself, or a copy. Loops of a known length vectorise best."""
    cdef Py_ssize_t j
    if lanes == LANES:
        return x
    for j in range(LANES):
        room[j] = <floating>0.0
    for j in range(lanes):
        room[j] = x[j]
    return room


cdef inline void store_lanes(const floating* v, Py_ssize_t lanes, floating* out) noexcept nogil:
    """The first `lanes` of LANES numbers."""
    cdef Py_ssize_t j
    if lanes == LANES:
        for j in range(LANES):
            out[j] = v[j]
    else:
        for j in range(lanes):
            out[j] = v[j]


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
    const floating* shift,   # in   (SHIFT,)
    floating* sums,          # out  (SUMS,)
) noexcept nogil:
    """Add what exp_block made of GROUP blocks.

    As a tree, which is exact for equal terms where a running sum would drift the same way in every group.
    """
    cdef floating part[LANES]
    cdef floating count[LANES]
    cdef floating total, shadow, top
    cdef Py_ssize_t j
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
    for j in range(LANES):  # two_sum, in one array, so that the compiler sees what does not overlap
        total = sums[REST + j] + part[j]
        shadow = total - sums[REST + j]
        sums[REST_LOW + j] += (sums[REST + j] - (total - shadow)) + (part[j] - shadow)
        sums[REST + j] = total
        sums[TIES + j] += count[j]


cdef inline void panel_exp(
    const floating* x,       # in   C x lanes
    Py_ssize_t step,
    Py_ssize_t C,
    Py_ssize_t lanes,        # at most LANES
    const floating* shift,   # in   (SHIFT,)
    const floating* read_soon,     # C x LANES numbers from here on will be read soon; may be NULL
    const floating* written_soon,  # and these will be written; may be NULL
    floating* e,             # out  C x lanes, may be x, may be NULL
    Py_ssize_t e_step,
    floating* sums,          # out  (SUMS,)
) noexcept nogil:
    """e_k = exp(x_k - m) in each lane, all of a lane times the same number."""
    cdef floating v[GROUP * LANES]
    cdef floating room[LANES]
    cdef Py_ssize_t first, group, j, k, n
    for j in range(SUMS):
        sums[j] = <floating>0.0
    for group in range((C + GROUP - 1) // GROUP):
        first = group * GROUP
        n = min(<Py_ssize_t>GROUP, C - first)
        if read_soon != NULL:
            prefetch_block(read_soon + first * LANES, n * LANES)
        if written_soon != NULL:
            prefetch_block_to_write(written_soon + first * LANES, n * LANES)
        # in passes of one thing each, which keep their numbers in registers
        for k in range(n):
            exp_block(whole_lanes(x + (first + k) * step, lanes, room), shift, v + k * LANES)
        if e != NULL:
            for k in range(n):
                store_lanes(v + k * LANES, lanes, e + (first + k) * e_step)
        for k in range(n, GROUP):
            for j in range(LANES):
                v[k * LANES + j] = <floating>0.0
        add_group(v, shift, sums)


cdef inline void panel_max(
    const floating* x,       # in   C x lanes
    Py_ssize_t step,
    Py_ssize_t C,
    Py_ssize_t lanes,        # at most LANES
    floating* m,             # out  (LANES,)
) noexcept nogil:
    """Each lane's maximum; nan is passed over (exp brings it back)."""
    cdef floating best[LANES]
    cdef floating room[LANES]
    cdef const floating* x_k
    cdef floating here, before
    cdef Py_ssize_t j, k
    for j in range(LANES):
        best[j] = -INFINITY
    for k in range(C):
        x_k = whole_lanes(x + k * step, lanes, room)
        for j in range(LANES):
            here = x_k[j]
            before = best[j]
            best[j] = here if here > before else before
    for j in range(LANES):
        m[j] = best[j]


cdef inline void panel_pick(
    const floating* x,       # in   C x lanes
    Py_ssize_t step,
    Py_ssize_t C,
    Py_ssize_t lanes,        # at most LANES
    const floating* y,       # in   (LANES,) a class for each lane
    floating* picked,        # out  (LANES,)
) noexcept nogil:
    """picked = x at the lane's class. By comparison: vector processors gather no faster than they compare."""
    cdef floating found[LANES]
    cdef floating room[LANES]
    cdef const floating* x_k
    cdef floating here, before, number
    cdef Py_ssize_t j, k
    for j in range(LANES):
        found[j] = <floating>0.0
    for k in range(C):
        x_k = whole_lanes(x + k * step, lanes, room)
        number = <floating>k
        for j in range(LANES):
            here = x_k[j]  # in any case: a choice between numbers vectorises everywhere, one between loads does not
            before = found[j]
            found[j] = here if y[j] == number else before
    for j in range(LANES):
        picked[j] = found[j]


cdef inline void scaled_panel(
    const floating* label,       # in   (LANES,) the class, -1 for none
    const floating* factor,      # in   (LANES,)
    const floating* own_grad,    # in   (LANES,)
    Py_ssize_t C,
    Py_ssize_t lanes,
    floating* grad,              # out  C x lanes, holds the exponentials
    Py_ssize_t step,
) noexcept nogil:
    """The gradient where t has one entry: the exponentials times a factor, but for the label's class."""
    cdef floating scaled[LANES]
    cdef floating room[LANES]
    cdef const floating* e
    cdef floating own, other, number
    cdef Py_ssize_t j, k
    for k in range(C):
        e = whole_lanes(grad + k * step, lanes, room)
        number = <floating>k
        for j in range(LANES):
            own = own_grad[j]
            other = e[j] * factor[j]
            scaled[j] = own if label[j] == number else other
        store_lanes(scaled, lanes, grad + k * step)


cdef inline void clear_dead(
    const double* weight, Py_ssize_t C, Py_ssize_t lanes, floating* out, Py_ssize_t step
) noexcept nogil:
    """0 in the lanes without weight, whatever came out for them: selected, never multiplied."""
    cdef floating live[LANES]
    cdef Py_ssize_t j, k, dead = 0
    for j in range(lanes):
        live[j] = <floating>(weight[j] != 0)
    for j in range(lanes):
        dead += weight[j] == 0
    if dead == 0:
        return
    for k in range(C):
        for j in range(lanes):
            out[k * step + j] = out[k * step + j] if live[j] != 0 else <floating>0.0
