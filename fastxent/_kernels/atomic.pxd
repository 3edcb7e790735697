"""What several threads change at once, a pause for loops that wait for that, and a clock that costs nothing."""

cdef extern from *:
    """
    #if defined(_WIN32)
    #include <windows.h>
    #if defined(_WIN64)
    #define fastxent_add(counter, n) InterlockedExchangeAdd64((LONG64 volatile *)(counter), n)
    #define fastxent_exchange(counter, n) InterlockedExchange64((LONG64 volatile *)(counter), n)
    #else
    #define fastxent_add(counter, n) InterlockedExchangeAdd((LONG volatile *)(counter), n)
    #define fastxent_exchange(counter, n) InterlockedExchange((LONG volatile *)(counter), n)
    #endif
    #define fastxent_exchange_pointer(place, pointer) InterlockedExchangePointer((void *volatile *)(place), pointer)
    #define fastxent_pause() YieldProcessor()
    #define fastxent_milliseconds() (long long)GetTickCount64()
    #else
    #include <time.h>
    #define fastxent_add(counter, n) __atomic_fetch_add(counter, n, __ATOMIC_SEQ_CST)
    #define fastxent_exchange(counter, n) __atomic_exchange_n(counter, n, __ATOMIC_SEQ_CST)
    #define fastxent_exchange_pointer(place, pointer) __atomic_exchange_n(place, (void *)(pointer), __ATOMIC_SEQ_CST)
    #if defined(__x86_64__) || defined(__i386__)
    #define fastxent_pause() __builtin_ia32_pause()
    #elif defined(__aarch64__)
    #define fastxent_pause() __asm__ volatile("yield")
    #else
    #define fastxent_pause() ((void)0)
    #endif
    #if defined(CLOCK_MONOTONIC_COARSE)
    #define FASTXENT_CLOCK CLOCK_MONOTONIC_COARSE
    #else
    #define FASTXENT_CLOCK CLOCK_MONOTONIC
    #endif
    static long long fastxent_milliseconds(void)
    {
        struct timespec now;
        clock_gettime(FASTXENT_CLOCK, &now);
        return now.tv_sec * 1000LL + now.tv_nsec / 1000000;
    }
    #endif
    """
    # The first three return what was there. The clock has any start, and steps of up to 16.
    Py_ssize_t add "fastxent_add"(Py_ssize_t* counter, Py_ssize_t n) nogil
    Py_ssize_t exchange "fastxent_exchange"(Py_ssize_t* counter, Py_ssize_t n) nogil
    void* exchange_pointer "fastxent_exchange_pointer"(void** place, void* pointer) noexcept nogil
    void pause "fastxent_pause"() nogil
    long long milliseconds "fastxent_milliseconds"() nogil
