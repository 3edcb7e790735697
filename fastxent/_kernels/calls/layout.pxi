# From arrays of any rank and order to the kernels' (outer, inner, classes) grid, or to axes to gather them along.

cdef enum:
    MOST_AXES = 64

cdef Py_ssize_t MOST_CLASSES = 1099511627776     # 2^40, which no enum holds in C: no number of bytes overflows


cdef inline Py_ssize_t step_along(Call call, int role, int axis) noexcept:
    """From one sample to the next along an axis of the logits; 0 where an array is broadcast."""
    cdef cnp.ndarray array = <cnp.ndarray>call.held[role]
    cdef int ndim = cnp.PyArray_NDIM(array), own = axis
    if ndim == 0:
        return 0
    if not has_classes(&call.problem, role) and 0 <= call.axis < axis:
        own -= 1
    if role == POS_WEIGHT and ndim < cnp.PyArray_NDIM(call.array(X)):
        own -= cnp.PyArray_NDIM(call.array(X)) - 1
        if own < 0:
            return 0
    return 0 if cnp.PyArray_DIM(array, own) == 1 else cnp.PyArray_STRIDE(array, own)


cdef bint lay_out_plainly(Call call) noexcept:
    """The usual case, without a search: all arrays in C order, the classes last."""
    cdef cnp.ndarray array
    cdef cnp.ndarray x = call.array(X)
    cdef int role
    cdef Py_ssize_t n, size
    if 0 <= call.axis != cnp.PyArray_NDIM(x) - 1:
        return False
    n = cnp.PyArray_SIZE(x) // max(<Py_ssize_t>1, call.problem.C)
    for role in range(<int>ROLES):
        if call.held[role] == NULL:
            continue
        array = <cnp.ndarray>call.held[role]
        size = n * call.problem.C if has_classes(&call.problem, role) else n
        if cnp.PyArray_NDIM(array) != 0 and (
            not cnp.PyArray_IS_C_CONTIGUOUS(array) or cnp.PyArray_SIZE(array) != size
        ):
            return False
    for role in range(<int>ROLES):
        if call.held[role] == NULL:
            continue
        array = <cnp.ndarray>call.held[role]
        call.problem.view[role].classes = cnp.PyArray_ITEMSIZE(array)
        if cnp.PyArray_NDIM(array) != 0:
            call.problem.view[role].inner = cnp.PyArray_ITEMSIZE(array) * (
                call.problem.C if has_classes(&call.problem, role) else 1
            )
    call.problem.outer = 1
    call.problem.inner = n
    return True


cdef int axes_by_stride(cnp.ndarray x, int class_axis, int* axes) noexcept:
    """The axes of samples that are longer than 1, those with the widest steps first; returns how many."""
    cdef int axis, i, n_axes = 0
    for axis in range(cnp.PyArray_NDIM(x)):
        if axis == class_axis or cnp.PyArray_DIM(x, axis) == 1:
            continue
        i = n_axes
        while i > 0 and abs(cnp.PyArray_STRIDE(x, axes[i - 1])) < abs(cnp.PyArray_STRIDE(x, axis)):
            axes[i] = axes[i - 1]
            i -= 1
        axes[i] = axis
        n_axes += 1
    return n_axes


cdef int lay_out(Call call) except -1:
    """Where every array lies. From here on no code of a caller runs, and shapes and strides are what they are now."""
    cdef cnp.ndarray x = call.array(X)
    cdef int role, n_axes
    cdef int axes[MOST_AXES]
    pin(call)
    check_again(call)
    for role in range(<int>ROLES):
        if call.held[role] != NULL:
            set_view(<cnp.ndarray>call.held[role], &call.problem.view[role])
    if not lay_out_plainly(call):
        n_axes = axes_by_stride(x, call.axis, axes)
        for role in range(<int>ROLES):
            if call.held[role] != NULL and has_classes(&call.problem, role) and call.axis >= 0:
                call.problem.view[role].classes = cnp.PyArray_STRIDE(<cnp.ndarray>call.held[role], call.axis)
        merge_axes(call, axes, n_axes)
    if needs_staging(call):
        call.problem.is_staged = True
        if call.axes == NULL:
            axes_of_grid(call)
    return 0


