"""The corner-case table of docs/design.md: the rows that have a finite input and a result.

test_infinities.py has those on infinite and NaN input, test_errors.py those that raise.
"""

import functools
import itertools

import numpy as np
import pytest

import fastxent as fx
from tests.problem import problem
from tests.rows import KERNELS, assert_other_rows_equal, assert_row, each_kernel, middle_row, rows_of, with_row
from tests.table import CLAMPED_LOSSES, CLASS_LOSSES, LOSSES, NAMED, OPTION_SETS, SOFTMAX_LOSSES, each_dtype, each_of
from tests.turns import in_turn
from tests.ulp import BOUND, assert_ulp

WITHOUT_INFLUENCE = [
    (f, why, options)
    for f in LOSSES
    for why in ("ignore_index", "sample_weight 0")
    for options in ("index", "targets 0 and 1", "distribution", "label_smoothing", "z_loss")
    if options in f.option_sets and (why, options) != ("ignore_index", "distribution")
]


@pytest.mark.parametrize("f, why, options", WITHOUT_INFLUENCE, ids=str)
@each_kernel
@in_turn("poison", [np.nan, np.inf, -np.inf])
@each_dtype
def test_ignored_row_or_sample_weight_0_has_no_influence(f, kernel, poison, why, options, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, options, reduction="none")
    row = middle_row(p)
    if why == "ignore_index":
        target = p.target.copy()
        target[row] = -9
        p = p.change(target=target, ignore_index=-9)
    else:
        weight = np.ones(np.shape(p.run()["loss"]), dtype)
        weight[row] = 0
        p = p.change(sample_weight=weight)
    poisoned = with_row(p, row, poison)
    assert_row(p, row, poisoned.run(), 0, both=0)
    for reduction in ("none", "sum", "mean"):
        clean, got = p.change(reduction=reduction).run(), poisoned.change(reduction=reduction).run()
        for name in got:
            np.testing.assert_array_equal(got[name], clean[name])


@each_of(LOSSES)
@each_kernel
@each_dtype
def test_ignore_index_inside_the_classes_ignores_that_class(f, kernel, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype)
    p.target[middle_row(p)] = 1
    outside = p.change(target=np.where(p.target == 1, -1, p.target), ignore_index=-1).run()
    inside = p.change(ignore_index=1).run()
    for name in inside:
        np.testing.assert_array_equal(inside[name], outside[name])


@each_of(LOSSES)
@each_kernel
@in_turn("weight", [5e-324, 1e-310, 1.7e308])
@each_dtype
def test_one_weight_for_all_samples_is_none_however_small_or_large(f, kernel, weight, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, reduction="mean")
    p.assert_close(p.change(sample_weight=weight).run(), p.expected(), 2)
    if f.kind != "sigmoid":
        p.assert_close(p.change(class_weight=np.full(p.x.shape[p.axis], weight)).run(), p.expected(), 2)


def test_a_factor_of_the_gradient_may_be_as_large_as_the_weights_are_small(rng):
    p = problem(NAMED["softmax_cross_entropy_grad"], rng, (5, 7), -1, np.float64, reduction="mean")
    weights = rng.integers(1, 8, 5).astype(np.float64)
    want = p.change(sample_weight=weights).run()["grad"]
    got = p.change(sample_weight=np.ldexp(weights, -100), grad_output=2.0**1000).run()["grad"]
    np.testing.assert_array_equal(got, np.ldexp(want, 1000))


@each_of(LOSSES)
@each_kernel
@in_turn("why", ["all ignored", "no rows", "sample weights 0", "class weights 0"])
@each_dtype
def test_denominator_0(f, kernel, why, dtype, rng):
    shape, axis = KERNELS[kernel]
    p = problem(f, rng, shape if why != "no rows" else (0, *shape[1:]), axis, dtype)
    if why == "all ignored":
        p = p.change(target=np.full_like(p.target, -1), ignore_index=-1)
    elif why == "class weights 0" and f.kind != "sigmoid":
        p = p.change(class_weight=np.zeros(shape[axis]))
    elif why != "no rows":
        p = p.change(sample_weight=0.0)
    for reduction, loss in {"mean": np.nan, "sum": 0.0}.items():
        got = p.change(reduction=reduction).run()
        np.testing.assert_equal(got["loss"], loss)
        assert all(got[name].shape == p.x.shape and not got[name].any() for name in f.gives[1:])


