"""Derivatives of softmax losses for every kind of target, over a copy of the logits; less is better.

`python -m asv_benchmarks.benchmarks.targets`, from the root of the repository, prints them over those of class indices,
and with `--jumps` where one class more takes more than a fifth more time per logit than it does there.
"""

import argparse
import itertools
from functools import partial

import numpy as np

import fastxent as fx

from . import turns
from .cases import DTYPES, logits_and_classes
from .curves import CLASSES

SHAPES = [(4096, 1000), (1_000_000, 10)]
FEW_LOGITS = 2**15
JUMP = 1.2


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


def times_over_plain(function, classes, dtype):
    """{kind of target: its time over the plain call's}, of few logits, which stay in the caches."""
    rng = np.random.default_rng(20)
    x, y = logits_and_classes(rng, (FEW_LOGITS // classes, classes), dtype)
    calls = {"plain": partial(getattr(fx, PLAIN[function]), x, y, **outputs(PLAIN[function], x))}
    for kind, draw in targets(rng, x, y).items():
        target, options = draw()
        calls[kind] = partial(getattr(fx, function), x, target, **outputs(function, x), **options)
    found = turns.seconds(calls)
    return {kind: found[kind] / found["plain"] for kind in calls}


def jumps(function, dtype):
    """(kind, classes, ratio to the plain call, that with one class less) where the ratio grows by more than JUMP."""
    ratios = {classes: times_over_plain(function, classes, dtype) for classes in CLASSES}
    for classes in CLASSES:
        before = ratios.get(classes - 1, ratios[classes])
        yield from (
            (kind, classes, ratio, before[kind])
            for kind, ratio in ratios[classes].items()
            if ratio > JUMP * before[kind]
        )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--jumps", action="store_true", help="look for numbers of classes that take longer than others")
    if parser.parse_args().jumps:
        turns.on_one_core()
        for function, dtype in itertools.product(PLAIN, DTYPES):
            for kind, classes, ratio, before in jumps(function, dtype):
                print(f"{function}, {kind}, {dtype}: {classes} classes {ratio:.2f}, one less {before:.2f}", flush=True)
        return
    for case in itertools.product(*Targets.params):
        benchmark = Targets()
        benchmark.setup(*case)
        print(*case, f"{turns.ratio(benchmark.call, benchmark.plain):.2f}", sep=", ", flush=True)


if __name__ == "__main__":
    main()
