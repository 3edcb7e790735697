"""fastxent.torch: torch's functions and modules, their results, gradients, errors, and torch's own tests of them."""

import copy
import doctest
import pickle
from functools import partial

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # which torch.testing._internal imports

from torch.fx.experimental.proxy_tensor import make_fx  # noqa: E402
from torch.nn import functional as F  # noqa: E402
from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402
from torch.testing._internal.common_modules import module_db  # noqa: E402

import fastxent.torch as ft  # noqa: E402
from tests.docstrings import (  # noqa: E402
    assert_every_parameter_is_described,
    assert_starts_with_one_sentence,
    run_examples,
    section,
)
from tests.pages import API, lists  # noqa: E402
from tests.tensors import (  # noqa: E402
    BFLOAT,
    CLOSE,
    DOUBLE,
    FLOAT,
    HALF,
    assert_same_outcome,
    classes,
    doubled,
    each_dtype,
    each_reduction,
    elements,
)

FUNCTIONS = {"cross_entropy": ft.cross_entropy, "binary_cross_entropy_with_logits": ft.binary_cross_entropy_with_logits}

# torch's own use of what it has deprecated
pytestmark = pytest.mark.filterwarnings("ignore:.torch.jit:DeprecationWarning")


@pytest.fixture(autouse=True)
def _seed():
    torch.manual_seed(20)


@pytest.fixture
def no_torch(monkeypatch):
    """Fail where torch's own functions are called."""

    def refuse(*args, **kwargs):
        raise AssertionError("torch was asked")

    for name in FUNCTIONS:
        monkeypatch.setattr(F, name, refuse)


def both(function, logits, *args, factor=None, **options):
    """The loss, and the gradient of its sum with factors."""
    logits = logits.detach().requires_grad_()
    loss = function(logits, *args, **options)
    factor = torch.ones_like(loss) if factor is None else factor.to(loss.dtype)
    return loss.detach(), *torch.autograd.grad(loss, logits, factor)


def assert_as_exact(function, theirs, logits, target, *weights, **options):
    """One rounding away from torch in float64, of the same dtype and shape as torch in the logits'."""
    shape = F.cross_entropy(logits, target, *weights, **options).shape if theirs is F.cross_entropy else None
    factor = torch.rand(theirs(logits.detach(), target, *weights, **options).shape, dtype=DOUBLE).to(logits.dtype)
    loss, grad = both(function, logits, target, *weights, factor=factor, **options)
    exact, exact_grad = both(theirs, *doubled([logits, target, *weights]), factor=factor.double(), **options)
    assert shape is None or loss.shape == shape
    assert loss.dtype is grad.dtype is logits.dtype
    close = {"rtol": CLOSE[logits.dtype], "atol": CLOSE[logits.dtype] * 1e-2, "equal_nan": True, "check_dtype": False}
    torch.testing.assert_close(loss, exact, **close)
    torch.testing.assert_close(grad, exact_grad, **close)


