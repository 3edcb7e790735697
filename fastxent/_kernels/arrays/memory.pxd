"""Hints to the processor about memory that will be needed soon, and writing past its caches.

Hints change no result, whatever the address. They are nothing but loops of a known length, which are inlined early: to
GCC a function that only gives hints does nothing, and it drops the calls of one that it has not inlined by then.
"""

from cython cimport floating

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define fastxent_prefetch(address) __builtin_prefetch((address), 0)
    #define fastxent_prefetch_to_write(address) __builtin_prefetch((address), 1)
    #define fastxent_prefetch_far(address) __builtin_prefetch((address), 0, 2)
    #define fastxent_prefetch_far_to_write(address) __builtin_prefetch((address), 1, 2)
    #else
    #define fastxent_prefetch(address) ((void)(address))
    #define fastxent_prefetch_to_write(address) ((void)(address))
    #define fastxent_prefetch_far(address) ((void)(address))
    #define fastxent_prefetch_far_to_write(address) ((void)(address))
    #endif
    #ifdef __SSE2__
    #include <emmintrin.h>
    static CYTHON_UNUSED inline void fastxent_stream(const void* x, void* to, Py_ssize_t n) {
        Py_ssize_t i;
        for (i = 0; i < n; i += 16)
            _mm_stream_ps((float*)((char*)to + i), _mm_loadu_ps((const float*)((const char*)x + i)));
    }
    #define fastxent_fence() _mm_sfence()
    #else
    #include <string.h>
    #define fastxent_stream(x, to, n) memcpy((to), (x), (n))
    #define fastxent_fence() ((void)0)
    #endif
    """
    void stream "fastxent_stream"(const void* x, void* to, Py_ssize_t n) noexcept nogil    # n bytes, see STREAMED
    void fence "fastxent_fence"() noexcept nogil    # what was streamed is there for other threads
    void prefetch "fastxent_prefetch"(const void* address) noexcept nogil
    void prefetch_far "fastxent_prefetch_far"(const void* address) noexcept nogil     # into the level-2 cache only
    void prefetch_far_to_write "fastxent_prefetch_far_to_write"(const void* address) noexcept nogil
    void prefetch_to_write "fastxent_prefetch_to_write"(const void* address) noexcept nogil

cdef enum:
    LINE = 64        # bytes of a cache line
    STREAMED = 16    # bytes that `stream` writes at once, aligned


cdef inline Py_ssize_t past_line(const void* address) noexcept nogil:
    """Bytes from an address to the start of a line."""
    return <Py_ssize_t>((<size_t>LINE - <size_t>address % <size_t>LINE) % <size_t>LINE)


cdef inline Py_ssize_t whole_lines(Py_ssize_t bytes) noexcept nogil:
    """So many bytes, to the end of a line."""
    return (bytes + LINE - 1) // LINE * LINE


cdef inline void prefetch_block(const floating* x, Py_ssize_t n) noexcept nogil:
    """n numbers from x on will be read soon: from the level-2 cache, lest they drive out what is computed."""
    cdef Py_ssize_t line
    for line in range(n * <Py_ssize_t>sizeof(floating) // LINE):
        prefetch_far(<const char*>x + line * LINE)


cdef inline void prefetch_block_to_write(const floating* x, Py_ssize_t n) noexcept nogil:
    """n numbers from x on will be written soon."""
    cdef Py_ssize_t line
    for line in range(n * <Py_ssize_t>sizeof(floating) // LINE):
        prefetch_far_to_write(<const char*>x + line * LINE)
