"""A layer, its targets and options, for the tests of its losses."""

import ml_dtypes
import numpy as np

from tests.turns import in_turn
from tests.ulp import assert_ulp

HALVES = [np.float16, ml_dtypes.bfloat16]
each_half = in_turn("half", HALVES)


def layer(rng, shape, dtype, options=(), target="index"):
    """(hidden, weight, target), options of `linear_cross_entropy`."""
    n, classes, features = shape
    hidden = rng.standard_normal((n, features)).astype(dtype)
    weight = rng.standard_normal((classes, features)).astype(dtype)
    y = rng.integers(0, classes, n)
    drawn = {
        "class_weight": rng.random(classes) + 0.1,
        "sample_weight": rng.random(n) * (rng.random(n) < 0.8) + (np.arange(n) == 0),
        "ignore_index": -100,
        "label_smoothing": 0.2,
        "z_loss": 0.01,
        "softcap": 3.0,
        "bias": rng.standard_normal(classes).astype(dtype),
    }
    if target == "distribution":
        y = rng.dirichlet(np.ones(classes), n)
        options = [option for option in options if option != "ignore_index"]
    elif "ignore_index" in options:
        y[1::3] = -100
    return (hidden, weight, y), {option: drawn[option] for option in options}


def assert_near(got, want, dtype, size=None):
    """Within the rounding of some products of a few terms, and of the losses of them."""
    want = np.asarray(want)
    assert_ulp(got, want, 100, dtype, np.maximum(np.abs(want), np.abs(want).max(initial=1.0) if size is None else size))
