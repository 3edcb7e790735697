cdef class Job:
    def __init__(self, Py_ssize_t n_blocks):
        self.n_blocks = n_blocks
        self.next = 0
    cdef Py_ssize_t draw(self) noexcept nogil:
        if self.next >= self.n_blocks:
            return -1
        self.next += 1
        return self.next - 1
    cdef void finish(self) noexcept nogil:
        pass
