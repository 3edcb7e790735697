"""The rows of a linear layer's losses: what they are of, and those that count, chunk by chunk."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np

from fastxent import _bfloat16
from fastxent._blocks import blocks
from fastxent._linear.product import Product, converted, gather
from fastxent._types import Array


class Counted(NamedTuple):
    """The rows that count."""

    n: int
    rows: Array | None  # their numbers; None: all of them


@dataclass(frozen=True)
class Targets:
    """What the losses of rows are of, checked, and how they are weighted."""

    each: Array  # (N,) labels, or (N, C) distributions
    class_weight: Array | None  # (C,) float64
    sample_weight: Array | None  # (N,)
    ignored: int | None
    smoothing: float
    z_loss: float
    denominator: float

    @property
    def are_labels(self) -> bool:
        return self.each.ndim == 1

    def counted(self) -> Counted:
        """The rows that count."""
        if self.denominator == 0.0:
            return Counted(0, np.empty(0, np.intp))
        live: Array | None = None
        if self.are_labels and self.ignored is not None:
            live = self.each != self.ignored
        if self.sample_weight is not None:
            weighted = np.asarray(_bfloat16.widened(self.sample_weight) != 0)
            live = weighted if live is None else live & weighted
        if live is None or live.all():
            return Counted(len(self.each), None)
        rows = np.flatnonzero(live)
        return Counted(len(rows), rows)

    def weights(self, rows: Any) -> Any:
        """The sample weights of some rows, in double."""
        if self.sample_weight is None:
            return 1.0
        return np.asarray(_bfloat16.widened(self.sample_weight[rows]), np.float64)


@dataclass(frozen=True)
class Chunk:
    """Some rows: where they are among all, and their hidden states in the dtype computed in."""

    rows: Any  # a slice or indices
    hidden: Array
    is_first: bool
    is_last: bool


def chunks(product: Product, counted: Counted, size: int, room: Array | None) -> Iterator[Chunk]:
    """The rows that count, at most so many at a time; hidden states that are copied go to `room`."""
    for block in blocks(counted.n, size):
        rows: Any = block if counted.rows is None else counted.rows[block]
        if counted.rows is None or room is None:
            hidden = converted(product.hidden[rows], product.dtype, room)
        else:
            hidden = gather(product.hidden, rows, room)
        yield Chunk(rows, hidden, block.start == 0, block.stop == counted.n)


def chunks_of_logits(
    product: Product, counted: Counted, size: int, states: Array | None, room: Array
) -> Iterator[tuple[Chunk, Array]]:
    """The same, and the logits of each: all in the same memory."""
    logits_room = np.empty((min(size, counted.n), product.classes), product.dtype)
    for chunk in chunks(product, counted, size, states):
        logits = logits_room[: len(chunk.hidden)]
        product.logits(chunk.hidden, slice(0, product.classes), logits, room)
        yield chunk, logits
