"""fastxent.sklearn's losses: their time and memory, and scikit-learn's time as a multiple of theirs."""

import importlib
import time
from functools import partial

import numpy as np

DTYPES = ["float32", "float64"]
LOSSES = {"MultinomialLoss": "HalfMultinomialLoss", "BinomialLoss": "HalfBinomialLoss"}
SHAPES = [(64, 10), (1000, 3), (100_000, 10), (20_000, 500)]
METHODS = {
    "__call__": (),
    "loss": ("loss_out",),
    "gradient": ("gradient_out",),
    "loss_gradient": ("loss_out", "gradient_out"),
    "gradient_hessian": ("gradient_out", "hessian_out"),
}
ROUNDS = 15


def arguments(loss, shape, dtype):
    """Targets in the dtype of the logits, as scikit-learn wants them, and the logits: one for each sample or class."""
    rng = np.random.default_rng(20)
    if loss == "MultinomialLoss":
        return rng.integers(0, shape[1], shape[0]).astype(dtype), rng.standard_normal(shape, dtype)
    n = shape[0] * shape[1]
    return rng.integers(0, 2, n).astype(dtype), rng.standard_normal(n, dtype)


def made(package, loss, shape):
    """A loss without options."""
    options = {"n_classes": shape[1]} if "Multinomial" in loss else {}
    return getattr(importlib.import_module(package), loss)(**options)


class Losses:
    params = (list(LOSSES), list(METHODS), SHAPES, DTYPES)
    param_names = ("loss", "method", "shape", "dtype")

    def setup(self, loss, method, shape, dtype):
        y, raw = arguments(loss, shape, dtype)
        outs = {name: np.ones_like(y if name == "loss_out" else raw) for name in METHODS[method]}
        self.call = partial(getattr(made("fastxent.sklearn", loss, shape), method), y, raw, n_threads=1, **outs)
        self.theirs = partial(getattr(made("sklearn._loss.loss", LOSSES[loss], shape), method), y, raw, **outs)


class Time(Losses):
    def time_call(self, loss, method, shape, dtype):
        self.call()


class Memory(Losses):
    """The difference between the two lines is what a call takes beside its arguments and outputs."""

    def peakmem_call(self, loss, method, shape, dtype):
        self.call()

    def peakmem_reference(self, loss, method, shape, dtype):
        pass


class Ratio(Losses):
    """Medians of interleaved calls in one process, so that a busy machine slows down both."""

    unit = "times as long"

    def track_scikit_learn(self, loss, method, shape, dtype):
        calls = max(1, 50_000 // (shape[0] * shape[1]))
        ours, theirs = [], []
        for _ in range(ROUNDS):
            ours.append(seconds(self.call, calls))
            theirs.append(seconds(self.theirs, calls))
        return float(np.median(theirs) / np.median(ours))


def seconds(call, times):
    start = time.perf_counter()
    for _ in range(times):
        call()
    return time.perf_counter() - start
