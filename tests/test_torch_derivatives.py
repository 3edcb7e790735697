"""fastxent.torch: derivatives of both orders, again, in place, and in half precision."""

import gc
from functools import partial

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # which torch.testing._internal imports


from torch.utils.checkpoint import checkpoint  # noqa: E402

import fastxent.torch as ft  # noqa: E402
from tests.tensors import (  # noqa: E402
    BFLOAT,
    DOUBLE,
    HALF,
    classes,
    each_dtype,
    each_reduction,
    elements,
    marks,
)

pytestmark = marks


@each_reduction
@pytest.mark.parametrize("kind", ["index", "distribution", "binary"])
def test_derivatives_by_differences(reduction, kind):
    logits, target = elements((3, 4), DOUBLE) if kind == "binary" else classes((3, 4), DOUBLE, kind)
    function = ft.binary_cross_entropy_with_logits if kind == "binary" else ft.cross_entropy
    loss = partial(function, target=target, reduction=reduction)
    options = {"check_batched_grad": True}
    assert torch.autograd.gradcheck(loss, (logits,), check_forward_ad=True, check_batched_forward_grad=True, **options)
    assert torch.autograd.gradgradcheck(loss, (logits,), **options)
    if kind != "index":  # the target's derivatives are torch's
        loss = partial(function, reduction=reduction)
        assert torch.autograd.gradcheck(loss, (logits, target.requires_grad_()), **options)


@each_dtype
@each_reduction
def test_a_graph_that_is_kept_gives_the_same_gradient_again(no_torch, dtype, reduction):
    logits, target = classes((5, 7), dtype)
    loss = ft.cross_entropy(logits, target, reduction=reduction).sum()
    first, second = (torch.autograd.grad(loss, logits, retain_graph=True)[0] for _ in range(2))
    want = first.clone()
    torch.testing.assert_close(second, want, rtol=1e-6, atol=1e-7)
    first.zero_()
    torch.testing.assert_close(second, want, rtol=1e-6, atol=1e-7)
    loss.backward(retain_graph=True)
    loss.backward()
    torch.testing.assert_close(logits.grad, 2 * want, rtol=1e-6, atol=1e-7)
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()


def test_a_loss_scale_keeps_small_gradients_of_half_precision():
    logits = torch.zeros(4096, 1000, dtype=HALF, requires_grad=True)
    loss = ft.cross_entropy(logits, torch.zeros(4096, dtype=torch.int64))
    grad, none = (
        torch.autograd.grad(loss, logits, torch.tensor(s, dtype=HALF), retain_graph=True)[0] for s in (32768, 1)
    )
    torch.testing.assert_close(
        grad[:, 1:].double(), torch.full((4096, 999), 32768 / 4096e3, dtype=DOUBLE), rtol=1e-3, atol=0
    )
    assert (none[:, 1:] == torch.tensor(1 / 4096e3).to(HALF)).all()  # a few steps of 2^-24


def test_a_factor_costs_no_second_rounding_of_bfloat16():
    logits, target = classes((64, 7), BFLOAT)
    wide = logits.detach().float().requires_grad_()
    for factor in (1.0, 0.25, 3.0, 0.1, 0.0):
        factor = torch.tensor(factor, dtype=BFLOAT)
        grad, want = (
            torch.autograd.grad(ft.cross_entropy(each, target, reduction="sum"), each, factor.to(each.dtype))[0]
            for each in (logits, wide)
        )
        torch.testing.assert_close(grad, want.to(BFLOAT), rtol=0, atol=0)


@pytest.mark.parametrize("reduction", ["mean", "sum"])
def test_numbers_below_the_normal_ones_of_bfloat16_are_rounded_once(reduction):
    logits = torch.rand(64, 33, dtype=DOUBLE).mul(-95).to(BFLOAT).requires_grad_()  # shares down to 2^-137
    for factor in (0.125, 0.5, 1.0, 2.0, -4.0, 2.0**40):
        loss = ft.cross_entropy(logits, torch.arange(64) % 33, reduction=reduction)
        kept, anew = (
            torch.autograd.grad(loss, logits, torch.tensor(factor, dtype=BFLOAT), retain_graph=True)[0]
            for _ in range(2)
        )
        torch.testing.assert_close(kept, anew, rtol=0, atol=0)


def test_what_changes_between_the_passes_is_noticed():
    logits, target = classes((5, 7), HALF)
    loss = ft.cross_entropy(logits, target)
    target.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


