"""Losses and gradients of a linear model of class indices, summed over groups of blocks of rows, without the GIL.

A block is multiplied, its losses and their gradient are taken in the place of the logits, and that is multiplied again
while it is in the caches. The products are those of a BLAS, whose functions are found at run time (`_blas.products`);
it should use one thread.
"""

cimport cython
cimport numpy as cnp
from cpython.mem cimport PyMem_Free, PyMem_Malloc
from cpython.pycapsule cimport PyCapsule_GetPointer
from cython cimport floating
from libc.math cimport INFINITY
from libc.stdint cimport int64_t, uint8_t, uint16_t, uint32_t, uintptr_t
from libc.string cimport memcpy, memset

from fastxent._kernels.job cimport Job
from fastxent._kernels.memory cimport LINE
from fastxent._kernels.problem cimport (
    FLOAT32, FLOAT64, GRAD, LABELS, SAMPLE_WEIGHT, SIGMOID, SOFTMAX, TARGET, UINT16, UINT32, UINT8, X, Kind, Problem,
    Role, Table, size_of,
)
from fastxent._kernels.ways cimport tuning

from fastxent import _isa

cnp.import_array()

cdef const Table* build = <const Table*>PyCapsule_GetPointer(_isa.kernels.table, b"fastxent table")

cdef enum:
    VECTOR = 32              # bytes: classes are filled up to whole vectors, which makes products of few twice as fast
    CHUNKS = 8               # sums of a column's elements that run side by side
    MOST = 2147483647        # of a length that an int holds

ctypedef void (*Gemm)(
    const char*, const char*, const int*, const int*, const int*, const void*, const void*, const int*, const void*,
    const int*, const void*, void*, const int*
) noexcept nogil
ctypedef void (*LongGemm)(
    const char*, const char*, const int64_t*, const int64_t*, const int64_t*, const void*, const void*, const int64_t*,
    const void*, const int64_t*, const void*, void*, const int64_t*
) noexcept nogil
ctypedef void (*Gemv)(
    const char*, const int*, const int*, const void*, const void*, const int*, const void*, const int*, const void*,
    void*, const int*
) noexcept nogil
ctypedef void (*LongGemv)(
    const char*, const int64_t*, const int64_t*, const void*, const void*, const int64_t*, const void*, const int64_t*,
    const void*, void*, const int64_t*
) noexcept nogil


cdef struct Blas:            # the functions of one dtype
    uintptr_t gemm
    uintptr_t gemv
    bint long_ints           # whether lengths are int64
    bint is_double


cdef struct Matrix:          # in memory as BLAS has them: columns one after the other
    void* data
    Py_ssize_t step          # elements from one column to the next
    bint transposed


cdef inline const void* constant(const Blas* blas, double value, float* single, double* wide) noexcept nogil:
    """A factor where BLAS can read it."""
    single[0] = <float>value
    wide[0] = value
    return <const void*>wide if blas.is_double else <const void*>single


cdef void multiply(
    const Blas* blas, Matrix a, Matrix b, double beta, Matrix out, Py_ssize_t m, Py_ssize_t n, Py_ssize_t k
) noexcept nogil:
    """out (m, n) = a (m, k) b (k, n) + beta out."""
    cdef char of_a = b"T" if a.transposed else b"N"
    cdef char of_b = b"T" if b.transposed else b"N"
    cdef float single[2]
    cdef double wide[2]
    cdef const void* one = constant(blas, 1.0, &single[0], &wide[0])
    cdef const void* times = constant(blas, beta, &single[1], &wide[1])
    cdef int64_t sizes[6]
    cdef int short_sizes[6]
    sizes[:] = [m, n, k, a.step, b.step, out.step]
    if blas.long_ints:
        (<LongGemm>blas.gemm)(
            &of_a, &of_b, &sizes[0], &sizes[1], &sizes[2], one, a.data, &sizes[3], b.data, &sizes[4], times, out.data,
            &sizes[5]
        )
    else:
        narrow(sizes, short_sizes, 6)
        (<Gemm>blas.gemm)(
            &of_a, &of_b, &short_sizes[0], &short_sizes[1], &short_sizes[2], one, a.data, &short_sizes[3], b.data,
            &short_sizes[4], times, out.data, &short_sizes[5]
        )


