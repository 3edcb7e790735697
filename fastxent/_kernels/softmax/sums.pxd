"""What a loss adds up of all classes: sum_k t_k (m - x_k) and T, or where all t_k are the same, sum_k (m - x_k).

Of T the largest t_k is kept apart, and the others are added up: what one large share is rounded to would count beside
them.

Blocks of LANES numbers: a class of a panel's samples, or LANES classes of a row. GROUP blocks are added up as a tree,
which goes compensated into the second level: beside a large term a plain sum of small equal ones drifts. What overflows
in float32 is added up again in double.
"""

from cython cimport floating

from fastxent._kernels.arithmetic.row cimport larger
from fastxent._kernels.arithmetic.scalar cimport rounded
from fastxent._kernels.arithmetic.sums cimport sum_lanes, total_of, two_sum
from fastxent._kernels.arrays.soon cimport Soon, read_soon
from fastxent._kernels.frames cimport inlined
from fastxent._kernels.ways cimport GROUP, LANES, whole_groups


cdef inline double wide_term(floating t, floating m, floating x) noexcept nogil:
    """t (m - x); 0 where t is, also if x is -inf."""
    return <double>t * (<double>m - <double>x) if t > 0 else 0.0


cdef inline floating gap(floating t, floating m, floating x) noexcept nogil:
    """m - x; 0 where t is."""
    cdef floating difference = m - x
    return difference if t > 0 else <floating>0.0


cdef inline floating smaller(floating a, floating b) noexcept nogil:
    return b if a > b else a


cdef inline floating sum_of_group(
    floating a, floating b, floating c, floating d, floating e, floating f, floating g, floating h
) noexcept nogil:
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


cdef inline inlined match(
    const floating* x,           # in   (2 n,)
    Py_ssize_t n,
    floating* winners,           # out  (n,) the larger of each pair
    floating* losers,            # out  (n,) the smaller
) noexcept nogil:
    """A round of a tournament. In two passes: of both at once GCC makes a dozen masks."""
    cdef Py_ssize_t j
    for j in range(n):
        winners[j] = larger(x[j], x[n + j])
    for j in range(n):
        losers[j] = smaller(x[j], x[n + j])


cdef inline void clear_sums(floating* high, floating* low, floating* most) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(2 * LANES):
        high[j] = <floating>0.0
    for j in range(2 * LANES):
        low[j] = <floating>0.0
    for j in range(LANES):
        most[j] = <floating>0.0


cdef inline floating dot_of_two(
    const floating* x, const floating* t, const floating* m, Py_ssize_t k, Py_ssize_t j
) noexcept nogil:
    """Of blocks k and k + 1. Which of two products is fused with their sum would differ from loop to loop."""
    cdef Py_ssize_t here = k * LANES + j, there = here + LANES
    return rounded(t[here] * gap(t[here], m[j], x[here])) + t[there] * gap(t[there], m[j], x[there])


cdef inline void add_dots(
    const floating* x,           # in   GROUP x LANES, whatever it is where t is 0
    const floating* t,           # in   GROUP x LANES
    Py_ssize_t n,                # blocks; up to the end of the group, of its first half or quarter follow zeros
    const floating* m,           # in   (LANES,)
    bint with_total,             # else T is not wanted
    floating* high,              # out  2 x LANES: sum_k t_k (m - x_k), then T but for the largest t_k
    floating* low,               # out  what their rounding cut off
    floating* most,              # out  (LANES,) the largest t_k
) noexcept nogil:
    cdef floating part[2 * LANES]
    cdef floating won[GROUP * LANES]
    cdef floating lost[GROUP * LANES]
    cdef floating* winners = won
    cdef floating* losers = lost
    cdef Py_ssize_t j
    if n > GROUP // 2:
        for j in range(LANES):
            part[j] = (dot_of_two(x, t, m, 0, j) + dot_of_two(x, t, m, 2, j)) + (
                dot_of_two(x, t, m, 4, j) + dot_of_two(x, t, m, 6, j)
            )
    elif n > GROUP // 4:
        for j in range(LANES):
            part[j] = dot_of_two(x, t, m, 0, j) + dot_of_two(x, t, m, 2, j)
    else:
        for j in range(LANES):
            part[j] = dot_of_two(x, t, m, 0, j)
    if not with_total:
        two_sum(high, low, <const floating*>part, LANES)
        return
    if n > GROUP // 2:
        match(t, 4 * LANES, winners, losers)
        match(winners, 2 * LANES, winners + 4 * LANES, losers + 4 * LANES)
        match(winners + 4 * LANES, LANES, winners + 6 * LANES, losers + 6 * LANES)
        for j in range(LANES):
            part[LANES + j] = ((lost[j] + lost[LANES + j]) + (lost[2 * LANES + j] + lost[3 * LANES + j])) + (
                (lost[4 * LANES + j] + lost[5 * LANES + j]) + lost[6 * LANES + j]
            )
    elif n > GROUP // 4:
        match(t, 2 * LANES, winners + 4 * LANES, losers + 4 * LANES)
        match(winners + 4 * LANES, LANES, winners + 6 * LANES, losers + 6 * LANES)
        for j in range(LANES):
            part[LANES + j] = (lost[4 * LANES + j] + lost[5 * LANES + j]) + lost[6 * LANES + j]
    else:
        match(t, LANES, winners + 6 * LANES, losers + 6 * LANES)
        for j in range(LANES):
            part[LANES + j] = lost[6 * LANES + j]
    for j in range(LANES):
        won[7 * LANES + j] = most[j]
    match(winners + 6 * LANES, LANES, most, losers + 7 * LANES)
    for j in range(LANES):
        part[LANES + j] += lost[7 * LANES + j]
    two_sum(high, low, <const floating*>part, 2 * LANES)


