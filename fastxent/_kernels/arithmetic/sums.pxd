"""Sums that neither drift nor wait: LANES accumulators side by side, and a compensated second level.

Accumulators beside one another vectorise without reassociation and make the sums more exact; a plain sum never runs
over more than GROUP additions before it goes, compensated, into the second level.
"""

from cython cimport floating
from libc.string cimport memset

from fastxent._kernels.problem cimport FLOAT32, View
from fastxent._kernels.ways cimport LANES

cdef enum:
    HALF = 16    # LANES / 2


cdef inline void two_sum(floating* high, floating* low, const floating* term, Py_ssize_t lanes) noexcept nogil:
    """high + low += term, with the rounding error of high kept in low (Knuth, TAOCP 2, section 4.2.2, theorem B)."""
    cdef Py_ssize_t j
    cdef floating total, shadow
    for j in range(lanes):
        total = high[j] + term[j]
        shadow = total - high[j]
        low[j] += (high[j] - (total - shadow)) + (term[j] - shadow)
        high[j] = total


cdef inline floating total_of(floating high, floating low) noexcept nogil:
    """high + low; beside an infinite sum low is nan."""
    return high + low if low == low else high


cdef inline double widened(floating high, floating low) noexcept nogil:
    """high + low, of which the latter is nan beside an infinite sum."""
    return <double>high + <double>(low if low == low else <floating>0.0)


cdef inline double sum_lanes(const floating* high, const floating* low) noexcept nogil:
    """The sum of LANES compensated accumulators."""
    cdef double wide[HALF]
    cdef double total[LANES]
    cdef double rest[LANES]
    cdef Py_ssize_t j
    if floating is float:  # in double nothing of them is lost that counts
        for j in range(HALF):
            wide[j] = widened(high[j], low[j]) + widened(high[HALF + j], low[HALF + j])
        return sum_of_half(wide)
    else:  # halved five times, compensated too; in arrays of this function's, of which GCC keeps most in registers
        for j in range(LANES):
            total[j] = high[j]
        for j in range(LANES):
            rest[j] = low[j]
        halve(total, rest, 16)
        halve(total, rest, 8)
        halve(total, rest, 4)
        halve(total, rest, 2)
        halve(total, rest, 1)
        return total_of(total[0], rest[0])


cdef inline double count_lanes(const floating* count) noexcept nogil:
    """The sum of LANES whole numbers."""
    cdef double wide[HALF]
    cdef Py_ssize_t j
    for j in range(HALF):
        wide[j] = <double>count[j] + <double>count[HALF + j]
    return sum_of_half(wide)


cdef inline double plain_sum(double* term) noexcept nogil:
    """The sum of LANES numbers, which are used up, halved five times."""
    cdef Py_ssize_t j
    for j in range(HALF):
        term[j] += term[HALF + j]
    return sum_of_half(term)


cdef inline double sum_of_half(double* term) noexcept nogil:
    """The rest of it, of HALF numbers."""
    cdef Py_ssize_t j
    for j in range(8):
        term[j] += term[8 + j]
    for j in range(4):
        term[j] += term[4 + j]
    return (term[0] + term[2]) + (term[1] + term[3])


cdef inline void halve(floating* high, floating* low, Py_ssize_t lanes) noexcept nogil:
    """Add the second half of 2 * lanes accumulators to the first."""
    cdef Py_ssize_t j
    two_sum(high, low, high + lanes, lanes)
    for j in range(lanes):
        low[j] += low[lanes + j]


cdef struct Total:           # compensated sums of losses, LANES side by side, and what was no label or target
    double high[LANES]
    double low[LANES]
    double bad


cdef inline void clear_total(Total* total) noexcept nogil:
    memset(total, 0, sizeof(Total))


cdef inline void store_as(const double* values, Py_ssize_t n, Py_ssize_t step, floating* out) noexcept nogil:
    """n values, `step` bytes apart."""
    cdef Py_ssize_t j
    if step == <Py_ssize_t>sizeof(floating):
        for j in range(n):
            out[j] = <floating>values[j]
    else:
        for j in range(n):
            (<floating*>(<char*>out + j * step))[0] = <floating>values[j]


cdef inline void store_losses(
    double* values,          # in   (n,), out 0 from there to the end of a block of LANES
    Py_ssize_t n,
    floating* out,           # out  (n,), may be NULL
    const View* view,        # how they lie there, in which dtype
) noexcept nogil:
    """Store each sample's loss where it is asked for, rounded once."""
    cdef Py_ssize_t j
    if out != NULL and view.kind == FLOAT32:
        store_as(values, n, view.inner, <float*>out)
    elif out != NULL:
        store_as(values, n, view.inner, <double*>out)
    for j in range(n, (n + LANES - 1) // LANES * LANES):
        values[j] = 0.0


cdef inline void add_losses(
    double* values, Py_ssize_t n, floating* out, const View* view, Total* total   # as store_losses; out
) noexcept nogil:
    """Store the losses, and add all of them to the total."""
    cdef Py_ssize_t block
    store_losses(values, n, out, view)
    for block in range((n + LANES - 1) // LANES):
        two_sum(total.high, total.low, values + block * LANES, LANES)


cdef inline void add_element_losses(
    double* values, Py_ssize_t n, floating* out, const View* view, Total* total   # as store_losses; out
) noexcept nogil:
    """The same for elements. Of float32 each is too little work to be added compensated, and double holds some."""
    cdef Py_ssize_t j, block
    if floating is double:
        add_losses(values, n, out, view, total)
    else:
        store_losses(values, n, out, view)
        for block in range(1, (n + LANES - 1) // LANES):
            for j in range(LANES):
                values[j] += values[block * LANES + j]
        two_sum(total.high, total.low, values, LANES)


cdef inline void close_total(Total* total, double* sums) noexcept nogil:
    """sums (3,): the sum of the losses, what its rounding cut off, the number of bad elements."""
    halve(total.high, total.low, 16)
    halve(total.high, total.low, 8)
    halve(total.high, total.low, 4)
    halve(total.high, total.low, 2)
    halve(total.high, total.low, 1)
    sums[0] = total.high[0]
    sums[1] = total.low[0] if total.low[0] - total.low[0] == 0 else 0.0    # beside an infinite sum it is nan
    sums[2] = total.bad
