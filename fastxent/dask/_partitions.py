"""What is done with each partition, what errors say of it, and how results come together."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from itertools import accumulate, product
from typing import Any, NamedTuple

import dask.array as da
import numpy as np
from dask.base import tokenize
from dask.delayed import Delayed
from dask.highlevelgraph import HighLevelGraph
from dask.layers import ArrayValuesDep

from fastxent import _explain
from fastxent.dask._operands import Operands, in_numpy, is_known, without

FAN_IN = 16  # results that one task adds up


class Place(NamedTuple):
    """Where a partition is."""

    number: tuple[int, ...]  # along each axis of the samples
    first: tuple[int | None, ...]  # of its samples; None where lengths are not known
    by_rows: bool  # whether no axis but the first is cut


def mapped(function: Callable[..., Any], operands: Operands, dtype: Any = object, **options: Any) -> Any:
    """``function(number, scores, target, weight, **options)`` of each partition, as the blocks of a dask array.

    It has the axes of the scores, of size 1 that of the classes: only where no axis is lost does dask fuse what makes a
    block into the task that uses it.
    """
    scores, target, weight, axis = operands.scores, operands.target, operands.weight, operands.axis
    return da.blockwise(
        in_task, operands.axes_of(scores), scores, operands.axes_of(scores), target, operands.axes_of(target),
        weight, None if weight is None else operands.axes_of(weight), places_of(operands), operands.sample_axes,
        function=function, axis=axis, names=operands.names, broadcast=operands.broadcast, options=options,
        token=function.__name__, adjust_chunks={} if axis is None else {axis: 1}, concatenate=True, align_arrays=False,
        dtype=dtype, meta=np.empty((0,) * scores.ndim, dtype),
    )  # fmt: skip


def places_of(operands: Operands) -> ArrayValuesDep:
    """The place of each block."""
    chunks = without(operands.scores.chunks, operands.axis)
    starts = [list(accumulate(sizes[:-1], initial=0)) if is_known(sizes) else [None] * len(sizes) for sizes in chunks]
    numbers = list(product(*(range(len(sizes)) for sizes in chunks)))
    by_rows = len(chunks) > 0 and all(len(sizes) == 1 for sizes in chunks[1:])
    places = {i: Place(i, first, by_rows) for i, first in zip(numbers, product(*starts), strict=True)}
    return ArrayValuesDep(chunks, places)


def in_task(
    scores: Any, target: Any, weight: Any, place: Place, *, function: Callable[..., Any], axis: int | None,
    names: tuple[str, str], broadcast: tuple[bool, ...], options: dict[str, Any],
) -> Any:  # fmt: skip
    """The function of one partition, which errors name."""
    samples = without(scores.shape, axis)
    with named(place, samples):
        scores, target = in_numpy(scores, names[0]), in_numpy(target, names[1])
        weight = in_numpy(weight, "sample_weight")
        if weight is not None:
            expected = tuple(1 if one else n for one, n in zip(broadcast, samples, strict=True))
            if weight.shape != expected:
                classes = 0 if axis is None else scores.shape[axis]
                _explain.raise_not_per_sample(weight.shape, "sample_weight", samples, classes)
        return function(place.number, scores, target, weight, **options)


@contextmanager
def named(place: Place, shape: tuple[int, ...]) -> Iterator[None]:
    """Begin what an error says with the partition's number, and the samples that it has, if these are known."""
    try:
        yield
    except (TypeError, ValueError) as error:
        kind = TypeError if isinstance(error, TypeError) else ValueError
        raise kind(f"{words_for(place, shape)}, here counted from 0: {error}") from error


def words_for(place: Place, shape: tuple[int, ...]) -> str:
    if place.by_rows:
        first = place.first[0]
        return f"partition {place.number[0]}, rows" + (
            f" {first} to {first + shape[0] - 1}" if first is not None else ""
        )
    slices = [":" if first is None else f"{first}:{first + n}" for first, n in zip(place.first, shape, strict=True)]
    return f"partition {place.number}, samples [{', '.join(slices)}]"


def brought_together(parts: Any, plus: Callable[[list[Any]], Any]) -> Any:
    """What the blocks add up to, delayed: a few at a time in a tree, wherever they are.

    The tree is one layer of the graph: a call of something delayed for each node would look at all of the graph anew.
    """
    blocks = parts.to_delayed().ravel()
    keys, name = [block.key for block in blocks], f"{plus.__name__}-{tokenize(parts.name)}"
    layer: dict[Any, Any] = {}
    while len(keys) > 1:
        groups = [keys[k : k + FAN_IN] for k in range(0, len(keys), FAN_IN)]
        nodes = {(name, number): (plus, group) for number, group in enumerate(groups, len(layer))}
        keys, layer = list(nodes), layer | nodes
    if not layer:
        return blocks[0]
    return Delayed(keys[0], HighLevelGraph.from_collections(name, layer, [blocks[0]]), layer=name)
