"""Predicted probabilities of labels of which any number may be true: every column a question of its own."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastxent import _check, _sums
from fastxent._kernels import door
from fastxent._types import Array
from fastxent.metrics._predictions import binary_total, row_blocks, total_weight


def total_loss(
    y_true: Any, y_proba: Any, sample_weight: Any, labels: Any, eps: float | None, n_threads: int | None
) -> tuple[float, float]:
    """The weighted sum of the rows' losses, which are the means of their binary losses; and the sum of the weights."""
    probs, _ = _check.float_array(y_proba, "y_proba")
    probs = probs if probs.dtype.kind == "f" else probs.astype(np.float64)
    truth = _check.real_array(y_true, "y_true")
    if probs.ndim != 2 or truth.shape != probs.shape or probs.size == 0:
        raise ValueError(
            f"y_true has shape {truth.shape} and y_proba {probs.shape}, but multilabel needs the same (n, n_labels); "
            "of a list of (n, 2) arrays take the second columns: np.stack([p[:, 1] for p in y_proba], axis=1)"
        )
    if labels is not None:
        raise ValueError("labels go with classes that exclude each other, but multilabel is true")
    weight = None if sample_weight is None else _check.real_array(sample_weight, "sample_weight")
    if weight is not None and weight.shape != (len(probs),):
        raise ValueError(f"sample_weight has shape {weight.shape}, but there are {len(probs)} rows")
    if weight is not None:
        door.check_range(weight, "sample_weight", -_check.LARGEST, _check.LARGEST, "it must be finite", n_threads)
    parts = []
    for rows, block in row_blocks(probs):
        if not door.is_within(block, 0.0, 1.0, n_threads):
            door.check_range(probs, "y_proba", 0.0, 1.0, _check.PROBABILITY_RULE, n_threads)  # says where
        check_indicator(truth[rows], rows.start)
        parts.append(binary_total(block, truth[rows], None if weight is None else weight[rows, None], eps))
    return _sums.total(parts) / probs.shape[1], total_weight(len(probs), weight)


def check_indicator(truth: Array, first: int) -> None:
    """Raise for the first number that is neither 0 nor 1; the rows are counted from `first` on."""
    bad = (truth != 0) & (truth != 1)
    if bad.any():
        i, k = (int(index) for index in np.argwhere(bad)[0])
        raise ValueError(f"y_true[{first + i}, {k}] = {truth[i, k]}, but multilabel needs zeros and ones")
