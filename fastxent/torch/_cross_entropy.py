"""`torch.nn.functional.cross_entropy`."""

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
class ClassLoss:
    """The options of a call."""

    reduction: Any  # a string that torch knows, or refuses
    ignore_index: int
    label_smoothing: float

    def by_kernels(
        self, logits: Array, target: Array, *weights: Array | None, out: Array | None = None, grad_output: Any = None
    ) -> float | np.float32 | Array:
        """The loss; its gradient, times that of the result, goes into `out`."""
        (weight,) = weights
        axis = 1 if logits.ndim > 1 else 0
        ignored = None if logits.ndim == target.ndim and logits.shape == target.shape else self.ignore_index
        order = 0 if out is None else 1
        result = door.softmax_cross_entropy(
            order, logits, target, axis, weight, None, ignored, self.label_smoothing, 0.0, None, self.reduction,
            n_threads(logits.size), grad_output, out,
        )  # fmt: skip
        return result if order == 0 else result[0]

    def by_torch(self, logits: Tensor, *tensors: Tensor | None) -> Tensor:
        """The loss by torch's own function."""
        target, weight = tensors
        return _originals.cross_entropy(
            logits, target, weight, ignore_index=self.ignore_index, reduction=self.reduction,
            label_smoothing=self.label_smoothing,
        )  # fmt: skip

    def shape(self, logits: Tensor) -> tuple[int, ...]:
        """That of the result."""
        return (*logits.shape[:1], *logits.shape[2:]) if self.reduction == "none" and logits.ndim > 1 else ()


def cross_entropy(
    input: Tensor, target: Tensor, weight: Tensor | None = None, size_average: bool | None = None,
    ignore_index: int = -100, reduce: bool | None = None, reduction: str = "mean", label_smoothing: float = 0.0, *,
    inplace_backward: bool = False,
) -> Tensor:  # fmt: skip
    r"""`torch.nn.functional.cross_entropy` [1]_ on the CPU, with the gradient computed in the same pass.

    One row of C logits :math:`x` with class index :math:`y`, or with distribution :math:`d`, has the loss

    .. math::

       l = -\sum_k t_k \log \frac{e^{x_k}}{\sum_j e^{x_j}}, \qquad
       t_k = w_k \Bigl((1 - a) d_k + \frac{a}{C}\Bigr), \qquad d_k = [k = y]

    with class weights :math:`w` and label smoothing :math:`a`. The mean divides by the sum of the weights of the labels
    that are not ignored, or by the number of distributions.

    Parameters
    ----------
    input : Tensor, shape (C,) or (N, C, ...)
        Logits, float32, float64, float16 or bfloat16.
    target : Tensor, shape (), (N, ...) or that of `input`
        Class indices, int64, or uint8 where torch takes it; or distributions, in the dtype of `input`.
    weight : Tensor, shape (C,), optional
        Class weights, in the dtype of `input`; 1 by default.
    size_average, reduce : bool, optional
        Deprecated in torch, which computes calls that have one of them.
    ignore_index : int, default -100
        Rows with this label have no influence.
    reduction : {"mean", "sum", "none"}, default "mean"
        How the losses of the rows are combined.
    label_smoothing : float, default 0.0
        The share, in [0, 1], of the target that is spread evenly over the classes.
    inplace_backward : bool, default False
        Write the gradient over the logits, when it is asked for, instead of into new memory: `input` is lost then, and
        a second backward pass through it is an error; so is the first one if whatever made `input` keeps it, as
        `torch.tanh` does. Logits that are a leaf of the graph, such as parameters, stay.

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
    fastxent.softmax_cross_entropy : The same for arrays, with more options.

    Notes
    -----
    What torch refuses, it is asked about: errors are its own. So are the numbers where fastxent has no part: within
    transforms of `torch.func`, for forward-mode and second derivatives, for derivatives of `target` and `weight`, for
    negative weights and shares, and for classes that are made from `torch.Tensor`.

    Losses are added up in double and rounded once. The gradient of half precision is computed in float32, from the
    factor that reaches it, and rounded once: a loss scale keeps what would be too small for float16.

    Of the first derivatives only one is kept, and within `torch.utils.checkpoint` none: a gradient that is asked for
    again is computed again.

    References
    ----------
    .. [1] https://docs.pytorch.org/docs/stable/generated/torch.nn.functional.cross_entropy.html

    Examples
    --------
    >>> import torch
    >>> from fastxent.torch import cross_entropy
    >>> logits = torch.tensor([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3]], requires_grad=True)
    >>> loss = cross_entropy(logits, torch.tensor([0, 2]))
    >>> round(loss.item(), 4)
    0.6216
    >>> loss.backward()
    >>> logits.grad
    tensor([[-0.1072,  0.0876,  0.0196],
            [ 0.1503,  0.1661, -0.3164]])
    """
    if size_average is not None or reduce is not None:
        return _originals.cross_entropy(
            input, target, weight, size_average, ignore_index, reduce, reduction, label_smoothing
        )
    if torch.is_autocast_enabled("cpu"):
        input, target, weight = widened(input, target, weight)
    loss = ClassLoss(reduction, ignore_index, label_smoothing)
    if torch.compiler.is_compiling():
        if is_traceable(input, target, weight) and fits(input, target, weight, ignore_index):
            return operation(loss, input, target, weight)
        return loss.by_torch(input, target, weight)
    if is_ours(input) and is_constant(target) and is_constant(weight) and fits(input, target, weight, ignore_index):
        return evaluate(loss, inplace_backward, input, target, weight)
    refuse_elsewhere(input=input, target=target, weight=weight)
    return loss.by_torch(input, target, weight)


def fits(logits: Tensor, target: Tensor | None, weight: Tensor | None, ignore_index: int) -> bool:
    """Whether torch takes these shapes and dtypes, and gives the dtype of the logits back; the kernels take more."""
    if target is None or type(ignore_index) is not int or not -(2**63) <= ignore_index < 2**63:
        fine = False
    elif logits.ndim == target.ndim and logits.shape == target.shape:
        fine = target.dtype is logits.dtype and ignore_index < 0
    else:
        fine = target.dtype is torch.int64 or (target.dtype is torch.uint8 and logits.ndim <= 2 and weight is None)
    return fine and logits.ndim > 0 and (weight is None or (weight.dtype is logits.dtype and weight.ndim == 1))


operation = operation_of(
    "fastxent::cross_entropy", ClassLoss, "Tensor target, Tensor? weight",
    "str reduction, int ignore_index, float label_smoothing",
)  # fmt: skip
