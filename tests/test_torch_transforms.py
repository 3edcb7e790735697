"""fastxent.torch: compiled, recorded, transformed, and under autocast."""

from functools import partial

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # which torch.testing._internal imports

from torch.fx.experimental.proxy_tensor import make_fx  # noqa: E402
from torch.nn import functional as F  # noqa: E402

import fastxent as fx  # noqa: E402
import fastxent.torch as ft  # noqa: E402
from tests.tensors import (  # noqa: E402
    BFLOAT,
    CLOSE,
    FLOAT,
    FUNCTIONS,
    assert_same_outcome,
    both,
    classes,
    each_reduction,
    elements,
    marks,
)

pytestmark = marks


@each_reduction
@pytest.mark.parametrize("dtype", [FLOAT, BFLOAT], ids=str)
@pytest.mark.filterwarnings("ignore")
def test_compiled_whole(reduction, dtype):
    for function, (logits, target) in (
        (ft.cross_entropy, classes((5, 7, 3), dtype)),
        (ft.binary_cross_entropy_with_logits, elements((5, 7), dtype)),
    ):
        torch._dynamo.reset()
        plain = lambda x, t, function=function: function(x * 2, t, reduction=reduction).sum()  # noqa: E731
        compiled = torch.compile(plain, fullgraph=True, backend="aot_eager")
        for grad, want in zip(both(compiled, logits, target), both(plain, logits, target), strict=True):
            torch.testing.assert_close(grad, want)


@pytest.mark.filterwarnings("ignore")
def test_transformed_while_compiled():
    logits, target = torch.randn(5, 7), torch.randint(0, 7, (5,))
    for transform in (torch.func.grad, lambda f: torch.func.vmap(torch.func.grad(f))):
        torch._dynamo.reset()
        ours, theirs = (
            torch.compile(lambda x, f=f: transform(f)(x, target), fullgraph=True, backend="aot_eager")(logits)  # noqa: B023
            for f in (ft.cross_entropy, F.cross_entropy)
        )
        torch.testing.assert_close(ours, theirs)


@pytest.mark.filterwarnings("ignore")
def test_what_the_kernels_refuse_is_an_error_when_compiled():
    logits, target = classes((5, 7), kind="distribution")
    target[0, 0] = -1.0
    torch._dynamo.reset()
    with pytest.raises(ValueError, match=r"target\[0, 0\] = -1.0, but it must be finite and not negative"):
        torch.compile(ft.cross_entropy, backend="aot_eager")(logits, target)


@pytest.mark.filterwarnings("ignore")
def test_a_recorded_call_is_no_constant():
    target = torch.arange(3)
    other = 9 * torch.eye(3, 4)
    for record in (make_fx, torch.jit.trace):
        made = partial(record, lambda x: ft.cross_entropy(x, target))
        made = made()(torch.zeros(3, 4)) if record is make_fx else made(torch.zeros(3, 4))
        torch.testing.assert_close(made(other), F.cross_entropy(other, target))


@pytest.mark.filterwarnings("ignore")
def test_operations_keep_the_rules_of_torch():
    logits, target = classes((5, 7))
    for reduction in ("mean", "none"):
        torch.library.opcheck(
            torch.ops.fastxent.cross_entropy.default, (logits, target, torch.rand(7), reduction, -100, 0.1)
        )
        torch.library.opcheck(
            torch.ops.fastxent.binary_cross_entropy_with_logits.default,
            (*elements((5, 7)), None, torch.rand(7), reduction),
        )


def test_transforms():
    logits, target = torch.randn(3, 5, 7), torch.randint(0, 7, (3, 5))
    both_of = (ft.cross_entropy, F.cross_entropy)
    torch.testing.assert_close(*(torch.func.vmap(torch.func.grad(f))(logits, target) for f in both_of))
    torch.testing.assert_close(*(torch.func.hessian(lambda x, f=f: f(x, target[0]))(logits[0]) for f in both_of))


def test_what_has_escaped_from_a_transform_is_read_by_torch():
    logits, target = torch.randn(5, 7), torch.rand(5, 7)
    escaped = []
    torch.func.functionalize(lambda x: escaped.append(x * 1) or x * 1)(target)
    (wrapped,) = escaped
    for differentiable in (logits, logits.clone().requires_grad_()):
        torch.testing.assert_close(ft.cross_entropy(differentiable, wrapped), ft.cross_entropy(differentiable, target))
        torch.testing.assert_close(
            ft.binary_cross_entropy_with_logits(differentiable, target, wrapped),
            ft.binary_cross_entropy_with_logits(differentiable, target, target),
        )
        torch.testing.assert_close(
            ft.linear_cross_entropy(differentiable, logits, torch.arange(5), weight=wrapped[:, 0]),
            ft.linear_cross_entropy(differentiable, logits, torch.arange(5), weight=target[:, 0]),
        )


@pytest.mark.parametrize("function", [ft.cross_entropy, ft.linear_cross_entropy])
def test_a_gradient_by_torch_has_a_graph_only_if_asked_for(function):
    logits = torch.randn(5, 7, requires_grad=True)
    between = () if function is ft.cross_entropy else (torch.randn(5, 7),)
    loss = function(logits, *between, torch.arange(5))
    (grads,) = torch.autograd.grad(loss, logits, torch.tensor([1.0, 2.0]), is_grads_batched=True, retain_graph=True)
    assert not grads.requires_grad
    torch.testing.assert_close(grads[1], 2 * torch.autograd.grad(loss, logits, retain_graph=True)[0])
    assert torch.autograd.grad(loss, logits, create_graph=True)[0].requires_grad


