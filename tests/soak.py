"""Threaded calls for as long as you like: ``python -m tests.soak --minutes 30``, on Linux.

Threads call at once, with any number of threads each, and every result is compared to the bit with that of one thread.
Meanwhile Ctrl-C ends one call of the main thread after the other; the process forks, and the child calls, too; it is
stopped and goes on; its threads are moved to other processors; their number is changed. Memory must not grow. The first
line has the seed; the order of threads is the system's.
"""

import argparse
import contextlib
import gc
import os
import random
import signal
import subprocess
import sys
import threading
import time
import warnings

import numpy as np

import fastxent
from fastxent import _threads
from tests.problem import problem
from tests.table import FUNCTIONS

CALLERS = 3
MOST_THREADS = 5
TURN = 0.3  # seconds of each disturbance
MARK = 77.0
MEBIBYTE = 2**20
GROWTH = 32 * MEBIBYTE  # that is none: threads have free memory of their own, and lend it to one another
PATIENCE = 120  # seconds until a child counts as one that hangs


class Case:
    """A call and the bits of its results."""

    def __init__(self, p):
        self.p = p
        self.expected = bits(p.run(n_threads=1))

    def check(self, rng):
        """Call with some number of threads, with or without outputs."""
        given = outputs(self.p) if rng.random() < 0.5 else {}
        n_threads = rng.randint(1, MOST_THREADS) if rng.random() < 0.8 else None
        if bits(self.p.run(n_threads=n_threads, **given)) != self.expected:
            raise AssertionError(f"{self.p}: other bits with n_threads = {n_threads}")


def outputs(p):
    """New arrays for its derivatives."""
    return {name: np.empty(p.x.shape, p.dtype) for name in p.function.array_results}


def bits(results):
    return {name: np.asarray(value).tobytes() for name, value in results.items()}


def cases(seed):
    """Each function with rows and with panels that are worth threads, and with few samples, with all its options."""
    rng = np.random.default_rng(seed)
    for f in FUNCTIONS:
        for shape, dtype, options in (
            ((600, 1000), np.float32, f.option_sets[0]),
            ((70_000, 7), np.float64, f.option_sets[-1]),
            ((64, 10), np.float32, f.option_sets[-1]),
        ):
            p = problem(f, rng, shape, -1, dtype, options)
            yield Case(p.change(x=np.asfortranarray(p.x)) if rng.random() < 0.3 else p)


class Interrupts:
    """Ctrl-C every millisecond or so, which is raised where it is wanted, once each time."""

    def __init__(self):
        self.wanted = False
        self.raised = 0

    def __call__(self, *_):
        if self.wanted:
            self.wanted = False
            self.raised += 1
            raise KeyboardInterrupt

    def send(self, until):
        while time.monotonic() < until:
            time.sleep(random.uniform(0.0002, 0.003))
            os.kill(os.getpid(), signal.SIGINT)

    def during(self, call):
        """Whether it came before the call had ended."""
        try:
            self.wanted = True
            call()
            self.wanted = False
        except KeyboardInterrupt:
            return True
        return False


