"""Predicted probabilities beside what came true: taken as they lie, checked in one pass, and the loss of each row."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from fastxent import _sums
from fastxent._clamped import clamped_cross_entropy
from fastxent._kernels import door
from fastxent._types import Array
from fastxent.metrics import _labels

BLOCK = 32768  # numbers that are worked on at once, where NumPy does it


@dataclass(slots=True)
class Prediction:
    """Arguments of a metric that scikit-learn has no objection to, other than perhaps a warning."""

    probs: Array  # (n, C); or (n,), of the second of two classes
    target: Array  # (n,) class numbers; or (n, C) distributions or indicators
    weight: Array | None  # (n,), finite, of any sign
    doubtful: int | None  # a row whose sum may be too far from 1; if it is not, none is
    first: Any  # a class, and
    classes: Any  # all of them, as they were passed
    in_order: bool  # whether they are sorted

    @property
    def total_weight(self) -> float:
        return total_weight(len(self.probs), self.weight)

    @property
    def n_classes(self) -> int:
        return 2 if self.probs.ndim == 1 else self.probs.shape[1]


def bind(y_true: Any, y_proba: Any, sample_weight: Any, labels: Any, n_threads: int | None) -> Prediction | None:
    """The arguments as arrays, without a copy where they are such; None where scikit-learn has something to say."""
    probs = plain_array(y_proba, "biuf")
    y = plain_array(y_true, "biufUO")
    weight = None if sample_weight is None else plain_array(sample_weight, "biuf")
    names = None if labels is None else plain_array(labels, "biufUO")
    if probs is None or y is None or not 1 <= probs.ndim <= 2 or not 1 <= y.ndim <= 2 or probs.size == 0:
        return None
    if (sample_weight is not None and weight is None) or (labels is not None and names is None):
        return None
    if len(y) != len(probs) or (weight is not None and not is_weight(weight, len(probs))):
        return None
    if probs.dtype.kind != "f" or probs.dtype.itemsize > 8:
        probs = probs.astype(np.float64)
    if probs.ndim == 2 and probs.shape[1] == 1:
        probs = probs[:, 0]
    off = misfits(probs, n_threads)
    if off is None:
        return None
    if y.ndim == 2 and y.shape[1] == 1:
        y = y[:, 0]
    n_classes = 2 if probs.ndim == 1 else probs.shape[1]
    first: Any = 0
    classes: Any = range(n_classes)
    in_order = True
    if y.ndim == 2:
        if labels is not None or y.shape != probs.shape or not is_target(y, n_threads):
            return None
        target = y
    else:
        encoded = _labels.encode(y, names, n_classes)
        if encoded is None or len(encoded.classes) != n_classes:
            return None
        first, target = encoded.classes[0], encoded.numbers
        classes = encoded.classes if names is None else labels
        in_order = names is None or bool((names == encoded.classes).all())
    return Prediction(probs, target, weight, worst_row(probs) if off else None, first, classes, in_order)


def plain_array(value: Any, kinds: str) -> Array | None:
    """``value`` as an array of one of these kinds; None if it is not one, or one with a meaning of its own."""
    if isinstance(value, np.ma.MaskedArray | np.matrix):
        return None
    try:
        array = np.asarray(value)
    except (TypeError, ValueError):  # ragged lists, sparse containers, tensors elsewhere than in memory
        return None
    return array if array.dtype.kind in kinds else None


def is_weight(weight: Array, n: int) -> bool:
    """Whether these are n finite weights, not all of them 0."""
    return weight.shape == (n,) and bool(np.isfinite(weight.min()) and np.isfinite(weight.max()) and weight.any())


def misfits(probs: Array, n_threads: int | None) -> int | None:
    """The number of rows whose sum may be too far from 1; None if not every number is in [0, 1]."""
    if probs.ndim == 1:
        return 0 if probs.min() >= 0 and probs.max() <= 1 else None
    if is_widened(probs):
        found = [misfits(block.astype(np.float64), n_threads) for block in row_blocks(probs)]
        return None if None in found else sum(off for off in found if off)
    # scikit-learn's own tolerance is sqrt(eps), on sums in the dtype; half of it is safe from the sums' rounding
    tolerance = 0.5 * math.sqrt(np.finfo(probs.dtype).eps)
    off, outside = door.off_simplex(probs, tolerance, n_threads)
    if outside:
        return None
    return len(probs) if probs.dtype == np.float16 else off  # sums of float16 round too much to be safe


def worst_row(probs: Array) -> int:
    """A row whose sum, rounded as scikit-learn rounds it, is clearly off 1; else the one furthest from it."""
    kind = np.float64 if is_widened(probs) else probs.dtype.type
    clear = 2 * math.sqrt(np.finfo(kind).eps)
    worst, position = -1.0, 0
    for start, block in zip(range(0, len(probs), block_rows(probs)), row_blocks(probs), strict=True):
        deviations = np.abs(block.sum(axis=1, dtype=kind) - 1)
        if deviations.max() > worst:
            worst, position = float(deviations.max()), start + int(deviations.argmax())
        if worst > clear:
            break
    return position


def is_target(y: Array, n_threads: int | None) -> bool:
    """Whether all rows are indicators, of zeros and ones, or all are distributions.

    Raises
    ------
    ValueError
        If there are fractions, as in distributions, but a row is none.
    """
    if y.dtype.kind not in "biuf":
        return False
    if all(((block == 0) | (block == 1)).all() for block in row_blocks(y)):
        return True
    if y.dtype.kind != "f" or y.dtype.itemsize > 8 or not np.isfinite(y.min()) or not np.isfinite(y.max()):
        return False
    if all((block == np.rint(block)).all() for block in row_blocks(y)):
        return False
    tolerance = math.sqrt(np.finfo(y.dtype).eps)
    if any(door.off_simplex(y, tolerance, n_threads)):
        for start, block in zip(range(0, len(y), block_rows(y)), row_blocks(y), strict=True):
            total = block.sum(axis=1, dtype=np.float64)
            bad = (np.abs(total - 1) > tolerance) | (block < 0).any(axis=1) | (block > 1).any(axis=1)
            if bad.any():
                i = int(bad.argmax())
                raise ValueError(
                    f"y_true[{start + i}] = {block[i]}, which sums to {total[i]}, but a target distribution has "
                    "numbers in [0, 1] that sum to 1"
                )
    return True


def is_widened(probs: Array) -> bool:
    """Whether scikit-learn takes them for float64: float32 and float16 that are byte-swapped."""
    return probs.dtype.itemsize < 8 and not probs.dtype.isnative


def block_rows(array: Array) -> int:
    return max(1, BLOCK // (array.shape[1] if array.ndim == 2 else 1))


def row_blocks(array: Array) -> list[Array]:
    """Views of so many rows that scratch for one is small."""
    step = block_rows(array)
    return [array[start : start + step] for start in range(0, len(array), step)]


def row_losses(prediction: Prediction, eps: float | None, n_threads: int | None) -> Array:
    """-sum_k t_k log q_k of each row, q clipped to [eps, 1 - eps] in its own dtype; (n,), float32 or float64."""
    probs, target = prediction.probs, prediction.target
    step = block_rows(probs)
    if is_widened(probs):
        parts = [
            row_losses(replace(prediction, probs=block.astype(np.float64), target=target[i * step :][:step]), eps, 1)
            for i, block in enumerate(row_blocks(probs))
        ]
        return np.concatenate(parts)
    eps = float(np.finfo(probs.dtype).eps) if eps is None else eps
    if probs.ndim == 1:
        return binary_losses(probs, target, eps)
    if target.ndim == 1:
        return losses_of_classes(probs, target, eps, n_threads)
    losses = np.empty(len(probs), np.float32 if probs.dtype.itemsize < 8 else np.float64)
    top = probs.dtype.type(1 - eps)
    for start, block in zip(range(0, len(probs), step), row_blocks(probs), strict=True):
        rows = slice(start, start + step)
        losses[rows] = clamped_cross_entropy(
            np.minimum(block, top), target[rows], eps=eps, reduction="none", n_threads=n_threads
        )
    return losses


def losses_of_classes(probs: Array, numbers: Array, eps: float, n_threads: int | None) -> Array:
    """The losses of class numbers, which read one probability each."""
    losses: Any = clamped_cross_entropy(probs, numbers, eps=eps, reduction="none", n_threads=n_threads)
    least = -math.log(probs.dtype.type(1 - eps))
    if least > 0:  # the clip at 1 - eps: log is monotone
        np.maximum(losses, losses.dtype.type(least), out=losses)
    return np.asarray(losses)


def binary_losses(probs: Array, second: Array, eps: float) -> Array:
    """The losses of the probabilities of the second of two classes, where it came true and where it did not."""
    losses = np.empty(probs.shape, np.float32 if probs.dtype.itemsize < 8 else np.float64)
    step = block_rows(probs)
    for start, block in zip(range(0, len(probs), step), row_blocks(probs), strict=True):
        rows = slice(start, start + step)
        own = np.where(second[rows] != 0, block, 1 - block)
        only = np.broadcast_to(np.uint8(0), own.shape)
        losses[rows] = losses_of_classes(own[..., None], only, eps, 1)
    return losses


def total_weight(n: int, weight: Array | None) -> float:
    return float(n) if weight is None else float(weight.sum(dtype=np.float64))


def weighted_sum(losses: Array, weight: Array | None) -> float:
    """sum_i v_i l_i in double; rows of weight 0 have no influence, whatever their loss."""
    parts = []
    for start, block in zip(range(0, len(losses), BLOCK), row_blocks(losses), strict=True):
        if weight is None:
            parts.append(block.sum(dtype=np.float64))
        else:
            v = weight[start : start + BLOCK].astype(np.float64)
            parts.append(np.multiply(block, v, where=v != 0, out=np.zeros_like(v)).sum())
    return _sums.total(parts)


def class_totals(prediction: Prediction) -> Array:
    """How much of each class came true, with the rows' weights; (C,) float64."""
    target, weight, n_classes = prediction.target, prediction.weight, prediction.n_classes
    totals = np.zeros(n_classes)
    for start, block in zip(range(0, len(target), block_rows(target)), row_blocks(target), strict=True):
        v = None if weight is None else weight[start : start + len(block)].astype(np.float64)
        if target.ndim == 1:
            totals += np.bincount(block, v, n_classes)
        else:
            totals += block.sum(axis=0, dtype=np.float64) if v is None else v @ block
    return totals
