# One row of several classes, as CatBoost asks for it: what counts is how little there is beside the arithmetic. The
# formulas are those of softmax/terms.pxd and focal/terms.pxd.

@cython.final
@cython.freelist(8)
cdef class RowHessian:
    """Rows of the Hessian of minus a loss: of -scale (diag(p) - p p^T), or diagonal, of -max(scale p (1 - p), floor).

    Numbers are made when they are asked for: CatBoost reads those on and above the diagonal, and only for the values of
    leaves, not to grow a tree.
    """

    cdef Py_ssize_t C
    cdef double* e               # (C,) exp(x_k - m) times a number that is the same for all
    cdef double top
    cdef double s
    cdef double s_low            # what s is short of the sum
    cdef double spread
    cdef double a                # scale / s^2
    cdef double floor
    cdef bint is_diagonal
    cdef Py_ssize_t next

    def __cinit__(self, Py_ssize_t C):
        self.C = C
        self.e = <double*>PyMem_Malloc(max(<Py_ssize_t>1, C) * sizeof(double))
        if self.e == NULL:
            raise MemoryError

    def __dealloc__(self):
        PyMem_Free(self.e)

    cdef double exponentials(self, const double* x) noexcept:
        """Fill in e and its sums; returns the maximum."""
        cdef double m = -INFINITY, ties = 0.0, rest = 0.0, rest_low = 0.0, origin, magic, bottom, term
        cdef Py_ssize_t k
        for k in range(self.C):
            m = x[k] if x[k] > m else m
        origin = scalar.origin_of(m)
        magic = scalar.magic_of(m, origin)
        bottom = scalar.bottom_of(magic)
        self.top = scalar.exp_scaled(m, origin, magic, bottom)
        for k in range(self.C):
            self.e[k] = scalar.exp_scaled(x[k], origin, magic, bottom)
        for k in range(self.C):
            term = 0.0 if self.e[k] == self.top else self.e[k]
            ties += self.e[k] == self.top
            two_sum(&rest, &rest_low, &term, 1)
        rest = total_of(rest, rest_low)
        self.s = ties * self.top + rest
        self.s_low = sum_rest(self.s, self.top, ties, rest)
        self.spread = (ties - 1.0) * self.top + rest
        return m

    cdef void no_weight(self) noexcept:
        """A row without weight has no derivatives, whatever it holds."""
        memset(self.e, 0, self.C * sizeof(double))
        self.s = self.top = 1.0
        self.spread = self.a = 0.0

    def __iter__(self):
        self.next = 0
        return self

    def __next__(self):
        cdef HessianRow row
        if self.next >= self.C:
            raise StopIteration
        row = HessianRow()
        row.matrix, row.j = self, self.next
        self.next += 1
        return row


@cython.final
@cython.no_gc
@cython.freelist(8)
cdef class HessianRow:
    """One of them: a list that is made of what is asked for."""

    cdef RowHessian matrix
    cdef Py_ssize_t j

    def __len__(self):
        return self.matrix.C

    def __getitem__(self, index):
        """An entry, or a list of some: [j:] is what CatBoost asks row j for."""
        cdef Py_ssize_t start, stop, step
        if isinstance(index, slice):
            PySlice_Unpack(index, &start, &stop, &step)
            if start == self.j and stop == PY_SSIZE_T_MAX and step == 1:
                return self.numbers(start)
        return self.numbers(0)[index]

    cdef list numbers(self, Py_ssize_t start):
        """All from entry start <= j on; the products are the same on both sides of the diagonal."""
        cdef RowHessian hess = self.matrix
        cdef const double* e = hess.e
        cdef Py_ssize_t j = self.j, k
        cdef double factor = hess.a * e[j], own = factor * others_of(hess, j)
        cdef list values = PyList_New(hess.C - start)
        for k in range(start, j):
            put(values, k - start, 0.0 if hess.is_diagonal else hess.a * e[k] * e[j])
        put(values, j - start, 0.0 - (hess.floor if hess.is_diagonal and own < hess.floor else own))
        for k in range(j + 1, hess.C):
            put(values, k - start, 0.0 if hess.is_diagonal else factor * e[k])
        return values


cdef inline double others_of(RowHessian row, Py_ssize_t k) noexcept:
    """s (1 - p_k)."""
    return row.spread if row.e[k] == row.top else row.s - row.e[k]


cdef inline void put(list into, Py_ssize_t k, object value):
    """Fill a place of a list that PyList_New made."""
    Py_INCREF(value)
    PyList_SET_ITEM(into, k, value)


