"""Entropy, cross entropy and divergence over the formula in NumPy, and the divergence counted in entropies."""

from functools import partial

import numpy as np

import fastxent as fx

from . import turns
from .cases import DTYPES, pairs_of_shares


def entropy_in_numpy(p):
    return -np.sum(p * np.log(p), axis=-1)


def cross_entropy_in_numpy(p, q):
    return -np.sum(p * np.log(q), axis=-1)


def divergence_in_numpy(p, q):
    return np.sum(p * np.log(p / q), axis=-1)


IN_NUMPY = {
    "entropy": entropy_in_numpy, "cross_entropy": cross_entropy_in_numpy, "kl_divergence": divergence_in_numpy,
}  # fmt: skip
SHAPES = [(1_000_000, 1), (1_000_000, 10), (4096, 1000)]


class Information:
    params = (list(IN_NUMPY), SHAPES, DTYPES)
    param_names = ("function", "shape", "dtype")

    def setup(self, function, shape, dtype):
        pair = pairs_of_shares(np.random.default_rng(20), shape, dtype)
        args = [share + np.dtype(dtype).type(0.01) for share in pair][: 1 if function == "entropy" else 2]
        self.call = partial(getattr(fx, function), *args, n_threads=1)
        self.formula = partial(IN_NUMPY[function], *args)
        self.entropy = partial(fx.entropy, args[0], n_threads=1)

    def track_ratio(self, function, shape, dtype):
        turns.on_one_core()
        return turns.ratio(self.call, self.formula)

    def track_entropies(self, function, shape, dtype):
        turns.on_one_core()
        return turns.ratio(self.call, self.entropy)

    track_ratio.unit = turns.UNIT
    track_entropies.unit = "entropies"
    track_ratio.pretty_name = "information: time over NumPy's formula"
    track_entropies.pretty_name = "information: time in entropies"