@each_dtype
def test_denominator_0_without_rows_and_without_classes(dtype):
    loss, grad = NAMED["softmax_cross_entropy_grad"].call(np.empty((0, 0), dtype), np.empty(0, int))
    assert np.isnan(loss)
    assert grad.shape == (0, 0)


@each_of(SOFTMAX_LOSSES)
@in_turn("shape, axis", [((1, 1), -1), ((40, 1), -1), ((1000, 1), 1), ((3, 1, 20), 1)])
@in_turn("options", [o for o, names in OPTION_SETS["softmax"].items() if "z_loss" not in names])
@each_dtype
def test_one_class_has_loss_0_and_gradient_0(f, shape, axis, options, dtype, rng):
    got = problem(f, rng, shape, axis, dtype, options, reduction="none", spread=100.0).run()
    assert not any(value.any() for value in got.values())


@each_of(CLASS_LOSSES)
@each_kernel
@each_dtype
def test_distribution_that_does_not_sum_to_1_is_used_as_it_is(f, kernel, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, "distribution")
    once = p.run()
    for name, value in p.change(target=4 * p.target).run().items():
        np.testing.assert_array_equal(value, 4 * once[name])  # exact: 4 is a power of two


@each_kernel
@in_turn("other", [np.nan, -1.0, np.inf])
@each_dtype
def test_class_index_reads_its_own_probability_only(kernel, other, dtype, rng):
    p = problem(NAMED["clamped_cross_entropy"], rng, *KERNELS[kernel], dtype)
    x = np.full_like(p.x, other)
    own = np.expand_dims(p.target, p.axis)
    np.put_along_axis(x, own, np.take_along_axis(p.x, own, p.axis), p.axis)
    assert p.change(x=x).run() == p.run()


@each_of([f for f in LOSSES if f.kind == "sigmoid"])
@each_kernel
@each_dtype
def test_ignore_index_nan_ignores_missing_targets(f, kernel, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, "distribution")
    missing = rng.random(p.target.shape) < 0.3
    want = p.change(target=np.where(missing, -1, p.target), ignore_index=-1).run()
    for nan in (np.nan, np.float32(np.nan)):
        got = p.change(target=np.where(missing, np.nan, p.target), ignore_index=nan).run()
        for name in want:
            np.testing.assert_array_equal(got[name], want[name])


@each_of([f for f in LOSSES if f.kind == "sigmoid"])
@each_kernel
@in_turn("target", [np.nan, -3.0, 1.5, np.inf, -np.inf])
@in_turn("ignore_index", [None, np.nan, 255])
@each_dtype
def test_element_of_weight_0_may_have_any_target(f, kernel, target, ignore_index, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, "distribution").change(ignore_index=ignore_index)
    dead = rng.random(p.target.shape) < 0.3
    p = p.change(sample_weight=np.where(dead, 0.0, 1.5))
    got, want = p.change(target=np.where(dead, target, p.target)).run(), p.run()
    for name in want:
        np.testing.assert_array_equal(got[name], want[name])


@each_of([f for f in LOSSES if f.kind != "sigmoid"])
@each_kernel
@in_turn("given", [bool, np.int8, np.uint64])
@each_dtype
def test_integers_in_the_logits_shape_are_a_distribution_of_zeros_and_ones(f, kernel, given, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, "distribution")
    target = rng.integers(0, 2, p.x.shape)
    got, want = p.change(target=target.astype(given)).run(), p.change(target=target.astype(dtype)).run()
    for name in want:
        np.testing.assert_array_equal(got[name], want[name])


