# Plain calls of scikit-learn's losses without the Python layer: C-contiguous arrays, outputs of the logits' dtype.
#
# As in quick.pxi, any other call goes the long way to the same bits, and so does one that must raise.

from cython cimport floating
from libc.float cimport DBL_MAX
from libc.string cimport memset

from fastxent._kernels.grid cimport Steps
from fastxent._kernels.operand cimport FLOAT32, FLOAT64, UINT64, Kind, View, at, kind_of, load
from fastxent._kernels.output cimport OutputView, plain_output_of
from fastxent._kernels.sums cimport LANES, WIDTH, add_losses, sum_lanes
from fastxent._kernels.target cimport Scaling, Target, TargetView, read_samples

cdef enum:
    RAW, TARGETS, WEIGHTS, LOSSES, GRAD, HESS, N_ARRAYS

cdef object empty = numpy.empty


cdef object empty_losses(object raw):
    """A new array for the losses."""
    return empty(len(raw), raw.dtype)


cdef class Arrays:
    """The buffers of one call, by the names above; those without an array have no memory."""

    cdef Py_buffer buffer[N_ARRAYS]
    cdef bint held[N_ARRAYS]

    def __dealloc__(self):
        cdef int i
        for i in range(N_ARRAYS):
            if self.held[i]:
                PyBuffer_Release(&self.buffer[i])

    cdef bint open(self, int i, object array, int flags) except -1:
        """Whether there is such an array, or none is needed."""
        self.held[i] = array is not None and opened(array, &self.buffer[i], flags)
        return array is None or self.held[i]

    cdef View view(self, int i) noexcept:
        """A column of one number for each sample, as the kernels read it."""
        cdef View view
        memset(&view, 0, sizeof(view))
        if self.held[i]:
            view.data = <const char*>self.buffer[i].buf
            view.inner = self.buffer[i].itemsize
            view.kind = <Kind>kind_of(self.buffer[i].format, self.buffer[i].itemsize)
        return view

    cdef bint plain_raw(self, int ndim) noexcept:
        """Native float32 or float64, C-contiguous, and few enough for one thread."""
        cdef const Py_buffer* x = &self.buffer[RAW]
        cdef int kind = kind_of(x.format, x.itemsize)
        if (kind != FLOAT32 and kind != FLOAT64) or x.ndim != ndim or x.len == 0:
            return False
        if x.shape[0] > QUICK_BLOCKS * rows_of_block(x.shape[1] if ndim == 2 else 1):
            return False
        return <size_t>x.buf % <size_t>x.itemsize == 0 and PyBuffer_IsContiguous(x, b"C")

    cdef bint plain_column(self, int i) noexcept:
        """One native number for each sample, without gaps."""
        cdef const Py_buffer* a = &self.buffer[i]
        return not self.held[i] or (
            a.ndim == 1 and a.shape[0] == self.buffer[RAW].shape[0] and kind_of(a.format, a.itemsize) >= 0
            and <size_t>a.buf % <size_t>a.itemsize == 0 and PyBuffer_IsContiguous(a, b"C")
        )

    cdef bint plain_output(self, int i) noexcept:
        """Of the dtype of the raw predictions; apart from every other array, a derivative but for those."""
        cdef const Py_buffer* a = &self.buffer[i]
        cdef const Py_buffer* x = &self.buffer[RAW]
        cdef int j, ndim = 1 if i == LOSSES else x.ndim
        if not self.held[i]:
            return True
        if a.ndim != ndim or a.shape[0] != x.shape[0] or (ndim == 2 and a.shape[1] != x.shape[1]):
            return False
        if a.itemsize != x.itemsize or kind_of(a.format, a.itemsize) != kind_of(x.format, x.itemsize):
            return False
        if <size_t>a.buf % <size_t>a.itemsize != 0 or not PyBuffer_IsContiguous(a, b"C"):
            return False
        for j in range(i):
            if self.held[j] and not apart(a, &self.buffer[j]) and not (j == RAW and i != LOSSES and a.buf == x.buf):
                return False
        return True

    cdef bint fit(self) noexcept:
        """Whether everything but the raw predictions is plain too."""
        cdef int i
        for i in range(TARGETS, LOSSES):
            if not self.plain_column(i):
                return False
        for i in range(LOSSES, N_ARRAYS):
            if not self.plain_output(i):
                return False
        return True


