"""The shared pool: each block is computed once, whatever the threads do; nobody waits for a thread without a block."""

import gc
import os
import sys
import sysconfig
import threading
import time
import weakref
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest
from fastxent._kernels.job import Job

from fastxent import _threads
from fastxent._kernels import ways
from fastxent._threads import Pool, run
from tests.interpreter import interpreted

BLOCKS_EACH = ways.numbers()["thread_blocks"]
MANY = 8 * BLOCKS_EACH  # blocks, enough for eight threads
PATIENCE = 60  # seconds until a wait counts as one that never ends


@pytest.fixture
def own_pool(monkeypatch):
    """For tests that wait for a helper: none comes while offers of an earlier test are in the queue."""
    monkeypatch.setattr(_threads, "pool", Pool())
    return _threads.pool


class Kernel:
    """A kernel in Python: counts how often each block is computed, and by which threads."""

    def __init__(self, n_blocks):
        self.counts = np.zeros(n_blocks, int)
        self.threads = set()

    def __call__(self, job):
        while (number := job.draw()) >= 0:
            self.compute(number)
            self.counts[number] += 1
            self.threads.add(threading.get_ident())
            job.finish()

    def compute(self, number):
        pass


class Together(Kernel):
    """No block is finished before so many threads have drawn one."""

    def __init__(self, n_blocks, n_threads):
        super().__init__(n_blocks)
        self.barrier = threading.Barrier(n_threads)

    def compute(self, number):
        if threading.get_ident() not in self.threads:
            self.barrier.wait(PATIENCE)


@pytest.mark.parametrize("n_threads", [None, 1, 2, 3, 8])
@pytest.mark.parametrize("n_blocks", [0, 1, 2, 7, MANY, 1000])
def test_every_block_is_computed_once(n_blocks, n_threads):
    kernel = Kernel(n_blocks)
    run(kernel, (), n_blocks, n_threads)
    assert kernel.counts.tolist() == [1] * n_blocks


