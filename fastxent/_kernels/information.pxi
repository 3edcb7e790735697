# Entropy, cross entropy and Kullback-Leibler divergence of one row or one panel, and the loop over a job's blocks.
#
#     H(p) = -sum_k p_k log p_k        H(p, q) = -sum_k p_k log q_k
#     KL(p || q) = sum_k p_k log(p_k / q_k) = sum_k [p_k log(p_k / q_k) - (p_k - q_k)] + sum_k (p_k - q_k)
#
# A term with p_k = 0 is 0. What no probability is makes its row nan, so that only rows that are not finite have to be
# looked at once more. The terms are summed in double. The differences p_k - q_k, which may cancel to far below their
# own rounding, have a compensated sum of their own.

from cython cimport floating
from libc.float cimport DBL_MAX, DBL_MIN, FLT_MAX, FLT_MIN
from libc.math cimport INFINITY, NAN
from libc.stdint cimport int32_t, int64_t
from libc.string cimport memset

from fastxent._kernels cimport scalar
from fastxent._kernels.grid cimport ROWS, TRANSPOSED, Block, Steps, block_at, moved, start_of, steps_of
from fastxent._kernels.job cimport Job
from fastxent._kernels.operand cimport FLOAT32, FLOAT64, Operand, View, at, load, view_of
from fastxent._kernels.transpose cimport transpose_in
from fastxent._kernels.sums cimport GROUP, LANES, sum_lanes, total_of, two_sum

cdef enum Information:
    ENTROPY, CROSS_ENTROPY, DIVERGENCE


cdef struct Sums:            # of each lane, compensated
    double high[LANES]
    double low[LANES]
    double difference[LANES]         # sum of p - q
    double difference_low[LANES]


cdef inline void clear_sums(Sums* sums) noexcept nogil:
    memset(sums, 0, sizeof(Sums))


cdef inline void join_sums(Sums* sums) noexcept nogil:
    """Add the differences to the other sum."""
    cdef Py_ssize_t j
    two_sum(sums.high, sums.low, sums.difference, LANES)
    for j in range(LANES):
        sums.low[j] += sums.difference_low[j]


cdef inline bint is_share(floating p) noexcept nogil:
    """Neither negative nor infinite nor nan."""
    if floating is float:
        return (p >= 0) & (p <= FLT_MAX)
    else:
        return (p >= 0) & (p <= DBL_MAX)


cdef inline bint all_between(const floating* x, Py_ssize_t n, floating low, floating high) noexcept nogil:
    """Whether low <= x <= high for all n. Counted in integers of the width of x, which needs no change of lanes."""
    cdef Py_ssize_t i
    cdef int32_t count32 = 0
    cdef int64_t count64 = 0
    if floating is float:
        for i in range(n):
            count32 += (x[i] >= low) & (x[i] <= high)
        return count32 == n
    else:
        for i in range(n):
            count64 += (x[i] >= low) & (x[i] <= high)
        return count64 == n


cdef inline bint all_normal(const floating* x, Py_ssize_t n) noexcept nogil:
    """Whether log_of_normal takes all n."""
    if floating is float:
        return all_between(x, n, FLT_MIN, FLT_MAX)
    else:
        return all_between(x, n, DBL_MIN, DBL_MAX)


cdef inline bint all_shares(const floating* x, Py_ssize_t n) noexcept nogil:
    """is_share of all n."""
    if floating is float:
        return all_between(x, n, <float>0.0, FLT_MAX)
    else:
        return all_between(x, n, 0.0, DBL_MAX)


cdef inline bint all_middling(const floating* x, Py_ssize_t n) noexcept nogil:
    """Whether divergence takes all n without any_size: from 2^-900 to 2^900; for float32, positive and finite."""
    if floating is float:
        return all_between(x, n, <float>1.401298464324817e-45, FLT_MAX)
    else:
        return all_between(x, n, 1.1830521861667747e-271, 8.452712498170644e+270)


cdef inline void log_terms(const floating* p, const floating* q, Py_ssize_t n, double* term) noexcept nogil:
    """p log q for shares p and normal q."""
    cdef Py_ssize_t i
    for i in range(n):
        term[i] = <double>p[i] * <double>scalar.log_of_normal(q[i])


cdef inline void any_log_terms(const floating* p, const floating* q, Py_ssize_t n, double* term) noexcept nogil:
    """p log q for any p and q."""
    cdef double value
    cdef Py_ssize_t i
    for i in range(n):
        value = <double>p[i] * <double>scalar.log(q[i])
        value = 0.0 if p[i] == 0 else value
        term[i] = value if is_share(p[i]) & is_share(q[i]) else NAN


cdef inline void divergence_terms(
    const floating* p, const floating* q, Py_ssize_t n, double* term, double* difference
) noexcept nogil:
    """p log(p / q), in two numbers each, for middling p and q."""
    cdef Py_ssize_t i
    for i in range(n):
        term[i] = scalar.divergence(p[i], q[i], False, &difference[i])


cdef inline void any_divergence_terms(
    const floating* p, const floating* q, Py_ssize_t n, double* term, double* difference
) noexcept nogil:
    """p log(p / q), in two numbers each, for any p and q; nan where p > 0 = q."""
    cdef double value, other, gap
    cdef bint both
    cdef Py_ssize_t i
    for i in range(n):
        gap = 0.0
        value = scalar.divergence(p[i], q[i], True, &gap)
        other = 0.0 if (p[i] == 0) & is_share(q[i]) else NAN
        both = (p[i] > 0) & is_share(p[i]) & (q[i] > 0) & is_share(q[i])
        term[i] = value if both else other
        difference[i] = gap if both else 0.0


