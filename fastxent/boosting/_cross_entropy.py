"""Softmax and sigmoid cross entropy of the scores that the libraries hand over."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar, NoReturn

import numpy as np

from fastxent._kernels import door
from fastxent._kernels.door import RowDers
from fastxent._sigmoid import sigmoid_cross_entropy
from fastxent._types import Array
from fastxent.boosting._buffers import Buffers
from fastxent.boosting._caller import Role
from fastxent.boosting._loss import MEAN, SET_CLASSES, derivatives_only, given, row_rule


@dataclass(frozen=True)
class SoftmaxLoss:
    """One class of K: scores (n, K), labels (n,) or distributions (n, K)."""

    name: ClassVar[str] = "softmax_cross_entropy"
    class_weight: tuple[float, ...] | None = None
    label_smoothing: float = 0.0
    n_threads: int | None = None
    hessian: str = "exact"

    def derivatives(
        self, scores: Array, labels: Any, weights: Any, dtype: Any, buffers: Buffers
    ) -> tuple[Array, Array]:
        labels = class_labels(labels, scores, "objective")
        only = derivatives_only(self.hessian, scores.shape[1], dtype, buffers)
        results = door.softmax_cross_entropy(
            2, scores, labels, axis=-1, ignore_index=None, z_loss=0.0, infogain=None, rules=only,
            **self.options(weights),
        )  # fmt: skip
        return results[3], results[4]

    @property
    def row_ders(self) -> RowDers:
        return RowDers(self.class_weight, self.label_smoothing, **row_rule(self.hessian))

    def total(self, scores: Array, labels: Any, weights: Any) -> tuple[float, float]:
        results = door.softmax_cross_entropy(
            0, scores, class_labels(labels, scores, "metric"), axis=-1, ignore_index=None, z_loss=0.0, infogain=None,
            rules=MEAN, **self.options(weights) | {"reduction": "mean"},
        )  # fmt: skip
        return results[:2]

    def options(self, weights: Any) -> dict[str, Any]:
        return {
            "class_weight": self.class_weight, "sample_weight": given(weights),
            "label_smoothing": self.label_smoothing, "reduction": "sum", "n_threads": self.n_threads,
        }  # fmt: skip


@dataclass(frozen=True)
class SigmoidLoss:
    """Yes or no: scores (n,), or (n, K) for K labels that do not exclude each other; labels in [0, 1], shaped alike."""

    name: ClassVar[str] = "sigmoid_cross_entropy"
    class_weight: tuple[float, ...] | None = None
    label_smoothing: float = 0.0
    n_threads: int | None = None
    hessian: str = "exact"

    def derivatives(
        self, scores: Array, labels: Any, weights: Any, dtype: Any, buffers: Buffers
    ) -> tuple[Array, Array]:
        labels = binary_labels(labels, scores, "objective")
        only = derivatives_only(self.hessian, 1, dtype, buffers)
        options = {"pos_weight": None} | self.options(weights, scores)
        results = door.sigmoid_cross_entropy(2, scores, labels, ignore_index=None, rules=only, **options)
        return results[3], results[4]

    def row_ders(self, scores: Array, label: float, weight: float) -> NoReturn:
        raise ValueError(f"there are {len(scores)} scores a row: use softmax_objective for several classes")

    def total(self, scores: Array, labels: Any, weights: Any) -> tuple[float, float]:
        labels = binary_labels(labels, scores, "metric")
        total = sigmoid_cross_entropy(scores, labels, **self.options(weights, scores))
        return float(total), binary_total(self.class_weight, labels, weights)

    def options(self, weights: Any, scores: Array) -> dict[str, Any]:
        return {
            **binary_weights(self.class_weight, weights, scores), "label_smoothing": self.label_smoothing,
            "reduction": "sum", "n_threads": self.n_threads,
        }  # fmt: skip


def binary_weights(class_weight: tuple[float, ...] | None, weights: Any, scores: Array) -> dict[str, Any]:
    """Weights of rows and classes as the sigmoid losses take them, which weigh the positive part alone."""
    weights = given(weights)
    if weights is not None and scores.ndim == 2:
        weights = weights.reshape(-1, 1)
    if class_weight is None:
        return {"sample_weight": weights}
    if len(class_weight) != 2 or 0.0 in class_weight:
        raise ValueError(f"class_weight = {class_weight}, but for one score a row it is two positive numbers")
    negative, positive = class_weight
    return {
        "sample_weight": negative if weights is None else weights * np.float64(negative),
        "pos_weight": positive / negative,
    }


def binary_total(class_weight: tuple[float, ...] | None, labels: Array, weights: Any) -> float:
    """What the sum of the losses is divided by for their mean: labels are in [0, 1]."""
    negative, positive = class_weight or (1.0, 1.0)
    of_labels = negative + (positive - negative) * labels.astype(np.float64)
    weights = given(weights)
    if weights is not None:
        of_labels *= weights.reshape(-1, *[1] * (labels.ndim - 1))
    return float(of_labels.sum())


def class_labels(labels: Any, scores: Array, role: Role) -> Array:
    """Labels of scores that have a column for each class."""
    array: Array = np.asarray(labels)
    if scores.ndim == 2:
        return array
    if (array > 1).any():
        hint = "of XGBoost's own multi:softmax a metric is given classes (multi:softprob: probabilities)"
    else:
        hint = f"one score a row, of the label 1, goes with sigmoid_{role}"
    raise ValueError(
        f"the scores have shape {scores.shape}, but a softmax needs a column for each class: {SET_CLASSES}; {hint}"
    )


def binary_labels(labels: Any, scores: Array, role: Role) -> Array:
    """Labels that have a score each."""
    array: Array = np.asarray(labels)
    if scores.ndim == 2 and array.ndim == 1:
        raise ValueError(
            f"the scores have shape {scores.shape}, but the labels {array.shape}: for one label a row leave "
            f"num_class out, or take softmax_{role} for classes that exclude each other"
        )
    return array
