"""The blocks of one call: who may draw the next one, and when the last one is finished.

A kernel is called as ``kernel(*args, job)``, by the caller and by any helpers at the same time. It draws block numbers
until there are none, and finishes each block that it drew, whatever happens. The call is over when all blocks are
finished, not when all helpers are back: one that comes late draws nothing, so nobody waits for it.
"""

cimport cython
from cpython.exc cimport PyErr_CheckSignals
from cpython.pythread cimport (
    WAIT_LOCK, PyThread_acquire_lock, PyThread_allocate_lock, PyThread_free_lock, PyThread_release_lock,
)

from fastxent._kernels.atomic cimport add, exchange, milliseconds, pause

cdef extern from "Python.h":
    unsigned long PyThread_get_thread_ident() nogil
    bint Py_IsInitialized() nogil

cdef Py_ssize_t forks = 0    # how often this process came out of a fork

cdef enum:
    PATIENCE = 400       # pauses (about 20 microseconds) before the caller sleeps until the last block is finished
    LOOK_EVERY = 50      # milliseconds between two looks for signals ...
    LOOK_SHARE = 20      # ... or this many times what a look takes, where another thread is slow to let go of the GIL


def forked():
    """In the child of a fork: it has one thread, and none that helps a job."""
    global forks
    forks += 1


