"""fastxent beside its peers: the same arrays, in turns within one run, after checking that all of them agree.

python asv_benchmarks/peers.py --help lists the options; `make peers` installs the peers and runs everything. Times are
medians over rounds in which every library has its turn. A run on n threads is pinned to n cores. In a ratio, fastxent
writes into a reused result (`out=`); its lines with a fresh result and in place (`out=logits`) stand beside.
"""

import argparse
import os
import sys
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

from side_by_side import libraries, report
from side_by_side.measure import Effort, Row, measure, thread_limits
from side_by_side.problems import HALF, SHAPES, WIDE, Shape

FULL = Effort(least_rounds=7, most_rounds=50, seconds=3)
QUICK = Effort(least_rounds=3, most_rounds=3, seconds=0)


def arguments() -> argparse.Namespace:
    """The options, with shapes and libraries checked against what there is."""
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    names = [shape.name for shape in SHAPES]
    parser = argparse.ArgumentParser(
        description=__doc__.partition("\n")[0],
        epilog="Shapes: " + ", ".join(names),
    )
    parser.add_argument("--only", nargs="+", choices=libraries.LIBRARIES, help="these libraries only")
    parser.add_argument("--shapes", nargs="+", metavar="SHAPE", choices=names, help="these lines of the table only")
    parser.add_argument("--dtype", nargs="+", choices=WIDE + HALF, default=WIDE + HALF)
    parser.add_argument("--threads", nargs="+", type=int, default=sorted({1, cores}), help="one run for each number")
    parser.add_argument("--quick", action="store_true", help="three rounds only: does it run, and about how fast")
    parser.add_argument("--markdown", metavar="FILE", help="write the table here")
    return parser.parse_args()


def main() -> None:
    options = arguments()
    names = options.only or list(libraries.LIBRARIES)
    missing = [name for name in names if not libraries.installed(name)]
    if missing:
        print("Not installed, left out:", ", ".join(missing))
    names = [name for name in libraries.LIBRARIES if name in names and name not in missing]
    jobs = [
        (shape, dtype, threads)
        for threads in options.threads
        for shape in SHAPES
        for dtype in shape.dtypes
        if dtype in options.dtype and (options.shapes is None or shape.name in options.shapes)
    ]
    rows = run(jobs, names, QUICK if options.quick else FULL)
    print(report.machine(names))
    if options.markdown:
        with open(options.markdown, "w", encoding="utf-8") as file:
            file.write(report.markdown(rows))
        print("The table is in", options.markdown)


def run(jobs: list[tuple[Shape, str, int]], names: list[str], effort: Effort) -> list[Row]:
    """Measures each job and prints it; one process per number of threads, since libraries fix theirs when imported."""
    rows: list[Row] = []
    done = 0
    for threads in dict.fromkeys(threads for *_, threads in jobs):
        os.environ.update(thread_limits(threads))
        with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as process:
            for shape, dtype, _ in (job for job in jobs if job[2] == threads):
                progress(f"{done + 1} of {len(jobs)}: {shape.name}, {dtype}, {threads} thread{'s' * (threads > 1)}")
                measured = process.submit(measure, shape, dtype, threads, names, effort).result()
                progress("")
                print(*report.lines(measured), sep="\n", flush=True)
                rows += measured
                done += 1
    return rows


def progress(text: str) -> None:
    """Shows what is being measured, on one line of a terminal that the results then overwrite."""
    if sys.stderr.isatty():
        print(f"\r\033[K{text}", end="", file=sys.stderr, flush=True)
    elif text:
        print(text, file=sys.stderr, flush=True)


if __name__ == "__main__":
    main()