@each_dtype
@each_reduction
@pytest.mark.parametrize("kind", ["index", "distribution"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("shape", [(7,), (5, 7), (5, 7, 3), (2, 40, 3, 4)], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_cross_entropy(dtype, reduction, kind, smoothing, shape, weighted):
    logits, target = classes(shape, dtype, kind)
    weight = [torch.rand(shape[min(1, len(shape) - 1)]).to(dtype)] if weighted else []
    options = {"reduction": reduction, "label_smoothing": smoothing}
    assert_as_exact(ft.cross_entropy, F.cross_entropy, logits, target, *weight, **options)


@each_dtype
@each_reduction
@pytest.mark.parametrize("weight", [None, (), (7,), (5, 1), (5, 7)], ids=str)
@pytest.mark.parametrize("pos_weight", [None, (), (7,), (5, 7)], ids=str)
def test_binary_cross_entropy(dtype, reduction, weight, pos_weight):
    logits, target = elements((5, 7), dtype)
    weights = {
        name: None if shape is None else torch.rand(shape).to(dtype)
        for name, shape in (("weight", weight), ("pos_weight", pos_weight))
    }
    ours, theirs = (
        lambda x, t, w, p, reduction, function=function: function(x, t, w, reduction=reduction, pos_weight=p)
        for function in (ft.binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits)
    )
    assert_as_exact(ours, theirs, logits, target, *weights.values(), reduction=reduction)


@each_dtype
@each_reduction
def test_plain_calls_are_computed_here(no_torch, dtype, reduction):
    for kind in ("index", "distribution"):
        logits, target = classes((5, 7, 3), dtype, kind)
        ft.cross_entropy(
            logits, target, torch.rand(7).to(dtype), reduction=reduction, label_smoothing=0.1
        ).sum().backward()
        ft.cross_entropy(logits.detach().transpose(0, 2), target.transpose(0, -1))
    logits, target = elements((5, 7), dtype)
    ft.binary_cross_entropy_with_logits(
        logits, target, reduction=reduction, pos_weight=torch.rand(7).to(dtype)
    ).sum().backward()


@each_dtype
@pytest.mark.parametrize("name", FUNCTIONS)
@pytest.mark.filterwarnings("ignore")
def test_the_samples_that_torch_tests_its_function_with(name, dtype):
    (info,) = (one for one in op_db if one.name == f"nn.functional.{name}")
    samples = list(info.sample_inputs("cpu", dtype, requires_grad=True))
    assert len(samples) > 20
    for sample in samples:
        logits = sample.input.detach().requires_grad_()
        loss, other = (f(logits, *sample.args, **sample.kwargs) for f in (FUNCTIONS[name], getattr(F, name)))
        torch.testing.assert_close(loss, other, equal_nan=True)
        grads = [torch.autograd.grad(each.sum(), logits)[0] for each in (loss, other)]
        torch.testing.assert_close(*grads, equal_nan=True)


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "BCEWithLogitsLoss"])
@pytest.mark.filterwarnings("ignore")
def test_the_inputs_that_torch_tests_its_module_with(name):
    (info,) = (one for one in module_db if one.name == f"nn.{name}")
    inputs = info.module_inputs_func(info, device="cpu", dtype=DOUBLE, requires_grad=False, training=True)
    assert len(inputs) > 5
    for one in inputs:
        made, called = one.constructor_input, one.forward_input
        ours, theirs = (getattr(where, name)(*made.args, **made.kwargs).double() for where in (ft, torch.nn))
        result = ours(*called.args, **called.kwargs)
        torch.testing.assert_close(result, theirs(*called.args, **called.kwargs), equal_nan=True)
        if one.reference_fn is not None:
            torch.testing.assert_close(result, one.reference_fn(ours, *called.args, **called.kwargs), equal_nan=True)
    errors = info.module_error_inputs_func
    for one in errors(info, device="cpu", dtype=FLOAT, requires_grad=False, training=True) if errors else ():
        made, called = one.module_error_input.constructor_input, one.module_error_input.forward_input
        with pytest.raises(one.error_type, match=one.error_regex):
            getattr(ft, name)(*made.args, **made.kwargs)(*called.args, **called.kwargs)


X, Y = torch.zeros(3, 4), torch.tensor([0, 1, 3])


@pytest.mark.parametrize(
    "args",
    [
        (X, torch.tensor([0, 1, 4])), (X, torch.tensor([0, 1, -1])), (X, Y[:2]), (X, Y.int()), (X, Y.float()),
        (X, Y.bool()), (X, Y.to(torch.uint8)), (X, Y, torch.ones(3)), (X, Y, torch.ones(4, dtype=DOUBLE)),
        (X, torch.ones(3, 4, dtype=torch.int64)), (X, torch.ones(3, 4, dtype=DOUBLE)), (X, -torch.ones(3, 4)),
        (X, Y, -torch.ones(4)), (X.long(), Y), (torch.tensor(1.0), torch.tensor(0)), (X[:0], Y[:0]), (X[:, :0], Y),
        (X, Y, torch.ones(1, 4)),
        (X, [0, 1, 3]), (X.numpy(), Y), (X[0], Y[0]), (X.to(torch.complex64), Y), (X.to_sparse(), Y),
        (X, torch.full((3,), -100)), (X + np.nan, Y), (X, torch.full((3, 4), np.nan)),
        (torch.zeros(0), torch.tensor(0)),
    ],
)  # fmt: skip
@each_reduction
@pytest.mark.filterwarnings("ignore")
def test_torch_decides_about_odd_arguments(args, reduction):
    assert_same_outcome(
        partial(ft.cross_entropy, *args, reduction=reduction), partial(F.cross_entropy, *args, reduction=reduction)
    )


@pytest.mark.parametrize(
    "options",
    [
        {"reduction": "avg"}, {"label_smoothing": 1.5}, {"label_smoothing": -0.1}, {"size_average": False},
        {"reduce": False}, {"ignore_index": 1}, {"reduction": None}, {"label_smoothing": np.nan},
    ],
    ids=str,
)  # fmt: skip
@pytest.mark.filterwarnings("ignore")
def test_torch_decides_about_odd_options(options):
    assert_same_outcome(partial(ft.cross_entropy, X, Y, **options), partial(F.cross_entropy, X, Y, **options))
    assert_same_outcome(
        partial(ft.cross_entropy, X, X.softmax(1), **options), partial(F.cross_entropy, X, X.softmax(1), **options)
    )


@pytest.mark.parametrize(
    "args",
    [
        (X, Y), (X, X.double()), (X, X + 2), (X, X - 1), (X, X, -torch.ones(4)), (X, X, torch.ones(3)), (X, X.int()),
        (X, X, torch.ones(4, dtype=DOUBLE)), (X, X, torch.ones(2, 3, 4)), (torch.tensor(0.5), torch.tensor(1.0)),
        (X[:0], X[:0]), (X[:0], X[:0], torch.ones(4)), (X, X.bool()), (X.int(), X), (X + np.nan, X),
    ],
)  # fmt: skip
@each_reduction
@pytest.mark.filterwarnings("ignore")
def test_torch_decides_about_odd_binary_arguments(args, reduction):
    ours, theirs = ft.binary_cross_entropy_with_logits, F.binary_cross_entropy_with_logits
    assert_same_outcome(partial(ours, *args, reduction=reduction), partial(theirs, *args, reduction=reduction))


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


def test_what_changes_between_the_passes_is_noticed():
    logits, target = classes((5, 7), HALF)
    loss = ft.cross_entropy(logits, target)
    target.zero_()
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


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


@pytest.mark.parametrize("name", ["CrossEntropyLoss", "BCEWithLogitsLoss"])
def test_modules(name):
    made, theirs = (getattr(where, name)(weight=torch.rand(7), reduction="sum") for where in (ft, torch.nn))
    assert isinstance(made, getattr(torch.nn, name))
    assert repr(made) == repr(theirs)
    theirs.load_state_dict(made.state_dict())
    for ours in (made, copy.deepcopy(made), pickle.loads(pickle.dumps(made))):
        logits, target = classes((5, 7)) if name == "CrossEntropyLoss" else elements((5, 7))
        torch.testing.assert_close(ours(logits, target), theirs(logits, target))
    assert getattr(ft, name)(inplace_backward=True).inplace_backward


def test_the_memory_that_a_tensor_has():
    base = torch.randn(7, 5, 2)
    target = torch.randint(0, 7, (5,))
    for logits in (
        base[:, :, 1].T,
        base[:, :1, 0].T.expand(5, 7),
        torch.view_as_complex(base).conj().imag.T,
        base[..., 0].T[:, ::1],
    ):
        for function in (ft.cross_entropy, F.cross_entropy):
            grads = [both(function, logits, target) for function in (ft.cross_entropy, F.cross_entropy)]
        for ours, theirs in zip(*grads, strict=True):
            torch.testing.assert_close(ours, theirs)


def test_classes_with_rules_of_their_own_keep_them():
    class Marked(torch.Tensor):
        pass

    logits, target = classes((5, 7))
    assert type(ft.cross_entropy(logits.detach().as_subclass(Marked), target)) is Marked


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


def test_other_devices_are_refused_by_name():
    class Elsewhere(torch.Tensor):
        device = torch.device("cuda:0")

    logits = torch.zeros(3, 4).as_subclass(Elsewhere)
    for function, target in ((ft.cross_entropy, Y), (ft.binary_cross_entropy_with_logits, X)):
        with pytest.raises(NotImplementedError, match="on the CPU, but a tensor is on cuda:0"):
            function(logits, target)
    assert ft.cross_entropy(X.to("meta"), Y.to("meta")).device.type == "meta"


# where the results differ from torch's, and are the real values


def test_a_confident_row_has_a_loss():
    logits = torch.tensor([[30.0, 0.0]], requires_grad=True)
    loss, grad = both(ft.cross_entropy, logits, torch.tensor([0]))
    assert F.cross_entropy(logits, torch.tensor([0])) == 0
    np.testing.assert_allclose([loss.item(), grad[0, 1].item()], np.exp(-30), rtol=1e-6)


def test_a_class_without_probability_and_without_a_share():
    logits, target = torch.tensor([[0.0, -np.inf]]), torch.tensor([[1.0, 0.0]])
    assert F.cross_entropy(logits, target).isnan()
    assert ft.cross_entropy(logits, target) == 0


@pytest.mark.parametrize("name", ft.__all__)
def test_docstrings(name):
    value = getattr(ft, name)
    assert_starts_with_one_sentence(value)
    assert_every_parameter_is_described(value)
    assert section(value, "References")
    assert lists(API, name)
    assert run_examples(doctest.DocTestFinder().find(value, name)) > 2
