"""What the libraries have in common: derivatives and totals of a loss, from scores, labels and weights as they keep them.

A loss is a frozen dataclass of plain values, so that estimators that hold one can be copied, cloned, pickled and sent
to workers. It keeps no buffers: one objective may serve several fits at once.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np

from fastxent import _check
from fastxent._layout import Array
from fastxent._sigmoid import sigmoid_cross_entropy, sigmoid_cross_entropy_grad_hess
from fastxent._softmax import softmax_cross_entropy, softmax_cross_entropy_grad_hess
from fastxent.boosting._rows import ascent, class_target, diagonal_hessian, full_hessian, softmax_terms

RowDers = tuple[list[float], Iterator[list[float]]]
HESSIANS = ("exact", "xgboost", "lightgbm")
# XGBoost's kRtEps, in src/objective/multiclass_obj.cu and regression_loss.h: no second derivative below it
FLOOR = 1e-16


class Loss(Protocol):
    """What an adapter calls."""

    name: ClassVar[str]

    def derivatives(self, scores: Array, labels: Any, weights: Any, grad: Array, hess: Array) -> None:
        """Write the gradient of the weighted sum of the losses, and its second derivative by the rule asked for."""

    def total(self, scores: Array, labels: Any, weights: Any) -> tuple[float, float]:
        """The weighted sum of the losses, and the weight to divide it by."""

    def row_ders(self, scores: list[float], label: float, weight: float) -> RowDers:
        """Gradient and rows of the Hessian of minus the loss of one row."""


@dataclass(frozen=True)
class SoftmaxLoss:
    """One class of K: scores (n, K), labels (n,) or distributions (n, K)."""

    class_weight: tuple[float, ...] | None
    label_smoothing: float
    n_threads: int | None
    hessian: str = "exact"
    name: ClassVar[str] = "softmax_cross_entropy"

    def options(self, scores: Array, labels: Array, weights: Array | None) -> dict[str, Any]:
        return {
            "logits": scores, "target": labels, "class_weight": self.class_weight, "sample_weight": weights,
            "label_smoothing": self.label_smoothing, "reduction": "sum", "n_threads": self.n_threads,
        }  # fmt: skip

    def derivatives(self, scores: Array, labels: Any, weights: Any, grad: Array, hess: Array) -> None:
        labels, weights = class_labels(labels, scores), given(weights)
        softmax_cross_entropy_grad_hess(**self.options(scores, labels, weights), out=grad, hess_out=hess)
        apply_rule(self.hessian, softmax_factor(self.hessian, scores.shape[1]), hess)

    def total(self, scores: Array, labels: Any, weights: Any) -> tuple[float, float]:
        labels, weights = class_labels(labels, scores), given(weights)
        total = softmax_cross_entropy(**self.options(scores, labels, weights))
        row_weight = None
        if self.class_weight is not None and labels.ndim == 1:
            row_weight = np.take(self.class_weight, labels)
        return float(total), total_weight(row_weight, weights, len(labels))

    def row_ders(self, scores: list[float], label: float, weight: float) -> RowDers:
        target = class_target(label, weight, len(scores), self.class_weight, self.label_smoothing)
        probs, others = softmax_terms(scores)
        scale = sum(target)
        if self.hessian == "exact":
            return ascent(target, probs, others), full_hessian(scale, probs, others)
        scale *= softmax_factor(self.hessian, len(scores))
        floor = FLOOR if self.hessian == "xgboost" else 0.0
        return ascent(target, probs, others), diagonal_hessian(scale, probs, others, floor)


@dataclass(frozen=True)
class SigmoidLoss:
    """Yes or no: scores (n,), or (n, K) for K labels that do not exclude each other; labels in [0, 1], shaped alike."""

    class_weight: tuple[float, ...] | None
    label_smoothing: float
    n_threads: int | None
    hessian: str = "exact"
    name: ClassVar[str] = "sigmoid_cross_entropy"

    def options(self, scores: Array, labels: Array, weights: Array | None) -> dict[str, Any]:
        # the loss weighs the positive part alone: the rows carry the weight of the negative part
        negative, positive = self.class_weight or (1.0, 1.0)
        if negative != 1.0:
            weights = np.float64(negative) if weights is None else weights * np.float64(negative)
        return {
            "logits": scores, "target": labels, "sample_weight": weights, "label_smoothing": self.label_smoothing,
            "pos_weight": None if self.class_weight is None else positive / negative, "reduction": "sum",
            "n_threads": self.n_threads,
        }  # fmt: skip

    def derivatives(self, scores: Array, labels: Any, weights: Any, grad: Array, hess: Array) -> None:
        weights = per_score(given(weights), scores)
        sigmoid_cross_entropy_grad_hess(**self.options(scores, np.asarray(labels), weights), out=grad, hess_out=hess)
        apply_rule(self.hessian, 1.0, hess)

    def total(self, scores: Array, labels: Any, weights: Any) -> tuple[float, float]:
        labels, weights = np.asarray(labels), per_score(given(weights), scores)
        total = sigmoid_cross_entropy(**self.options(scores, labels, weights))
        row_weight = None
        if self.class_weight is not None:
            negative, positive = self.class_weight
            row_weight = negative + (positive - negative) * labels.astype(np.float64)
        return float(total), total_weight(row_weight, weights, labels.size)

    def row_ders(self, scores: list[float], label: float, weight: float) -> RowDers:
        raise ValueError(f"CatBoost asks for {len(scores)} scores a row; use softmax_objective for several classes")


def class_labels(labels: Any, scores: Array) -> Array:
    """Class labels, which these libraries keep as floats, as integers; distributions as they are."""
    if scores.ndim != 2:
        raise ValueError(
            f"the scores have shape {scores.shape}, but a softmax needs a column for each class: "
            "set num_class (XGBoost, LightGBM) or classes_count (CatBoost)"
        )
    labels = np.asarray(labels)
    if labels.dtype.kind != "f" or labels.shape == scores.shape:
        return labels
    with np.errstate(invalid="ignore"):  # a NaN, or a number beyond int32, is no integer afterwards either
        integers = labels.astype(np.int32)
    different = integers != labels
    if different.any():
        position = int(different.argmax())
        where = _check.place("target", labels.shape, position)
        raise ValueError(f"{where} = {labels.flat[position]}, but class labels are integers from 0 to C - 1")
    return integers


def given(weights: Any) -> Array | None:
    """Weights as an array, or None where there are none; XGBoost then hands over an empty array."""
    if weights is None:
        return None
    weights = np.asarray(weights)
    return weights if weights.size else None


def per_score(weights: Array | None, scores: Array) -> Array | None:
    """Weights of rows, for scores that may have several columns."""
    return weights if weights is None or scores.ndim == 1 else weights.reshape(-1, 1)


def total_weight(row_weight: Array | None, weights: Array | None, n: int) -> float:
    """What the sum of the losses of n labels is divided by for their mean."""
    if row_weight is None:
        return float(n) if weights is None else float(weights.sum(dtype=np.float64)) * (n // len(weights))
    return float(row_weight.sum() if weights is None else (row_weight * weights).sum())


def softmax_factor(hessian: str, classes: int) -> float:
    """How much larger than p (1 - p) a library takes the second derivative."""
    if hessian == "xgboost":
        return 2.0
    # J. Friedman, "Greedy function approximation", Annals of Statistics 29, 2001, algorithm 6, line 5
    return classes / (classes - 1) if hessian == "lightgbm" and classes > 1 else 1.0


def apply_rule(hessian: str, factor: float, hess: Array) -> None:
    """Turn the exact second derivative into that of a library, in place."""
    if factor != 1.0:
        np.multiply(hess, hess.dtype.type(factor), out=hess)
    if hessian == "xgboost":
        np.maximum(hess, hess.dtype.type(FLOOR), out=hess)


def hessian_of(hessian: Any) -> str:
    if not isinstance(hessian, str) or hessian not in HESSIANS:
        raise ValueError(f"hessian = {hessian!r}, but it must be one of {', '.join(map(repr, HESSIANS))}")
    return hessian


def class_weight_of(class_weight: Any, binary: bool) -> tuple[float, ...] | None:
    """Weights of classes, as plain numbers; two positive ones for a binary loss."""
    if class_weight is None:
        return None
    array = _check.real_array(class_weight, "class_weight")
    if array.ndim != 1 or (binary and array.shape != (2,)):
        expected = "(2,), one weight for label 0 and one for label 1" if binary else "(C,)"
        raise ValueError(f"class_weight has shape {array.shape}; expected {expected}")
    _check.check_weight(array, "class_weight", 1)
    if binary and not array.all():
        raise ValueError(f"class_weight[{int(array.argmin())}] = 0, but both weights of a binary loss are positive")
    return tuple(array.astype(np.float64).tolist())


def checked_options(
    class_weight: Any, label_smoothing: Any, n_threads: Any, binary: bool = False
) -> tuple[tuple[float, ...] | None, float, int | None]:
    """The options of a loss, with errors where they are given and not in the first round of training."""
    return (
        class_weight_of(class_weight, binary), _check.smoothing_of(label_smoothing), _check.n_threads_of(n_threads),
    )  # fmt: skip