@each_of(CLASS_LOSSES)
@each_kernel
@each_dtype
def test_class_weights_by_dict(f, kernel, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, "class_weight")
    by_class = dict(enumerate(p.options["class_weight"].tolist()))
    got, want = p.change(class_weight=dict(reversed(by_class.items()))).run(), p.run()
    for name in want:
        np.testing.assert_array_equal(got[name], want[name])


@each_of(CLAMPED_LOSSES)
@each_kernel
@in_turn("options", ["index", "distribution", "infogain", "class_weight", "label_smoothing"])
@each_dtype
def test_loss_of_probability_1_has_no_sign(f, kernel, options, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, options)
    for reduction in ("none", "sum", "mean"):
        loss = p.change(x=np.ones_like(p.x), reduction=reduction).run()["loss"]
        assert not np.any(loss)
        assert not np.signbit(loss).any()


@each_of(CLAMPED_LOSSES)
@each_kernel
@each_dtype
def test_probability_above_1_is_accepted(f, kernel, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype)
    got = p.change(x=np.full_like(p.x, 4)).run()
    assert_ulp(got["loss"], -2 * np.log(2), BOUND["loss"], dtype)


@each_of(CLAMPED_LOSSES)
@each_kernel
@each_dtype
def test_subnormal_probability_has_its_logarithm(f, kernel, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype).change(eps=0.0)
    smallest = np.finfo(dtype).smallest_subnormal
    got = p.change(x=np.full_like(p.x, smallest)).run()
    assert_ulp(got["loss"], -np.log(np.float64(smallest)), BOUND["loss"], dtype)


@each_of(CLAMPED_LOSSES)
@each_kernel
@in_turn("options", ["index", "distribution", "infogain"])
@each_dtype
def test_eps_0_gives_infinite_loss_where_the_target_is_impossible(f, kernel, options, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, options, reduction="none").change(eps=0)
    row = middle_row(p)
    if options == "distribution":
        rows_of(p, p.target)[row][[1, 2]] = 0.75, 0
    else:
        p.target[row] = 1
    if options == "infogain":
        p.options["infogain"][1, 2] = 0
    clean = p.run()
    got = with_row(p, row, 0, [1, 2]).run()  # class 1 has a target, class 2 has none
    assert got["loss"][row] == np.inf
    assert_other_rows_equal(p, row, got, clean)
    if "grad" in f.gives:
        np.testing.assert_array_equal(rows_of(p, got["grad"])[row][[1, 2]], [-np.inf, 0])


@each_of(CLAMPED_LOSSES)
@each_dtype
def test_eps_may_be_the_reciprocal_of_the_largest_number(f, dtype, rng):
    eps = float(np.nextafter(dtype(1) / np.finfo(dtype).max, dtype(1)))
    p = problem(f, rng, (40, 3), -1, dtype, reduction="sum").change(eps=eps)
    got = with_row(p.change(x=np.ones_like(p.x)), (7,), 0).run()
    assert_ulp(got["loss"], -np.log(eps), BOUND["loss"], dtype)
    if "grad" in f.gives:
        assert np.isfinite(got["grad"]).all()


@in_turn("C", [3, 40, 1000])
@in_turn(
    "kind, size",
    [
        *itertools.product(("distribution", "infogain"), (1e17, 3e38, 1e39, 1e300)),
        *itertools.product(("class_weight", "class_weight, distribution"), (1e-60, 1e39, 1e300)),
    ],
)  # fmt: skip
def test_targets_beyond_float32(C, kind, size, rng):
    logits, labels = rng.standard_normal((5, C)).astype(np.float32), rng.integers(C, size=5)
    options = {"label_smoothing": 0.1, "class_weight": np.full(C, size)} if "weight" in kind else {}
    target = np.full((5, C), 1 / C) if "distribution" in kind else labels
    if kind == "distribution":
        target = target * size
    elif kind == "infogain":
        options = {"infogain": np.full((C, C), size)}
    call = functools.partial(fx.softmax_cross_entropy_grad, target=target, reduction="sum", **options)
    loss, grad = call(logits)
    want_loss, want_grad = call(logits.astype(np.float64))
    assert_ulp(loss, want_loss, 4, np.float64)
    with np.errstate(over="ignore"):
        np.testing.assert_allclose(grad, want_grad.astype(np.float32), rtol=1e-6)


