"""Predicted probabilities beside what came true: taken as they lie, checked in one pass, and their loss."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastxent import _check, _sums
from fastxent._blocks import views
from fastxent._kernels import door
from fastxent._kernels.ways import numbers
from fastxent._types import Array
from fastxent.metrics import _labels

FLOAT64 = np.dtype(np.float64)
BLOCK = numbers()["block_elements"]  # that are worked on at once, where NumPy does it
READ = 32 * BLOCK  # that are checked, and then read again while they are in a cache


@dataclass(slots=True)
class Prediction:
    """Arguments of a metric that scikit-learn has no objection to, unless it is to the probabilities."""

    probs: Array  # (n, C); or (n,), of the second of two classes
    target: _labels.Encoded | Array  # of (n,) labels; or (n, C) distributions or indicators
    weight: Array | None  # (n,), finite, of any sign
    total_weight: float  # their sum; n without weights
    first: Any  # a class, and
    classes: Any  # all of them, as they were passed
    in_order: bool  # whether they are sorted

    @property
    def n_classes(self) -> int:
        return 2 if self.probs.ndim == 1 else self.probs.shape[1]

    def parts(self, most: int) -> Iterator[tuple[Array, Array, Array | None]]:
        """Probabilities, class numbers or distributions, and weights, of at most so many rows at a time."""
        if most >= len(self.probs) and not (isinstance(self.target, _labels.Encoded) and self.target.table is not None):
            target = self.target if isinstance(self.target, np.ndarray) else self.target.labels
            yield self.probs, target, self.weight
            return
        for rows, probs in views(self.probs, most):
            target = self.target.numbers(rows) if isinstance(self.target, _labels.Encoded) else self.target[rows]
            yield probs, target, None if self.weight is None else self.weight[rows]


def bind(y_true: Any, y_proba: Any, sample_weight: Any, labels: Any, n_threads: int | None) -> Prediction | None:
    """The arguments as arrays, without a copy where they are such; None where scikit-learn has something to say."""
    probs = plain_array(y_proba, "biuf", "y_proba")
    y = plain_array(y_true, "biufUO", "y_true")
    weight = None if sample_weight is None else plain_array(sample_weight, "biuf", "sample_weight")
    names = None if labels is None else plain_array(labels, "biufUO", "labels")
    if probs is None or y is None or not 1 <= probs.ndim <= 2 or not 1 <= y.ndim <= 2 or probs.size == 0:
        return None
    if (sample_weight is not None and weight is None) or (labels is not None and names is None):
        return None
    if len(y) != len(probs) or (weight is not None and not is_weight(weight, len(probs), n_threads)):
        return None
    if probs.dtype.kind != "f" or probs.dtype.itemsize > 8:
        probs = probs.astype(np.float64)
    if probs.ndim == 2 and probs.shape[1] == 1:
        probs = probs[:, 0]
    if y.ndim == 2 and y.shape[1] == 1:
        if isinstance(y_true, list):
            return None
        y = y[:, 0]
    n_classes = 2 if probs.ndim == 1 else probs.shape[1]
    first: Any = 0
    classes: Any = range(n_classes)
    in_order = True
    target: _labels.Encoded | Array = y
    if y.ndim == 2:
        if labels is not None or y.shape != probs.shape or not is_target(y, probs, n_threads):
            return None
    else:
        encoded = _labels.encode(y, names, n_classes)
        if encoded is None or len(encoded.classes) != n_classes:
            return None
        first, target = encoded.classes[0], encoded
        classes = encoded.classes if names is None else labels
        in_order = names is None or bool((names == encoded.classes).all())
    return Prediction(probs, target, weight, total_weight(len(probs), weight), first, classes, in_order)


def plain_array(value: Any, kinds: str, name: str) -> Array | None:
    """``value`` as an array of one of these kinds; None if it is not one, or one with a meaning of its own."""
    array = value
    if type(value) is not np.ndarray:
        if isinstance(value, np.ma.MaskedArray | np.matrix):
            return None
        _check.refuse_dask(value, name)
        try:
            array = np.asarray(value)
        except (TypeError, ValueError):  # ragged lists, sparse containers, tensors elsewhere than in memory
            return None
    return array if array.dtype.kind in kinds and not made_strings(value, array) else None


def made_strings(value: Any, array: Array) -> bool:
    """Whether NumPy made strings of what were not: of 1 in [1, "a"], of nan in ["a", nan]."""
    listed = array.dtype.kind == "U" and not hasattr(value, "__array__")
    return listed and not all(isinstance(one, str) for one in value)


def is_weight(weight: Array, n: int, n_threads: int | None) -> bool:
    """Whether these are n finite weights, not all of them 0."""
    return weight.shape == (n,) and is_finite(weight, n_threads) and bool(weight.any())


def is_finite(array: Array, n_threads: int | None) -> bool:
    return door.is_within(array, -_check.LARGEST, _check.LARGEST, n_threads)


def misfits(probs: Array, n_threads: int | None) -> int | None:
    """The number of rows whose sum may be too far from 1; None if not every number is in [0, 1]."""
    if probs.ndim == 1:
        return 0 if door.is_within(probs, 0.0, 1.0, n_threads) else None
    # scikit-learn's own tolerance is sqrt(eps), on sums in the dtype; half of it is safe from the sums' rounding
    dtype = dtype_of(probs)
    off, outside = door.off_simplex(probs, 0.5 * _check.near_one(dtype), dtype == np.float64, n_threads)
    if outside:
        return None
    return len(probs) if dtype == np.float16 else off  # sums of float16 round too much to be safe


def worst_row(probs: Array) -> int:
    """A row whose sum, rounded as scikit-learn rounds it, is clearly off 1; else the one furthest from it."""
    dtype = dtype_of(probs)
    clear = 2 * _check.near_one(dtype)
    worst, position = -1.0, 0
    for rows, block in row_blocks(probs):
        deviations = np.abs(block.sum(axis=1, dtype=dtype) - 1)
        if deviations.max() > worst:
            worst, position = float(deviations.max()), rows.start + int(deviations.argmax())
        if worst > clear:
            break
    return position


def is_target(y: Array, probs: Array, n_threads: int | None) -> bool:
    """Whether all rows are indicators, of zeros and ones, or all are distributions.

    Raises
    ------
    ValueError
        If there are fractions, as in distributions, but a row is none, and nothing is wrong with the probabilities.
    """
    if y.dtype.kind not in "biuf":
        return False
    if all(((block == 0) | (block == 1)).all() for _, block in row_blocks(y)):
        return True
    if y.dtype.kind != "f" or y.dtype.itemsize > 8 or not is_finite(y, n_threads):
        return False
    if all((block == np.rint(block)).all() for _, block in row_blocks(y)):
        return False
    tolerance = _check.near_one(y.dtype)
    if any(door.off_simplex(y, tolerance, False, n_threads)):
        if misfits(probs, n_threads) is None:
            return False
        for rows, block in row_blocks(y):
            total = block.sum(axis=1, dtype=np.float64)
            bad = (np.abs(total - 1) > tolerance) | (block < 0).any(axis=1) | (block > 1).any(axis=1)
            if bad.any():
                i = int(bad.argmax())
                raise ValueError(
                    f"y_true[{rows.start + i}] = {block[i]}, which sums to {total[i]}, but a target distribution has "
                    "numbers in [0, 1] that sum to 1"
                )
    return True


def dtype_of(probs: Array) -> np.dtype[Any]:
    """What scikit-learn computes in: float64 for numbers of fewer bytes, too, if these are swapped."""
    return probs.dtype if probs.dtype.isnative else FLOAT64


def epsilon_of(dtype: np.dtype[Any]) -> float:
    return float(np.finfo(dtype).eps)


def limits(dtype: np.dtype[Any], eps: float | None) -> tuple[float, float]:
    """Where probabilities are clipped: eps, and what 1 - eps is in their dtype."""
    eps = epsilon_of(dtype) if eps is None else eps
    return eps, float(dtype.type(1 - eps))


def row_blocks(array: Array) -> Iterator[tuple[slice, Array]]:
    """Of so many rows that scratch for one is small."""
    return views(array, max(1, BLOCK // (array.shape[1] if array.ndim == 2 else 1)))


def total_loss(prediction: Prediction, eps: float | None, n_threads: int | None) -> tuple[float, int] | None:
    """sum_i v_i l_i, where l_i = -sum_k t_k log q_k of a row, q clipped to [eps, 1 - eps] in its own dtype.

    And how many rows may have a sum too far from 1. None if not every probability is in [0, 1]: they are checked a part
    at a time, which is then still in a cache.
    """
    totals, off = [], 0
    for probs, target, weight in prediction.parts(READ // prediction.n_classes or 1):
        found = misfits(probs, n_threads)
        if found is None:
            return None
        total = part_loss(probs, target, weight, eps, n_threads)
        if len(probs) == len(prediction.probs):
            return total, found
        totals.append(total)
        off += found
    return _sums.total(totals), off


def part_loss(probs: Array, target: Array, weight: Array | None, eps: float | None, n_threads: int | None) -> float:
    if probs.ndim == 1:
        return binary_total(probs, target, weight, eps)
    dtype = dtype_of(probs)
    return door.log_loss(probs, target, weight, *limits(dtype, eps), dtype == np.float64, n_threads)


def binary_total(probs: Array, second: Array, weight: Array | None, eps: float | None) -> float:
    """The same for probabilities of the second of two classes, where it came true and where it did not."""
    dtype = dtype_of(probs)
    least, most = limits(dtype, eps)
    parts = []
    for rows, block in row_blocks(probs):
        block = block.astype(dtype, copy=False)
        own = np.where(second[rows] != 0, block, 1 - block)
        v = None if weight is None else weight[rows]
        parts.append(door.log_loss(own[..., None], np.zeros(own.shape, np.uint8), v, least, most, False, 1))
    return _sums.total(parts)


def total_weight(n: int, weight: Array | None) -> float:
    return float(n) if weight is None else float(weight.sum(dtype=np.float64))


def class_totals(prediction: Prediction) -> Array:
    """How much of each class came true, with the rows' weights; (C,) float64."""
    n_classes = prediction.n_classes
    totals = np.zeros(n_classes)
    has_labels = isinstance(prediction.target, _labels.Encoded)
    for _, target, weight in prediction.parts(max(1, BLOCK // (1 if has_labels else n_classes))):
        v = None if weight is None else weight.astype(np.float64)
        if target.ndim == 1:
            totals += np.bincount(target, v, n_classes)
        else:
            totals += target.sum(axis=0, dtype=np.float64) if v is None else v @ target
    return totals
