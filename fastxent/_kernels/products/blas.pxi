# Products by a BLAS, whose functions are found at run time (`_blas.products`); it should use one thread.

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


cdef inline Matrix matrix(void* data, Py_ssize_t step) noexcept nogil:
    cdef Matrix one
    one.data, one.step, one.transposed = data, step, False
    return one


cdef inline Matrix turned(Matrix one, bint transposed) noexcept nogil:
    one.transposed = transposed
    return one
