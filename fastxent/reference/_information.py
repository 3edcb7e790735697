"""Entropies and divergences."""

import math

import numpy as np
from numpy.typing import ArrayLike

from fastxent.reference._arguments import classes_last
from fastxent.reference._types import Array


def _both(p: ArrayLike, q: ArrayLike, axis: int) -> tuple[Array, Array]:
    if np.shape(p) != np.shape(q):
        p, q = np.broadcast_arrays(p, q)
    return classes_last(p, axis), classes_last(q, axis)


def _in_base(nats: Array, base: float | None) -> Array | np.float64:
    return (nats if base is None else nats / np.log(base))[()]


@np.errstate(all="ignore")
def entropy(
    p: ArrayLike, *, axis: int = -1, base: float | None = None, n_threads: int | None = None
) -> Array | np.float64:
    """The entropy H(p) = -sum_k p_k log p_k."""
    return cross_entropy(p, p, axis=axis, base=base)


@np.errstate(all="ignore")
def cross_entropy(
    p: ArrayLike, q: ArrayLike, *, axis: int = -1, base: float | None = None, n_threads: int | None = None
) -> Array | np.float64:
    """The cross entropy H(p, q) = -sum_k p_k log q_k."""
    p, q = _both(p, q, axis)
    return _in_base(np.where(p > 0, p * -np.log(q), 0).sum(axis=-1), base)


@np.errstate(all="ignore")
def kl_divergence(
    p: ArrayLike, q: ArrayLike, *, axis: int = -1, base: float | None = None, n_threads: int | None = None
) -> Array | np.float64:
    """The divergence sum_k [p_k log(p_k / q_k) - d_k] + sum_k d_k, d = p - q; where d is not small, without it.

    With s = d / (p + q), p log(p / q) - d = d s (1 + s (1 + s) T), T = (atanh(s) - s) / s^3 = 1/3 + s^2/5 + s^4/7 + ...
    """
    p, q = _both(p, q, axis)
    near = (p > q / 3) & (p < 3 * q)
    d = np.where(near, p - q, 0)
    s = np.where(near, d / (p + q), 0)
    T = sum(s ** (2 * n) / (2 * n + 3) for n in range(30))
    (x, i), (y, j) = np.frexp(p), np.frexp(q)  # p / q itself may overflow
    far = np.where(p > 0, p * (np.log(x / y) + (i - j) * np.log(2)), 0)
    terms = np.where(near, d * s * (1 + s * (1 + s) * T), far).sum(axis=-1)
    return _in_base(terms + np.apply_along_axis(math.fsum, -1, d) if d.size else terms, base)
