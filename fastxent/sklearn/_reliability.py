"""How often predictions come true, in bins of how probable they were said to be."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np
from sklearn.utils import check_consistent_length, column_or_1d

from fastxent import _check
from fastxent._kernels import door
from fastxent._types import Array
from fastxent.evaluation._scores import bins_of as numbers_of
from fastxent.evaluation._scores import edges_of
from fastxent.sklearn._scores import labels_of
from fastxent.sklearn._target import one_for_each

STRATEGIES = ("uniform", "quantile")


class Bins(NamedTuple):
    """The bins that have samples."""

    prob_true: Array
    prob_pred: Array
    weight: Array
    edges: Array  # (n_filled, 2)


def bins_of(happened: Array, prob: Array, weight: Array | None, n_bins: int, strategy: str) -> Bins:
    """What was predicted with ``prob`` and what happened, averaged in bins that are open below and closed above."""
    if strategy == "uniform":
        edges = edges_of(n_bins)
    elif weight is None:
        edges = np.percentile(prob, np.linspace(0, 1, n_bins + 1) * 100)
    else:
        edges = np.quantile(prob, np.linspace(0, 1, n_bins + 1), weights=weight, method="inverted_cdf")
    number = numbers_of(prob, edges)
    shares = np.bincount(number, weight, minlength=n_bins)
    filled = shares > 0
    sums = [np.bincount(number, value if weight is None else value * weight, n_bins) for value in (happened, prob)]
    true, predicted = (np.divide(total[filled], shares[filled]) for total in sums)
    return Bins(true, predicted, shares[filled], np.column_stack([edges[:-1], edges[1:]])[filled])


def prediction_of(y_true: Any, y_prob: Any, pos_label: Any, classes: Any) -> tuple[Array, Array, Any]:
    """Whether what was predicted happened, how probable it was said to be, and the positive class."""
    y = column_or_1d(y_true)
    prob, _ = _check.float_array(y_prob, "y_prob")
    check_consistent_length(y, prob)
    if not len(y):
        raise ValueError("y_true is empty")
    door.check_range(prob, "y_prob", 0.0, 1.0, "probabilities are in [0, 1], and not NaN", None)
    if prob.ndim == 2 and prob.shape[1] == 1:
        prob = prob[:, 0]  # as CalibrationDisplay
    if prob.ndim == 1:
        if classes is not None:
            raise ValueError("classes go with the probabilities of all classes, but y_prob has one for each sample")
        pos_label = positive_of(pos_label, y)
        return y == pos_label, prob, pos_label
    if prob.ndim != 2:
        raise ValueError(f"y_prob has shape {prob.shape}; expected (n,) for the positive class or (n, C)")
    if pos_label is not None:
        raise ValueError(f"pos_label = {pos_label!r}, but y_prob has the probabilities of all classes")
    _, labels = labels_of(y, classes, prob.shape[1])
    top = prob.argmax(axis=1)
    return top == labels, prob[np.arange(len(y)), top], None


def positive_of(pos_label: Any, y: Array) -> Any:
    """The positive of two classes: as in scikit-learn, 1 if they are {0, 1} or {-1, 1} and none is given."""
    present = np.unique(y)
    if len(present) > 2:
        raise ValueError(f"y_true has {len(present)} classes, but y_prob one probability for each sample")
    if pos_label is not None:
        if len(present) == 2 and pos_label not in present:
            raise ValueError(f"pos_label = {pos_label!r} is not a class of y_true: {present}")
        return pos_label
    if present.dtype.kind in "fiub" and any(np.isin(present, pair).all() for pair in ((0, 1), (-1, 1))):
        return 1
    raise ValueError(f"y_true has the classes {present}: say by pos_label which is the positive one")


def weight_of(sample_weight: Any, n: int) -> Array | None:
    """Weights in float64, not all 0."""
    if sample_weight is None:
        return None
    weight = one_for_each(sample_weight, n, None)
    assert weight is not None
    if not weight.any():
        raise ValueError("sample_weight is zero for all samples")
    return weight.astype(np.float64)


def check_options(n_bins: Any, strategy: Any) -> int:
    """The number of bins."""
    number = _check.whole_number(n_bins, "n_bins", 1, _check.MOST)
    _check.one_of(strategy, "strategy", STRATEGIES)
    return number