cdef void apply(
    const Blas* blas, Matrix a, const void* x, double beta, void* y, Py_ssize_t m, Py_ssize_t n
) noexcept nogil:
    """y = a x + beta y, with m rows and n columns of a as it lies in memory."""
    cdef char of_a = b"T" if a.transposed else b"N"
    cdef float single[2]
    cdef double wide[2]
    cdef const void* one = constant(blas, 1.0, &single[0], &wide[0])
    cdef const void* times = constant(blas, beta, &single[1], &wide[1])
    cdef int64_t sizes[4]
    cdef int short_sizes[4]
    sizes[:] = [m, n, a.step, 1]
    if blas.long_ints:
        (<LongGemv>blas.gemv)(
            &of_a, &sizes[0], &sizes[1], one, a.data, &sizes[2], x, &sizes[3], times, y, &sizes[3]
        )
    else:
        narrow(sizes, short_sizes, 4)
        (<Gemv>blas.gemv)(
            &of_a, &short_sizes[0], &short_sizes[1], one, a.data, &short_sizes[2], x, &short_sizes[3], times, y,
            &short_sizes[3]
        )


cdef inline void narrow(const int64_t* sizes, int* out, int n) noexcept nogil:
    cdef int i
    for i in range(n):
        out[i] = <int>sizes[i]


cdef struct Scratch:         # of one thread; numbers of the dtype computed in, but for the weights
    char* x                  # (rows, F), where X cannot be multiplied as it lies
    char* logits             # (rows, width), then their gradient
    char* grad               # (width, F), of a block
    char* sums               # (width,), its columns' sums
    char* ones               # (rows,)
    double* weight           # (rows,)
    char* kernel             # what the loss takes


