"""Exactness, tracked like speed: the largest error of any result, in ulp, against mpmath with 50 digits.

The definitions are those of the tests, tests/oracle.py. Sums of terms of both signs count in ulp of the terms' size.
"""

import importlib.util
from collections import namedtuple
from functools import partial
from pathlib import Path

import numpy as np

import fastxent as fx

from . import vocabularies
from .cases import DTYPES, FUNCTIONS

Statistics = namedtuple("Statistics", "loss logsumexp lse_terms")
ORACLE = Path(__file__).resolve().parents[2] / "tests" / "oracle.py"
CLASSES = 20
MARGINS = (0, 1, 5, 15, 17, 20, 40)


def oracle():
    """The module, read by its path: the tree's own fastxent must not come along."""
    spec = importlib.util.spec_from_file_location("oracle", ORACLE)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def rows(dtype):
    """Random logits and confident ones, and a class for each row that is the best one in every other row."""
    rng = np.random.default_rng(20)
    confident = np.zeros((2 * len(MARGINS), CLASSES))
    confident[:, 3] = np.repeat(MARGINS, 2)
    x = np.concatenate([rng.normal(0, 3, (10, CLASSES)), confident]).astype(dtype)
    y = rng.integers(0, CLASSES, len(x))
    y[::2] = x.argmax(axis=1)[::2]
    return x, y


def softmax_loss(real, call, dtype, name="softmax_cross_entropy"):
    x, y = rows(dtype)
    exact = [getattr(real, name)(a, real.target_of(CLASSES, k)) for a, k in zip(x, y, strict=True)]
    return call(x, y, reduction="none"), real.stack(exact)


def linear_loss(real, call, dtype):
    """Products with the unit matrix round nothing: what is left is the loss, and its gradient."""
    found, exact = softmax_loss(real, lambda x, y, reduction: call(x, np.eye(CLASSES, dtype=dtype), y,
                                                                   reduction=reduction), dtype)  # fmt: skip
    return (found[0], found[1][0]) if isinstance(found, tuple) else found, exact


def statistics(real, call, dtype):
    x, y = rows(dtype)
    exact = [(real.softmax_cross_entropy(a, real.target_of(CLASSES, k)).loss, real.activations(a).logsumexp,
              real.activations(a).lse_terms) for a, k in zip(x, y, strict=True)]  # fmt: skip
    found = call(x, y)
    return (-found.log_prob, found.lse), Statistics(*(real.stack(part) for part in zip(*exact, strict=True)))


def linear_statistics(real, call, dtype):
    return statistics(real, lambda x, y: call(x, np.eye(CLASSES, dtype=dtype), y), dtype)


def clamped_loss(real, call, dtype):
    x, y = rows(dtype)
    q = fx.softmax(x)
    exact = [real.clamped_cross_entropy(a, real.target_of(CLASSES, k)) for a, k in zip(q, y, strict=True)]
    return call(q, y, reduction="none"), real.stack(exact)


def sigmoid_loss(real, call, dtype, name="sigmoid_cross_entropy"):
    x = rows(dtype)[0].ravel()
    t = np.resize(np.array([0, 1], dtype), x.shape)  # between them the gradient is a difference, which cancels
    return call(x, t, reduction="none"), real.stack([getattr(real, name)(*pair) for pair in zip(x, t, strict=True)])


def activation(real, call, dtype):
    x, _ = rows(dtype)
    return call(x), real.stack([real.activations(a) for a in x])


def one_distribution(real, call, dtype):
    p = fx.softmax(rows(dtype)[0])
    return call(p), real.stack([real.information(a, a) for a in p])


def two_distributions(real, call, dtype):
    p = fx.softmax(rows(dtype)[0])
    q = p[::-1].copy()
    return call(p, q), real.stack([real.information(*pair) for pair in zip(p, q, strict=True)])


softmax_focal = partial(softmax_loss, name="softmax_focal_loss")
sigmoid_focal = partial(sigmoid_loss, name="sigmoid_focal_loss")
LOSS = ("loss", "grad", "hess")
# name: (results beside the real ones, the real ones' names)
KINDS = {
    "softmax_cross_entropy": (softmax_loss, LOSS[:1]),
    "softmax_cross_entropy_grad": (softmax_loss, LOSS[:2]),
    "softmax_cross_entropy_grad_hess": (softmax_loss, LOSS),
    "clamped_cross_entropy": (clamped_loss, LOSS[:1]),
    "clamped_cross_entropy_grad": (clamped_loss, LOSS[:2]),
    "sigmoid_cross_entropy": (sigmoid_loss, LOSS[:1]),
    "sigmoid_cross_entropy_grad": (sigmoid_loss, LOSS[:2]),
    "sigmoid_cross_entropy_grad_hess": (sigmoid_loss, LOSS),
    "softmax_focal_loss": (softmax_focal, LOSS[:1]),
    "softmax_focal_loss_grad": (softmax_focal, LOSS[:2]),
    "softmax_focal_loss_grad_hess": (softmax_focal, LOSS),
    "sigmoid_focal_loss": (sigmoid_focal, LOSS[:1]),
    "sigmoid_focal_loss_grad": (sigmoid_focal, LOSS[:2]),
    "sigmoid_focal_loss_grad_hess": (sigmoid_focal, LOSS),
    "softmax": (activation, ("softmax",)),
    "log_softmax": (activation, ("log_softmax",)),
    "logsumexp": (activation, ("logsumexp",)),
    "entropy": (one_distribution, ("entropy",)),
    "cross_entropy": (two_distributions, ("cross_entropy",)),
    "kl_divergence": (two_distributions, ("kl_divergence",)),
    "target_statistics": (statistics, ("loss", "logsumexp")),
    "linear_target_statistics": (linear_statistics, ("loss", "logsumexp")),
    "linear_cross_entropy": (linear_loss, LOSS[:1]),
    "linear_cross_entropy_grad": (linear_loss, LOSS[:2]),
}
# results whose bound is relative to the size of the terms that they are a sum of
TERMS = {name: f"{name}_terms" for name in ("entropy", "cross_entropy", "kl_divergence")} | {"logsumexp": "lse_terms"}


class Accuracy:
    params = ([*FUNCTIONS, *vocabularies.FUNCTIONS], DTYPES)
    param_names = ("function", "dtype")
    unit = "ulp"

    def track_largest_error(self, function, dtype):
        real = oracle()
        compute, names = KINDS[function]
        results, exact = compute(real, getattr(fx, function), dtype)
        results = results if isinstance(results, tuple) else (results,)
        errors = []
        for name, result in zip(names, results, strict=True):
            scale = getattr(exact, TERMS[name]).high if name in TERMS else None
            errors.append(real.ulps_off(result, getattr(exact, name), dtype, scale).max())
        return float(f"{max(errors):.4g}")

    track_largest_error.pretty_name = "every function: largest error, ulp"
