"""fastxent.torch.linear_cross_entropy: derivatives, which of them and how often, compiled and under autocast."""

import tracemalloc
from functools import partial

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # which torch.testing._internal imports

from tests.tensors import BFLOAT, CLOSE, DOUBLE, FLOAT, HALF, doubled, each_dtype, each_reduction, marks  # noqa: E402
from tests.torch_layer import both, call, layer, ours, theirs  # noqa: E402

pytestmark = marks


@each_reduction
@pytest.mark.parametrize("kind", ["index", "distribution"])
def test_derivatives_by_differences(reduction, kind):
    *tensors, target = layer(DOUBLE, n=(3,), features=2, classes=4, kind=kind)
    loss = partial(call, ours, target=target, reduction=reduction)
    options = {"check_batched_grad": True}
    assert torch.autograd.gradcheck(loss, tensors, check_forward_ad=True, check_batched_forward_grad=True, **options)
    assert torch.autograd.gradgradcheck(loss, tensors, **options)
    if kind == "distribution":  # the target's derivatives are torch's
        assert torch.autograd.gradcheck(partial(call, ours), (*tensors, target.requires_grad_()), **options)


@each_reduction
@pytest.mark.parametrize("dtype", [FLOAT, BFLOAT], ids=str)
def test_only_the_gradients_that_are_asked_for_take_memory(no_torch, monkeypatch, reduction, dtype):
    made = []
    monkeypatch.setattr(
        "fastxent.torch._linear_cross_entropy.empty",
        lambda like, wide=False: made.append(like) or torch.empty(like.shape),
    )
    *tensors, target = layer(dtype)
    for i, tensor in enumerate(tensors):
        made.clear()
        arguments = [each if k == i else each.detach() for k, each in enumerate(tensors)]
        (grad,) = torch.autograd.grad(call(ours, *arguments, target, reduction=reduction).sum(), tensor)
        assert [each.shape for each in made] == [tensor.shape]
        assert grad.abs().max() > 0


def test_a_head_that_is_not_trained_needs_no_gradient_of_its_size():
    hidden, weight = torch.randn(64, 256, requires_grad=True), torch.randn(20_000, 256)
    target = torch.randint(0, 20_000, (64,))
    tracemalloc.start()
    try:
        ours(hidden, weight, target).backward()
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 64 * 20_000 * 4 + 2**22  # the logits of one chunk, not 20 MB more


@each_dtype
@each_reduction
def test_a_graph_that_is_kept_gives_the_same_gradients_again(no_torch, dtype, reduction):
    *tensors, target = layer(dtype)
    loss = call(ours, *tensors, target, reduction=reduction).sum()
    first, second = (torch.autograd.grad(loss, tensors, retain_graph=True) for _ in range(2))
    want = [each.clone() for each in first]
    for each in first:
        each.zero_()
    for again, expected in zip(second, want, strict=True):
        torch.testing.assert_close(again, expected, rtol=CLOSE[dtype], atol=CLOSE[dtype] * 0.1)
    loss.backward()
    with pytest.raises(RuntimeError, match="backward through the graph a second time"):
        loss.backward()


def test_a_loss_scale_keeps_small_gradients_of_half_precision():
    hidden, weight = torch.ones(4096, 1, dtype=HALF, requires_grad=True), torch.linspace(-1, 1, 1000).to(HALF)[:, None]
    loss = ours(hidden, weight, torch.arange(4096) % 1000)
    (grad,) = torch.autograd.grad(loss, hidden, torch.tensor(32768, dtype=HALF))
    exact = both(theirs, doubled([hidden, weight]), None, torch.arange(4096) % 1000)[1] * 32768
    torch.testing.assert_close(grad.double(), exact, rtol=1e-3, atol=1e-7)


@each_reduction
@pytest.mark.parametrize("dtype", [FLOAT, BFLOAT], ids=str)
@pytest.mark.filterwarnings("ignore")
def test_compiled_whole(reduction, dtype):
    *tensors, target = layer(dtype)
    torch._dynamo.reset()
    plain = lambda x, w, t, **others: ours(x * 2, w, t, reduction=reduction, **others).sum()  # noqa: E731
    compiled = torch.compile(plain, fullgraph=True, backend="aot_eager")
    for result, want in zip(*(both(f, tensors, target) for f in (compiled, plain)), strict=True):
        torch.testing.assert_close(result, want)


@each_reduction
@pytest.mark.filterwarnings("ignore")
def test_operations_keep_the_rules_of_torch(reduction):
    *tensors, target = layer()
    for arguments in (tensors, [tensors[0], tensors[1].detach(), None]):
        torch.library.opcheck(
            torch.ops.fastxent.linear_cross_entropy.default,
            (*arguments, target, torch.rand(9), reduction, None, 0.1, None, False),
        )


def test_transforms():
    input, weight, _, target = (each.detach() for each in layer(n=(7,)))
    inputs = torch.randn(3, 7, 5)
    for transform in (lambda f: torch.func.vmap(torch.func.grad(f), (0, None, None)), torch.func.hessian):
        first = inputs if transform is not torch.func.hessian else input
        torch.testing.assert_close(*(transform(f)(first, weight, target) for f in (ours, theirs)))


@each_dtype
@each_reduction
@pytest.mark.parametrize("kind", ["index", "distribution"])
def test_autocast_rounds_nothing_and_gives_the_dtypes_that_torch_gives(dtype, reduction, kind):
    *tensors, target = layer(dtype, kind=kind)
    with torch.autocast("cpu", dtype=BFLOAT):
        results, others = (both(function, tensors, target, reduction=reduction) for function in (ours, theirs))
    assert [each.dtype for each in results] == [each.dtype for each in others]
    exact = both(theirs, doubled(tensors), *doubled([target]), reduction=reduction)
    for result, want in zip(results, exact, strict=True):
        torch.testing.assert_close(result.double(), want, rtol=CLOSE[result.dtype], atol=CLOSE[result.dtype])


def test_a_model_in_half_precision_with_a_float32_head_under_autocast():
    *tensors, target = layer()
    hidden = tensors[0].detach().to(BFLOAT).requires_grad_()
    with torch.autocast("cpu", dtype=BFLOAT):
        loss = call(ours, hidden, *tensors[1:], target)
    grads = torch.autograd.grad(loss, (hidden, *tensors[1:]), retain_graph=True)
    assert [each.dtype for each in (loss, *grads)] == [FLOAT, BFLOAT, FLOAT, FLOAT]
    again = torch.autograd.grad(loss, (hidden, *tensors[1:]), create_graph=True)
    for first, second in zip(grads, again, strict=True):
        torch.testing.assert_close(first, second.detach())


def test_what_changes_between_the_passes_is_noticed():
    *tensors, target = layer()
    loss = call(ours, *tensors, target)
    target.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()
