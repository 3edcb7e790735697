"""Losses of a linear layer: the loss of the product, without the product."""

import itertools
import tracemalloc

import ml_dtypes
import numpy as np
import pytest

import fastxent as fx
from fastxent import _linear_product, reference
from fastxent._blas import one_thread
from fastxent._linear_product import Product
from tests.bits import assert_same_bits
from tests.layouts import LAYOUTS, negative_classes, negative_rows, packed_field, strided
from tests.table import each_dtype
from tests.test_half import rounded
from tests.turns import in_turn
from tests.ulp import assert_ulp

OPTIONS = ("class_weight", "sample_weight", "ignore_index", "label_smoothing", "z_loss", "softcap", "bias")
OPTION_SETS = [(), *itertools.combinations(OPTIONS, 1), ("class_weight", "label_smoothing"), OPTIONS]
SHAPES = [(7, 5, 3), (60, 40, 8), (1, 1, 4), (9, 1500, 4), (1500, 33, 2)]  # rows, classes, features
HALVES = [np.float16, ml_dtypes.bfloat16]
LOGITS = Product.logits
MEBIBYTE = 2**20
each_shape = in_turn("shape", SHAPES)
each_options = pytest.mark.parametrize("options", OPTION_SETS, ids="+".join)
each_half = in_turn("half", HALVES)


def layer(rng, shape, dtype, options=(), target="index"):
    """(hidden, weight, target), options of `linear_cross_entropy`."""
    n, classes, features = shape
    hidden = rng.standard_normal((n, features)).astype(dtype)
    weight = rng.standard_normal((classes, features)).astype(dtype)
    y = rng.integers(0, classes, n)
    drawn = {
        "class_weight": rng.random(classes) + 0.1,
        "sample_weight": rng.random(n) * (rng.random(n) < 0.8) + (np.arange(n) == 0),
        "ignore_index": -100,
        "label_smoothing": 0.2,
        "z_loss": 0.01,
        "softcap": 3.0,
        "bias": rng.standard_normal(classes).astype(dtype),
    }
    if target == "distribution":
        y = rng.dirichlet(np.ones(classes), n)
        options = [option for option in options if option != "ignore_index"]
    elif "ignore_index" in options:
        y[1::3] = -100
    return (hidden, weight, y), {option: drawn[option] for option in options}


def assert_near(got, want, dtype, size=None):
    """Within the rounding of some products of a few terms, and of the losses of them."""
    want = np.asarray(want)
    assert_ulp(got, want, 100, dtype, np.maximum(np.abs(want), np.abs(want).max(initial=1.0) if size is None else size))


@each_options
@in_turn("target", ["index", "distribution"])
@in_turn("reduction", ["mean", "sum", "none"])
@each_shape
@each_dtype
def test_it_agrees_with_the_reference(shape, options, target, reduction, dtype, rng):
    args, kwargs = layer(rng, shape, dtype, options, target)
    kwargs["reduction"] = reduction
    want = reference.linear_cross_entropy(*args, **kwargs)
    assert_near(fx.linear_cross_entropy(*args, **kwargs), want, dtype)
    kwargs["grad_output"] = rng.random(shape[0]) if reduction == "none" else 1.5
    loss, grads = fx.linear_cross_entropy_grad(*args, **kwargs)
    want_loss, want_grads = reference.linear_cross_entropy_grad(*args, **kwargs)
    assert_near(loss, want_loss, dtype)
    for got, wanted in zip(grads, want_grads, strict=True):
        if wanted is None:
            assert got is None
        else:
            assert got.dtype == dtype
            assert_near(got, wanted, dtype)


