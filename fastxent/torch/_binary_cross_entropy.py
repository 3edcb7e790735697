"""`torch.nn.functional.binary_cross_entropy_with_logits`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import _reduction

import fastxent as fx
from fastxent._types import Array
from fastxent.torch._tensors import evaluate, is_constant, is_ours, refuse_devices


@dataclass(slots=True)
class BinaryLoss:
    """The options of a call."""

    reduction: str

    def by_kernels(
        self, logits: Array, *others: Array | None, out: Array | None = None, grad_output: Any = None
    ) -> float | np.float32 | Array:
        """The loss; its gradient, times that of the result, goes into `out`."""
        target, weight, pos_weight = others
        reduction, n = self.reduction, 1
        if reduction == "mean" and weight is not None:   # of so many elements, whatever they weigh
            reduction, n = "sum", logits.size
        weight, pos_weight = with_axes(weight, logits), with_axes(pos_weight, logits)
        if out is None:
            return fx.sigmoid_cross_entropy(
                logits, target, sample_weight=weight, pos_weight=pos_weight, reduction=reduction
            ) / n
        if n > 1:
            grad_output = (1.0 if grad_output is None else grad_output) / n
        return fx.sigmoid_cross_entropy_grad(
            logits, target, sample_weight=weight, pos_weight=pos_weight, reduction=reduction, grad_output=grad_output,
            out=out,
        )[0] / n  # fmt: skip

    def by_torch(self, logits: Tensor, *tensors: Tensor | None) -> Tensor:
        """The loss by torch's own function."""
        target, weight, pos_weight = tensors
        return torch.nn.functional.binary_cross_entropy_with_logits(
            logits, target, weight, reduction=self.reduction, pos_weight=pos_weight
        )


def with_axes(weight: Array | None, logits: Array) -> Array | None:
    """A weight with as many axes as the logits have, to be broadcast to them."""
    if weight is None or weight.ndim in (0, logits.ndim):
        return weight
    return weight[(None,) * (logits.ndim - weight.ndim)]


def binary_cross_entropy_with_logits(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    reduce: bool | None = None, reduction: str = "mean", pos_weight: Tensor | None = None, *,
    inplace_backward: bool = False,
) -> Tensor:  # fmt: skip
    r"""TODO."""
    if size_average is not None or reduce is not None:
        reduction = _reduction.legacy_get_string(size_average, reduce)
    loss = BinaryLoss(reduction)
    constants = is_constant(target) and is_constant(weight) and is_constant(pos_weight)
    if is_ours(input) and constants and fits(input, target, weight, pos_weight):
        return evaluate(loss, inplace_backward, input, target, weight, pos_weight)
    refuse_devices(input, target, weight, pos_weight)
    return loss.by_torch(input, target, weight, pos_weight)


def fits(logits: Tensor, target: Tensor, *weights: Tensor | None) -> bool:
    """Whether torch takes these shapes, and its result has the dtype and the shape of the logits."""
    return (
        logits.shape == target.shape
        and logits.ndim > 0
        and all(each is None or (each.dtype is logits.dtype and each.ndim <= logits.ndim) for each in (target, *weights))
    )
