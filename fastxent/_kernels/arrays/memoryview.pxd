"""A typed memoryview of memory that the door holds: no object is made, and none is needed without the GIL."""

cdef extern from *:
    """
    #define fastxent_point(slice, start, n0, n1, n2, step0, step1, step2) do { \\
        (slice).memview = NULL; \\
        (slice).data = (char *)(start); \\
        (slice).shape[0] = (n0); (slice).shape[1] = (n1); (slice).shape[2] = (n2); \\
        (slice).strides[0] = (step0); (slice).strides[1] = (step1); (slice).strides[2] = (step2); \\
        (slice).suboffsets[0] = (slice).suboffsets[1] = (slice).suboffsets[2] = -1; \\
    } while (0)
    """
    # steps in bytes
    void point_float "fastxent_point"(
        float[:, :, :] slice, const void* start, Py_ssize_t n0, Py_ssize_t n1, Py_ssize_t n2, Py_ssize_t step0,
        Py_ssize_t step1, Py_ssize_t step2
    ) noexcept nogil
    void point_double "fastxent_point"(
        double[:, :, :] slice, const void* start, Py_ssize_t n0, Py_ssize_t n1, Py_ssize_t n2, Py_ssize_t step0,
        Py_ssize_t step1, Py_ssize_t step2
    ) noexcept nogil
