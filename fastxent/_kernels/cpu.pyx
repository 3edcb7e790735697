"""Which of the x86-64 levels this processor and its operating system can run.

The levels are those of the System V ABI for x86-64, section 3.1.1 (https://gitlab.com/x86-psABIs/x86-64-ABI).
"""

cdef extern from *:
    """
    #if defined(__x86_64__) || defined(_M_X64)
    #if defined(_MSC_VER)
    #include <intrin.h>
    static void fastxent_cpuid(unsigned leaf, unsigned *r) { __cpuidex((int *)r, (int)leaf, 0); }
    static unsigned fastxent_states(void) { return (unsigned)_xgetbv(0); }
    #else
    #include <cpuid.h>
    static void fastxent_cpuid(unsigned leaf, unsigned *r) { __cpuid_count(leaf, 0, r[0], r[1], r[2], r[3]); }
    static unsigned fastxent_states(void)
    {
        unsigned low, high;
        __asm__ volatile("xgetbv" : "=a"(low), "=d"(high) : "c"(0));
        return low;
    }
    #endif

    /* Bits of cpuid (Intel's Software Developer's Manual, volume 2A, CPUID; AMD's manual, volume 3, appendix E). */
    #define FASTXENT_ALL(value, bits) (((value) & (bits)) == (bits))
    static int fastxent_level(void)
    {
        unsigned top[4], far_top[4], one[4], seven[4] = {0, 0, 0, 0}, far_one[4] = {0, 0, 0, 0}, states = 0;
        fastxent_cpuid(0, top);
        fastxent_cpuid(0x80000000u, far_top);
        fastxent_cpuid(1, one);
        if (top[0] >= 7) fastxent_cpuid(7, seven);
        if (far_top[0] >= 0x80000001u) fastxent_cpuid(0x80000001u, far_one);
        if (one[2] & 1u << 27) states = fastxent_states();      /* OSXSAVE: the system says what it saves */

        /* SSE3, SSSE3, CX16, SSE4.1, SSE4.2, POPCNT; LAHF */
        if (!FASTXENT_ALL(one[2], 1u << 0 | 1u << 9 | 1u << 13 | 1u << 19 | 1u << 20 | 1u << 23)) return 1;
        if (!FASTXENT_ALL(far_one[2], 1u << 0)) return 1;
        /* FMA, MOVBE, OSXSAVE, AVX, F16C; BMI1, AVX2, BMI2; LZCNT; xmm and ymm saved */
        if (!FASTXENT_ALL(one[2], 1u << 12 | 1u << 22 | 1u << 27 | 1u << 28 | 1u << 29)) return 2;
        if (!FASTXENT_ALL(seven[1], 1u << 3 | 1u << 5 | 1u << 8)) return 2;
        if (!FASTXENT_ALL(far_one[2], 1u << 5) || !FASTXENT_ALL(states, 0x06u)) return 2;
        /* AVX512F, DQ, CD, BW, VL; mask registers and both parts of zmm saved */
        if (!FASTXENT_ALL(seven[1], 1u << 16 | 1u << 17 | 1u << 28 | 1u << 30 | 1u << 31)) return 3;
        if (!FASTXENT_ALL(states, 0xe6u)) return 3;
        return 4;
    }
    #else
    static int fastxent_level(void) { return 0; }
    #endif
    """
    int fastxent_level()


def x86_64_level():
    """The highest x86-64 level, 1 to 4, that can run here; 0 on other processors."""
    return fastxent_level()
