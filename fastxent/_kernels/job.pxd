cdef class Job:
    cdef Py_ssize_t next, n_blocks
    cdef Py_ssize_t draw(self) noexcept nogil
    cdef void finish(self) noexcept nogil
