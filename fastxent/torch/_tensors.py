"""What the losses ask of torch's tensors, and how they are computed and differentiated."""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np
import torch
from torch import Tensor
from torch.autograd import forward_ad

from fastxent import _check, _threads
from fastxent._bfloat16 import OF_TENSORS
from fastxent._types import Array

HALVES = (torch.bfloat16, torch.float16)
DTYPES = (torch.float32, torch.float64, *HALVES)
FEW = 2**12  # numbers, for which nobody needs to ask how many threads there may be
LARGEST = torch.finfo(torch.float16).max

# Calls of few numbers consist of questions: each is a name of this module's, which is found sooner than one of torch's.
are_transforms_active = torch._C._are_functorch_transforms_active
n_dispatch_modes = torch._C._len_torch_dispatch_stack
tracing_state = torch._C._get_tracing_state
is_batched = torch._C._functorch.is_legacy_batchedtensor
is_wrapped = torch._C._functorch.is_functorch_wrapped_tensor
is_functional = torch._is_functional_tensor
get_num_threads = torch.get_num_threads
hooks_of_saved_tensors = torch._C._autograd._top_saved_tensors_default_hooks


class Loss(Protocol):
    """The options of a call."""

    reduction: Any

    def by_kernels(
        self, logits: Array, target: Array, *weights: Array | None, out: Array | None = None, grad_output: Any = None
    ) -> float | np.float32 | Array:
        """The loss; its gradient, times that of the result, goes into `out`."""

    def by_torch(self, logits: Tensor, *tensors: Tensor | None) -> Tensor:
        """The loss by torch's own function."""

    def shape(self, logits: Tensor) -> tuple[int, ...]:
        """That of the result."""


def refuse_elsewhere(**tensors: Any) -> None:
    """Raise for what is not in the processor's memory; what has no memory is torch's matter."""
    for name, tensor in tensors.items():
        if not isinstance(tensor, Tensor):
            _check.refuse_dask(tensor, name)
        elif tensor.device.type not in ("cpu", "meta"):
            raise NotImplementedError(
                f"fastxent.torch computes on the CPU, but a tensor is on {tensor.device}: use torch.nn.functional there"
            )


def widened(*tensors: Any) -> Any:
    """The tensors as torch's autocast wants them: these losses are computed in float32."""
    return tuple(each.float() if isinstance(each, Tensor) and each.dtype in HALVES else each for each in tensors)


def is_ours(logits: Any) -> bool:
    """Whether these are logits that the kernels take, and nobody looks on to transform or to record what is done."""
    return (
        is_plain(logits)
        and logits.dtype in DTYPES
        and not are_transforms_active()
        and n_dispatch_modes() == 0
        and tracing_state() is None
        and forward_ad._current_level < 0
    )


@torch.compiler.assume_constant_result  # type: ignore[untyped-decorator]
def is_transformed() -> bool:
    """Whether a transform of torch.func is at work."""
    return bool(are_transforms_active())


def is_constant(tensor: Any) -> bool:
    """Whether a target or a weight is one that the kernels take, without derivatives, or None."""
    return tensor is None or (is_plain(tensor) and not tensor.requires_grad)


def is_traceable(logits: Tensor, *others: Tensor | None) -> bool:
    """Whether both hold, as far as can be told while torch.compile looks."""
    return (
        logits.device.type == "cpu"
        and logits.layout is torch.strided
        and logits.dtype in DTYPES
        and not any(each is not None and each.requires_grad for each in others)
        and not is_transformed()
    )


def is_plain(value: Any) -> bool:
    """Whether it is a tensor in the processor's memory, of no class with rules of its own."""
    return (
        (type(value) is Tensor or type(value) is torch.nn.Parameter)
        and value.is_cpu
        and value.layout is torch.strided
        and not value.is_neg()
        and not is_batched(value)
        and not is_wrapped(value)
        and not is_functional(value)
    )


def n_threads(size: float = math.inf) -> int | None:
    """How many threads so many logits may have: torch's number is the most, unless fastxent has been told another."""
    if size <= FEW:
        return 1
    return min(_threads.default_num_threads(), get_num_threads()) if _threads.chosen is None else None


def array_of(tensor: Tensor | None) -> Any:
    """The tensor's memory."""
    if tensor is None:
        return None
    if tensor.dtype is torch.bfloat16:
        return tensor.view(torch.int16).numpy(force=True).view(OF_TENSORS)
    return tensor.numpy(force=True) if tensor.requires_grad else tensor.numpy()


def tensor_of(loss: float | np.float32 | Array, logits: Tensor, dtype: torch.dtype | None = None) -> Tensor:
    """A loss as a tensor, of the logits' dtype if no other is named."""
    dtype = logits.dtype if dtype is None else dtype
    if isinstance(loss, np.ndarray):
        tensor = torch.from_numpy(loss)
    elif dtype in HALVES and abs(loss) <= LARGEST:  # torch refuses to fill with what overflows, but converts it
        tensor = logits.new_full((), loss, dtype=dtype)
    else:  # the fastest way to a tensor of one number
        narrow = dtype is torch.float32 and abs(loss) <= LARGEST
        tensor = torch.from_numpy(np.array(loss, np.float32 if narrow else np.float64))
    return tensor if tensor.dtype is dtype else tensor.to(dtype)


