"""float16 and bfloat16: widened without loss, and narrowed by one rounding to the nearest, ties to even."""

from cython cimport floating
from libc.stdint cimport uint16_t

from fastxent._kernels.problem cimport FLOAT16, Kind
from fastxent._kernels.ways cimport WIDTH

cdef extern from *:
    """
    #include <stdint.h>
    #include <string.h>
    #if defined(__F16C__)
    #include <immintrin.h>
    #define FX_CONVERTS 1
    #else
    #define FX_CONVERTS 0
    #endif

    static inline uint32_t fx_bits(float x) { uint32_t b; memcpy(&b, &x, sizeof b); return b; }
    static inline float fx_number(uint32_t b) { float x; memcpy(&x, &b, sizeof x); return x; }

    static inline float fx_from_half(uint16_t half)
    {
        int32_t body = (half & 0x7fff) << 13;           /* signed, which is what vectors of SSE compare */
        uint32_t sign = (uint32_t)(half & 0x8000) << 16, quiet = body > 31 << 23 ? 1u << 22 : 0u;
        uint32_t wide = ((uint32_t)body + (body < 31 << 23 ? 112u << 23 : 224u << 23)) | quiet;
        uint32_t small = fx_bits(fx_number(body + (113u << 23)) - fx_number(113u << 23));  /* subnormal, or 0 */
        return fx_number((body < 1 << 23 ? small : wide) | sign);
    }

    static inline uint16_t fx_to_half(float x)
    {
        uint32_t u = fx_bits(x);
        int32_t body = u & 0x7fffffffu;
        uint32_t normal = ((uint32_t)body - (112u << 23) + 0xfffu + (body >> 13 & 1)) >> 13;
        uint32_t small = fx_bits(fx_number(body) + 0.5f) - fx_bits(0.5f);  /* in steps of 2^-24 */
        uint32_t special = body > 0x7f800000 ? 0x7e00u | (body >> 13 & 0x3ff) : 0x7c00u;
        uint32_t rest = body < 113 << 23 ? small : body < 143 << 23 ? normal : special;
        return (uint16_t)((u >> 16 & 0x8000u) | rest);
    }

    static inline float fx_from_bfloat(uint16_t b) { return fx_number((uint32_t)b << 16); }

    static inline uint16_t fx_to_bfloat(float x)
    {
        uint32_t u = fx_bits(x), rounded = u + 0x7fffu + (u >> 16 & 1u);
        return (uint16_t)((x == x ? rounded : u | 0x400000u) >> 16);
    }

    /* rounded to odd: what is rounded once more, to fewer digits, is as if it had been rounded once */
    static inline float fx_to_odd(double x)
    {
        float f = (float)x;
        uint32_t u = fx_bits(f);
        double size = x < 0 ? -x : x, near = f < 0 ? -(double)f : (double)f;
        u -= near > size;
        return fx_number(near != size && x == x ? u | 1u : u);
    }

    /* each store as many as the kernels will load at once: what two wrote, one load would wait for; a loop of 8 or 16
       GCC would take to pieces, number by number */
    #define FX_HALVES 32
    #if defined(__AVX512BW__)
    static inline void fx_halves_to_floats(const uint16_t *half, float *x)
    {
        for (int j = 0; j < FX_HALVES; j += 16)
            _mm512_storeu_ps(x + j, _mm512_cvtph_ps(_mm256_loadu_si256((const __m256i *)(half + j))));
    }
    static inline void fx_bfloats_to_floats(const uint16_t *half, float *x)
    {
        const __m512i count = _mm512_set_epi32(15, 14, 13, 12, 11, 10, 9, 8, 7, 6, 5, 4, 3, 2, 1, 0);
        const __m512i lower = _mm512_slli_epi32(count, 16);
        const __m512i upper = _mm512_add_epi16(lower, _mm512_set1_epi16(16));
        const __m512i all = _mm512_loadu_si512(half);
        _mm512_storeu_si512(x, _mm512_maskz_permutexvar_epi16(0xaaaaaaaa, lower, all));
        _mm512_storeu_si512(x + 16, _mm512_maskz_permutexvar_epi16(0xaaaaaaaa, upper, all));
    }
    static inline void fx_halves_of(const float *x, float factor, uint16_t *half)
    {
        for (int j = 0; j < FX_HALVES; j += 16) {
            const __m512 wide = _mm512_mul_ps(_mm512_loadu_ps(x + j), _mm512_set1_ps(factor));
            _mm256_storeu_si256((__m256i *)(half + j), _mm512_cvtps_ph(wide, _MM_FROUND_TO_NEAREST_INT));
        }
    }
    static inline __m512i fx_rounded_bits(__m512i u)     /* as fx_to_bfloat does, before it shifts */
    {
        const __mmask16 odd = _mm512_test_epi32_mask(u, _mm512_set1_epi32(0x10000));
        return _mm512_mask_add_epi32(_mm512_add_epi32(u, _mm512_set1_epi32(0x7fff)), odd, u, _mm512_set1_epi32(0x8000));
    }
    static inline __m512i fx_quiet_bits(__m512i rounded, __m512 x)
    {
        const __mmask16 is_nan = _mm512_cmp_ps_mask(x, x, _CMP_UNORD_Q);
        return _mm512_mask_or_epi32(rounded, is_nan, _mm512_castps_si512(x), _mm512_set1_epi32(0x400000));
    }
    static inline void fx_bfloats_of(const float *x, float factor, uint16_t *half)
    {
        const __m512i upper = _mm512_set_epi16(
            63, 61, 59, 57, 55, 53, 51, 49, 47, 45, 43, 41, 39, 37, 35, 33,
            31, 29, 27, 25, 23, 21, 19, 17, 15, 13, 11, 9, 7, 5, 3, 1);
        const __m512 x0 = _mm512_mul_ps(_mm512_loadu_ps(x), _mm512_set1_ps(factor));
        const __m512 x1 = _mm512_mul_ps(_mm512_loadu_ps(x + 16), _mm512_set1_ps(factor));
        __m512i low = fx_rounded_bits(_mm512_castps_si512(x0)), high = fx_rounded_bits(_mm512_castps_si512(x1));
        if (_mm512_cmp_ps_mask(x0, x1, _CMP_UNORD_Q))       /* any of both: rarely */
            low = fx_quiet_bits(low, x0), high = fx_quiet_bits(high, x1);
        _mm512_storeu_si512(half, _mm512_permutex2var_epi16(low, upper, high));
    }
    #else
    static inline void fx_bfloats_to_floats(const uint16_t *half, float *x)
    {
        for (int j = 0; j < FX_HALVES; j++) x[j] = fx_from_bfloat(half[j]);
    }
    #if defined(__F16C__)
    static inline void fx_halves_to_floats(const uint16_t *half, float *x)
    {
        for (int j = 0; j < FX_HALVES; j += 8)
            _mm256_storeu_ps(x + j, _mm256_cvtph_ps(_mm_loadu_si128((const __m128i *)(half + j))));
    }
    static inline void fx_halves_of(const float *x, float factor, uint16_t *half)
    {
        for (int j = 0; j < FX_HALVES; j += 8) {
            const __m256 wide = _mm256_mul_ps(_mm256_loadu_ps(x + j), _mm256_set1_ps(factor));
            _mm_storeu_si128((__m128i *)(half + j), _mm256_cvtps_ph(wide, _MM_FROUND_TO_NEAREST_INT));
        }
    }
    #else
    static inline void fx_halves_to_floats(const uint16_t *half, float *x)
    {
        for (int j = 0; j < FX_HALVES; j++) x[j] = fx_from_half(half[j]);
    }
    static inline void fx_halves_of(const float *x, float factor, uint16_t *half)
    {
        for (int j = 0; j < FX_HALVES; j++) half[j] = fx_to_half(x[j] * factor);
    }
    #endif
    static inline void fx_bfloats_of(const float *x, float factor, uint16_t *half)
    {
        for (int j = 0; j < FX_HALVES; j++) half[j] = fx_to_bfloat(x[j] * factor);
    }
    #endif
    static inline void fx_narrow_some(int bfloats, const float *x, float factor, uint16_t *half)
    {
        if (bfloats) fx_bfloats_of(x, factor, half);
        else fx_halves_of(x, factor, half);
    }
    """
    float from_half "fx_from_half"(uint16_t half) noexcept nogil
    uint16_t to_half "fx_to_half"(float x) noexcept nogil
    float from_bfloat "fx_from_bfloat"(uint16_t half) noexcept nogil
    uint16_t to_bfloat "fx_to_bfloat"(float x) noexcept nogil
    float to_odd "fx_to_odd"(double x) noexcept nogil
    enum:
        HALVES "FX_HALVES"
        CONVERTS "FX_CONVERTS"   # whether the processor does
    void halves_to_floats "fx_halves_to_floats"(const uint16_t* half, float* x) noexcept nogil    # HALVES numbers
    void bfloats_to_floats "fx_bfloats_to_floats"(const uint16_t* half, float* x) noexcept nogil
    void narrow_some "fx_narrow_some"(bint bfloats, const float* x, float factor, uint16_t* half) noexcept nogil


