"""`fastxent.dask`: a million samples in four partitions, read from files by `from_npy`.

`python -m asv_benchmarks.benchmarks.partitions`, from the root of the repository, prints the processor time of each
function over that of the one in memory, and the time of dask's threads with one thread in each task and with several.
"""

import functools
import tempfile
import time
from importlib import import_module
from pathlib import Path

import numpy as np

import fastxent as fx

from .cases import logits_and_classes

N, C = 1_000_000, 10
CHUNK_ROWS = 250_000
FUNCTIONS = ["softmax_cross_entropy", "sigmoid_cross_entropy", "log_loss", "evaluate"]


def calls(name, folder, **options):
    """The call of `fastxent.dask` and that in memory, on the same files."""
    # an old commit does not have the module
    ours = import_module("fastxent.dask")
    logits, target = logits_and_classes(np.random.default_rng(20), (N, C), "float32")
    if name == "sigmoid_cross_entropy":
        target = (logits > 1).astype(np.uint8)
    scores = fx.softmax(logits) if name == "log_loss" else logits
    np.save(folder / "scores.npy", scores)
    np.save(folder / "target.npy", target)
    in_partitions = [ours.from_npy(folder / f"{one}.npy", chunk_rows=CHUNK_ROWS) for one in ("scores", "target")]
    in_memory = [np.load(folder / f"{one}.npy", mmap_mode="r") for one in ("scores", "target")]
    if name == "log_loss":
        whole = import_module("fastxent.metrics").log_loss
        in_partitions, in_memory = in_partitions[::-1], in_memory[::-1]
    elif name == "evaluate":
        whole = import_module("fastxent.evaluation").Evaluation(C).update
    else:
        whole = getattr(fx, name)
    lazy = getattr(ours, name)(*in_partitions, compute=False, **options)
    return lazy.compute, functools.partial(whole, *in_memory, n_threads=1)


class Partitions:
    params = (FUNCTIONS,)
    param_names = ("function",)

    def setup(self, name):
        self.folder = tempfile.TemporaryDirectory()
        compute, _ = calls(name, Path(self.folder.name))
        self.call = functools.partial(compute, scheduler="synchronous")

    def teardown(self, name):
        self.folder.cleanup()

    def time_call(self, name):
        self.call()

    def peakmem_call(self, name):
        self.call()

    time_call.pretty_name = "dask: time of a call"
    peakmem_call.pretty_name = "dask: peak memory"


def median_seconds(call, clock, rounds=9):
    found = []
    for _ in range(rounds):
        start = clock()
        call()
        found.append(clock() - start)
    return sorted(found)[rounds // 2]


def main():
    """Print the ratios of all functions."""
    for name in FUNCTIONS:
        with tempfile.TemporaryDirectory() as folder:
            compute, whole = calls(name, Path(folder))
            alone = functools.partial(compute, scheduler="synchronous")
            ratio = median_seconds(alone, time.process_time) / median_seconds(whole, time.process_time)
            print(f"{name}: {ratio:.2f} of the processor time in memory", end="")
            for n_threads in (1, None):
                threaded, _ = calls(name, Path(folder), n_threads=n_threads)
                wall = median_seconds(functools.partial(threaded, scheduler="threads"), time.perf_counter)
                print(f", {1e3 * wall:.1f} ms with dask's threads and n_threads={n_threads}", end="")
            print(flush=True)


if __name__ == "__main__":
    main()