@each_shape
@in_turn("chunk_rows", [1, 4, 7, 10**6])
@in_turn("options", [(), OPTIONS])
@each_dtype
def test_chunks_change_nothing_but_the_products_rounding(shape, chunk_rows, options, dtype, rng):
    args, kwargs = layer(rng, shape, dtype, options)
    assert_near(
        fx.linear_cross_entropy(*args, **kwargs, chunk_rows=chunk_rows), fx.linear_cross_entropy(*args, **kwargs), dtype
    )
    want = fx.linear_cross_entropy_grad(*args, **kwargs)
    got = fx.linear_cross_entropy_grad(*args, **kwargs, chunk_rows=chunk_rows)
    assert_near(got[0], want[0], dtype)
    for one, other in zip(got[1], want[1], strict=True):
        if other is not None:
            assert_near(one, other, dtype)
    if "label_smoothing" not in kwargs:
        got = fx.linear_target_statistics(*args, chunk_rows=chunk_rows)
        assert_near(got.log_prob, fx.linear_target_statistics(*args).log_prob, dtype, 10)


@in_turn("classes", [1, 2, 31, 33, 300, 2100])  # the last three tiles
@in_turn("smoothing, weighted", [(0.0, False), (0.1, True)])
@each_dtype
def test_products_that_round_nothing_leave_the_loss_of_the_logits(classes, smoothing, weighted, dtype, rng):
    """The rows of the unit matrix: the logits are the hidden states, to the bit."""
    x = (rng.standard_normal((20, classes)) * rng.choice([0.1, 3, 30], (20, 1))).astype(dtype)
    x[::4] = np.round(x[::4])
    y = rng.integers(0, classes, 20)
    y[::2] = x.argmax(axis=1)[::2]
    options = {"label_smoothing": smoothing, "reduction": "none"}
    if weighted:
        options["class_weight"] = rng.random(classes)
    want, grad = fx.softmax_cross_entropy_grad(x, y, **options)
    unit = np.eye(classes, dtype=dtype)
    assert_ulp(fx.linear_cross_entropy(x, unit, y, **options), want, 4, dtype)
    losses, (grad_hidden, grad_weight, _) = fx.linear_cross_entropy_grad(x, unit, y, **options)
    assert_same_bits(losses, want)
    assert_same_bits(grad_hidden + 0, grad + 0)  # 0 - 0 has no sign
    assert_near(grad_weight, grad.astype(float).T @ x.astype(float), dtype)
    statistics = fx.target_statistics(x, y)
    for got, wanted in zip(fx.linear_target_statistics(x, unit, y), statistics, strict=True):
        assert_same_bits(got, wanted)


def test_chunks_of_whole_rows_fit_into_128_mebibytes_but_have_at_least_256_rows():
    for classes, rows in ((10, 1024), (32_768, 1024), (65_536, 512), (131_072, 256), (1_000_000, 256)):
        weight = np.broadcast_to(np.float32(0), (classes, 1))
        product = Product(np.zeros((1, 1), np.float32), weight, None, None, np.dtype(np.float32))
        assert product.chunk_rows() == rows


@in_turn("margin", [0, 5, 15, 17, 20, 40, 80])
@each_dtype
def test_confident_rows_are_as_exact_as_the_loss_whatever_tile_their_class_is_in(margin, dtype):
    classes = 5000
    x = np.zeros((3, classes), dtype)
    y = [0, 2048, 4999]
    x[range(3), y] = margin
    want = fx.softmax_cross_entropy(x.astype(np.float64), y, reduction="none")
    got = fx.linear_cross_entropy(np.eye(3, dtype=dtype), x.T.copy(), y, reduction="none", chunk_rows=2)
    assert_ulp(got, want, 4, dtype)


