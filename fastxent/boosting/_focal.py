"""Focal loss of the scores that the libraries hand over: softmax for several scores a row, sigmoid for one.

Focal loss phi(L) of a row with cross entropy L has phi'(L) times its gradient, and the Hessian

    phi'(L) L'' + phi''(L) L' L'^T                   phi(L) = (1 - e^-L)^gamma L

of which the second part may be negative. Without it, what is left is the Gauss-Newton matrix: cross entropy with the
row weighted by phi'(L), which is how it is computed here.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import exp, log, log1p
from typing import Any, ClassVar

import numpy as np

from fastxent import _check
from fastxent._layout import Array
from fastxent._sigmoid import sigmoid_cross_entropy
from fastxent._sigmoid_focal import sigmoid_focal_loss, sigmoid_focal_loss_grad_hess
from fastxent._softmax import softmax_cross_entropy
from fastxent._softmax_focal import softmax_focal_loss, softmax_focal_loss_grad_hess
from fastxent.boosting._buffers import Buffers
from fastxent.boosting._cross_entropy import SigmoidLoss, SoftmaxLoss, binary_total, binary_weights, class_total
from fastxent.boosting._loss import FLOOR, RowDers, class_labels, converted, given, outputs, raise_first
from fastxent.boosting._rows import class_target, softmax_terms


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
        if self.hessian == "exact":
            out = outputs(scores, buffers)
            _, grad, hess = (
                softmax_focal_loss_grad_hess(
                    scores, class_labels(labels, scores), **self.softmax_options(weights), **out
                )
                if scores.ndim == 2
                else sigmoid_focal_loss_grad_hess(
                    scores, np.asarray(labels), **self.sigmoid_options(weights, scores), **out
                )
            )
            np.maximum(hess, hess.dtype.type(FLOOR), out=hess)
            return converted(grad, dtype, buffers), converted(hess, dtype, buffers)
        rows, slopes = self.weighed_rows(scores, labels, weights)
        return self.cross_entropy(scores).derivatives(scores, rows, slopes, dtype, buffers)

    def cross_entropy(self, scores: Array) -> SoftmaxLoss | SigmoidLoss:
        """Whose derivatives, each row times its slope, are those of the Gauss-Newton rule."""
        kind = SoftmaxLoss if scores.ndim == 2 else SigmoidLoss
        return kind(n_threads=self.n_threads, hessian="exact" if self.hessian == "gauss_newton" else self.hessian)

    def weighed_rows(self, scores: Array, labels: Any, weights: Any) -> tuple[Array, Array]:
        """The labels, checked, and each row's slope times its weights."""
        if scores.ndim == 2:
            rows, alpha, classes = class_labels(labels, scores), self.alpha, scores.shape[1]
            if rows.ndim == 2:
                raise ValueError(
                    f"the labels have shape {rows.shape}, as distributions or several labels a row: this rule is for "
                    'rows with one class (hessian = "exact" takes distributions)'
                )
            losses = softmax_cross_entropy(scores, rows, reduction="none", n_threads=self.n_threads)
        else:
            rows, alpha, classes = zeros_and_ones(labels), self.binary_alpha, 2
            losses = sigmoid_cross_entropy(scores, rows, reduction="none", n_threads=self.n_threads)
        balance = balance_of(self.class_weight, alpha, classes)
        slopes = slope(np.atleast_1d(losses), self.gamma)
        row_weight = _check.sample_weight_of(given(weights), slopes.shape, self.n_threads)
        for factor in (row_weight, None if balance is None else np.take(balance, rows.astype(np.intp))):
            slopes = slopes if factor is None else slopes * factor
        return rows, slopes

    def row_ders(self, scores: list[float], label: float, weight: float) -> RowDers:
        if self.hessian == "exact":
            raise ValueError(
                'CatBoost takes the whole Hessian of a row, and that of focal loss is not definite: hessian = "exact" '
                'does not train; use "gauss_newton"'
            )
        target = class_target(label, weight, len(scores), self.class_weight, 0.0)
        probs, others = softmax_terms(scores)
        own = int(label)
        balance = balance_of(None, self.alpha, len(scores))
        target[own] *= row_slope(probs[own], others[own], self.gamma) * (1.0 if balance is None else balance[own])
        rule = "exact" if self.hessian == "gauss_newton" else self.hessian
        return SoftmaxLoss(hessian=rule).ders_of_target(scores, target)

    def total(self, scores: Array, labels: Any, weights: Any) -> tuple[float, float]:
        if scores.ndim == 2:
            labels = class_labels(labels, scores)
            total = softmax_focal_loss(scores, labels, **self.softmax_options(weights))
            return float(total), class_total(self.class_weight, labels, weights)
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
            "gamma": self.gamma, "alpha": self.alpha, **binary_weights(self.class_weight, weights, scores),
            "label_smoothing": self.label_smoothing, "reduction": "sum", "n_threads": self.n_threads,
        }  # fmt: skip

    @property
    def binary_alpha(self) -> tuple[float, ...] | None:
        """Alpha as factors of the labels 0 and 1."""
        if isinstance(self.alpha, tuple):
            raise ValueError(f"alpha has shape ({len(self.alpha)},), but for one score a row it is a number in [0, 1]")
        if self.alpha is not None and self.alpha > 1.0:
            raise ValueError(f"alpha = {self.alpha}, but for one score a row it is a number in [0, 1]")
        return None if self.alpha is None else (1.0 - self.alpha, self.alpha)


