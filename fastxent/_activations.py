"""softmax, log_softmax and logsumexp along one axis."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastxent import _check, _layout
from fastxent._layout import Array, Samples, Views
from fastxent._problem import last, specialised

SOFTMAX, LOG_SOFTMAX, LOGSUMEXP = range(3)  # enum Activation in _kernels/activations.pxi


def softmax(x, *, axis=-1, out=None, n_threads=None):
    """Softmax."""
    return along(SOFTMAX, x, axis, out, n_threads)


def log_softmax(x, *, axis=-1, out=None, n_threads=None):
    """Log softmax."""
    return along(LOG_SOFTMAX, x, axis, out, n_threads)


def logsumexp(x, *, axis=-1, keepdims=False, n_threads=None):
    """Log-sum-exp."""
    array, dtype = _check.float_array(x, "x")
    axis = _check.axis_of(axis, array.ndim, "x")
    threads = _check.n_threads_of(n_threads)
    result = np.full(array.shape[:axis] + (1,) + array.shape[axis + 1 :], -np.inf, dtype)
    if array.size:
        apply(LOGSUMEXP, array, dtype, axis, result, threads)
    if not keepdims:
        result = result.reshape(array.shape[:axis] + array.shape[axis + 1 :])
    return result if result.ndim else result[()]


def along(activation: int, x: Any, axis: Any, out: Any, n_threads: Any) -> Array:
    """An activation with the shape of its input."""
    array, dtype = _check.float_array(x, "x")
    axis = _check.axis_of(axis, array.ndim, "x")
    threads = _check.n_threads_of(n_threads)
    result = _check.output_of(out, "out", array, {})
    if result is None:
        result = np.empty_like(array, dtype=dtype, subok=False)
    if array.size:
        apply(activation, array, dtype, axis, result, threads)
    return result


def apply(activation: int, array: Array, dtype: np.dtype[Any], axis: int, result: Array, n_threads: int | None) -> None:
    """Fill ``result``, whose class axis is ``axis`` too."""
    samples = Samples(
        array.shape[:axis] + array.shape[axis + 1 :], array.shape[axis], dtype,
        {"logits": last(array, axis)}, {"out": last(result, axis)},
    )

    def bind(views: Views, _: Array) -> tuple[Any, ...]:
        return activation, views["logits"], views["out"]

    _layout.run(specialised("activation", dtype), samples, bind, _layout.choose_way, n_threads)
