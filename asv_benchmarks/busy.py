"""Threads that help and never hurt: calls on one thread and on several in turns, alone and beside something busy.

python asv_benchmarks/busy.py --help lists the options; `make busy` runs everything. It wants as many idle cores as
threads. Times are medians over rounds in which every call has its turn. The first ratio is how many times as fast as
one thread several are, under the same conditions; the second is to a copy of the logits on as many threads, which shows
where memory is the limit. A fresh result is memory that the system has to clear first.
"""

import argparse
import os
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from multiprocessing import get_context

from side_by_side.libraries import fastxent_calls, limits
from side_by_side.problems import SHAPES, Shape, make
from side_by_side.report import duration
from side_by_side.rounds import seconds_per_call

# below, a call is over before a second thread is awake
FROM_ELEMENTS = 1_000_000
MEDIUM = [Shape("softmax", (1024, 1000)), Shape("softmax", (2048, 1000))]
BESIDE = ["nothing", "process", "thread"]


def arguments() -> argparse.Namespace:
    """The options."""
    shapes = [
        shape for shape in MEDIUM + SHAPES if shape.elements >= FROM_ELEMENTS and shape.operation != "information"
    ]
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    names = [shape.name for shape in shapes]
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="Shapes: " + ", ".join(names),
    )
    parser.add_argument("--shapes", nargs="+", metavar="SHAPE", choices=names, default=names, help="these only")
    parser.add_argument("--dtype", nargs="+", choices=["float32", "float64"], default=["float32"])
    parser.add_argument("--threads", type=int, default=max(2, cores), help="compared with one (default: all cores)")
    parser.add_argument("--beside", nargs="+", choices=BESIDE, default=BESIDE, help="what else is running")
    parser.add_argument("--seconds", type=float, default=2.0, help="at most, for each line of the table")
    options = parser.parse_args()
    options.shapes = [shape for shape in shapes if shape.name in options.shapes]
    return options


def never() -> bool:
    return False


def spin(over: Callable[[], bool]) -> None:
    """Python without a pause: takes a core and, in a thread, the GIL whenever it can."""
    while not over():
        pass


@contextmanager
def beside(what: str, n: int) -> Iterator[None]:
    """Run this many busy processes, or one busy thread of this process."""
    if what == "process":
        processes = [get_context("spawn").Process(target=spin, args=(never,), daemon=True) for _ in range(n)]
        for process in processes:
            process.start()
        try:
            yield
        finally:
            for process in processes:
                process.kill()
                process.join()
    elif what == "thread":
        over = threading.Event()
        thread = threading.Thread(target=spin, args=(over.is_set,))
        thread.start()
        try:
            yield
        finally:
            over.set()
            thread.join()
    else:
        yield


def measure(shape: Shape, dtype: str, threads: int, seconds: float) -> Iterator[str]:
    """A line for each kind of work: its time on one thread, on several, and that of the copy."""
    problem = make(shape, dtype)
    one, more = (getattr(fastxent_calls, shape.operation)(problem, n) for n in (1, threads))
    copy = next(call for title, call in getattr(limits, shape.operation)(problem, threads).items() if "copy" in title)
    for kind in one:
        calls = {1: one[kind], threads: more[kind], "copy": copy}
        times = seconds_per_call(calls, least_rounds=9, most_rounds=99, budget=seconds)
        yield (
            f"{shape.name + ', ' + kind:47}{duration(times[1]):>10}{duration(times[threads]):>10}"
            f"{times[1] / times[threads]:8.2f}{duration(times['copy']):>10}{times[threads] / times['copy']:8.2f}"
        )


def main() -> None:
    options = arguments()
    for dtype in options.dtype:
        for what in options.beside:
            title = f"{dtype}, beside {'nothing' if what == 'nothing' else 'a busy ' + what}"
            print(f"{title:47}{'1 thread':>10}{f'{options.threads} threads':>10}{'faster':>8}{'copy':>10}{'ratio':>8}")
            with beside(what, options.threads - 1):
                for shape in options.shapes:
                    if dtype in shape.dtypes:
                        for line in measure(shape, dtype, options.threads, options.seconds):
                            print(line, flush=True)
            print()


if __name__ == "__main__":
    main()
