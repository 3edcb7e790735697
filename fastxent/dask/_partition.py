"""What is computed where a partition is: its samples checked and encoded, and its share of sums over all samples.

What is wrong with samples is returned, and not raised: the client says of the first partition which one it is.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import reduce
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import check_array, column_or_1d

from fastxent import _blas, _check
from fastxent._blocks import blocks
from fastxent._quiet import quiet
from fastxent._types import Array
from fastxent.dask._files import Rows, part_of, read
from fastxent.dask._tree import Sums
from fastxent.sklearn._labels import classes_of, numbers_of
from fastxent.sklearn._objective import Objective
from fastxent.sklearn._target import Target, encode, is_distribution, masses, one_for_each
from fastxent.sklearn._validation import CHECKED_BYTES, FLOATS, check_finite


@dataclass(frozen=True, slots=True)
class Problem:
    """What to raise."""

    kind: type[Exception]
    text: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What the client knows of a partition."""

    n_samples: int
    n_features: int
    dtype: np.dtype[Any]  # of X
    is_sparse: bool
    size: int  # numbers that X holds
    classes: Array  # found; of distributions how many columns there are
    distributions: bool
    problem: Problem | None = None


@dataclass(frozen=True, slots=True)
class Partition:
    """Samples as the kernels take them: X in C order or CSR, labels as they are or as class indices."""

    features: Any  # X, or what is wrong with the file that had it
    y: Array
    weight: Array | None  # float64
    summary: Summary

    @property
    def X(self) -> Any:
        if isinstance(self.features, Problem):
            raise self.features.kind(self.features.text)
        return self.features

    def __reduce__(self) -> tuple[Any, ...]:
        """Aligned where it arrives: what went to another worker, or to disk, may lie anywhere in a message.

        Of a mapped file there goes its name.
        """
        part = part_of(self.features) if isinstance(self.features, np.ndarray) else None
        return received, (self.features if part is None else part, self.y, self.weight, self.summary)

    def __sizeof__(self) -> int:
        """The bytes that it holds in memory, which is what dask weighs; those of a mapped file are none."""
        X = self.features
        arrays = [self.y, self.weight, *([X.data, X.indices, X.indptr] if sparse.issparse(X) else [X])]
        return sum(held(array) for array in arrays if isinstance(array, np.ndarray))


def received(X: Any, y: Array, weight: Array | None, summary: Summary) -> Partition:
    """A partition from another process.

    A file that cannot be read is an error of what needs X: dask would ask for ever for what cannot be unpickled.
    """
    if isinstance(X, Rows):
        X = read_or_problem(X)
    elif sparse.issparse(X):
        X.data, X.indices, X.indptr = aligned(X.data), aligned(X.indices), aligned(X.indptr)
    elif isinstance(X, np.ndarray):
        X = aligned(X)
    return Partition(X, aligned(y), None if weight is None else aligned(weight), summary)


def read_or_problem(part: Rows) -> Array | Problem:
    """X, or what to raise."""
    try:
        return read(part)
    except (OSError, ValueError) as error:
        text = f"{error}; workers must find the files of from_npy under the same path, as they were, until the fit ends"
        return Problem(type(error) if isinstance(error, OSError) else ValueError, text)


def aligned(array: Array) -> Array:
    """In C order and aligned, in the processor's byte order; a copy if it is not."""
    return _check.aligned(array, array.dtype.newbyteorder("="))


def held(array: Array) -> int:
    """Bytes of an array, 0 where a file is mapped."""
    base: Any = array
    while isinstance(base, np.ndarray):
        if isinstance(base, np.memmap):
            return 0
        base = base.base
    return array.nbytes


def examine(X: Any, y: Any, weight: Any, classes: Array | None) -> Partition:
    """Check a partition, with labels as they are; classes are those that the user gave."""
    try:
        return examined(X, y, weight, classes)
    except (TypeError, ValueError) as error:
        problem = Problem(TypeError if isinstance(error, TypeError) else ValueError, str(error))
        nothing = np.zeros(0)
        return Partition(nothing, nothing, None, Summary(0, 0, nothing.dtype, False, 0, nothing, False, problem))