@cython.final
cdef class RowDers:
    """The options of a loss; called with the scores, label and weight of a row: derivatives of minus its loss.

    They are the gradient, a list, and the Hessian's rows: of the whole matrix, or by a rule of its diagonal alone,
    which becomes max(factor(C) * it, floor).
    """

    cdef tuple options
    cdef object class_weight     # None, or floats
    cdef object alpha            # None, floats, or one
    cdef double smoothing
    cdef double gamma
    cdef object factor           # None: the whole matrix
    cdef double floor
    cdef bint is_focal           # the Hessian is then that of Gauss and Newton

    def __init__(self, class_weight, double smoothing=0.0, gamma=None, alpha=None, factor=None, double floor=0.0):
        self.options = class_weight, smoothing, gamma, alpha, factor, floor
        self.class_weight, self.alpha, self.smoothing = class_weight, alpha, smoothing
        self.is_focal = gamma is not None
        self.gamma = gamma if self.is_focal else 0.0
        self.factor, self.floor = factor, floor

    def __reduce__(self):
        return RowDers, self.options

    def __call__(self, approxes, double target, double weight):
        cdef cnp.ndarray row = row_of(approxes)
        cdef const double* x = <const double*>cnp.PyArray_DATA(row)
        cdef Py_ssize_t y, C = cnp.PyArray_DIM(row, 0)
        cdef double own, others, m
        cdef RowHessian hess = RowHessian(C)
        if not (0.0 <= target < C and target == <Py_ssize_t>target):
            raise ValueError(f"target = {target}, but class labels are integers from 0 to {C - 1}")
        y = <Py_ssize_t>target
        own = class_number(self.class_weight, y, C, "class_weight") * class_number(self.alpha, y, C, "alpha")
        own *= 1.0 - self.smoothing + self.smoothing / C
        others = self.others_share(y, C)
        m = hess.exponentials(x)
        hess.is_diagonal, hess.floor = self.factor is not None, self.floor
        if weight == 0.0:
            hess.no_weight()
            return [0.0] * C, hess
        if self.is_focal:
            own = focal_slope(hess, y, own, m - x[y], self.gamma)
        hess.a = weight * (own + others) / (hess.s * hess.s)
        if self.factor is not None:
            hess.a *= <double>self.factor(C)
        return self.gradient(hess, y, own, others, weight), hess

    cdef double others_share(self, Py_ssize_t y, Py_ssize_t C) except? -1.0:
        """T - t_y."""
        cdef double total = 0.0, low = 0.0, term
        cdef Py_ssize_t k
        if self.smoothing == 0.0:
            return 0.0
        for k in range(C):
            term = class_number(self.class_weight, k, C, "class_weight") if k != y else 0.0
            two_sum(&total, &low, &term, 1)
        return (total + low) * (self.smoothing / C)

    cdef list gradient(self, RowHessian row, Py_ssize_t y, double own, double others, double weight):
        """(t_k o_k - (T - t_k) e_k) / s."""
        cdef Py_ssize_t k
        cdef double factor = weight / row.s, factor_low = quotient_rest(factor, weight, row.s, row.s_low), t = 0.0
        cdef double share = self.smoothing / row.C
        cdef list grad = PyList_New(row.C)
        for k in range(row.C):
            if k == y:
                t = own
            elif share != 0.0:
                t = share * class_number(self.class_weight, k, row.C, "class_weight")
            else:
                t = 0.0
            put(grad, k, 0.0 - entry(
                row.e[k], row.top, t, others if k == y else own + others - t, 0.0, row.spread, row.s, weight, factor,
                factor_low
            ))
        return grad


cdef double focal_slope(RowHessian row, Py_ssize_t y, double t, double below, double gamma) noexcept:
    """t dloss / dL, for a logit that is so far below the maximum."""
    cdef double e = row.e[y], odds = odds_of(e, others_of(row, y))
    cdef double loss = below + scalar.log1p(row.spread / row.top)
    return t * scalar.inverse_power(odds, gamma) * (1.0 + gamma * odds_times(odds, loss))


cdef inline double class_number(object numbers, Py_ssize_t k, Py_ssize_t C, object name) except? -1.0:
    """That of one class: of a tuple, of one number for all, or 1 if there is none."""
    if numbers is None:
        return 1.0
    if not isinstance(numbers, tuple):
        return numbers
    if len(<tuple>numbers) != C:
        raise ValueError(f"{name} has shape ({len(<tuple>numbers)},), but there are {C} classes")
    return <object>PyTuple_GET_ITEM(numbers, k)


cdef inline cnp.ndarray row_of(object scores):
    """A row of scores as contiguous float64, which it is if CatBoost calls."""
    cdef cnp.ndarray row
    if (
        cnp.PyArray_CheckExact(scores) and cnp.PyArray_NDIM(<cnp.ndarray>scores) == 1
        and kind_of(<cnp.ndarray>scores) == FLOAT64 and cnp.PyArray_ISCARRAY_RO(<cnp.ndarray>scores)
    ):
        return <cnp.ndarray>scores
    row = cnp.PyArray_FROMANY(scores, cnp.NPY_DOUBLE, 0, 0, cnp.NPY_ARRAY_CARRAY_RO)
    if cnp.PyArray_NDIM(row) != 1:
        raise ValueError(f"the scores of a row have shape {shape_of(row)}, but there is one for each class")
    return row
