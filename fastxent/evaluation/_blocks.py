"""Samples cut into blocks, of which arrays that are made on the way have few megabytes."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fastxent._types import Array

Cut = tuple[slice, ...]  # of the first axes of the samples


def cuts(shape: tuple[int, ...], most: int) -> Iterator[Cut]:
    """Slices that part samples of this shape into blocks of at most so many, in their order."""
    rest = math.prod(shape[1:])
    if math.prod(shape) <= most:
        yield ()
    elif rest <= most:
        step = most // rest
        for start in range(0, shape[0], step):
            yield (slice(start, start + step),)
    else:
        for i in range(shape[0]):
            for inner in cuts(shape[1:], most):
                yield (slice(i, i + 1), *inner)


def part(array: Array, cut: Cut, axis: int | None = None) -> Array:
    """A block's part of an array of the samples; of one that has classes along an axis, too."""
    if axis is not None and axis < len(cut):
        cut = (*cut[:axis], slice(None), *cut[axis:])
    return array[cut]
