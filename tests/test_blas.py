"""One BLAS thread within `one_thread`, and the number from before when the last thread has left it."""

import itertools
import os
import signal
import sys
import threading
from concurrent.futures import ThreadPoolExecutor, wait

import numpy as np
import pytest
from threadpoolctl import ThreadpoolController, threadpool_limits

from fastxent import _blas
from fastxent._blas import one_thread
from tests.interpreter import interpreted


def numbers():
    """Of threads, of every BLAS in this process."""
    return [library.num_threads for library in ThreadpoolController().select(user_api="blas").lib_controllers]


@pytest.fixture(autouse=True)
def three_threads():
    """A number that no processor count is likely to be."""
    with threadpool_limits(3, user_api="blas"):
        yield
    assert not one_thread.inside


THREE, ONE = [3] * len(numbers()), [1] * len(numbers())


def test_it_nests_and_sets_back_what_it_found():
    with one_thread:
        with one_thread:
            assert numbers() == ONE
        assert numbers() == ONE
    assert numbers() == THREE


def test_an_error_sets_back_as_well():
    with pytest.raises(ZeroDivisionError), one_thread:
        numbers()[0] / 0
    assert numbers() == THREE


def turns(order):
    """Threads of their own enter one after the other, and leave in this order; the numbers before each leaves."""
    threads = [ThreadPoolExecutor(1) for _ in order]
    found = []
    for thread in threads:
        thread.submit(one_thread.__enter__).result()
    for i in order:
        found.append(numbers())
        threads[i].submit(one_thread.__exit__, None, None, None).result()
    for thread in threads:
        thread.shutdown()
    return found


@pytest.mark.parametrize("order", list(itertools.permutations(range(3))), ids=str)
def test_threads_leave_in_any_order(order):
    assert turns(order) == [ONE] * 3
    assert numbers() == THREE


