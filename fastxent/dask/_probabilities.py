"""Predicted probabilities of a partition: checked as in memory, and their losses as exact sums."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.metrics import log_loss as sklearn_log_loss

from fastxent import _check
from fastxent._kernels import door
from fastxent._types import Array
from fastxent.evaluation._sums import ExactSums
from fastxent.metrics import _labels, _log_loss, _predictions
from fastxent.metrics._predictions import Prediction

RULES = door.Rules(logits="probs", with_losses=True, wide_losses=True)


class Sums(NamedTuple):
    """Of some partitions."""

    loss: ExactSums  # of v l
    weight: ExactSums  # of v
    columns: int  # questions of each row, whose losses are averaged
    off: int  # rows of probabilities whose sum may not be 1
    example: Prediction | None  # such a row, if there is one


def renamed(y_proba: Any, y_pred: Any) -> Any:
    """The probabilities under either name."""
    if isinstance(y_pred, str) and y_pred == "deprecated":
        return y_proba
    _log_loss.renamed(sklearn_log_loss, [0, 1], None if y_proba is None else [0.0, 1.0], [0.0, 1.0])  # warns or raises
    return y_pred


def classes_of_partition(number: Any, labels: Any, same: Any, weight: None) -> Array:
    """The labels that occur, sorted."""
    y = np.asarray(labels)
    if y.size and y.dtype.kind in "biu":
        low, high = int(y.min()), int(y.max())
        if high - low < _labels.SPAN:
            there = np.zeros(high - low + 1, bool)
            there[_labels.offsets(y, low)] = True
            return np.array([low + int(i) for i in np.flatnonzero(there)], y.dtype)
    return np.unique(y)


def together(parts: list[Array]) -> Array:
    """The classes of several partitions, of which those without rows have no say in the dtype."""
    filled = [part for part in parts if part.size] or parts[:1]
    if len({part.dtype.kind in "biuf" for part in filled}) > 1:
        raise TypeError("y_true has numbers in some partitions, and in others labels that are none")
    return np.unique(np.concatenate(filled))


def sums_of_partition(
    number: Any, y_proba: Any, y_true: Any, weight: Any, *, labels: Array | None, given: bool, eps: float | None,
    multilabel: bool, n_threads: int | None,
) -> Sums:  # fmt: skip
    """What metrics.log_loss adds up, and what it raises."""
    probs, y = _check.array_of(y_proba, "y_proba"), np.asarray(y_true)
    sums = Sums(ExactSums(1), ExactSums(1), probs.shape[1] if multilabel else 1, 0, None)
    v = None if weight is None else np.broadcast_to(np.asarray(weight), len(probs))
    if len(probs) == 0:
        return sums
    if labels is not None and not given and probs.ndim == 2 and 1 < len(labels) != probs.shape[1]:
        raise ValueError(
            f"y_true and y_proba contain different number of classes: {len(labels)} vs {probs.shape[1]}; pass all of "
            f"them as labels. Classes found in all partitions of y_true: {labels}"
        )
    off, prediction = None, None
    if v is None or (v.dtype.kind in "biuf" and _predictions.is_finite(v, n_threads)):
        if multilabel:
            prediction = answers(probs, y, labels, n_threads)
        else:
            prediction = _predictions.bind(y, probs, None, labels, n_threads)
        if prediction is not None:
            off = 0 if multilabel else _predictions.misfits(prediction.probs, n_threads)
    if prediction is None or off is None:
        _log_loss.log_loss(y_true, y_proba, sample_weight=v, labels=labels, multilabel=multilabel)  # raises
        raise TypeError(f"y_true has labels of dtype {y.dtype}, but in partitions they are numbers or strings")
    start = 0
    for part, target, _ in prediction.parts(_predictions.READ // prediction.n_classes or 1):
        losses = losses_of(part, target, eps, multilabel, n_threads)
        rows = slice(start, start + len(part))
        start = rows.stop
        if v is None:
            sums.loss.add(losses)
            sums.weight.add_count(len(part))
        else:
            of_row = v[rows].astype(np.float64)
            of_loss = np.repeat(of_row, sums.columns)
            sums.loss.add(np.where(of_loss != 0, of_loss * losses, 0.0))
            sums.weight.add(of_row)
    return sums._replace(off=off, example=example_of(prediction, off))


def answers(probs: Array, y: Array, labels: Array | None, n_threads: int | None) -> Prediction | None:
    """Columns with a question each; None where something is wrong."""
    fit = probs.ndim == 2 and y.shape == probs.shape and labels is None
    if not fit or y.dtype.kind not in "biuf" or probs.dtype.kind not in "biuf" or not ((y == 0) | (y == 1)).all():
        return None
    if not door.is_within(probs, 0.0, 1.0, n_threads):
        return None
    probs = probs if probs.dtype.kind == "f" else probs.astype(np.float64)
    return Prediction(probs, y, None, 0.0, None, None, True)


def losses_of(probs: Array, target: Array, eps: float | None, multilabel: bool, n_threads: int | None) -> Array:
    """Of each row, or of each element, in double."""
    dtype = _predictions.dtype_of(probs)
    limits = _predictions.limits(dtype, eps)
    probs = probs.astype(dtype, copy=False)
    if multilabel or probs.ndim == 1:
        own = np.where(target != 0, probs, 1 - probs).reshape(-1, 1)
    elif target.ndim == 1:
        own = np.take_along_axis(probs, target[:, None].astype(np.intp), axis=1)
    else:
        return clamped(np.clip(probs.astype(np.float64), *limits), target.astype(np.float64), n_threads)
    return clamped(np.clip(own.astype(np.float64), *limits), np.zeros(len(own), np.uint8), n_threads)


def clamped(probs: Array, target: Array, n_threads: int | None) -> Array:
    losses: Array = door.clamped_cross_entropy(
        0, probs, target, 0.0, -1, None, None, None, 0.0, None, "sum", n_threads, rules=RULES
    )[2]
    return losses


def example_of(prediction: Prediction, off: int) -> Prediction:
    """One row of it."""
    row = _predictions.worst_row(prediction.probs) if off else 0
    probs = np.array(prediction.probs[row : row + 1])
    return Prediction(probs, np.zeros(1), None, 1.0, prediction.first, prediction.classes, prediction.in_order)


def added(parts: list[Sums]) -> Sums:
    """Their sums, as new ones: dask may need the parts again."""
    loss, weight = ExactSums(1), ExactSums(1)
    for part in parts:
        loss.merge(part.loss)
        weight.merge(part.weight)
    examples = sorted((part for part in parts if part.example), key=lambda part: part.off == 0)  # stable
    example = examples[0].example if examples else None
    return Sums(loss, weight, parts[0].columns, sum(part.off for part in parts), example)


def finished(sums: Sums, normalize: bool) -> np.float64:
    """The mean or the sum, after scikit-learn's warnings."""
    if sums.example is None:
        raise ValueError("y_proba has no rows")
    _log_loss.warn(sums.example, sums.off)
    if not normalize:
        return np.float64(sums.loss.number(0) / sums.columns)
    if sums.weight.units[0] == 0:
        raise ZeroDivisionError("Weights sum to zero, can't be normalized")
    return np.float64(sums.loss.over(0, sums.weight, 0) / sums.columns)
