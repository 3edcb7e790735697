"""XGBoost: float32 scores and labels; (n, K) in C order for several classes, (n,) for one score a row."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from fastxent._layout import Array
from fastxent.boosting._loss import Loss


@dataclass(frozen=True)
class NativeObjective:
    """For ``xgboost.train(..., obj=...)`` and ``xgboost.cv``, which leave it to the objective to apply weights."""

    loss: Loss

    def __call__(self, preds: Array, dtrain: Any) -> tuple[Array, Array]:
        return derivatives(self.loss, preds, dtrain.get_label(), dtrain.get_weight())


@dataclass(frozen=True)
class SklearnObjective:
    """For ``XGBClassifier(objective=...)``, which passes weights on if there is a parameter `sample_weight`."""

    loss: Loss

    def __call__(self, y_true: Array, y_pred: Array, sample_weight: Array | None = None) -> tuple[Array, Array]:
        return derivatives(self.loss, y_pred, y_true, sample_weight)


@dataclass(frozen=True)
class NativeMetric:
    """For ``xgboost.train(..., custom_metric=...)``."""

    loss: Loss

    def __call__(self, preds: Array, dmatrix: Any) -> tuple[str, float]:
        total, weight = self.loss.total(np.asarray(preds), dmatrix.get_label(), dmatrix.get_weight())
        return self.loss.name, total / weight if weight else float("nan")


@dataclass(frozen=True)
class SklearnMetric:
    """For ``XGBClassifier(eval_metric=...)``, which reports it under its ``__name__``."""

    loss: Loss

    @property
    def __name__(self) -> str:
        return self.loss.name

    def __call__(self, y_true: Array, y_pred: Array, sample_weight: Array | None = None) -> float:
        total, weight = self.loss.total(np.asarray(y_pred), y_true, sample_weight)
        return total / weight if weight else float("nan")


def derivatives(loss: Loss, scores: Array, labels: Array, weights: Array | None) -> tuple[Array, Array]:
    """float32 like the scores, which XGBoost reads without a copy."""
    return loss.derivatives(np.asarray(scores), labels, weights, np.float32)
