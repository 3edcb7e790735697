"""XGBoost: float32 scores and labels; (n, K) in C order for several classes, (n,) for one score a row."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from fastxent._types import Array
from fastxent.boosting._buffers import Buffers
from fastxent.boosting._loss import Loss


@dataclass(frozen=True)
class NativeObjective:
    """For ``xgboost.train(..., obj=...)`` and ``xgboost.cv``, which leave it to the objective to apply weights."""

    loss: Loss
    buffers: Buffers = field(default_factory=Buffers, repr=False, compare=False)

    def __call__(self, preds: Array, dtrain: Any) -> tuple[Array, Array]:
        return self.loss.derivatives(
            np.asarray(preds), dtrain.get_label(), dtrain.get_weight(), np.float32, self.buffers
        )


@dataclass(frozen=True)
class SklearnObjective:
    """For ``XGBClassifier(objective=...)``, which passes weights on if there is a parameter `sample_weight`."""

    loss: Loss
    buffers: Buffers = field(default_factory=Buffers, repr=False, compare=False)

    def __call__(self, y_true: Array, y_pred: Array, sample_weight: Array | None = None) -> tuple[Array, Array]:
        return self.loss.derivatives(np.asarray(y_pred), y_true, sample_weight, np.float32, self.buffers)


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
