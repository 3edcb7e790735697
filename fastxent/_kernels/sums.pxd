"""Sums that neither drift nor wait: LANES accumulators side by side, and a compensated second level.

Accumulators beside one another vectorise without reassociation and make the sums more exact; a plain sum never runs
over more than GROUP additions before it goes, compensated, into the second level.
"""

from cython cimport floating

cdef enum:
    LANES = 32
    GROUP = 8            # the tree in panel.pxd is written out for it
    WIDTH = 4 * LANES    # samples of one strip where nothing needs lanes


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


cdef inline double sum_lanes(const floating* high, const floating* low) noexcept nogil:
    """The sum of LANES compensated accumulators."""
    cdef double sums[LANES]
    cdef Py_ssize_t j
    for j in range(LANES):
        sums[j] = total_of(<double>high[j], <double>low[j])
    for j in range(16):
        sums[j] += sums[j + 16]
    for j in range(8):
        sums[j] += sums[j + 8]
    for j in range(4):
        sums[j] += sums[j + 4]
    return (sums[0] + sums[2]) + (sums[1] + sums[3])


cdef inline void add_losses(
    double* values,          # in   (n,), room for whole blocks of LANES
    Py_ssize_t n,
    floating* out,           # out  (n,) `step` apart, may be NULL
    Py_ssize_t step,
    double* high,            # out  (LANES,)
    double* low,             # out  (LANES,)
) noexcept nogil:
    """Store each sample's loss where it is asked for, and add all of them to the accumulators."""
    cdef Py_ssize_t j, chunk, n_chunks = (n + LANES - 1) // LANES
    if out != NULL:
        for j in range(n):
            out[j * step] = <floating>values[j]
    for j in range(n, n_chunks * LANES):
        values[j] = 0.0
    for chunk in range(1, n_chunks):
        for j in range(LANES):
            values[j] += values[chunk * LANES + j]
    two_sum(high, low, values, LANES)
