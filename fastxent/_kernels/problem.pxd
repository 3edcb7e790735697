"""One call as the kernels see it: where its arrays lie, and what it asks for, in the formulas' terms."""

from libc.stdint cimport int64_t

from fastxent._kernels.ways cimport LANES, PANELS, Tuning, in_panels, panels_of


cdef enum Family:           # which kernel
    SOFTMAX, CLAMPED, SIGMOID, SIGMOID_FOCAL, ACTIVATION, INFORMATION, SIMPLEX, STATISTICS, CARRIED, CONVERSION
    COUNT_CLASSES, COUNT_ELEMENTS, COUNT_OUTSIDE
    FAMILIES


cdef enum Which:            # activation or information
    SOFTMAX_ITSELF, LOG_SOFTMAX, LOGSUMEXP
    ENTROPY, CROSS_ENTROPY, DIVERGENCE


cdef enum Kind:             # of elements; the kernels read those before FLOAT16, and compute in the first two
    FLOAT32, FLOAT64, INT8, INT16, INT32, INT64, UINT8, UINT16, UINT32, UINT64, BOOL
    FLOAT16, BFLOAT16       # these are widened before, and results are narrowed to them
    NO_KIND


cdef enum Role:             # of the arrays of a call
    X                       # logits or probabilities
    LABELS
    TARGET                  # of all classes, or of each element; the second probabilities
    SAMPLE_WEIGHT
    POS_WEIGHT
    GRAD_OUTPUT
    LOSSES                  # from here on outputs
    GRAD                    # also an activation's result
    HESS
    ROLES


cdef struct View:
    char* data              # NULL: there is no such array
    Py_ssize_t outer        # steps in bytes; 0 repeats
    Py_ssize_t inner
    Py_ssize_t classes
    Kind kind
    bint swapped            # bytes in the other order, or elements that are not aligned: only to be copied
    bint unaligned
    bint by_row             # of a tile: each row is moved when it is computed


cdef struct Options:
    double keep             # 1 - a of label smoothing
    double share            # a / C, or a / 2 of a sigmoid
    int64_t ignored         # a label
    double ignored_target   # of an element
    bint has_ignored
    double z_loss
    double eps              # probabilities are clamped at from below
    double most             # and from above
    double gamma            # of focal loss
    double positive         # the weights of the targets 1 and 0: alpha and 1 - alpha
    double negative
    bint is_focal
    bint gauss_newton       # the second derivative without the change of the focal factor
    bint with_loss          # else the losses are not wanted
    bint with_weights       # of a count: the sum of the weights is wanted
    bint with_gaps          # of carried rows: the sum of m - x_k is wanted
    double scale            # of the derivatives: grad_output / D
    double hess_factor      # a library's rule: max(factor * hess, floor)
    double hess_floor
    bint has_rule
    double per_nat          # 1 / log(base), rounded, and what the rounding cut off
    double per_nat_low
    double low              # what numbers have to be between
    double high             # of a distribution 0: they have been looked at
    double tolerance        # of the sum of a row that should be 1


cdef struct Problem


# the tile's row i, from where it lies, or to there, times a factor but for one class; pointers, so that what moves it
# is not inlined where it is computed
ctypedef void (*GatherRow)(const Problem* here, Py_ssize_t i, char* row, char* shift) noexcept nogil
ctypedef void (*ScatterRow)(
    const Problem* here, Py_ssize_t i, const char* row, double factor, Py_ssize_t own, double own_grad
) noexcept nogil


cdef struct Problem:
    Family family
    Which which
    Kind kind               # computed in: FLOAT32 or FLOAT64
    Py_ssize_t outer        # samples
    Py_ssize_t inner
    Py_ssize_t C            # classes
    View view[ROLES]
    View infogain           # (C, C), its rows at the step `outer`
    const double* class_weight   # (C,), or NULL: all 1; counts in D
    const double* weight         # (C,), or NULL: all 1; class weights times alpha
    const double* other_weights  # (C,), or NULL: the sum of the other classes' weights, all 1
    Options option
    Tuning tuning
    # where samples are gathered before they are computed, the axes that they are counted along
    bint is_staged
    View next                    # a tile's logits: where those of the next tile lie; data is NULL: not known
    View home                    # a tile's gradient: where it will be brought
    const Problem* whole         # what the tile is a part of, from its sample `first` on
    Py_ssize_t first
    GatherRow gather_row         # of logits, with what row_shift makes of them
    ScatterRow scatter_row       # of the gradient
    int n_axes
    const Py_ssize_t* lengths    # (n_axes,)
    const Py_ssize_t* steps      # (ROLES, n_axes), in bytes


