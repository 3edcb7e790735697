"""Losses and statistics of large vocabularies: in bare products, in losses, and how much memory they take.

`python -m asv_benchmarks.benchmarks.vocabularies`, from the root of the repository, prints it on one thread, for layers
of a language model's size.
"""

import itertools
import tracemalloc
from functools import partial

import numpy as np
from threadpoolctl import threadpool_limits

import fastxent as fx

from . import turns

SHAPES = [(512, 32_000, 128)]  # rows, classes, features: a second each
LARGE = [(1024, 32_000, 1024), (1024, 128_256, 256)]  # what is printed
STATISTICS_SHAPES = [(4096, 1000), (64, 128_256), (1_000_000, 10)]
# function: how many products of that size it needs
PRODUCTS = {"linear_cross_entropy": 1, "linear_target_statistics": 1, "linear_cross_entropy_grad": 3}
FUNCTIONS = list(PRODUCTS)
DTYPES = ["float32", "float16"]
TILE = 1024


def layer(rng, shape, dtype):
    """Hidden states, a weight, and class indices."""
    n, classes, features = shape
    hidden = rng.standard_normal((n, features), np.float32) / 8
    weight = rng.standard_normal((classes, features), np.float32)
    return hidden.astype(dtype), weight.astype(dtype), rng.integers(0, classes, n)


def products(hidden, weight, tile):
    """hidden @ weight.T in float32 on one thread, tile by tile, which is faster than as a whole."""
    with threadpool_limits(1):  # threads of matrix products spin while they wait, and that would count
        for first in range(0, len(weight), TILE):
            part = weight[first : first + TILE]
            np.matmul(hidden, part.T, out=tile[:, : len(part)])


def prepared(function, shape, dtype):
    """The call, into outputs whose memory is there already; and one bare product of the same size."""
    hidden, weight, target = layer(np.random.default_rng(20), shape, dtype)
    outs = {"out_hidden": np.ones_like(hidden), "out_weight": np.ones_like(weight)}
    call = partial(
        getattr(fx, function), hidden, weight, target, n_threads=1, **(outs if function.endswith("grad") else {})
    )
    bare = hidden.astype(np.float32), weight.astype(np.float32), np.empty((len(hidden), TILE), np.float32)
    return call, partial(products, *bare)


class Linear:
    params = (FUNCTIONS, SHAPES, DTYPES)
    param_names = ("function", "shape", "dtype")
    timeout = 600

    def setup(self, function, shape, dtype):
        turns.on_one_core()
        self.call, self.product = prepared(function, shape, dtype)

    def track_products(self, function, shape, dtype):
        return turns.ratio(self.call, self.product, rounds=3) / PRODUCTS[function]

    def track_memory(self, function, shape, dtype):
        tracemalloc.start()
        self.call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        return peak

    track_products.unit = "bare products"
    track_products.pretty_name = "linear layers: time in bare products"
    track_memory.unit = "bytes"
    track_memory.pretty_name = "linear layers: memory beside the gradients"


class Statistics:
    params = (STATISTICS_SHAPES, ["float32", "float64"])
    param_names = ("shape", "dtype")

    def setup(self, shape, dtype):
        turns.on_one_core()
        rng = np.random.default_rng(20)
        args = rng.standard_normal(shape, dtype), rng.integers(0, shape[1], shape[0])
        self.call = partial(fx.target_statistics, *args, n_threads=1)
        self.losses = partial(fx.softmax_cross_entropy, *args, reduction="none", n_threads=1)

    def track_losses(self, shape, dtype):
        return turns.ratio(self.call, self.losses)

    track_losses.unit = "losses"
    track_losses.pretty_name = "target statistics: time in losses"


def main():
    """Print the ratios and the memory."""
    for case in itertools.product(*Statistics.params):
        benchmark = Statistics()
        benchmark.setup(*case)
        print("target_statistics", *case, f"{benchmark.track_losses(*case):.2f} losses", sep=", ", flush=True)
    for case in itertools.product(FUNCTIONS, LARGE, DTYPES):
        benchmark = Linear()
        benchmark.setup(*case)
        ratio, memory = benchmark.track_products(*case), benchmark.track_memory(*case)
        print(*case, f"{ratio:.2f} bare products", f"{memory / 2**20:.0f} MiB", sep=", ", flush=True)


if __name__ == "__main__":
    main()
