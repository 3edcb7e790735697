"""fastxent.dask.SoftmaxClassifier beside one machine: processor time, wall time, and what a task costs.

python asv_benchmarks/cluster.py --help lists the options; `make cluster` runs everything, and wants as many idle cores
as workers. All fit the same features, in files that are mapped into memory, for the same number of iterations from the
same start; what is compared is the time of an evaluation of the objective, of which a line search may take more or
fewer. Processor time is that of all processes: client, scheduler and workers. The cost of a task is the slope of the
time of evaluations of a few rows over the number of tasks.

`--predict` prints what the model of docs/clusters.md makes of what is measured here: for the workers of this machine,
where it is checked, and for clusters that are not here.
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
from sklearn.base import clone
from sklearn.exceptions import ConvergenceWarning

from fastxent.dask import SoftmaxClassifier, _partition, from_npy
from fastxent.dask._objective import PartitionedObjective
from fastxent.dask._samples import SPLIT
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
    parser.add_argument("--predict", action="store_true", help="only the model of a large fit, and its check")
    parser.add_argument("--bandwidth", type=float, default=1e9, help="bytes a second between workers, for --predict")
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
    """A line: the time of an evaluation, in processors and on the wall, and all of the fit.

    Processor time of evaluations is what a fit takes beyond one with a single iteration.
    """
    best = (np.inf,) * 5
    for _ in range(rounds):
        found = []
        for max_iter in (1, model.max_iter):
            with counted(kind) as seen, warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                cpu, start = processor_time(client), time.perf_counter()
                clone(model).set_params(max_iter=max_iter).fit(*data)
                wall, cpu = time.perf_counter() - start, processor_time(client) - cpu
            found.append((len(seen), cpu))
        (few, before), (many, cpu) = found
        best = tuple(map(min, best, ((cpu - before) / (many - few), float(np.median(seen)), cpu, wall, many)))
    print(f"{title:28}{best[0]:11.3f}{best[1]:11.3f}{best[2]:11.2f}{best[3]:11.2f}{best[4]:6}", end="", flush=True)
    return best[:4]


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
    """What an evaluation costs in a cluster, and what each partition adds to it, however few rows it has."""
    rng = np.random.default_rng(0)
    with cluster(options.workers) as client, mock.patch("fastxent.dask._samples.WORTH_A_TASK", 0):
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
    return max(start, 0.0), slope


def of_a_row(n_features, n_classes):
    """Processor seconds of a row in an evaluation, and of the addition of two gradients."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((20_000, n_features), np.float32)
    partition = _partition.numbered(
        _partition.examine(X, np.arange(len(X)) % n_classes, None, None), np.arange(n_classes), X.dtype
    )
    coef = rng.standard_normal((n_classes, n_features)).astype(np.float32) / n_features
    query = _partition.Query(coef, np.zeros(n_classes, np.float32), None, 0.0, n_classes, len(X), None)
    times, sums = [], []
    for number in range(4):
        start = time.process_time()
        sums.append(_partition.gradient(partition, number, query))
        times.append((time.process_time() - start) / len(X))
    start = time.process_time()
    _partition.merge(*sums)
    return min(times), (time.process_time() - start) / 3


def model_of(n_rows, chunk_rows, n_workers, n_features, n_classes, measured, bandwidth):
    """Seconds of an evaluation: what workers compute, what the scheduler hands out meanwhile, and the tree."""
    row, addition, fixed, task = measured
    n_partitions = -(-n_rows // chunk_rows)
    gradient = 16 * (n_classes * (n_features + 1) + 1)
    compute = -(-n_partitions // n_workers) * chunk_rows * row
    tasks = n_partitions * task
    depth = int(np.ceil(np.log(n_partitions) / np.log(SPLIT)))
    return compute, tasks, fixed + depth * SPLIT * (gradient / bandwidth + addition)


def predict(options):
    """The model for clusters that are not here; and for two workers of this machine, beside what they take."""
    n_features, n_classes = 100, 1000
    measured = *of_a_row(n_features, n_classes), *latency(options)
    row, *_ = measured
    names = "a row", "an addition", "an evaluation", "a task"
    words = (f"{1e6 * seconds:.2f} us {what}" for seconds, what in zip(measured, names, strict=True))
    print("measured:", ", ".join(words))
    shape = {"rows": 400_000, "features": n_features, "classes": n_classes, "chunk_rows": 50_000}
    with tempfile.TemporaryDirectory() as name, cluster(options.workers) as client:
        make(Path(name), argparse.Namespace(**shape))
        X, y = (from_npy(Path(name) / f"{part}.npy", chunk_rows=shape["chunk_rows"]) for part in "Xy")
        spent, counts = [], []
        for max_iter in (0, 1, 5):  # the first fit imports everything, and what the second takes beside is in both
            with counted(PartitionedObjective) as seen, warnings.catch_warnings():
                warnings.simplefilter("ignore", ConvergenceWarning)
                cpu = processor_time(client)
                SoftmaxClassifier(tol=0.0, max_iter=max_iter).fit(X, y)
            spent.append(processor_time(client) - cpu)
            counts.append(len(seen))
        cpu = (spent[2] - spent[1]) / (counts[2] - counts[1])
    lines = [(shape["rows"], shape["chunk_rows"], options.workers), *((10**9, 250_000, n) for n in (10, 100, 1000))]
    print(f"{n_features} features, {n_classes} classes; seconds of an evaluation, and of processors for it")
    titles = "workers", "compute", "tasks", "tree", "predicted", "measured", "predicted", "measured"
    print(f"{'rows':>12}" + "".join(f"{title:>10}" for title in titles))
    for n_rows, chunk_rows, n_workers in lines:
        parts = model_of(n_rows, chunk_rows, n_workers, n_features, n_classes, measured, options.bandwidth)
        here = n_rows == shape["rows"]
        cells = [n_workers, *parts, max(parts[:2]) + parts[2]]
        cells += [np.median(seen), n_rows * row, cpu] if here else ["", n_rows * row]
        print(f"{n_rows:12}" + "".join(f"{cell:10.2f}" if cell != "" else " " * 10 for cell in cells), flush=True)


def main():
    options = arguments()
    if options.predict:
        return predict(options)
    if not options.latency:
        times(options)
    return latency(options)


if __name__ == "__main__":
    main()
