"""Derivatives of softmax losses for every kind of target, over a copy of the logits; less is better.

`python -m asv_benchmarks.benchmarks.targets`, from the root of the repository, prints them over those of class indices.
"""

import itertools
from functools import partial

import numpy as np

import fastxent as fx

from . import turns
from .cases import DTYPES, logits_and_classes

SHAPES = [(4096, 1000), (1_000_000, 10)]


def targets(rng, x, y):
    """{kind of target: a call that makes (the target, options)}."""
    C = x.shape[-1]

    def weight():
        return {"class_weight": rng.random(C, x.dtype)}

    def shares(dtype=x.dtype):
        values = rng.random(x.shape, x.dtype)
        values /= values.sum(axis=-1, keepdims=True)
        return values.astype(dtype, copy=False)

    return {
        "class weights": lambda: (y, weight()),
        "smoothed": lambda: (y, {"label_smoothing": 0.1}),
        "smoothed, class weights": lambda: (y, {"label_smoothing": 0.1, **weight()}),
        "z-loss": lambda: (y, {"z_loss": 1e-4}),
        "smoothed, z-loss": lambda: (y, {"label_smoothing": 0.1, "z_loss": 1e-4}),
        "infogain": lambda: (y, {"infogain": rng.random((C, C), x.dtype)}),
        "distribution": lambda: (shares(), {}),
        "distribution of the other dtype": lambda: (shares("f8" if x.dtype == "f4" else "f4"), {}),
        "distribution, smoothed": lambda: (shares(), {"label_smoothing": 0.1}),
    }


KINDS = list(targets(None, np.empty((1, 2)), None))
# function: the one that it is compared with, for class indices
PLAIN = {
    "softmax_cross_entropy_grad": "softmax_cross_entropy_grad",
    "softmax_cross_entropy_grad_hess": "softmax_cross_entropy_grad_hess",
    "softmax_focal_loss_grad": "softmax_cross_entropy_grad",
}


class Targets:
    params = (list(PLAIN), KINDS, SHAPES, DTYPES)
    param_names = ("function", "target", "shape", "dtype")
    timeout = 300

    def setup(self, function, kind, shape, dtype):
        turns.on_one_core()
        rng = np.random.default_rng(20)
        x, y = logits_and_classes(rng, shape, dtype)
        target, options = targets(rng, x, y)[kind]()
        self.call = partial(getattr(fx, function), x, target, **outputs(function, x), **options)
        self.x, self.copy = x, np.ones_like(x)
        self.plain = partial(getattr(fx, PLAIN[function]), x, y, **outputs(PLAIN[function], x))

    def track_ratio(self, function, kind, shape, dtype):
        return turns.ratio(self.call, partial(np.copyto, self.copy, self.x))

    track_ratio.unit = turns.UNIT
    track_ratio.pretty_name = "any target: time over a copy's"


def outputs(function, x):
    """Arrays for the derivatives, whose memory is there already."""
    names = ("out", "hess_out") if function.endswith("hess") else ("out",)
    return {name: np.ones_like(x) for name in names}


def main():
    """Print all ratios to the plain calls."""
    for case in itertools.product(*Targets.params):
        benchmark = Targets()
        benchmark.setup(*case)
        print(*case, f"{turns.ratio(benchmark.call, benchmark.plain):.2f}", sep=", ", flush=True)


if __name__ == "__main__":
    main()