@in_turn("place", [0, 1, 1023, 1024, 2047, 2048, 2999])
@each_dtype
def test_logits_that_are_not_finite(place, dtype):
    """In any tile: NaN and +inf make the row nan, -inf adds nothing, and is infinite for its own label."""
    hidden, y = np.ones((3, 1), dtype), [0, 1, place]
    for value in (np.nan, np.inf, -np.inf):
        weight = np.zeros((3000, 1), dtype)
        weight[place] = value
        want = fx.softmax_cross_entropy(np.broadcast_to(weight[:, 0], (3, 3000)), y, reduction="none")
        for size in (None, 2):
            got = fx.linear_cross_entropy(hidden, weight, y, reduction="none", chunk_rows=size)
            np.testing.assert_array_equal(np.isfinite(got), np.isfinite(want))
            np.testing.assert_array_equal(got[~np.isfinite(got)], want[~np.isfinite(want)])
            assert_ulp(got[np.isfinite(got)], want[np.isfinite(want)], 4, dtype)
    weight = np.full((3000, 1), -np.inf, dtype)
    assert np.isnan(fx.linear_cross_entropy(hidden, weight, y, reduction="none")).all()
    weight[2999] = 1  # all tiles but the last hold -inf alone
    np.testing.assert_array_equal(
        fx.linear_cross_entropy(hidden, weight, [2999, 0, 1], reduction="none"), [0] + 2 * [np.inf]
    )


@each_dtype
def test_the_number_of_threads_changes_no_bit_of_what_is_made_of_the_products(dtype, rng):
    args, kwargs = layer(rng, (500, 3000, 4), dtype, ("label_smoothing", "class_weight"))
    with one_thread:  # of BLAS, which a call on one thread limits itself
        one, three = (fx.linear_cross_entropy_grad(*args, **kwargs, n_threads=n) for n in (1, 3))
        losses = {fx.linear_cross_entropy(*args, **kwargs, n_threads=n) for n in (1, 2, 3)}
    assert len(losses) == 1
    assert one[0] == three[0]
    for a, b in zip(one[1][:2], three[1][:2], strict=True):
        assert_same_bits(a, b)


@pytest.mark.parametrize("function", ["linear_cross_entropy", "linear_cross_entropy_grad", "linear_target_statistics"])
def test_a_call_on_one_thread_has_one_thread_of_blas_and_no_other_has(function, rng, monkeypatch):
    args, _ = layer(rng, (5, 3, 4), np.float32)
    seen = []
    monkeypatch.setattr(
        Product, "logits", lambda self, *rest: seen.append(len(one_thread.inside)) or LOGITS(self, *rest)
    )
    for n_threads in (1, 3):
        getattr(fx, function)(*args, n_threads=n_threads)
    assert not one_thread.inside
    assert (seen[0], seen[-1]) == (1, 0)


@in_turn("option", ["hidden", "weight", "bias"])
def test_the_gradient_is_the_difference_quotient(option, rng):
    (hidden, weight, y), kwargs = layer(rng, (4, 6, 3), np.float64, ("softcap", "bias", "class_weight", "z_loss"))
    _, grads = fx.linear_cross_entropy_grad(hidden, weight, y, **kwargs, chunk_rows=3)
    arrays = {"hidden": hidden, "weight": weight, "bias": kwargs["bias"]}
    array, grad = arrays[option], dict(zip(("hidden", "weight", "bias"), grads, strict=True))[option]
    step, found = 1e-5, np.empty_like(grad)
    for at in np.ndindex(*array.shape):
        before = array[at]
        sides = []
        for sign in (1, -1):
            array[at] = before + sign * step
            sides.append(fx.linear_cross_entropy(hidden, weight, y, **kwargs))
        array[at] = before
        found[at] = (sides[0] - sides[1]) / (2 * step)
    np.testing.assert_allclose(found, grad, rtol=1e-6, atol=1e-9)


