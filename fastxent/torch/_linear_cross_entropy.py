"""`torch.nn.functional.linear_cross_entropy`."""

from __future__ import annotations

import math
from dataclasses import astuple, dataclass
from typing import Any, TypeAlias

import torch
from torch import Tensor

import fastxent as fx
from fastxent._bfloat16 import memory_of
from fastxent._linear.arguments import linear_call, outputs
from fastxent._linear.functions import loss_and_gradients
from fastxent.torch import _originals
from fastxent.torch._tensors import (
    HALVES,
    is_constant,
    is_memory_spared,
    is_ours,
    is_traceable,
    n_threads,
    refuse_elsewhere,
    tensor_of,
    widened,
)

Wanted = tuple[bool, bool, bool]
Gradients: TypeAlias = "tuple[Tensor | None, Tensor | None, Tensor | None]"


def array_of(tensor: Tensor | None) -> Any:
    """The tensor's memory, which can still be resized: the weight is a parameter."""
    return None if tensor is None else memory_of(tensor)


@dataclass(slots=True)
class LinearLoss:
    """The options of a call; its tensors are input, linear_weight, linear_bias, target and weight, in this order."""

    reduction: Any  # a string that torch knows, or refuses
    ignore_index: int | None
    label_smoothing: float
    chunk_rows: int | None
    autocast: bool  # whether it is at work: the loss is float32 then, unless the tensors are float64

    def by_kernels(self, *tensors: Tensor | None) -> Tensor:
        """The loss alone."""
        input, linear_weight, linear_bias, target, weight = map(array_of, tensors)
        loss = fx.linear_cross_entropy(
            input, linear_weight, target, linear_bias, class_weight=weight, ignore_index=self.ignored(input, target),
            label_smoothing=self.label_smoothing, reduction=self.reduction, chunk_rows=self.chunk_rows,
            n_threads=n_threads(),
        )  # fmt: skip
        return self.result(loss, tensors[0])

    def with_gradients(self, wanted: Wanted, *tensors: Tensor | None, factor: Tensor | None = None) -> Any:
        """The loss, and the wanted gradients times a factor: without one those of half precision are float32."""
        input, linear_weight, linear_bias, target, weight = map(array_of, tensors)
        grad_output = None if factor is None else array_of(factor) if factor.ndim else factor.item()
        threads = n_threads()
        call = linear_call(
            input, linear_weight, target, linear_bias, weight, None, self.ignored(input, target),
            self.label_smoothing, 0.0, None, self.reduction, self.chunk_rows, threads, grad_output,
        )  # fmt: skip
        gradients = tuple(
            empty(each, wide=factor is None) if is_wanted and each is not None else None
            for each, is_wanted in zip(tensors[:3], wanted, strict=True)
        )
        hidden, of_weight, of_bias = map(array_of, gradients)
        loss, _ = loss_and_gradients(call, outputs(call, hidden, of_weight, of_bias, wanted))
        return self.result(loss, tensors[0]), gradients

    def by_torch(self, *tensors: Tensor | None) -> Tensor:
        """The loss by torch's own function, which makes all logits."""
        input, linear_weight, linear_bias, target, weight = tensors
        return _originals.linear_cross_entropy(
            input, linear_weight, target, linear_bias=linear_bias, weight=weight, reduction=self.reduction,
            ignore_index=self.ignore_index, label_smoothing=self.label_smoothing,
        )  # fmt: skip

    def gradients_by_torch(self, wanted: Wanted, grad_output: Tensor, *tensors: Tensor | None) -> Gradients:
        """The gradients, to be differentiated or transformed as torch can."""
        leaves, is_differentiable = list(tensors), torch.is_grad_enabled()
        with torch.enable_grad(), torch.autocast("cpu", enabled=False):
            for i, is_wanted in enumerate(wanted):
                each = leaves[i]
                if each is not None and is_wanted and not each.requires_grad:
                    leaves[i] = each.detach().requires_grad_()
            asked = [each for each, is_wanted in zip(leaves, wanted, strict=False) if is_wanted]
            loss = self.by_torch(*(widened(*leaves) if self.autocast else leaves))
            grads = torch.autograd.grad(loss, asked, grad_output, create_graph=is_differentiable)
        return spread(grads, wanted)

    def ignored(self, input: Any, target: Any) -> int | None:
        """The label that is ignored: -100 if no other is named, none of a distribution."""
        if target.ndim == input.ndim:
            return None
        return -100 if self.ignore_index is None else self.ignore_index

    def result(self, loss: Any, input: Tensor | None) -> Tensor:
        """A loss as a tensor."""
        assert input is not None
        return tensor_of(loss, input, self.dtype(input))

    def dtype(self, input: Tensor) -> torch.dtype:
        """That of the result."""
        return torch.float32 if self.autocast and input.dtype in HALVES else input.dtype

    def shape(self, input: Tensor) -> tuple[int, ...]:
        """That of the result."""
        return tuple(input.shape[:-1]) if self.reduction == "none" else ()


