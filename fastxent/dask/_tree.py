"""Sums over blocks of rows, added at the nodes of one fixed binary tree: the same bits whoever adds which first.

Node (level, k) is the sum of the blocks from k 2^level to (k + 1) 2^level - 1, that of its two children. A partition
knows the largest nodes that its blocks make up, and two that meet make up larger ones: it does not matter where the
borders between partitions are, nor which of them meet first. Each addition is one of double-doubles [1]_, so that the
sum of many blocks is as good as that of one.

References
----------
.. [1] T. J. Dekker, "A floating-point technique for extending the available precision", Numerische Mathematik 18,
   1971, section 5.
"""

from __future__ import annotations

from typing import Self

import numpy as np

from fastxent._quiet import quiet
from fastxent._types import Array

Node = tuple[int, int]  # level, number
DoubleDouble = tuple[Array, Array | float]  # what is rounded, and the rest


class Sums:
    """The nodes of some blocks, which need not follow one another."""

    def __init__(self) -> None:
        self.nodes: dict[Node, DoubleDouble] = {}

    def add_block(self, number: int, sums: Array) -> None:
        """Add what a block sums to; the array is kept."""
        self._add(0, number, (sums, 0.0))

    def merge(self, other: Sums) -> Self:
        """Add other blocks."""
        for (level, number), value in other.nodes.items():
            self._add(level, number, value)
        return self

    def _add(self, level: int, number: int, value: DoubleDouble) -> None:
        while (sibling := self.nodes.pop((level, number ^ 1), None)) is not None:
            level, number, value = level + 1, number >> 1, plus(sibling, value)
        self.nodes[level, number] = value

    def total(self, n_blocks: int) -> Array:
        """The sum of all blocks, of which none may be missing."""
        last, value = n_blocks, None
        for level, number in sorted(self.nodes):  # the last blocks are in the smallest node
            if (number + 1) << level != last:
                break
            value = plus(self.nodes[level, number], value) if value else self.nodes[level, number]
            last = number << level
        if last or value is None:
            raise RuntimeError(f"of {n_blocks} blocks there are the sums of {sorted(self.nodes)} only")
        return value[0] + value[1]


@quiet
def plus(a: DoubleDouble, b: DoubleDouble) -> DoubleDouble:
    """The sum, in which it does not matter which is first."""
    high = a[0] + b[0]
    of_b = high - a[0]
    low = (a[0] - (high - of_b)) + (b[0] - of_b) + (a[1] + b[1])
    result = high + low
    low = low - (result - high)
    finite = np.isfinite(high)
    return (result, low) if finite.all() else (np.where(finite, result, high), np.where(finite, low, 0.0))