cdef inline void widen_some(Kind kind, const uint16_t* half, float* x) noexcept nogil:
    if kind == FLOAT16:
        halves_to_floats(half, x)
    else:
        bfloats_to_floats(half, x)


cdef inline void widen(Kind kind, const uint16_t* half, Py_ssize_t n, float* x) noexcept nogil:
    """n numbers of a half kind, side by side. What is left, and some once more, is sooner done than one by one."""
    cdef Py_ssize_t j
    for j in range(n // HALVES):
        widen_some(kind, half + HALVES * j, x + HALVES * j)
    if n >= HALVES:
        widen_some(kind, half + n - HALVES, x + n - HALVES)
    for j in range(0 if n >= HALVES else n):
        x[j] = from_half(half[j]) if kind == FLOAT16 else from_bfloat(half[j])


cdef inline void narrow(Kind kind, const floating* x, Py_ssize_t n, floating factor, uint16_t* half) noexcept nogil:
    """n numbers times a factor to a half kind, side by side."""
    cdef float odd[WIDTH]
    cdef Py_ssize_t block, j, start, count
    if floating is double:
        for block in range((n + WIDTH - 1) // WIDTH):
            start = block * WIDTH
            count = min(<Py_ssize_t>WIDTH, n - start)
            for j in range(count):
                odd[j] = to_odd(x[start + j] * factor)
            narrow(kind, <const float*>odd, count, <float>1.0, half + start)
    else:
        for j in range(n // HALVES):
            narrow_some(kind != FLOAT16, x + HALVES * j, factor, half + HALVES * j)
        if n >= HALVES:
            narrow_some(kind != FLOAT16, x + n - HALVES, factor, half + n - HALVES)
        for j in range(0 if n >= HALVES else n):
            half[j] = to_half(x[j] * factor) if kind == FLOAT16 else to_bfloat(x[j] * factor)