cdef bint within(const View* view, Py_ssize_t n, double low, double high, bint has_ignore, double ignore) noexcept:
    """Whether n numbers are in [low, high] or equal to `ignore`; nan is not."""
    cdef double value[WIDTH]
    cdef Py_ssize_t strip, j, count
    if view.data == NULL:
        return True
    for strip in range((n + WIDTH - 1) // WIDTH):
        count = min(<Py_ssize_t>WIDTH, n - strip * WIDTH)
        load(at(view, 0, strip * WIDTH), view.kind, view.inner, count, value)
        if has_ignore:
            for j in range(count):
                value[j] = low if value[j] == ignore else value[j]
        if outside_of(value, count, low, high) > 0:
            return False
    return True


cdef tuple open_arrays(tuple arrays, tuple wanted, int ndim, Arrays into):
    """Open the arrays of a call, making the outputs that are wanted and not given; None if they are not plain."""
    cdef int i
    cdef list found = list(arrays)
    if arrays[TARGETS] is None or not into.open(RAW, arrays[RAW], 0) or not into.plain_raw(ndim):
        return None
    for i in range(TARGETS, N_ARRAYS):
        if i >= LOSSES and arrays[i] is None and wanted[i - LOSSES]:
            found[i] = empty_losses(arrays[RAW]) if i == LOSSES else empty_like(arrays[RAW])
        if not into.open(i, found[i], PyBUF_WRITABLE if i >= LOSSES else 0):
            return None
    return tuple(found[LOSSES:]) if into.fit() else None


cdef void quick_proba(const floating* x, Py_ssize_t n, Py_ssize_t C, floating* proba) noexcept nogil:
    """The softmax of n rows."""
    cdef Steps steps
    cdef Py_ssize_t strip, way = way_of(n, C * <Py_ssize_t>sizeof(floating), False)
    steps.outer = 0
    steps.inner = C
    steps.classes = 1
    for strip in range((n + LANES - 1) // LANES):
        activation_strip(
            SOFTMAX, way, x + strip * LANES * C, steps, C, min(<Py_ssize_t>LANES, n - strip * LANES),
            proba + strip * LANES * C, steps
        )


cdef void proba_of(const Py_buffer* x, void* proba) noexcept:
    """The softmax of the raw predictions."""
    if x.itemsize == 4:
        quick_proba(<const float*>x.buf, x.shape[0], x.shape[1], <float*>proba)
    else:
        quick_proba(<const double*>x.buf, x.shape[0], x.shape[1], <double*>proba)


def quick_multinomial(
    tuple arrays not None, tuple wanted not None, Target target not None, double z_loss, bint with_proba
):
    """(sum of the losses, losses, gradient, Hessian) of a plain call; None where it is not plain.

    ``arrays`` are raw predictions, labels, weights and the three outputs, ``wanted`` says which of those there are to
    be, and ``target`` has everything but the labels. With probabilities, they take the place of the Hessian.
    """
    cdef Arrays a = Arrays()
    cdef TargetView view = target.view
    cdef Scaling scaling
    cdef int64_t y[WIDTH]
    cdef double weight[WIDTH]
    cdef const Py_buffer* x
    cdef Py_ssize_t n, strip
    cdef tuple results = open_arrays(arrays, wanted, 2, a)
    if results is None or a.buffer[RAW].shape[1] != view.C:
        return None
    n = a.buffer[RAW].shape[0]
    memset(&scaling, 0, sizeof(scaling))
    scaling.grad_scale = 1.0
    scaling.sample_weight = a.view(WEIGHTS)
    view.labels = a.view(TARGETS)
    if view.has_ignore and view.labels.kind == UINT64:
        return None
    if not within(&scaling.sample_weight, n, -DBL_MAX, DBL_MAX, False, 0.0):
        return None
    for strip in range((n + WIDTH - 1) // WIDTH):
        if read_samples(
            &view, &scaling, 0, strip * WIDTH, min(<Py_ssize_t>WIDTH, n - strip * WIDTH), y, weight
        ) > 0:
            return None
    x = &a.buffer[RAW]
    if with_proba and a.buffer[GRAD].buf == x.buf:  # or the gradient would be in the place of what is still to be read
        proba_of(x, a.buffer[HESS].buf)
    total = quick_sum(
        x, &view, &scaling, z_loss, a.buffer[LOSSES].buf, a.buffer[GRAD].buf,
        NULL if with_proba else a.buffer[HESS].buf
    )
    if with_proba and a.buffer[GRAD].buf != x.buf:
        proba_of(x, a.buffer[HESS].buf)
    return (total, *results)


cdef double quick_elements(
    const floating* x, Py_ssize_t n, Py_ssize_t start, const Binary* binary, floating* losses, floating* grad,
    floating* hess
) noexcept nogil:
    """The sum of the losses of n elements from `start` on; their losses and derivatives where they are asked for."""
    cdef OutputView g = plain_output_of(grad, sizeof(floating), 1, 1), h = plain_output_of(hess, sizeof(floating), 1, 1)
    cdef Py_ssize_t strip, i, count
    cdef double values[WIDTH]
    cdef double high[LANES]
    cdef double low[LANES]
    memset(high, 0, sizeof(high))
    memset(low, 0, sizeof(low))
    for strip in range((n + WIDTH - 1) // WIDTH):
        i = start + strip * WIDTH
        count = min(<Py_ssize_t>WIDTH, start + n - i)
        sigmoid_strip(x + i, 1, binary, 0, i, count, &g, &h, values)
        add_losses(values, count, losses + i if losses != NULL else <floating*>NULL, 1, high, low)
    return sum_lanes(high, low)


def quick_binomial(
    tuple arrays not None, tuple wanted not None, double pos_weight, double smoothing, object ignore_index
):
    """(sum of the losses, losses, gradient, Hessian) of a plain call, like quick_multinomial."""
    cdef Arrays a = Arrays()
    cdef Binary binary
    cdef Py_ssize_t n, number, count
    cdef tuple results = open_arrays(arrays, wanted, 1, a)
    cdef list sums = []
    if results is None:
        return None
    n = a.buffer[RAW].shape[0]
    memset(&binary, 0, sizeof(binary))
    binary.target = a.view(TARGETS)
    binary.sample_weight = a.view(WEIGHTS)
    binary.grad_scale = 1.0
    binary.keep = 1.0 - smoothing
    binary.share = 0.5 * smoothing
    binary.has_ignore = ignore_index is not None
    binary.ignore = 0.0 if ignore_index is None else ignore_index
    if pos_weight != 1.0:
        binary.pos_weight.data = <const char*>&pos_weight
        binary.pos_weight.kind = FLOAT64
    if not within(&binary.target, n, 0.0, 1.0, binary.has_ignore, binary.ignore):
        return None
    if not within(&binary.sample_weight, n, -DBL_MAX, DBL_MAX, False, 0.0):
        return None
    for number in range((n + ELEMENTS - 1) // ELEMENTS):
        count = min(<Py_ssize_t>ELEMENTS, n - number * ELEMENTS)
        if a.buffer[RAW].itemsize == 4:
            sums.append(quick_elements(
                <const float*>a.buffer[RAW].buf, count, number * ELEMENTS, &binary, <float*>a.buffer[LOSSES].buf,
                <float*>a.buffer[GRAD].buf, <float*>a.buffer[HESS].buf
            ))
        else:
            sums.append(quick_elements(
                <const double*>a.buffer[RAW].buf, count, number * ELEMENTS, &binary, <double*>a.buffer[LOSSES].buf,
                <double*>a.buffer[GRAD].buf, <double*>a.buffer[HESS].buf
            ))
    return (block_total(sums), *results)
