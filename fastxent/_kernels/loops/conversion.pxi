# Numbers of one dtype in another: the way into a tile and out of it is all there is to do.

from cython cimport floating
from libc.string cimport memcpy

from fastxent._kernels.arithmetic.sums cimport Total
from fastxent._kernels.problem cimport GRAD, Problem, Strip, at
from fastxent._kernels.strips cimport strip_at
from fastxent._kernels.ways cimport LANES


cdef void convert(
    const floating[:, :, :] x,       # in   (outer, inner, C)
    floating[:, :, :] _,
    const Problem* problem,          # out  GRAD, which is x where a tile is narrowed
    Py_ssize_t start,                # samples start ... start + n - 1, counted along inner
    Py_ssize_t n,
    char* scratch,
    Total* total,
) noexcept nogil:
    cdef Py_ssize_t j, stop = start + n
    cdef Strip strip
    cdef const floating* row
    cdef floating* out
    while start < stop:
        strip = strip_at(start, stop, x.shape[1], LANES)
        for j in range(strip.n):
            row = &x[strip.o, strip.i + j, 0]
            out = <floating*>at(&problem.view[<int>GRAD], strip.o, strip.i + j)
            if out != row:
                memcpy(out, row, problem.C * sizeof(floating))
        start += strip.n