@pytest.mark.parametrize("n_threads", [1, 2, 3, 8, 61])
@pytest.mark.parametrize("n_blocks", [0, 1, 2, 7, 8, 61, 100, 1000])
def test_blocks_that_are_drawn_one_after_the_other_lie_apart(n_blocks, n_threads):
    job = Job(n_blocks, n_threads - 1)
    numbers = []
    while (number := job.draw()) >= 0:
        numbers.append(number)
        job.finish()
    assert sorted(numbers) == list(range(n_blocks))
    for i in range(n_blocks):
        at_once = np.sort(numbers[i : i + n_threads])
        assert (np.diff(at_once) >= n_blocks // n_threads - 1).all()
    assert n_threads > 1 or numbers == sorted(numbers)


@pytest.mark.parametrize("n_threads", [2, 3, 8])
def test_helpers_come_up_to_the_number_asked_for(n_threads, own_pool):
    own_pool.grow(10)
    kernel = Together(MANY, n_threads)
    run(kernel, (), MANY, n_threads)
    assert len(kernel.threads) == n_threads
    assert kernel.counts.tolist() == [1] * MANY


@pytest.mark.parametrize(("n_blocks", "n_threads"), [(1, 8), (2 * BLOCKS_EACH - 1, 8), (1000, 1)])
def test_one_thread_and_small_calls_never_touch_the_pool(n_blocks, n_threads, monkeypatch):
    monkeypatch.setattr(_threads, "pool", None)
    kernel = Kernel(n_blocks)
    run(kernel, (), n_blocks, n_threads)
    assert kernel.threads == {threading.get_ident()}


def test_the_call_does_not_wait_for_a_helper_without_a_block(own_pool):
    entered, go = threading.Event(), threading.Event()
    late = []

    def kernel(job):
        if threading.get_ident() != caller:
            entered.set()
            go.wait(PATIENCE)
            late.append(job.draw())
            return
        while job.draw() >= 0:
            assert entered.wait(PATIENCE)
            job.finish()

    caller = threading.get_ident()
    run(kernel, (), MANY, 2)
    assert late == []
    go.set()
    while not late:
        time.sleep(0.001)
    assert late == [-1]


def test_the_call_does_not_wait_for_a_helper_that_is_busy_elsewhere(own_pool):
    entered, go = threading.Event(), threading.Event()

    class Long(Kernel):
        def compute(self, number):
            if threading.current_thread() is not owner:
                entered.set()
                go.wait(PATIENCE)
            entered.wait(PATIENCE)

    long, short = Long(MANY), Kernel(MANY)
    owner = threading.Thread(target=run, args=(long, (), MANY, 2))
    owner.start()
    assert entered.wait(PATIENCE)
    run(short, (), MANY, 2)
    assert short.threads == {threading.get_ident()}
    go.set()
    owner.join(PATIENCE)
    assert long.counts.tolist() == short.counts.tolist() == [1] * MANY


def test_offers_do_not_pile_up_while_all_helpers_are_busy(own_pool):
    go = threading.Event()
    own_pool.grow(1)
    own_pool.jobs.put(type("Busy", (), {"invite": lambda _: False, "help": lambda _: go.wait(PATIENCE)})())
    while own_pool.jobs.qsize():
        time.sleep(0.001)
    for _ in range(100):
        run(Kernel(MANY), (), MANY, 2)
    assert own_pool.jobs.qsize() == 1
    go.set()


@pytest.mark.parametrize("where", ["caller", "helper"])
def test_an_exception_reaches_the_caller_when_no_thread_computes_any_more(where, own_pool):
    caller = threading.get_ident()
    running = []

    class Failing(Together):
        def __call__(self, job):
            if where == ("caller" if threading.get_ident() == caller else "helper"):
                self.barrier.wait(PATIENCE)
                raise OverflowError(where)
            super().__call__(job)

        def compute(self, number):
            running.append(number)
            super().compute(number)
            time.sleep(0.01)
            running.remove(number)

    kernel = Failing(1000, 2)
    with pytest.raises(OverflowError, match=where):
        run(kernel, (), 1000, 2)
    assert not running
    assert 0 < kernel.counts.sum() < 1000


@pytest.mark.parametrize("left", [0, 1, 2, 7])
def test_a_stopped_call_waits_for_no_block_that_nobody_drew(left):
    def kernel(job):
        for _ in range(3):
            job.draw()
            job.finish()
        job.stop()

    caller = threading.Thread(target=Job(3 + left, 1).run, args=(kernel, (), lambda job: None), daemon=True)
    caller.start()
    caller.join(PATIENCE)
    assert not caller.is_alive()


def test_nothing_is_kept_alive_by_threads_that_wait(own_pool):
    class Thing:
        pass

    thing = Thing()
    gone = weakref.ref(thing)
    kernel = Together(MANY, 2)
    run(lambda _, job: kernel(job), (thing,), MANY, 2)
    del thing
    end = time.monotonic() + PATIENCE
    while gone() is not None and time.monotonic() < end:
        gc.collect()
        time.sleep(0.001)
    assert gone() is None


def test_calls_may_be_nested():
    inner = []

    class Outer(Kernel):
        def compute(self, number):
            inner.append(Kernel(MANY))
            run(inner[-1], (), MANY, 3)

    outer = Outer(MANY)
    run(outer, (), MANY, 3)
    assert len(inner) == MANY
    assert all(kernel.counts.tolist() == [1] * MANY for kernel in [outer, *inner])


def test_many_threads_may_call_at_once():
    kernels = [Kernel(MANY) for _ in range(200)]
    with ThreadPoolExecutor(8) as executor:
        list(executor.map(lambda kernel: run(kernel, (), MANY, 4), kernels))
    assert all(kernel.counts.tolist() == [1] * MANY for kernel in kernels)


def test_the_caller_computes_everything_where_no_thread_can_be_started(own_pool, monkeypatch):
    def refuse(*_):
        raise RuntimeError("can't start new thread")

    monkeypatch.setattr(_threads._thread, "start_new_thread", refuse)
    kernel = Kernel(MANY)
    run(kernel, (), MANY, 4)
    assert kernel.threads == {threading.get_ident()}
    assert kernel.counts.tolist() == [1] * MANY
    assert own_pool.jobs.empty()


def test_a_call_takes_no_more_threads_than_can_be_of_use(own_pool, monkeypatch):
    monkeypatch.setattr(_threads, "MOST", 3)
    run(Kernel(MANY), (), MANY, 10**6)
    assert own_pool.size == 2


def test_there_is_a_most_that_covers_all_processors():
    assert _threads.MOST >= 32
    assert os.cpu_count() <= _threads.MOST


@pytest.mark.skipif(not sysconfig.get_config_var("Py_GIL_DISABLED"), reason="this Python always has its lock")
def test_importing_leaves_the_interpreters_lock_off():
    done = interpreted("import sys, fastxent as fx; fx.softmax([1.0, 2.0]); print(sys._is_gil_enabled())")
    assert (done.stdout, done.stderr) == ("False\n", "")


def test_the_pool_starts_no_more_threads_than_helpers_were_asked_for(own_pool):
    for n_threads in (2, 4, 3):
        run(Kernel(MANY), (), MANY, n_threads)
    assert own_pool.size == 3


def test_the_switch_interval_does_not_matter():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    try:
        for _ in range(100):
            kernel = Kernel(MANY)
            run(kernel, (), MANY, 4)
            assert kernel.counts.tolist() == [1] * MANY
    finally:
        sys.setswitchinterval(before)


@pytest.mark.parametrize("n_threads", [1, 4])
def test_a_function_is_called_once_for_each_block(n_threads):
    counts = np.zeros(MANY, int)

    def count(number):
        counts[number] += 1

    run(lambda job: job.each(count), (), MANY, n_threads)
    assert (counts == 1).all()


@pytest.mark.parametrize("n_threads", [1, 4])
def test_an_error_of_such_a_function_ends_the_call(n_threads):
    def fail(number):
        raise KeyError(number)

    with pytest.raises(KeyError):
        run(lambda job: job.each(fail), (), MANY, n_threads)


def test_of_two_errors_the_first_is_raised(own_pool):
    both = threading.Barrier(2, timeout=PATIENCE)
    caller = threading.get_ident()

    def kernel(job):
        def fail(number):
            both.wait()
            if threading.get_ident() != caller:
                raise KeyError("first")
            while not job.is_stopped():
                time.sleep(0.001)
            raise OSError("last")

        job.each(fail)

    with pytest.raises(KeyError, match="first"):
        run(kernel, (), MANY, 2)
