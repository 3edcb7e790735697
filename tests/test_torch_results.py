"""fastxent.torch: results and gradients as torch has them, and as torch's own tests want them."""

import copy
import pickle

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # which torch.testing._internal imports

from torch.nn import functional as F  # noqa: E402
from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402
from torch.testing._internal.common_modules import module_db  # noqa: E402

import fastxent.torch as ft  # noqa: E402
from fastxent import _threads  # noqa: E402
from tests.tensors import (  # noqa: E402
    BFLOAT,
    CLOSE,
    DOUBLE,
    FLOAT,
    FUNCTIONS,
    both,
    classes,
    doubled,
    each_dtype,
    each_reduction,
    elements,
    marks,
)

pytestmark = marks


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


@pytest.mark.parametrize("theirs, chosen, most", [(1, None, 1), (2, None, 2), (64, None, 3), (1, 2, 2)])
def test_torch_s_number_of_threads_is_the_most_unless_fastxent_s_is_set(theirs, chosen, most, no_torch, monkeypatch):
    monkeypatch.setattr(_threads, "default_num_threads", lambda: 3)
    monkeypatch.setattr(_threads, "chosen", chosen)
    before = torch.get_num_threads()
    logits, target = torch.randn(2000, 1000, requires_grad=True), torch.randint(0, 1000, (2000,))
    hidden, weight = torch.randn(2000, 4, requires_grad=True), torch.randn(1000, 4)
    try:
        torch.set_num_threads(theirs)
        for call in (
            lambda: ft.cross_entropy(logits, target),
            lambda: ft.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits)),
            lambda: ft.linear_cross_entropy(hidden, weight, target),
            lambda: ft.linear_cross_entropy(hidden.detach(), weight, target),
        ):
            monkeypatch.setattr(_threads, "pool", _threads.Pool())
            call()
            assert _threads.pool.size == most - 1
    finally:
        torch.set_num_threads(before)


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


def test_rows_without_any_weight_have_no_gradient():
    logits, weight = torch.randn(3, 4, requires_grad=True), torch.zeros(4)
    for function, gradient in ((F.cross_entropy, np.nan), (ft.cross_entropy, 0.0)):
        loss, grad = both(function, logits, torch.tensor([0, 1, 2]), weight)
        assert loss.isnan()
        np.testing.assert_array_equal(grad, np.full((3, 4), gradient))


def test_what_is_infinite_and_has_no_weight_does_not_count():
    logits, weight = torch.tensor([[0.0, -np.inf, 1.0], [0.0, 1.0, 2.0]]), torch.tensor([1.0, 0.0, 1.0])
    target = torch.tensor([1, 2])
    assert F.cross_entropy(logits, target, weight).isnan()
    assert ft.cross_entropy(logits, target, weight) == ft.cross_entropy(logits[1:], target[1:])
    logits, target, weight = (torch.tensor(each) for each in ([-np.inf, 0.5], [1.0, 1.0], [0.0, 1.0]))
    assert F.binary_cross_entropy_with_logits(logits, target, weight, reduction="sum").isnan()
    assert ft.binary_cross_entropy_with_logits(logits, target, weight, reduction="sum") == (
        ft.binary_cross_entropy_with_logits(logits[1:], target[1:])
    )


@pytest.mark.parametrize("reduction", ["sum", "mean"])
def test_a_sum_of_many_rows_is_added_in_double(reduction):
    logits, target = torch.randn(2**17, 3), torch.randint(0, 3, (2**17,))
    exact = F.cross_entropy(logits.double(), target, reduction=reduction).float()
    loss = ft.cross_entropy(logits, target, reduction=reduction)
    assert abs(loss - exact) <= torch.finfo(FLOAT).eps * exact  # half an ulp, and what the rows' own roundings leave


@pytest.mark.parametrize("dtype", [FLOAT, BFLOAT], ids=str)
def test_a_sum_beyond_the_largest_number_is_infinite(no_torch, dtype):
    logits = torch.tensor([[3e38, -3e38], [3e38, -3e38]], dtype=dtype, requires_grad=True)
    assert ft.cross_entropy(logits, torch.tensor([1, 1]), reduction="sum").isinf()
    assert ft.cross_entropy(logits.detach(), torch.tensor([1, 1])).isinf()
    assert ft.binary_cross_entropy_with_logits(logits, torch.zeros_like(logits), reduction="sum").isinf()
