"""The scores that training starts from."""

from __future__ import annotations

import math
from typing import Any, overload

import numpy as np
from numpy.typing import ArrayLike

from fastxent import _check, _explain
from fastxent._types import Array
from fastxent.boosting._caller import Library, check_library
from fastxent.boosting._loss import raise_first

LARGEST_LABEL = 2**24  # float32 has all integers up to it
# LightGBM's kEpsilon (include/LightGBM/meta.h): no share of a class is below it
SMALLEST_SHARE = float(np.float32(1e-15))
# XGBoost's kRtEps (include/xgboost/base.h), which it adds to the share of each of several classes
ADDED_SHARE = float(np.float32(1e-6))


@overload
def start_scores(
    y: ArrayLike, sample_weight: ArrayLike | None = ..., *, n_classes: int, library: Library | None = ...
) -> Array: ...


@overload
def start_scores(
    y: ArrayLike, sample_weight: ArrayLike | None, n_classes: int, *, library: Library | None = ...
) -> Array: ...


@overload  # the labels say which: Any, so that neither has to be asked for
def start_scores(
    y: ArrayLike, sample_weight: ArrayLike | None = ..., n_classes: None = ..., *, library: Library | None = ...
) -> Any: ...


def start_scores(
    y: ArrayLike, sample_weight: ArrayLike | None = None, n_classes: int | None = None, *,
    library: Library | None = None,
) -> float | Array:  # fmt: skip
    r"""Scores of the best constant prediction, for boosting to start from: the libraries do so with their own losses.

    For the weighted shares :math:`q_k` of the classes, at least 1e-15,

    .. math:: x_k = \log q_k, \qquad x = \log\frac{q_1}{1 - q_1}

    are the scores of K classes, and the one score of two, that make the cross entropy least [1]_.

    Parameters
    ----------
    y : array_like, shape (n,) or (n, K)
        Classes from 0 on; the probability, in [0, 1], of the label 1; or distributions of K classes. Rounded to
        float32, as the libraries hold labels.
    sample_weight : array_like, shape (n,), optional
        Finite, not negative, and not all 0; 1 by default. Rounded to float32. Class weights belong into it.
    n_classes : int, optional
        The number of classes, for an objective with a score for each. By default labels in [0, 1] have one score, and
        other labels as many as the largest of them says.
    library : {"xgboost", "lightgbm", "catboost"}, optional
        Whose training is to be reproduced: XGBoost starts several classes from scores of its own, in the notes.

    Returns
    -------
    scores : float, or ndarray of shape (K,)
        In float64: LightGBM's ``init_score``, and XGBoost's ``base_margin``, of every row. CatBoost's is ``baseline``.
        XGBoost's ``base_score`` is the scores of several classes, and for one score a row the probability.

    Raises
    ------
    TypeError, ValueError
        If a label is no class, a weight is no number or out of its range, nothing has weight, or there is no such
        library.

    See Also
    --------
    softmax_objective, sigmoid_objective : They start from 0 unless told otherwise.

    Notes
    -----
    XGBoost starts several classes from :math:`\log(q_k + 10^{-6})` less the mean of these, which is another softmax
    where a class is rare. It computes them in float32: without weights they differ from those here by a few ulp, with
    weights by what a float32 sum of the weights loses.

    References
    ----------
    .. [1] J. H. Friedman, "Greedy function approximation: A gradient boosting machine", Annals of Statistics 29, 2001,
       algorithm 1, line 1.

    Examples
    --------
    >>> import numpy as np
    >>> from fastxent.boosting import start_scores
    >>> round(start_scores([0, 1, 1, 1]), 4)
    1.0986
    >>> np.exp(start_scores([0, 1, 2, 2]))
    array([0.25, 0.25, 0.5 ])
    """
    if library is not None:
        check_library(library)
    labels = held(y, "y")
    if labels.ndim not in (1, 2):
        raise ValueError(f"y has shape {labels.shape}; expected (n,), or (n, K) for distributions")
    weights = np.ones(len(labels)) if sample_weight is None else held(sample_weight, "sample_weight")
    if weights.shape != labels.shape[:1]:
        raise ValueError(f"sample_weight has shape {weights.shape}, but y has shape {labels.shape}: expected (n,)")
    _explain.raise_outside(weights, "sample_weight", 0.0, _check.LARGEST, _check.WEIGHT_RULE)
    total = float(weights.sum())
    if not total:
        raise ValueError("nothing has weight, so that no class has a share")
    classes = None if n_classes is None else classes_of(n_classes)
    if labels.ndim == 1 and classes is None and labels.size and labels.min() >= 0 and labels.max() <= 1:
        share = min(max(float(labels @ weights) / total, SMALLEST_SHARE), 1.0 - SMALLEST_SHARE)
        return math.log(share / (1.0 - share))
    of_rows = shares_of_distributions if labels.ndim == 2 else shares_of_labels
    shares = of_rows(labels, weights, classes)
    if library != "xgboost":
        return np.log(np.maximum(shares, SMALLEST_SHARE))
    scores: Array = np.log(shares + ADDED_SHARE)
    return scores - scores.mean()


def held(value: ArrayLike, name: str) -> Array:
    """An array as the libraries hold it, in float64."""
    return _check.real_array(value, name).astype(np.float32).astype(np.float64)


def classes_of(n_classes: Any) -> int:
    classes = _check.integer(n_classes, "n_classes")
    if classes < 2:
        raise ValueError(f"n_classes = {classes}, but there are at least two")
    if classes > LARGEST_LABEL + 1:
        raise ValueError(f"n_classes = {classes}, but there are at most {LARGEST_LABEL + 1}")
    return classes


def shares_of_labels(labels: Array, weights: Array, classes: int | None) -> Array:
    largest = LARGEST_LABEL if classes is None else classes - 1
    wrong = ~((labels >= 0) & (labels <= largest) & (labels == np.floor(labels)))
    what = "probabilities in [0, 1], or classes from 0 on" if classes is None else f"integers from 0 to {largest}"
    raise_first(labels, wrong, f"labels are {what}", "y")
    counts: Array = np.bincount(labels.astype(np.intp), weights, minlength=classes or 0)
    return counts / weights.sum()


def shares_of_distributions(rows: Array, weights: Array, classes: int | None) -> Array:
    if classes not in (None, rows.shape[1]):
        raise ValueError(f"y has shape {rows.shape}, but n_classes = {classes}")
    _explain.raise_outside(rows, "y", 0.0, _check.LARGEST, "a probability is finite and not negative")
    shares = weights @ rows
    if not shares.any():
        raise ValueError("all rows of y with weight are 0, so that no class has a share")
    return shares / shares.sum()
