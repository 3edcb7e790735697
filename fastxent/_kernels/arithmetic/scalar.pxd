"""exp, log and log1p of one float or double. No branch, table or call, so a loop over them vectorises on every level.

The range reductions are the classical ones (Muller, Elementary Functions, 3rd ed., chapter 11); tools/minimax.py prints
the polynomials' coefficients.
"""

from cython cimport floating
from libc.math cimport INFINITY
from libc.stdint cimport int32_t, int64_t, uint32_t, uint64_t

cdef extern from *:
    """
    #include <math.h>
    #include <stdint.h>
    #include <string.h>
    /* memcpy, since a pointer cast would break the aliasing rules; compilers make it a plain move */
    static inline uint32_t fx_bits_f(float x) { uint32_t b; memcpy(&b, &x, sizeof b); return b; }
    static inline uint64_t fx_bits_d(double x) { uint64_t b; memcpy(&b, &x, sizeof b); return b; }
    static inline float fx_float(uint32_t b) { float x; memcpy(&x, &b, sizeof x); return x; }
    static inline double fx_double(uint64_t b) { double x; memcpy(&x, &b, sizeof x); return x; }
    /* bits are unsigned numbers: sums, differences and shifts are defined for every operand */
    static inline uint32_t fx_shl_f(uint32_t b) { return b << 23; }
    static inline uint64_t fx_shl_d(uint64_t b) { return b << 52; }
    static inline int32_t fx_shr_f(uint32_t b) { return (int32_t)(b >> 23); }
    static inline int64_t fx_shr_d(uint64_t b) { return (int64_t)(b >> 52); }
    /* a product that is rounded before it is added: which of two the compiler fuses would differ from loop to loop */
    #if defined(__FMA__) || defined(__FP_FAST_FMA)
    #define fx_rounded(product) ((product) + 0)
    #else
    #define fx_rounded(product) (product)
    #endif
    /* a b in two parts, the second of which is rounded without FMA; b has at most 35 bits */
    static inline double fx_product(double a, double b, double *rest) {
    #if defined(__FMA__) || defined(__FP_FAST_FMA)
        double product = fx_rounded(a * b);
        *rest = fma(a, b, -product);
    #else
        double upper = fx_double(fx_bits_d(a) & ~(uint64_t)0x7FFFFFFFF);  /* 18 bits */
        double product = upper * b;
        *rest = (a - upper) * b;
    #endif
        return product;
    }
    """
    uint32_t bits_f "fx_bits_f"(float x) noexcept nogil
    uint64_t bits_d "fx_bits_d"(double x) noexcept nogil
    float as_float "fx_float"(uint32_t bits) noexcept nogil
    double as_double "fx_double"(uint64_t bits) noexcept nogil
    uint32_t to_exponent_f "fx_shl_f"(uint32_t bits) noexcept nogil
    uint64_t to_exponent_d "fx_shl_d"(uint64_t bits) noexcept nogil
    int32_t from_exponent_f "fx_shr_f"(uint32_t bits) noexcept nogil
    int64_t from_exponent_d "fx_shr_d"(uint64_t bits) noexcept nogil
    float rounded_f "fx_rounded"(float product) noexcept nogil
    double rounded_d "fx_rounded"(double product) noexcept nogil
    double product_of "fx_product"(double a, double b, double* rest) noexcept nogil


cdef inline floating rounded(floating product) noexcept nogil:
    if floating is float:
        return rounded_f(product)
    else:
        return rounded_d(product)


cdef inline bint are_up_to(const floating* x, Py_ssize_t n, floating high) noexcept nogil:
    """Whether n numbers are from 0., not -0., to a number >= 0: bits of what is not are those of a larger integer."""
    cdef uint32_t worst32 = 0, bits32
    cdef int64_t worst64 = 0, bits64, high64
    cdef Py_ssize_t j
    if floating is float:
        for j in range(n):
            bits32 = bits_f(x[j])
            worst32 = bits32 if bits32 > worst32 else worst32
        return worst32 <= bits_f(high)
    else:
        high64 = bits_d(high)
        for j in range(n):       # AVX2 and SSE compare signed integers of this size, and have no larger of two
            bits64 = bits_d(x[j])
            worst64 |= bits64 | -<int64_t>(bits64 > high64)
        return worst64 >= 0