@each_half
@in_turn("chunk_rows", [None, 8])
@in_turn("target", ["index", "distribution"])
def test_half_precision_is_computed_in_float32_and_rounded_once(half, chunk_rows, target, rng):
    (hidden, weight, y), kwargs = layer(rng, (30, 3000, 4), half, ("bias", "softcap", "ignore_index"), target)
    wide = {name: value.astype(np.float32) if name == "bias" else value for name, value in kwargs.items()}
    args = hidden.astype(np.float32), weight.astype(np.float32), y
    assert_ulp(
        fx.linear_cross_entropy(hidden, weight, y, **kwargs, chunk_rows=chunk_rows),
        fx.linear_cross_entropy(*args, **wide, chunk_rows=chunk_rows), 4, np.float32,
    )  # fmt: skip
    outs = {
        "out_hidden": np.empty(hidden.shape, "f4"),
        "out_weight": np.empty(weight.shape, "f4"),
        "out_bias": np.empty(3000, "f8"),  # in which it is added up
    }
    loss, grads = fx.linear_cross_entropy_grad(hidden, weight, y, **kwargs, chunk_rows=chunk_rows)
    wide_loss, wide_grads = fx.linear_cross_entropy_grad(hidden, weight, y, **kwargs, chunk_rows=chunk_rows, **outs)
    assert loss == wide_loss
    for got, want, out in zip(grads, wide_grads, outs.values(), strict=True):
        assert want is out
        assert got.dtype == half
        assert_same_bits(got.astype(np.float64), rounded(want.astype(np.float64), np.dtype(half)))
    other = fx.linear_cross_entropy_grad(*args, **wide, chunk_rows=chunk_rows)
    for got, want in zip(wide_grads, other[1], strict=True):
        assert_near(got, want, np.float32, np.abs(want).max())


@in_turn("arrange", LAYOUTS.values())
@each_dtype
def test_any_layout_gives_the_same(arrange, dtype, rng):
    (hidden, weight, y), _ = layer(rng, (20, 1500, 6), dtype)
    want = fx.linear_cross_entropy_grad(hidden, weight, y)
    got = fx.linear_cross_entropy_grad(arrange(hidden), arrange(weight), y)
    assert_near(got[0], want[0], dtype)
    for one, other in zip(got[1][:2], want[1][:2], strict=True):
        assert_near(one, other, dtype)
    assert_near(fx.linear_cross_entropy(arrange(hidden), arrange(weight), y), want[0], dtype)


@each_dtype
def test_outputs_of_any_steps_are_written(dtype, rng):
    (hidden, weight, y), kwargs = layer(rng, (24, 50, 6), dtype, ("bias", "ignore_index"))
    hidden, y = hidden.reshape(4, 6, 6), y.reshape(4, 6)
    want = fx.linear_cross_entropy_grad(hidden, weight, y, **kwargs)
    outs = {
        "out_hidden": np.full((6, 4, 12), 7.0).transpose(1, 0, 2)[..., ::2],
        "out_weight": np.full((6, 50), 7.0, np.float32).T,
        "out_bias": np.full(100, 7.0, np.float16)[::2],
    }
    loss, grads = fx.linear_cross_entropy_grad(hidden, weight, y, **kwargs, **outs)
    assert loss == want[0]
    for got, wanted, (name, out) in zip(grads, want[1], outs.items(), strict=True):
        assert got is out, name
        np.testing.assert_array_equal(got, wanted.astype(out.dtype))


@each_dtype
def test_rows_that_do_not_count_are_not_computed(dtype, rng):
    (hidden, weight, y), _ = layer(rng, (40, 30, 5), dtype)
    y[::2], hidden[::2] = -1, np.nan
    loss, (grad_hidden, grad_weight, _) = fx.linear_cross_entropy_grad(hidden, weight, y, ignore_index=-1)
    kept = fx.linear_cross_entropy_grad(hidden[1::2], weight, y[1::2])
    assert loss == kept[0]
    assert (grad_hidden[::2] == 0).all()
    assert_same_bits(grad_hidden[1::2], kept[1][0])
    assert_same_bits(grad_weight, kept[1][1])
    statistics = fx.linear_target_statistics(hidden, weight, y, ignore_index=-1)
    assert np.isnan(statistics.log_prob[::2]).all()
    assert (statistics.rank[::2] == -1).all()
    assert np.isfinite(statistics.log_prob[1::2]).all()


