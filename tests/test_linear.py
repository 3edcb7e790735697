"""Losses of a linear layer: the loss of the product, without the product."""

import itertools

import numpy as np
import pytest

import fastxent as fx
from fastxent import reference
from tests.bits import assert_same_bits
from tests.linear import assert_near, each_half, layer
from tests.table import each_dtype
from tests.test_half import rounded
from tests.turns import in_turn
from tests.ulp import assert_ulp

OPTIONS = ("class_weight", "sample_weight", "ignore_index", "label_smoothing", "z_loss", "softcap", "bias")
OPTION_SETS = [(), *itertools.combinations(OPTIONS, 1), ("class_weight", "label_smoothing"), OPTIONS]
SHAPES = [(7, 5, 3), (60, 40, 8), (1, 1, 4), (9, 1500, 4), (1500, 33, 2)]  # rows, classes, features
each_shape = in_turn("shape", SHAPES)
each_options = pytest.mark.parametrize("options", OPTION_SETS, ids="+".join)


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
