"""`torch.nn.functional.binary_cross_entropy_with_logits`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor

from fastxent._kernels import door
from fastxent._types import Array
from fastxent.torch import _originals
from fastxent.torch._operations import operation_of
from fastxent.torch._tensors import evaluate, is_constant, is_ours, is_traceable, n_threads, refuse_elsewhere, widened


@dataclass(slots=True)
class BinaryLoss:
    """The options of a call."""

    reduction: Any  # a string that torch knows, or refuses

    def by_kernels(
        self, logits: Array, target: Array, *weights: Array | None, out: Array | None = None, grad_output: Any = None
    ) -> float | np.float32 | Array:
        """The loss; its gradient, times that of the result, goes into `out`."""
        weight, pos_weight = weights
        reduction: Any = self.reduction
        n = 1
        if reduction == "mean" and weight is not None:  # of so many elements, whatever they weigh
            reduction, n = "sum", logits.size
        weight, pos_weight = with_axes(weight, logits), with_axes(pos_weight, logits)
        order = 0 if out is None else 1
        if n > 1 and order == 1:
            grad_output = (1.0 if grad_output is None else grad_output) / n
        result = door.sigmoid_cross_entropy(
            order, logits, target, weight, pos_weight, None, 0.0, reduction, n_threads(logits.size), grad_output, out,
        )  # fmt: skip
        loss = result if order == 0 else result[0]
        return loss / n if n > 1 else loss

    def by_torch(self, logits: Tensor, *tensors: Tensor | None) -> Tensor:
        """The loss by torch's own function."""
        target, weight, pos_weight = tensors
        return _originals.binary_cross_entropy_with_logits(
            logits, target, weight, reduction=self.reduction, pos_weight=pos_weight
        )

    def shape(self, logits: Tensor) -> tuple[int, ...]:
        """That of the result."""
        return tuple(logits.shape) if self.reduction == "none" else ()


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
    r"""`torch.nn.functional.binary_cross_entropy_with_logits` [1]_ on the CPU, with the gradient in the same pass.

    One logit :math:`x` with target :math:`t`, weight :math:`v` and positive weight :math:`w` has the loss

    .. math:: l = -v \bigl(w t \log \sigma(x) + (1 - t) \log \sigma(-x)\bigr), \qquad \sigma(x) = 1 / (1 + e^{-x})

    The mean divides by the number of elements, whatever they weigh.

    Parameters
    ----------
    input : Tensor
        Logits, float32, float64, float16 or bfloat16.
    target : Tensor, the shape and dtype of `input`
        Targets in [0, 1].
    weight, pos_weight : Tensor, optional
        In the dtype of `input`, of a shape that is broadcast to its; 1 by default.
    size_average, reduce : bool, optional
        Deprecated in torch, which computes calls that have one of them.
    reduction : {"mean", "sum", "none"}, default "mean"
        How the losses of the elements are combined.
    inplace_backward : bool, default False
        Write the gradient over the logits, as in `cross_entropy`.

    Returns
    -------
    Tensor
        In nats, of the dtype of `input`; of float32 where autocast is at work and `input` has half precision.

    Raises
    ------
    NotImplementedError
        If a tensor is on another device than the CPU.

    See Also
    --------
    cross_entropy : For classes that exclude each other; the same notes hold.
    fastxent.sigmoid_cross_entropy : The same for arrays, with more options.

    Notes
    -----
    torch's own function is asked about arguments that it refuses, and about targets outside [0, 1].

    References
    ----------
    .. [1] https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.binary_cross_entropy_with_logits.html

    Examples
    --------
    >>> import torch
    >>> from fastxent.torch import binary_cross_entropy_with_logits
    >>> logits = torch.tensor([[2.0, -1.0]], requires_grad=True)
    >>> loss = binary_cross_entropy_with_logits(logits, torch.tensor([[1.0, 0.0]]), pos_weight=torch.tensor([3.0, 1.0]))
    >>> round(loss.item(), 4)
    0.347
    >>> loss.backward()
    >>> logits.grad
    tensor([[-0.1788,  0.1345]])
    """
    if size_average is not None or reduce is not None:
        return _originals.binary_cross_entropy_with_logits(
            input, target, weight, size_average, reduce, reduction, pos_weight
        )
    if torch.is_autocast_enabled("cpu"):
        input, target, weight, pos_weight = widened(input, target, weight, pos_weight)
    loss = BinaryLoss(reduction)
    if torch.compiler.is_compiling():
        if is_traceable(input, target, weight, pos_weight) and fits(input, target, weight, pos_weight):
            return operation(loss, input, target, weight, pos_weight)
        return loss.by_torch(input, target, weight, pos_weight)
    constants = is_constant(target) and is_constant(weight) and is_constant(pos_weight)
    if is_ours(input) and constants and fits(input, target, weight, pos_weight):
        return evaluate(loss, inplace_backward, input, target, weight, pos_weight)
    refuse_elsewhere(input=input, target=target, weight=weight, pos_weight=pos_weight)
    return loss.by_torch(input, target, weight, pos_weight)


def fits(logits: Tensor, target: Tensor | None, *weights: Tensor | None) -> bool:
    """Whether torch takes these shapes, and its result has the dtype and the shape of the logits."""
    return (
        target is not None
        and logits.shape == target.shape
        and logits.ndim > 0
        and logits.numel() > 0
        and all(
            each is None or (each.dtype is logits.dtype and each.ndim <= logits.ndim) for each in (target, *weights)
        )
    )


operation = operation_of(
    "fastxent::binary_cross_entropy_with_logits", BinaryLoss, "Tensor target, Tensor? weight, Tensor? pos_weight",
    "str reduction",
)  # fmt: skip
