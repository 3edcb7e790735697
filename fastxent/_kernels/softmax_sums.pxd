"""What a loss adds up of all classes: sum_k t_k (m - x_k) and T, or where all t_k are the same, sum_k (m - x_k).

Blocks of LANES numbers: a class of a panel's samples, or LANES classes of a row. GROUP blocks are added up as a tree,
which goes compensated into the second level: beside a large term a plain sum of small equal ones drifts. What overflows
in float32 is added up again in double.
"""

from cython cimport floating

from fastxent._kernels.scalar cimport rounded
from fastxent._kernels.sums cimport sum_lanes, total_of, two_sum
from fastxent._kernels.ways cimport GROUP, LANES, whole_groups


cdef inline double wide_term(floating t, floating m, floating x) noexcept nogil:
    """t (m - x); 0 where t is, also if x is -inf."""
    return <double>t * (<double>m - <double>x) if t > 0 else 0.0


cdef inline floating gap(floating t, floating m, floating x) noexcept nogil:
    """m - x; 0 where t is."""
    cdef floating difference = m - x
    return difference if t > 0 else <floating>0.0


cdef inline floating larger(floating a, floating b) noexcept nogil:
    return a if a > b else b


cdef inline floating pair(floating t, floating gap_t, floating u, floating gap_u) noexcept nogil:
    """Which of two products is fused with their sum would differ from loop to loop."""
    return rounded(t * gap_t) + u * gap_u


cdef inline floating sum_of_group(
    floating a, floating b, floating c, floating d, floating e, floating f, floating g, floating h
) noexcept nogil:
    return ((a + b) + (c + d)) + ((e + f) + (g + h))


cdef inline floating cut_off(floating a, floating b) noexcept nogil:
    """What the rounding of a + b cuts off."""
    cdef floating total = a + b
    cdef floating shadow = total - a
    return (a - (total - shadow)) + (b - shadow)


cdef inline floating cut_off_of_group(
    floating a, floating b, floating c, floating d, floating e, floating f, floating g, floating h
) noexcept nogil:
    """The same of sum_of_group: one large number beside small ones is rounded at each step."""
    return (
        (cut_off(a, b) + cut_off(c, d)) + (cut_off(e, f) + cut_off(g, h))
        + (cut_off(a + b, c + d) + cut_off(e + f, g + h)) + cut_off((a + b) + (c + d), (e + f) + (g + h))
    )


cdef inline void clear_sums(floating* high, floating* low, floating* most) noexcept nogil:
    cdef Py_ssize_t j
    for j in range(2 * LANES):
        high[j] = <floating>0.0
    for j in range(2 * LANES):
        low[j] = <floating>0.0
    for j in range(LANES):
        most[j] = <floating>0.0


cdef inline void add_dots(
    const floating* x,           # in   GROUP x LANES, whatever it is where t is 0
    const floating* t,           # in   GROUP x LANES
    const floating* m,           # in   (LANES,)
    bint with_total,             # else T and the largest t_k are not wanted
    floating* high,              # out  2 x LANES: sum_k t_k (m - x_k), then T
    floating* low,               # out  what their rounding cut off
    floating* most,              # out  (LANES,) the largest t_k
) noexcept nogil:
    cdef floating part[2 * LANES]
    cdef floating lost[LANES]
    cdef floating best[LANES]
    cdef Py_ssize_t j
    for j in range(LANES):
        part[j] = (
            pair(t[j], gap(t[j], m[j], x[j]), t[LANES + j], gap(t[LANES + j], m[j], x[LANES + j]))
            + pair(
                t[2 * LANES + j], gap(t[2 * LANES + j], m[j], x[2 * LANES + j]),
                t[3 * LANES + j], gap(t[3 * LANES + j], m[j], x[3 * LANES + j])
            )
        ) + (
            pair(
                t[4 * LANES + j], gap(t[4 * LANES + j], m[j], x[4 * LANES + j]),
                t[5 * LANES + j], gap(t[5 * LANES + j], m[j], x[5 * LANES + j])
            )
            + pair(
                t[6 * LANES + j], gap(t[6 * LANES + j], m[j], x[6 * LANES + j]),
                t[7 * LANES + j], gap(t[7 * LANES + j], m[j], x[7 * LANES + j])
            )
        )
    if not with_total:
        two_sum(high, low, <const floating*>part, LANES)
        return
    for j in range(LANES):
        part[LANES + j] = sum_of_group(
            t[j], t[LANES + j], t[2 * LANES + j], t[3 * LANES + j], t[4 * LANES + j], t[5 * LANES + j],
            t[6 * LANES + j], t[7 * LANES + j]
        )
    for j in range(LANES):
        lost[j] = cut_off_of_group(
            t[j], t[LANES + j], t[2 * LANES + j], t[3 * LANES + j], t[4 * LANES + j], t[5 * LANES + j],
            t[6 * LANES + j], t[7 * LANES + j]
        )
    for j in range(LANES):
        best[j] = larger(
            larger(larger(t[j], t[LANES + j]), larger(t[2 * LANES + j], t[3 * LANES + j])),
            larger(larger(t[4 * LANES + j], t[5 * LANES + j]), larger(t[6 * LANES + j], t[7 * LANES + j]))
        )
    for j in range(LANES):
        most[j] = larger(best[j], most[j])
    two_sum(high, low, <const floating*>part, 2 * LANES)
    for j in range(LANES):
        low[LANES + j] += lost[j]


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


cdef inline void panel_dots(
    const floating* x,           # in   C x LANES, and what lies behind
    const floating* t,           # in   whole_groups(C) x LANES
    Py_ssize_t C,
    const floating* m,           # in   (LANES,)
    bint with_total,             # else T and the largest t_k are 0
    double* dot,                 # out  (LANES,) sum_k t_k (m - x_k)
    double* total,               # out  (LANES,) T
    double* largest,             # out  (LANES,) the largest t_k
) noexcept nogil:
    cdef floating high[2 * LANES]
    cdef floating low[2 * LANES]
    cdef floating most[LANES]
    cdef Py_ssize_t j, k
    cdef int odd = 0
    clear_sums(high, low, most)
    for k in range(whole_groups(C) // GROUP):
        add_dots(x + k * GROUP * LANES, t + k * GROUP * LANES, m, with_total, high, low, most)
    for j in range(LANES):
        dot[j] = total_of(<double>high[j], <double>low[j])
    for j in range(LANES):
        total[j] = total_of(<double>high[LANES + j], <double>low[LANES + j])
    for j in range(LANES):
        largest[j] = most[j]
    if floating is float:
        for j in range(LANES):
            odd += dot[j] - dot[j] != 0
        for j in range(LANES if odd > 0 else 0):
            if dot[j] - dot[j] != 0:
                dot[j] = 0.0
                for k in range(C):
                    dot[j] += wide_term(t[k * LANES + j], m[j], x[k * LANES + j])


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
    cdef int odd = 0
    for j in range(LANES):
        high[j] = low[j] = <floating>0.0
    for k in range((C + GROUP - 1) // GROUP):
        add_gaps(x + k * GROUP * LANES, min(<Py_ssize_t>GROUP, C - k * GROUP), m, high, low)
    for j in range(LANES):
        gaps[j] = total_of(<double>high[j], <double>low[j])
    if floating is float:
        for j in range(LANES):
            odd += gaps[j] - gaps[j] != 0
        for j in range(LANES if odd > 0 else 0):
            if gaps[j] - gaps[j] != 0:
                gaps[j] = 0.0
                for k in range(C):
                    gaps[j] += <double>m[j] - <double>x[k * LANES + j]


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
