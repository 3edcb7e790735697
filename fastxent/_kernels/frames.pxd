"""Functions with a frame of their own on the stack.

Threads may have 64 KiB of it, and a function that the compiler inlines leaves its arrays there even while it does not
run: what is large and not on the way to the deepest call is declared `apart`. setup.py limits each frame. So is what
GCC inlines in some places or not, as the size of the whole module has it, and makes slower where it does.
"""

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define fastxent_apart __attribute__((noinline)) void
    #define fastxent_apart_double __attribute__((noinline)) double
    #elif defined(_MSC_VER)
    #define fastxent_apart __declspec(noinline) void
    #define fastxent_apart_double __declspec(noinline) double
    #else
    #define fastxent_apart void
    #define fastxent_apart_double double
    #endif
    """
    ctypedef void apart "fastxent_apart"     # what such a function returns: nothing
    ctypedef double apart_double "fastxent_apart_double"     # or a number
