"""A linear layer of torch's, its loss and its gradients, by fastxent and by torch."""

import torch
from torch.nn import functional as F

import fastxent.torch as ft
from tests.tensors import DOUBLE, FLOAT

ours, theirs = ft.linear_cross_entropy, F.linear_cross_entropy


def layer(dtype=FLOAT, n=(7,), features=5, classes=9, kind="index"):
    """Input, weight, bias, which ask for their gradients, and targets of a kind."""
    tensors = [
        torch.randn(shape, dtype=DOUBLE).to(dtype).requires_grad_()
        for shape in ((*n, features), (classes, features), (classes,))
    ]
    if kind == "distribution":
        return *tensors, torch.rand(*n, classes, dtype=DOUBLE).softmax(-1).to(dtype)
    labels = torch.randint(0, classes, n)
    if n:
        labels[0] = -100
    return *tensors, labels


def call(function, input, weight, bias, target, class_weight=None, **options):
    return function(input, weight, target, linear_bias=bias, weight=class_weight, **options)


def both(function, tensors, *others, factor=None, **options):
    """The loss, and the gradients of its sum with factors."""
    tensors = [each.detach().requires_grad_() for each in tensors]
    loss = call(function, *tensors, *others, **options)
    factor = torch.ones_like(loss) if factor is None else factor.to(loss.dtype)
    return loss.detach(), *torch.autograd.grad(loss, tensors, factor)
