"""Derivatives written where they lie: of either float dtype, whatever they are computed in, and by a library's rule."""

from cython cimport floating

from fastxent._kernels.arithmetic.panel cimport clear_dead
from fastxent._kernels.arrays.memory cimport LINE, STREAMED, prefetch_block_to_write
from fastxent._kernels.arrays.transpose cimport Stored, lanes_out, lanes_streamed, transpose_out
from fastxent._kernels.problem cimport (
    FLOAT32, FLOAT64, HESS, X, Options, Problem, Role, Strip, View, at, size_of,
)
from fastxent._kernels.strips cimport part_of
from fastxent._kernels.ways cimport LANES, PANELS, WIDTH

cdef extern from *:
    """
    #if defined(__AVX512F__)
    #include <immintrin.h>
    #define FX_SPREADS 1
    static inline void fx_spread_line(const void *numbers, size_t size, void *to)
    {
        char *half = (char *)to + 64;
        if (size == 4) {
            const __m512i low = _mm512_set_epi32(7, 7, 6, 6, 5, 5, 4, 4, 3, 3, 2, 2, 1, 1, 0, 0);
            const __m512i high = _mm512_set_epi32(15, 15, 14, 14, 13, 13, 12, 12, 11, 11, 10, 10, 9, 9, 8, 8);
            __m512 x = _mm512_loadu_ps(numbers);
            _mm512_mask_storeu_ps(to, 0x5555, _mm512_permutexvar_ps(low, x));
            _mm512_mask_storeu_ps(half, 0x5555, _mm512_permutexvar_ps(high, x));
        } else {
            __m512d x = _mm512_loadu_pd(numbers);
            _mm512_mask_storeu_pd(to, 0x55, _mm512_permutexvar_pd(_mm512_set_epi64(3, 3, 2, 2, 1, 1, 0, 0), x));
            _mm512_mask_storeu_pd(half, 0x55, _mm512_permutexvar_pd(_mm512_set_epi64(7, 7, 6, 6, 5, 5, 4, 4), x));
        }
    }
    #else
    #define FX_SPREADS 0
    #define fx_spread_line(numbers, size, to) ((void)0)
    #endif
    """
    enum:
        SPREADS "FX_SPREADS"     # whether there is:
    # a line of numbers to every second place, what lies between left alone
    void spread_line "fx_spread_line"(const void* numbers, size_t size, void* to) noexcept nogil


cdef inline bint is_own(const View* view, const floating* _) noexcept nogil:
    """Whether an array has the dtype that is computed in."""
    return view.kind == (FLOAT32 if sizeof(floating) == sizeof(float) else FLOAT64)


cdef inline void by_rule(const Options* option, Py_ssize_t n, floating* hess) noexcept nogil:
    """n second derivatives become what a library's rule makes of them; nan stays nan."""
    cdef floating factor = <floating>option.hess_factor, floor = <floating>option.hess_floor, value
    cdef Py_ssize_t j
    if option.has_rule:
        for j in range(n):
            value = factor * hess[j]
            hess[j] = floor if value < floor else value