cdef inline void add_group(
    Information name,
    const floating* p,           # in   n x LANES
    const floating* q,           # in   n x LANES, not read for the entropy
    Py_ssize_t n,                # at most GROUP
    Sums* sums,                  # out
) noexcept nogil:
    """The terms of n classes in every lane; GROUP of them are added as a tree, which is exact for equal terms."""
    cdef double term[GROUP * LANES]
    cdef double difference[GROUP * LANES]
    cdef Py_ssize_t i, j, k
    if name == DIVERGENCE:
        if all_middling(p, n * LANES) and all_middling(q, n * LANES):
            divergence_terms(p, q, n * LANES, term, difference)
        else:
            any_divergence_terms(p, q, n * LANES, term, difference)
        for k in range(n):
            two_sum(sums.difference, sums.difference_low, difference + k * LANES, LANES)
    elif name == CROSS_ENTROPY:
        if all_normal(q, n * LANES) and all_shares(p, n * LANES):
            log_terms(p, q, n * LANES, term)
        else:
            any_log_terms(p, q, n * LANES, term)
    elif all_normal(p, n * LANES):
        log_terms(p, p, n * LANES, term)
    else:
        any_log_terms(p, p, n * LANES, term)
    if n == GROUP:
        for i in range(4 * LANES):
            term[i] += term[4 * LANES + i]
        for i in range(2 * LANES):
            term[i] += term[2 * LANES + i]
        for j in range(LANES):
            term[j] += term[LANES + j]
    else:
        for k in range(1, n):
            for j in range(LANES):
                term[j] += term[k * LANES + j]
    two_sum(sums.high, sums.low, term, LANES)


cdef inline bint is_own(const View* p, const floating* _) noexcept nogil:
    """Whether p has the dtype that is computed in."""
    return p.kind == (FLOAT32 if sizeof(floating) == sizeof(float) else FLOAT64)


cdef inline const floating* classes_of(
    const View* p, Py_ssize_t o, Py_ssize_t i, Py_ssize_t k, Py_ssize_t n, floating* block
) noexcept nogil:
    """Classes k ... k + n - 1 of one sample: where they lie, or copied into `block`.

    A last group is copied, and filled up with ones, which change no sum.
    """
    cdef const char* first = at(p, o, i) + k * p.classes
    cdef Py_ssize_t j
    if n == GROUP * LANES and is_own(p, block) and p.classes == <Py_ssize_t>sizeof(floating):
        return <const floating*>first
    load(first, p.kind, p.classes, n, block)
    for j in range(n, (n + LANES - 1) // LANES * LANES):
        block[j] = <floating>1.0
    return block


cdef inline void load_samples(
    Py_ssize_t way, const View* p, Py_ssize_t o, Py_ssize_t i, Py_ssize_t k, Py_ssize_t classes, Py_ssize_t n,
    floating* panel
) noexcept nogil:
    """Some classes of the samples (o, i) ... (o, i + n - 1), a lane for each sample; missing samples are 0."""
    cdef const char* first = at(p, o, i) + k * p.classes
    cdef Py_ssize_t c, j
    if way == TRANSPOSED and is_own(p, panel):
        transpose_in(
            <const floating*>first, p.inner // <Py_ssize_t>sizeof(floating), p.classes // <Py_ssize_t>sizeof(floating),
            classes, n, panel
        )
    else:
        for c in range(classes):
            load(first + c * p.classes, p.kind, p.inner, n, panel + c * LANES)
            for j in range(n, LANES):
                panel[c * LANES + j] = <floating>0.0


cdef inline double information_row(
    Information name, const View* p, const View* q, Py_ssize_t o, Py_ssize_t i, Py_ssize_t C, floating* p_block,
    floating* q_block
) noexcept nogil:
    """One sample, its classes in all lanes."""
    cdef Sums sums
    cdef const floating* p_group
    cdef const floating* q_group
    cdef Py_ssize_t group, k, n
    clear_sums(&sums)
    for group in range((C + GROUP * LANES - 1) // (GROUP * LANES)):
        k = group * GROUP * LANES
        n = min(<Py_ssize_t>(GROUP * LANES), C - k)
        p_group = q_group = classes_of(p, o, i, k, n, p_block)
        if name != ENTROPY:
            q_group = classes_of(q, o, i, k, n, q_block)
        add_group(name, p_group, q_group, (n + LANES - 1) // LANES, &sums)
    if name == DIVERGENCE:
        join_sums(&sums)
        return sum_lanes(sums.high, sums.low)
    return 0.0 - sum_lanes(sums.high, sums.low)


cdef inline void information_panel(
    Information name, Py_ssize_t way, const View* p, const View* q, Py_ssize_t o, Py_ssize_t i, Py_ssize_t C,
    Py_ssize_t n, floating* p_block, floating* q_block, double* value
) noexcept nogil:
    """n samples, a lane for each."""
    cdef Sums sums
    cdef Py_ssize_t group, j, k, classes
    clear_sums(&sums)
    for group in range((C + GROUP - 1) // GROUP):
        k = group * GROUP
        classes = min(<Py_ssize_t>GROUP, C - k)
        load_samples(way, p, o, i, k, classes, n, p_block)
        if name != ENTROPY:
            load_samples(way, q, o, i, k, classes, n, q_block)
        add_group(name, p_block, q_block, classes, &sums)
    if name == DIVERGENCE:
        join_sums(&sums)
    for j in range(LANES):
        value[j] = total_of(sums.high[j], sums.low[j])
        value[j] = value[j] if name == DIVERGENCE else 0.0 - value[j]


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