cdef struct Strip:          # samples (o, i) ... (o, i + n - 1)
    Py_ssize_t o
    Py_ssize_t i
    Py_ssize_t n


# one block: the samples from `start` on, counted along inner; sums (3,): sum of the losses, what it lacks, bad elements
ctypedef void (*RunBlock)(
    const Problem* problem, Py_ssize_t start, Py_ssize_t n, char* scratch, double* sums
) noexcept nogil


cdef struct Table:          # what a build has to offer
    size_t size_of_problem  # as the build knows it
    RunBlock run_block
    Py_ssize_t (*scratch_bytes)(const Problem* problem) noexcept nogil
    Py_ssize_t (*bad_labels)(const Problem* problem) noexcept nogil


cdef inline Py_ssize_t size_of(Kind kind) noexcept nogil:
    """Bytes of an element."""
    if kind == FLOAT64 or kind == INT64 or kind == UINT64:
        return 8
    if kind == FLOAT32 or kind == INT32 or kind == UINT32:
        return 4
    return 2 if kind == INT16 or kind == UINT16 or is_half(kind) else 1


cdef inline bint is_half(Kind kind) noexcept nogil:
    return kind == FLOAT16 or kind == BFLOAT16


cdef inline bint has(const Problem* problem, Role role) noexcept nogil:
    return problem.view[<int>role].data != NULL


cdef inline bint has_classes(const Problem* problem, int role) noexcept nogil:
    """Whether a role's array has the class axis."""
    if role == TARGET:
        return problem.family == SOFTMAX or problem.family == CLAMPED or problem.family == INFORMATION
    return role == X or role == GRAD or role == HESS


cdef inline bint is_loss(const Problem* problem) noexcept nogil:
    """Whether the losses are computed in double, and rounded to either float dtype as they are stored."""
    return problem.family <= SIGMOID_FOCAL


cdef inline char* at(const View* view, Py_ssize_t o, Py_ssize_t i) noexcept nogil:
    """Address of sample (o, i), or of its first class; NULL stays NULL."""
    return NULL if view.data == NULL else view.data + o * view.outer + i * view.inner


cdef inline bint two_side_by_side(const Problem* problem) noexcept nogil:
    """Whether the samples of two arrays go into panels."""
    return in_panels(problem.tuning.hess_panel_bytes, problem.C, 2 * size_of(problem.kind))


cdef inline bint side_by_side(const Problem* problem) noexcept nogil:
    """Whether the samples go into panels; with a Hessian, of half as many classes: it is stored beside the gradient."""
    cdef Py_ssize_t size = size_of(problem.kind)
    if has(problem, HESS):
        return two_side_by_side(problem)
    if problem.kind == FLOAT64:
        return in_panels(problem.tuning.double_panel_bytes, problem.C, size)
    return in_panels(problem.tuning.panel_bytes, problem.C, size)


cdef inline Py_ssize_t panels_of_strip(const Problem* problem) noexcept nogil:
    """How many panels a strip has: all, where a class lies in one run, or may in a tile: memory likes them long."""
    if problem.C > 1 and (problem.is_staged or problem.view[<int>X].inner == size_of(problem.kind)):
        return PANELS
    return panels_of(&problem.tuning, problem.C)


cdef inline Py_ssize_t room_of_panels(const Problem* problem) noexcept nogil:
    """The numbers that a strip takes in panels, two at least, or in rows, which are at most LANES - 1 longer.

    Behind the classes of a panel some that there are not may be read.
    """
    return max(<Py_ssize_t>2, panels_of_strip(problem)) * LANES * (problem.C + LANES)
