"""The shared pool: the caller computes, and threads of the pool that wake up in time help it."""

from __future__ import annotations

import _thread
import functools
import os
from collections.abc import Callable
from queue import SimpleQueue
from typing import Any, SupportsIndex

from fastxent._check import whole_number
from fastxent._cpus import usable_cpus
from fastxent._kernels.job import Job, forked
from fastxent._kernels.ways import numbers


class Pool:
    """Threads that wait for jobs. They are daemons: the interpreter ends without asking them."""

    def __init__(self) -> None:
        self.jobs: SimpleQueue[Job] = SimpleQueue()
        self.size = 0

    def grow(self, size: int) -> None:
        """Start threads until there are ``size``. Where none can be started (at exit), callers work alone."""
        # Without a lock, which Ctrl-C could leave locked: callers who grow it at once may start a thread too many.
        try:
            while self.size < size:
                _thread.start_new_thread(self.serve, ())
                self.size += 1
        except RuntimeError:
            pass

    def serve(self) -> None:
        """What each thread does."""
        while True:
            job = self.jobs.get()
            self.offer(job)
            job.help()
            del job  # an idle thread keeps nothing alive

    def offer(self, job: Job) -> None:
        """Wake up to two helpers, who wake two more each: waking 60 costs the caller no more than waking two."""
        for _ in range(2):
            # With as many offers in the queue as there are threads, none of them has time soon.
            if self.jobs.qsize() < self.size and job.invite():
                self.jobs.put(job)


MOST = max(32, os.cpu_count() or 1)  # threads that a call has: more would only wait for one another

pool = Pool()
chosen: int | None = None  # by set_num_threads


def run(
    kernel: Callable[..., object],
    args: tuple[Any, ...],
    n_blocks: int,
    n_threads: int | None = None,
    blocks_each: int | None = None,
) -> None:
    """Call ``kernel(*args, job)`` here and in up to n_threads - 1 threads of the pool until all blocks are finished.

    The kernel draws block numbers from ``job`` until there are none and finishes each that it drew. What stops it (an
    exception in any thread, Ctrl-C) is raised here, when no thread computes any more. So many as ``blocks_each`` are
    worth a thread, by default as many as of a loss.
    """
    helpers = n_blocks // (blocks_each or numbers()["thread_blocks"]) - 1
    if helpers > 0:
        helpers = min(helpers, (get_num_threads() if n_threads is None else n_threads) - 1, MOST - 1)
    if helpers > 0:
        if pool.size < helpers:
            pool.grow(helpers)
        Job(n_blocks, helpers).run(kernel, args, pool.offer)
    else:
        Job(n_blocks).run(kernel, args)


def get_num_threads() -> int:
    """Number of threads that a large call uses, the calling one included.

    Returns
    -------
    int
        What `set_num_threads` set; else the environment variable ``FASTXENT_NUM_THREADS``; else ``OMP_NUM_THREADS``
        (of a list such as ``4,2`` the first); else the processors that the process may use: its affinity, within the
        CPU quota of its control group.

    Raises
    ------
    ValueError
        If ``FASTXENT_NUM_THREADS`` is set, but is not a whole number from 1 on. ``OMP_NUM_THREADS`` is meant for other
        libraries too, so it is ignored where it makes no sense.

    See Also
    --------
    set_num_threads : Set the number for the whole process.

    Notes
    -----
    The environment is read once, at the first call that is large enough for threads, and once more after a fork.

    Examples
    --------
    >>> fx.get_num_threads() >= 1
    True
    """
    return default_num_threads() if chosen is None else chosen


def set_num_threads(n: SupportsIndex) -> None:
    """Set the number of threads that large calls use from now on, in the whole process.

    It holds for calls that do not say otherwise with ``n_threads``. Small calls stay in the calling thread, and results
    have the same bits for any number of threads; those of linear layers may differ by the rounding of their products.
    No call takes more than 32, or than there are processors if these are more.

    Parameters
    ----------
    n : int
        The number, at least 1, the calling thread included. With 1 no other thread is ever used.

    Raises
    ------
    TypeError
        If ``n`` is not an integer.
    ValueError
        If ``n`` is less than 1.

    See Also
    --------
    get_num_threads : The number in use, and where it comes from.

    Examples
    --------
    >>> before = fx.get_num_threads()
    >>> fx.set_num_threads(1)
    >>> fx.get_num_threads()
    1
    >>> fx.set_num_threads(before)
    """
    global chosen
    chosen = whole_number(n, "n", 1)


@functools.cache
def default_num_threads() -> int:
    """What the environment asks for, else the processors that this process may use."""
    own = os.environ.get("FASTXENT_NUM_THREADS", "").strip()
    if own:
        if not own.isdecimal() or int(own) < 1:
            raise ValueError(f"FASTXENT_NUM_THREADS = {own!r}, but it must be a whole number from 1 on")
        return int(own)
    shared = os.environ.get("OMP_NUM_THREADS", "").split(",")[0].strip()
    if shared.isdecimal() and int(shared) >= 1:
        return int(shared)
    return usable_cpus()


def start_anew() -> None:
    """After a fork: the child has one thread, and the queue's lock may be held by one that it does not have."""
    global pool
    pool = Pool()
    forked()
    default_num_threads.cache_clear()


if hasattr(os, "register_at_fork"):
    os.register_at_fork(after_in_child=start_anew)
