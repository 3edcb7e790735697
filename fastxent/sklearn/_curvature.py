r"""The Hessian of the objective at a model, as a product of what it says of the classes and of the features.

The Hessian of the mean softmax cross entropy with respect to the coefficients is the mean of
:math:`(\mathrm{diag}(p_i) - p_i p_i^T) \otimes x_i x_i^T` [1]_. With :math:`q_{ik} = p_{ik} (1 - p_{ik})` it is taken
for the product of the classes' means :math:`\bar q_k` and the features' covariance :math:`\Sigma` under the weights
:math:`\sum_k q_{ik}`: confident samples hardly count.

Features may be of any scale. So what is decomposed is :math:`\Sigma`, with the share of the penalty that falls to a
class on average, in units in which its diagonal is 1, :math:`D^{-1} (\Sigma + (\lambda / \bar q) I) D^{-1} = Q
\Lambda Q^T`. Along the columns of :math:`D^{-1} Q` the Hessian of class k is then about :math:`\bar q_k v_j +
\lambda u_j`, where :math:`v_j` and :math:`u_j` are what :math:`\Sigma` and the identity are along column j.

References
----------
.. [1] D. Böhning, "Multinomial logistic regression algorithm", Annals of the Institute of Statistical Mathematics 44,
   1992, section 2.
"""

from __future__ import annotations

from dataclasses import dataclass
from queue import SimpleQueue
from threading import Thread
from typing import Any

import numpy as np
from scipy import sparse

import fastxent as fx
from fastxent import _blas
from fastxent._blocks import blocks
from fastxent._types import Array
from fastxent.sklearn._objective import LinearObjective, Objective, linear, padded

LEAST_RATIO = 1e-7  # of eigenvalues, the smallest to the largest: below that, what is seen is rounding
ROUNDING = 8  # epsilons of a second moment: a variance below that is none
LEAST_SHARE = 1e-12  # of a class that no sample is near
SAMPLED = 10_000  # so many rows, or 20 for each feature, tell the scale of the features well enough
WORTH = 20  # so many evaluations of the objective the eigenvectors may cost
LONG = 500  # eigenvectors of so many features take some tenths of a second
CALLS = 300_000  # multiplications in the time that the calls of an evaluation take, however small the data


@dataclass(frozen=True, slots=True)
class Curvature:
    """Any finite values with positive shares and variances give an exact change of variables; good ones a fast fit."""

    share: Array  # (C,) of the classes
    mean: Array  # (F,) of the features; 0 without an intercept
    variance: Array  # (F,) along the directions
    penalty: Array  # (F,) the squared lengths of the directions
    size: Array  # (F,) the root mean squares of the features
    vectors: Array | None = None  # (F, F) orthogonal Q; None where it would cost too much: the directions are the axes
    unit: Array | None = None  # (F,) the diagonal of D, with Q