def evaluate(loss: Loss, inplace_backward: bool, logits: Tensor, *tensors: Tensor | None) -> Tensor:
    """The loss, differentiable if the logits are."""
    if torch.is_grad_enabled() and logits.requires_grad:
        try:
            return Differentiable.apply(loss, inplace_backward and not is_kept(logits), logits, *tensors)
        except (TypeError, ValueError):
            return loss.by_torch(logits, *tensors)
    return value(loss, logits, *tensors)


def is_kept(logits: Tensor) -> bool:
    """Whether their memory is that of a leaf of the graph, such as a parameter."""
    return logits.is_leaf or (logits._base is not None and logits._base.is_leaf)


def value(loss: Loss, logits: Tensor, *tensors: Tensor | None) -> Tensor:
    """The loss; torch decides about what the kernels refuse, by its own rules."""
    try:
        return tensor_of(loss.by_kernels(*map(array_of, (logits, *tensors))), logits)
    except (TypeError, ValueError):
        return loss.by_torch(logits, *tensors)


def write_gradient(loss: Loss, grad_output: Tensor, out: Tensor, logits: Tensor, *tensors: Tensor | None) -> None:
    """The gradient by the logits into `out`, which may be they."""
    factor = array_of(grad_output) if grad_output.ndim else grad_output.item()
    loss.by_kernels(*map(array_of, (logits, *tensors)), out=array_of(out), grad_output=factor)


def gradient_by_torch(loss: Loss, grad_output: Tensor, logits: Tensor, *tensors: Tensor | None) -> Tensor:
    """The gradient by the logits, to be differentiated or transformed as torch can."""
    is_differentiable = torch.is_grad_enabled()
    with torch.enable_grad():
        logits = logits if logits.requires_grad else logits.detach().requires_grad_()
        value = loss.by_torch(logits, *tensors)
        (grad,) = torch.autograd.grad(value, logits, grad_output, create_graph=is_differentiable)
    return grad


def gradient(
    loss: Loss, grad_output: Tensor, logits: Tensor, *tensors: Tensor | None, in_place: bool = False,
    memory: Tensor | None = None,
) -> Tensor:  # fmt: skip
    """The gradient by the logits, in memory that is there or in theirs, if it may be: what shares memory may not."""
    if in_place:
        grad = logits.detach()
        try:
            write_gradient(loss, grad_output, grad, grad, *tensors)
        except ValueError:
            return gradient(loss, grad_output, logits, *tensors)
        torch.autograd.graph.increment_version(logits)
        return grad
    grad = torch.empty_like(logits) if memory is None else memory
    try:
        write_gradient(loss, grad_output, grad, logits, *tensors)
    except (TypeError, ValueError):
        return gradient_by_torch(loss, grad_output, logits, *tensors)
    return grad


def is_memory_spared() -> bool:
    """Whether hooks take what is saved for the backward pass, as those of `torch.utils.checkpoint` do."""
    return hooks_of_saved_tensors(True) is not None


class Differentiable(torch.autograd.Function):  # type: ignore[misc]
    """A loss that computes its gradient in the same pass.

    The gradient is given away once, since whoever gets it may write to it; later it is computed anew. So it is from the
    beginning where that is in place, and where its factor has to be known: that of each row, and that of float16, whose
    loss scale keeps what is too small without it. In bfloat16 it is unless the factor is 1: one rounding loses less
    than two, also where the factor is a power of two, which numbers below 2^-126 do not take exactly. Where a
    checkpoint or another hook spares memory, a gradient would be what it wants to spare. A factor that is infinite or
    nan must not reach the zeros of rows that are ignored.
    """

    @classmethod
    def apply(cls, *arguments: Any) -> Tensor:
        """Without what torch's own does for transforms and for what has escaped from them, which is_ours excluded."""
        return super(torch.autograd.Function, cls).apply(*arguments)

    @staticmethod
    def forward(ctx: Any, loss: Loss, in_place: bool, logits: Tensor, *tensors: Tensor | None) -> Tensor:
        """The loss."""
        ctx.save_for_backward(logits, *tensors)
        ctx.loss, ctx.in_place, ctx.grad = loss, in_place, None
        arrays = map(array_of, (logits, *tensors))
        if loss.reduction == "none" or in_place or logits.dtype is torch.float16 or is_memory_spared():
            return tensor_of(loss.by_kernels(*arrays), logits)
        grad = torch.empty_like(logits)
        value = loss.by_kernels(*arrays, out=array_of(grad))
        ctx.grad = grad
        return tensor_of(value, logits)

    @staticmethod
    def backward(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        """The gradient by the logits; by torch's formula where it is to be differentiated or transformed."""
        grad, ctx.grad = ctx.grad, None
        if torch.is_grad_enabled() or not is_ours(grad_output):
            grad, ctx.grad = gradient_by_torch(ctx.loss, grad_output, *ctx.saved_tensors), grad
        elif grad is None:
            grad = gradient(ctx.loss, grad_output, *ctx.saved_tensors, in_place=ctx.in_place)
        elif (factor := grad_output.item()) != 1.0:
            if grad.dtype is torch.bfloat16 or not math.isfinite(factor):
                grad = gradient(ctx.loss, grad_output, *ctx.saved_tensors, memory=grad)
            else:
                grad.mul_(grad_output)
        return None, None, grad, None, None, None  # torch passes over what is more than the arguments
