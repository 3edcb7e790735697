"""Threads and processes: forks, pools of processes, the end of the interpreter, Ctrl-C."""

import multiprocessing
import os
import signal
import textwrap
import threading
from concurrent.futures import ProcessPoolExecutor, ThreadPoolExecutor

import pytest

from fastxent import _threads
from tests.interpreter import interpreted
from tests.threaded_call import ARGUMENTS, FORK_WARNING, loss_and_gradient

FORKS = pytest.mark.skipif(not hasattr(os, "fork"), reason="this system does not fork")
START = [
    pytest.param("fork", marks=[FORKS, FORK_WARNING]),
    pytest.param("forkserver", marks=FORKS),
    "spawn",
]


PRELUDE = """
import atexit, os, signal, threading, time, warnings
import numpy as np
import fastxent as fx

# A shell starts its background jobs with Ctrl-C ignored, and children inherit that.
signal.signal(signal.SIGINT, signal.default_int_handler)
rng = np.random.default_rng(0)
x, y = rng.normal(size=(2000, 1000)), rng.integers(0, 1000, 2000)

def interrupt():
    time.sleep(0.3)
    os.kill(os.getpid(), signal.SIGINT)
"""


def run_script(script):
    """Standard output of a Python script of its own, which must end without an error and without a word on stderr."""
    done = interpreted(PRELUDE + textwrap.dedent(script), timeout=60)
    assert (done.returncode, done.stderr) == (0, "")
    return done.stdout


