"""Logits of a linear model, its loss and its gradient, by blocks of rows: nothing of the size N x C is ever held."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import safe_sparse_dot

import fastxent as fx
from fastxent._types import Array
from fastxent.sklearn._target import Target

BLOCK_BYTES = 2**20  # rows of X and of logits that a block holds: half of it stays in an L2 cache between the passes
LEAST_ROWS = 128  # below that BLAS loses more than the cache gains


def rows_of_block(X: Any, n_classes: int, batch_rows: int | None) -> int:
    """How many rows a block has; None chooses."""
    n_samples, n_features = X.shape
    if batch_rows is not None:
        return max(1, min(int(batch_rows), int(n_samples)))
    width = n_features
    if sparse.issparse(X):
        width = X.nnz // max(n_samples, 1) + 1
    rows = BLOCK_BYTES // (X.dtype.itemsize * (width + n_classes))
    if sparse.issparse(X):  # each block adds a dense gradient of all features, which should not be most of the work
        rows = max(rows, 4 * n_features // width)
    n_blocks = -(-n_samples // max(rows, LEAST_ROWS))
    return int(-(-n_samples // max(n_blocks, 1)))  # as many in the last block as in the others


def blocks(n_samples: int, rows: int) -> Iterator[slice]:
    """Slices of so many rows."""
    for start in range(0, n_samples, rows):
        yield slice(start, min(start + rows, n_samples))


def linear(X: Any, weights: Any, intercept: Array, out: Array) -> None:
    """out = X @ weights + intercept, for one block; weights are (F, C)."""
    if sparse.issparse(X) or sparse.issparse(weights):
        out[...] = safe_sparse_dot(X, weights, dense_output=True)
    else:
        np.matmul(X, weights, out=out)
    out += intercept


class Objective:
    r"""The mean cross entropy of a linear model's logits and an L2 penalty of its coefficients, with the gradient.

    .. math:: f(W, b) = \frac{1}{D} \sum_i v_i\, l(x_i W^T + b, t_i) + \frac{\lambda}{2} \|W - \bar W\|^2

    Of more than two classes :math:`\bar W` is their mean, else 0. Adding one vector to all classes changes no
    probability and, like this, no penalty: at the optimum the mean is 0 anyway, but on the way there a small penalty
    would take L-BFGS hundreds of iterations to remove what drifts in that direction.
    """

    def __init__(self, X: Any, target: Target, l2: float, batch_rows: int | None, n_threads: int | None) -> None:
        self.X = X
        self.target = target
        self.l2 = l2
        self.n_threads = n_threads
        self.n_outputs = 1 if target.binary else len(target.mass)
        self.rows = rows_of_block(X, self.n_outputs, batch_rows)
        self.compute_in(X.dtype)

    @property
    def size(self) -> int:
        """The number of multiplications that all logits take."""
        X = self.X
        return int(X.nnz if sparse.issparse(X) else X.shape[0] * X.shape[1]) * self.n_outputs

    def compute_in(self, dtype: Any) -> None:
        """Multiply in this dtype from now on; blocks of X of another one are converted."""
        self.dtype = np.dtype(dtype)
        self.logits = np.empty((self.rows, self.n_outputs), self.dtype)
        self.ones = np.ones(self.rows, self.dtype)

    def __call__(self, coef: Array, intercept: Array) -> tuple[float, Array, Array]:
        """The value and the gradients with respect to coef (C, F) and intercept (C,), summed in float64."""
        model = self.cast(coef, intercept)
        total = 0.0
        coef_grad, intercept_grad = np.zeros(coef.shape), np.zeros(intercept.shape)
        for rows in blocks(self.X.shape[0], self.rows):
            block = self.block(rows)
            grad = self.linear(block, *model)
            loss, scale = self.loss_and_grad(grad, rows)
            total += loss
            block_grad = grad.T @ block
            if scale != 1.0:
                block_grad *= self.dtype.type(scale)
            coef_grad += block_grad
            intercept_grad += scale * (self.ones[: len(grad)] @ grad)
        coef_grad /= self.target.denominator
        penalised = coef if self.target.binary else coef - coef.mean(axis=0)
        value = total / self.target.denominator + 0.5 * self.l2 * float(np.vdot(penalised, penalised))
        coef_grad += self.l2 * penalised
        return value, coef_grad, intercept_grad / self.target.denominator

    def cast(self, coef: Array, intercept: Array) -> tuple[Array, Array]:
        """The model as `linear` takes it: (F, C) and (C,), in the dtype computed in."""
        return coef.T.astype(self.dtype), intercept.astype(self.dtype)

    def block(self, rows: slice) -> Any:
        """Rows of X in the dtype computed in."""
        return self.X[rows].astype(self.dtype, copy=False)

    def row_weight(self, rows: slice) -> Array:
        """How much the rows of a block count in the Hessian: their weight times what their targets sum to."""
        target = self.target
        values = target.values[rows]
        total = np.ones(len(values))
        if not target.binary and (values.ndim == 2 or target.class_weight is not None):
            weights = np.ones(self.n_outputs) if target.class_weight is None else target.class_weight
            own = weights[values] if values.ndim == 1 else values @ weights
            total = own * (1.0 - target.label_smoothing) + weights.mean() * target.label_smoothing
        return total if target.sample_weight is None else total * target.sample_weight[rows].reshape(-1)

    def linear(self, block: Any, weights: Array, intercept: Array) -> Array:
        """The logits of a block, in an array that the next block reuses."""
        logits = self.logits[: block.shape[0]]
        linear(block, weights, intercept, logits)
        return logits

    def loss_and_grad(self, logits: Array, rows: slice) -> tuple[float, float]:
        """The sum of a block's losses; its logits become the gradient, to be multiplied by the second result."""
        target = self.target
        values = target.values[rows]
        weight = None if target.sample_weight is None else target.sample_weight[rows]
        if target.binary:
            loss, _ = fx.sigmoid_cross_entropy_grad(
                logits, values, sample_weight=weight, reduction="sum", out=logits, n_threads=self.n_threads
            )
            return float(loss), 1.0
        if values.ndim == 1 and weight is target.class_weight is None and not target.label_smoothing:
            # The call without options is the fastest: it matters for some thousand rows of a few classes.
            loss, _ = fx.softmax_cross_entropy_grad(logits, values, out=logits, n_threads=self.n_threads)
            return float(loss) * len(logits), float(len(logits))
        loss, _ = fx.softmax_cross_entropy_grad(
            logits, values, class_weight=target.class_weight, sample_weight=weight,
            label_smoothing=target.label_smoothing, reduction="sum", out=logits, n_threads=self.n_threads,
        )  # fmt: skip
        return float(loss), 1.0
