"""fastxent.torch.linear_cross_entropy: results as torch has them, and torch's own tests of it; tensors for arrays."""

import copy

import numpy as np
import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("expecttest")  # which torch.testing._internal imports

from torch.testing._internal.common_methods_invocations import op_db  # noqa: E402
from torch.testing._internal.common_modules import module_db  # noqa: E402

import fastxent as fx  # noqa: E402
import fastxent.torch as ft  # noqa: E402
from tests.tensors import (  # noqa: E402
    BFLOAT,
    CLOSE,
    DOUBLE,
    FLOAT,
    doubled,
    each_dtype,
    each_reduction,
    marks,
)
from tests.torch_layer import both, layer, ours, theirs  # noqa: E402

pytestmark = marks


@each_dtype
@each_reduction
@pytest.mark.parametrize("kind", ["index", "distribution"])
@pytest.mark.parametrize("smoothing", [0.0, 0.1])
@pytest.mark.parametrize("n", [(), (7,)], ids=str)
@pytest.mark.parametrize("weighted", [False, True])
def test_losses_and_gradients_are_the_exact_ones_rounded_once(no_torch, dtype, reduction, kind, smoothing, n, weighted):
    *tensors, target = layer(dtype, n, kind=kind)
    others = [target, torch.rand(9).to(dtype) if weighted else None]
    factor = torch.rand(n if reduction == "none" else ()).to(dtype)
    options = {"reduction": reduction, "label_smoothing": smoothing}
    results = both(ours, tensors, *others, factor=factor, **options)
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


def test_the_chunks_are_those_of_the_options_or_our_own(monkeypatch):
    asked = []

    def seen(product, targets, size, *rest):
        asked.append(size)
        return []

    monkeypatch.setattr("fastxent._linear.functions.losses_and_gradients", seen)
    hidden, weight, _, target = (each.detach() for each in layer())
    for options in (None, torch.nn.LinearCrossEntropyOptions(), torch.nn.LinearCrossEntropyOptions(batch_chunk_size=3)):
        ours(hidden, weight, target, options=options)
    assert asked == [None, None, 3]


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
