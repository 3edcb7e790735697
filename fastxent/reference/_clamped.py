"""The cross entropy of clamped probabilities."""

import numpy as np
from numpy.typing import ArrayLike

from fastxent.reference._arguments import Rows, rows_of
from fastxent.reference._results import reduced, results_of
from fastxent.reference._types import Array, ByClass, Loss, Option, Out, Result


@np.errstate(all="ignore")
def _clamped(rows: Rows, eps: float, order: int) -> list[Array]:
    """The loss of each row of probabilities and its derivatives up to `order`."""
    q, t = np.maximum(rows.x, eps), rows.t
    results = [np.where(t > 0, t * -np.log(q), 0).sum(axis=-1)]
    if order >= 1:
        results.append(np.where(t > 0, -t / q, 0))
    return results


def clamped_cross_entropy(
    probs: ArrayLike, target: ArrayLike, *, eps: float = 1e-20, axis: int = -1, class_weight: ByClass = None,
    sample_weight: Option = None, ignore_index: int | None = None, label_smoothing: float = 0.0,
    infogain: Option = None, reduction: str = "mean", n_threads: int | None = None,
) -> Loss:  # fmt: skip
    """The loss l = -sum_k t_k log(max(q_k, eps))."""
    rows = rows_of(probs, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain)
    return reduced(_clamped(rows, eps, 0)[0], rows.v, rows.D, reduction)


def clamped_cross_entropy_grad(
    probs: ArrayLike, target: ArrayLike, *, eps: float = 1e-20, axis: int = -1, class_weight: ByClass = None,
    sample_weight: Option = None, ignore_index: int | None = None, label_smoothing: float = 0.0,
    infogain: Option = None, reduction: str = "mean", n_threads: int | None = None,
    grad_output: Option = None, out: Out = None,
) -> tuple[Loss, Result]:  # fmt: skip
    """And its gradient dl/dq_k = -t_k / max(q_k, eps), 0 where t_k = 0."""
    rows = rows_of(probs, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain)
    return results_of(_clamped(rows, eps, 1), rows.v, rows.D, reduction, grad_output, (out,), axis)
