"""CatBoost: float64 scores, float32 labels and weights; derivatives of minus the loss, which it maximises.

One score a row comes in blocks of rows (`calc_ders_range`), several come row by row (`calc_ders_multi`).
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Self

import numpy as np

from fastxent._types import Array
from fastxent.boosting._buffers import Buffers
from fastxent.boosting._caller import ForCatBoost
from fastxent.boosting._loss import Loss


class Shared(ForCatBoost):
    """What never changes and so is its own copy.

    CatBoost copies its parameters whenever they are asked for, and scikit-learn's `clone` wants the same objects each
    time.
    """

    def __deepcopy__(self, memo: dict[int, Any]) -> Self:
        return self


@dataclass(frozen=True)
class Objective(Shared):
    """For ``CatBoostClassifier(loss_function=...)``."""

    loss: Loss
    buffers: Buffers = field(default_factory=Buffers, repr=False, compare=False)

    def calc_ders_range(self, approxes: Array, targets: Array, weights: Array | None) -> Array:
        """(n, 2): the first and second derivative of minus the loss of each row."""
        grad, hess = self.loss.derivatives(np.asarray(approxes), targets, weights, np.float64, self.buffers)
        ders = np.empty((len(grad), 2))
        np.negative(grad, out=ders[:, 0])
        np.negative(hess, out=ders[:, 1])
        return ders

    @cached_property
    def calc_ders_multi(self) -> Callable[[Array, float, float], tuple[list[float], Any]]:
        """Called with one row's scores, label and weight: gradient of minus its loss, and the rows of its Hessian.

        Compiled, and without a function of Python's around it, since there is a call for each row.
        """
        compiled: Callable[[Array, float, float], tuple[list[float], Any]] = self.loss.row_ders
        return compiled


@dataclass(frozen=True)
class Metric(Shared):
    """For ``CatBoostClassifier(eval_metric=...)``."""

    loss: Loss

    def evaluate(self, approxes: Any, target: Array, weight: Array | None) -> tuple[float, float]:
        """The weighted sum of the losses and the weights' sum, from one array of scores for each class."""
        scores = np.asarray(approxes[0]) if len(approxes) == 1 else np.stack(approxes).T
        return self.loss.total(scores, target, weight)

    def get_final_error(self, error: float, weight: float) -> float:
        """The weighted mean."""
        return error / weight if weight else float("nan")

    def is_max_optimal(self) -> bool:
        """A loss is to be small."""
        return False