cdef inline floating pull(floating e, floating m, floating x) noexcept nogil:
    """e (m - x), rounded; 0 where e is, also if x is -inf."""
    return rounded(e * gap(e, m, x))


cdef inline void add_pulls(
    const floating* x,           # in   GROUP x LANES, whatever it is where e is 0
    const floating* e,           # in   GROUP x LANES
    Py_ssize_t n,                # blocks; e is 0 behind them, as far as clear_blocks goes
    const floating* m,           # in   (LANES,)
    floating* high,              # out  (LANES,) sum_k e_k (m - x_k), none of which is negative
    floating* low,               # out  what its rounding cut off
) noexcept nogil:
    """A half or a quarter of the tree has the same bits where the rest is 0."""
    cdef floating part[LANES]
    cdef Py_ssize_t j
    for j in range(LANES):
        part[j] = pull(e[j], m[j], x[j]) + pull(e[LANES + j], m[j], x[LANES + j])
    if n > GROUP // 4:
        for j in range(LANES):
            part[j] += pull(e[2 * LANES + j], m[j], x[2 * LANES + j]) + pull(
                e[3 * LANES + j], m[j], x[3 * LANES + j]
            )
    if n > GROUP // 2:
        for j in range(LANES):
            part[j] += (
                pull(e[4 * LANES + j], m[j], x[4 * LANES + j]) + pull(e[5 * LANES + j], m[j], x[5 * LANES + j])
            ) + (pull(e[6 * LANES + j], m[j], x[6 * LANES + j]) + pull(e[7 * LANES + j], m[j], x[7 * LANES + j]))
    two_sum(high, low, part, LANES)


