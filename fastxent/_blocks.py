"""Arrays cut into blocks, so that what is made of them on the way has few megabytes."""

from __future__ import annotations

import math
from collections.abc import Iterator

from fastxent._types import Array

Cut = tuple[slice, ...]  # of the first axes


def blocks(stop: int, size: int, start: int = 0) -> Iterator[slice]:
    """Slices of so many, the last of what is left, from start to stop."""
    for first in range(start, stop, size):
        yield slice(first, min(first + size, stop))


def views(array: Array, size: int) -> Iterator[tuple[slice, Array]]:
    """Such slices of the first axis, each with its part of the array."""
    for rows in blocks(len(array), size):
        yield rows, array[rows]


def cuts(shape: tuple[int, ...], most: int) -> Iterator[Cut]:
    """Slices that part an array of this shape into blocks of at most so many elements, in their order."""
    rest = math.prod(shape[1:])
    if math.prod(shape) <= most:
        yield ()
    elif rest <= most:
        for rows in blocks(shape[0], most // rest):
            yield (rows,)
    else:
        for rows in blocks(shape[0], 1):
            for inner in cuts(shape[1:], most):
                yield (rows, *inner)