@in_turn("options", [{"ignore_index": 1}, {"sample_weight": 0.0}, {"class_weight": [1.0, 0.0, 1.0]}])
@each_dtype
def test_without_any_weight_the_mean_is_nan_and_its_gradients_are_zero(options, dtype):
    hidden, weight = np.ones((2, 4), dtype), np.ones((3, 4), dtype)
    assert np.isnan(fx.linear_cross_entropy(hidden, weight, [1, 1], **options))
    loss, grads = fx.linear_cross_entropy_grad(hidden, weight, [1, 1], np.zeros(3, dtype), **options)
    assert np.isnan(loss)
    assert all((grad == 0).all() for grad in grads)
    assert fx.linear_cross_entropy(hidden, weight, [1, 1], **options, reduction="sum") == 0.0


@pytest.mark.parametrize("weight", [1e-310, 1.7e308])
def test_one_weight_for_all_rows_is_none_however_small_or_large(weight, rng):
    args, _ = layer(rng, (7, 5, 3), np.float64)
    want = reference.linear_cross_entropy_grad(*args)
    for options in ({"sample_weight": weight}, {"class_weight": np.full(5, weight)}):
        loss, grads = fx.linear_cross_entropy_grad(*args, **options)
        assert_near(loss, want[0], np.float64)
        for got, expected in zip(grads[:2], want[1], strict=False):
            assert_near(got, expected, np.float64)


def test_no_rows_one_row_and_scalars():
    empty = np.empty((0, 2), np.float32), np.ones((3, 2), np.float32), np.empty(0, int)
    assert np.isnan(fx.linear_cross_entropy(*empty))
    loss, (grad_hidden, grad_weight, _) = fx.linear_cross_entropy_grad(*empty, reduction="sum")
    assert loss == 0.0
    assert grad_hidden.shape == (0, 2)
    assert (grad_weight == 0).all()
    one = fx.linear_cross_entropy([1.0, 0.0], np.eye(2), 1, reduction="none")
    assert isinstance(one, np.float64)
    assert one == pytest.approx(np.log1p(np.e))
    statistics = fx.linear_target_statistics([1.0, 0.0], np.eye(2), 1)
    assert statistics.rank == 1
    assert all(isinstance(value, np.generic) for value in statistics)


@each_dtype
def test_a_layer_without_features_has_its_bias_alone(dtype, rng):
    args, kwargs = layer(rng, (7, 5, 0), dtype, ("bias",))
    for function, where in ((fx, {"chunk_rows": 2}), (reference, {})):
        loss, grads = function.linear_cross_entropy_grad(*args, **kwargs, **where)
        want, bias = fx.softmax_cross_entropy_grad(np.broadcast_to(kwargs["bias"], (7, 5)), args[2])
        assert_near(loss, want, dtype)
        assert_near(grads[2], bias.sum(axis=0), dtype)
        assert [grad.shape for grad in grads[:2]] == [(7, 0), (5, 0)]


