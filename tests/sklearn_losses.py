"""MultinomialLoss and BinomialLoss with all their options, methods and outputs, and data for them."""

import numpy as np
import pytest

from fastxent.sklearn import BinomialLoss, MultinomialLoss
from tests.problem import SENTINEL
from tests.turns import in_turn

C = 4
METHODS = {
    "loss": ("loss_out",),
    "gradient": ("gradient_out",),
    "loss_gradient": ("loss_out", "gradient_out"),
    "gradient_hessian": ("gradient_out", "hessian_out"),
    "gradient_proba": ("gradient_out", "proba_out"),
}
MULTINOMIAL = {
    "plain": {},
    "class_weight": {"class_weight": [0.5, 2.0, 0.0, 1.25]},
    "ignore_index": {"ignore_index": 1},
    "label_smoothing": {"label_smoothing": 0.125},
    "z_loss": {"z_loss": 0.25},
    "infogain": {"infogain": np.arange(16.0).reshape(4, 4) / 8},
    "all": {"class_weight": [0.5, 2.0, 0.0, 1.25], "ignore_index": -1, "label_smoothing": 0.125, "z_loss": 0.25},
}
BINOMIAL = {
    "plain": {},
    "pos_weight": {"pos_weight": 2.5},
    "ignore_index": {"ignore_index": 1.0},
    "label_smoothing": {"label_smoothing": 0.125},
    "all": {"pos_weight": 2.5, "ignore_index": -1.0, "label_smoothing": 0.125},
}
OPTIONS = [pytest.param(MultinomialLoss(C, **o), id=f"multinomial {name}") for name, o in MULTINOMIAL.items()]
OPTIONS += [pytest.param(BinomialLoss(**o), id=f"binomial {name}") for name, o in BINOMIAL.items()]
PLAIN = [pytest.param(MultinomialLoss(C), id="multinomial"), pytest.param(BinomialLoss(), id="binomial")]
each_loss = pytest.mark.parametrize("loss", PLAIN)
each_option = pytest.mark.parametrize("loss", OPTIONS)


def methods_of(loss):
    """Only the multinomial loss gives probabilities beside the gradient."""
    return [method for method in METHODS if hasattr(loss, method)]


def with_methods(params):
    """Each loss with each of its methods."""
    pairs = [(p, method) for p in params for method in methods_of(p.values[0])]
    return pytest.mark.parametrize(
        "loss, method", [pytest.param(*p.values, method, id=f"{p.id} {method}") for p, method in pairs]
    )


each_plain_method = with_methods(PLAIN)
each_method = with_methods(OPTIONS)
# Both ways through the code: a small call of plain arrays, and one too large for the quick way.
each_size = in_turn("n", [50, 400_000])


def data(loss, rng, n, dtype=np.float64, labels=np.float64):
    """Targets, raw predictions and weights."""
    raw = rng.normal(0, 3, (n, C) if loss.is_multiclass else n).astype(dtype)
    y = rng.integers(0, C if loss.is_multiclass else 2, n).astype(labels)
    if y.dtype.kind == "f" and not loss.is_multiclass:
        y[::3] = 0.25
    return y, raw, rng.uniform(0.25, 2, n).astype(dtype)


def call(loss, method, *args, **options):
    """The results by the names of the arguments that take them."""
    results = getattr(loss, method)(*args, **options)
    return dict(zip(METHODS[method], results if isinstance(results, tuple) else (results,), strict=True))


def outputs(method, y, raw, dtype, fill=SENTINEL):
    return {name: np.full_like(y if name == "loss_out" else raw, fill, dtype=dtype) for name in METHODS[method]}
