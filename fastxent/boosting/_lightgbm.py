"""LightGBM: float64 scores, float32 labels and derivatives; (n, K) in Fortran order for several classes, else (n,).

Derivatives of another dtype or order it would copy once more.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastxent._types import Array
from fastxent.boosting._buffers import Buffers
from fastxent.boosting._loss import Loss


@dataclass(frozen=True)
class NativeObjective:
    """For ``lightgbm.train({"objective": ...})``, which leaves it to the objective to apply weights."""

    loss: Loss
    buffers: Buffers = field(default_factory=Buffers, repr=False, compare=False)

    def __call__(self, preds: Array, dataset: Any) -> tuple[Array, Array]:
        return self.loss.derivatives(
            np.asarray(preds), dataset.get_label(), dataset.get_weight(), np.float32, self.buffers
        )


@dataclass(frozen=True)
class SklearnObjective:
    """For ``LGBMClassifier(objective=...)``, which counts the parameters: the third is the weights, or None."""

    loss: Loss
    buffers: Buffers = field(default_factory=Buffers, repr=False, compare=False)

    def __call__(self, y_true: Array, y_pred: Array, weight: Array | None) -> tuple[Array, Array]:
        return self.loss.derivatives(np.asarray(y_pred), y_true, weight, np.float32, self.buffers)


@dataclass(frozen=True)
class NativeMetric:
    """For ``lightgbm.train(..., feval=...)``."""

    loss: Loss

    def __call__(self, preds: Array, dataset: Any) -> tuple[str, float, bool]:
        return evaluate(self.loss, preds, dataset.get_label(), dataset.get_weight())


@dataclass(frozen=True)
class SklearnMetric:
    """For ``LGBMClassifier.fit(..., eval_metric=...)``."""

    loss: Loss

    def __call__(self, y_true: Array, y_pred: Array, weight: Array | None) -> tuple[str, float, bool]:
        return evaluate(self.loss, y_pred, y_true, weight)


def evaluate(loss: Loss, scores: Array, labels: Array, weights: Array | None) -> tuple[str, float, bool]:
    """(name, mean loss, whether higher is better)."""
    total, weight = loss.total(np.asarray(scores), labels, weights)
    return loss.name, total / weight if weight else float("nan"), False
