"""Samples in dask collections as a list of partitions, each of which is a few tasks."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any, NamedTuple
from uuid import uuid4

import dask
import dask.array as da
import numpy as np
from dask.delayed import Delayed

from fastxent.dask._operands import is_collection, is_known


class Pieces(NamedTuple):
    """What each partition consists of."""

    X: Sequence[Delayed]
    y: Sequence[Delayed]
    weight: Sequence[Any]  # the same number, or None, for all, or tasks


def task(name: str, function: Callable[..., Any]) -> Callable[..., Delayed]:
    """What makes tasks of calls; dask's tools show them under this name."""
    call = dask.delayed(function, pure=False)
    return lambda *args: call(*args, dask_key_name=f"fastxent-{name}-{uuid4().hex}")


def constant(name: str, value: Any) -> Delayed:
    """A value that many tasks take, in one task of its own."""
    return dask.delayed(value, name=f"fastxent-{name}-{uuid4().hex}", traverse=False)


def pieces_of(X: Any, y: Any, sample_weight: Any) -> Pieces:
    """The partitions of samples, which are those of X."""
    check_collection(X, "X", 2)
    check_collection(y, "y", 1)
    borders = rows_of(X)
    weight: Sequence[Any] = [sample_weight] * len(borders)
    if np.ndim(sample_weight) > 0:
        check_collection(sample_weight, "sample_weight", 1)
        weight = along(sample_weight, "sample_weight", borders)
    return Pieces(along(X, "X", borders), along(y, "y", borders), weight)


def check_collection(value: Any, name: str, ndim: int) -> None:
    """Raise unless it is a collection of about this shape."""
    if not is_collection(value):
        how = "X.chunks[0]" if name != "X" else "(rows, -1)"
        raise TypeError(
            f"{name} is a {type(value).__module__}.{type(value).__qualname__}, but X, y and weights are dask arrays, "
            f"data frames or series: dask.array.from_array({name}, chunks={how}) makes one of what is in memory, and "
            "fastxent.sklearn.SoftmaxClassifier is fitted to that as it is"
        )
    if value.ndim not in (ndim, 2) or value.ndim < ndim:
        raise ValueError(f"{name} has {value.ndim} axes, but {'(n_samples, n_features)' if ndim == 2 else ndim}")


def rows_of(value: Any) -> tuple[float, ...]:
    """How many samples each partition has, nan where that is not known."""
    return value.chunks[0] if isinstance(value, da.Array) else (np.nan,) * value.npartitions


def along(value: Any, name: str, borders: tuple[float, ...]) -> Sequence[Delayed]:
    """The partitions of a collection, cut as X is."""
    own = rows_of(value)
    known = is_known((*own, *borders))
    if known and sum(own) != sum(borders):
        raise ValueError(f"X has {sum(borders)} rows, but {name} {sum(own)}")
    if known and own != borders:
        value = value.rechunk({0: borders})
    if len(rows_of(value)) != len(borders):
        raise ValueError(
            f"X has {len(borders)} partitions, but {name} {len(own)}, and how long they are is not known: "
            "compute_chunk_sizes() of an array, or to_dask_array().compute_chunk_sizes() of a data frame, finds out"
        )
    if isinstance(value, da.Array):
        if value.ndim == 2:
            value = value.rechunk({1: -1})
        return value.to_delayed().reshape(-1).tolist()
    return value.to_delayed(optimize_graph=False)  # which joins partitions of files, more of them for fewer columns


def example(X: Any, n_features: int) -> Any:
    """What has the shape and the names of X."""
    return np.broadcast_to(np.float32(0.0), (1, n_features)) if isinstance(X, da.Array) else X._meta
