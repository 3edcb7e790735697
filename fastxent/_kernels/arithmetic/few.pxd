"""Exponentials of FEW classes or fewer, of samples side by side, and their sums: e_k = exp(x_k - m), not scaled.

Compiled anew for each number of classes, all of which are in registers then: that is what makes it fast. Beyond FEW the
cheaper exponential of panel.pxd is.
"""

from cython cimport floating

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.arithmetic.panel cimport LABEL, MAXIMUM, OWN_X, PANEL, REST, REST_LOW, SHIFT, TIES, TOP
from fastxent._kernels.frames cimport flat, inlined
from fastxent._kernels.ways cimport FEW, LANES


cdef inline inlined few_lanes(
    const floating* x,           # in   C x LANES
    Py_ssize_t C,                # known to the compiler
    const floating* label,       # in   (LANES,)
    floating* of,                # out  (PANEL,) MAXIMUM, OWN_X, REST
    floating* top,               # out  (LANES,) the first class that has the maximum
    floating* e,                 # out  C x LANES: e_k, but e_0 where the maximum's would be; nothing of class 0
) noexcept nogil:
    """One loop, since each further one would wait for what the one before has stored."""
    cdef floating part[FEW]
    cdef floating high, own, here, number
    cdef Py_ssize_t j, k
    for j in range(LANES):
        high = own = x[j]
        number = <floating>0.0
        for k in range(1, C):
            here = x[k * LANES + j]
            number = <floating>k if here > high else number
            high = here if here > high else high
            own = here if label[j] == <floating>k else own
        part[0] = high - high    # nan of an infinite maximum, as exp_of_difference is
        for k in range(1, C):
            here = x[k * LANES + j]
            here = scalar.exp_of_difference(x[j] if number == <floating>k else here, high)
            part[(k - 1) // 2] = here if k % 2 == 1 else part[(k - 1) // 2] + here
            e[k * LANES + j] = here
        if C > 3:
            part[0] = part[0] + part[1]
        if C > 7:
            part[2] = part[2] + part[3]
        if C > 5:
            part[0] = part[0] + part[2]
        of[MAXIMUM + j] = high
        of[OWN_X + j] = own
        of[SHIFT + REST + j] = part[0]
        top[j] = number


cdef inline inlined few_shares(
    const floating* e,           # in   C x LANES, from few_lanes
    const floating* top,         # in   (LANES,)
    Py_ssize_t C,                # known to the compiler
    floating* shares,            # out  C x LANES: e_k
) noexcept nogil:
    """In loops of one selection each, which every processor has vectors for."""
    cdef floating zero[LANES]
    cdef floating here, before
    cdef Py_ssize_t j, k
    for j in range(LANES):
        zero[j] = <floating>1.0
    for k in range(1, C):
        for j in range(LANES):
            before = zero[j]
            here = e[k * LANES + j]
            zero[j] = here if top[j] == <floating>k else before
        for j in range(LANES):
            here = e[k * LANES + j]
            shares[k * LANES + j] = <floating>1.0 if top[j] == <floating>k else here
    for j in range(LANES):
        shares[j] = zero[j]


cdef inline flat lanes_of_few(
    const floating* x,           # in   C x LANES
    Py_ssize_t C,
    floating* of,                # in   (PANEL,) LABEL; out  as few_lanes, and as if exponentials were scaled, by 1
    floating* top,               # out  (LANES,) the first class that has the maximum
    floating* shares,            # out  C x LANES: e_k; may be x, may be NULL
) noexcept nogil:
    """few_lanes and few_shares; in arrays of this function's, which overlap with nothing."""
    cdef floating found[PANEL]
    cdef floating label[LANES]
    cdef floating first[LANES]
    cdef floating e[FEW * LANES]
    cdef Py_ssize_t j
    for j in range(LANES):
        label[j] = of[LABEL + j]
    if C == 1:
        few_lanes(x, 1, <const floating*>label, found, first, e)
    elif C == 2:
        few_lanes(x, 2, <const floating*>label, found, first, e)
    elif C == 3:
        few_lanes(x, 3, <const floating*>label, found, first, e)
    elif C == 4:
        few_lanes(x, 4, <const floating*>label, found, first, e)
    elif C == 5:
        few_lanes(x, 5, <const floating*>label, found, first, e)
    elif C == 6:
        few_lanes(x, 6, <const floating*>label, found, first, e)
    elif C == 7:
        few_lanes(x, 7, <const floating*>label, found, first, e)
    elif C == 8:
        few_lanes(x, 8, <const floating*>label, found, first, e)
    else:
        few_lanes(x, 9, <const floating*>label, found, first, e)
    if shares != NULL:
        few_shares(<const floating*>e, <const floating*>first, C, shares)
    for j in range(LANES):
        of[MAXIMUM + j] = found[MAXIMUM + j]
        of[OWN_X + j] = found[OWN_X + j]
        of[SHIFT + REST + j] = found[SHIFT + REST + j]
        of[SHIFT + REST_LOW + j] = <floating>0.0
        of[SHIFT + TIES + j] = of[TOP + j] = <floating>1.0
    for j in range(LANES):
        top[j] = first[j]