def empty(like: Tensor, wide: bool = False) -> Tensor:
    """Where a gradient goes."""
    return like.new_empty(like.shape, dtype=torch.float32 if wide and like.dtype in HALVES else like.dtype)


def spread(grads: Any, wanted: Wanted) -> Gradients:
    """The gradients that were asked for, at their places."""
    rest = iter(grads)
    hidden, weight, bias = (next(rest) if is_wanted else None for is_wanted in wanted)
    return hidden, weight, bias


def linear_cross_entropy(
    input: Tensor, linear_weight: Tensor, target: Tensor, *, linear_bias: Tensor | None = None,
    weight: Tensor | None = None, reduction: str = "mean", ignore_index: int | None = None,
    label_smoothing: float = 0.0, options: torch.nn.LinearCrossEntropyOptions | None = None,
) -> Tensor:  # fmt: skip
    r"""`torch.nn.functional.linear_cross_entropy` [1]_ on the CPU, by chunks: the logits never exist as a whole.

    The loss is that of `cross_entropy` for the logits of a linear layer,

    .. math:: x = W h + b

    with the gradients of :math:`h`, :math:`W` and :math:`b`, those that are asked for, computed in the same pass.

    Parameters
    ----------
    input : Tensor, shape (H,) or (N, H)
        What the layer is applied to, float32, float64, float16 or bfloat16.
    linear_weight : Tensor, shape (C, H)
        The layer's weight, in the dtype of `input`. Weights of more dimensions are torch's matter.
    target : Tensor, shape (), (N,), (C,) or (N, C)
        Class indices, int64, or uint8 where torch takes it; or distributions, in the dtype of `input`.
    linear_bias : Tensor, shape (C,), optional
        The layer's bias, in the dtype of `input`.
    weight : Tensor, shape (C,), optional
        Class weights, in the dtype of `input`; 1 by default.
    reduction : {"mean", "sum", "none"}, default "mean"
        How the losses of the rows are combined.
    ignore_index : int, optional
        Rows with this label are not computed: -100 by default. An error for distributions.
    label_smoothing : float, default 0.0
        The share, in [0, 1], of the target that is spread evenly over the classes.
    options : torch.nn.LinearCrossEntropyOptions, optional
        Its ``batch_chunk_size`` is how many rows of logits exist at once, by default as many as for
        `fastxent.linear_cross_entropy_grad`; the rest is about torch's way.

    Returns
    -------
    Tensor
        In nats, of the dtype of `input`; of float32 under autocast, of float64 for float64.

    Raises
    ------
    NotImplementedError
        If a tensor is on another device than the CPU.

    See Also
    --------
    fastxent.linear_cross_entropy : The same for arrays, with more options.
    cross_entropy : The loss of logits that are there.

    Notes
    -----
    What torch refuses, it is asked about, and it computes what fastxent has no part in, with all logits in memory: see
    `cross_entropy`.

    Products and sums are computed in float32, of float64 tensors in float64; gradients of half precision are rounded
    once, after what reaches them in the backward pass has been multiplied in. Under autocast the tensors are taken as
    they are, in whatever dtype each of them is, and nothing is rounded to the dtype of autocast.

    With `reduction="none"`, within `torch.utils.checkpoint`, and the second time that gradients are asked for, they are
    computed in the backward pass.

    References
    ----------
    .. [1] https://docs.pytorch.org/docs/main/generated/torch.nn.functional.linear_cross_entropy.html

    Examples
    --------
    >>> import torch
    >>> from fastxent.torch import linear_cross_entropy
    >>> hidden = torch.tensor([[1.0, 0.0], [0.0, 2.0]], requires_grad=True)
    >>> weight = torch.tensor([[2.0, 0.0], [0.5, 1.0], [0.0, -1.0]])
    >>> loss = linear_cross_entropy(hidden, weight, torch.tensor([0, 1]))
    >>> round(loss.item(), 4)
    0.2246
    >>> loss.backward()
    >>> hidden.grad
    tensor([[-0.2228,  0.0323],
            [ 0.0840, -0.0745]])
    """
    loss = LinearLoss(
        reduction, ignore_index, label_smoothing, None if options is None else options.batch_chunk_size,
        torch.is_autocast_enabled("cpu"),
    )  # fmt: skip
    tensors = (input, linear_weight, linear_bias, target, weight)
    if torch.compiler.is_compiling():
        traceable = all(is_traceable(each, target, weight) for each in tensors[:3] if each is not None)
        if traceable and fits(loss, *tensors):
            return operation(*tensors, *astuple(loss))
        return loss.by_torch(*tensors)
    ours = all(is_ours(each) for each in tensors[:3] if each is not None)
    if ours and is_constant(target) and is_constant(weight) and fits(loss, *tensors):
        return evaluate(loss, *tensors)
    refuse_elsewhere(input=input, linear_weight=linear_weight, linear_bias=linear_bias, target=target, weight=weight)
    return loss.by_torch(*tensors)