def examined(X: Any, y: Any, weight: Any, classes: Array | None) -> Partition:
    """The same, which raises."""
    X = check_array(X, accept_sparse="csr", dtype=FLOATS, ensure_all_finite=False, ensure_min_samples=0, input_name="X")
    if not sparse.issparse(X):
        X = aligned(X)
    distributions = is_distribution(y)
    if distributions:
        y = check_array(y, dtype=None, ensure_all_finite=False, ensure_min_samples=0, input_name="y")
        encode(y)
    else:
        y = labels_of(y)
    if len(y) != X.shape[0]:
        raise ValueError(f"X has {X.shape[0]} rows, but y {len(y)}")
    check_features(X)
    weight = one_for_each(weight, len(y), 1)
    if weight is not None:
        weight = _check.aligned(weight, np.float64)
    found = np.arange(y.shape[1]) if distributions else classes_of(y, math.inf) if len(y) else y
    if classes is not None and not np.isin(found, classes).all():
        other = found[~np.isin(found, classes)][0]
        row = int((y == other).argmax())
        raise ValueError(f"y[{row}] = {other!r}, which is not among the classes {classes!r}")
    n_numbers = X.nnz if sparse.issparse(X) else X.size
    summary = Summary(len(y), X.shape[1], X.dtype, bool(sparse.issparse(X)), int(n_numbers), found, distributions)
    return Partition(X, y, weight, summary)


def labels_of(y: Any) -> Array:
    """Along one axis, none of them missing."""
    y = column_or_1d(y)
    if y.dtype.kind in "fcO":
        check_finite(y, "y", None)
    return y


def kind_of(labels: Array) -> str:
    """What can be sorted together."""
    if labels.dtype.kind in "biuf" or (labels.dtype.kind == "O" and not isinstance(labels[0], str)):
        return "numbers" if labels.dtype.kind != "O" else type(labels[0]).__name__
    return "strings"


def check_features(X: Any) -> None:
    """Name the first feature that is NaN or infinite."""
    values = X.data.reshape(-1, 1) if sparse.issparse(X) else X
    for rows in blocks(len(values), max(1, CHECKED_BYTES // max(1, values[:1].nbytes))):
        wrong = ~np.isfinite(values[rows])
        if wrong.any():
            row, column = divmod(int(wrong.argmax()), wrong.shape[1])
            row += rows.start
            value = values[row, column]
            if sparse.issparse(X):
                row, column = int(np.searchsorted(X.indptr, row, "right")) - 1, int(X.indices[row])
            raise ValueError(f"X[{row}, {column}] = {value}, but features are finite: neither NaN nor infinite")


def summary_of(partition: Partition) -> Summary:
    """What the client is told."""
    return partition.summary


def numbered(partition: Partition, classes: Array, dtype: np.dtype[Any]) -> Partition:
    """With the dtype of all partitions, and class indices in place of labels."""
    X, y = partition.X.astype(dtype, copy=False), partition.y
    return Partition(X, y if y.ndim == 2 else numbers_of(y, classes), partition.weight, partition.summary)


def mass(partition: Partition, first_block: int, block_rows: int, n_classes: int) -> Sums:
    """What the samples of each class weigh."""
    sums, weight = Sums(), partition.weight
    for number, rows in enumerate(blocks(len(partition.y), block_rows), first_block):
        sums.add_block(number, masses(partition.y[rows], None if weight is None else weight[rows], n_classes))
    return sums


def sampled(partition: Partition, first_row: int, step: int) -> tuple[Any, Array, Array | None]:
    """Those samples whose numbers, among all, are multiples of a step."""
    rows = slice(-first_row % step, None, step)
    weight = None if partition.weight is None else partition.weight[rows].copy()
    return partition.X[rows].copy(), partition.y[rows].copy(), weight


@dataclass(frozen=True, slots=True)
class Query:
    """A model, and how its losses are weighted."""

    coef: Array  # (C, F), in the dtype to compute in
    intercept: Array
    class_weight: Array | None
    label_smoothing: float
    n_classes: int
    block_rows: int
    batch_rows: int | None


@quiet
def gradient(partition: Partition, first_block: int, query: Query) -> Sums:
    """The sums of the gradients and of the losses."""
    sums, weight, ones = Sums(), partition.weight, np.ones(query.n_classes)
    with _blas.one_thread:
        for number, rows in enumerate(blocks(len(partition.y), query.block_rows), first_block):
            target = Target(
                partition.y[rows], None if weight is None else weight[rows], query.class_weight,
                query.label_smoothing, ones, 1.0,
            )  # fmt: skip
            objective = Objective(partition.X[rows], target, 0.0, query.batch_rows, 1, n_groups=1)
            if objective.dtype != query.coef.dtype:
                objective.compute_in(query.coef.dtype)
            sums.add_block(number, objective.total(query.coef, query.intercept))
    return sums


def each(function: Callable[..., Sums], first_blocks: list[int], args: Sequence[Any], *partitions: Partition) -> Sums:
    """What a function makes of some partitions, merged."""
    return merge(*(function(*pair, *args) for pair in zip(partitions, first_blocks, strict=True)))


def merge(*parts: Sums) -> Sums:
    """Of several partitions."""
    return reduce(Sums.merge, parts, Sums())


def total(n_blocks: int, *parts: Sums) -> Array:
    """Of all partitions."""
    return merge(*parts).total(n_blocks)