cdef bint lies_in_base(cnp.ndarray array) noexcept:
    """Whether an array is still in the memory of the one that it is a view of, which may have been resized."""
    cdef char* first
    cdef char* end
    cdef char* base_first
    cdef char* base_end
    base = <object>cnp.PyArray_BASE(array) if cnp.PyArray_BASE(array) != NULL else None
    if not cnp.PyArray_Check(base):
        return True
    extent(array, &first, &end)
    extent(<cnp.ndarray>base, &base_first, &base_end)
    return first == end or (base_first <= first and end <= base_end)


cdef int check_again(Call call) except -1:
    """A caller's code may have changed arrays after they were looked at; what fits now is held until the end."""
    cdef cnp.ndarray x = call.array(X), array
    cdef int role
    cdef Py_ssize_t C = 1
    cdef bint fits = call.axis < cnp.PyArray_NDIM(x) and kind_of(x) != NO_KIND and lies_in_base(x)
    if fits and call.axis >= 0:
        C = cnp.PyArray_DIM(x, call.axis)
        if C > MOST_CLASSES:
            raise ValueError(f"{call.name} have shape {shape_of(x)}: more classes than {MOST_CLASSES}")
        fits = (call.problem.family != SOFTMAX and call.problem.family != CLAMPED) or C == call.problem.C
        call.problem.C = C
    for role in range(<int>ROLES):
        if call.held[role] == NULL or role == <int>X or not fits:
            continue
        array = <cnp.ndarray>call.held[role]
        if kind_of(array) == NO_KIND or not lies_in_base(array):
            fits = False
        elif has_classes(&call.problem, role):
            fits = same_shape(array, x)
        elif role == <int>SAMPLE_WEIGHT or role == <int>POS_WEIGHT:
            fits = is_per_sample(call, <Role>role, array)
        else:
            fits = same_rows(call, array)
        if role >= <int>LOSSES:
            fits = fits and cnp.PyArray_ISWRITEABLE(array) and cnp.PyArray_ISNOTSWAPPED(array) and (
                is_float(kind_of(array)) and (role != <int>LOSSES or not is_half(kind_of(array)))
            )
    if fits and call.infogain is not None:
        array = call.infogain
        fits = cnp.PyArray_NDIM(array) == 2 and cnp.PyArray_DIM(array, 0) == C == cnp.PyArray_DIM(array, 1)
        if fits:
            set_view(array, &call.problem.infogain)
            call.problem.infogain.outer = cnp.PyArray_STRIDE(array, 0)
            call.problem.infogain.classes = cnp.PyArray_STRIDE(array, 1)
    if not fits:
        raise ValueError("an argument's shape or dtype changed while the others were read")
    return 0


cdef int merge_axes(Call call, const int* axes, int n_axes) except -1:
    """Neighbouring axes that are one for all arrays become one; two of those make the grid, more are gathered along."""
    cdef cnp.ndarray x = call.array(X)
    cdef Py_ssize_t lengths[MOST_AXES]
    cdef Py_ssize_t steps[<int>ROLES][MOST_AXES]
    cdef Py_ssize_t step
    cdef int role, i, merged = 0
    cdef bint together
    for i in range(n_axes):
        together = merged > 0
        for role in range(<int>ROLES):
            if call.held[role] != NULL and together:
                step = step_along(call, role, axes[i])
                together = steps[role][merged - 1] == step * cnp.PyArray_DIM(x, axes[i])
        if not together:
            merged += 1
            lengths[merged - 1] = 1
        lengths[merged - 1] *= cnp.PyArray_DIM(x, axes[i])
        for role in range(<int>ROLES):
            if call.held[role] != NULL:
                steps[role][merged - 1] = step_along(call, role, axes[i])
    if merged == 0:              # one sample
        lengths[0] = 1
        for role in range(<int>ROLES):
            steps[role][0] = 0
        merged = 1
    call.problem.outer = 1
    for i in range(merged - 1):
        call.problem.outer *= lengths[i]
    call.problem.inner = lengths[merged - 1]
    for role in range(<int>ROLES):
        if call.held[role] != NULL:
            call.problem.view[role].inner = steps[role][merged - 1]
            call.problem.view[role].outer = steps[role][0] if merged == 2 else 0
    if merged > 2:
        new_axes(call, merged)
        for i in range(merged):
            call.axes[i] = lengths[i]
            for role in range(<int>ROLES):
                call.axes[merged * (1 + role) + i] = steps[role][i] if call.held[role] != NULL else 0
    return 0


