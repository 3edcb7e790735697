# Entropy, cross entropy and Kullback-Leibler divergence: the loop over a job's blocks.

from cython cimport floating
from libc.math cimport INFINITY
from libc.stdint cimport int64_t

from fastxent._kernels.arithmetic cimport scalar
from fastxent._kernels.arithmetic.sums cimport store_as
from fastxent._kernels.arrays.operand cimport load
from fastxent._kernels.information.sums cimport information_elements, information_panel, information_row
from fastxent._kernels.information.terms cimport is_share
from fastxent._kernels.problem cimport DIVERGENCE, ENTROPY, LOSSES, TARGET, X, Problem, Strip, View, at
from fastxent._kernels.strips cimport part_of, strip_at
from fastxent._kernels.ways cimport BATCH, LANES


cdef double looked_at_again(const Problem* problem, const Strip* sample, double* bad) noexcept nogil:
    """A sample whose sum is not finite: inf where p > 0 = q; else, if it has no bad element, an intermediate overflow.

    Terms that overflow are computed at 2^-20 of their size.
    """
    cdef const View* p = &problem.view[<int>X]
    cdef const View* q = p if problem.which == ENTROPY else &problem.view[<int>TARGET]
    cdef const char* p_first = at(p, sample.o, sample.i)
    cdef const char* q_first = at(q, sample.o, sample.i)
    cdef double x[LANES]
    cdef double y[LANES]
    cdef double total = 0.0, ratio
    cdef Py_ssize_t block, j, k, n, wrong = 0, impossible = 0
    for block in range((problem.C + LANES - 1) // LANES):
        k = block * LANES
        n = min(<Py_ssize_t>LANES, problem.C - k)
        load(p_first + k * p.classes, p.kind, p.classes, n, x)
        load(q_first + k * q.classes, q.kind, q.classes, n, y)
        for j in range(n):
            wrong += (not is_share(x[j])) + (not is_share(y[j]))
            impossible += (x[j] > 0) & (y[j] == 0)
    bad[0] += wrong
    if wrong or impossible:
        return INFINITY
    for block in range((problem.C + LANES - 1) // LANES):
        k = block * LANES
        n = min(<Py_ssize_t>LANES, problem.C - k)
        load(p_first + k * p.classes, p.kind, p.classes, n, x)
        load(q_first + k * q.classes, q.kind, q.classes, n, y)
        for j in range(n):
            ratio = (scalar.log(x[j]) if problem.which == DIVERGENCE else 0.0) - scalar.log(y[j])
            total += x[j] * 9.5367431640625e-07 * ratio if x[j] > 0 else 0.0
    return total * 1048576.0


cdef inline double in_base(double value, double per_nat, double per_nat_low) noexcept nogil:
    """value / log(base), whose reciprocal is per_nat + per_nat_low."""
    return 0.0 + (value * per_nat + value * per_nat_low) if value - value == 0 else value * per_nat


cdef inline bint all_finite(const double* value, Py_ssize_t n) noexcept nogil:
    cdef Py_ssize_t j
    cdef int64_t other = 0
    for j in range(n):
        other += value[j] - value[j] != 0
    return other == 0


cdef void information(
    const floating[:, :, :] p,       # in   (outer, inner, C), or only their number: p may be of another dtype
    floating[:, :, :] losses,        # out  (outer, inner, 1)
    const Problem* problem,          # the rest: p and q
    Py_ssize_t start,                # samples start ... start + n - 1, counted along inner
    Py_ssize_t n,
    char* scratch,
    Total* total,                    # out  elements that are no probability
) noexcept nogil:
    """Entropy, cross entropy or divergence."""
    cdef Py_ssize_t j, stop = start + n
    cdef floating blocks[2 * BATCH]
    cdef double value[BATCH]
    cdef Strip strip, sample
    cdef bint by_rows = problem.C >= problem.tuning.row_classes
    while start < stop:
        strip = strip_at(start, stop, p.shape[1], BATCH if problem.C == 1 else LANES)
        if problem.C == 1:
            information_elements(problem, &strip, blocks, value)
        elif by_rows:
            for j in range(strip.n):
                sample = part_of(&strip, j)
                value[j] = information_row(problem, &sample, blocks)
        else:
            information_panel(problem, &strip, <double*>scratch, blocks, value)
        if not all_finite(value, strip.n):
            for j in range(strip.n):
                if value[j] - value[j] != 0:
                    sample = part_of(&strip, j)
                    value[j] = looked_at_again(problem, &sample, &total.bad)
        for j in range(strip.n):
            value[j] = in_base(value[j], problem.option.per_nat, problem.option.per_nat_low)
        store_as(value, strip.n, losses.strides[1], &losses[strip.o, strip.i, 0])
        start += strip.n