cdef inline floating exp(floating x) noexcept nogil:
    """exp(x) for x <= 0, within 1 ulp; exactly 0 where the result would be subnormal; nan for nan."""
    cdef floating t, n, result
    if floating is float:
        t = x * <float>1.4426950408889634 + <float>12583039.0  # magic = 1.5 * 2^23 + 127
        n = t - <float>12583039.0
        result = exp_reduced(x, <floating>0.0, n, as_float(to_exponent_f(bits_f(t))))
        return <float>0.0 if x < <float>-87.33654 else result
    else:
        t = x * 1.4426950408889634 + 6755399441056767.0  # magic = 1.5 * 2^52 + 1023
        n = t - 6755399441056767.0
        result = exp_reduced(x, <floating>0.0, n, as_double(to_exponent_d(bits_d(t))))
        return 0.0 if x < -708.3964185322641 else result


cdef inline floating exp_reduced(floating x, floating x_low, floating n, floating power) noexcept nogil:
    """exp(x + x_low - n log 2) power, for n = x / log 2 rounded.

    x - n log 2 = r with |r| <= log(2)/2, exp(r) = 1 + r + r^2 q(r). x - n hi is exact for |n| < 512 (float64: 4096),
    and n lo - x_low joins the small r^2 q(r), so that only the last two additions round. q is summed in short chains,
    not in Horner's one long chain: what limits a processor that has registers enough is how long it waits for a result.
    """
    cdef floating high, low, r, square, q, odd
    if floating is float:
        high = x - n * <float>0.69314575
        low = n * <float>1.4286068e-06 - x_low
        r = high - low
        square = r * r
        q = <float>8.36871e-03 * r + <float>4.166839e-02
        q = q + <float>1.3814614e-03 * square
        q = q * square + (<float>1.6666521e-01 * r + <float>4.9999994e-01)
    else:
        high = x - n * 0.6931471805601177
        low = n * -1.7239444525614835e-13 - x_low
        r = high - low
        square = r * r
        q = 2.0826636776916613e-09
        q = q * square + 2.75575817439882e-07
        q = q * square + 2.4801586926857513e-05
        q = q * square + 1.3888888889115446e-03
        q = q * square + 4.1666666666666095e-02
        q = q * square + 0.5
        odd = 2.51120248276362e-08
        odd = odd * square + 2.755723489573321e-06
        odd = odd * square + 1.9841269896350675e-04
        odd = odd * square + 8.333333333317048e-03
        odd = odd * square + 1.6666666666666682e-01
        q = odd * r + q
    return power + (high + (square * q - low)) * power


# The exponentials of a row are taken relative to its maximum m, but not of x - m, whose rounding alone would cost
# |x - m| / 2 ulp: they are exp(x - origin) / 2^n, where the integer n is (m - origin) / log 2 rounded and origin is 0.
# Where |m| is large, from 256 (float64: 1500) on, origin is m: x - m is exact wherever the result is not 0, since there
# m - x < |m| / 2 (Sterbenz's lemma).


cdef inline floating origin_of(floating m) noexcept nogil:
    """0, or m where it is so large that the range reduction of exp_scaled would not be exact."""
    if floating is float:
        return <float>0.0 if <float>-256.0 < m < <float>256.0 else m
    else:
        return 0.0 if m * m < 2250000.0 else m


cdef inline floating magic_of(floating m, floating origin) noexcept nogil:
    """1.5 * 2^23 + 127 - n (float64: 1.5 * 2^52 + 1023 - n); nan if m is infinite."""
    if floating is float:
        return <float>12583039.0 - (((m - origin) * <float>1.4426950408889634 + <float>12582912.0) - <float>12582912.0)
    else:
        return 6755399441056767.0 - (((m - origin) * 1.4426950408889634 + 6755399441055744.0) - 6755399441055744.0)


cdef inline floating bottom_of(floating magic) noexcept nogil:
    """(n - 127) log 2 (float64: (n - 1023) log 2), at and below which exp_scaled is 0."""
    if floating is float:
        return (<float>12582912.0 - magic) * <float>0.6931472
    else:
        return (6755399441055744.0 - magic) * 0.6931471805599453


