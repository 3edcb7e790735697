"""Entropy, cross entropy and divergence of one row, or of samples side by side; information_terms.pxd has the terms."""

from cython cimport floating

from fastxent._kernels.grid cimport PANEL, TRANSPOSED
from fastxent._kernels.information_terms cimport (
    DIVERGENCE, ENTROPY, Information, Sums, add_group, clear_sums, join_sums, log_block, sum_group,
)
from fastxent._kernels.memory cimport prefetch_block
from fastxent._kernels.operand cimport FLOAT32, FLOAT64, View, at, load
from fastxent._kernels.sums cimport GROUP, LANES, WIDTH, plain_sum, sum_lanes, total_of
from fastxent._kernels.transpose cimport transpose_in

cdef enum:
    FLAT = 128           # the most classes of a panel whose terms are transposed instead of its samples
    AHEAD = 4096         # bytes from what is read to what is asked for


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
    prefetch_block(<const floating*>(first + AHEAD), n)
    if n == GROUP * LANES and is_own(p, block) and p.classes == <Py_ssize_t>sizeof(floating):
        return <const floating*>first
    load(first, p.kind, p.classes, n, block)
    for j in range(n, (n + LANES - 1) // LANES * LANES):
        block[j] = <floating>1.0
    return block


cdef inline const floating* samples_of(
    Py_ssize_t way, const View* p, Py_ssize_t o, Py_ssize_t i, Py_ssize_t k, Py_ssize_t classes, Py_ssize_t n,
    floating* panel, Py_ssize_t* step
) noexcept nogil:
    """Some classes of the samples (o, i) ... (o, i + n - 1), a lane for each sample, and the step from class to class.

    Where they lie, or copied into `panel`; what is said about missing samples has no influence on the others.
    """
    cdef const char* first = at(p, o, i) + k * p.classes
    cdef bint own = is_own(p, panel)
    cdef Py_ssize_t c, j
    step[0] = LANES
    if own and way == PANEL and n == LANES and p.inner == <Py_ssize_t>sizeof(floating):
        step[0] = p.classes // <Py_ssize_t>sizeof(floating)
        for c in range(classes):
            prefetch_block(<const floating*>(first + c * p.classes) + WIDTH, LANES)
        return <const floating*>first
    if own and way == TRANSPOSED:
        transpose_in(
            <const floating*>first, p.inner // <Py_ssize_t>sizeof(floating), p.classes // <Py_ssize_t>sizeof(floating),
            classes, n, panel
        )
    else:
        for c in range(classes):
            load(first + c * p.classes, p.kind, p.inner, n, panel + c * LANES)
            for j in range(n, LANES):
                panel[c * LANES + j] = <floating>1.0
    return panel


cdef inline double information_row(
    Information name, const View* p, const View* q, Py_ssize_t o, Py_ssize_t i, Py_ssize_t C, floating* p_block,
    floating* q_block
) noexcept nogil:
    """One sample, its classes in all lanes."""
    cdef Sums sums
    cdef const floating* p_group
    cdef const floating* q_group
    cdef Py_ssize_t group, k, n
    cdef double total
    clear_sums(&sums)
    for group in range((C + GROUP * LANES - 1) // (GROUP * LANES)):
        k = group * GROUP * LANES
        n = min(<Py_ssize_t>(GROUP * LANES), C - k)
        p_group = q_group = classes_of(p, o, i, k, n, p_block)
        if name != ENTROPY:
            q_group = classes_of(q, o, i, k, n, q_block)
        add_group(name, p_group, LANES, q_group, LANES, (n + LANES - 1) // LANES, &sums)
    if name == DIVERGENCE:
        join_sums(&sums)
    if floating is float:  # in double, 32 sums may be added as they are
        for k in range(LANES):
            sums.high[k] = total_of(sums.high[k], sums.low[k])
        total = plain_sum(sums.high)
    else:
        total = sum_lanes(sums.high, sums.low)
    return total if name == DIVERGENCE else 0.0 - total


cdef inline bint is_flat(const View* p, Py_ssize_t C, const floating* own) noexcept nogil:
    """Whether samples lie one after the other, in the dtype that is computed in."""
    return (
        is_own(p, own) and p.classes == <Py_ssize_t>sizeof(floating) and p.inner == C * <Py_ssize_t>sizeof(floating)
    )


cdef inline void flat_panel(
    const floating* p,           # in   LANES samples of C classes, one after the other
    const floating* q,           # in   the same, p for the entropy
    Py_ssize_t C,                # at most FLAT
    double* term,                # C x LANES
    Sums* sums,                  # out
) noexcept nogil:
    """LANES samples, a lane for each: only their terms are transposed."""
    cdef double panel[GROUP * LANES]
    cdef Py_ssize_t group, k, classes
    for k in range(C):
        log_block(p + k * LANES, q + k * LANES, LANES, term + k * LANES)
    for group in range((C + GROUP - 1) // GROUP):
        k = group * GROUP
        classes = min(<Py_ssize_t>GROUP, C - k)
        transpose_in(term + k, C, 1, classes, LANES, panel)
        sum_group(panel, classes, sums)


cdef inline void information_panel(
    Information name, Py_ssize_t way, const View* p, const View* q, Py_ssize_t o, Py_ssize_t i, Py_ssize_t C,
    Py_ssize_t n, floating* p_block, floating* q_block, double* value
) noexcept nogil:
    """n samples, a lane for each."""
    cdef Sums sums
    cdef double term[FLAT * LANES]
    cdef const floating* p_group
    cdef const floating* q_group
    cdef Py_ssize_t group, j, k, classes, p_step, q_step
    cdef bint flat = C <= FLAT and n == LANES and is_flat(p, C, p_block) and is_flat(q, C, q_block)
    if flat:
        prefetch_block(<const floating*>(at(p, o, i) + AHEAD), C * LANES)
        prefetch_block(<const floating*>(at(q, o, i) + AHEAD), C * LANES)
    clear_sums(&sums)
    if flat and name != DIVERGENCE:
        flat_panel(<const floating*>at(p, o, i), <const floating*>at(q, o, i), C, term, &sums)
    else:
        for group in range((C + GROUP - 1) // GROUP):
            k = group * GROUP
            classes = min(<Py_ssize_t>GROUP, C - k)
            p_group = q_group = samples_of(way, p, o, i, k, classes, n, p_block, &p_step)
            q_step = p_step
            if name != ENTROPY:
                q_group = samples_of(way, q, o, i, k, classes, n, q_block, &q_step)
            add_group(name, p_group, p_step, q_group, q_step, classes, &sums)
    if name == DIVERGENCE:
        join_sums(&sums)
    for j in range(LANES):
        value[j] = total_of(sums.high[j], sums.low[j])
        value[j] = value[j] if name == DIVERGENCE else 0.0 - value[j]
