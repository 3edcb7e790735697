"""Focal loss of the scores that the libraries hand over: softmax for several scores a row, sigmoid for one.

Focal loss phi(L) of a row with cross entropy L has phi'(L) times its gradient, and the Hessian

    phi'(L) L'' + phi''(L) L' L'^T                   phi(L) = (1 - e^-L)^gamma L

of which the second part may be negative. Without it, what is left is the Gauss-Newton matrix: that of cross entropy
with the row weighted by phi'(L).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import numpy as np

from fastxent._kernels import door
from fastxent._kernels.door import RowDers
from fastxent._sigmoid_focal import sigmoid_focal_loss
from fastxent._types import Array
from fastxent.boosting._buffers import Buffers
from fastxent.boosting._cross_entropy import binary_total, binary_weights
from fastxent.boosting._loss import MEAN, SET_CLASSES, derivatives_only, given, raise_first, row_rule


@dataclass(frozen=True)
class FocalLoss:
    """Scores (n, K) of K classes that exclude each other, or (n,) for yes or no; labels (n,)."""

    name: ClassVar[str] = "focal_loss"
    gamma: float
    alpha: float | tuple[float, ...] | None = None
    class_weight: tuple[float, ...] | None = None
    label_smoothing: float = 0.0
    n_threads: int | None = None
    hessian: str = "gauss_newton"

    def derivatives(
        self, scores: Array, labels: Any, weights: Any, dtype: Any, buffers: Buffers
    ) -> tuple[Array, Array]:
        exact, softmax = self.hessian == "exact", scores.ndim == 2
        # the exact rule has XGBoost's floor, but no factor
        rule, classes = ("xgboost", 1) if exact else (self.hessian, scores.shape[1] if softmax else 1)
        only = derivatives_only(rule, classes, dtype, buffers, gauss_newton=not exact)
        if softmax:
            target: Array = np.asarray(labels)
            if target.ndim == 2 and not exact:
                raise ValueError(
                    f"the labels have shape {target.shape}, as distributions or several labels a row: this rule is for "
                    'rows with one class (hessian = "exact" takes distributions)'
                )
            results = door.softmax_focal_loss(
                2, scores, target, z_loss=0.0, axis=-1, ignore_index=None, infogain=None, rules=only,
                **self.softmax_options(weights),
            )  # fmt: skip
            return results[3], results[4]
        options = {"pos_weight": None} | self.sigmoid_options(weights, scores)
        target = labels if exact else zeros_and_ones(labels)
        results = door.sigmoid_focal_loss(2, scores, target, ignore_index=None, rules=only, **options)
        return results[3], results[4]

    @property
    def row_ders(self) -> Any:
        if self.hessian == "exact":
            return self.no_row_ders
        return RowDers(self.class_weight, gamma=self.gamma, alpha=self.alpha, **row_rule(self.hessian))

    def no_row_ders(self, scores: Array, label: float, weight: float) -> NoReturn:
        raise ValueError(
            'CatBoost takes the whole Hessian of a row, and that of focal loss is not definite: hessian = "exact" '
            'does not train; use "gauss_newton"'
        )

    def total(self, scores: Array, labels: Any, weights: Any) -> tuple[float, float]:
        if scores.ndim == 2:
            results = door.softmax_focal_loss(
                0, scores, np.asarray(labels), z_loss=0.0, axis=-1, ignore_index=None, infogain=None, rules=MEAN,
                **self.softmax_options(weights) | {"reduction": "mean"},
            )  # fmt: skip
            return results[:2]
        labels = np.asarray(labels)
        total = sigmoid_focal_loss(scores, labels, **self.sigmoid_options(weights, scores))
        return float(total), binary_total(self.class_weight, labels, weights)

    def softmax_options(self, weights: Any) -> dict[str, Any]:
        return {
            "gamma": self.gamma, "alpha": self.alpha, "class_weight": self.class_weight,
            "sample_weight": given(weights), "label_smoothing": self.label_smoothing, "reduction": "sum",
            "n_threads": self.n_threads,
        }  # fmt: skip

    def sigmoid_options(self, weights: Any, scores: Array) -> dict[str, Any]:
        return {
            "gamma": self.gamma, "alpha": self.binary_alpha, **binary_weights(self.class_weight, weights, scores),
            "label_smoothing": self.label_smoothing, "reduction": "sum", "n_threads": self.n_threads,
        }  # fmt: skip

    @property
    def binary_alpha(self) -> float | None:
        """Alpha as the factor of the label 1."""
        if isinstance(self.alpha, tuple):
            raise ValueError(f"alpha has shape ({len(self.alpha)},), but for one score a row it is a number in [0, 1]")
        return self.alpha


def zeros_and_ones(labels: Any) -> Array:
    """Binary labels, of which a Gauss-Newton row has one."""
    array: Array = np.asarray(labels)
    rule = f'with one score a row labels are 0 or 1 (between them: hessian = "exact"; more classes: {SET_CLASSES})'
    raise_first(array, (array != 0) & (array != 1), rule)
    return array
