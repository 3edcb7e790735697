# The rows of X, and their logits, block by block.

cdef enum:
    VECTOR = 32              # bytes: classes are filled up to whole vectors, which makes products of few twice as fast
    MOST = 2147483647        # of a length that an int holds


cdef class Rows:
    """Rows(X, n_outputs, dtype, rows, products): X (n, F) in either float dtype, in blocks of so many rows.

    One output is the logit of the second of two classes.
    """

    cdef cnp.ndarray x
    cdef Blas blas
    cdef Kind kind
    cdef Py_ssize_t n, F, C, rows, n_blocks, step, other_step
    cdef bint by_columns, lies_well, wide_x
    cdef readonly Py_ssize_t width       # numbers from one row of logits to the next

    def __init__(
        self, cnp.ndarray x not None, Py_ssize_t n_outputs, dtype, Py_ssize_t rows, tuple products not None
    ):
        cdef Py_ssize_t size, share
        if x.ndim != 2 or x.dtype.kind != "f" or n_outputs < 1 or rows < 1:
            raise ValueError("the arrays of a model do not fit together")
        self.x = x
        self.n, self.F, self.C = cnp.PyArray_DIM(x, 0), cnp.PyArray_DIM(x, 1), n_outputs
        self.rows, self.n_blocks = rows, (self.n + rows - 1) // rows
        self.kind = FLOAT64 if dtype == "float64" else FLOAT32
        self.blas.is_double = self.kind == FLOAT64
        self.blas.gemm, self.blas.gemv, self.blas.long_ints = products
        if not self.blas.long_ints and max(rows, self.F, self.C) > MOST - VECTOR:
            raise ValueError("the arrays of a model are too long for this BLAS, whose lengths are of 32 bits")
        size = size_of(self.kind)
        share = VECTOR // size
        self.width = (self.C + share - 1) // share * share if self.C > 1 else 1
        self.by_columns = abs(cnp.PyArray_STRIDE(x, 0)) < abs(cnp.PyArray_STRIDE(x, 1))
        self.step = cnp.PyArray_STRIDE(x, 1 if self.by_columns else 0)
        self.other_step = cnp.PyArray_STRIDE(x, 0 if self.by_columns else 1)
        self.lies_well = (
            cnp.PyArray_ITEMSIZE(x) == size and self.other_step == size and self.step % size == 0
            and (self.n if self.by_columns else self.F) * size <= self.step
            and (self.blas.long_ints or self.step // size <= MOST)
        )
        self.wide_x = cnp.PyArray_ITEMSIZE(x) == sizeof(double)

    cdef int check_model(self, cnp.ndarray weights, cnp.ndarray intercept) except -1:
        """Raise unless they are (F, width) and (width,) of the dtype computed in."""
        if not fits(weights, (self.F, self.width)) or not fits(intercept, (self.width,)) or (
            cnp.PyArray_ITEMSIZE(weights) != size_of(self.kind)
            or cnp.PyArray_ITEMSIZE(intercept) != size_of(self.kind)
        ):
            raise ValueError("the coefficients are not of the model's shape or dtype")
        return 0

    cdef Py_ssize_t room_of_x(self) noexcept nogil:
        """The bytes of a block that cannot be multiplied as it lies."""
        return 0 if self.lies_well else self.rows * self.F * size_of(self.kind)

    cdef Matrix multiplied(
        self, Py_ssize_t start, Py_ssize_t n, const char* weights, const char* intercept, char* room, char* out
    ) noexcept nogil:
        """The logits (n, width) of a block, which is returned."""
        cdef Matrix x = self.block(start, n, room)
        repeat(intercept, self.width * size_of(self.kind), n, out)
        if self.C == 1:
            self.apply(x, True, n, weights, 1.0, out)
        else:
            multiply(
                &self.blas, matrix(<void*>weights, self.width), turned(x, self.by_columns), 1.0,
                matrix(out, self.width), self.width, n, self.F
            )
        return x

    cdef void apply(
        self, Matrix x, bint to_rows, Py_ssize_t n, const char* vector, double beta, void* out
    ) noexcept nogil:
        """The block times a number for each feature, or its transpose times a number for each row."""
        if self.by_columns:
            apply(&self.blas, turned(x, not to_rows), vector, beta, out, n, self.F)
        else:
            apply(&self.blas, turned(x, to_rows), vector, beta, out, self.F, n)

    cdef Matrix block(self, Py_ssize_t start, Py_ssize_t n, char* room) noexcept nogil:
        """Rows of X as BLAS has a matrix: (n, F) by columns, else (F, n); copied if it does not lie like that."""
        cdef char* data = cnp.PyArray_BYTES(self.x) + start * (self.other_step if self.by_columns else self.step)
        cdef Py_ssize_t columns = self.F if self.by_columns else n, length = n if self.by_columns else self.F
        if self.lies_well:
            return matrix(data, self.step // size_of(self.kind))
        if self.kind == FLOAT64:
            if self.wide_x:
                gather(data, <double*>NULL, self.step, self.other_step, columns, length, <double*>room)
            else:
                gather(data, <float*>NULL, self.step, self.other_step, columns, length, <double*>room)
        elif self.wide_x:
            gather(data, <double*>NULL, self.step, self.other_step, columns, length, <float*>room)
        else:
            gather(data, <float*>NULL, self.step, self.other_step, columns, length, <float*>room)
        return matrix(room, length)


cdef bint fits(cnp.ndarray array, tuple shape):
    """Whether an array has this shape, and is in one piece at an address for its numbers."""
    return cnp.PyArray_ISCARRAY_RO(array) and (<object>array).shape == shape


cdef inline Py_ssize_t take(Py_ssize_t* used, Py_ssize_t n_bytes) noexcept nogil:
    """The offset of so many bytes more, from the start of a cache line on."""
    cdef Py_ssize_t start = used[0]
    used[0] += (n_bytes + LINE - 1) // LINE * LINE
    return start


cdef inline void repeat(const char* row, Py_ssize_t n_bytes, Py_ssize_t n, char* out) noexcept nogil:
    """n copies of a row, of which each step doubles how many there are: a call for each costs more than the copy."""
    cdef Py_ssize_t done = n_bytes, left
    memcpy(out, row, n_bytes)
    while done < n * n_bytes:
        left = min(done, n * n_bytes - done)
        memcpy(out + done, out, left)
        done += left


ctypedef fused number:
    float
    double


cdef void gather(
    const char* data, const floating* _, Py_ssize_t step, Py_ssize_t other_step, Py_ssize_t columns, Py_ssize_t length,
    number* out
) noexcept nogil:
    """Columns one after the other, from anywhere and either dtype."""
    cdef Py_ssize_t i, k
    cdef const char* column
    for i in range(columns):
        column = data + i * step
        if other_step == <Py_ssize_t>sizeof(floating):
            for k in range(length):
                out[i * length + k] = <number>(<const floating*>column)[k]
        else:
            for k in range(length):
                out[i * length + k] = <number>(<const floating*>(column + k * other_step))[0]
