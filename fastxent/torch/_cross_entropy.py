"""`torch.nn.functional.cross_entropy`."""

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
class ClassLoss:
    """The options of a call."""

    reduction: str
    ignore_index: int
    label_smoothing: float

    def by_kernels(
        self, logits: Array, *others: Array | None, out: Array | None = None, grad_output: Any = None
    ) -> float | np.float32 | Array:
        """The loss; its gradient, times that of the result, goes into `out`."""
        target, weight = others
        axis = 1 if logits.ndim > 1 else 0
        ignored = None if logits.shape == target.shape else self.ignore_index
        if out is None:
            return fx.softmax_cross_entropy(
                logits, target, axis=axis, class_weight=weight, ignore_index=ignored,
                label_smoothing=self.label_smoothing, reduction=self.reduction,
            )  # fmt: skip
        return fx.softmax_cross_entropy_grad(
            logits, target, axis=axis, class_weight=weight, ignore_index=ignored, label_smoothing=self.label_smoothing,
            reduction=self.reduction, grad_output=grad_output, out=out,
        )[0]  # fmt: skip

    def by_torch(self, logits: Tensor, *tensors: Tensor | None) -> Tensor:
        """The loss by torch's own function."""
        target, weight = tensors
        return torch.nn.functional.cross_entropy(
            logits, target, weight, ignore_index=self.ignore_index, reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )  # fmt: skip


def cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean", label_smoothing: float = 0.0, *,
    inplace_backward: bool = False,
) -> Tensor:  # fmt: skip
    r"""TODO."""
    if size_average is not None or reduce is not None:
        reduction = _reduction.legacy_get_string(size_average, reduce)
    loss = ClassLoss(reduction, ignore_index, label_smoothing)
    if is_ours(input) and is_constant(target) and is_constant(weight) and fits(input, target, weight, ignore_index):
        return evaluate(loss, inplace_backward, input, target, weight)
    refuse_devices(input, target, weight)
    return loss.by_torch(input, target, weight)


def fits(logits: Tensor, target: Tensor, weight: Tensor | None, ignore_index: int) -> bool:
    """Whether torch takes these shapes and dtypes, and its result has the dtype of the logits; the kernels take more."""
    if logits.shape == target.shape:
        fine = target.dtype is logits.dtype and ignore_index < 0
    else:
        fine = target.dtype is torch.int64 or target.dtype is torch.uint8
    return fine and logits.ndim > 0 and (weight is None or (weight.dtype is logits.dtype and weight.ndim == 1))
