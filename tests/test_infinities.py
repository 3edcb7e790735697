"""The corner-case table of docs/design.md: the rows on infinite and NaN input, and on overflow."""

import numpy as np
import pytest

import fastxent as fx
from tests.problem import named, problem
from tests.rows import (
    KERNELS,
    assert_other_rows_equal,
    assert_row,
    each_kernel,
    last_class,
    middle_row,
    rows_of,
    with_row,
)
from tests.table import NAMED, SIGMOID_LOSSES, SOFTMAX_LOSSES, each_dtype, each_of
from tests.thresholds import most_side_by_side
from tests.turns import in_turn
from tests.ulp import BOTH


@each_of(SOFTMAX_LOSSES)
@each_kernel
@in_turn("options", ["index", "distribution", "z_loss"])
@each_dtype
def test_minus_inf_logit_without_target_contributes_0(f, kernel, options, dtype, rng):
    """The result is that of the problem without the class, with derivatives of exactly 0 in its place."""
    p = problem(f, rng, *KERNELS[kernel], dtype, options)
    last = last_class(p)
    x, target = p.x.copy(), p.target.copy()
    x[last] = -np.inf
    if options == "distribution":
        target[last] = 0
        smaller = p.change(x=np.delete(p.x, -1, p.axis), target=np.delete(target, -1, p.axis))
    else:
        target[target == p.x.shape[p.axis] - 1] = 0
        smaller = p.change(x=np.delete(p.x, -1, p.axis), target=target)
    got = p.change(x=x, target=target).run()
    for name in f.gives[1:]:
        assert not got[name][last].any()
        got[name] = np.delete(got[name], -1, p.axis)
    smaller.assert_close(got, smaller.run(), BOTH)


@each_of(SOFTMAX_LOSSES)
@each_kernel
@in_turn("options", ["index", "distribution", "label_smoothing", "class_weight", "infogain"])
@in_turn("reduction", ["none", "mean"])
@each_dtype
def test_minus_inf_logit_with_target_has_infinite_loss(f, kernel, options, reduction, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, options, reduction)
    row = middle_row(p)
    if options == "distribution":
        rows_of(p, p.target)[row][2] = 0.75
    elif options != "label_smoothing":
        p.target[row] = 2
    got = with_row(p, row, -np.inf, 2).run()
    finite = with_row(p, row, -1e4, 2).run()  # exp is 0 there as well
    for name in f.gives[1:]:
        np.testing.assert_array_equal(got[name], finite[name])  # in particular -t_k, times the row's scale, at k
    if reduction == "mean":
        assert got["loss"] == np.inf
    else:
        assert got["loss"][row] == np.inf
        assert_other_rows_equal(p, row, {"loss": got["loss"]}, {"loss": finite["loss"]})


@each_of([f for f in SOFTMAX_LOSSES if "grad" in f.gives])
@each_kernel
@each_dtype
def test_minus_inf_logit_with_target_has_gradient_minus_t(f, kernel, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, "distribution", "sum")
    row = middle_row(p)
    rows_of(p, p.target)[row][2] = 0.75
    got = with_row(p.change(sample_weight=2.0), row, -np.inf, 2).run()
    assert rows_of(p, got["grad"])[row][2] == -1.5


# what: (classes, their logits)
BROKEN = {
    "NaN": (1, np.nan),
    "+inf": (1, np.inf),
    "two +inf": ([0, 2], np.inf),
    "NaN and inf": ([0, 2], [np.nan, np.inf]),
    "+inf and -inf": ([0, 2], [np.inf, -np.inf]),
    "all -inf": (..., -np.inf),
    "all NaN": (..., np.nan),
}


@each_of(SOFTMAX_LOSSES)
@each_kernel
@in_turn("broken", BROKEN)
@in_turn("options", ["index", "distribution", "label_smoothing"])
@each_dtype
def test_nan_or_inf_logit_makes_its_row_nan_and_only_that(f, kernel, broken, options, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, options, reduction="none")
    row = middle_row(p)
    where, values = BROKEN[broken]
    bad = with_row(p, row, values, where)
    got = bad.run()
    assert_row(p, row, got, np.nan, both=np.nan)
    assert_other_rows_equal(p, row, got, p.run())
    for reduction in ("sum", "mean"):
        got, clean = bad.change(reduction=reduction).run(), p.change(reduction=reduction).run()
        assert np.isnan(got["loss"])
        assert_other_rows_equal(p, row, {k: v for k, v in got.items() if k != "loss"}, clean)


@each_of(SOFTMAX_LOSSES)
@each_kernel
@in_turn("broken", BROKEN)
@in_turn("weight", ["class_weight", "alpha", "infogain", "distribution"])
@each_dtype
def test_a_row_that_is_nan_is_so_without_weight_of_its_class(f, kernel, weight, broken, dtype, rng):
    if weight == "alpha" and not f.focal:
        weight = "class_weight"
    p = problem(f, rng, *KERNELS[kernel], dtype, weight, reduction="none")
    row = middle_row(p)
    if weight == "distribution":
        rows_of(p, p.target)[row] = 0
    else:
        p.target[row] = 0
        p.options[weight][0] = 0
    where, values = BROKEN[broken]
    got = with_row(p, row, values, where).run()
    assert_row(p, row, got, np.nan, both=np.nan)
    assert_other_rows_equal(p, row, got, p.run())
    assert np.isnan(with_row(p, row, values, where).run(reduction="sum")["loss"])