def right_in_a_child(check):
    """Whether a forked child finds this right; one that hangs is ended by a signal."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            signal.alarm(60)
            status = 0 if check() else 2
        finally:
            os._exit(status)
    return os.waitpid(child, 0)[1] == 0


@FORKS
@FORK_WARNING
def test_a_fork_after_a_threaded_call_has_a_pool_of_its_own():
    expected = loss_and_gradient(*ARGUMENTS)
    parent = _threads.pool
    assert right_in_a_child(
        lambda: _threads.pool is not parent and loss_and_gradient(*ARGUMENTS) == expected and _threads.pool.size == 2
    )
    assert _threads.pool is parent
    assert loss_and_gradient(*ARGUMENTS) == expected


@FORKS
@FORK_WARNING
def test_a_fork_while_other_threads_are_inside_a_call_leaves_both_sides_whole():
    expected = loss_and_gradient(*ARGUMENTS)
    over = threading.Event()
    wrong = []

    def work():
        while not over.is_set():
            if loss_and_gradient(*ARGUMENTS) != expected:
                wrong.append(threading.get_ident())

    threads = [threading.Thread(target=work) for _ in range(3)]
    for thread in threads:
        thread.start()
    try:
        results = [right_in_a_child(lambda: loss_and_gradient(*ARGUMENTS) == expected) for _ in range(20)]
    finally:
        over.set()
        for thread in threads:
            thread.join()
    assert all(results)
    assert not wrong


@FORKS
@pytest.mark.parametrize(("n_threads", "ended"), [(1, "loss"), (3, "forked inside a call of several threads")])
def test_a_fork_in_a_signal_handler_ends_the_call_in_the_child_where_its_helpers_are_not(n_threads, ended):
    script = f"""
        # Python 3.12 and later warn of any fork in a process with threads, and tell the main program
        warnings.filterwarnings("ignore", ".*multi-threaded, use of fork", DeprecationWarning)
        children = []
        def handler(*_):
            children.append(os.fork())
            signal.alarm(50)  # ends a child that hangs
        def send():
            time.sleep(0.1)
            os.kill(os.getpid(), signal.SIGUSR1)
        signal.signal(signal.SIGUSR1, handler)
        rows, labels = np.broadcast_to(x[:1], (500_000, 1000)), np.broadcast_to(y[:1], 500_000)
        expected = fx.softmax_cross_entropy(x[:1], y[:1])
        threading.Thread(target=send).start()
        try:
            loss = fx.softmax_cross_entropy(rows, labels, n_threads={n_threads})
            message = "loss" if abs(loss / expected - 1) < 1e-12 else "another loss"
        except RuntimeError as error:
            message = str(error)
        if children == [0]:
            print(message, flush=True)
            os._exit(0)
        os.waitpid(children[0], 0)
        print(message)
    """
    in_child, in_parent = run_script(script).splitlines()
    assert ended in in_child
    assert in_parent == "loss"


@pytest.mark.parametrize("method", START)
def test_processes_of_every_kind_compute_the_same(method):
    expected = loss_and_gradient(*ARGUMENTS)
    with ProcessPoolExecutor(2, multiprocessing.get_context(method)) as executor:
        assert set(executor.map(loss_and_gradient, *zip(*[ARGUMENTS] * 4, strict=True))) == {expected}


def test_many_threads_compute_the_same():
    expected = loss_and_gradient(*ARGUMENTS)
    with ThreadPoolExecutor(8) as executor:
        assert set(executor.map(lambda _: loss_and_gradient(*ARGUMENTS), range(40))) == {expected}


def test_a_call_at_exit_works_and_idle_threads_do_not_hold_up_the_end():
    script = """
        loss = fx.softmax_cross_entropy(x, y, n_threads=3)
        atexit.register(lambda: print(fx.softmax_cross_entropy(x, y, n_threads=5) == loss))
    """
    assert run_script(script) == "True\n"


def test_the_first_call_may_be_at_exit():
    script = """
        from fastxent import reference
        want = reference.softmax_cross_entropy(x, y)
        atexit.register(lambda: print(abs(fx.softmax_cross_entropy(x, y, n_threads=3) / want - 1) < 1e-14))
    """
    assert run_script(script) == "True\n"


def test_a_call_in_a_daemon_thread_does_not_hold_up_the_end():
    script = """
        started = threading.Event()
        def work():
            while True:
                fx.softmax_cross_entropy(x, y, n_threads=3)
                started.set()
        threading.Thread(target=work, daemon=True).start()
        started.wait()
        print("end")
    """
    assert run_script(script) == "end\n"


@pytest.mark.skipif(os.name == "nt", reason="Windows has no signal to send to oneself")
class TestCtrlC:
    @pytest.mark.parametrize("n_threads", [1, 3])
    def test_it_ends_one_call_that_would_take_minutes(self, n_threads):
        script = f"""
            rows, labels = np.broadcast_to(x[:1], (10**9, 1000)), np.broadcast_to(y[:1], 10**9)
            try:
                threading.Thread(target=interrupt).start()
                fx.softmax_cross_entropy(rows, labels, n_threads={n_threads})
            except KeyboardInterrupt:
                print("interrupted")
        """
        assert run_script(script) == "interrupted\n"

    @pytest.mark.parametrize("n_threads", [1, 3])
    def test_no_thread_writes_afterwards(self, n_threads):
        script = f"""
            out = np.ones_like(x)
            try:
                threading.Thread(target=interrupt).start()
                while True:
                    fx.softmax_cross_entropy_grad(x, y, out=out, n_threads={n_threads})
            except KeyboardInterrupt:
                out[...] = 0
                time.sleep(0.1)
                print(np.count_nonzero(out))
                print(fx.softmax_cross_entropy_grad(x, y, out=out, n_threads={n_threads})[0] > 0)
        """
        assert run_script(script) == "0\nTrue\n"

    def test_a_handler_that_raises_nothing_may_call_fastxent_itself(self):
        script = """
            outer, inner = [], []
            def handler(*_):
                inner.append(fx.softmax_cross_entropy(x, y, n_threads=3))
            signal.signal(signal.SIGALRM, handler)
            rows, labels = np.broadcast_to(x[:1], (100_000, 1000)), np.broadcast_to(y[:1], 100_000)
            for _ in range(4):
                signal.setitimer(signal.ITIMER_REAL, 0.001)
                outer.append(fx.softmax_cross_entropy(rows, labels, n_threads=3))
            print(len(inner), len(set(inner)), len(set(outer)))
        """
        assert run_script(script) == "4 1 1\n"
