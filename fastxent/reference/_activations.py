"""Softmax, its logarithm and the logarithm of its sum."""

import numpy as np
from numpy.typing import ArrayLike

from fastxent.reference._arguments import classes_last
from fastxent.reference._exponentials import exponentials_of
from fastxent.reference._results import placed
from fastxent.reference._types import Array, Out, Result


def softmax(x: ArrayLike, *, axis: int = -1, out: Out = None, n_threads: int | None = None) -> Result:
    """The shares p_k = e_k / s."""
    found = exponentials_of(classes_last(x, axis))
    return placed(found.p, out, axis)


def log_softmax(x: ArrayLike, *, axis: int = -1, out: Out = None, n_threads: int | None = None) -> Result:
    """Their logarithms, log p_k = x_k - m - log s."""
    found = exponentials_of(classes_last(x, axis))
    return placed(found.d - found.log_s, out, axis)


def logsumexp(
    x: ArrayLike, *, axis: int = -1, keepdims: bool = False, n_threads: int | None = None
) -> Array | np.float64:
    """The logarithm of the sum of exponentials, lse = m + log s; -inf, inf and nan as they are."""
    found = exponentials_of(classes_last(x, axis))
    lse = np.where(np.isfinite(found.m), found.m + found.log_s, found.m)
    return np.moveaxis(lse, -1, axis) if keepdims else lse[..., 0][()]