@each_of(SIGMOID_LOSSES)
@each_kernel
@each_dtype
def test_nan_logit_makes_its_element_nan_and_only_that(f, kernel, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, "distribution", reduction="none")
    row = middle_row(p)
    got = with_row(p, row, np.nan).run()
    assert_row(p, row, got, np.nan, both=np.nan)
    assert_other_rows_equal(p, row, got, p.run())


@each_of(SOFTMAX_LOSSES)
@each_kernel
@in_turn("options", ["index", "distribution"])
@each_dtype
def test_logits_whose_difference_overflows_have_the_derivatives_of_minus_inf(f, kernel, options, dtype, rng):
    """And their own losses, as far as double has a number for them."""
    p = problem(f, rng, *KERNELS[kernel], dtype, options, reduction="none")
    row = middle_row(p)
    largest = np.finfo(dtype).max
    high = with_row(p, row, largest, 0)
    apart = with_row(high, row, -largest, 2)
    got, infinite = apart.run(), with_row(high, row, -np.inf, 2).run()
    for name in set(got) - {"loss"}:
        np.testing.assert_array_equal(got[name], infinite[name])
    with np.errstate(over="ignore", invalid="ignore"):
        apart.assert_close({"loss": got["loss"]}, {"loss": apart.expected()["loss"].astype(dtype)})
    total = apart.change(reduction="sum").run()["loss"]
    assert np.isfinite(total) == np.isfinite(apart.change(reduction="sum").expected()["loss"])


@each_of(SOFTMAX_LOSSES)
@each_kernel
@in_turn("options", ["index", "distribution"])
def test_float32_logits_far_apart_have_their_real_loss_in_double(f, kernel, options, rng):
    p = problem(f, rng, *KERNELS[kernel], np.float32, options, reduction="none")
    row = middle_row(p)
    if options == "index":
        p.target[row] = 2
    else:
        rows_of(p, p.target)[row][...] = np.arange(p.x.shape[p.axis]) == 2
    p = with_row(with_row(p, row, 3e38, 0), row, -3e38, 2)
    assert p.run()["loss"][row] == np.inf
    want = float(np.float32(3e38)) * 2  # beside which the other rows' losses are nothing
    assert p.change(reduction="sum").run()["loss"] == want
    assert p.change(reduction="mean").run()["loss"] == want / p.run()["loss"].size


@pytest.mark.parametrize("share", [1e-300, 1.05e-40, 0.25])
def test_float32_logits_far_apart_have_their_real_loss_also_of_a_tiny_share(share):
    C = most_side_by_side(np.float32) + 1  # computed by rows
    x, t = np.zeros((1, C), np.float32), np.zeros((1, C))
    x[0, :2] = 3e38, -3e38
    t[0, 1] = share
    assert fx.softmax_cross_entropy(x, t, reduction="sum") == pytest.approx(6e38 * share, rel=1e-6)


@in_turn("shape, axis", [((3, 4), -1), ((3, 200), -1), ((4, 40), 0)])
@in_turn("x, want", [(-np.inf, -np.inf), (np.inf, np.inf), (np.nan, np.nan)])
@each_dtype
def test_logsumexp_of_infinities_is_as_scipy(x, want, shape, axis, dtype):
    one, several = np.zeros(shape, dtype), np.full(shape, x, dtype)
    np.moveaxis(one, axis, -1)[1] = [x, *[-np.inf] * (shape[axis] - 1)]
    got = NAMED["logsumexp"].call(one, axis=axis)
    assert got.dtype == dtype
    np.testing.assert_array_equal(got[1], want)
    np.testing.assert_array_equal(np.isfinite(got), np.arange(got.size) != 1)
    np.testing.assert_array_equal(NAMED["logsumexp"].call(several, axis=axis), np.full(got.shape, want, dtype))


@each_dtype
def test_logsumexp_of_no_classes_is_minus_inf(dtype):
    np.testing.assert_array_equal(NAMED["logsumexp"].call(np.empty((3, 0), dtype)), np.full(3, -np.inf, dtype))
    np.testing.assert_array_equal(NAMED["logsumexp"].call(np.empty((0, 2), dtype), axis=0), [-np.inf] * 2)


# x, t, pos_weight, then loss, gradient, Hessian
INFINITE_SIGMOIDS = [
    (np.inf, 1, 2, 0, 0, 0),
    (-np.inf, 0, 2, 0, 0, 0),
    (np.inf, 0, 2, np.inf, 1, 0),
    (-np.inf, 1, 2, np.inf, -2, 0),
    (np.inf, 0.5, 2, np.inf, 0.5, 0),
    (-np.inf, 0.5, 2, np.inf, -1, 0),
    (-np.inf, 1, 0, 0, 0, 0),
]


@in_turn("x, t, v, loss, grad, hess", INFINITE_SIGMOIDS)
@in_turn("n", [1, 40, 1000])
@each_of(SIGMOID_LOSSES)
@each_dtype
def test_sigmoid_of_infinity(f, x, t, v, loss, grad, hess, n, dtype):
    logits, target = np.zeros(n, dtype), np.full(n, 0.25)
    logits[n // 2], target[n // 2] = x, t
    got = named(f, f.call(logits, target, pos_weight=v, reduction="none"))
    for name, value in got.items():
        np.testing.assert_array_equal(value[n // 2], {"loss": loss, "grad": grad, "hess": hess}[name])
        assert np.isfinite(np.delete(value, n // 2)).all()
