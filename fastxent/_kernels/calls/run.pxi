# Running a call: a small one at once, a large one in blocks that the pool's threads share.

cdef enum:
    FEW_BLOCKS = 16
    SPARE_BYTES = 65536

cdef void* spare = NULL          # SPARE_BYTES that the next call in the caller's thread takes, or NULL


cdef inline char* aligned(char* scratch) noexcept nogil:
    """The first address from `scratch` on where a cache line starts: no vector is cut by the end of one."""
    return scratch + (LINE - <size_t>scratch % LINE) % LINE


cdef inline void compute(
    const Problem* problem, Py_ssize_t number, Py_ssize_t rows, char* scratch, double* sums
) noexcept nogil:
    """One block of so many samples, or what is left."""
    cdef Py_ssize_t start = number * rows
    build.run_block(problem, start, min(rows, problem.outer * problem.inner - start), scratch, sums + 3 * number)


cdef Py_ssize_t run(Call call) except -1:
    """Compute all samples: the sum of the losses goes to the call; returns the number of bad elements."""
    return run_problem(&call.problem, call.n_threads, &call.total)


cdef Py_ssize_t run_problem(const Problem* problem, object n_threads, double* total) except -1:
    """The same for a problem whose arrays somebody holds."""
    cdef double few_sums[3 * FEW_BLOCKS]
    cdef double* sums = few_sums
    cdef Py_ssize_t n = problem.outer * problem.inner, rows = samples_of_block(problem), number, bad = 0
    cdef Py_ssize_t n_blocks = (n + rows - 1) // rows
    total[0] = 0.0
    if n == 0:
        return 0
    if n_blocks == 1:
        run_here(problem, rows, 1, sums)
        total[0] = sums[0] + sums[1]
        return <Py_ssize_t>sums[2]
    try:
        if n_blocks > FEW_BLOCKS:
            sums = <double*>PyMem_Malloc(3 * n_blocks * sizeof(double))
            if sums == NULL:
                raise MemoryError
        if n_blocks >= 2 * problem.tuning.thread_blocks:
            run_in_pool(problem, rows, n_blocks, n_threads, sums)
        else:
            run_here(problem, rows, n_blocks, sums)
        for number in range(n_blocks):
            bad += <Py_ssize_t>sums[3 * number + 2]
        total[0] = sum_of(sums, n_blocks)
        return bad
    finally:
        if sums != few_sums:
            PyMem_Free(sums)


cdef int run_here(const Problem* problem, Py_ssize_t rows, Py_ssize_t n_blocks, double* sums) except -1:
    """Few blocks, in this thread."""
    cdef Py_ssize_t number, n_bytes = build.scratch_bytes(problem) + LINE
    cdef bint is_small = n_bytes <= SPARE_BYTES
    cdef char* scratch = <char*>exchange_pointer(&spare, NULL) if is_small else NULL
    if scratch == NULL:
        scratch = <char*>PyMem_Malloc(SPARE_BYTES if is_small else n_bytes)
        if scratch == NULL:
            raise MemoryError
    if problem.outer * problem.inner * problem.C <= problem.tuning.held_elements:
        for number in range(n_blocks):
            compute(problem, number, rows, aligned(scratch), sums)
    else:
        with nogil:
            for number in range(n_blocks):
                compute(problem, number, rows, aligned(scratch), sums)
    if is_small:                 # freed is that of another thread, if any
        scratch = <char*>exchange_pointer(&spare, scratch)
    PyMem_Free(scratch)
    return 0


@cython.final
cdef class Work:
    """What the threads of the pool call for a large problem; the caller waits until its blocks are finished."""

    cdef const Problem* problem
    cdef Py_ssize_t rows
    cdef double* sums

    def __call__(self, Job job not None):
        """Draw blocks of samples until none is left; products/ has loops of its own, over blocks that it multiplies.

        A late helper, who draws nothing, looks at nothing. Memory is taken and given back with the GIL: who starts or
        stops tracemalloc in the meantime exchanges the functions that do it.
        """
        cdef Py_ssize_t number = job.draw()
        cdef char* scratch
        if number < 0:
            return
        scratch = <char*>PyMem_Malloc(build.scratch_bytes(self.problem) + LINE)
        if scratch == NULL:
            job.fail(MemoryError())
            job.finish()
            return
        with nogil:
            while number >= 0:
                compute(self.problem, number, self.rows, aligned(scratch), self.sums)
                job.finish()
                number = job.draw()
        PyMem_Free(scratch)


cdef int run_in_pool(
    const Problem* problem, Py_ssize_t rows, Py_ssize_t n_blocks, object n_threads, double* sums
) except -1:
    """Many blocks, which this thread and those of the pool draw."""
    cdef Work work = Work()
    work.problem = problem
    work.rows = rows
    work.sums = sums
    memset(sums, 0, 3 * n_blocks * sizeof(double))
    _threads.run(work, (), n_blocks, n_threads)
    return 0


cdef double sum_of(const double* sums, Py_ssize_t n_blocks) except? -1.0:
    """The blocks' sums and what their rounding cut off, added without rounding."""
    cdef Py_ssize_t number
    cdef list parts = [sums[3 * number] for number in range(n_blocks)]
    parts.extend([sums[3 * number + 1] for number in range(n_blocks)])
    return _sums.total(parts)
