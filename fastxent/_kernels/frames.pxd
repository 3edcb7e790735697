"""Functions with a frame of their own on the stack.

Threads may have 64 KiB of it, and a function that the compiler inlines leaves its arrays there even while it does not
run: what is large and not on the way to the deepest call is declared `apart`. setup.py limits each frame. So is what
makes GCC compile worse the function that it would be inlined in. What is to be compiled anew for each constant that it
is called with is declared `inlined`. What is apart and has all that it calls inlined is declared `flat`: once a module
has grown by 40 %, GCC leaves calls in its loops, which then go from number to number in 3 to 4 times the time.
"""

cdef extern from *:
    """
    #if defined(__GNUC__) || defined(__clang__)
    #define fastxent_apart __attribute__((noinline)) void
    #define fastxent_flat __attribute__((noinline, flatten)) void
    #define fastxent_inlined __attribute__((always_inline)) void
    #elif defined(_MSC_VER)
    #define fastxent_apart __declspec(noinline) void
    #define fastxent_flat __declspec(noinline) void
    #define fastxent_inlined __forceinline void
    #else
    #define fastxent_apart void
    #define fastxent_flat void
    #define fastxent_inlined void
    #endif
    """
    ctypedef void apart "fastxent_apart"     # what such a function returns: nothing
    ctypedef void flat "fastxent_flat"
    ctypedef void inlined "fastxent_inlined"
