"""Focal loss over the cross entropy, by the focusing parameter, the kind of target and the number of classes.

`python -m asv_benchmarks.benchmarks.focal`, from the root of the repository, prints them.
"""

import itertools
from functools import partial

import numpy as np

import fastxent as fx

from . import turns
from .cases import DTYPES

SHAPES = [(20_000, 10), (5000, 40), (5, 40, 32, 32)]  # images have axis 1


class Focal:
    """Loss and gradient of a softmax, and of as many elements of a sigmoid."""

    params = (["softmax", "sigmoid"], ["index", "distribution"], [2.0, 2.5], SHAPES, DTYPES)
    param_names = ("function", "target", "gamma", "shape", "dtype")

    def setup(self, function, target, gamma, shape, dtype):
        rng = np.random.default_rng(20)
        logits = rng.standard_normal(shape, dtype)
        labels = rng.integers(shape[1], size=(shape[0], *shape[2:]))
        options = {"n_threads": 1, "out": np.ones_like(logits)}
        if target == "distribution":
            labels = rng.random(shape, dtype)
        elif function == "sigmoid":
            labels = np.moveaxis(np.eye(shape[1], dtype=dtype)[labels], -1, 1).copy()
        if function == "softmax":
            options["axis"] = 1
        self.call = partial(getattr(fx, f"{function}_focal_loss_grad"), logits, labels, gamma=gamma, **options)
        self.cross_entropy = partial(getattr(fx, f"{function}_cross_entropy_grad"), logits, labels, **options)

    def time_call(self, *parameters):
        self.call()

    def track_ratio(self, *parameters):
        turns.on_one_core()
        return turns.ratio(self.call, self.cross_entropy)

    track_ratio.unit = turns.UNIT
    time_call.pretty_name = "focal losses: time"
    track_ratio.pretty_name = "focal losses: time over the cross entropy's"


def main():
    """Print all ratios."""
    for case in itertools.product(*Focal.params):
        benchmark = Focal()
        benchmark.setup(*case)
        print(*case, f"{benchmark.track_ratio():.2f}", sep=", ", flush=True)


if __name__ == "__main__":
    main()
