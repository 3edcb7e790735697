"""fastxent.torch.linear_cross_entropy: results, gradients and errors as torch has them, and torch's own tests of it."""

import copy
import tracemalloc
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # which torch.testing._internal imports

from torch.nn import functional as F  # noqa: E402
from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402
from torch.testing._internal.common_modules import module_db  # noqa: E402

import fastxent as fx  # noqa: E402
import fastxent.torch as ft  # noqa: E402
from tests.tensors import (  # noqa: E402
    BFLOAT,
    CLOSE,
    DOUBLE,
    FLOAT,
    HALF,
    assert_same_outcome,
    doubled,
    each_dtype,
    each_reduction,
    marks,
)

pytestmark = marks
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


@each_dtype
@each_reduction
@pytest.mark.parametrize("kind", ["index", "distribution"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("n", [(), (7,)], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_and_gradients_are_the_exact_ones_rounded_once(
    no_torch, monkeypatch, dtype, reduction, kind, smoothing, n, weighted
):
    *tensors, target = layer(dtype, n, kind=kind)
    others = [target, torch.rand(9).to(dtype) if weighted else None]
    factor = torch.rand(n if reduction == "none" else ()).to(dtype)
    options = {"reduction": reduction, "label_smoothing": smoothing}
    results = both(ours, tensors, *others, factor=factor, **options)
    monkeypatch.undo()
    exact = both(theirs, doubled(tensors), *doubled(others), factor=factor.double(), **options)
    for result, want in zip(results, exact, strict=True):
        assert result.dtype is dtype
        close = {"rtol": CLOSE[dtype], "atol": CLOSE[dtype] * want.abs().max().item(), "check_dtype": False}
        torch.testing.assert_close(result, want, **close)


@pytest.mark.parametrize(
    "variant, dtype",
    [*(("", dtype) for dtype in CLOSE), ("chunked", BFLOAT), ("chunked_none", FLOAT)],
    ids=str,
)
@pytest.mark.filterwarnings("ignore")
def test_the_samples_that_torch_tests_its_function_with(variant, dtype):
    (info,) = (
        one for one in op_db if (one.name, one.variant_test_name) == ("nn.functional.linear_cross_entropy", variant)
    )
    samples = list(info.sample_inputs("cpu", dtype, requires_grad=True))
    assert len(samples) > 20
    tolerance = {} if dtype in (FLOAT, DOUBLE) else {"rtol": 4 * CLOSE[dtype], "atol": 4 * CLOSE[dtype]}
    for sample in samples:
        weight, target = sample.args
        leaves = [each.detach().requires_grad_() for each in (sample.input, weight)]
        results = []
        for function in (ours, theirs):
            loss = function(*leaves, target, **sample.kwargs)
            results.append((loss.detach(), *torch.autograd.grad(loss.sum(), leaves)))
        for result, want in zip(*results, strict=True):
            scale = max(1.0, want.abs().max().item())
            torch.testing.assert_close(result / scale, want / scale, **tolerance)
    for error in info.error_inputs("cpu"):
        sample = error.sample_input
        with pytest.raises(error.error_type, match=error.error_regex):
            ours(sample.input, *sample.args, **sample.kwargs)


@pytest.mark.filterwarnings("ignore")
def test_the_inputs_that_torch_tests_its_module_with():
    (info,) = (one for one in module_db if one.name == "nn.LinearCrossEntropyLoss")
    options = {"device": "cpu", "dtype": DOUBLE, "requires_grad": False, "training": True}
    inputs = info.module_inputs_func(info, **options)
    assert len(inputs) > 300
    for one in inputs[::3]:
        made, called = one.constructor_input, one.forward_input
        module = ft.LinearCrossEntropyLoss(*made.args, **made.kwargs)
        torch.testing.assert_close(module(*called.args), one.reference_fn(module, *called.args), equal_nan=True)
    for one in info.module_error_inputs_func(info, **options):
        made, called = one.module_error_input.constructor_input, one.module_error_input.forward_input
        with pytest.raises(one.error_type, match=one.error_regex):
            ft.LinearCrossEntropyLoss(*made.args, **made.kwargs)(*called.args, **called.kwargs)


H, W, Y = torch.ones(3, 2), torch.ones(4, 2), torch.tensor([0, 1, 3])


@pytest.mark.parametrize(
    "args",
    [
        (H, W, torch.tensor([0, 1, 4])), (H, W, torch.tensor([0, 1, -1])), (H, W, Y[:2]), (H, W, Y.int()),
        (H, W, Y.bool()), (H, W, Y.to(torch.uint8)), (H, W, torch.ones(3, 4, dtype=torch.int64)),
        (H, W, -torch.ones(3, 4)), (H, W, torch.full((3, 4), np.nan)), (H, W.T, Y), (H, W[0], Y), (H[None], W, Y),
        (H, W.double(), Y), (H.long(), W.long(), Y), (H[:0], W, Y[:0]), (H, W[:0], Y), (H[:, :0], W[:, :0], Y),
        (H + np.nan, W, Y), (H, W, torch.full((3,), -100)), (H.numpy(), W, Y), (H, W, [0, 1, 3]),
        (H, torch.ones(4, 6, 2), torch.zeros(3, 6, dtype=torch.int64)), (H[0], W, Y[0]), (H.to_sparse(), W, Y),
        (None, W, Y), (H, None, Y), (H, W, None),
    ],
)  # fmt: skip
@each_reduction
@pytest.mark.filterwarnings("ignore")
def test_torch_decides_about_odd_arguments(args, reduction):
    assert_same_outcome(partial(ours, *args, reduction=reduction), partial(theirs, *args, reduction=reduction))


@pytest.mark.parametrize(
    "options",
    [
        {"reduction": "avg"}, {"label_smoothing": 1.5}, {"ignore_index": 1}, {"reduction": None}, {"ignore_index": 1.0},
        {"linear_bias": torch.ones(3)}, {"linear_bias": torch.ones(4, dtype=DOUBLE)}, {"weight": -torch.ones(4)},
        {"weight": torch.ones(3)}, {"weight": torch.ones(4, dtype=DOUBLE)}, {"ignore_index": 2**70},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.parametrize("target", [Y, torch.ones(3, 4)], ids=["index", "distribution"])
@pytest.mark.filterwarnings("ignore")
def test_torch_decides_about_odd_options(options, target):
    assert_same_outcome(partial(ours, H, W, target, **options), partial(theirs, H, W, target, **options))


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


def test_the_chunks_are_those_of_the_options_or_our_own(monkeypatch):
    asked = []

    def seen(product, targets, size, *rest):
        asked.append(size)
        return []

    monkeypatch.setattr("fastxent._linear.losses_and_gradients", seen)
    hidden, weight, _, target = (each.detach() for each in layer())
    for options in (None, torch.nn.LinearCrossEntropyOptions(), torch.nn.LinearCrossEntropyOptions(batch_chunk_size=3)):
        ours(hidden, weight, target, options=options)
    assert asked == [None, None, 3]


def test_what_changes_between_the_passes_is_noticed():
    *tensors, target = layer()
    loss = call(ours, *tensors, target)
    target.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_other_devices_are_refused_by_name():
    class Elsewhere(torch.Tensor):
        device = torch.device("cuda:0")

    with pytest.raises(NotImplementedError, match="on the CPU, but a tensor is on cuda:0"):
        ours(H, W.as_subclass(Elsewhere), Y)
    assert ours(H.to("meta"), W.to("meta"), Y.to("meta")).device.type == "meta"


def test_a_module_has_the_parameters_of_torch_and_trains():
    made, other = (where.LinearCrossEntropyLoss(5, 9, bias=True, weight=torch.rand(9)) for where in (ft, torch.nn))
    assert repr(made) == repr(other)
    other.load_state_dict(made.state_dict())
    hidden, _, _, target = layer()
    for module in (made, copy.deepcopy(made)):
        grads = []
        for one in (module, other):
            one.zero_grad()
            one(hidden, target).backward()
            grads.append([each.grad for each in one.parameters()])
        for result, want in zip(*grads, strict=True):
            torch.testing.assert_close(result, want)


# arrays in, tensors too


@each_dtype
@pytest.mark.parametrize("requires_grad", [False, True])
@pytest.mark.parametrize("chunk_rows", [None, 3])
def test_functions_of_arrays_take_tensors(dtype, requires_grad, chunk_rows):
    *tensors, target = (each.detach() for each in layer(dtype))
    hidden, weight, bias = (each.requires_grad_(requires_grad) for each in tensors)
    wide = [each.detach().to(DOUBLE if dtype is DOUBLE else FLOAT).numpy() for each in (hidden, weight, bias)]
    options = {"ignore_index": -100, "chunk_rows": chunk_rows}
    arrays = [wide[0], wide[1], target.numpy(), wide[2]]
    loss, grads = fx.linear_cross_entropy_grad(hidden, weight, target, bias, **options)
    want, exact = fx.linear_cross_entropy_grad(*arrays, **options)
    assert loss == want
    for grad, one in zip(grads, exact, strict=True):
        assert isinstance(grad, torch.Tensor if dtype is BFLOAT else np.ndarray)
        assert torch.equal(torch.as_tensor(grad), torch.from_numpy(one).to(dtype))
    given = [each.detach().clone() for each in tensors]
    names = dict(zip(("out_hidden", "out_weight", "out_bias"), given, strict=True))
    returned = fx.linear_cross_entropy_grad(hidden, weight, target, bias, **options, **names)[1]
    for out, result, one in zip(given, returned, exact, strict=True):
        assert result is out
        assert torch.equal(out, torch.from_numpy(one).to(dtype))
    assert fx.linear_cross_entropy(hidden, weight, target, bias, **options) == pytest.approx(want, rel=1e-6)
    statistics = fx.linear_target_statistics(hidden, weight, target, bias, **options)
    for result, one in zip(statistics, fx.linear_target_statistics(*arrays, **options), strict=True):
        np.testing.assert_array_equal(result, one)
    logits = torch.from_numpy(wide[0] @ wide[1].T).to(dtype)
    computed = logits.to(DOUBLE if dtype is DOUBLE else FLOAT).numpy()
    found = fx.target_statistics(logits.requires_grad_(requires_grad), target, ignore_index=-100)
    for result, one in zip(found, fx.target_statistics(computed, target.numpy(), ignore_index=-100), strict=True):
        np.testing.assert_array_equal(result, one)


def test_an_output_that_requires_grad_is_refused():
    hidden, weight, _, target = layer()
    with pytest.raises(TypeError, match=r"out_weight is a tensor that requires grad; give out_weight\.detach\(\)"):
        fx.linear_cross_entropy_grad(hidden, weight, target, ignore_index=-100, out_weight=weight)


# where the results differ from torch's, and are the real values


def test_a_confident_row_has_a_loss():
    hidden, weight = torch.tensor([[30.0]], requires_grad=True), torch.tensor([[1.0], [0.0]])
    loss = ours(hidden, weight, torch.tensor([0]))
    assert theirs(hidden, weight, torch.tensor([0])) == 0
    np.testing.assert_allclose(loss.item(), np.exp(-30), rtol=1e-6)


def test_half_precision_is_rounded_once():
    hidden, weight, _, target = (each.detach() for each in layer(BFLOAT, n=(200,), features=64, classes=500))
    exact = theirs(hidden.double(), weight.double(), target)
    assert ours(hidden, weight, target) == exact.to(BFLOAT)
