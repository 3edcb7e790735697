"""LightGBM: float64 scores, float32 labels and derivatives; (n, K) in Fortran order for several classes, else (n,).

Derivatives of another dtype or order it would copy once more.
"""

from __future__ import annotations

from dataclasses import dataclass

from fastxent._types import Array
from fastxent.boosting._caller import Labelled, Made, OfArrays, arguments, warn_of_probabilities
from fastxent.boosting._loss import Loss


class Objective(OfArrays):
    """For ``lightgbm.train({"objective": ...})`` and `cv`, and for ``LGBMClassifier(objective=...)``.

    The first leave it to the objective to apply weights; the estimator counts the parameters: the third is the weights,
    or None. XGBoost's asks for one of its name.
    """


@dataclass(frozen=True)
class Metric(Made):
    """For ``lightgbm.train(..., feval=...)``, and for ``LGBMClassifier.fit(..., eval_metric=...)``."""

    loss: Loss

    def __call__(
        self, y_true: Array | None, y_pred: Array | Labelled, sample_weight: Array | None = None
    ) -> tuple[str, float, bool]:
        """(name, mean loss, whether higher is better)."""
        scores, labels, weights = arguments(self, y_true, y_pred, sample_weight)
        warn_of_probabilities(scores, self.loss.name)
        total, divisor = self.loss.total(scores, labels, weights)
        return self.loss.name, total / divisor if divisor else float("nan"), False
