"""fastxent.dask.SoftmaxClassifier beside one machine: processor time, wall time, and what a task costs.

python asv_benchmarks/cluster.py --help lists the options; `make cluster` runs everything, and wants as many idle cores
as workers. All fit the same features, in files that are mapped into memory, for the same number of iterations from the
same start; what is compared is the time of an evaluation of the objective, of which a line search may take more or
fewer. Processor time is that of all processes: client, scheduler and workers. The cost of a task is the slope of the
time of evaluations of a few rows over the number of partitions.
"""

import argparse
import tempfile
import time
import warnings
from contextlib import contextmanager
from pathlib import Path
from unittest import mock

import dask
import dask.array as da
import distributed
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastxent.dask import SoftmaxClassifier, from_npy
from fastxent.dask._objective import PartitionedObjective
from fastxent.sklearn import SoftmaxClassifier as InMemory
from fastxent.sklearn._objective import Objective

PARTITIONS = [2, 32, 128]  # of the few rows that tell what a task costs


def arguments():
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--rows", type=int, default=2_000_000)
    parser.add_argument("--features", type=int, default=54)
    parser.add_argument("--classes", type=int, default=7)
    parser.add_argument("--chunk-rows", type=int, default=250_000)
    parser.add_argument("--block-rows", type=int, default=50_000)
    parser.add_argument("--workers", type=int, default=2, help="processes of one thread each")
    parser.add_argument("--iterations", type=int, default=10)
    parser.add_argument("--rounds", type=int, default=3, help="of which the least time counts")
    parser.add_argument("--latency", action="store_true", help="only what a task costs")
    return parser.parse_args()


def make(folder, options):
    """Files with features and labels drawn from a linear model."""
    rng = np.random.default_rng(0)
    coef = (rng.standard_normal((options.features, options.classes)) / np.sqrt(options.features)).astype(np.float32)
    shape = options.rows, options.features
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, shape)
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", np.int64, shape[:1])
    for start in range(0, options.rows, 100_000):
        rows = slice(start, min(start + 100_000, options.rows))
        X[rows] = rng.standard_normal((rows.stop - start, options.features), np.float32)
        logits = X[rows] @ coef
        y[rows] = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)


@contextmanager
def counted(kind):
    """How many evaluations there are, and their wall time."""
    seen, evaluate = [], kind.__call__

    def watched(self, *args):
        start = time.perf_counter()
        result = evaluate(self, *args)
        seen.append(time.perf_counter() - start)
        return result

    with mock.patch.object(kind, "__call__", watched):
        yield seen


def processor_time(client):
    """Seconds of this process, which has the scheduler, and of all workers."""
    return time.process_time() + (sum(client.run(time.process_time).values()) if client else 0.0)


def measure(title, kind, model, data, client, rounds):
    """A line: the time of an evaluation, in processors and on the wall, and all of the fit."""
    best = (np.inf,) * 4
    for _ in range(rounds):
        with counted(kind) as seen, warnings.catch_warnings():
            warnings.simplefilter("ignore", ConvergenceWarning)
            cpu, start = processor_time(client), time.perf_counter()
            model.fit(*data)
            wall, cpu = time.perf_counter() - start, processor_time(client) - cpu
        best = tuple(map(min, best, (cpu / len(seen), sum(seen) / len(seen), cpu, wall)))
    print(f"{title:28}{best[0]:11.3f}{best[1]:11.3f}{best[2]:11.2f}{best[3]:11.2f}{len(seen):6}", end="", flush=True)
    return best


def times(options):
    """The table."""
    fit = {"max_iter": options.iterations, "tol": 0.0}
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        make(folder, options)
        shape = f"{options.rows} x {options.features}, {options.classes} classes, {options.chunk_rows} rows a partition"
        print(f"{shape}; seconds of an evaluation, then of the fit")
        print(f"{'':28}{'processors':>11}{'wall':>11}{'processors':>11}{'wall':>11}{'evals':>6}   ratios to the first")
        memory = [np.load(folder / f"{part}.npy", mmap_mode="r") for part in "Xy"]
        one = measure("one machine, 1 thread", Objective, InMemory(**fit, n_threads=1), memory, None, options.rounds)
        print()

        def beside(*line):
            ratios = [a / b for a, b in zip(measure(*line, options.rounds), one, strict=True)]
            print("   " + " ".join(f"{ratio:.2f}" for ratio in ratios), flush=True)

        threads = f"one machine, {options.workers} threads"
        beside(threads, Objective, InMemory(**fit, n_threads=options.workers), memory, None)
        model = SoftmaxClassifier(**fit, block_rows=options.block_rows)
        data = [from_npy(folder / f"{part}.npy", chunk_rows=options.chunk_rows) for part in "Xy"]
        with dask.config.set(scheduler="threads", num_workers=options.workers):
            beside(f"dask, {options.workers} threads", PartitionedObjective, model, data, None)
        with cluster(options.workers) as client:
            beside(f"dask, {options.workers} processes", PartitionedObjective, model, data, client)


@contextmanager
def cluster(n_workers):
    """Processes with one thread each."""
    options = {"n_workers": n_workers, "threads_per_worker": 1, "dashboard_address": ":0", "memory_limit": 0}
    with distributed.LocalCluster(**options) as made, distributed.Client(made) as client:
        yield client


def latency(options):
    """What an evaluation costs, and what a partition adds to it, however few rows it has."""
    rng = np.random.default_rng(0)
    with cluster(options.workers) as client:
        for where in ("threads", "processes"):
            found = []
            for n in PARTITIONS:
                X, y = rng.standard_normal((n * 10, 4)).astype(np.float32), np.arange(n * 10) % 3
                data = da.from_array(X, chunks=(10, -1)), da.from_array(y, chunks=10)
                scheduler = {"scheduler": client if where == "processes" else "threads", "num_workers": options.workers}
                with dask.config.set(scheduler), counted(PartitionedObjective) as seen, warnings.catch_warnings():
                    warnings.simplefilter("ignore", ConvergenceWarning)
                    SoftmaxClassifier(tol=0.0, max_iter=15).fit(*data)
                found.append(np.median(seen))
            slope, start = np.polyfit(PARTITIONS, found, 1)
            each = ", ".join(f"{n}: {1e3 * seconds:.1f}" for n, seconds in zip(PARTITIONS, found, strict=True))
            print(f"{where:10} {1e3 * start:6.1f} ms an evaluation, {1e3 * slope:.2f} ms a partition ({each} ms)")


def main():
    options = arguments()
    if not options.latency:
        times(options)
    latency(options)


if __name__ == "__main__":
    main()
