"""Predictions and scores of partitions, by an estimator that knows arrays."""

from __future__ import annotations

import math
from typing import Any

import dask
import dask.array as da
import numpy as np
from sklearn.utils.validation import validate_data

from fastxent import sklearn
from fastxent._types import Array
from fastxent.dask._collections import Pieces, constant, example, task
from fastxent.dask._operands import of_frame
from fastxent.dask._partition import kind_of, labels_of
from fastxent.dask._partitions import Place, named
from fastxent.evaluation._sums import ExactSums
from fastxent.sklearn._target import is_distribution, one_for_each


def lazily(local: sklearn.SoftmaxClassifier, method: str, X: Any, columns: int | None) -> da.Array:
    """What a method returns for each partition: that many columns, or one number a row."""
    if X.ndim != 2:
        raise ValueError(f"X has {X.ndim} axes, but (n_samples, n_features)")
    if not math.isnan(X.shape[1]):
        for reset in (False, True):  # what is to be said of names is said here, and not by each task
            validate_data(local, example(X, X.shape[1]), reset=reset, skip_check_array=True)
    dtype = local.classes_.dtype if method == "predict" else np.result_type(dtype_of(X), local.coef_.dtype)
    meta = np.empty((0, columns or 1), dtype)
    shared = constant("model", local.set_params(n_threads=1))
    X = (X if isinstance(X, da.Array) else of_frame(X)).rechunk({1: -1})
    chunks = X.chunks[0], (columns or 1,)
    result = X.map_blocks(predicted, shared, method, meta, chunks=chunks, dtype=dtype, meta=meta)
    return result if columns else result[:, 0]  # an axis that is dropped makes arrays of data frames


def dtype_of(X: Any) -> np.dtype[Any]:
    """What features of a collection are computed in."""
    if not isinstance(X, da.Array):
        dtypes = {str(dtype) for dtype in X.dtypes}
        return np.dtype(np.float32 if dtypes == {"float32"} else np.float64)
    return np.dtype(np.float32 if X.dtype == np.float32 else np.float64)


def predicted(X: Any, local: sklearn.SoftmaxClassifier, method: str, nothing: Array, block_id: Any) -> Array:
    """Of a partition."""
    if X.shape[0] == 0:
        return nothing
    with named(Place(block_id[:1], (None,), True), X.shape):
        result: Array = getattr(local, method)(X)
    return result.reshape(len(result), -1).astype(nothing.dtype, copy=False)


def accuracy(local: sklearn.SoftmaxClassifier, pieces: Pieces) -> float:
    """The share of the weight that is predicted, rounded once."""
    of_partition, shared = task("score", hits), constant("model", local.set_params(n_threads=1))
    found = [of_partition(number, shared, *piece) for number, piece in enumerate(zip(*pieces, strict=True))]
    sums = ExactSums(2)
    for part in dask.compute(*found):
        sums.merge(part)
    if not sums.units[1]:
        raise ValueError("the weight of every sample is zero, or there is none")
    return sums.over(0, sums, 1)


def hits(number: int, local: sklearn.SoftmaxClassifier, X: Any, y: Any, weight: Any) -> ExactSums:
    """What of the weight of a partition is predicted, and all of it."""
    sums = ExactSums(2)
    if len(y) == 0 == X.shape[0]:
        return sums
    with named(Place((number,), (None,), True), X.shape):
        right, whole = local._shares(X, y) if is_distribution(y) else compared(local, X, labels_of(y))
        weight = one_for_each(weight, len(y), 1)
    for k, shares in enumerate((right, whole)):
        sums.add(shares if weight is None else weight * shares, None, k)
    return sums


def compared(local: sklearn.SoftmaxClassifier, X: Any, y: Array) -> tuple[Array, Array]:
    """1 for each sample whose label is predicted, and 1 for each."""
    if len(y) != X.shape[0]:
        raise ValueError(f"X has {X.shape[0]} rows, but y {len(y)}")
    if kind_of(y) != kind_of(local.classes_):
        raise ValueError(f"y has {kind_of(y)}, but the classes are {kind_of(local.classes_)}")
    return (local.predict(X) == y).astype(np.float64), np.ones(len(y))
