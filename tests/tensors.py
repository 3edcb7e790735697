"""Tensors, and what torch makes of a call: for the tests of fastxent.torch."""

import re

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # which torch.testing._internal imports

import fastxent.torch as ft  # noqa: E402

FUNCTIONS = {"cross_entropy": ft.cross_entropy, "binary_cross_entropy_with_logits": ft.binary_cross_entropy_with_logits}
FLOAT, DOUBLE, HALF, BFLOAT = torch.float32, torch.float64, torch.float16, torch.bfloat16
# of torch's own result, beside the exact one: half precision is rounded at every step there
CLOSE = {FLOAT: 2e-6, DOUBLE: 1e-14, HALF: 1e-3, BFLOAT: 8e-3}
# the same numbers for each test; and torch's own use of what it has deprecated
marks = [
    pytest.mark.usefixtures("seed_of_torch"),
    pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning"),
]
each_dtype = pytest.mark.parametrize("dtype", CLOSE, ids=str)
each_reduction = pytest.mark.parametrize("reduction", ["mean", "sum", "none"])


def classes(shape, dtype=FLOAT, kind="index"):
    """Logits that ask for their gradient, and targets of a kind."""
    logits = torch.randn(shape, dtype=DOUBLE).mul(3).to(dtype).requires_grad_()
    axis = min(1, len(shape) - 1)
    if kind == "distribution":
        return logits, torch.rand(shape, dtype=DOUBLE).softmax(axis).to(dtype)
    labels = torch.randint(0, shape[axis], shape[:axis] + shape[axis + 1 :])
    if labels.numel() > 1:
        labels.view(-1)[0] = -100
    return logits, labels


def elements(shape, dtype=FLOAT):
    return torch.randn(shape, dtype=DOUBLE).to(dtype).requires_grad_(), torch.rand(shape, dtype=DOUBLE).to(dtype)


def doubled(values):
    return [
        value.detach().double() if torch.is_tensor(value) and value.is_floating_point() else value for value in values
    ]


def both(function, logits, *args, factor=None, **options):
    """The loss, and the gradient of its sum with factors."""
    logits = logits.detach().requires_grad_()
    loss = function(logits, *args, **options)
    factor = torch.ones_like(loss) if factor is None else factor.to(loss.dtype)
    return loss.detach(), *torch.autograd.grad(loss, logits, factor)


def outcome(call):
    """The result, or the error."""
    try:
        return call()
    except Exception as error:
        return error


def assert_same_outcome(ours, theirs):
    """The same result, or an error of the same class and text."""
    got, want = outcome(ours), outcome(theirs)
    if isinstance(want, Exception):
        # of several wrong labels torch's threads name any
        assert (type(got), re.sub(r"\d+", "", str(got))) == (type(want), re.sub(r"\d+", "", str(want)))
    else:
        torch.testing.assert_close(got, want, equal_nan=True)
