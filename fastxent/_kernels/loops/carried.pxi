# The softmax of rows whose classes come in parts: what is known of a row so far is carried from part to part.
#
#     m = the maximum so far    s = ties + rest = sum_k exp(x_k - m)    gaps = sum_k w_k (m - x_k)    weight = sum_k w_k
#
# Another maximum m' leaves s' = s exp(m - m') and gaps' = gaps + weight (m' - m). All in double.

from cython cimport floating
from libc.math cimport INFINITY, NAN, exp
from libc.stdint cimport int64_t

from fastxent._kernels.arithmetic.panel cimport MAXIMUM, SHIFT, SUMS, TOP
from fastxent._kernels.arithmetic.row cimport row_exp, row_shift, row_sums
from fastxent._kernels.arithmetic.sums cimport Total, sum_lanes, two_sum
from fastxent._kernels.arrays.soon cimport nothing_soon, soon_behind
from fastxent._kernels.problem cimport LABELS, LOSSES, Problem
from fastxent._kernels.records cimport Carried
from fastxent._kernels.softmax.row cimport AHEAD
from fastxent._kernels.softmax.sums cimport row_gaps
from fastxent._kernels.ways cimport LANES


cdef inline void add_part(Carried* row, double m, double ties, double rest) noexcept nogil:
    """s of the row and of a part of it, relative to the larger of their maxima."""
    cdef double factor
    if m == row.m:
        row.ties += ties
        row.rest += rest
    elif m > row.m:
        row.rest = rest + exp(row.m - m) * (row.ties + row.rest)
        row.ties = ties
        row.m = m
    else:
        factor = exp(m - row.m)
        row.rest += factor * (ties + rest)


cdef inline double weighted_gaps(const floating* x, const double* weight, Py_ssize_t C, double m) noexcept nogil:
    """sum_k w_k (m - x_k)."""
    cdef double high[LANES]
    cdef double low[LANES]
    cdef double term[LANES]
    cdef Py_ssize_t block, first, j
    for j in range(LANES):
        high[j] = low[j] = 0.0
    for block in range((C + LANES - 1) // LANES):
        first = block * LANES
        for j in range(LANES):
            term[j] = 0.0
        for j in range(min(<Py_ssize_t>LANES, C - first)):
            term[j] = weight[first + j] * (m - x[first + j]) if weight[first + j] > 0 else 0.0
        two_sum(high, low, <const double*>term, LANES)
    return sum_lanes(high, low)


cdef inline void add_gaps_of_part(
    const floating* x, const floating* m, const Problem* problem, double before, Carried* row
) noexcept nogil:
    """The same of a row, whose maximum was `before`, and of a part of it, whose maximum m is in all lanes."""
    cdef double gaps = 0.0, weight = 0.0
    cdef Py_ssize_t k
    if problem.weight == NULL:
        weight = problem.C
    else:
        for k in range(problem.C):
            weight += problem.weight[k]
    if m[0] == -INFINITY:
        gaps = INFINITY if weight > 0 else 0.0
    elif problem.weight == NULL:
        gaps = row_gaps(x, problem.C, m)
    else:
        gaps = weighted_gaps(x, problem.weight, problem.C, m[0])
    if weight > 0 and m[0] != -INFINITY:
        gaps += weight * (row.m - m[0])
    if row.weight > 0:
        row.gaps += row.weight * (row.m - before)
    row.gaps += gaps
    row.weight += weight


cdef inline void carry_row(const floating* x, const Problem* problem, int64_t y, Carried* row) noexcept nogil:
    """Take C classes into what is known of a row; y is the label's place among them, if it is there."""
    cdef floating shift[SHIFT]
    cdef floating sums[SUMS]
    cdef floating few[LANES]
    cdef const floating* filled = x
    cdef double before = row.m, ties, rest
    cdef Py_ssize_t k, n = max(problem.C, <Py_ssize_t>LANES)
    if problem.C < LANES:
        for k in range(LANES):
            few[k] = x[k] if k < problem.C else -INFINITY
        filled = few
    if 0 <= y < problem.C:
        row.own_x = x[y]
    row_shift(filled, n, shift)
    if shift[MAXIMUM] != -INFINITY:
        row_exp(filled, n, shift, soon_behind(filled, AHEAD), NULL, nothing_soon(), sums)
        row_sums(<const floating*>sums, &ties, &rest)
        add_part(row, shift[MAXIMUM], ties, rest / shift[TOP])
    else:                        # nothing is added, but nan stays
        for k in range(problem.C):
            row.rest = row.rest if x[k] == x[k] else NAN
    if problem.option.with_gaps:
        add_gaps_of_part(x, shift + MAXIMUM, problem, before, row)


cdef void carry(
    const floating[:, :, :] logits,  # in   (1, rows, C) a part of each row's classes
    floating[:, :, :] _,             # in, out (1, rows, 1): where a row's Carried begins
    const Problem* problem,
    Py_ssize_t start,                # rows start ... start + n - 1
    Py_ssize_t n,
    char* scratch,
    Total* total,
) noexcept nogil:
    cdef const int64_t* y = <const int64_t*>problem.view[<int>LABELS].data
    cdef Carried* rows = <Carried*>problem.view[<int>LOSSES].data
    cdef Py_ssize_t i
    for i in range(start, start + n):
        carry_row(&logits[0, i, 0], problem, y[i], rows + i)