def test_many_threads_leak_nothing():
    def work():
        for _ in range(200):
            with one_thread:
                assert one_thread.inside

    threads = [threading.Thread(target=work) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert numbers() == THREE


def test_who_comes_while_the_last_one_leaves_is_limited(monkeypatch):
    set_num_threads = _blas.set_num_threads
    comes = []

    def slow(library, n):
        if not comes:
            comes.append(other.submit(one_thread.__enter__))
            wait(comes, 0.2)  # it waits for the lock all the while
        set_num_threads(library, n)

    with ThreadPoolExecutor(1) as other:
        with one_thread:
            monkeypatch.setattr(_blas, "set_num_threads", slow)
        comes[0].result()
        assert numbers() == ONE
        other.submit(one_thread.__exit__, None, None, None).result()
    assert numbers() == THREE


def test_it_holds_while_another_thread_has_a_limit_of_threadpoolctls():
    inside, leave = threading.Event(), threading.Event()

    def limited():
        with threadpool_limits(2, user_api="blas"):
            inside.set()
            leave.wait()

    thread = threading.Thread(target=limited)
    thread.start()
    inside.wait()
    before = numbers()
    with one_thread:
        assert numbers() == ONE
    assert numbers() == before
    leave.set()
    thread.join()


def test_an_interrupted_entry_sets_back(monkeypatch):
    set_num_threads = _blas.set_num_threads
    calls = []

    def interrupted(library, n):
        calls.append(n)
        set_num_threads(library, n)
        if len(calls) == 1:
            raise KeyboardInterrupt

    monkeypatch.setattr(_blas, "set_num_threads", interrupted)
    with pytest.raises(KeyboardInterrupt), one_thread:
        pass
    assert numbers() == THREE


def test_without_threadpoolctl_it_is_numpys_own(monkeypatch):
    monkeypatch.setitem(sys.modules, "threadpoolctl", None)
    _blas.libraries.cache_clear()
    try:
        own = _blas.libraries(-1)
        before = [library.get_num_threads() for library in own]
        with one_thread:
            assert all(library.get_num_threads() == 1 for library in own)
        assert [library.get_num_threads() for library in own] == before
        bundled = "scipy-openblas" in np.show_config("dicts")["Build Dependencies"]["blas"]["name"]
        assert len(own) == bundled
    finally:
        _blas.libraries.cache_clear()


class OfThread:
    """A BLAS like MKL, with a number for each thread."""

    internal_api = "mkl"

    def __init__(self):
        self.own = threading.local()

    def get_num_threads(self):
        return getattr(self.own, "n", 4)

    def set_num_threads(self, n):
        self.own.n = n


def test_each_thread_is_limited_where_each_has_a_number(monkeypatch):
    library = OfThread()
    monkeypatch.setattr(_blas, "libraries", lambda _: [library])
    with ThreadPoolExecutor(1) as other, one_thread:
        other.submit(one_thread.__enter__).result()
        assert library.get_num_threads() == other.submit(library.get_num_threads).result() == 1
        other.submit(one_thread.__exit__, None, None, None).result()
        assert (library.get_num_threads(), other.submit(library.get_num_threads).result()) == (1, 4)
    assert library.get_num_threads() == 4


def test_a_helper_limits_what_is_its_own_and_only_while_somebody_is_in(monkeypatch):
    library, shared = OfThread(), OfThread()
    shared.internal_api = "openblas"
    monkeypatch.setattr(_blas, "libraries", lambda _: [library, shared])
    with ThreadPoolExecutor(1) as other, ThreadPoolExecutor(1) as late:
        with one_thread:
            other.submit(one_thread.help).result()
            one_thread.help()
            assert library.get_num_threads() == other.submit(library.get_num_threads).result() == 1
            assert other.submit(shared.get_num_threads).result() == 4
        late.submit(one_thread.help).result()
        assert late.submit(library.get_num_threads).result() == 4
    assert (library.get_num_threads(), shared.get_num_threads()) == (4, 4)


def test_who_enters_second_is_limited_whatever_was_set_meanwhile():
    with ThreadPoolExecutor(1) as other:
        other.submit(one_thread.__enter__).result()
        with threadpool_limits(2, user_api="blas"), one_thread:
            assert numbers() == ONE
        other.submit(one_thread.__exit__, None, None, None).result()


@pytest.mark.skipif(not hasattr(os, "fork"), reason="needs fork")
@pytest.mark.filterwarnings("ignore:This process:DeprecationWarning")  # the other thread holds no lock of ours
@pytest.mark.parametrize("inside", [False, True])
def test_a_child_is_limited_by_the_thread_that_forked_alone(inside):
    with ThreadPoolExecutor(1) as other:
        other.submit(one_thread.__enter__).result()
        if inside:
            one_thread.__enter__()
        child = os.fork()
        if not child:
            right = numbers() == (ONE if inside else THREE)
            if inside:
                one_thread.__exit__(None, None, None)
            os._exit(0 if right and numbers() == THREE else 1)
        assert os.waitstatus_to_exitcode(os.waitpid(child, 0)[1]) == 0
        if inside:
            one_thread.__exit__(None, None, None)
        other.submit(one_thread.__exit__, None, None, None).result()


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer")
def test_a_storm_of_ctrl_c_leaves_the_number_as_it_was():
    script = """
import random, signal
from threadpoolctl import ThreadpoolController
from fastxent._blas import one_thread

def numbers():
    return [one.num_threads for one in ThreadpoolController().select(user_api="blas").lib_controllers]

before = numbers()
random.seed(0)
signal.signal(signal.SIGALRM, signal.default_int_handler)
came = 0
for _ in range(1000):
    try:
        signal.setitimer(signal.ITIMER_REAL, random.random() * 1e-3 + 1e-6)
        while True:
            with one_thread:
                pass
    except KeyboardInterrupt:
        came += 1
    assert numbers() == before, (came, numbers())
    assert not one_thread.inside and not one_thread.tokens
print(came)
"""
    done = interpreted(script, timeout=120)
    assert (done.returncode, done.stderr, done.stdout) == (0, "", "1000\n")


def test_a_limit_of_threadpoolctls_that_ends_meanwhile_has_the_last_word():
    outer = threadpool_limits(1, user_api="blas")
    with one_thread:
        outer.restore_original_limits()
        assert numbers() == THREE
    assert numbers() == THREE