def fits(
    loss: LinearLoss, input: Tensor | None, linear_weight: Tensor | None, linear_bias: Tensor | None,
    target: Tensor | None, weight: Tensor | None,
) -> bool:  # fmt: skip
    """Whether torch takes these shapes and dtypes; autocast takes mixed ones."""
    if input is None or linear_weight is None or target is None:
        return False
    floats = [each for each in (input, linear_weight, linear_bias, weight) if each is not None]
    if not (input.ndim in (1, 2) and linear_weight.ndim == 2 and input.shape[-1] == linear_weight.shape[1] > 0):
        return False
    if not all(each is None or each.shape == linear_weight.shape[:1] for each in (linear_bias, weight)):
        return False
    if target.shape == (*input.shape[:-1], linear_weight.shape[0]):
        fine = loss.ignore_index is None
        floats.append(target)
    else:
        fine = target.dtype is torch.int64 or (target.dtype is torch.uint8 and weight is None)
        fine = fine and target.ndim == input.ndim - 1
        ignored = loss.ignore_index
        fine = fine and (ignored is None or (type(ignored) is int and -(2**63) <= ignored < 2**63))
    if loss.autocast and input.dtype is not torch.float64:
        return fine and all(each.dtype is torch.float32 or each.dtype in HALVES for each in floats)
    return fine and all(each.dtype is input.dtype for each in floats)


def evaluate(loss: LinearLoss, *tensors: Tensor | None) -> Tensor:
    """The loss, differentiable if the layer is; torch decides about what the kernels refuse, by its own rules."""
    try:
        if torch.is_grad_enabled() and any(each is not None and each.requires_grad for each in tensors[:3]):
            return Differentiable.apply(loss, *tensors)
        return loss.by_kernels(*tensors)
    except (TypeError, ValueError):
        return loss.by_torch(*tensors)


