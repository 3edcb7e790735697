"""
Fit what is larger than memory
==============================

A classifier and its evaluation of samples that lie in files, on one machine, in memory that does not grow with them.

The files are made here, a piece at a time. dask's tasks open them where they read them, two at a time in threads of
this process, and return sums. What the process has in memory beside the files is printed at the end: about the same,
however many samples there are. (What of the files the system keeps in memory, it can drop at any time.)

Run it with ``python examples/larger_than_memory.py``; ``--rows 20_000_000`` takes 2.6 GB of disk. It needs the extras
``dask`` and ``sklearn``; with ``tqdm`` there is a progress bar.
"""

# %%
import argparse
import sys
import tempfile
import threading
import time
from pathlib import Path

import dask
import numpy as np

from fastxent.dask import SoftmaxClassifier, evaluate, from_npy

FEATURES, CLASSES, PIECE = 32, 10, 100_000

parser = argparse.ArgumentParser()
parser.add_argument("--rows", type=int, default=400_000)
parser.add_argument("--chunk-rows", type=int, default=100_000, help="of a task")
parser.add_argument("--folder", type=Path, help="for the files (default: a temporary one)")
options = parser.parse_args()


class Memory(threading.Thread):
    """The most bytes beside files that this process has while it runs (on Linux; elsewhere 0)."""

    def __init__(self):
        super().__init__(daemon=True)
        self.most, self.over = 0, threading.Event()

    def run(self):
        """Look, twenty times a second."""
        while not self.over.wait(0.05):
            lines = Path("/proc/self/status").read_text().splitlines() if sys.platform == "linux" else []
            self.most = max([self.most, *(1024 * int(line.split()[1]) for line in lines if line.startswith("RssAnon"))])


# %%
# Samples of ten classes, whose logits are linear in 32 features; nine tenths to fit, the rest to evaluate.
def write(folder, rows):
    """Features and labels in files, a piece at a time."""
    rng = np.random.default_rng(0)
    coef = rng.standard_normal((FEATURES, CLASSES)).astype(np.float32)
    X = np.lib.format.open_memmap(folder / "X.npy", "w+", np.float32, (rows, FEATURES))
    y = np.lib.format.open_memmap(folder / "y.npy", "w+", np.uint8, (rows,))
    for start in range(0, rows, PIECE):
        part = slice(start, min(start + PIECE, rows))
        X[part] = rng.standard_normal((part.stop - start, FEATURES), np.float32)
        y[part] = (X[part] @ coef + rng.gumbel(size=(part.stop - start, CLASSES))).argmax(axis=1)


start = time.perf_counter()
scratch = tempfile.TemporaryDirectory(dir=options.folder)
folder = Path(scratch.name)
write(folder, options.rows)
X, y = (from_npy(folder / f"{name}.npy", chunk_rows=options.chunk_rows) for name in "Xy")
print(f"{options.rows} rows, {X.nbytes / 1e9:.2f} GB, {X.npartitions} partitions: {time.perf_counter() - start:.1f} s")
memory = Memory()
memory.start()

# %%
# The fit. ``verbose=1`` is the progress bar; each iteration reads the files once.
n = options.rows * 9 // 10 // options.chunk_rows * options.chunk_rows
dask.config.set(scheduler="threads", num_workers=2)
start = time.perf_counter()
classifier = SoftmaxClassifier(C=np.inf, verbose=1).fit(X[:n], y[:n])
seconds, loss = time.perf_counter() - start, classifier.loss_curve_[-1]
print(f"fit: {seconds:.1f} s, {classifier.n_iter_[0]} iterations to {loss:.5f} nats")

# %%
# The evaluation of what is left: predictions are made, scored and dropped, a partition at a time.
start = time.perf_counter()
scores = evaluate(classifier.decision_function(X[n:]), y[n:], top_k=(1, 3)).compute()
print(f"evaluation: {time.perf_counter() - start:.1f} s, loss {scores.loss:.5f} nats, accuracy {scores.accuracy:.4f}")
memory.over.set()
print(f"memory beside the files: {memory.most / 1e6:.0f} MB, of Python and its libraries as well")
scratch.cleanup()
