"""The sigmoid cross entropy."""

import numpy as np
from numpy.typing import ArrayLike

from fastxent.reference._arguments import Elements, elements_of
from fastxent.reference._products import product
from fastxent.reference._results import reduced, results_of
from fastxent.reference._types import Array, Loss, Option, Out, Result


@np.errstate(all="ignore")
def _sigmoid(elements: Elements, order: int) -> list[Array]:
    """The loss of each element and its derivatives up to `order`."""
    x, vt, not_t, _ = elements
    z = np.exp(-np.abs(x))
    softplus, softplus_minus = np.maximum(x, 0) + np.log1p(z), np.maximum(-x, 0) + np.log1p(z)
    sigmoid, sigmoid_minus = np.where(x < 0, z, 1) / (1 + z), np.where(x > 0, z, 1) / (1 + z)
    results = [product(vt, softplus_minus) + product(not_t, softplus)]
    if order >= 1:
        results.append(not_t * sigmoid - vt * sigmoid_minus)
    if order >= 2:
        results.append((vt + not_t) * sigmoid * sigmoid_minus)
    return results


def sigmoid_cross_entropy(
    logits: ArrayLike, target: ArrayLike, *, sample_weight: Option = None, pos_weight: Option = None,
    ignore_index: float | None = None, label_smoothing: float = 0.0, reduction: str = "mean",
    n_threads: int | None = None,
) -> Loss:  # fmt: skip
    """The loss l = v t softplus(-x) + (1-t) softplus(x)."""
    elements = elements_of(logits, target, sample_weight, pos_weight, ignore_index, label_smoothing)
    return reduced(_sigmoid(elements, 0)[0], elements.v, float(elements.v.sum()), reduction)


def sigmoid_cross_entropy_grad(
    logits: ArrayLike, target: ArrayLike, *, sample_weight: Option = None, pos_weight: Option = None,
    ignore_index: float | None = None, label_smoothing: float = 0.0, reduction: str = "mean",
    n_threads: int | None = None, grad_output: Option = None, out: Out = None,
) -> tuple[Loss, Result]:  # fmt: skip
    """And its gradient dl/dx = (1-t) sigmoid(x) - v t sigmoid(-x)."""
    elements = elements_of(logits, target, sample_weight, pos_weight, ignore_index, label_smoothing)
    return results_of(_sigmoid(elements, 1), elements.v, float(elements.v.sum()), reduction, grad_output, (out,))


def sigmoid_cross_entropy_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, sample_weight: Option = None, pos_weight: Option = None,
    ignore_index: float | None = None, label_smoothing: float = 0.0, reduction: str = "mean",
    n_threads: int | None = None, out: Out = None, hess_out: Out = None,
) -> tuple[Loss, Result, Result]:  # fmt: skip
    """And the second derivative d2l/dx2 = (v t + 1 - t) sigmoid(x) sigmoid(-x)."""
    elements = elements_of(logits, target, sample_weight, pos_weight, ignore_index, label_smoothing)
    return results_of(_sigmoid(elements, 2), elements.v, float(elements.v.sum()), reduction, None, (out, hess_out))
