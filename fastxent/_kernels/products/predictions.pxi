# What a model makes of samples: their logits, the best class, or probabilities.

cdef enum:
    MANY = 24                # classes, from which the largest is looked for in several lanes


@cython.final
cdef class Predictions(Rows):
    """Predictions(X, n_outputs, dtype, rows, products, wanted).

    What is wanted is "logits", "best", "probabilities" or "log_probabilities".
    """

    cdef Problem problem
    cdef bint of_best, of_logits
    cdef Py_ssize_t n_columns

    def __init__(
        self, cnp.ndarray x not None, Py_ssize_t n_outputs, dtype, Py_ssize_t rows, tuple products not None, wanted
    ):
        cdef Py_ssize_t size
        Rows.__init__(self, x, n_outputs, dtype, rows, products)
        size = size_of(self.kind)
        self.of_best, self.of_logits = wanted == "best", wanted == "logits"
        self.n_columns = self.C if self.of_logits else max(2, self.C)
        self.problem.family = ACTIVATION
        self.problem.which = LOG_SOFTMAX if wanted == "log_probabilities" else SOFTMAX_ITSELF
        self.problem.kind, self.problem.outer, self.problem.C = self.kind, 1, max(2, self.C)
        self.problem.inner = self.rows
        self.problem.tuning = tuning
        self.problem.view[<int>X].kind = self.problem.view[<int>GRAD].kind = self.kind
        self.problem.view[<int>X].inner = (self.width if self.C > 1 else 2) * size
        self.problem.view[<int>GRAD].inner = self.n_columns * size
        self.problem.view[<int>X].classes = self.problem.view[<int>GRAD].classes = size

    def __call__(self, cnp.ndarray weights not None, cnp.ndarray intercept not None, cnp.ndarray out not None, Job job):
        """Draw blocks, and write what is wanted of their rows to `out`: (n,) numbers of classes, or (n, columns)."""
        cdef Problem problem = self.problem
        cdef Py_ssize_t size = sizeof(Py_ssize_t) if self.of_best else size_of(self.kind), block, start, n
        cdef tuple shape = tuple([self.n]) if self.of_best else (self.n, self.n_columns)
        cdef char* memory
        cdef char* rooms[4]
        self.check_model(weights, intercept)
        if not fits(out, shape) or cnp.PyArray_ITEMSIZE(out) != size:
            raise ValueError("the output is not of the model's shape or dtype")
        block = job.draw()
        if block < 0:
            return
        memory = <char*>PyMem_Malloc(self.lay_out(NULL, rooms))
        if memory == NULL:
            job.fail(MemoryError())
            job.finish()
            return
        self.lay_out(memory, rooms)
        with nogil:
            while block >= 0:
                start = block * self.rows
                n = min(self.rows, self.n - start)
                self.multiplied(start, n, cnp.PyArray_BYTES(weights), cnp.PyArray_BYTES(intercept), rooms[0], rooms[1])
                self.write(n, rooms, &problem, cnp.PyArray_BYTES(out) + start * cnp.PyArray_STRIDE(out, 0))
                job.finish()
                block = job.draw()
        PyMem_Free(memory)

    cdef Py_ssize_t lay_out(self, char* memory, char** rooms) noexcept:
        """Where rows of X, logits, those of two classes and the kernel's scratch are; the number of bytes of it all."""
        cdef Py_ssize_t size = size_of(self.kind), used = (LINE - <size_t>memory % LINE) % LINE
        rooms[0] = memory + take(&used, self.room_of_x())
        rooms[1] = memory + take(&used, self.rows * self.width * size)
        rooms[2] = memory + take(&used, self.rows * 2 * size if self.C == 1 else 0)
        rooms[3] = memory + take(&used, build.scratch_bytes(&self.problem))
        return used + LINE

    cdef void write(self, Py_ssize_t n, char** rooms, Problem* problem, char* out) noexcept nogil:
        """What is wanted of a block's logits."""
        cdef Py_ssize_t size = size_of(self.kind), j
        cdef double sums[3]
        if self.of_logits:
            for j in range(n):
                memcpy(out + j * self.C * size, rooms[1] + j * self.width * size, self.C * size)
            return
        if self.of_best:
            if self.kind == FLOAT64:
                best_of_rows(<const double*>rooms[1], n, self.C, self.width, <Py_ssize_t*>out)
            else:
                best_of_rows(<const float*>rooms[1], n, self.C, self.width, <Py_ssize_t*>out)
            return
        if self.C == 1:
            if self.kind == FLOAT64:
                beside_zeros(<const double*>rooms[1], n, <double*>rooms[2])
            else:
                beside_zeros(<const float*>rooms[1], n, <float*>rooms[2])
        problem.inner = n
        problem.view[<int>X].data = rooms[2] if self.C == 1 else rooms[1]
        problem.view[<int>GRAD].data = out
        build.run_block(problem, 0, n, rooms[3], sums)


cdef void beside_zeros(const floating* x, Py_ssize_t n, floating* out) noexcept nogil:
    """The logits of two classes, of which the first is 0."""
    cdef Py_ssize_t j
    for j in range(n):
        out[2 * j], out[2 * j + 1] = 0, x[j]


cdef void best_of_rows(
    const floating* x, Py_ssize_t n, Py_ssize_t C, Py_ssize_t width, Py_ssize_t* out
) noexcept nogil:
    """The number of each row's largest logit; of one logit whether it is above 0."""
    cdef Py_ssize_t j
    for j in range(n):
        out[j] = best_of(x + j * width, C) if C > 1 else not x[j] <= 0


cdef Py_ssize_t best_of(const floating* x, Py_ssize_t C) noexcept nogil:
    """The first of the largest, or the first nan, as of NumPy's argmax."""
    cdef floating top[CHUNKS]
    cdef floating odd[CHUNKS]
    cdef Py_ssize_t k, j, best = 0
    if C >= MANY:
        for j in range(CHUNKS):
            top[j] = x[C - CHUNKS + j]
            odd[j] = top[j] - top[j]
        for k in range(C // CHUNKS):
            for j in range(CHUNKS):
                top[j] = x[k * CHUNKS + j] if x[k * CHUNKS + j] > top[j] else top[j]
                odd[j] += x[k * CHUNKS + j] - x[k * CHUNKS + j]
        for j in range(1, CHUNKS):
            top[0] = top[j] if top[j] > top[0] else top[0]
            odd[0] += odd[j]
        if odd[0] == 0:  # all are finite
            while x[best] != top[0]:
                best += 1
            return best
    for k in range(1, C):
        if x[best] != x[best]:
            break
        if not x[k] <= x[best]:
            best = k
    return best
