"""Cross entropy of scaled scores and its derivatives, block by block: nothing of the scores' size is allocated.

With the inverse temperature b and d_k = x_k - x_y, the score of class k beside that of the sample's own class, a sample
has the loss lse(b d), whose first derivative is the mean of d under p = softmax(b d), and the second its variance.
"""

from __future__ import annotations

import copy
import math
from collections.abc import Callable
from dataclasses import replace
from typing import Any, Self

import numpy as np

import fastxent as fx
from fastxent import _sums, _threads
from fastxent._blocks import views
from fastxent._kernels.ways import numbers
from fastxent._quiet import quietly
from fastxent._types import Array
from fastxent.sklearn._scores import Scores

MODERATE = 30  # scores between 2**-30 and 2**30 have squares well inside float32
# From so many classes on, NumPy's pairwise sums take no longer than einsum's plain ones (60 to 100; float32 and
# float64). BLAS would be as fast, but may split a sum among threads of its own, and differently each time.
PAIRWISE = 100
# Elements of a block: more than in a kernel's, since some 25 calls of NumPy work on each (10 to 20 % faster than one
# kernel's block), but few enough for the level-2 cache, and for a million elements to occupy two threads.
ELEMENTS = 2 * numbers()["block_elements"]


class ScaledLoss:
    """What one score for each class and one score alone have in common: blocks of samples, weights, the unit.

    Scores far from 1 are multiplied by ``unit``, a power of two; inverse temperatures are those of x * unit.
    """

    def __init__(self, scores: Scores, labels: Array, weight: Array | None, n_threads: int | None) -> None:
        self.scores, self.labels, self.weight, self.n_threads = scores, labels, weight, n_threads
        self.rows = max(1, ELEMENTS // math.prod(scores.array.shape[1:]))
        self.total = float(len(labels) if weight is None else weight.sum(dtype=np.float64))
        self.unit, self.with_infinities = unit_of(scores, self.rows)

    def every(self, step: int) -> Self:
        """The loss of every so-manieth sample, in the same unit."""
        few = copy.copy(self)
        few.scores = replace(self.scores, array=self.scores.array[::step])
        few.labels = self.labels[::step]
        few.weight = None if self.weight is None else self.weight[::step]
        return few

    def blocks(self, of_block: Callable[[slice, Array, Array], Any], width: int, dtype: Any = None) -> Array:
        """What ``of_block`` finds in each block of samples, ``width`` numbers; the threads share the blocks.

        It is computed in the scores' dtype, or in another one.
        """
        n = len(self.labels)
        found = np.empty((-(-n // self.rows), width))

        def kernel(job: Any) -> None:
            scratch = np.empty(
                (2, min(self.rows, n), *self.scores.array.shape[1:]), dtype or self.scores.dtype
            )  # of this thread

            def compute(number: int) -> None:
                start = number * self.rows
                block = slice(start, min(start + self.rows, n))
                # what underflows may, and zero weights may meet any score
                found[number] = quietly(of_block, block, *scratch[:, : block.stop - start])

            job.each(compute)

        _threads.run(kernel, (), len(found), self.n_threads)
        return found

    def derivatives(self, inverse: float) -> tuple[float, float]:
        """First and second derivative of the summed loss in the inverse temperature."""
        found = self.blocks(lambda block, d, z: self.derivatives_of(block, d, z, inverse), 2)
        return _sums.total(found[:, 0]), _sums.total(found[:, 1])

    def loss_grad(self, inverse: float, bias: Array) -> tuple[float, float, Array]:
        """The summed loss and its gradient in the inverse temperature and in the bias."""
        # in float64: a line search compares losses that differ by less than float32 can tell
        found = self.blocks(
            lambda block, d, z: self.loss_grad_of(block, d, z, inverse, bias), 2 + len(bias), np.float64
        )
        sums = found.sum(axis=0)
        return float(sums[0]), float(sums[1]), sums[2:]

    def bounds(self) -> tuple[float, float]:
        """The least and the greatest finite d of samples that count."""
        found = self.blocks(self.bounds_of, 2)
        return float(found[:, 0].min()), float(found[:, 1].max())

    def gap(self) -> float:
        """The smallest lead, above 0, of a sample's own class over another; for samples that are all right."""
        return -float(self.blocks(self.gap_of, 1).max())

    def bounds_of(self, block: slice, d: Array, _: Array) -> tuple[float, float]:
        self.counted(block, d)
        return float(d.min()), float(d.max())

    def gap_of(self, block: slice, d: Array, _: Array) -> float:
        self.counted(block, d)
        return float(d.max(where=d < 0, initial=-np.inf))

    def counted(self, block: slice, d: Array) -> None:
        """Write the finite d of a block; 0 elsewhere and in samples of weight 0."""
        self.differences(block, d)
        if self.with_infinities:
            d[~np.isfinite(d)] = 0.0
        if self.weight is not None:
            d[self.weight[block] == 0] = 0.0

    def differences(self, block: slice, d: Array) -> None:
        raise NotImplementedError

    def derivatives_of(self, block: slice, d: Array, z: Array, inverse: float) -> tuple[float, float]:
        raise NotImplementedError

    def loss_grad_of(self, block: slice, d: Array, z: Array, inverse: float, bias: Array) -> Array:
        raise NotImplementedError

    def in_unit(self, block: slice, out: Array) -> Array:
        """The scores of a block: where they lie if they can be read there, else written to ``out``."""
        if self.unit == 1.0 and not self.scores.probabilities and self.scores.array.dtype == out.dtype:
            return self.scores.array[block]
        x = self.scores.read(block, out)
        if self.unit != 1.0:
            x *= x.dtype.type(self.unit)
        return x

    def summed(self, values: Array, block: slice) -> float:
        """The weighted sum of one value for each sample."""
        if self.weight is None:
            return float(values.sum(dtype=np.float64))
        return float(np.multiply(values, self.weight[block], dtype=np.float64).sum())


class SoftmaxLoss(ScaledLoss):
    """(n, C) scores, one for each class; -inf for a class that cannot be."""

    def differences(self, block: slice, d: Array) -> None:
        """Write d, -inf where the class cannot be."""
        x = self.in_unit(block, d)
        own = x[np.arange(len(x)), self.labels[block]]
        own[np.isneginf(own)] = 0.0  # such a sample has weight 0
        np.subtract(x, own[:, None], out=d, dtype=d.dtype)

    def scale(self, block: slice, inverse: float, d: Array, z: Array) -> None:
        """Write d, with 0 for -inf, and inverse * d."""
        self.differences(block, d)
        np.multiply(d, d.dtype.type(inverse), out=z)
        if self.with_infinities:
            gone = np.isneginf(d)
            z[gone], d[gone] = -np.inf, 0.0  # gone at any temperature, the infinite one too

    def derivatives_of(self, block: slice, d: Array, z: Array, inverse: float) -> tuple[float, float]:
        # sum_k p_k d_k and sum_k p_k d_k^2 - (sum_k p_k d_k)^2
        self.scale(block, inverse, d, z)
        p = fx.softmax(z, out=z)
        if d.shape[1] < PAIRWISE:
            mean = np.einsum("ij,ij->i", p, d)
            square = np.einsum("ij,ij->i", np.multiply(p, d, out=p), d)
        else:
            mean = np.multiply(p, d, out=p).sum(axis=1)
            square = np.multiply(p, d, out=p).sum(axis=1)
        return self.summed(mean, block), self.summed(square - mean * mean, block)

    def loss_grad_of(self, block: slice, d: Array, z: Array, inverse: float, bias: Array) -> Array:
        self.scale(block, inverse, d, z)
        z += bias.astype(z.dtype)
        weight = None if self.weight is None else self.weight[block]
        loss, grad = fx.softmax_cross_entropy_grad(z, self.labels[block], sample_weight=weight, reduction="sum", out=z)
        by_class = grad.sum(axis=0, dtype=np.float64)
        return np.array([loss, np.multiply(grad, d, out=d).sum(dtype=np.float64), *by_class])


class SigmoidLoss(ScaledLoss):
    """(n,) scores of the second of two classes, the log-odds at temperature 1: a sigmoid takes the softmax's place."""

    def differences(self, block: slice, d: Array) -> None:
        """Write the score of the other class beside that of the own."""
        np.copyto(d, self.in_unit(block, d))
        np.negative(d, out=d, where=self.labels[block] == 1)

    def derivatives_of(self, block: slice, d: Array, z: Array, inverse: float) -> tuple[float, float]:
        # sigmoid(d) d and sigmoid(d) sigmoid(-d) d^2: the target of d is always 0
        self.differences(block, d)
        np.multiply(d, d.dtype.type(inverse), out=z)
        _, grad, hess = fx.sigmoid_cross_entropy_grad_hess(
            z, np.broadcast_to(np.False_, z.shape), reduction="sum", out=z
        )
        return self.summed(grad * d, block), self.summed(hess * d * d, block)

    def loss_grad_of(self, block: slice, d: Array, z: Array, inverse: float, bias: Array) -> Array:
        np.copyto(d, self.in_unit(block, d))
        np.multiply(d, d.dtype.type(inverse), out=z)
        z += z.dtype.type(bias[0])
        weight = None if self.weight is None else self.weight[block]
        loss, grad = fx.sigmoid_cross_entropy_grad(z, self.labels[block], sample_weight=weight, reduction="sum", out=z)
        return np.array([loss, np.multiply(grad, d, out=d).sum(dtype=np.float64), grad.sum(dtype=np.float64)])


def unit_of(scores: Scores, rows: int) -> tuple[float, bool]:
    """A power of two that makes scores moderate, 1 where they are; and whether one is -inf."""
    if scores.probabilities:
        return 1.0, False
    largest, with_infinities = 0.0, False
    for _, block in views(scores.array, rows):
        low, high = float(block.min()), float(block.max())
        if low == -math.inf:
            with_infinities = True
            low = float(block.min(where=block > -math.inf, initial=0.0))
        largest = max(largest, abs(low), high)
    exponent = math.frexp(largest)[1]
    if largest == 0.0 or abs(exponent) <= MODERATE:
        return 1.0, with_infinities
    limit = int(np.finfo(scores.dtype).maxexp) - 2
    return math.ldexp(1.0, -max(-limit, min(limit, exponent))), with_infinities