cdef inline floating exp_scaled(floating x, floating origin, floating magic, floating bottom) noexcept nogil:
    """exp(x - origin) / 2^n for x <= m, within 1 ulp; exactly 0 below 2^-126.5 (float64: 2^-1022.5); nan for nan.

    At the maximum it is 0.7 to 1.4, so that no quotient by it or by a sum that holds it misses a normal number.

    Adding `magic` rounds x / log 2 to an integer and leaves in the low bits what a shift moves into the exponent: no
    rounding instruction, no conversion. That exponent field is 0, and so is the result, at `bottom`.
    """
    cdef floating d = x - origin
    cdef floating t, power
    d = bottom if d < bottom else d
    if floating is float:
        t = d * <float>1.4426950408889634 + magic
        power = as_float(to_exponent_f(bits_f(t)))
        return exp_reduced(d, <floating>0.0, t - magic, power)
    else:
        t = d * 1.4426950408889634 + magic
        power = as_double(to_exponent_d(bits_d(t)))
        return exp_reduced(d, <floating>0.0, t - magic, power)


cdef inline floating exp_of_difference(floating low, floating high) noexcept nogil:
    """exp(low - high) for low <= high, within 1 ulp; exactly 0 below 2^-126.5 (float64: 2^-1022.5).

    nan if one is nan or high is infinite. The rounding of the difference alone would cost |low - high| / 2 ulp: what it
    cut off is kept (Knuth, TAOCP 2, section 4.2.2, theorem B).
    """
    cdef floating d = low - high
    cdef floating shadow = d - low
    cdef floating rest = (low - (d - shadow)) - (high + shadow)
    cdef floating t, magic, bottom
    magic = <floating>(12583039.0 if floating is float else 6755399441056767.0)    # 1.5 * 2^23 + 127, 1.5 * 2^52 + 1023
    bottom = <floating>(-88.029691931 if floating is float else -709.0895657128241)    # -127 log 2, -1023 log 2
    rest = high - high if d < bottom else rest
    d = bottom if d < bottom else d
    t = d * <floating>1.4426950408889634 + magic
    if floating is float:
        return exp_reduced(d, rest, t - magic, as_float(to_exponent_f(bits_f(t))))
    else:
        return exp_reduced(d, rest, t - magic, as_double(to_exponent_d(bits_d(t))))


cdef inline floating log_reduced(floating f, floating k) noexcept nogil:
    """k log 2 + log(1 + f) for 3/4 <= 1 + f < 3/2; the large terms f and k log 2 enter unrounded, last."""
    cdef floating q, s, square, half_square
    if floating is float:
        # log(1 + f) = f - f^2/2 + f^3 q(f)
        square = f * f
        half_square = square * <float>0.5
        q = <float>-4.6167433e-02 * f + <float>1.05827734e-01
        q = q * square + (<float>-1.3186891e-01 * f + <float>1.4467704e-01)
        q = q * square + (<float>-1.6643743e-01 * f + <float>1.9991091e-01)
        q = q * square + (<float>-2.5000194e-01 * f + <float>3.3333448e-01)
        return k * <float>0.69314575 + (f - (half_square - (square * f * q + rounded_f(k * <float>1.4286068e-06))))
    else:
        # log(1 + f) = 2 s + s R(s^2) with s = f / (2 + f), written as f - s (f - R): 2 s = f - s f
        s = f / (2.0 + f)
        square = s * s
        q = 1.5368191466612205e-01
        q = q * square + 1.525018851441313e-01
        q = q * square + 1.8186356073452772e-01
        q = q * square + 2.222213850142103e-01
        q = q * square + 2.857142939529233e-01
        q = q * square + 3.9999999996161656e-01
        q = q * square + 6.666666666667271e-01
        return k * 0.6931471805601177 + (f - (s * (f - q * square) - rounded_d(k * -1.7239444525614835e-13)))


cdef inline floating log_scaled(floating x, floating n) noexcept nogil:
    """log(x) - n log 2 for a normal number x > 0 and a whole number n, as exact as log; finite at 0."""
    cdef uint32_t bits32
    cdef uint64_t bits64
    if floating is float:
        bits32 = bits_f(x) - 0x3F400000 + 0x3F800000    # bits of 3/4 and of 1
        return log_reduced(
            as_float((bits32 & 0x7FFFFF) + 0x3F400000) - <float>1.0, <float>(from_exponent_f(bits32) - 127) - n
        )
    else:
        bits64 = bits_d(x) - 0x3FE8000000000000LL + 0x3FF0000000000000LL
        # 1.5 * 2^52: an integer becomes a double by its bits
        return log_reduced(
            as_double((bits64 & 0xFFFFFFFFFFFFFLL) + 0x3FE8000000000000LL) - 1.0,
            as_double(<uint64_t>from_exponent_d(bits64) + 0x4338000000000000LL) - 6755399441056767.0 - n
        )


