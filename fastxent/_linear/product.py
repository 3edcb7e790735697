"""The logits of a linear layer, of which no more than a part ever exists.

The products are NumPy's and the losses the kernels', both with the threads of our pool.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastxent._blocks import blocks
from fastxent._kernels import door
from fastxent._linear.multiply import multiply
from fastxent._types import Array

CHUNK_BYTES = 2**27  # of whole rows
CHUNK_ROWS = 256, 1024  # the fewest, which the product wants, and the most
PART_BYTES = 2**20  # of the weight, or of its gradient, that is converted or added at once
PART_CLASSES = 256  # of it, the fewest, which the product wants


def converted(array: Array, dtype: np.dtype[Any], room: Array | None = None) -> Array:
    """A part of an input in the dtype computed in, in `room` if there is some; itself if it is of that."""
    if array.dtype == dtype:
        return array
    out = np.empty(array.shape, dtype) if room is None else room[: len(array)]
    door.convert(array, out, 1)
    return out


def pieces(rows: Array, width: int) -> Iterator[slice]:
    """The rows that are picked, so many at a time as are to be copied at once, of so many numbers each."""
    return blocks(len(rows), max(1, PART_BYTES // max(1, width * np.dtype(np.float64).itemsize)))


def gather(array: Array, rows: Array, out: Array) -> Array:
    """Some rows of an input in the dtype computed in; `numpy.take` would copy all of an array that has other steps."""
    out = out[: len(rows)]
    for piece in pieces(rows, array.shape[1]):
        door.convert(array[rows[piece]], out[piece], 1)
    return out


def scatter(array: Array, rows: Array, out: Array) -> None:
    """The way back, rounded to the dtype of `out`."""
    for piece in pieces(rows, array.shape[1]):
        out[rows[piece]] = converted(array[piece], out.dtype)


@dataclass(frozen=True)
class Product:
    """logits = cap(hidden @ weight.T + bias)."""

    hidden: Array  # (N, H)
    weight: Array  # (C, H)
    bias: Array | None  # (C,)
    softcap: float | None
    dtype: np.dtype[Any]  # computed in
    n_threads: int | None = None  # of products, and of what is made of logits

    @property
    def classes(self) -> int:
        return len(self.weight)

    @property
    def size(self) -> int:
        """How many multiplications the logits take."""
        return self.hidden.size * self.classes

    def bytes_of(self, n: int) -> int:
        """What so many hidden states take, or rows of the weight, in the dtype computed in."""
        return n * self.weight.shape[1] * self.dtype.itemsize

    @property
    def part(self) -> int:
        """Of how many classes the weight is converted, or its gradient added, at once."""
        return max(1, min(max(PART_CLASSES, PART_BYTES // max(1, self.bytes_of(1))), self.classes))

    def room(self) -> Array:
        """For such a part, of the weight or of its gradient."""
        return np.empty((self.part, self.weight.shape[1]), self.dtype)

    @property
    def converts(self) -> bool:
        """Whether the weight is of another dtype than the one computed in."""
        return bool(self.weight.dtype != self.dtype)

    def copies(self, live: Array | None) -> bool:
        """Whether hidden states are, which rows that do not count leave out."""
        return live is not None or bool(self.hidden.dtype != self.dtype)

    def states(self, n: int) -> Array:
        """Room for the hidden states of some rows, or for something of their shape."""
        return np.empty((n, self.weight.shape[1]), self.dtype)

    def logits(self, hidden: Array, classes: slice, out: Array, room: Array) -> None:
        """The logits of some rows for some classes; a weight that is converted goes through `room`."""
        if self.converts:
            for part in blocks(classes.stop, self.part, classes.start):
                weight = converted(self.weight[part], self.dtype, room)
                multiply(
                    hidden, weight.T, out[:, part.start - classes.start : part.stop - classes.start], self.n_threads
                )
        else:
            multiply(hidden, self.weight[classes].T, out, self.n_threads)
        if self.bias is not None:
            out += converted(self.bias[classes], self.dtype)
        if self.softcap is not None:
            out /= self.softcap
            np.tanh(out, out=out)
            out *= self.softcap

    def fit(self, states: int = 0, taken: int = 0) -> int:
        """How many whole rows of logits do, beside so many arrays of their hidden states' shape, and bytes."""
        left = CHUNK_BYTES - taken - max(0, self.bytes_of(self.part) - PART_BYTES)
        return left // max(1, self.classes * self.dtype.itemsize + states * self.bytes_of(1))

    def chunk_rows(self, states: int = 0) -> int:
        """How many whole rows of logits are made at once."""
        fewest, most = CHUNK_ROWS
        return min(max(self.fit(states), fewest), most)
