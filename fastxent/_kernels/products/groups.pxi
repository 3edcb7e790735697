# Losses and gradients of class indices, summed over groups of blocks that follow one another. A block's losses and
# their gradient are taken in the place of the logits, and that is multiplied while it is in the caches.

cdef enum:
    CHUNKS = 8               # sums of a column's elements that run side by side


cdef struct Scratch:         # of one thread; numbers of the dtype computed in, but for the weights
    char* x                  # (rows, F), where X cannot be multiplied as it lies
    char* logits             # (rows, width), then their gradient
    char* grad               # (width, F), of a block
    char* sums               # (width,), its columns' sums
    char* ones               # (rows,)
    double* weight           # (rows,)
    char* kernel             # what the loss takes


@cython.final
cdef class Groups(Rows):
    """Groups(X, labels, sample_weight, class_weight, label_smoothing, n_outputs, dtype, rows, n_groups, products).

    X (n, F) in either float dtype, labels (n,) in uint8, uint16 or uint32, weights in float64 or None. One output is
    the logit of the second of two classes.
    """

    cdef cnp.ndarray labels, sample_weight, class_weight
    cdef Problem problem
    cdef Kind label_kind
    cdef Py_ssize_t n_groups
    cdef bint weighted, has_own, has_classes

    def __init__(
        self, cnp.ndarray x not None, cnp.ndarray labels not None, cnp.ndarray sample_weight,
        cnp.ndarray class_weight, double label_smoothing, Py_ssize_t n_outputs, dtype, Py_ssize_t rows,
        Py_ssize_t n_groups, tuple products not None
    ):
        Rows.__init__(self, x, n_outputs, dtype, rows, products)
        fits_all = [
            fits(labels, (x.shape[0],)), sample_weight is None or fits(sample_weight, (x.shape[0],)),
            class_weight is None or fits(class_weight, (max(2, n_outputs),)), 1 <= n_groups <= self.n_blocks
        ]
        if not all(fits_all):
            raise ValueError("the arrays of a model do not fit together")
        self.labels, self.sample_weight, self.class_weight = labels, sample_weight, class_weight
        self.n_groups = n_groups
        self.label_kind = {1: UINT8, 2: UINT16, 4: UINT32}[cnp.PyArray_ITEMSIZE(labels)]
        self.has_own, self.has_classes = sample_weight is not None, class_weight is not None
        self.weighted = self.has_own or self.has_classes
        self.prepare(label_smoothing)

    cdef int prepare(self, double label_smoothing) except -1:
        """What the loss is told of each block but where it lies."""
        cdef Problem* problem = &self.problem
        cdef Py_ssize_t size = size_of(self.kind)
        problem.family = SIGMOID if self.C == 1 else SOFTMAX
        problem.kind, problem.outer, problem.inner, problem.C = self.kind, 1, self.rows, self.C
        problem.tuning = tuning
        problem.option.keep = 1.0 - label_smoothing
        problem.option.share = label_smoothing / (2 if self.C == 1 else self.C)
        problem.option.scale = 1.0
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
        cdef Py_ssize_t i, group
        self.check_model(weights, intercept)
        if sums.shape[0] != self.n_groups or sums.shape[1] != self.C * self.F + self.C + 1:
            raise ValueError("the sums are not of the model's shape")
        group = job.draw()
        if group < 0:
            return
        memory = <char*>PyMem_Malloc(self.lay_out(NULL, &scratch))
        if memory == NULL:
            job.fail(MemoryError())
            job.finish()
            return
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
        scratch.x = memory + take(&used, self.room_of_x())
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
        cdef Py_ssize_t block, first
        memset(sums, 0, (self.C * self.F + self.C + 1) * sizeof(double))
        for block in range(group * self.n_blocks // self.n_groups, (group + 1) * self.n_blocks // self.n_groups):
            if job.is_stopped():
                return
            first = block * self.rows
            self.add_block(first, min(self.rows, self.n - first), weights, intercept, sums, problem, scratch)

    cdef void add_block(
        self, Py_ssize_t start, Py_ssize_t n, const char* weights, const char* intercept, double* sums,
        Problem* problem, Scratch* scratch
    ) noexcept nogil:
        """The gradients and the loss of n rows."""
        cdef double loss[3]
        cdef Matrix x = self.multiplied(start, n, weights, intercept, scratch.x, scratch.logits)
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
                weigh(
                    labels, self.label_kind, n, <const double*>cnp.PyArray_BYTES(self.class_weight), max(2, self.C),
                    scratch.weight
                )
            problem.view[<int>SAMPLE_WEIGHT].data = <char*>scratch.weight


cdef void weigh(
    const char* labels, Kind kind, Py_ssize_t n, const double* class_weight, Py_ssize_t n_classes, double* weight
) noexcept nogil:
    """Times the weight of each row's class; 0 for no class, as the losses have it: labels may be written meanwhile."""
    cdef Py_ssize_t i
    cdef uint32_t label
    for i in range(n):
        if kind == UINT8:
            label = (<const uint8_t*>labels)[i]
        elif kind == UINT16:
            label = (<const uint16_t*>labels)[i]
        else:
            label = (<const uint32_t*>labels)[i]
        weight[i] *= class_weight[label] if label < n_classes else 0.0


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