cdef inline void store_numbers(
    const floating* values, Py_ssize_t n, floating factor, Py_ssize_t step, Stored* out
) noexcept nogil:
    """n values times a factor, `step` bytes apart."""
    cdef Stored line[16]
    cdef Py_ssize_t block, j, k, width = LINE // <Py_ssize_t>sizeof(Stored)
    if step == <Py_ssize_t>sizeof(Stored):
        for j in range(n):
            out[j] = <Stored>(values[j] * factor)
    elif SPREADS and step == 2 * <Py_ssize_t>sizeof(Stored) and n >= width:
        for block in range((n + width - 1) // width):
            k = min(block * width, n - width)     # the last may overlap the one before
            for j in range(width):
                line[j] = <Stored>(values[k + j] * factor)
            spread_line(line, sizeof(Stored), out + 2 * k)
    else:
        for j in range(n):
            (<Stored*>(<char*>out + j * step))[0] = <Stored>(values[j] * factor)


cdef inline void store_scaled(
    const View* output, char* first, const floating* values, Py_ssize_t n, floating factor, Py_ssize_t step
) noexcept nogil:
    """n values times a factor, from `first` on, `step` bytes apart."""
    if output.kind == FLOAT32:
        store_numbers(values, n, factor, step, <float*>first)
    else:
        store_numbers(values, n, factor, step, <double*>first)


cdef inline void store(
    const View* output, char* first, const floating* values, Py_ssize_t n, Py_ssize_t step
) noexcept nogil:
    """n values from `first` on, `step` bytes apart."""
    store_scaled(output, first, values, n, <floating>1.0, step)


cdef inline void store_strip(const View* output, const Strip* strip, const floating* values) noexcept nogil:
    """One number for each sample of a strip, of WIDTH values."""
    cdef char* first = at(output, strip.o, strip.i)
    if strip.n == WIDTH:
        store(output, first, values, WIDTH, output.inner)
    else:
        store(output, first, values, strip.n, output.inner)


cdef inline void store_classes(
    const View* output, const Strip* part, Py_ssize_t k, Py_ssize_t n, const floating* panel   # in  n x LANES
) noexcept nogil:
    """The classes k ... k + n - 1 of a panel of samples."""
    cdef char* first = at(output, part.o, part.i) + k * output.classes
    if output.kind == FLOAT32:
        transpose_out(panel, output.inner // 4, output.classes // 4, n, part.n, <float*>first)
    else:
        transpose_out(panel, output.inner // 8, output.classes // 8, n, part.n, <double*>first)


cdef inline bint is_streamed(const Problem* problem, Role role, Py_ssize_t C) noexcept nogil:
    """Whether an output is written past the caches: it would not stay there, and each class lies in runs."""
    cdef const View* view = &problem.view[<int>role]
    cdef Py_ssize_t size = size_of(problem.kind)
    return (
        view.inner == size and C > 1 and view.kind == problem.kind and view.data != problem.view[<int>X].data
        and (<size_t>view.data | <size_t>view.classes | <size_t>view.outer) % STREAMED == 0
        and problem.outer * problem.inner * C * size >= problem.tuning.stream_bytes
    )


cdef inline void store_panels(
    const Problem* problem, Role role, const Strip* strip, Py_ssize_t C, const floating* panel   # in  of C x LANES
) noexcept nogil:
    cdef const View* output = &problem.view[<int>role]
    cdef Strip part
    cdef Py_ssize_t c = 0
    cdef floating* x = <floating*>at(output, strip.o, strip.i)
    if is_own(output, x) and output.inner == sizeof(floating):
        c = strip.n // LANES
        # a strip may begin anywhere in a run, and its classes then all lie alike
        if c == PANELS and is_streamed(problem, role, C) and <size_t>x % STREAMED == 0:
            lanes_streamed(panel, output.classes // <Py_ssize_t>sizeof(floating), C, c, x)
        else:
            lanes_out(panel, output.classes // <Py_ssize_t>sizeof(floating), C, c, x)
    for c in range(c, (strip.n + LANES - 1) // LANES):
        part = part_of(strip, c * LANES)
        store_classes(output, &part, 0, C, panel + c * C * LANES)


cdef inline void store_hess(
    const Problem* problem, const Strip* part, const double* weight, Py_ssize_t k, Py_ssize_t n,
    floating* hess               # in   n x LANES, used up
) noexcept nogil:
    """Second derivatives of the classes k ... k + n - 1 of a panel of samples; 0 without weight, and by the rule.

    Where those of the panel after the next go is asked for.
    """
    cdef const View* output = &problem.view[<int>HESS]
    cdef const char* next
    if output.inner == problem.C * output.classes and output.classes == size_of(output.kind):
        next = at(output, part.o, part.i + 2 * LANES) + k * LANES * output.classes
        prefetch_block_to_write(<const float*>next, n * LANES * output.classes // <Py_ssize_t>sizeof(float))
    clear_dead(weight, n, hess)
    by_rule(&problem.option, n * LANES, hess)
    store_classes(&problem.view[<int>HESS], part, k, n, <const floating*>hess)
