"""The sigmoid focal loss."""

import numpy as np
from numpy.typing import ArrayLike

from fastxent.reference._arguments import Elements, elements_of
from fastxent.reference._products import odds_times, product
from fastxent.reference._results import reduced, results_of
from fastxent.reference._types import Array, Loss, Option, Out, Result


@np.errstate(all="ignore")
def _focal_side(y: Array, gamma: float) -> tuple[Array, Array, Array]:
    """q^gamma L with p = sigmoid(y), q = 1 - p and L = -log p, and its derivatives."""
    z = np.exp(-np.abs(y))
    p, q, L = np.where(y < 0, z, 1) / (1 + z), np.where(y > 0, z, 1) / (1 + z), np.maximum(-y, 0) + np.log1p(z)
    odds_L = odds_times(p, q, L)
    factor = q**gamma
    hess = np.where(p == 0, 0, factor * q * p * (1 + 2 * gamma - gamma * L + gamma**2 * odds_L))
    return factor * L, -factor * q * (1 + gamma * odds_L), hess


@np.errstate(all="ignore")
def _sigmoid_focal(elements: Elements, gamma: float, alpha: float | None, order: int) -> list[Array]:
    """The loss of each element and its derivatives up to `order`: a part for either answer."""
    x, vt, not_t, _ = elements
    if alpha is not None:
        vt, not_t = alpha * vt, (1 - alpha) * not_t
    up, down = _focal_side(x, gamma), _focal_side(-x, gamma)
    signs = (1, -1, 1)  # of the derivatives by x = -y
    return [product(vt, up[n]) + signs[n] * product(not_t, down[n]) for n in range(order + 1)]


def sigmoid_focal_loss(
    logits: ArrayLike, target: ArrayLike, *, gamma: float = 2.0, alpha: float | None = None,
    sample_weight: Option = None, pos_weight: Option = None, ignore_index: float | None = None,
    label_smoothing: float = 0.0, reduction: str = "mean", n_threads: int | None = None,
) -> Loss:  # fmt: skip
    """The loss l = -v t alpha (1 - p)^gamma log p - (1 - t) (1 - alpha) p^gamma log(1 - p), p = sigmoid(x)."""
    elements = elements_of(logits, target, sample_weight, pos_weight, ignore_index, label_smoothing)
    return reduced(_sigmoid_focal(elements, gamma, alpha, 0)[0], elements.v, float(elements.v.sum()), reduction)


def sigmoid_focal_loss_grad(
    logits: ArrayLike, target: ArrayLike, *, gamma: float = 2.0, alpha: float | None = None,
    sample_weight: Option = None, pos_weight: Option = None, ignore_index: float | None = None,
    label_smoothing: float = 0.0, reduction: str = "mean", n_threads: int | None = None, grad_output: Option = None,
    out: Out = None,
) -> tuple[Loss, Result]:  # fmt: skip
    """And its gradient, -q^(gamma + 1) (1 + gamma p L / q) for the target 1, and the opposite for 0."""
    elements = elements_of(logits, target, sample_weight, pos_weight, ignore_index, label_smoothing)
    results = _sigmoid_focal(elements, gamma, alpha, 1)
    return results_of(results, elements.v, float(elements.v.sum()), reduction, grad_output, (out,))


def sigmoid_focal_loss_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, gamma: float = 2.0, alpha: float | None = None,
    sample_weight: Option = None, pos_weight: Option = None, ignore_index: float | None = None,
    label_smoothing: float = 0.0, reduction: str = "mean", n_threads: int | None = None, out: Out = None,
    hess_out: Out = None,
) -> tuple[Loss, Result, Result]:  # fmt: skip
    """And the second derivative, q^(gamma + 1) p (1 + 2 gamma - gamma L + gamma^2 p L / q) for the target 1."""
    elements = elements_of(logits, target, sample_weight, pos_weight, ignore_index, label_smoothing)
    results = _sigmoid_focal(elements, gamma, alpha, 2)
    return results_of(results, elements.v, float(elements.v.sum()), reduction, None, (out, hess_out))
