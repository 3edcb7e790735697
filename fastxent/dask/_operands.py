"""Collections as dask arrays of the same partitions: scores, targets and weights of samples."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import dask.array as da
import numpy as np

from fastxent import _bfloat16, _check
from fastxent.evaluation._reading import ONE_SCORE

Chunks = tuple[tuple[float, ...], ...]  # nan where a partition's length is not known


class Operands(NamedTuple):
    """dask arrays of the same partitions: of the samples, along the axes of the scores but `axis`, which is not cut."""

    scores: Any
    target: Any
    weight: Any | None
    axis: int | None  # of the classes; None where each score is a sample
    names: tuple[str, str]  # of scores and target
    broadcast: tuple[bool, ...]  # of the samples' axes: whether there is one weight for all along it

    @property
    def sample_axes(self) -> tuple[int, ...]:
        return without(tuple(range(self.scores.ndim)), self.axis)

    def axes_of(self, array: Any) -> tuple[int, ...]:
        """Which axes of the scores an operand has."""
        return tuple(range(self.scores.ndim)) if array.ndim == self.scores.ndim else self.sample_axes


def operands_of(scores: Any, target: Any, weight: Any, axis: Any, name: str, target_name: str) -> Operands:
    """The arguments in the partitions of the scores."""
    scores = scores_of(scores, name)
    if axis is not None:
        axis = _check.axis_of(axis, scores.ndim, name)
        check_known_along(scores, axis, name)
        scores = scores.rechunk({axis: -1})
    samples = without(scores.chunks, axis)
    target = as_dask(target, target_name)
    fitting = [shape for shape in (samples, scores.chunks) if may_be(target.chunks, shape)]
    if not fitting:
        expected = shape_of(samples)
        if axis is not None:
            expected += f" for class indices or {shape_of(scores.chunks)} for distributions"
        raise ValueError(
            f"{target_name} has shape {shape_of(target.chunks)}, but {name} have shape {shape_of(scores.chunks)}: "
            f"expected {expected}"
        )
    target = aligned(target, target_name, fitting[0], name)
    broadcast: tuple[bool, ...] = ()
    if weight is not None:
        weight = as_dask(weight, "sample_weight")
        if weight.ndim == 0:
            weight = weight.reshape((1,) * len(samples))
        broadcast = tuple(sizes == (1,) for sizes in weight.chunks)
        wanted = tuple((1,) if one else sizes for one, sizes in zip(broadcast, samples, strict=False))
        if weight.ndim != len(samples) or not may_be(weight.chunks, wanted):
            raise ValueError(
                f"sample_weight has shape {shape_of(weight.chunks)}, but the samples have shape {shape_of(samples)}: "
                "expected a scalar, or that rank with each size equal or 1"
            )
        weight = aligned(weight, "sample_weight", wanted, name)
    return Operands(scores, target, weight, axis, (name, target_name), broadcast)


def scores_of(value: Any, name: str) -> Any:
    """A collection; for an array in memory there are other functions."""
    if not has_graph(value):
        raise TypeError(
            f"{name} is a {type(value).__name__} in memory, but fastxent.dask takes dask arrays, DataFrames or Series: "
            f"dask.array.from_array({name}) makes one; fastxent and fastxent.metrics have the functions for memory"
        )
    array = as_dask(value, name)
    if array.ndim == 0:
        raise ValueError(f"{name} is a scalar; expected at least one axis")
    return array


def has_graph(value: Any) -> bool:
    """Whether it is dask's, of any kind."""
    return hasattr(value, "__dask_graph__")


def is_collection(value: Any) -> bool:
    """Whether it is an array or a data frame of dask's."""
    return isinstance(value, da.Array) or hasattr(type(value), "to_dask_array")  # a Delayed has any attribute


def as_dask(value: Any, name: str) -> Any:
    """A collection as a dask array, of unknown lengths if it was a DataFrame; an array in memory as one block."""
    if is_collection(value):
        return value if isinstance(value, da.Array) else of_frame(value)
    if has_graph(value):
        library = type(value).__module__.partition(".")[0]
        raise TypeError(f"{name} is a {library} {type(value).__name__}; expected a dask array, DataFrame or Series")
    return da.from_array(_check.array_of(value, name), chunks=-1)


def of_frame(frame: Any) -> Any:
    """A DataFrame or Series as an array whose blocks are pandas' own.

    Not its `to_dask_array`: that may join partitions of files, more of them for a single column than for many.
    """
    dtypes = [frame.dtype] if frame.ndim == 1 else list(frame.dtypes)
    own = [getattr(dtype, "numpy_dtype", dtype) for dtype in dtypes]  # of what may be missing
    dtype = np.result_type(*own) if all(isinstance(one, np.dtype) for one in own) else np.dtype(object)
    shape = (math.nan, *([] if frame.ndim == 1 else [len(dtypes)]))
    parts = [da.from_delayed(part, shape, dtype=dtype) for part in frame.to_delayed(optimize_graph=False)]
    return da.concatenate(parts, allow_unknown_chunksizes=True)


def in_numpy(block: Any, name: str) -> Any:
    """A block of a DataFrame as an array."""
    return np.asarray(_check.without_missing(block, name)) if is_pandas(block) else block


def is_pandas(value: Any) -> bool:
    return type(value).__module__.partition(".")[0] == "pandas"


def may_be(theirs: Chunks, ours: Chunks) -> bool:
    """Whether two shapes are the same as far as they are known."""
    return len(theirs) == len(ours) and all(
        sum(one) == sum(other) for one, other in zip(theirs, ours, strict=True) if is_known(one) and is_known(other)
    )


def aligned(array: Any, name: str, chunks: Chunks, scores: str) -> Any:
    """An array of this shape in these chunks; along an axis of unknown lengths it must have as many."""
    for i, (theirs, ours) in enumerate(zip(array.chunks, chunks, strict=True)):
        if is_known(theirs) and is_known(ours):
            array = array.rechunk({i: ours})
        elif len(theirs) != len(ours):
            raise ValueError(
                f"{name} has {len(theirs)} partitions along axis {i}, but {scores} {len(ours)}, and some of unknown "
                "lengths, so that they cannot be brought together: compute_chunk_sizes() finds those of an array, "
                "to_dask_array().compute_chunk_sizes() those of a DataFrame"
            )
    return array


def check_known_along(scores: Any, axis: int, name: str) -> None:
    """Raise unless it is known how many classes there are."""
    if not is_known(scores.chunks[axis]):
        instead = ONE_SCORE if scores.ndim == 1 else f"call {name}.compute_chunk_sizes() first"
        raise ValueError(
            f"{name} have shape {shape_of(scores.chunks)}, but the number of classes must be known: {instead}"
        )


def is_known(sizes: tuple[float, ...]) -> bool:
    return not any(map(math.isnan, sizes))


def shape_of(chunks: Chunks) -> str:
    """As Python writes it, with ? for a size that is not known."""
    sizes = [str(int(sum(one))) if is_known(one) else "?" for one in chunks]
    return f"({', '.join(sizes)}{',' * (len(sizes) == 1)})"


def without(sizes: tuple[Any, ...], axis: int | None) -> tuple[Any, ...]:
    return tuple(size for i, size in enumerate(sizes) if i != axis)


def computed_in(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """What the losses of such scores are; those of a DataFrame may be of any dtype."""
    numbers = dtype.kind in "fiub" or _bfloat16.is_bfloat16(dtype)
    return _check.float_array(np.empty(1, dtype), "scores")[1] if numbers else np.dtype(np.float64)
