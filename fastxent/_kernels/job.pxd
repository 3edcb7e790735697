from cpython.pythread cimport PyThread_type_lock


cdef class Job:
    cdef Py_ssize_t n_blocks
    cdef Py_ssize_t next                # how many blocks were drawn; n_blocks or more: none is left
    cdef Py_ssize_t finished            # full at n_blocks
    cdef Py_ssize_t wanted              # helpers still to be invited
    cdef Py_ssize_t n_threads           # the caller and all helpers that may come
    cdef PyThread_type_lock full        # held until the last block is finished; NULL without helpers
    cdef unsigned long caller           # the thread that looks for signals
    cdef long long look                 # when it looks next
    cdef Py_ssize_t forks               # before the call
    cdef Py_ssize_t stopped             # 1: before all blocks were drawn
    cdef object work                    # (kernel, args) for helpers; None once the call is over
    cdef object error
    cpdef Py_ssize_t draw(self) noexcept nogil
    cpdef bint is_stopped(self) noexcept nogil
    cpdef void finish(self) noexcept nogil
    cpdef void stop(self) noexcept nogil
    cdef void count(self, Py_ssize_t n) noexcept nogil
    cdef void wait(self) noexcept nogil
    cdef void look_for_signals(self) noexcept nogil
    cdef bint is_orphan(self) noexcept
    cdef void exchange_work(self, tuple work) noexcept
    cdef object take_error(self)
    cdef void fail(self, error) noexcept
