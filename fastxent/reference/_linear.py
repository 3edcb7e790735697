"""The logits of a linear layer: their loss, its gradients, and what is said of their targets."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastxent.reference._arguments import rows_of
from fastxent.reference._results import placed, reduced, results_of
from fastxent.reference._softmax import softmax_rows
from fastxent.reference._statistics import target_statistics
from fastxent.reference._types import Array, ByClass, Loss, Option, Out, Result


@np.errstate(all="ignore")
def _linear(hidden: ArrayLike, weight: ArrayLike, bias: Option, softcap: float | None) -> tuple[Array, Array]:
    """x = c tanh((W h + b) / c), and its derivative by W h + b."""
    x = np.asarray(hidden, np.float64) @ np.asarray(weight, np.float64).T
    x = x if bias is None else x + np.asarray(bias, np.float64)
    if softcap is None:
        return x, np.ones_like(x)
    return softcap * np.tanh(x / softcap), 1 / np.cosh(x / softcap) ** 2


def linear_cross_entropy(
    hidden: ArrayLike, weight: ArrayLike, target: ArrayLike, bias: Option = None, *, class_weight: ByClass = None,
    sample_weight: Option = None, ignore_index: int | None = None, label_smoothing: float = 0.0, z_loss: float = 0.0,
    softcap: float | None = None, reduction: str = "mean", chunk_rows: int | None = None, n_threads: int | None = None,
) -> Loss:  # fmt: skip
    """The loss of the logits x = c tanh((W h + b) / c)."""
    x, _ = _linear(hidden, weight, bias, softcap)
    rows = rows_of(x, target, -1, class_weight, sample_weight, ignore_index, label_smoothing, None)
    return reduced(softmax_rows(rows, z_loss, 0)[0], rows.v, rows.D, reduction)


def linear_cross_entropy_grad(
    hidden: ArrayLike, weight: ArrayLike, target: ArrayLike, bias: Option = None, *, class_weight: ByClass = None,
    sample_weight: Option = None, ignore_index: int | None = None, label_smoothing: float = 0.0, z_loss: float = 0.0,
    softcap: float | None = None, reduction: str = "mean", chunk_rows: int | None = None, n_threads: int | None = None,
    grad_output: Option = None, out_hidden: Out = None, out_weight: Out = None, out_bias: Out = None,
) -> tuple[Loss, tuple[Result, Result, Result | None]]:  # fmt: skip
    """And its gradients dl/dh_i = W^T g_i, dl/dW = sum_i g_i h_i^T, dl/db = sum_i g_i."""
    x, slope = _linear(hidden, weight, bias, softcap)
    rows = rows_of(x, target, -1, class_weight, sample_weight, ignore_index, label_smoothing, None)
    loss, grad = results_of(softmax_rows(rows, z_loss, 1), rows.v, rows.D, reduction, grad_output, (None,), -1)
    g = np.where(grad == 0, 0, grad * slope)
    flat = g.reshape(-1, g.shape[-1])
    h = np.asarray(hidden, np.float64).reshape(len(flat), np.shape(hidden)[-1])
    by_bias = None if bias is None else placed(flat.sum(axis=0), out_bias)
    return loss, (placed(g @ np.asarray(weight, np.float64), out_hidden), placed(flat.T @ h, out_weight), by_bias)


def linear_target_statistics(
    hidden: ArrayLike, weight: ArrayLike, target: ArrayLike, bias: Option = None, *, ignore_index: int | None = None,
    softcap: float | None = None, chunk_rows: int | None = None, n_threads: int | None = None,
) -> tuple[Any, ...]:  # fmt: skip
    """The statistics of the same logits."""
    return target_statistics(_linear(hidden, weight, bias, softcap)[0], target, ignore_index=ignore_index)