class Soak:
    def __init__(self, seed, minutes):
        self.rng = random.Random(seed)
        self.seed = seed
        self.seconds = 60 * minutes
        self.cases = list(cases(seed))
        self.writing = [case for case in self.cases if case.p.x.size > 10**5 and case.p.function.array_results]
        self.over = threading.Event()
        self.wrong = []
        self.calls = [0] * CALLERS
        self.done = dict.fromkeys((turn.__name__ for turn in self.turns), 0)
        self.interrupts = Interrupts()

    @property
    def turns(self):
        return self.interrupt, self.fork, self.stop, self.move, self.change_number, self.rest

    def work(self, number):
        """A thread that calls."""
        rng = random.Random(self.seed + 1 + number)
        try:
            while not self.over.is_set():
                rng.choice(self.cases).check(rng)
                self.calls[number] += 1
        except BaseException as error:
            self.wrong.append(error)

    def interrupt(self, until):
        """Ctrl-C in call after call; what was interrupted writes nothing afterwards."""
        sender = threading.Thread(target=self.interrupts.send, args=(until,))
        sender.start()
        p = self.rng.choice(self.writing).p
        given = outputs(p)
        while sender.is_alive():
            if self.interrupts.during(lambda: p.run(n_threads=self.rng.randint(1, MOST_THREADS), **given)):
                for out in given.values():
                    out.fill(MARK)
                time.sleep(self.rng.choice((0, 0, 0.002)))
                assert all((out == MARK).all() for out in given.values()), f"{p} wrote after Ctrl-C"
                self.done["interrupt"] += 1
        sender.join()

    def fork(self, _):
        """The child computes the same, with a pool of its own."""
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", ".*multi-threaded, use of fork", DeprecationWarning)
            child = os.fork()
        if child == 0:
            status = 1
            try:
                signal.alarm(PATIENCE)
                for case in self.rng.sample(self.cases, 5):
                    case.check(self.rng)
                status = 0
            finally:
                os._exit(status)
        assert os.waitpid(child, 0)[1] == 0, "a forked child found other bits, or hung"
        self.done["fork"] += 1

    def stop(self, _):
        """The whole process stands still, and goes on."""
        own, pause = os.getpid(), self.rng.uniform(0.01, 0.3)
        script = f"kill -STOP {own}; sleep {pause:.3f}; kill -CONT {own}"
        subprocess.run(["sh", "-c", script], env={"PATH": os.defpath}, check=True)  # nothing of LD_PRELOAD
        self.done["stop"] += 1

    def move(self, until):
        """Other processors for each thread, again and again."""
        allowed = os.sched_getaffinity(0)
        try:
            while time.monotonic() < until:
                for thread in os.listdir("/proc/self/task"):
                    some = self.rng.sample(sorted(allowed), self.rng.randint(1, len(allowed)))
                    affinity(int(thread), some)
                    self.done["move"] += 1
                time.sleep(0.005)
        finally:
            for thread in os.listdir("/proc/self/task"):
                affinity(int(thread), allowed)

    def change_number(self, until):
        """What calls use that do not say."""
        while time.monotonic() < until:
            fastxent.set_num_threads(self.rng.randint(1, MOST_THREADS))
            self.done["change_number"] += 1
            time.sleep(0.01)

    def rest(self, until):
        """Nothing but calls: the main thread's, too."""
        while time.monotonic() < until:
            self.rng.choice(self.cases).check(self.rng)
            self.done["rest"] += 1

    def run(self):
        """Until the time is over, with a line of figures each minute. What is wrong in any thread is raised."""
        signal.signal(signal.SIGINT, self.interrupts)
        threads = [threading.Thread(target=self.work, args=(number,)) for number in range(CALLERS)]
        for thread in threads:
            thread.start()
        end = said = time.monotonic()
        end += self.seconds
        memory = []
        try:
            while not self.wrong and (not memory or time.monotonic() < end):
                for turn in self.turns:
                    turn(time.monotonic() + TURN)
                memory.append(resident())
                if time.monotonic() - said > 60:
                    said = time.monotonic()
                    print(self.report(memory), flush=True)
        finally:
            self.over.set()
            for thread in threads:
                thread.join()
        if self.wrong:
            raise self.wrong[0]
        print(self.report(memory))
        assert _threads.pool.size < MOST_THREADS + 2 * CALLERS, f"{_threads.pool.size} threads in the pool"
        early, late = max(memory[: len(memory) // 2 + 1]), min(memory[len(memory) // 2 :])
        assert late - early < GROWTH, f"memory grew from {early / MEBIBYTE:.0f} to {late / MEBIBYTE:.0f} MiB"

    def report(self, memory):
        done = self.done
        first, now, most = (size / MEBIBYTE for size in (memory[0], memory[-1], max(memory)))
        return (
            f"{sum(self.calls) + done['rest']} calls, {done['interrupt']} interrupted, {done['fork']} forks,"
            f" {done['stop']} stops, {done['move']} moves of a thread, {done['change_number']} changes of their number;"
            f" {first:.0f} MiB at first, {now:.0f} now, {most:.0f} at most"
        )


def affinity(thread, processors):
    """Which it may run on; a thread that has ended is no matter."""
    with contextlib.suppress(ProcessLookupError):
        os.sched_setaffinity(thread, processors)


def resident():
    """Bytes of memory that the process has."""
    gc.collect()
    with open("/proc/self/statm") as file:
        return int(file.read().split()[1]) * os.sysconf("SC_PAGE_SIZE")


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.soak", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=30.0)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    if not sys.platform.startswith("linux"):
        sys.exit("tests.soak stops threads and moves them as Linux has it")
    seed = time.time_ns() % 2**32 if arguments.seed is None else arguments.seed
    print(f"seed {seed}", flush=True)
    Soak(seed, arguments.minutes).run()


if __name__ == "__main__":
    main()