@in_turn("C", [1, 3, 9, 10, 40, 300])
@in_turn("value", [-0.0, 2.0**40, 2.0**41, 3e38])
def test_entries_of_any_size_are_the_same_with_and_without_out(value, C, rng):
    x, target = rng.standard_normal((200, C)).astype(np.float32), rng.random((200, C)).astype(np.float32)
    target[17, C // 2] = value
    loss, grad = fx.softmax_cross_entropy_grad(x, target, reduction="none")
    want_loss, want_grad = fx.softmax_cross_entropy_grad(x, target, reduction="none", out=np.empty_like(x))
    np.testing.assert_array_equal(loss, want_loss)
    np.testing.assert_array_equal(grad, want_grad)
    np.testing.assert_array_equal(fx.softmax_cross_entropy(x, target, reduction="none"), want_loss)


LARGE_FACTORS = {
    "grad_output": {"grad_output": 1e40},
    "grad_output below 0": {"grad_output": -1e40},
    "grad_output of each": {"grad_output": (1e40, -1e39), "reduction": "none"},
    "sample_weight": {"sample_weight": (1e39, 0.0, 1.0), "reduction": "sum"},
    "class_weight": {"class_weight": (1e39, 1.0), "reduction": "sum"},
    "class_weight, smoothed": {"class_weight": (1e39, 1.0), "reduction": "sum", "label_smoothing": 0.1},
    "pos_weight": {"pos_weight": (1e39, 1.0), "reduction": "sum"},
}


@in_turn("factor", LARGE_FACTORS)
@in_turn("C", [1, 2, 3, 40, 1000])
@each_of([f for f in LOSSES if f.kind != "clamped" and "grad" in f.gives])
def test_derivatives_with_a_factor_beyond_float32_are_those_of_double(f, C, factor, rng):
    options = {name: value for name, value in LARGE_FACTORS[factor].items() if f.takes(name)}
    p = problem(f, rng, (5, C), -1, np.float64)
    x = np.where(rng.random(p.x.shape) < 0.2, -300.0, np.clip(3 * p.x, -10, 10))  # exactly 0 in either, or normal
    p = p.change(x=x.astype(np.float32))
    shape = dict.fromkeys(("sample_weight", "pos_weight", "grad_output"), p.target.shape) | {"class_weight": (C,)}
    p = p.change(**{name: np.resize(o, shape[name]) if isinstance(o, tuple) else o for name, o in options.items()})
    got, want = p.run(), p.change(x=p.x.astype(np.float64)).run()
    for name in f.gives[1:]:
        with np.errstate(over="ignore", under="ignore"):
            rounded = want[name].astype(np.float32)
        finite = np.abs(rounded[np.isfinite(rounded)]).max(initial=0.0)  # differences of such terms
        np.testing.assert_allclose(got[name], rounded, rtol=1e-5, atol=1e-7 * finite)


def test_shares_beside_a_large_one_are_added_up_before_they_are_rounded():
    x = np.array([[2.7831300818338267, -3.30509603410892, 9.756465644357466, -9.117956070119742]])
    t = np.array([[1.3701179679082452e-12, 6.047128415234762e-12, 1.0, 8.827715444747857e-12]])
    loss = fx.softmax_cross_entropy(x, t, reduction="none")
    assert_ulp(loss, np.array([0.00093821557858427668813]), BOUND["loss"], np.float64)  # to 50 digits, rounded