@cython.final
cdef class Groups:
    """Groups(X, labels, sample_weight, class_weight, label_smoothing, n_outputs, dtype, rows, n_groups, products).

    X (n, F) in either float dtype, labels (n,) in uint8, uint16 or uint32, weights in float64 or None. One output is
    the logit of the second of two classes.
    """

    cdef cnp.ndarray x, labels, sample_weight, class_weight
    cdef Problem problem
    cdef Blas blas
    cdef Kind kind, label_kind
    cdef Py_ssize_t n, F, C, rows, n_blocks, n_groups, step, other_step
    cdef bint by_columns, lies_well, wide_x, weighted, has_own, has_classes
    cdef readonly Py_ssize_t width       # numbers from one row of logits to the next

    def __init__(
        self, cnp.ndarray x not None, cnp.ndarray labels not None, cnp.ndarray sample_weight,
        cnp.ndarray class_weight, double label_smoothing, Py_ssize_t n_outputs, dtype, Py_ssize_t rows,
        Py_ssize_t n_groups, tuple products not None
    ):
        cdef Py_ssize_t size, share
        self.x, self.labels, self.sample_weight, self.class_weight = x, labels, sample_weight, class_weight
        self.n, self.F, self.C = cnp.PyArray_DIM(x, 0), cnp.PyArray_DIM(x, 1), n_outputs
        self.rows, self.n_groups, self.n_blocks = rows, n_groups, (self.n + rows - 1) // rows
        self.kind = FLOAT64 if dtype == "float64" else FLOAT32
        self.label_kind = {1: UINT8, 2: UINT16, 4: UINT32}[cnp.PyArray_ITEMSIZE(labels)]
        self.blas.is_double = self.kind == FLOAT64
        self.blas.gemm, self.blas.gemv, self.blas.long_ints = products
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
        self.has_own, self.has_classes = sample_weight is not None, class_weight is not None
        self.weighted = self.has_own or self.has_classes
        self.prepare(label_smoothing)

    cdef int prepare(self, double label_smoothing) except -1:
        """What the loss is told of each block but where it lies."""
        cdef Problem* problem = &self.problem
        cdef Py_ssize_t size = size_of(self.kind)
        problem.family = SIGMOID if self.C == 1 else SOFTMAX
        problem.kind, problem.outer, problem.C, problem.tuning = self.kind, 1, self.C, tuning
        problem.option.keep = 1.0 - label_smoothing
        problem.option.share = label_smoothing / (2 if self.C == 1 else self.C)
        problem.option.scale = problem.option.hess_factor = 1.0
        problem.option.hess_floor = -INFINITY
        problem.option.most = INFINITY
        problem.option.with_loss = True
        self.view(X, self.kind, self.width * size, size)
        self.view(GRAD, self.kind, self.width * size, size)
        self.view(TARGET if self.C == 1 else LABELS, self.label_kind, size_of(self.label_kind), 0)
        if self.weighted:
            self.view(SAMPLE_WEIGHT, FLOAT64, sizeof(double), 0)
        return 0

    cdef void view(self, Role role, Kind kind, Py_ssize_t inner, Py_ssize_t classes) noexcept:
        self.problem.view[<int>role].kind = kind
        self.problem.view[<int>role].inner = inner
        self.problem.view[<int>role].classes = classes if classes else inner

    def __call__(
        self, cnp.ndarray weights not None, cnp.ndarray intercept not None, double[:, ::1] sums not None,
        Job job not None
    ):
        """Draw groups, and write to a row of `sums` the gradients (C F and C numbers) and the loss of each.

        `weights` (F, width) and `intercept` (width,) are of the dtype computed in, and 0 beyond the classes.
        """
        cdef Scratch scratch
        cdef Problem problem = self.problem
        cdef char* memory
        cdef Py_ssize_t i, group = job.draw()
        if group < 0:
            return
        memory = <char*>PyMem_Malloc(self.lay_out(NULL, &scratch))
        if memory == NULL:
            job.finish()
            raise MemoryError
        self.lay_out(memory, &scratch)
        for i in range(self.rows):
            if self.kind == FLOAT64:
                (<double*>scratch.ones)[i] = 1.0
            else:
                (<float*>scratch.ones)[i] = 1.0
        with nogil:
            while group >= 0:
                self.add_group(
                    group, cnp.PyArray_BYTES(weights), cnp.PyArray_BYTES(intercept), &sums[group, 0], &problem,
                    &scratch, job
                )
                job.finish()
                group = job.draw()
        PyMem_Free(memory)

    cdef Py_ssize_t lay_out(self, char* memory, Scratch* scratch) noexcept:
        """Where each part of the scratch is; the number of bytes of it all."""
        cdef Py_ssize_t size = size_of(self.kind), used = (LINE - <size_t>memory % LINE) % LINE
        self.problem.inner = self.rows
        scratch.x = memory + take(&used, 0 if self.lies_well else self.rows * self.F * size)
        scratch.logits = memory + take(&used, self.rows * self.width * size)
        scratch.grad = memory + take(&used, self.width * self.F * size)
        scratch.sums = memory + take(&used, self.width * size)
        scratch.ones = memory + take(&used, self.rows * size)
        scratch.weight = <double*>(memory + take(&used, self.rows * <Py_ssize_t>sizeof(double)))
        scratch.kernel = memory + take(&used, build.scratch_bytes(&self.problem))
        return used + LINE

    cdef void add_group(
        self, Py_ssize_t group, const char* weights, const char* intercept, double* sums, Problem* problem,
        Scratch* scratch, Job job
    ) noexcept nogil:
        """Blocks of a group, one after the other."""
        cdef Py_ssize_t block, first = group * self.n_blocks // self.n_groups
        cdef Py_ssize_t last = (group + 1) * self.n_blocks // self.n_groups
        memset(sums, 0, (self.C * self.F + self.C + 1) * sizeof(double))
        for block in range(first, last):
            if job.is_stopped():
                return
            self.add_block(
                block * self.rows, min(self.rows, self.n - block * self.rows), weights, intercept, sums, problem, scratch
            )

    cdef void add_block(
        self, Py_ssize_t start, Py_ssize_t n, const char* weights, const char* intercept, double* sums,
        Problem* problem, Scratch* scratch
    ) noexcept nogil:
        """The gradients and the loss of n rows."""
        cdef Py_ssize_t size = size_of(self.kind)
        cdef double loss[3]
        cdef Matrix x = self.block(start, n, scratch)
        cdef Matrix logits = matrix(scratch.logits, self.width), w = matrix(<void*>weights, self.width)
        repeat(intercept, self.width * size, n, scratch.logits)
        if self.C == 1:
            self.apply(x, True, n, weights, 1.0, scratch.logits)
        else:
            multiply(&self.blas, w, turned(x, self.by_columns), 1.0, logits, self.width, n, self.F)
        self.point(problem, start, n, scratch)
        build.run_block(problem, 0, n, scratch.kernel, loss)
        sums[self.C * self.F + self.C] += loss[0] + loss[1]
        self.add_gradients(x, n, sums, scratch)

    cdef void add_gradients(self, Matrix x, Py_ssize_t n, double* sums, Scratch* scratch) noexcept nogil:
        """The products of the logits' gradient with X and with ones."""
        cdef Matrix logits = matrix(scratch.logits, self.width)
        cdef bint at_once = self.kind == FLOAT64 and self.width == self.C
        cdef void* grad = <void*>sums if at_once else <void*>scratch.grad
        cdef double beta = 1.0 if at_once else 0.0
        if self.C == 1:
            self.apply(x, False, n, scratch.logits, beta, grad)
        else:
            multiply(
                &self.blas, turned(x, self.by_columns), turned(logits, True), beta, matrix(grad, self.F), self.F,
                self.width, n
            )
        if not at_once:
            if self.kind == FLOAT64:
                add(<const double*>scratch.grad, self.C * self.F, sums)
            else:
                add(<const float*>scratch.grad, self.C * self.F, sums)
        sums += self.C * self.F
        if self.C == 1:
            sums[0] += sum_of(<const double*>scratch.logits, n) if self.kind == FLOAT64 else sum_of(
                <const float*>scratch.logits, n
            )
            return
        apply(&self.blas, logits, scratch.ones, 0.0, scratch.sums, self.width, n)
        if self.kind == FLOAT64:
            add(<const double*>scratch.sums, self.C, sums)
        else:
            add(<const float*>scratch.sums, self.C, sums)

    cdef void apply(
        self, Matrix x, bint to_rows, Py_ssize_t n, const char* vector, double beta, void* out
    ) noexcept nogil:
        """The block times a number for each feature, or its transpose times a number for each row."""
        if self.by_columns:
            apply(&self.blas, turned(x, not to_rows), vector, beta, out, n, self.F)
        else:
            apply(&self.blas, turned(x, to_rows), vector, beta, out, self.F, n)

    cdef Matrix block(self, Py_ssize_t start, Py_ssize_t n, Scratch* scratch) noexcept nogil:
        """Rows of X as BLAS has a matrix: (n, F) by columns, else (F, n); copied if it does not lie like that."""
        cdef char* data = cnp.PyArray_BYTES(self.x) + start * (self.other_step if self.by_columns else self.step)
        cdef Py_ssize_t columns = self.F if self.by_columns else n, length = n if self.by_columns else self.F
        if self.lies_well:
            return matrix(data, self.step // size_of(self.kind))
        if self.kind == FLOAT64:
            if self.wide_x:
                gather(data, <double*>NULL, self.step, self.other_step, columns, length, <double*>scratch.x)
            else:
                gather(data, <float*>NULL, self.step, self.other_step, columns, length, <double*>scratch.x)
        elif self.wide_x:
            gather(data, <double*>NULL, self.step, self.other_step, columns, length, <float*>scratch.x)
        else:
            gather(data, <float*>NULL, self.step, self.other_step, columns, length, <float*>scratch.x)
        return matrix(scratch.x, length)

    cdef void point(self, Problem* problem, Py_ssize_t start, Py_ssize_t n, Scratch* scratch) noexcept nogil:
        """Where what the loss reads and writes of these rows lies."""
        cdef const char* labels = cnp.PyArray_BYTES(self.labels) + start * size_of(self.label_kind)
        cdef const double* own = NULL
        cdef Py_ssize_t i
        problem.inner = n
        problem.view[<int>X].data = problem.view[<int>GRAD].data = scratch.logits
        problem.view[<int>(TARGET if self.C == 1 else LABELS)].data = <char*>labels
        if self.weighted:
            if self.has_own:
                own = <const double*>cnp.PyArray_BYTES(self.sample_weight) + start
            for i in range(n):
                scratch.weight[i] = own[i] if self.has_own else 1.0
            if self.has_classes:
                weigh(labels, self.label_kind, n, <const double*>cnp.PyArray_BYTES(self.class_weight), scratch.weight)
            problem.view[<int>SAMPLE_WEIGHT].data = <char*>scratch.weight


cdef inline Matrix matrix(void* data, Py_ssize_t step) noexcept nogil:
    cdef Matrix one
    one.data, one.step, one.transposed = data, step, False
    return one


cdef inline Matrix turned(Matrix one, bint transposed) noexcept nogil:
    one.transposed = transposed
    return one


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


cdef void weigh(
    const char* labels, Kind kind, Py_ssize_t n, const double* class_weight, double* weight
) noexcept nogil:
    """Times the weight of each row's class."""
    cdef Py_ssize_t i
    for i in range(n):
        if kind == UINT8:
            weight[i] *= class_weight[(<const uint8_t*>labels)[i]]
        elif kind == UINT16:
            weight[i] *= class_weight[(<const uint16_t*>labels)[i]]
        else:
            weight[i] *= class_weight[(<const uint32_t*>labels)[i]]


cdef void add(const floating* x, Py_ssize_t n, double* sums) noexcept nogil:
    cdef Py_ssize_t i
    for i in range(n):
        sums[i] += x[i]


cdef double sum_of(const floating* x, Py_ssize_t n) noexcept nogil:
    """In several sums side by side, which do not wait for one another."""
    cdef double sums[CHUNKS]
    cdef Py_ssize_t i, j
    for j in range(CHUNKS):
        sums[j] = 0.0
    for i in range(n // CHUNKS):
        for j in range(CHUNKS):
            sums[j] += x[i * CHUNKS + j]
    for i in range(n - n % CHUNKS, n):
        sums[0] += x[i]
    for j in range(1, CHUNKS):
        sums[0] += sums[j]
    return sums[0]


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