cdef inline void add_gaps(
    const floating* x, Py_ssize_t n, const floating* m, floating* high, floating* low
) noexcept nogil:
    """high + low += m - x of n <= GROUP blocks."""
    cdef floating part[LANES]
    cdef Py_ssize_t j, k
    if n == GROUP:
        for j in range(LANES):
            part[j] = sum_of_group(
                m[j] - x[j], m[j] - x[LANES + j], m[j] - x[2 * LANES + j], m[j] - x[3 * LANES + j],
                m[j] - x[4 * LANES + j], m[j] - x[5 * LANES + j], m[j] - x[6 * LANES + j], m[j] - x[7 * LANES + j]
            )
    else:
        for j in range(LANES):
            part[j] = m[j] - x[j] if n % 2 == 1 else <floating>0.0
        for k in range(n // 2):
            for j in range(LANES):
                part[j] += (m[j] - x[(n - 2 * k - 2) * LANES + j]) + (m[j] - x[(n - 2 * k - 1) * LANES + j])
    two_sum(high, low, part, LANES)


cdef inline floating largest_of_lanes(
    const floating* most, floating* high, floating* low, double* others    # others: out
) noexcept nogil:
    """The largest of LANES numbers; others = high + low, which are used up, and the rest of them."""
    cdef floating won[LANES]
    cdef floating lost[LANES]
    cdef double eight[8]
    cdef double four[4]
    cdef double two[2]
    cdef Py_ssize_t j
    cdef floating* winners = won
    cdef floating* losers = lost
    match(most, 16, winners, losers)
    match(winners, 8, winners + 16, losers + 16)
    match(winners + 16, 4, winners + 24, losers + 24)
    match(winners + 24, 2, winners + 28, losers + 28)
    match(winners + 28, 1, winners + 30, losers + 30)
    if floating is float:        # in double nothing of them is lost that counts
        for j in range(8):
            eight[j] = (<double>lost[j] + <double>lost[8 + j]) + <double>lost[16 + j]
        for j in range(4):
            four[j] = (eight[j] + eight[4 + j]) + <double>lost[24 + j]
        for j in range(2):
            two[j] = (four[j] + four[2 + j]) + <double>lost[28 + j]
        others[0] = sum_lanes(high, low) + ((two[0] + two[1]) + <double>lost[30])
    else:
        lost[LANES - 1] = <floating>0.0
        two_sum(high, low, <const floating*>lost, LANES)
        others[0] = sum_lanes(high, low)
    return won[30]


cdef inline void panel_dots(
    const floating* x,           # in   C x LANES, and what lies behind
    const floating* t,           # in   whole_groups(C) x LANES
    Py_ssize_t C,
    const floating* m,           # in   (LANES,)
    bint with_total,             # else what comes last is 0
    Soon next,                   # C x LANES numbers that are read soon
    double* dot,                 # out  (LANES,) sum_k t_k (m - x_k)
    double* largest,             # out  (LANES,) the largest t_k
    double* others,              # out  (LANES,) T but for that
) noexcept nogil:
    cdef floating high[2 * LANES]
    cdef floating low[2 * LANES]
    cdef floating most[LANES]
    cdef Py_ssize_t first, j, k, n
    clear_sums(high, low, most)
    for k in range(whole_groups(C) // GROUP):
        first = k * GROUP * LANES
        n = min(<Py_ssize_t>GROUP, C - k * GROUP)
        if next.data != NULL:
            read_soon(&next, x, n * LANES)
        add_dots(x + first, t + first, n, m, with_total, high, low, most)
    for j in range(LANES):
        dot[j] = total_of(<double>high[j], <double>low[j])
    for j in range(LANES):
        others[j] = total_of(<double>high[LANES + j], <double>low[LANES + j])
    for j in range(LANES):
        largest[j] = most[j]
    mend_dots(x, t, C, m, dot)


cdef inline inlined mend_dots(
    const floating* x, const floating* t, Py_ssize_t C, const floating* m, double* dot  # of panel_dots; t: NULL for 1
) noexcept nogil:
    """What overflows in float32 is added up in double."""
    cdef Py_ssize_t j, k
    cdef int odd = 0
    if floating is float:
        for j in range(LANES):
            odd += dot[j] - dot[j] != 0
        for j in range(LANES if odd > 0 else 0):
            if dot[j] - dot[j] != 0:
                dot[j] = 0.0
                for k in range(C):
                    dot[j] += wide_term(t[k * LANES + j] if t != NULL else <floating>1.0, m[j], x[k * LANES + j])


cdef inline void panel_gaps(
    const floating* x,           # in   C x LANES
    Py_ssize_t C,
    const floating* m,           # in   (LANES,)
    double* gaps,                # out  (LANES,)
) noexcept nogil:
    """sum_k (m - x_k); what overflows in float32 is added up in double."""
    cdef floating high[LANES]
    cdef floating low[LANES]
    cdef Py_ssize_t j, k
    for j in range(LANES):
        high[j] = low[j] = <floating>0.0
    for k in range((C + GROUP - 1) // GROUP):
        add_gaps(x + k * GROUP * LANES, min(<Py_ssize_t>GROUP, C - k * GROUP), m, high, low)
    for j in range(LANES):
        gaps[j] = total_of(<double>high[j], <double>low[j])
    mend_dots(x, <const floating*>NULL, C, m, gaps)


cdef inline double row_gaps(const floating* x, Py_ssize_t C, const floating* m) noexcept nogil:
    """The same of a row, with its maximum in all lanes."""
    cdef floating high[LANES]
    cdef floating low[LANES]
    cdef floating last[LANES]
    cdef double gaps
    cdef Py_ssize_t j, k, n = C // LANES
    for j in range(LANES):
        high[j] = low[j] = <floating>0.0
    for k in range((n + GROUP - 1) // GROUP):
        add_gaps(x + k * GROUP * LANES, min(<Py_ssize_t>GROUP, n - k * GROUP), m, high, low)
    if n * LANES < C:
        for j in range(LANES):
            last[j] = m[0]
        for j in range(C - n * LANES):
            last[j] = x[n * LANES + j]
        add_gaps(<const floating*>last, 1, m, high, low)
    gaps = sum_lanes(high, low)
    if floating is float:
        if gaps - gaps != 0:
            gaps = 0.0
            for k in range(C):
                gaps += <double>m[0] - <double>x[k]
    return gaps
