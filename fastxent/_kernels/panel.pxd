"""Samples side by side, one lane each: every step is elementwise across lanes, so nothing is reduced and log1p vectorises too.

A panel is given by its first element and the distance `step` (in elements) from one class to the next; its lanes are contiguous.
It lies either in the caller's array (class axis not last) or, transposed, in a small buffer on the stack (few classes, axis last).
"""

from cython cimport floating
from libc.math cimport INFINITY

from fastxent._kernels.scalar cimport exp
from fastxent._kernels.sums cimport GROUP, LANES, two_sum

cdef enum:
    WIDTH = 128              # lanes of a panel in the caller's array: eight cache lines of float32 from each class
    CLASSES = 64             # the most classes of a transposed panel, which is LANES wide


cdef inline void chunk_max(
    const floating* x, Py_ssize_t step, Py_ssize_t C, Py_ssize_t lanes, floating* m
) noexcept nogil:
    cdef floating best[LANES]
    cdef Py_ssize_t j, k
    for j in range(lanes):
        best[j] = -INFINITY
    for k in range(C):
        for j in range(lanes):
            best[j] = x[k * step + j] if x[k * step + j] > best[j] else best[j]
    for j in range(lanes):
        m[j] = best[j]


cdef inline void chunk_exp(
    const floating* x, Py_ssize_t step, Py_ssize_t C, Py_ssize_t lanes, const floating* m,
    floating* e, Py_ssize_t e_step, floating* ties, floating* rest
) noexcept nogil:
    cdef floating top[LANES]
    cdef floating part[LANES]
    cdef floating high[LANES]
    cdef floating low[LANES]
    cdef floating count[LANES]
    cdef floating value[LANES]
    cdef Py_ssize_t j, k, group
    for j in range(lanes):
        top[j] = m[j]
        high[j] = low[j] = count[j] = <floating>0.0
    for group in range((C + GROUP - 1) // GROUP):
        for j in range(lanes):
            part[j] = <floating>0.0
        for k in range(group * GROUP, min(group * GROUP + GROUP, C)):
            for j in range(lanes):
                value[j] = exp(x[k * step + j] - top[j])
            for j in range(lanes):
                part[j] += <floating>0.0 if value[j] == <floating>1.0 else value[j]
            for j in range(lanes):
                count[j] += <floating>1.0 if value[j] == <floating>1.0 else <floating>0.0
            if e != NULL:
                for j in range(lanes):
                    e[k * e_step + j] = value[j]
        two_sum(high, low, part, lanes)
    for j in range(lanes):
        ties[j] = count[j]
        rest[j] = high[j] + low[j]


cdef inline void panel_max(
    const floating* x,       # in   C x width lanes
    Py_ssize_t step,
    Py_ssize_t C,
    Py_ssize_t width,
    floating* m,             # out  (width,)
) noexcept nogil:
    """Each lane's maximum; nan is passed over (exp brings it back)."""
    cdef Py_ssize_t j, chunk
    for chunk in range(width // LANES):
        j = chunk * LANES
        chunk_max(x + j, step, C, LANES, m + j)
    j = width // LANES * LANES
    if j < width:
        chunk_max(x + j, step, C, width - j, m + j)


cdef inline void panel_exp(
    const floating* x,       # in   C x width lanes
    Py_ssize_t step,
    Py_ssize_t C,
    Py_ssize_t width,
    const floating* m,       # in   (width,)
    floating* e,             # out  C x width lanes, may be x, may be NULL
    Py_ssize_t e_step,
    floating* ties,          # out  (width,) number of e = 1
    floating* rest,          # out  (width,) sum of the other e
) noexcept nogil:
    """e_k = exp(x_k - m) in each lane."""
    cdef Py_ssize_t j, chunk
    for chunk in range(width // LANES):
        j = chunk * LANES
        if e != NULL:
            chunk_exp(x + j, step, C, LANES, m + j, e + j, e_step, ties + j, rest + j)
        else:
            chunk_exp(x + j, step, C, LANES, m + j, <floating*>NULL, 0, ties + j, rest + j)
    j = width // LANES * LANES
    if j < width:
        if e != NULL:
            chunk_exp(x + j, step, C, width - j, m + j, e + j, e_step, ties + j, rest + j)
        else:
            chunk_exp(x + j, step, C, width - j, m + j, <floating*>NULL, 0, ties + j, rest + j)


cdef inline void transpose_in(
    const floating* x,       # in   n samples of C classes
    Py_ssize_t sample_step,
    Py_ssize_t class_step,
    Py_ssize_t C,
    Py_ssize_t n,
    floating* panel,         # out  C x LANES, missing samples 0
) noexcept nogil:
    cdef Py_ssize_t j, k
    for j in range(n):
        for k in range(C):
            panel[k * LANES + j] = x[j * sample_step + k * class_step]
    for j in range(n, LANES):
        for k in range(C):
            panel[k * LANES + j] = <floating>0.0


cdef inline void transpose_out(
    const floating* panel,   # in   C x LANES
    Py_ssize_t sample_step,
    Py_ssize_t class_step,
    Py_ssize_t C,
    Py_ssize_t n,
    floating* x,             # out  n samples of C classes
) noexcept nogil:
    cdef Py_ssize_t j, k
    for j in range(n):
        for k in range(C):
            x[j * sample_step + k * class_step] = panel[k * LANES + j]