def slope(losses: Array, gamma: float) -> Array:
    """phi'(L) = q^gamma + gamma q^(gamma - 1) (1 - q) L, where q = 1 - e^-L."""
    shares = np.exp(-losses)
    others = np.maximum(-np.expm1(-losses), np.finfo(losses.dtype).tiny)
    gamma = min(gamma, float(np.finfo(losses.dtype).max) / 2)
    with np.errstate(invalid="ignore", over="ignore"):  # an infinite loss, whose share is 0; q^gamma that vanishes
        bend = np.where(shares > 0, shares * losses / others, 0)
        # near 1 it is the share that has the digits of q
        factor = np.where(shares < 0.5, np.exp(gamma * np.log1p(-np.minimum(shares, 0.5))), others**gamma)
    slopes = factor * (1 + gamma * bend)
    return np.where(np.isnan(losses), 1, slopes).astype(losses.dtype)  # nan comes back with the derivatives


def row_slope(prob: float, other: float, gamma: float) -> float:
    """The slope of one row with p = prob and q = other."""
    if prob == 0.0 or other == 0.0:
        return 1.0 if prob == 0.0 or gamma == 0.0 else 0.0
    # of p and q the one near 1 lacks digits, which the other has
    loss = -log1p(-other) if other < 0.5 else -log(prob)
    factor = exp(gamma * log1p(-prob)) if prob < 0.5 else other**gamma
    return float(factor * (1.0 + gamma * prob * loss / other))


def balance_of(
    class_weight: tuple[float, ...] | None, alpha: float | tuple[float, ...] | None, classes: int
) -> list[float] | None:
    """Each class's weight times its alpha; None where both are 1."""
    if class_weight is None and alpha is None:
        return None
    balance = [1.0] * classes
    for name, factors in (("class_weight", class_weight), ("alpha", alpha)):
        if isinstance(factors, tuple) and len(factors) != classes:
            raise ValueError(f"{name} has shape ({len(factors)},), but there are {classes} classes")
        if factors is not None:
            each = factors if isinstance(factors, tuple) else (factors,) * classes
            balance = [a * b for a, b in zip(balance, each, strict=True)]
    return balance


def zeros_and_ones(labels: Any) -> Array:
    """Binary labels, of which a Gauss-Newton row has one."""
    array: Array = np.asarray(labels)
    rule = 'with one score a row labels are 0 or 1 (between them: hessian = "exact"; more classes: set num_class)'
    raise_first(array, (array != 0) & (array != 1), rule)
    return array