cdef int new_axes(Call call, int n_axes) except -1:
    """Memory for the axes that samples are gathered along."""
    call.axes = <Py_ssize_t*>PyMem_Malloc(n_axes * (1 + <int>ROLES) * sizeof(Py_ssize_t))
    if call.axes == NULL:
        raise MemoryError
    call.problem.n_axes = n_axes
    call.problem.lengths = call.axes
    call.problem.steps = call.axes + n_axes
    return 0


cdef int axes_of_grid(Call call) except -1:
    """The two axes of the grid."""
    cdef int role
    new_axes(call, 2)
    call.axes[0] = call.problem.outer
    call.axes[1] = call.problem.inner
    for role in range(<int>ROLES):
        call.axes[2 + 2 * role] = call.problem.view[role].outer
        call.axes[3 + 2 * role] = call.problem.view[role].inner
    return 0


cdef inline bint in_rows(const Problem* problem) noexcept:
    """Whether a sample is computed alone, its classes one after the other."""
    if problem.family == SOFTMAX:
        return way_of(problem) == ROWS or way_of(problem) == FOCAL_ROWS
    if problem.family == ACTIVATION or problem.family == SIMPLEX or problem.family == STATISTICS:
        return not side_by_side(problem)
    if problem.family == CLAMPED:
        return clamped_by_rows(problem)
    return problem.family == CONVERSION or (
        problem.family == INFORMATION and problem.C >= problem.tuning.row_classes
    )


cdef inline bint in_lanes(const Problem* problem) noexcept:
    """Whether samples fill the lanes, which a short run would leave empty."""
    return (
        problem.family == SIGMOID or problem.family == SIGMOID_FOCAL
        or (problem.family != CLAMPED and problem.family < COUNT_CLASSES and not in_rows(problem))
    )


cdef inline bint lies_scattered(const View* view) noexcept:
    """Whether neither classes nor samples lie side by side: panels would be filled one number at a time."""
    return view.classes != size_of(view.kind) and view.inner != size_of(view.kind)


cdef bint needs_staging(Call call) noexcept:
    """Whether there is an array that the kernels cannot take where it lies, or lanes would be left empty."""
    cdef const Problem* problem = &call.problem
    cdef const View* view
    cdef int role
    cdef bint rows = in_rows(problem), lanes = in_lanes(problem)
    if call.axes != NULL or (lanes and problem.outer > 1 and problem.inner < LANES):
        return True
    for role in range(<int>ROLES):
        view = &problem.view[role]
        if view.data == NULL:
            continue
        if view.swapped or view.unaligned or is_half(view.kind):
            return True
        if role == X and view.kind != problem.kind and problem.family != INFORMATION and problem.family < COUNT_CLASSES:
            return True
        if role == LOSSES and view.kind != problem.kind and not is_loss(problem):
            return True
        if role > LOSSES and view.kind != problem.kind and (rows or problem.family == CLAMPED):
            return True
        if rows and role != TARGET and has_classes(problem, role) and view.classes != size_of(view.kind):
            return True
        if lanes and role != TARGET and has_classes(problem, role) and problem.C > 1 and lies_scattered(view):
            return True
        if rows and role == TARGET and problem.family == INFORMATION and view.classes > size_of(view.kind):
            return True
    return False