@cython.final
@cython.freelist(8)
cdef class Job:
    """Job(n_blocks, n_helpers=0): blocks 0 to n_blocks - 1, for the calling thread and up to n_helpers others."""

    def __cinit__(self, Py_ssize_t n_blocks, Py_ssize_t n_helpers=0):
        self.n_blocks = n_blocks
        self.wanted = n_helpers
        self.n_threads = 1 + max(<Py_ssize_t>0, n_helpers)
        self.caller = PyThread_get_thread_ident()
        self.look = milliseconds() + LOOK_EVERY
        self.forks = forks
        if n_helpers > 0:
            self.full = PyThread_allocate_lock()
            if self.full == NULL:
                raise MemoryError("no lock for the job")
            PyThread_acquire_lock(self.full, WAIT_LOCK)

    def __dealloc__(self):
        if self.full != NULL:
            PyThread_free_lock(self.full)

    cpdef Py_ssize_t draw(self) noexcept nogil:
        """The number of a block that is now this thread's to compute, or -1: none is left, or the job was stopped.

        The blocks are cut into as many runs as there are threads, and taken from one run after the other: threads that
        write into one huge page of new memory at the same time all clear a page, and all but one throw theirs away.
        """
        cdef Py_ssize_t number, run, length = self.n_blocks // self.n_threads
        self.is_stopped()
        number = add(&self.next, 1)
        if number >= self.n_blocks:
            return -1
        run = number % self.n_threads
        return run * length + min(run, self.n_blocks - length * self.n_threads) + number // self.n_threads

    cpdef bint is_stopped(self) noexcept nogil:
        """Whether an error or Ctrl-C, which the caller looks for now and then, has stopped the job.

        To be asked within a block that takes long: such a block need not be computed to its end.
        """
        if PyThread_get_thread_ident() == self.caller and milliseconds() >= self.look:
            self.look_for_signals()
        return add(&self.stopped, 0) != 0

    cpdef void finish(self) noexcept nogil:
        """One drawn block is finished."""
        self.count(1)

    def each(self, function):
        """The loop of a kernel written in Python: call ``function(number)`` for each block drawn.

        Compiled, so that no KeyboardInterrupt can come between drawing a block and finishing it.
        """
        cdef Py_ssize_t number
        while True:
            number = self.draw()
            if number < 0:
                return
            try:
                function(number)
            except BaseException as error:
                self.fail(error)     # before the block is finished, and with it maybe the call
            self.finish()

    cpdef void stop(self) noexcept nogil:
        """No block is drawn from now on; those not drawn count as finished."""
        cdef Py_ssize_t left
        exchange(&self.stopped, 1)
        left = self.n_blocks - exchange(&self.next, self.n_blocks)
        if left > 0:
            self.count(left)

    def invite(self):
        """Whether one more helper is of use; counts it as invited."""
        return add(&self.next, 0) < self.n_blocks and add(&self.wanted, -1) > 0

    def run(self, kernel, tuple args not None, offer=None):
        """Compute all blocks, with the helpers that ``offer(self)`` finds; then no thread touches the arrays any more.

        One compiled function, since a KeyboardInterrupt may come between any two steps of a Python function: here it
        comes out of ``offer`` or ``kernel``, and the blocks that run are waited for in any case.
        """
        try:
            if offer is not None:
                self.exchange_work((kernel, args))
                offer(self)
            kernel(*args, self)
        except BaseException as error:
            self.fail(error)
        if offer is not None:
            if not self.is_orphan():
                with nogil:
                    self.wait()
            self.exchange_work(None)
        error = self.take_error()
        if error is not None:
            raise error

    def help(self):
        """What a helper does: compute blocks as long as there are any. Never raises: the caller does."""
        with cython.critical_section(self):
            work = self.work
        if work is None:
            return
        try:
            work[0](*work[1], self)
        except BaseException as error:
            self.fail(error)

    cdef bint is_orphan(self) noexcept:
        """Whether a signal handler forked, and this is the child: blocks that helpers drew will never be finished."""
        if self.full == NULL or self.forks == forks:
            return False
        self.fail(RuntimeError("this process was forked inside a call of several threads, which only its parent has"))
        return True

    cdef void count(self, Py_ssize_t n) noexcept nogil:
        """Add finished blocks; the last one wakes the caller."""
        if add(&self.finished, n) + n == self.n_blocks and self.full != NULL:
            PyThread_release_lock(self.full)

    cdef void wait(self) noexcept nogil:
        """Return when all blocks are finished."""
        cdef int _
        for _ in range(PATIENCE):
            if add(&self.finished, 0) == self.n_blocks:
                return
            pause()
        PyThread_acquire_lock(self.full, WAIT_LOCK)

    cdef void look_for_signals(self) noexcept nogil:
        """Let Python run its signal handlers: Ctrl-C raises KeyboardInterrupt. It does so in the main thread only."""
        cdef long long start = milliseconds(), end
        if not Py_IsInitialized():       # the interpreter is on its way out and would never give the GIL
            return
        with gil:
            try:
                PyErr_CheckSignals()
            except BaseException as error:
                self.fail(error)
            self.is_orphan()
        end = milliseconds()
        self.look = end + max(<long long>LOOK_EVERY, LOOK_SHARE * (end - start))

    cdef void exchange_work(self, tuple work) noexcept:
        """Late helpers may read it at the same time."""
        with cython.critical_section(self):
            self.work = work

    cdef object take_error(self):
        with cython.critical_section(self):
            error, self.error = self.error, None
        return error

    cdef void fail(self, error) noexcept:
        """Stop the job; its first error is what the caller raises.

        Before the last block is finished: then the caller may be gone.
        """
        with cython.critical_section(self):
            if self.error is None:
                self.error = error
        self.stop()


cdef class Undisturbed:
    """A context whose ``begin(token)`` and ``end(token)`` are not left halfway: Ctrl-C is raised afterwards.

    Compiled, so that it comes within these two and nowhere else. Both are called again then, with the same token, and
    ``own.tokens`` are those that this thread has not ended.
    """

    def __enter__(self):
        cdef object token = object()
        error = done(self.begin, token)
        if error is not None:
            done(self.end, token)
            raise error

    def __exit__(self, *_):
        cdef list tokens = self.own.tokens
        error = done(self.end, tokens[len(tokens) - 1] if tokens else None)
        if error is not None:
            raise error


cdef object done(object step, object token):
    """Do a step; returns what a signal handler raised meanwhile."""
    cdef object raised = None
    cdef int _
    for _ in range(100):
        try:
            step(token)
            return raised
        except BaseException as error:
            raised = error
    return raised
