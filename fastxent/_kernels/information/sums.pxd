"""Entropy, cross entropy and divergence of one row, or of samples side by side; terms.pxd has the terms."""

from cython cimport floating

from fastxent._kernels.arithmetic.sums cimport plain_sum, sum_lanes, total_of
from fastxent._kernels.arrays.operand cimport load
from fastxent._kernels.arrays.output cimport is_own
from fastxent._kernels.arrays.transpose cimport transpose_in
from fastxent._kernels.information.terms cimport (
    Sums, add_group, clear_sums, group_terms, join_sums, sum_large, sum_group,
)
from fastxent._kernels.problem cimport DIVERGENCE, ENTROPY, TARGET, X, Problem, Strip, View, Which, at
from fastxent._kernels.ways cimport GROUP, LANES


cdef inline const floating* classes_of(
    const View* p, const Strip* sample, Py_ssize_t k, Py_ssize_t n, floating* block
) noexcept nogil:
    """Classes k ... k + n - 1 of one sample: where they lie, or copied into `block`.

    A last group is copied, and filled up with ones, which change no sum.
    """
    cdef const char* first = at(p, sample.o, sample.i) + k * p.classes
    cdef Py_ssize_t j
    if n == GROUP * LANES and is_own(p, block) and p.classes == <Py_ssize_t>sizeof(floating):
        return <const floating*>first
    load(first, p.kind, p.classes, n, block)
    for j in range(n, (n + LANES - 1) // LANES * LANES):
        block[j] = <floating>1.0
    return block


cdef inline void samples_of(
    const View* p, const Strip* strip, Py_ssize_t k, Py_ssize_t classes, floating* panel   # out  classes x LANES
) noexcept nogil:
    """Some classes of a strip's samples, a lane for each; what is said about missing samples changes no other."""
    cdef const char* first = at(p, strip.o, strip.i) + k * p.classes
    cdef Py_ssize_t c, j
    if is_own(p, panel):
        transpose_in(
            <const floating*>first, p.inner // <Py_ssize_t>sizeof(floating), p.classes // <Py_ssize_t>sizeof(floating),
            classes, strip.n, panel
        )
    else:
        for c in range(classes):
            load(first + c * p.classes, p.kind, p.inner, strip.n, panel + c * LANES)
    for c in range(classes):
        for j in range(strip.n, LANES):
            panel[c * LANES + j] = <floating>1.0


cdef inline double information_row(
    const Problem* problem, const Strip* sample, floating* p_block, floating* q_block
) noexcept nogil:
    """One sample, its classes in all lanes."""
    cdef Sums sums
    cdef const floating* p_group
    cdef const floating* q_group
    cdef Py_ssize_t group, k, n, C = problem.C
    cdef double total
    clear_sums(&sums)
    for group in range((C + GROUP * LANES - 1) // (GROUP * LANES)):
        k = group * GROUP * LANES
        n = min(<Py_ssize_t>(GROUP * LANES), C - k)
        p_group = q_group = classes_of(&problem.view[<int>X], sample, k, n, p_block)
        if problem.which != ENTROPY:
            q_group = classes_of(&problem.view[<int>TARGET], sample, k, n, q_block)
        add_group(problem.which, p_group, q_group, (n + LANES - 1) // LANES, &sums)
    if problem.which == DIVERGENCE:
        join_sums(&sums)
    if floating is float:  # in double, 32 sums may be added as they are
        for k in range(LANES):
            sums.high[k] = total_of(sums.high[k], sums.low[k])
        total = plain_sum(sums.high)
    else:
        total = sum_lanes(sums.high, sums.low)
    return total if problem.which == DIVERGENCE else 0.0 - total


cdef inline bint is_flat(const View* p, Py_ssize_t C, const floating* own) noexcept nogil:
    """Whether samples lie one after the other, in the dtype that is computed in."""
    return (
        is_own(p, own) and p.classes == <Py_ssize_t>sizeof(floating) and p.inner == C * <Py_ssize_t>sizeof(floating)
    )


cdef inline void flat_panel(
    Which name,
    const floating* p,           # in   LANES samples of C classes, one after the other
    const floating* q,           # in   the same, p for the entropy
    Py_ssize_t C,
    double* term,                # C x LANES, and as many of float64 that may cancel
    Sums* sums,                  # out
) noexcept nogil:
    """LANES samples, a lane for each: only their terms are transposed."""
    cdef double panel[GROUP * LANES]
    cdef double* large = term + C * LANES
    cdef Py_ssize_t group, k, classes
    for group in range((C + GROUP - 1) // GROUP):
        k = group * GROUP * LANES
        group_terms(name, p + k, q + k, min(<Py_ssize_t>GROUP, C - group * GROUP), term + k, large + k)
    for group in range((C + GROUP - 1) // GROUP):
        k = group * GROUP
        classes = min(<Py_ssize_t>GROUP, C - k)
        transpose_in(term + k, C, 1, classes, LANES, panel)
        sum_group(panel, classes, sums)
        if floating is double:
            if name == DIVERGENCE:
                transpose_in(large + k, C, 1, classes, LANES, panel)
                sum_large(panel, classes, sums)


cdef inline void information_panel(
    const Problem* problem, const Strip* strip, double* term,     # room for flat_panel
    floating* p_block, floating* q_block, double* value           # out  (LANES,)
) noexcept nogil:
    """A strip of at most LANES samples, a lane for each."""
    cdef Sums sums
    cdef const View* p = &problem.view[<int>X]
    cdef const View* q = p if problem.which == ENTROPY else &problem.view[<int>TARGET]
    cdef Py_ssize_t group, j, k, classes, C = problem.C
    cdef bint flat = strip.n == LANES and is_flat(p, C, p_block) and is_flat(q, C, q_block)
    clear_sums(&sums)
    if flat:
        flat_panel(
            problem.which, <const floating*>at(p, strip.o, strip.i), <const floating*>at(q, strip.o, strip.i), C, term,
            &sums
        )
    else:
        for group in range((C + GROUP - 1) // GROUP):
            k = group * GROUP
            classes = min(<Py_ssize_t>GROUP, C - k)
            samples_of(p, strip, k, classes, p_block)
            if problem.which != ENTROPY:
                samples_of(q, strip, k, classes, q_block)
            add_group(problem.which, p_block, p_block if problem.which == ENTROPY else q_block, classes, &sums)
    if problem.which == DIVERGENCE:
        join_sums(&sums)
    for j in range(LANES):
        value[j] = total_of(sums.high[j], sums.low[j])
        value[j] = value[j] if problem.which == DIVERGENCE else 0.0 - value[j]


cdef inline void information_elements(
    const Problem* problem, const Strip* strip, floating* p_block, floating* q_block,
    double* value                # out  (strip.n,) and some more, in whole LANES
) noexcept nogil:
    """At most GROUP x LANES samples of one class, whose terms are their sums: they are taken as one's classes are."""
    cdef double large[GROUP * LANES]
    cdef View p = problem.view[<int>X]
    cdef View q = problem.view[<int>TARGET]
    cdef const floating* p_group
    cdef const floating* q_group
    cdef Py_ssize_t j, blocks = (strip.n + LANES - 1) // LANES
    p.classes, q.classes = p.inner, q.inner
    p_group = q_group = classes_of(&p, strip, 0, strip.n, p_block)
    if problem.which != ENTROPY:
        q_group = classes_of(&q, strip, 0, strip.n, q_block)
    group_terms(problem.which, p_group, q_group, blocks, value, large)
    for j in range(blocks * LANES):
        if problem.which != DIVERGENCE:
            value[j] = 0.0 - value[j]
        elif floating is double:
            value[j] += large[j]
