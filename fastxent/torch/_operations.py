"""The losses as operations of torch's own, which torch.compile takes as they are."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import astuple
from typing import Any

import torch
from torch import Tensor

from fastxent.torch._tensors import Loss, array_of, tensor_of, write_gradient

Operation = Callable[..., Tensor]


def operation_of(name: str, loss_class: type[Loss], others: str, options: str) -> Operation:
    """Called with a loss, its logits and its other tensors, all of which the kernels take."""
    n = 1 + len(others.split(","))
    arguments = f"Tensor logits, {others}, {options}"

    def run(*args: Any) -> Tensor:
        # without torch's own rules: their derivatives would be lost here
        return tensor_of(loss_class(*args[n:]).by_kernels(*map(array_of, args[:n])), args[0])

    def run_backward(grad_output: Tensor, *args: Any) -> Tensor:
        grad = torch.empty_like(args[0])
        write_gradient(loss_class(*args[n:]), grad_output, grad, *args[:n])
        return grad

    def keep(ctx: Any, inputs: tuple[Any, ...], output: Tensor) -> None:
        ctx.save_for_backward(*inputs[:n])
        ctx.options = inputs[n:]

    def differentiate(ctx: Any, grad_output: Tensor) -> tuple[Tensor | None, ...]:
        grad = backward(grad_output, *ctx.saved_tensors, *ctx.options)
        return grad, *(None for _ in (*ctx.saved_tensors[1:], *ctx.options))

    forward = torch.library.custom_op(name, run, mutates_args=(), schema=f"({arguments}) -> Tensor")
    backward = torch.library.custom_op(
        f"{name}_backward", run_backward, mutates_args=(), schema=f"(Tensor grad_output, {arguments}) -> Tensor"
    )
    forward.register_fake(lambda logits, *rest: logits.new_empty(loss_class(*rest[n - 1 :]).shape(logits)))
    backward.register_fake(lambda grad_output, logits, *rest: torch.empty_like(logits))
    forward.register_autograd(differentiate, setup_context=keep)
    return lambda loss, *tensors: forward(*tensors, *astuple(loss))
