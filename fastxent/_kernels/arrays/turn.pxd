"""Squares of numbers, columns to rows, from memory to memory: GCC would go by way of the stack."""

from cython cimport floating

cdef extern from *:
    """
    #if defined(__AVX__)
    #include <immintrin.h>
    #define FX_TURNS 1
    static inline __m256 fx_two_rows(const float *x, const float *y)
    {
        return _mm256_insertf128_ps(_mm256_castps128_ps256(_mm_loadu_ps(x)), _mm_loadu_ps(y), 1);
    }
    static inline __m256d fx_two_double_rows(const double *x, const double *y)
    {
        return _mm256_insertf128_pd(_mm256_castpd128_pd256(_mm_loadu_pd(x)), _mm_loadu_pd(y), 1);
    }
    static inline void fx_turn_floats(const float *x, Py_ssize_t step, float *to, Py_ssize_t to_step)
    {
        for (int k = 0; k < 8; k += 4, x += 4, to += 4 * to_step) {
            __m256 a = fx_two_rows(x, x + 4 * step), b = fx_two_rows(x + step, x + 5 * step);
            __m256 c = fx_two_rows(x + 2 * step, x + 6 * step), d = fx_two_rows(x + 3 * step, x + 7 * step);
            __m256d ab = _mm256_castps_pd(_mm256_unpacklo_ps(a, b)), cd = _mm256_castps_pd(_mm256_unpacklo_ps(c, d));
            _mm256_storeu_ps(to, _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd)));
            _mm256_storeu_ps(to + to_step, _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd)));
            ab = _mm256_castps_pd(_mm256_unpackhi_ps(a, b)), cd = _mm256_castps_pd(_mm256_unpackhi_ps(c, d));
            _mm256_storeu_ps(to + 2 * to_step, _mm256_castpd_ps(_mm256_unpacklo_pd(ab, cd)));
            _mm256_storeu_ps(to + 3 * to_step, _mm256_castpd_ps(_mm256_unpackhi_pd(ab, cd)));
        }
    }
    static inline void fx_turn_doubles(const double *x, Py_ssize_t step, double *to, Py_ssize_t to_step)
    {
        for (int i = 0; i < 8; i += 4) {
            for (int k = 0; k < 8; k += 2) {
                const double *from = x + i * step + k;
                __m256d a = fx_two_double_rows(from, from + 2 * step);
                __m256d b = fx_two_double_rows(from + step, from + 3 * step);
                _mm256_storeu_pd(to + k * to_step + i, _mm256_unpacklo_pd(a, b));
                _mm256_storeu_pd(to + (k + 1) * to_step + i, _mm256_unpackhi_pd(a, b));
            }
        }
    }
    #else
    #define FX_TURNS 0
    #define fx_turn_floats(x, step, to, to_step) ((void)0)
    #define fx_turn_doubles(x, step, to, to_step) ((void)0)
    #endif
    """
    enum:
        TURNS "FX_TURNS"         # whether there are:
    void turn_floats "fx_turn_floats"(const float* x, Py_ssize_t step, float* to, Py_ssize_t to_step) noexcept nogil
    void turn_doubles "fx_turn_doubles"(const double* x, Py_ssize_t step, double* to, Py_ssize_t to_step) noexcept nogil

cdef enum:
    SIDE = 8                     # of a square


cdef inline void turn(
    const floating* x, Py_ssize_t step, floating* to, Py_ssize_t to_step    # to: out
) noexcept nogil:
    """SIDE x SIDE numbers, to[k, i] = x[i, k]."""
    if floating is float:
        turn_floats(x, step, to, to_step)
    else:
        turn_doubles(x, step, to, to_step)