@in_turn("function", ["linear_cross_entropy", "linear_target_statistics"])
def test_memory_does_not_grow_with_the_vocabulary(function, rng):
    (hidden, weight, y), _ = layer(rng, (300, 100_000, 2), np.float32)
    options = {"chunk_rows": 8} if function == "linear_target_statistics" else {}
    tracemalloc.start()
    getattr(fx, function)(hidden, weight, y, **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * MEBIBYTE


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize(
    "options", [(), ("ignore_index",), ("softcap",), ("bias", "sample_weight", "softcap")], ids="+".join
)
@pytest.mark.parametrize("chunk_rows", [None, 100])
def test_gradients_take_one_chunk_of_logits_beside_themselves(dtype, options, chunk_rows, rng, monkeypatch):
    """By default an eighth of the usual chunk here, for time's sake."""
    monkeypatch.setattr(_linear_product, "CHUNK_BYTES", 16 * MEBIBYTE)
    (hidden, weight, y), kwargs = layer(rng, (1000, 16_000, 64), dtype, options)
    outs = {"out_hidden": np.empty_like(hidden), "out_weight": np.empty_like(weight)}
    chunk = 16 * MEBIBYTE
    if chunk_rows is not None:
        chunk = 100 * 16_000 * 4 + 2 * weight.size * (dtype is not np.float32)
    tracemalloc.start()
    fx.linear_cross_entropy_grad(hidden, weight, y, chunk_rows=chunk_rows, **outs, **kwargs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < chunk + 2 * MEBIBYTE


@pytest.mark.parametrize("dtype", [np.float64, np.float32, *HALVES])
def test_a_gradient_narrower_than_its_sum_in_double_shortens_the_chunks_by_the_sum(dtype, rng, monkeypatch):
    monkeypatch.setattr(_linear_product, "CHUNK_BYTES", 16 * MEBIBYTE)
    args, _ = layer(rng, (1500, 4000, 256), np.float64)
    outs = {"out_hidden": np.empty((1500, 256)), "out_weight": np.empty((4000, 256), dtype)}
    tracemalloc.start()
    fx.linear_cross_entropy_grad(*args, **outs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 18 * MEBIBYTE


@in_turn("dtype", [np.float32, np.float64])
def test_distributions_of_rows_that_count_are_not_copied_by_whole_chunks(dtype, rng):
    (hidden, weight, _), kwargs = layer(rng, (200, 20_000, 2), np.float32, ("sample_weight",))
    target = np.full((200, 20_000), 1 / 20_000, dtype)
    outs = {"out_hidden": np.empty_like(hidden), "out_weight": np.empty_like(weight)}
    chunk = np.count_nonzero(kwargs["sample_weight"]) * 20_000 * 4
    for call in (
        lambda: fx.linear_cross_entropy(hidden, weight, target, **kwargs),
        lambda: fx.linear_cross_entropy_grad(hidden, weight, target, **kwargs, **outs),
    ):
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < chunk + 3 * MEBIBYTE


@in_turn("arrange", [np.asfortranarray, strided])
@each_dtype
def test_rows_that_count_are_copied_by_chunks_in_any_layout(arrange, dtype, rng):
    hidden = arrange(np.zeros((4000, 1000), dtype))
    weight, y = np.zeros((1030, 1000), dtype), np.zeros(4000, int)
    y[::9] = -1
    for function in (fx.linear_cross_entropy, fx.linear_target_statistics):
        tracemalloc.start()
        function(hidden, weight, y, ignore_index=-1, chunk_rows=50)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 * MEBIBYTE  # of 15 or more


@each_half
def test_hidden_states_are_copied_once_and_their_gradients_not(half, rng):
    """What is picked of them, and what goes back, is widened and rounded by a mebibyte at a time."""
    hidden, y = np.zeros((200, 32_768), half), np.arange(200) % 3 - 1
    weight = np.zeros((2, 32_768), half)
    outs = {"out_hidden": np.empty_like(hidden), "out_weight": np.empty_like(weight)}
    states = (y >= 0).sum() * 32_768 * 4
    tracemalloc.start()
    fx.linear_cross_entropy_grad(hidden, weight, y, ignore_index=-1, **outs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * states + 3 * MEBIBYTE  # they and their gradient, which is added up by parts of the classes


@each_half
@in_turn("arrange", [np.asfortranarray, strided, negative_rows, negative_classes, packed_field])
@in_turn("chunk_rows", [None, 9])
def test_gradients_of_half_precision_have_the_same_bits_in_any_layout(half, arrange, chunk_rows, rng):
    (hidden, weight, y), kwargs = layer(rng, (30, 40, 6), half, ("ignore_index",))
    want = fx.linear_cross_entropy_grad(hidden, weight, y, **kwargs, chunk_rows=chunk_rows)[1]
    outs = [arrange(np.zeros(array.shape, half)) for array in (hidden, weight)]
    fx.linear_cross_entropy_grad(
        hidden, weight, y, **kwargs, chunk_rows=chunk_rows, out_hidden=outs[0], out_weight=outs[1]
    )
    for out, wanted in zip(outs, want, strict=False):
        assert_same_bits(np.array(out).view(np.uint16), wanted.view(np.uint16))


HIDDEN, WEIGHT, LABELS = np.ones((2, 4)), np.ones((3, 4)), np.array([0, 2])
BAD = {
    "transposed weight": ((HIDDEN, WEIGHT.T, LABELS), {}, ValueError, "did you mean weight.T"),
    "features": ((HIDDEN, np.ones((3, 5)), LABELS), {}, ValueError, r"hidden has shape \(2, 4\) and weight \(3, 5\)"),
    "bias": ((HIDDEN, WEIGHT, LABELS, np.ones(4)), {}, ValueError, r"bias has shape \(4,\), but weight has 3 rows"),
    "label": ((HIDDEN, WEIGHT, [0, 3]), {}, ValueError, r"target\[1\] = 3"),
    "target": ((HIDDEN, WEIGHT, [0]), {}, ValueError, r"hidden @ weight.T have shape \(2, 3\): expected \(2,\)"),
    "softcap": ((HIDDEN, WEIGHT, LABELS), {"softcap": 0.0}, ValueError, "softcap = 0.0"),
    "chunk": ((HIDDEN, WEIGHT, LABELS), {"chunk_rows": 0}, ValueError, "chunk_rows = 0"),
    "half a chunk": ((HIDDEN, WEIGHT, LABELS), {"chunk_rows": 1.5}, TypeError, "chunk_rows = 1.5"),
    "any chunk": ((HIDDEN, WEIGHT, LABELS), {"chunk_rows": True}, TypeError, "chunk_rows = True"),
    "strings": ((HIDDEN, WEIGHT.astype(str), LABELS), {}, TypeError, "weight has dtype"),
    "weights": ((HIDDEN, WEIGHT, LABELS), {"class_weight": [1, 2]}, ValueError, "class_weight has shape"),
    "negative": ((HIDDEN, WEIGHT, LABELS), {"sample_weight": [1, -1]}, ValueError, r"sample_weight\[1\]"),
    "threads": ((HIDDEN, WEIGHT, LABELS), {"n_threads": 0}, ValueError, "n_threads = 0"),
    "out shape": ((HIDDEN, WEIGHT, LABELS), {"out_weight": np.empty((4, 3))}, ValueError, "out_weight has shape"),
    "out dtype": ((HIDDEN, WEIGHT, LABELS), {"out_hidden": np.empty((2, 4), int)}, TypeError, "out_hidden has dtype"),
    "out of no bias": ((HIDDEN, WEIGHT, LABELS), {"out_bias": np.empty(3)}, ValueError, "there is no bias"),
    "out is an input": ((HIDDEN, WEIGHT, LABELS), {"out_weight": WEIGHT}, ValueError, "out_weight overlaps weight"),
    "grad_output": ((HIDDEN, WEIGHT, LABELS), {"grad_output": [1.0, 2.0]}, ValueError, "grad_output"),
}


@in_turn("what", BAD)
def test_bad_input_is_named_and_nothing_is_written(what):
    args, options, error, text = BAD[what]
    outs = {name: np.full(shape, 7.0) for name, shape in (("out_hidden", (2, 4)), ("out_weight", (3, 4)))}
    with pytest.raises(error, match=text):
        fx.linear_cross_entropy_grad(*args, **outs | options)
    assert all((outs[name] == 7.0).all() for name in outs)
    assert (HIDDEN == 1).all()
    assert (WEIGHT == 1).all()
    if not any(name.startswith(("out", "grad")) for name in options):
        with pytest.raises(error, match=text):
            fx.linear_cross_entropy(*args, **options)


@in_turn("rows", [1, 1024])
@in_turn("place", [0, 1024, 2048])
@each_dtype
def test_a_smoothed_target_and_a_tile_of_minus_infinity_make_the_loss_infinite(rows, place, dtype):
    bias = np.zeros(3072, dtype)
    bias[place : place + 1024] = -np.inf
    label = (place + 1500) % 3072
    arrays = np.zeros((rows, 1), dtype), np.zeros((3072, 1), dtype), np.full(rows, label), bias
    for options in ({}, {"class_weight": np.ones(3072) * 2}):
        assert (fx.linear_cross_entropy(*arrays, label_smoothing=0.1, reduction="none", **options) == np.inf).all()


@each_dtype
def test_what_is_made_of_exact_products_depends_on_no_cut(dtype, rng):
    hidden, y = rng.integers(-4, 5, (1500, 3)).astype(dtype), rng.integers(0, 3000, 1500)
    weight = (rng.integers(-4, 5, (3000, 3)) / 8).astype(dtype)
    options = {"label_smoothing": 0.1, "reduction": "none"}
    want = fx.linear_cross_entropy(hidden, weight, y, **options)
    for size in (1, 100, 700, 2000):
        assert_same_bits(fx.linear_cross_entropy(hidden[:700], weight, y[:700], chunk_rows=size, **options), want[:700])


@in_turn("softcap", [1e39, 1e-46])
def test_a_cap_beyond_the_dtype_is_refused(softcap):
    with pytest.raises(ValueError, match=r"softcap = .* normal number of float32"):
        fx.linear_cross_entropy(HIDDEN.astype(np.float32), WEIGHT.astype(np.float32), LABELS, softcap=softcap)


def test_numpys_settings_for_errors_change_nothing(rng):
    (hidden, weight, y), _ = layer(rng, (600, 40, 4), np.float16)
    scale = np.ones(600)
    scale[500] = 1e7
    options = {"reduction": "none", "grad_output": scale, "chunk_rows": 256}
    with np.errstate(all="raise"):
        got = fx.linear_cross_entropy_grad(hidden, weight, y, **options)
        fx.linear_cross_entropy(np.full((2, 4), 1e-30, "f4"), np.full((2000, 4), 1e-30, "f4"), [0, 1])
    with np.errstate(all="ignore"):
        want = fx.linear_cross_entropy_grad(hidden, weight, y, **options)
    assert_same_bits(got[1][0], want[1][0])


def test_outputs_in_the_place_of_any_input_are_refused(rng):
    weights = np.ones(3)
    with pytest.raises(ValueError, match="out_bias overlaps class_weight"):
        fx.linear_cross_entropy_grad(HIDDEN, WEIGHT, LABELS, np.zeros(3), class_weight=weights, out_bias=weights)
    turned = np.moveaxis(rng.normal(size=(2, 4, 3)), 1, -1)  # whose rows are copied
    with pytest.raises(ValueError, match="out_hidden overlaps hidden"):
        fx.linear_cross_entropy_grad(turned, WEIGHT, np.zeros((2, 3), int), out_hidden=turned)


@pytest.mark.parametrize("name", ["target", "sample_weight", "grad_output"])
def test_outputs_in_the_memory_of_what_is_no_array_are_refused(name):
    memory = np.ones(3, np.int64 if name == "target" else np.float64)
    options = {"target": [0, 1, 1], name: memoryview(memory), "reduction": "none"}
    out = memory.view(np.float64).reshape(3, 1)
    with pytest.raises(ValueError, match=f"out_hidden overlaps {name}"):
        fx.linear_cross_entropy_grad(np.ones((3, 1)), np.ones((2, 1)), **options, out_hidden=out)
    assert (memory == 1).all()


def test_outputs_that_share_memory_are_refused():
    room = np.empty((3, 4))
    with pytest.raises(ValueError, match="out_weight overlaps out_hidden"):
        fx.linear_cross_entropy_grad(HIDDEN, WEIGHT, LABELS, out_hidden=room[:2], out_weight=room)


def test_statistics_are_those_of_class_indices():
    with pytest.raises(ValueError, match="statistics are those of class indices"):
        fx.linear_target_statistics(HIDDEN, WEIGHT, np.eye(3)[:2])
