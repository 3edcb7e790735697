"""Hints to the processor about memory that will be needed soon. They change no result, whatever the address.

Nothing but loops of a known length, which are inlined early: to GCC a function that only gives hints does nothing, and
it drops the calls of one that it has not inlined by then.
"""

from cython cimport floating

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define fastxent_prefetch(address) __builtin_prefetch((address), 0)
    #define fastxent_prefetch_to_write(address) __builtin_prefetch((address), 1)
    #else
    #define fastxent_prefetch(address) ((void)(address))
    #define fastxent_prefetch_to_write(address) ((void)(address))
    #endif
    """
    void prefetch "fastxent_prefetch"(const void* address) noexcept nogil
    void prefetch_to_write "fastxent_prefetch_to_write"(const void* address) noexcept nogil

cdef enum:
    LINE = 64    # bytes of a cache line


cdef inline void prefetch_block(const floating* x, Py_ssize_t n) noexcept nogil:
    """n numbers from x on will be read soon."""
    cdef Py_ssize_t line
    for line in range(n * <Py_ssize_t>sizeof(floating) // LINE):
        prefetch(<const char*>x + line * LINE)


cdef inline void prefetch_block_to_write(const floating* x, Py_ssize_t n) noexcept nogil:
    """n numbers from x on will be written soon."""
    cdef Py_ssize_t line
    for line in range(n * <Py_ssize_t>sizeof(floating) // LINE):
        prefetch_to_write(<const char*>x + line * LINE)
