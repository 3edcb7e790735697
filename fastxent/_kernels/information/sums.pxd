"""Entropy, cross entropy and divergence of one row, or of samples side by side; terms.pxd has the terms."""

from cython cimport floating
from libc.string cimport memset

from fastxent._kernels.arithmetic.sums cimport plain_sum, sum_lanes, total_of
from fastxent._kernels.arrays.memory cimport prefetch_block
from fastxent._kernels.arrays.operand cimport load
from fastxent._kernels.arrays.output cimport is_own
from fastxent._kernels.arrays.transpose cimport transpose_in
from fastxent._kernels.frames cimport apart
from fastxent._kernels.information.terms cimport (
    Sums, add_group, add_terms, clear_sums, group_terms, join_sums, sum_large, sum_group,
)
from fastxent._kernels.problem cimport DIVERGENCE, ENTROPY, TARGET, X, Problem, Strip, View, Which, at
from fastxent._kernels.ways cimport BATCH, GROUP, LANES


cdef inline const floating* run_of(
    const View* p, const char* first, Py_ssize_t step, Py_ssize_t n, floating* block
) noexcept nogil:
    """n numbers, `step` bytes apart: where they lie, or copied into `block`."""
    if is_own(p, block) and step == <Py_ssize_t>sizeof(floating):
        return <const floating*>first
    load(first, p.kind, step, n, block)
    return block


cdef inline apart run_terms(
    const Problem* problem,
    const Strip* sample,
    Py_ssize_t k,                # the first class
    Py_ssize_t n,
    bint along_classes,          # n classes of the first sample, else that of n samples
    floating* blocks,            # 2 x BATCH
    double* term,                # out  (n,)
    double* large,               # out  (n,), for the divergence of float64
) noexcept nogil:
    cdef const View* p = &problem.view[<int>X]
    cdef const View* q = &problem.view[<int>TARGET]
    cdef const floating* p_run = run_of(
        p, at(p, sample.o, sample.i) + k * p.classes, p.classes if along_classes else p.inner, n, blocks
    )
    cdef const floating* q_run = p_run
    if problem.which != ENTROPY:
        q_run = run_of(
            q, at(q, sample.o, sample.i) + k * q.classes, q.classes if along_classes else q.inner, n, blocks + BATCH
        )
    group_terms(problem.which, p_run, q_run, n, term, large)


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


cdef inline double information_row(const Problem* problem, const Strip* sample, floating* blocks) noexcept nogil:
    """One sample of LANES classes or more, in all lanes.

    The last block has LANES classes, too: those that another block has as well add nothing to it.
    """
    cdef Sums sums
    cdef double term[BATCH]
    cdef double large[BATCH]
    cdef double here, total
    cdef Py_ssize_t group, j, k, n, whole, C = problem.C
    cdef bint with_large = floating is double and problem.which == DIVERGENCE
    clear_sums(&sums)
    for group in range((C + BATCH - 1) // BATCH):
        k = group * BATCH
        n = min(<Py_ssize_t>BATCH, C - k)
        whole = n // LANES * LANES
        run_terms(problem, sample, k, whole, True, blocks, term, large)
        if whole < n:
            run_terms(problem, sample, C - LANES, LANES, True, blocks, term + whole, large + whole)
            for j in range(LANES):
                here = term[whole + j]
                term[whole + j] = here if j >= LANES - (n - whole) else 0.0
            for j in range(LANES if with_large else 0):
                here = large[whole + j]
                large[whole + j] = here if j >= LANES - (n - whole) else 0.0
        add_terms(term, large, with_large, (n + LANES - 1) // LANES, &sums)
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


cdef inline void terms_of(
    const double* term, Py_ssize_t C, Py_ssize_t classes, Py_ssize_t n, double* panel
) noexcept nogil:
    """Terms of some classes of n samples, in the lanes; of few of them one by one, the others as they are."""
    cdef Py_ssize_t j, k
    if n > LANES // 8:
        transpose_in(term, C, 1, classes, n, panel)
        return
    for j in range(n):
        for k in range(classes):
            panel[k * LANES + j] = term[j * C + k]


cdef inline void flat_panel(
    Which name,
    const floating* p,           # in   n samples of C classes, one after the other
    const floating* q,           # in   the same, p for the entropy
    Py_ssize_t C,
    Py_ssize_t n,
    double* term,                # C x LANES, and as many of float64 that may cancel
    Sums* sums,                  # out
) noexcept nogil:
    """At most LANES samples, a lane for each: only their terms are transposed."""
    cdef double panel[BATCH]
    cdef double* large = term + C * LANES
    cdef Py_ssize_t group, k, classes
    if n <= LANES // 8:
        memset(panel, 0, sizeof(panel))      # the lanes that terms_of leaves alone
    for group in range((n * C + BATCH - 1) // BATCH):
        k = group * BATCH
        group_terms(name, p + k, q + k, min(<Py_ssize_t>BATCH, n * C - k), term + k, large + k)
    for group in range((C + GROUP - 1) // GROUP):
        k = group * GROUP
        classes = min(<Py_ssize_t>GROUP, C - k)
        prefetch_block(p + n * (C + k), n * classes)         # the next samples', while no numbers are read
        if name != ENTROPY:
            prefetch_block(q + n * (C + k), n * classes)
        terms_of(<const double*>term + k, C, classes, n, panel)
        sum_group(panel, classes, sums)
        if floating is double:
            if name == DIVERGENCE:
                terms_of(<const double*>large + k, C, classes, n, panel)
                sum_large(panel, classes, sums)


cdef inline void information_panel(
    const Problem* problem, const Strip* strip, double* term,     # room for flat_panel
    floating* blocks, double* value                               # out  (LANES,)
) noexcept nogil:
    """A strip of at most LANES samples, a lane for each."""
    cdef Sums sums
    cdef const View* p = &problem.view[<int>X]
    cdef const View* q = p if problem.which == ENTROPY else &problem.view[<int>TARGET]
    cdef Py_ssize_t group, j, k, classes, C = problem.C
    cdef bint flat = is_flat(p, C, blocks) and is_flat(q, C, blocks)
    clear_sums(&sums)
    if flat:
        flat_panel(
            problem.which, <const floating*>at(p, strip.o, strip.i), <const floating*>at(q, strip.o, strip.i), C,
            strip.n, term, &sums
        )
    else:
        for group in range((C + GROUP - 1) // GROUP):
            k = group * GROUP
            classes = min(<Py_ssize_t>GROUP, C - k)
            samples_of(p, strip, k, classes, blocks)
            if problem.which != ENTROPY:
                samples_of(q, strip, k, classes, blocks + BATCH)
            add_group(
                problem.which, blocks, blocks if problem.which == ENTROPY else blocks + BATCH, classes, &sums
            )
    if problem.which == DIVERGENCE:
        join_sums(&sums)
    for j in range(LANES):
        value[j] = total_of(sums.high[j], sums.low[j])
        value[j] = value[j] if problem.which == DIVERGENCE else 0.0 - value[j]


cdef inline void information_elements(
    const Problem* problem, const Strip* strip, floating* blocks, double* value      # out  (strip.n,)
) noexcept nogil:
    """At most BATCH samples of one class, whose terms are their sums: they are taken as one's classes are."""
    cdef double large[BATCH]
    cdef Py_ssize_t j
    run_terms(problem, strip, 0, strip.n, False, blocks, value, large)
    for j in range(strip.n):
        if problem.which != DIVERGENCE:
            value[j] = 0.0 - value[j]
        elif floating is double:
            value[j] += large[j]