@pytest.mark.parametrize("dtype", CLOSE, ids=str)
def test_the_memory_of_parameters_can_still_be_resized(dtype):
    """As FSDP does."""
    weight, bias = (torch.nn.Parameter(torch.randn(shape).to(dtype)) for shape in ((7, 3), (7,)))
    hidden, labels = torch.randn(5, 3).to(dtype), torch.arange(5)
    ft.linear_cross_entropy(hidden, weight, labels, linear_bias=bias).backward()
    fx.linear_cross_entropy(hidden, weight, labels, bias)
    fx.softmax(weight)
    for tensor in (weight, bias, weight.grad, bias.grad):
        assert tensor.untyped_storage().resizable()


def test_a_parameter_that_is_negated_as_it_is_read_is_not_taken_for_its_memory():
    logits, labels = torch.nn.Parameter(torch._neg_view(torch.randn(5, 7))), torch.arange(5)
    with pytest.raises(RuntimeError, match="negative bit"):
        fx.softmax_cross_entropy(logits, labels)
    with pytest.raises(RuntimeError, match="negative bit"):
        fx.softmax_cross_entropy_grad(torch.randn(5, 7), labels, out=logits.requires_grad_(False))


def test_numpy_functions_within_torch_func_name_what_works_there():
    logits, labels = classes((5, 7))
    with pytest.raises(
        TypeError, match=r"^logits is a tensor without memory of its own, .* fastxent\.torch has losses"
    ):
        torch.func.vmap(fx.softmax_cross_entropy)(logits, labels)


def test_a_list_of_tensors_that_numpy_has_no_dtype_for_is_to_be_stacked():
    with pytest.raises(TypeError, match=r"^logits is a list of tensors; give torch\.stack\(logits\)$"):
        fx.softmax_cross_entropy(list(torch.zeros(5, 7, dtype=BFLOAT)), torch.arange(5))


@pytest.fixture
def in_torch_s_place(monkeypatch):
    """fastxent's functions where models look for torch's, whose own are given."""
    theirs = {name: getattr(F, name) for name in (*FUNCTIONS, "linear_cross_entropy")}
    for name in theirs:
        monkeypatch.setattr(F, name, getattr(ft, name))
    return theirs


@pytest.mark.filterwarnings("ignore")
def test_what_is_torch_s_own_is_handed_over_in_its_place(in_torch_s_place):
    logits, labels, weight = torch.randn(5, 7, requires_grad=True), torch.arange(5), torch.randn(9, 7)
    shares = torch.rand(5, 7)
    meta = (logits.to("meta"), labels.to("meta"))
    again = lambda f: lambda *args: torch.autograd.grad(f(*args), args[0], create_graph=True)  # noqa: E731
    for name, call in (
        ("cross_entropy", lambda f: f(logits, labels + 9)),
        ("cross_entropy", lambda f: f(*meta)),
        ("cross_entropy", lambda f: f(logits, shares.double())),
        ("cross_entropy", lambda f: f(logits, shares.clone().requires_grad_())),
        ("cross_entropy", lambda f: f(logits, labels, size_average=False)),
        ("cross_entropy", lambda f: torch.func.vmap(f)(logits, labels)),
        ("cross_entropy", lambda f: again(f)(logits, labels)),
        ("binary_cross_entropy_with_logits", lambda f: f(logits, labels)),
        ("binary_cross_entropy_with_logits", lambda f: f(logits, shares, reduce=False)),
        ("binary_cross_entropy_with_logits", lambda f: again(f)(logits, shares)),
        ("linear_cross_entropy", lambda f: f(logits, weight, labels + 9)),
        ("linear_cross_entropy", lambda f: again(f)(logits, weight, labels)),
    ):
        assert_same_outcome(partial(call, getattr(F, name)), partial(call, in_torch_s_place[name]))


@pytest.mark.filterwarnings("ignore")
def test_compiled_in_torch_s_place(in_torch_s_place):
    logits, target = classes((5, 7))
    for options in ({}, {"size_average": False}):
        torch._dynamo.reset()
        compiled = torch.compile(lambda x, t: F.cross_entropy(x, t, **options), fullgraph=True, backend="aot_eager")  # noqa: B023
        want = both(in_torch_s_place["cross_entropy"], logits, target, **options)
        for result, exact in zip(both(compiled, logits, target), want, strict=True):
            torch.testing.assert_close(result, exact)


def test_autocast_gives_what_torch_gives():
    for dtype in CLOSE:
        for name, (logits, target) in (
            ("cross_entropy", classes((5, 7), dtype)), ("cross_entropy", classes((5, 7), dtype, "distribution")),
            ("binary_cross_entropy_with_logits", elements((5, 7), dtype)),
        ):  # fmt: skip
            with torch.autocast("cpu", dtype=BFLOAT):
                results = [both(function, logits, target) for function in (FUNCTIONS[name], getattr(F, name))]
            for ours, theirs in zip(*results, strict=True):
                torch.testing.assert_close(ours, theirs)


@pytest.mark.filterwarnings("ignore")
def test_scripts_are_refused():
    with pytest.raises(torch.jit.frontend.NotSupportedError):
        torch.jit.script(ft.CrossEntropyLoss())
