"""What the losses have in common: labels and weights as the libraries give them, and their Hessian rules."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from functools import partial
from math import inf
from typing import Any, ClassVar, Protocol

import numpy as np

from fastxent import _explain
from fastxent._kernels.door import Rules
from fastxent._types import Array
from fastxent.boosting._buffers import Buffers

# XGBoost's eps (its objectives' gradients): no second derivative below it
FLOOR = 1e-16
SET_CLASSES = "set num_class (XGBoost, LightGBM) or classes_count (CatBoost)"
# for the sum of the losses, and what it is divided by for their mean
MEAN = Rules(float_labels=True)


class Loss(Protocol):
    """What an adapter calls.

    A loss is a frozen dataclass of plain values, so that estimators that hold one can be copied, cloned, pickled and
    sent to workers.
    """

    name: ClassVar[str]

    def derivatives(
        self, scores: Array, labels: Any, weights: Any, dtype: Any, buffers: Buffers
    ) -> tuple[Array, Array]:
        """Gradient and second derivative of the weighted sum of the losses, in the scores' memory order."""

    @property
    def row_ders(self) -> Any:
        """Called with the scores, label and weight of one row of several classes: `door.RowDers`."""

    def total(self, scores: Array, labels: Any, weights: Any) -> tuple[float, float]:
        """The weighted sum of the losses, and the weight to divide it by for their mean."""


def raise_first(labels: Array, wrong: Array, rule: str, name: str = "target") -> None:
    """Name the first wrong label, if there is one."""
    if wrong.any():
        position = int(wrong.argmax())
        where, value = _explain.place(name, labels.shape, position), _explain.element(labels, position)
        raise ValueError(f"{where} = {value}, but {rule}")


@contextmanager
def told_of_classes(labels: Array, instead: str) -> Iterator[None]:
    """An error of labels that go on after 1 says what to do with more than two classes."""
    try:
        yield
    except ValueError as error:
        if (labels > 1).any() and (labels == np.floor(labels)).all():
            raise ValueError(f"{error}; for more than two classes {instead}") from None
        raise


def given(weights: Any) -> Array | None:
    """Weights as an array, or None where there are none; XGBoost then hands over an empty array."""
    if weights is None:
        return None
    array: Array = np.asarray(weights)
    return array if array.size else None


def derivatives_only(rule: str, classes: int, dtype: Any, buffers: Buffers, gauss_newton: bool = False) -> Rules:
    """What a library takes: both derivatives in its dtype, the second one by a rule, and no loss."""

    def empty(scores: Array) -> Array:
        return buffers.like(scores, dtype)

    floor = FLOOR if rule == "xgboost" else -inf
    return Rules(
        float_labels=True, with_loss=False, empty=empty, factor=rule_factor(rule, classes), floor=floor,
        gauss_newton=gauss_newton,
    )  # fmt: skip


def rule_factor(rule: str, classes: int) -> float:
    """How much larger than p (1 - p) a library takes the second derivative for several classes."""
    if classes < 2 or rule not in ("xgboost", "lightgbm"):
        return 1.0
    # LightGBM's from J. Friedman, "Greedy function approximation", Annals of Statistics 29, 2001, algorithm 6
    return 2.0 if rule == "xgboost" else classes / (classes - 1)


def row_rule(rule: str) -> dict[str, Any]:
    """The same for one row of CatBoost's, who takes the whole matrix; the rules of others are for its diagonal."""
    if rule not in ("xgboost", "lightgbm"):
        return {}
    return {"factor": partial(rule_factor, rule), "floor": FLOOR if rule == "xgboost" else -inf}
