"""The gradients of a linear layer, added up chunk by chunk and rounded once."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastxent._blocks import blocks
from fastxent._kernels import door
from fastxent._linear.multiply import multiply
from fastxent._linear.product import Product, converted, scatter
from fastxent._linear.rows import Chunk
from fastxent._types import Array

NONE = np.empty(0)

Outs = tuple[Array | None, Array | None, Array | None]


class WeightSum:
    """The gradient of the weight, to which chunks add: rounded once to its dtype, with the last one.

    Until then float32 numbers have half of their bits where a gradient of half precision is going to be, and those that
    are computed in double are beside a gradient of another dtype as a whole.
    """

    def __init__(self, out: Array, dtype: np.dtype[Any], several: bool) -> None:
        self.out = out
        self.is_wide = out.dtype.itemsize >= dtype.itemsize
        self.halved = dtype == np.float32 and not self.is_wide
        rest = self.dtype_beside(out, dtype)
        self.rest = NONE if rest is None or not several else np.empty(out.shape, rest)

    @staticmethod
    def dtype_beside(out: Array, dtype: np.dtype[Any]) -> np.dtype[Any] | None:
        """Of the array that several chunks need beside the gradient, if they do."""
        if out.dtype.itemsize >= dtype.itemsize:
            return None
        return np.dtype(np.uint16) if dtype == np.float32 else dtype

    def add(self, part: Array, classes: slice, chunk: Chunk) -> None:
        """What the chunk adds for some classes; it is used up."""
        out, rest = self.out[classes], self.rest[classes]
        if self.is_wide and chunk.is_first:
            out[...] = part
        elif self.is_wide:
            out += part
        else:
            if not chunk.is_first and self.halved:
                door.add_joined(part, out, rest)
            elif not chunk.is_first:
                part += rest
            if chunk.is_last:
                door.convert(part, out, 1)
            elif self.halved:
                door.split(part, out, rest)
            else:
                rest[...] = part


class Gradients:
    """Where those gradients go that are wanted, and what is added up before it is rounded once to their dtype."""

    def __init__(self, product: Product, outs: Outs, rows: int, states: Array | None, several: bool) -> None:
        self.product, self.states = product, states
        self.hidden, weight, self.bias = outs
        self.weight_sum = None if weight is None else WeightSum(weight, product.dtype, several)
        self.bias_sum = None if self.bias is None else np.zeros(len(self.bias))
        self.more = product.states(rows) if product.converts and self.hidden is not None else None

    def add(self, chunk: Chunk, grad: Array, room: Array) -> None:
        """Take in the gradient of some rows' logits; the copy of their hidden states is used up."""
        if self.weight_sum is not None:
            for classes in blocks(self.product.classes, self.product.part):
                part = room[: classes.stop - classes.start]
                multiply(grad[:, classes].T, chunk.hidden, part, self.product.n_threads)
                self.weight_sum.add(part, classes, chunk)
        if self.hidden is not None:
            self.add_hidden(chunk, grad, self.hidden, room)
        if self.bias_sum is not None:
            self.bias_sum += grad.sum(axis=0, dtype=np.float64)

    def add_hidden(self, chunk: Chunk, grad: Array, out: Array, room: Array) -> None:
        """The gradient of the rows' hidden states: whole, since all their classes are there."""
        product, n = self.product, len(grad)
        whole = out[chunk.rows] if self.states is None else self.states[:n]
        if self.more is None:
            multiply(grad, product.weight, whole, product.n_threads)
        else:
            whole[...] = 0
            for classes in blocks(product.classes, product.part):
                weight = converted(product.weight[classes], product.dtype, room)
                whole += multiply(grad[:, classes], weight, self.more[:n], product.n_threads)
        if isinstance(chunk.rows, slice) and self.states is not None:
            door.convert(whole, out[chunk.rows], 1)
        elif self.states is not None:
            scatter(whole, chunk.rows, out)

    def close(self) -> None:
        """Round what was added up."""
        if self.bias is not None and self.bias_sum is not None:
            door.convert(self.bias_sum, self.bias, 1)
