# Entropy, cross entropy and Kullback-Leibler divergence: the loop over a job's blocks.

from cython cimport floating
from libc.math cimport INFINITY
from libc.stdint cimport int64_t

from fastxent._kernels cimport scalar
from fastxent._kernels.grid cimport ROWS, Block, Steps, block_at, moved, start_of, steps_of
from fastxent._kernels.information_sums cimport information_panel, information_row
from fastxent._kernels.information_terms cimport DIVERGENCE, Information, is_share
from fastxent._kernels.job cimport Job
from fastxent._kernels.operand cimport Operand, View, at, load
from fastxent._kernels.sums cimport GROUP, LANES


cdef inline double looked_at_again(
    Information name, const View* p, const View* q, Py_ssize_t o, Py_ssize_t i, Py_ssize_t C, Py_ssize_t* bad
) noexcept nogil:
    """A sample whose sum is not finite: inf where p > 0 = q; else, if it has no bad element, an intermediate overflow.

    Terms that overflow are computed at 2^-20 of their size.
    """
    cdef double x[LANES]
    cdef double y[LANES]
    cdef double total = 0.0, ratio
    cdef Py_ssize_t block, j, k, n, wrong = 0, impossible = 0
    for block in range((C + LANES - 1) // LANES):
        k = block * LANES
        n = min(<Py_ssize_t>LANES, C - k)
        load(at(p, o, i) + k * p.classes, p.kind, p.classes, n, x)
        load(at(q, o, i) + k * q.classes, q.kind, q.classes, n, y)
        for j in range(n):
            wrong += (not is_share(x[j])) + (not is_share(y[j]))
            impossible += (x[j] > 0) & (y[j] == 0)
    bad[0] += wrong
    if wrong or impossible:
        return INFINITY
    for block in range((C + LANES - 1) // LANES):
        k = block * LANES
        n = min(<Py_ssize_t>LANES, C - k)
        load(at(p, o, i) + k * p.classes, p.kind, p.classes, n, x)
        load(at(q, o, i) + k * q.classes, q.kind, q.classes, n, y)
        for j in range(n):
            ratio = (scalar.log(x[j]) if name == DIVERGENCE else 0.0) - scalar.log(y[j])
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


cdef inline void store(
    const double* value, Py_ssize_t n, double per_nat, double per_nat_low, floating* out, Py_ssize_t step
) noexcept nogil:
    """out = value in the unit asked for; n elements, `step` apart."""
    cdef Py_ssize_t j
    if step == 1:
        for j in range(n):
            out[j] = <floating>in_base(value[j], per_nat, per_nat_low)
    else:
        for j in range(n):
            out[j * step] = <floating>in_base(value[j], per_nat, per_nat_low)


def information(
    Py_ssize_t way,                      # ROWS, PANEL or TRANSPOSED
    Information name,
    Operand p not None,                  # in   (outer, inner, C)
    Operand q not None,                  # in   (outer, inner, C); for the entropy p
    Py_ssize_t C,
    double per_nat,                      # 1 / log(base), rounded
    double per_nat_low,                  # what the rounding cut off
    floating[:, :, :] out,               # out  (outer, inner, 1)
    double[:, ::1] sums,                 # out  (n_blocks, 2): 0, elements that are no probability
    Py_ssize_t block_outer,
    Py_ssize_t block_inner,
    Job job not None,
):
    """Entropy, cross entropy or divergence of the blocks that `job` hands out."""
    cdef Block block
    cdef Steps out_step = steps_of(out)
    cdef floating* to = start_of(out)
    cdef floating* first
    cdef Py_ssize_t outer = out.shape[0], inner = out.shape[1], number, o, i, j, n, strip, bad
    cdef floating p_block[GROUP * LANES]
    cdef floating q_block[GROUP * LANES]
    cdef double value[LANES]
    with nogil:
        while True:
            number = job.draw()
            if number < 0:
                break
            block = block_at(number, outer, inner, block_outer, block_inner)
            bad = 0
            for o in range(block.outer, block.outer_stop):
                for strip in range((block.inner_stop - block.inner + LANES - 1) // LANES):
                    i = block.inner + strip * LANES
                    n = min(<Py_ssize_t>LANES, block.inner_stop - i)
                    first = moved(to, out_step, o, i)
                    if way == ROWS:
                        for j in range(n):
                            value[j] = information_row(name, &p.view, &q.view, o, i + j, C, p_block, q_block)
                    else:
                        information_panel(name, way, &p.view, &q.view, o, i, C, n, p_block, q_block, value)
                    if not all_finite(value, n):
                        for j in range(n):
                            if value[j] - value[j] != 0:
                                value[j] = looked_at_again(name, &p.view, &q.view, o, i + j, C, &bad)
                    store(value, n, per_nat, per_nat_low, first, out_step.inner)
            sums[number, 0] = 0.0
            sums[number, 1] = bad
            job.finish()