cdef inline floating log_of_normal(floating x) noexcept nogil:
    """log(x) for a normal number x > 0, as exact as log and without its selections; finite at 0."""
    return log_scaled(x, <floating>0.0)


cdef inline floating log(floating x) noexcept nogil:
    """log(x) for x >= 0, subnormals included, within 1 ulp (float64: 1.5); -inf at 0, inf at inf, nan for nan."""
    cdef floating result
    cdef bint small
    if floating is float:
        small = x < <float>1.17549435e-38
        result = log_scaled(x * <float>16777216.0 if small else x, <float>24.0 if small else <float>0.0)
    else:
        small = x < 2.2250738585072014e-308
        result = log_scaled(x * 18014398509481984.0 if small else x, 54.0 if small else 0.0)
    result = result if x < <floating>INFINITY else x
    return <floating>-INFINITY if x == 0 else result


cdef inline floating log1p(floating x) noexcept nogil:
    """log(1 + x) for 0 <= x < 2^126 within 1 ulp (float64: 1.5); nan for nan.

    k comes from the rounded 1 + x, but f = x 2^-k + (2^-k - 1) from x itself: exact at k = 0, for small results.
    """
    cdef floating f, k, power
    cdef int32_t n32
    cdef int64_t n64
    if floating is float:
        n32 = from_exponent_f(bits_f(<float>1.0 + x) - 0x3F400000)
        power = as_float(to_exponent_f(127 - n32))
        k = <float>n32
    else:
        n64 = from_exponent_d(bits_d(1.0 + x) - 0x3FE8000000000000LL)
        power = as_double(to_exponent_d(1023 - n64))
        k = as_double(n64 + 0x4338000000000000LL) - 6755399441055744.0
    f = x * power + (power - <floating>1.0)
    return log_reduced(f, k)


cdef inline floating log1p_below_1(floating x) noexcept nogil:
    """log1p for 0 <= x <= 1, as exact, with less to do."""
    cdef bint half = x >= <floating>0.5
    return log_reduced(x * <floating>0.5 - <floating>0.5 if half else x, <floating>1.0 if half else <floating>0.0)


cdef inline floating inverse_power(floating x, double gamma) noexcept nogil:
    """(1 + x)^-gamma for 0 <= x <= 2^126 (float64: 2^1022), gamma >= 0; exactly 0 where subnormal; nan for nan.

    1 + x = 2^k (1 + f) as in log1p, and the product of k and gamma's upper digits is exact. Its whole part goes into
    the exponent of the result, so that exp is of something small: the rounding of gamma log(1 + x) as a whole would
    cost half as many ulp as that is large. Within gamma + 2 ulp, and within 2 where x is small.
    """
    cdef floating k, power, log_1f, high, low, whole, rest, size, magic, t
    cdef floating g = <floating>gamma
    cdef int32_t n32
    cdef int64_t n64
    if floating is float:
        n32 = from_exponent_f(bits_f(<float>1.0 + x) - 0x3F400000)
        power = as_float(to_exponent_f(127 - n32))
        k = <float>n32
        high = as_float(bits_f(g) & -0x100)
        whole = (k * high + <float>12582912.0) - <float>12582912.0  # 1.5 * 2^23
        magic = <float>12583039.0 - whole
    else:
        n64 = from_exponent_d(bits_d(1.0 + x) - 0x3FE8000000000000LL)
        power = as_double(to_exponent_d(1023 - n64))
        k = as_double(n64 + 0x4338000000000000LL) - 6755399441055744.0
        high = as_double(bits_d(g) & -0x1000LL)
        whole = (k * high + 6755399441055744.0) - 6755399441055744.0  # 1.5 * 2^52
        magic = 6755399441056767.0 - whole
    low = <floating>(gamma - <double>high)
    log_1f = log_reduced(x * power + (power - <floating>1.0), <floating>0.0)
    size = g * (k * <floating>0.6931471805599453 + log_1f)
    rest = -(((k * high - whole) + k * low) * <floating>0.6931471805599453 + g * log_1f)
    t = rest * <floating>1.4426950408889634 + magic
    if floating is float:
        power = as_float(to_exponent_f(bits_f(t)))
        return <float>0.0 if size > <float>87.33654 else exp_reduced(rest, <floating>0.0, t - magic, power)
    else:
        power = as_double(to_exponent_d(bits_d(t)))
        return 0.0 if size > 708.3964185322641 else exp_reduced(rest, <floating>0.0, t - magic, power)