def curvature(
    whole: LinearObjective, coef: Array, intercept: Array, centre: bool, *, in_double: bool = False
) -> Curvature:
    """The curvature at a model, from at most some thousand rows; in double where their squares are not in float32."""
    objective = whole.sample
    X, dtype = objective.X, objective.dtype
    n_samples, n_features = X.shape
    step = step_of(n_samples, n_features)
    full = worth_eigenvectors(whole, -(-n_samples // step))
    shift = first_mean(objective, step) if centre and not sparse.issparse(X) else np.zeros(n_features, dtype)
    share, count, total = np.zeros(objective.n_outputs), 0.0, 0.0
    first, second = np.zeros(n_features), np.zeros((n_features, n_features) if full else n_features)
    model, room = padded(coef, intercept, objective.n_outputs, dtype), objective.room()
    for rows in blocks(n_samples, objective.rows * step):
        rows = slice(rows.start, rows.stop, step)
        block, weight = objective.block(rows), objective.target.total(rows)
        logits = linear(block, *model, room[: block.shape[0]])
        q = uncertainty(logits, objective.target.binary, objective.n_threads)
        share += weight @ q
        count += float(weight.sum())
        weight = weight * q.sum(axis=1)
        total += float(weight.sum())
        if in_double:
            block = block.astype(np.float64)
        if not sparse.issparse(block):
            block = block - shift
        first += block.T @ weight
        second += second_moment(block, weight.astype(block.dtype), full)
    mean = first / total if centre else np.zeros(n_features)
    second = second / total
    least = ROUNDING * np.finfo(dtype).eps * (second.diagonal() if full else second)
    second -= np.outer(mean, mean) if full else mean * mean
    diagonal = np.maximum(second.diagonal() if full else second, 0.0)
    size = np.hypot(np.sqrt(diagonal), mean + shift)
    share = share / count if count else share
    ones = np.ones(n_features)
    if not all(np.isfinite(array).all() for array in (share, size, second)):
        if dtype == np.float32 and not in_double:
            return curvature(whole, coef, intercept, centre, in_double=True)
        # the variables stay as they are
        return Curvature(np.ones_like(share), np.zeros_like(mean), ones, np.zeros_like(mean), ones)
    share, mean = np.maximum(share, LEAST_SHARE), mean + shift
    if not full:
        variance = np.where(diagonal > least, diagonal, LEAST_RATIO * (float(diagonal.max(initial=0.0)) or 1.0))
        return Curvature(share, mean, variance, ones, size)
    unit, vectors, variance, lengths = directions(second, least, objective.l2 / float(share.mean()))
    return Curvature(share, mean, variance, lengths, size, vectors, unit)


def step_of(n_samples: int, n_features: int) -> int:
    """From one row that is looked at to the next."""
    return max(1, n_samples // max(SAMPLED, 20 * n_features))


def worth_eigenvectors(objective: LinearObjective, n_sampled: int) -> bool:
    """Whether the covariance and its eigenvectors cost less than some evaluations of the objective."""
    n_samples, n_features = objective.n_samples, objective.sample.X.shape[1]
    if sparse.issparse(objective.sample.X):
        return False
    # In multiplications; an evaluation with one output costs about as much as 20 would, since it waits for memory.
    evaluation = 4 * n_samples * n_features * (objective.n_outputs + 20) + CALLS
    return bool(n_features**2 * (2 * n_sampled + 27 * n_features) < WORTH * evaluation)


def first_mean(objective: Objective, step: int) -> Array:
    """The features' means in the first block: what is subtracted before squaring need not be exact."""
    mean: Array = objective.block(slice(0, objective.rows * step, step)).mean(axis=0, dtype=np.float64)
    return mean.astype(objective.dtype)


def uncertainty(logits: Array, binary: bool, n_threads: int | None) -> Array:
    """p (1 - p) of each class, written over the logits."""
    if binary:
        return fx.sigmoid_cross_entropy_grad_hess(
            logits, np.broadcast_to(np.uint8(0), logits.shape), reduction="none", n_threads=n_threads
        )[2]
    p = fx.softmax(logits, out=logits, n_threads=n_threads)
    p *= 1.0 - p
    return p


def second_moment(block: Any, weight: Array, full: bool) -> Array:
    """The sum of weight x x^T, or of its diagonal."""
    if full:
        root = block * np.sqrt(weight)[:, None]
        product: Array = root.T @ root
        return product
    squares = block.multiply(block) if sparse.issparse(block) else np.square(block)
    diagonal: Array = squares.T @ weight
    return diagonal


def directions(covariance: Array, least: Array, penalty: float) -> tuple[Array, Array, Array, Array]:
    """The diagonal of D and Q; the variances along the directions and their squared lengths."""
    diagonal = np.maximum(covariance.diagonal(), least) + penalty
    unit = np.sqrt(np.where(diagonal > 0.0, diagonal, 1.0))
    eigenvalues, vectors = eigenvectors(covariance / unit / unit[:, None] + np.diag(penalty / unit**2))
    lengths = np.square(vectors / unit[:, None]).sum(axis=0)
    variance = np.maximum(eigenvalues - penalty * lengths, LEAST_RATIO * float(eigenvalues.max(initial=0.0)))
    return unit, vectors, variance, lengths


def eigenvectors(symmetric: Array) -> tuple[Array, Array]:
    """`numpy.linalg.eigh`; of many features in a thread, which Ctrl-C leaves to end by itself."""
    if len(symmetric) < LONG:
        return np.linalg.eigh(symmetric)
    found: SimpleQueue[Any] = SimpleQueue()

    def compute() -> None:
        with _blas.one_thread:
            try:
                found.put(np.linalg.eigh(symmetric))
            except BaseException as error:
                found.put(error)

    Thread(target=compute, daemon=True).start()
    result = found.get()
    if isinstance(result, BaseException):
        raise result
    return result
