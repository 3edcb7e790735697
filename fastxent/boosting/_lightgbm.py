"""LightGBM: float64 scores, float32 labels and derivatives; (n, K) in Fortran order for several classes, else (n,).

Derivatives of another dtype or order it would copy once more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastxent._types import Array
from fastxent.boosting._buffers import Buffers
from fastxent.boosting._caller import NOT_GIVEN, ForArrays, Labelled, arguments, warn_of_probabilities
from fastxent.boosting._loss import Loss


@dataclass(frozen=True)
class Objective(ForArrays):
    """For ``lightgbm.train({"objective": ...})`` and `cv`, and for ``LGBMClassifier(objective=...)``.

    The first leave it to the objective to apply weights; the estimator counts the parameters: the third is the weights,
    or None.
    """

    loss: Loss
    buffers: Buffers = field(default_factory=Buffers, repr=False, compare=False)

    def __call__(self, y_true: Array | None, y_pred: Array | Labelled, weight: Any = NOT_GIVEN) -> tuple[Array, Array]:
        scores, labels, weights = arguments(self, y_true, y_pred, weight)
        return self.loss.derivatives(scores, labels, weights, np.float32, self.buffers)


@dataclass(frozen=True)
class Metric(ForArrays):
    """For ``lightgbm.train(..., feval=...)``, and for ``LGBMClassifier.fit(..., eval_metric=...)``."""

    loss: Loss

    @property
    def __name__(self) -> str:  # XGBoost's estimator asks for it before it calls
        return self.loss.name

    def __call__(
        self, y_true: Array | None, y_pred: Array | Labelled, weight: Any = NOT_GIVEN
    ) -> tuple[str, float, bool]:
        """(name, mean loss, whether higher is better)."""
        scores, labels, weights = arguments(self, y_true, y_pred, weight)
        warn_of_probabilities(scores, self.loss.name)
        total, divisor = self.loss.total(scores, labels, weights)
        return self.loss.name, total / divisor if divisor else float("nan"), False