cdef inline double rest_of_difference(double a, double b, double difference) noexcept nogil:
    """a - b - difference, where that is the rounded a - b (Knuth, TAOCP 2, section 4.2.2, theorem B)."""
    cdef double shadow = difference - a
    return (a - (difference - shadow)) - (b + shadow)


cdef inline double divergence(floating p, floating q, bint any_size, double* large) noexcept nogil:
    """p log(p / q) without `large`, what in a sum may cancel to far below its rounding; of float32 that is 0.

    For finite p, q > 0; unless they are of `any_size`, from 2^-900 to 2^900. With h = 2^k q, 2/3 <= p / h <= 3/2,
    d = p - h (exact: Sterbenz) and s = d / (p + h), so that log(p / h) = 2 atanh(s) = 2 (s + s^3 T(s^2)),

        p log(p / q) = k p log 2 + d + bend      bend = d s (1 + s (1 + s) T(s^2))

    and bend is of the size of d^2 without a cancellation. The other two, of either sign, are `large`, rounded; what
    that cuts off is kept, since k = 0 or |d| < |k p log 2| (Dekker's Fast2Sum), and log 2 has two parts.

    Of float32, which is computed in double, d is rounded where it is added: that is at most 2^-28 of bend, since p and
    q differ by 2^-24 of themselves or not at all.
    """
    cdef double a = p, b = q, top = 1.0, d, h, k, s, z, T, bend, product, rest
    cdef double x = p, y = q
    cdef uint64_t step       # k, where a double has its exponent
    cdef bint small_x, small_y
    if floating is double:
        if any_size:  # moved to the middle of the range, where both have all their digits and no h overflows
            small_x = x < 1.1830521861667747e-271  # 2^-900
            small_y = y < 1.1830521861667747e-271
            a = x * (2.5822498780869086e+120 if small_x else 7.888609052210118e-31)  # 2^400, 2^-100
            b = y * (2.5822498780869086e+120 if small_y else 7.888609052210118e-31)
            top = 3.8725919148493183e-121 if small_x else 1.2676506002282294e+30
    step = (bits_d(a) - bits_d(b) + 0x8000000000000LL) & <uint64_t>-0x10000000000000LL
    h = as_double(bits_d(b) + step)
    # 12 bits become a number from 0 on, less 2^11; 1.5 * 2^52: an integer becomes a double by its bits
    k = as_double(<uint64_t>from_exponent_d(step) ^ 0x4338000000000800LL) - 6755399441057792.0
    d = a - h
    s = d / (a + h)
    z = s * s
    if floating is float:
        T = 1.1875401727575706e-01
        T = T * z + 1.4266268496960446e-01
        T = T * z + 2.000015718863804e-01
        T = T * z + 3.333333313505324e-01
        bend = d * s
        large[0] = 0.0
        return k * x * 0.6931471805599453 + (d + (bend + bend * ((s + z) * T)))
    else:
        if any_size:
            k = k - (500.0 if small_x else 0.0) + (500.0 if small_y else 0.0)
            d = d * top
        T = 7.684095733306102e-02  # half of what log has
        T = T * z + 7.625094257206565e-02
        T = T * z + 9.093178036726386e-02
        T = T * z + 1.1111069250710515e-01
        T = T * z + 1.4285714697646165e-01
        T = T * z + 1.9999999998080828e-01
        T = T * z + 3.3333333333336357e-01
        bend = d * s
        product = product_of(x, k * 0.6931471824645996, &rest)
        large[0] = product + d
        return bend + bend * ((s + z) * T) + ((x * (k * -1.904654299957768e-09) + rest) + (d - (large[0] - product)))
