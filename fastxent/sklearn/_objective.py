"""A linear model's loss and its gradient, by blocks of rows: nothing of the size N x C is ever held.

Blocks that follow one another are a group, which one thread computes with one BLAS thread, and which has sums of its
own. Where blocks and groups begin depends on shapes alone, and the sums are added in the groups' order: the bits are
the same for any number of threads.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, Protocol

import numpy as np
from scipy import sparse
from sklearn.utils.extmath import safe_sparse_dot

import fastxent as fx
from fastxent import _blas, _explain, _threads
from fastxent._blocks import blocks
from fastxent._kernels.job import Job
from fastxent._kernels.linear import Groups
from fastxent._types import Array
from fastxent.sklearn._target import Target

BLOCK_BYTES = 2**19  # rows of X and of logits that a block holds: it stays in an L2 cache between the passes
LEAST_ROWS = 128  # below that BLAS loses more than the cache gains
# Products of few classes are cut so that OpenBLAS has kernels for them that need no packing: twice as fast at seven.
SMALL_PRODUCT, SMALL_ROWS = 1_000_000, 256
MOST_GROUPS, GROUP_BYTES = 32, 2**26  # of which each has a gradient in float64
WORTH_THREADS = 2_000_000  # multiplications for the logits, in a third of a millisecond


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
    elif (few := SMALL_PRODUCT // max(1, n_features * n_classes)) >= SMALL_ROWS:
        rows = min(rows, few)
    n_blocks = -(-n_samples // max(rows, LEAST_ROWS))
    return int(-(-n_samples // max(n_blocks, 1)))  # as many in the last block as in the others


def groups_of(n_blocks: int, n_coefs: int) -> int:
    """How many groups the blocks are."""
    return max(1, min(n_blocks, max(2, min(MOST_GROUPS, GROUP_BYTES // (8 * n_coefs)))))


def linear(X: Any, weights: Any, intercept: Array, out: Array | None) -> Array:
    """X @ weights + intercept for one block, in `out` if X is dense; weights are (F, C)."""
    if sparse.issparse(X) or sparse.issparse(weights):
        out = safe_sparse_dot(X, weights, dense_output=True)
    else:
        out = np.matmul(X, weights, out=out)
    out += intercept
    return out


def size_of(X: Any, n_outputs: int) -> int:
    """The number of multiplications that all logits take."""
    return int(X.nnz if sparse.issparse(X) else X.shape[0] * X.shape[1]) * n_outputs


def is_native(X: Array) -> bool:
    """Whether the processor reads it as it is."""
    return bool(X.flags.aligned and X.dtype.isnative)


def padded(coef: Array, intercept: Array, width: int, dtype: Any) -> tuple[Array, Array]:
    """The model (C, F) and (C,) as products take it: (F, width) and (width,), zeros beyond the outputs."""
    n_outputs, n_features = coef.shape
    weights, bias = np.zeros((n_features, width), dtype), np.zeros(width, dtype)
    weights[:, :n_outputs], bias[:n_outputs] = coef.T, intercept
    return weights, bias


class LinearObjective(Protocol):
    """What L-BFGS is run on: the value and the gradients of a model, wherever its samples are."""

    target: Target  # of all samples, or of those that tell the curvature with the masses of all
    l2: float
    n_samples: int
    n_outputs: int
    size: int  # the number of multiplications that all logits take
    given_dtype: np.dtype[Any]  # of X, and that computed in
    dtype: np.dtype[Any]

    @property
    def sample(self) -> Objective:
        """Of the samples that tell the curvature, or more."""

    def compute_in(self, dtype: Any) -> None:
        """Multiply in this dtype from now on."""

    def __call__(self, coef: Array, intercept: Array) -> tuple[float, Array, Array]:
        """The value and the gradients with respect to coef (C, F) and intercept (C,)."""


def penalised(total: Array, coef: Array, objective: LinearObjective) -> tuple[float, Array, Array]:
    """The value and the gradients, of the sums over all samples."""
    sums, l2, target = total / objective.target.denominator, objective.l2, objective.target
    deviation = coef if target.binary else coef - coef.mean(axis=0)
    value = float(sums[-1]) + 0.5 * l2 * float(np.vdot(deviation, deviation))
    coef_grad = sums[: coef.size].reshape(coef.shape)
    coef_grad += l2 * deviation
    return value, coef_grad, sums[coef.size : -1]


class Objective:
    r"""The mean cross entropy of a linear model's logits and an L2 penalty of its coefficients, with the gradient.

    .. math:: f(W, b) = \frac{1}{D} \sum_i v_i\, l(x_i W^T + b, t_i) + \frac{\lambda}{2} \|W - \bar W\|^2

    Of more than two classes :math:`\bar W` is their mean, else 0. Adding one vector to all classes changes no
    probability and, like this, no penalty: at the optimum the mean is 0 anyway, but on the way there a small penalty
    would take L-BFGS hundreds of iterations to remove what drifts in that direction.
    """

    def __init__(
        self, X: Any, target: Target, l2: float, batch_rows: int | None, n_threads: int | None,
        n_groups: int | None = None,
    ) -> None:  # fmt: skip
        self.X = X
        self.given_dtype = X.dtype
        self.target = target
        self.pins = [pin for array in (X, target.values, target.sample_weight) for pin in _explain.pinned(array)]
        self.l2 = l2
        self.n_outputs = 1 if target.binary else len(target.mass)
        self.size = size_of(X, self.n_outputs)
        self.n_threads = n_threads if self.size >= WORTH_THREADS else 1
        self.rows = rows_of_block(X, self.n_outputs, batch_rows)
        self.n_samples, n_features = X.shape
        self.n_blocks = -(-self.n_samples // self.rows)
        n_coefs = self.n_outputs * n_features
        n_groups = groups_of(self.n_blocks, n_coefs) if n_groups is None else n_groups
        self.sums = np.empty((n_groups, n_coefs + self.n_outputs + 1))  # the loss at the end
        self.compute_in(X.dtype)

    def compute_in(self, dtype: Any) -> None:
        """Multiply in this dtype from now on; blocks of X of another one are converted."""
        self.dtype = np.dtype(dtype)
        self.spare: list[Array] = []  # logits of a block, one array for each thread
        self.compiled = self.compiled_groups()

    def compiled_groups(self) -> Groups | None:
        """What computes groups without the GIL; of dense X and labels."""
        X, target = self.X, self.target
        dense = isinstance(X, np.ndarray) and is_native(X)
        products = _blas.products("s" if self.dtype == np.float32 else "d")
        weighted = target.class_weight is not None
        if products is None or not dense or target.values.ndim == 2 or (weighted and target.label_smoothing):
            return None
        return Groups(
            X, target.values, target.sample_weight, target.class_weight, target.label_smoothing, self.n_outputs,
            self.dtype.name, self.rows, len(self.sums), products,
        )  # fmt: skip

    def __call__(self, coef: Array, intercept: Array) -> tuple[float, Array, Array]:
        """The value and the gradients with respect to coef (C, F) and intercept (C,), summed in float64."""
        return penalised(self.total(coef, intercept), coef, self)

    def total(self, coef: Array, intercept: Array) -> Array:
        """The sums over all samples: of the gradients, C F and C numbers, and of the losses."""
        kernel: Callable[..., None]
        args: tuple[Any, ...]
        if self.compiled is None:
            kernel, args = self.add_groups, padded(coef, intercept, self.n_outputs, self.dtype)
        else:
            weights, bias = padded(coef, intercept, self.compiled.width, self.dtype)
            kernel, args = self.run_compiled, (self.compiled, weights, bias)
        with _blas.one_thread:
            _threads.run(kernel, args, len(self.sums), self.n_threads, blocks_each=1)
        total: Array = self.sums.sum(axis=0)
        return total

    @property
    def sample(self) -> Objective:
        """The one whose rows tell the curvature."""
        return self

    def run_compiled(self, groups: Groups, weights: Array, intercept: Array, job: Job) -> None:
        """What each thread does."""
        _blas.one_thread.help()
        groups(weights, intercept, self.sums, job)

    def add_groups(self, weights: Array, intercept: Array, job: Job) -> None:
        """The same for what is not compiled."""

        def add(group: int) -> None:
            sums = self.sums[group]
            sums[:] = 0.0
            first, last = (number * self.n_blocks // len(self.sums) for number in (group, group + 1))
            for block in blocks(min(last * self.rows, self.X.shape[0]), self.rows, first * self.rows):
                if job.is_stopped():
                    return
                self.add_block(block, weights, intercept, logits, sums)

        try:
            logits = self.spare.pop()
        except IndexError:
            logits = self.room()
        _blas.one_thread.help()
        job.each(add)
        self.spare.append(logits)

    def add_block(self, rows: slice, weights: Array, intercept: Array, logits: Array, sums: Array) -> None:
        """The gradients and the loss of some rows."""
        block = self.block(rows)
        grad = linear(block, weights, intercept, logits[: block.shape[0]])
        loss = self.loss_and_grad(grad, rows)
        by_coef = sums[: weights.size].reshape(self.n_outputs, -1)
        by_coef += grad.T @ block
        sums[weights.size : -1] += grad.sum(axis=0, dtype=np.float64)
        sums[-1] += loss

    def room(self) -> Array:
        """For the logits of a block of dense X."""
        return np.empty((0 if sparse.issparse(self.X) else self.rows, self.n_outputs), self.dtype)

    def block(self, rows: slice) -> Any:
        """Rows of X in the dtype computed in."""
        return self.X[rows].astype(self.dtype, copy=False)

    def loss_and_grad(self, logits: Array, rows: slice) -> float:
        """The sum of a block's losses; its logits become the gradient."""
        target = self.target
        if target.binary:
            values, weight = target.folded(rows)
            loss, _ = fx.sigmoid_cross_entropy_grad(
                logits, values, sample_weight=weight, reduction="sum", out=logits, n_threads=1
            )
            return float(loss)
        loss, _ = fx.softmax_cross_entropy_grad(
            logits, target.values[rows], class_weight=target.class_weight, sample_weight=target.weight(rows),
            label_smoothing=target.label_smoothing, reduction="sum", out=logits, n_threads=1,
        )  # fmt: skip
        return float(loss)
