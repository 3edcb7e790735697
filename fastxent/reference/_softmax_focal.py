"""The softmax focal loss."""

import numpy as np
from numpy.typing import ArrayLike

from fastxent.reference._arguments import Rows, rows_of
from fastxent.reference._exponentials import class_sum, exponentials_of
from fastxent.reference._products import odds_times
from fastxent.reference._results import reduced, results_of
from fastxent.reference._types import Array, ByClass, Loss, Option, Out, Result


@np.errstate(all="ignore")
def _softmax_focal(rows: Rows, gamma: float, alpha: Option, c: float, order: int) -> list[Array]:
    """The focal loss of each row and its derivatives up to `order`, with z-loss coefficient c; L_k = -log p_k."""
    t = rows.t * (1.0 if alpha is None else np.asarray(alpha, np.float64))
    m, d, p, q, log_s = exponentials_of(rows.x)
    lse = m + log_s
    z, z_slope = (c * lse**2, 2 * c * lse) if c else (0.0, 0.0)
    L = log_s - d
    factor = q**gamma
    results = [(class_sum(np.where(t > 0, t * factor * L, 0 * log_s)) + z)[..., 0]]  # a row that is nan is so without t
    odds_L = odds_times(p, q, L)
    g = t * factor * (1 + gamma * odds_L)
    G = class_sum(g)
    if order >= 1:
        results.append((G - g + z_slope) * p - g * q)
    if order >= 2:
        # sum_j h_j (p_k - [j = k])^2 with h_j = bend_j / q_j^2, which the largest class may make infinite
        bend = np.where(p == 0, 0, t * factor * gamma * p * q * (2 - L + (gamma - 1) * odds_L))
        top = np.arange(t.shape[-1]) == (p.argmax(axis=-1, keepdims=True) if t.shape[-1] else -1)
        h = np.where(top, 0, bend / q**2)
        top_bend, top_q = (np.where(top, value, 0).sum(axis=-1, keepdims=True) for value in (bend, q))
        ratio = np.where(top | (p == 0), 0, p / top_q)
        others = (h.sum(axis=-1, keepdims=True) - h) * p**2 + top_bend * ratio**2
        results.append((G + z_slope) * p * q + 2 * c * p**2 + bend + others)
    return results


def softmax_focal_loss(
    logits: ArrayLike, target: ArrayLike, *, gamma: float = 2.0, alpha: Option = None, axis: int = -1,
    class_weight: ByClass = None, sample_weight: Option = None, ignore_index: int | None = None,
    label_smoothing: float = 0.0, z_loss: float = 0.0, infogain: Option = None, reduction: str = "mean",
    n_threads: int | None = None,
) -> Loss:  # fmt: skip
    """The loss l = -sum_k t_k alpha_k (1 - p_k)^gamma log p_k + c lse^2."""
    rows = rows_of(logits, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain)
    return reduced(_softmax_focal(rows, gamma, alpha, z_loss, 0)[0], rows.v, rows.D, reduction)


def softmax_focal_loss_grad(
    logits: ArrayLike, target: ArrayLike, *, gamma: float = 2.0, alpha: Option = None, axis: int = -1,
    class_weight: ByClass = None, sample_weight: Option = None, ignore_index: int | None = None,
    label_smoothing: float = 0.0, z_loss: float = 0.0, infogain: Option = None, reduction: str = "mean",
    n_threads: int | None = None, grad_output: Option = None, out: Out = None,
) -> tuple[Loss, Result]:  # fmt: skip
    """And its gradient dl/dx_k = p_k G - g_k + 2 c lse p_k, G = sum_k g_k."""
    rows = rows_of(logits, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain)
    results = _softmax_focal(rows, gamma, alpha, z_loss, 1)
    return results_of(results, rows.v, rows.D, reduction, grad_output, (out,), axis)


def softmax_focal_loss_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, gamma: float = 2.0, alpha: Option = None, axis: int = -1,
    class_weight: ByClass = None, sample_weight: Option = None, ignore_index: int | None = None,
    label_smoothing: float = 0.0, z_loss: float = 0.0, infogain: Option = None, reduction: str = "mean",
    n_threads: int | None = None, out: Out = None, hess_out: Out = None,
) -> tuple[Loss, Result, Result]:  # fmt: skip
    """And the Hessian diagonal d2l/dx_k2 = (G + 2 c lse) p_k q_k + 2 c p_k^2 + sum_j h_j (p_k - [j = k])^2."""
    rows = rows_of(logits, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain)
    results = _softmax_focal(rows, gamma, alpha, z_loss, 2)
    return results_of(results, rows.v, rows.D, reduction, None, (out, hess_out), axis)