class Differentiable(torch.autograd.Function):  # type: ignore[misc]
    """A loss that computes the gradients in the same pass, unless they need a factor for each row or may not be kept.

    They are given away once, since whoever gets them may write to them; later they are computed anew.
    """

    @staticmethod
    def forward(ctx: Any, loss: LinearLoss, *tensors: Tensor | None) -> Tensor:
        """The loss."""
        ctx.save_for_backward(*tensors)
        ctx.loss, ctx.gradients = loss, None
        if loss.reduction == "none" or is_memory_spared():
            return loss.by_kernels(*tensors)
        result, ctx.gradients = loss.with_gradients(ctx.needs_input_grad[1:4], *tensors)
        return result

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        """The gradients; by torch's formula where they are to be differentiated or transformed."""
        loss, tensors, wanted = ctx.loss, ctx.saved_tensors, ctx.needs_input_grad[1:4]
        if torch.is_grad_enabled() or not is_ours(grad_output):
            gradients = loss.gradients_by_torch(wanted, grad_output, *tensors)
        elif ctx.gradients is None or not math.isfinite(grad_output.item()):  # times 0 of ignored rows
            gradients = gradients_anew(loss, wanted, grad_output, *tensors)
        else:
            kept, ctx.gradients = ctx.gradients, None
            for each in kept if grad_output.item() != 1.0 else ():
                if each is not None:
                    each.mul_(grad_output)
            gradients = tuple(
                None if each is None else each.to(like.dtype) for each, like in zip(kept, tensors, strict=False)
            )
        return None, *gradients, None, None


def gradients_anew(loss: LinearLoss, wanted: Wanted, grad_output: Tensor, *tensors: Tensor | None) -> Gradients:
    """The gradients with their factor, without a graph."""
    try:
        gradients: Gradients = loss.with_gradients(wanted, *tensors, factor=grad_output)[1]
    except (TypeError, ValueError):
        gradients = loss.gradients_by_torch(wanted, grad_output, *tensors)
    return gradients


# operations of torch's own, which torch.compile takes as they are

ARGUMENTS = (
    "Tensor input, Tensor linear_weight, Tensor? linear_bias, Tensor target, Tensor? weight, str reduction, "
    "int? ignore_index, float label_smoothing, int? chunk_rows, bool autocast"
)


def run(*args: Any) -> Tensor:
    """The loss, without torch's own rules, whose derivatives would be lost here."""
    return LinearLoss(*args[5:]).by_kernels(*args[:5])


def run_backward(grad_output: Tensor, wanted: list[bool], *args: Any) -> list[Tensor]:
    """The gradients that are wanted."""
    input, weight, bias = wanted
    _, gradients = LinearLoss(*args[5:]).with_gradients((input, weight, bias), *args[:5], factor=grad_output)
    return [each for each in gradients if each is not None]


def keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
    """What the backward pass needs."""
    ctx.save_for_backward(*inputs[:5])
    ctx.options = inputs[5:]


def differentiate(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
    """The gradients by all arguments."""
    wanted = list(ctx.needs_input_grad[:3])
    grads = operation_backward(grad_output, wanted, *ctx.saved_tensors, *ctx.options)
    return *spread(grads, tuple(wanted)), *(None for _ in (*ctx.saved_tensors[3:], *ctx.options))


def imagine(input: Tensor, *rest: Any) -> Tensor:
    """A loss without numbers."""
    loss = LinearLoss(*rest[4:])
    return input.new_empty(loss.shape(input), dtype=loss.dtype(input))


def imagine_backward(grad_output: Tensor, wanted: list[bool], *args: Any) -> list[Tensor]:
    """Gradients without numbers."""
    return [empty(each) for each, is_wanted in zip(args, wanted, strict=False) if is_wanted]


NAME = "fastxent::linear_cross_entropy"
operation = torch.library.custom_op(NAME, run, mutates_args=(), schema=f"({ARGUMENTS}) -> Tensor")
operation_backward = torch.library.custom_op(
    f"{NAME}_backward", run_backward, mutates_args=(),
    schema=f"(Tensor grad_output, bool[] wanted, {ARGUMENTS}) -> Tensor[]",
)  # fmt: skip
operation.register_fake(imagine)
operation.register_autograd(differentiate, setup_context=keep)
operation_backward.register_fake(imagine_backward)
