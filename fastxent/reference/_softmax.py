"""The softmax cross entropy."""

import numpy as np
from numpy.typing import ArrayLike

from fastxent.reference._arguments import Rows, rows_of
from fastxent.reference._exponentials import class_sum, exponentials_of
from fastxent.reference._results import reduced, results_of
from fastxent.reference._types import Array, ByClass, Loss, Option, Out, Result


@np.errstate(all="ignore")
def softmax_rows(rows: Rows, c: float, order: int) -> list[Array]:
    """The loss of each row and its derivatives up to `order`, with z-loss coefficient c."""
    x, t, T, T_minus_t = rows[:4]
    m, d, p, q, log_s = exponentials_of(x)
    lse = m + log_s
    z, z_slope = (c * lse**2, 2 * c * lse) if c else (0.0, 0.0)
    results = [(class_sum(np.where(t > 0, -t * d, 0)) + T * log_s + z)[..., 0]]
    if order >= 1:
        results.append((T_minus_t + z_slope) * p - t * q)
    if order >= 2:
        results.append((T + z_slope) * p * q + 2 * c * p**2)
    return results


def softmax_cross_entropy(
    logits: ArrayLike, target: ArrayLike, *, axis: int = -1, class_weight: ByClass = None, sample_weight: Option = None,
    ignore_index: int | None = None, label_smoothing: float = 0.0, z_loss: float = 0.0, infogain: Option = None,
    reduction: str = "mean", n_threads: int | None = None,
) -> Loss:  # fmt: skip
    """The loss l = sum_k t_k (m - x_k) + T log s + c lse^2."""
    rows = rows_of(logits, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain)
    return reduced(softmax_rows(rows, z_loss, 0)[0], rows.v, rows.D, reduction)


def softmax_cross_entropy_grad(
    logits: ArrayLike, target: ArrayLike, *, axis: int = -1, class_weight: ByClass = None, sample_weight: Option = None,
    ignore_index: int | None = None, label_smoothing: float = 0.0, z_loss: float = 0.0, infogain: Option = None,
    reduction: str = "mean", n_threads: int | None = None, grad_output: Option = None, out: Out = None,
) -> tuple[Loss, Result]:  # fmt: skip
    """And its gradient dl/dx_k = (T - t_k + 2 c lse) p_k - t_k q_k."""
    rows = rows_of(logits, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain)
    return results_of(softmax_rows(rows, z_loss, 1), rows.v, rows.D, reduction, grad_output, (out,), axis)


def softmax_cross_entropy_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, axis: int = -1, class_weight: ByClass = None, sample_weight: Option = None,
    ignore_index: int | None = None, label_smoothing: float = 0.0, z_loss: float = 0.0, infogain: Option = None,
    reduction: str = "mean", n_threads: int | None = None, out: Out = None, hess_out: Out = None,
) -> tuple[Loss, Result, Result]:  # fmt: skip
    """And the Hessian diagonal d2l/dx_k2 = (T + 2 c lse) p_k q_k + 2 c p_k^2."""
    rows = rows_of(logits, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain)
    return results_of(softmax_rows(rows, z_loss, 2), rows.v, rows.D, reduction, None, (out, hess_out), axis)
