"""XGBoost: float32 scores and labels; (n, K) in C order for several classes, (n,) for one score a row."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import overload

import numpy as np

from fastxent._types import Array
from fastxent.boosting._caller import Labelled, Made, OfArrays, arguments, warn_of_probabilities
from fastxent.boosting._loss import Loss


class Objective(OfArrays):
    """For ``xgboost.train(..., obj=...)`` and `cv`, and for ``XGBClassifier(objective=...)``.

    The first leave it to the objective to apply weights; the estimator passes them on if there is a parameter
    `sample_weight`.
    """


@dataclass(frozen=True)
class Metric(Made):
    """For ``xgboost.train(..., custom_metric=...)``, and for ``XGBClassifier(eval_metric=...)``.

    The estimator reports it under its ``__name__``.
    """

    loss: Loss

    @overload
    def __call__(self, y_true: Array | None, y_pred: Labelled) -> tuple[str, float]: ...

    @overload
    def __call__(self, y_true: Array | None, y_pred: Array, sample_weight: Array | None = None) -> float: ...

    def __call__(
        self, y_true: Array | None, y_pred: Array | Labelled, sample_weight: Array | None = None
    ) -> float | tuple[str, float]:
        scores, labels, weights = arguments(self, y_true, y_pred, sample_weight)
        warn_of_probabilities(scores, self.loss.name)
        total, weight = of_all_workers(*self.loss.total(scores, labels, weights))
        mean = total / weight if weight else float("nan")
        return (self.loss.name, mean) if hasattr(y_pred, "get_label") else mean


def of_all_workers(total: float, weight: float) -> tuple[float, float]:
    """Both sums over the processes that train together: XGBoost averages what each returns, whatever its weight."""
    collective = sys.modules.get("xgboost.collective")  # which whoever trains has imported
    if collective is None or collective.get_world_size() == 1:
        return total, weight
    total, weight = collective.allreduce(np.array([total, weight]), collective.Op.SUM).tolist()
    return total, weight
