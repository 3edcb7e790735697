"""fastxent.sklearn's losses: their memory, and their time over that of scikit-learn's."""

import importlib
from functools import partial

import numpy as np

from . import turns
from .cases import DTYPES

LOSSES = {"MultinomialLoss": "HalfMultinomialLoss", "BinomialLoss": "HalfBinomialLoss"}
SHAPES = [(64, 10), (1000, 3), (100_000, 10), (20_000, 500)]
METHODS = {
    "__call__": (),
    "loss": ("loss_out",),
    "gradient": ("gradient_out",),
    "loss_gradient": ("loss_out", "gradient_out"),
    "gradient_hessian": ("gradient_out", "hessian_out"),
}


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


class Memory(Losses):
    """The difference between the two lines is what a call takes beside its arguments and outputs."""

    def peakmem_call(self, loss, method, shape, dtype):
        self.call()

    def peakmem_reference(self, loss, method, shape, dtype):
        pass

    peakmem_call.pretty_name = "loss objects: peak memory"
    peakmem_reference.pretty_name = "loss objects: memory before the call"


class Ratio(Losses):
    """Over scikit-learn's loss, on one thread."""

    unit = turns.UNIT

    def track_ratio(self, loss, method, shape, dtype):
        turns.on_one_core()
        return turns.ratio(self.call, self.theirs)

    track_ratio.pretty_name = "loss objects: time over scikit-learn's"