@each_dtype
@each_reduction
def test_no_factor_reaches_a_row_that_is_ignored(no_torch, dtype, reduction):
    logits, target = classes((5, 7), dtype)
    for function, between in ((ft.cross_entropy, ()), (ft.linear_cross_entropy, (torch.randn(7, 7).to(dtype),))):
        for factor in (torch.inf, torch.nan):
            loss = function(logits, *between, target, reduction=reduction)
            (grad,) = torch.autograd.grad(loss, logits, torch.full_like(loss, factor))
            assert not grad[target == -100].any()
            assert not grad[target != -100].isfinite().any()


def tensors():
    """All that there are, by their id."""
    return {id(each): each for each in gc.get_objects() if type(each) is torch.Tensor}


@each_reduction
@pytest.mark.parametrize("kind", ["index", "binary", "linear"])
def test_between_the_passes_a_checkpoint_keeps_no_gradient(no_torch, reduction, kind):
    leaf, labels = classes((53, 71))
    layer = torch.randn(67, 71, requires_grad=True)
    target = torch.rand(53, 71) if kind == "binary" else labels

    def loss(x):
        if kind == "linear":
            return ft.linear_cross_entropy(x, layer, target.clamp(max=66), reduction=reduction).sum()
        function = ft.binary_cross_entropy_with_logits if kind == "binary" else ft.cross_entropy
        return function(x * 1, target, reduction=reduction).sum()

    want = torch.autograd.grad(loss(leaf), leaf)[0]
    before = tensors()
    value = checkpoint(loss, leaf, use_reentrant=False)
    assert not {each.shape for id_, each in tensors().items() if id_ not in before} & {leaf.shape, layer.shape}
    torch.testing.assert_close(torch.autograd.grad(value, leaf)[0], want, rtol=1e-6, atol=1e-7)


@pytest.mark.parametrize("factor", [1.0, 3.0])
def test_a_gradient_computed_with_the_loss_is_that_of_the_old_numbers(factor):
    for function, (leaf, target) in (
        (ft.cross_entropy, classes((5, 7))),
        (ft.binary_cross_entropy_with_logits, elements((5, 7))),
    ):
        (want,) = torch.autograd.grad(factor * function(leaf, target), leaf)
        logits = leaf * 1
        loss = factor * function(logits, target)
        logits.zero_(), target.zero_()
        torch.testing.assert_close(torch.autograd.grad(loss, leaf)[0], want, rtol=0, atol=0)


@each_dtype
@each_reduction
def test_the_gradient_in_the_memory_of_the_logits(no_torch, dtype, reduction):
    leaf, labels = classes((5, 7), dtype)
    for function, target in (
        (ft.cross_entropy, labels),
        (ft.binary_cross_entropy_with_logits, torch.rand(5, 7).to(dtype)),
    ):
        (want,) = torch.autograd.grad(function(leaf, target, reduction=reduction).sum(), leaf)
        seen = []
        logits = leaf * 1
        before = logits.detach().clone()
        logits.register_hook(lambda grad, seen=seen: seen.append(grad))
        loss = function(logits, target, reduction=reduction, inplace_backward=True).sum()
        assert logits.equal(before)
        (grad,) = torch.autograd.grad(loss, leaf, retain_graph=True)
        torch.testing.assert_close(grad, want, rtol=1e-6, atol=1e-7)
        assert seen[0].data_ptr() == logits.data_ptr()
        with pytest.raises(RuntimeError, match="modified by an inplace operation"):
            loss.backward()


@pytest.mark.parametrize("view", ["x", "x.view(5, 7)", "x[:]", "x.t().t()", "x.reshape(5, 7)[1:]"])
def test_parameters_are_never_overwritten(view):
    leaf, target = classes((5, 7))
    before = leaf.detach().clone()
    logits = eval(view, {"x": leaf})
    ft.cross_entropy(logits, target[: len(logits)], inplace_backward=True).backward()
    assert leaf.equal(before)
    assert leaf.grad.data_ptr() != leaf.data_ptr()


def test_a_gradient_that_cannot_be_in_the_memory_of_the_logits_has_its_own():
    row, target = torch.randn(7, requires_grad=True), torch.randint(0, 7, (5,))
    grads = [
        torch.autograd.grad(ft.cross_entropy((row * 1).expand(5, 7), target, inplace_backward=in_place), row)[0]
        for in_place in (False, True)
    ]
    torch.testing.assert_close(*grads)
