"""A few samples of few classes, one after the other: with the bits that they have side by side in a panel.

A row's exponentials are added up in the order of panel.pxd: GROUP classes as a tree, then one group after the other.
"""

from cython cimport floating
from libc.math cimport INFINITY

from fastxent._kernels.arithmetic.panel cimport (
    BOTTOM, MAGIC, MAXIMUM, ORIGIN, REST, REST_LOW, SHIFT, SUMS, TIES, TOP, exp_block, if_top, unless_top,
)
from fastxent._kernels.arithmetic.row cimport in_all_lanes
from fastxent._kernels.arrays.operand cimport copy_strided
from fastxent._kernels.ways cimport LANES


cdef inline Py_ssize_t solo_width(Py_ssize_t C) noexcept nogil:
    """From one row to the next: whole blocks of LANES, the last one filled up with -inf."""
    return (C + LANES - 1) // LANES * LANES


cdef inline void solo_rows(
    const floating* x, Py_ssize_t sample_step, Py_ssize_t class_step, Py_ssize_t C, Py_ssize_t n, floating* rows
) noexcept nogil:
    """n samples, with steps in bytes, copied into rows."""
    cdef Py_ssize_t j, k, width = solo_width(C)
    for j in range(n):
        copy_strided(<const floating*>(<const char*>x + j * sample_step), class_step, C, rows + j * width)
        for k in range(C, width):
            rows[j * width + k] = -INFINITY


cdef inline floating solo_max(const floating* row, Py_ssize_t C) noexcept nogil:
    """The maximum; nan is passed over (exp brings it back)."""
    cdef floating best[LANES]
    cdef floating m = -INFINITY
    cdef Py_ssize_t j, block
    for j in range(LANES):
        best[j] = -INFINITY
    for block in range(solo_width(C) // LANES):
        for j in range(LANES):
            best[j] = row[block * LANES + j] if row[block * LANES + j] > best[j] else best[j]
    for j in range(LANES):
        m = best[j] if best[j] > m else m
    return m


cdef inline void solo_exp(
    floating* row,               # in   (C,) and -inf up to the width; out the exponentials
    Py_ssize_t C,
    Py_ssize_t lane,             # of this sample
    const floating* shift,       # in   (SHIFT,) of all lanes
    floating* sums,              # out  (SUMS,) of this lane
) noexcept nogil:
    cdef floating own[SHIFT]
    cdef floating v[LANES]
    cdef floating part[LANES]
    cdef floating high = <floating>0.0, low = <floating>0.0, ties = <floating>0.0, total, shadow
    cdef floating top = shift[TOP + lane]
    cdef Py_ssize_t block, j
    in_all_lanes(
        shift[MAXIMUM + lane], shift[ORIGIN + lane], shift[MAGIC + lane], shift[BOTTOM + lane], top, own
    )
    for block in range(solo_width(C) // LANES):
        exp_block(row + block * LANES, own, v)
        for j in range(LANES):
            row[block * LANES + j] = v[j]
        for j in range(LANES):
            part[j] = if_top(v[j], top)
        for j in range(LANES):
            ties += part[j]
        for j in range(LANES):
            part[j] = unless_top(v[j], top)
        for j in range(16):
            part[j] = part[2 * j] + part[2 * j + 1]
        for j in range(8):
            part[j] = part[2 * j] + part[2 * j + 1]
        for j in range(4):
            part[j] = part[2 * j] + part[2 * j + 1]
        for j in range(4):       # two_sum
            total = high + part[j]
            shadow = total - high
            low += (high - (total - shadow)) + (part[j] - shadow)
            high = total
    sums[REST + lane] = high
    sums[REST_LOW + lane] = low
    sums[TIES + lane] = ties
