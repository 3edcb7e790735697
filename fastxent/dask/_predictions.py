"""Predictions and scores of partitions, by an estimator that knows arrays."""

from __future__ import annotations

import math
from typing import Any

import dask
import dask.array as da
import numpy as np

from fastxent import sklearn
from fastxent._types import Array
from fastxent.dask._collections import Pieces, constant, task
from fastxent.sklearn._target import is_distribution, one_for_each


def lazily(local: sklearn.SoftmaxClassifier, method: str, X: Any, columns: int | None) -> da.Array:
    """What a method returns for each partition: that many columns, or one number a row."""
    dtype = local.classes_.dtype if method == "predict" else np.result_type(dtype_of(X), local.coef_.dtype)
    meta = np.empty((0,) if columns is None else (0, columns), dtype)
    shared = constant("model", local.set_params(n_threads=1))
    if not isinstance(X, da.Array):
        return X.map_partitions(predicted, shared, method, meta, meta=meta)
    if X.ndim != 2:
        raise ValueError(f"X has {X.ndim} axes, but (n_samples, n_features)")
    X = X.rechunk({1: -1})
    chunks = {"drop_axis": 1} if columns is None else {"chunks": (X.chunks[0], (columns,))}
    return X.map_blocks(predicted, shared, method, meta, dtype=dtype, meta=meta, **chunks)


def dtype_of(X: Any) -> np.dtype[Any]:
    """What features of a collection are computed in."""
    if not isinstance(X, da.Array):
        dtypes = {str(dtype) for dtype in X.dtypes}
        return np.dtype(np.float32 if dtypes == {"float32"} else np.float64)
    return np.dtype(np.float32 if X.dtype == np.float32 else np.float64)


def predicted(X: Any, local: sklearn.SoftmaxClassifier, method: str, nothing: Array) -> Array:
    """Of a partition."""
    if not len(getattr(X, "shape", [])) or X.shape[0] == 0:
        return nothing
    result: Array = getattr(local, method)(X)
    return result.astype(nothing.dtype, copy=False)


def accuracy(local: sklearn.SoftmaxClassifier, pieces: Pieces) -> float:
    """The share of the weight that is predicted."""
    of_partition, shared = task("score", hits), constant("model", local.set_params(n_threads=1))
    found = dask.compute(*[of_partition(shared, *piece) for piece in zip(*pieces, strict=True)])
    right, all_of_it = (math.fsum(numbers) for numbers in zip(*found, strict=True))
    return right / all_of_it


def hits(local: sklearn.SoftmaxClassifier, X: Any, y: Any, weight: Any) -> tuple[float, float]:
    """What of the weight of a partition is predicted, and all of it."""
    if len(y) == 0:
        return 0.0, 0.0
    given = one_for_each(weight, len(y), 1)
    weight = np.ones(len(y)) if given is None else given
    share = np.asarray(y).sum(axis=1) if is_distribution(y) else 1.0
    whole = float((weight * share).sum())
    return whole * local.score(X, y, weight) if whole else 0.0, whole
