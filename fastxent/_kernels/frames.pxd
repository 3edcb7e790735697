"""Functions with a frame of their own on the stack.

Threads may have 64 KiB of it, and a function that the compiler inlines leaves its arrays there even while it does not
run: what is large and not on the way to the deepest call is declared `apart`. setup.py limits each frame. So is what
makes GCC compile worse the function that it would be inlined in.
"""

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define fastxent_apart __attribute__((noinline)) void
    #elif defined(_MSC_VER)
    #define fastxent_apart __declspec(noinline) void
    #else
    #define fastxent_apart void
    #endif
    """
    ctypedef void apart "fastxent_apart"     # what such a function returns: nothing
