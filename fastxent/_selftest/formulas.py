"""The losses as a textbook writes them, in NumPy: what fastxent is compared with."""

from __future__ import annotations

import numpy as np

from fastxent._types import Array


def softmax(x: Array, y: Array) -> tuple[Array, Array, Array]:
    """Loss of each row, gradient and Hessian diagonal, for class indices."""
    rows = np.arange(len(x))
    z = x - x.max(axis=1, keepdims=True)
    e = np.exp(z)
    s = e.sum(axis=1, keepdims=True)
    loss = np.log(s[:, 0]) - z[rows, y]
    p = e / s
    hess = p * (1 - p)
    p[rows, y] -= 1
    return loss, p, hess


def sigmoid(x: Array, t: Array) -> tuple[Array, Array, Array]:
    """Loss, gradient and second derivative of each element."""
    loss = np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))
    with np.errstate(over="ignore"):  # exp(-x) of a very negative x is inf, and 1 / inf is right
        p = 1 / (1 + np.exp(-x))
    return loss, p - t, p * (1 - p)


def mean_softmax(x: Array, y: Array) -> tuple[float, Array]:
    """Mean loss and its gradient, with no more passes than needed."""
    rows = np.arange(len(x))
    z = x - x.max(axis=1, keepdims=True)
    e = np.exp(z)
    s = e.sum(axis=1, keepdims=True)
    loss = float((np.log(s[:, 0]) - z[rows, y]).mean())
    e /= s
    e[rows, y] -= 1
    e /= len(x)
    return loss, e


def mean_sigmoid(x: Array, t: Array) -> tuple[float, Array]:
    """Mean loss and its gradient, with no more passes than needed."""
    e = np.exp(-np.abs(x))
    loss = float((np.maximum(x, 0) - x * t + np.log1p(e)).mean())
    return loss, (np.where(x >= 0, 1, e) / (1 + e) - t) / x.size
