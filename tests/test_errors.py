"""The corner cases that raise: the message names the value and its place, and nothing has been written by then.

test_option_errors.py has options and shapes.
"""

import re

import numpy as np
import pytest

import fastxent as fx
from fastxent import _hints
from tests.problem import problem
from tests.rows import LARGE, each_large_kernel
from tests.table import CLAMPED_LOSSES, CLASS_LOSSES, LOSSES, SIGMOID_LOSSES, each_dtype, each_of, each_reduction
from tests.turns import in_turn


def names(argument, at, value):
    """A pattern for a message that says, for example, target[17] = 1003."""
    return rf"{argument}\[{', ?'.join(map(str, at))}\].*{re.escape(str(value).removesuffix('.0'))}\b"


def last(array):
    return tuple(n - 1 for n in array.shape)


def spoiled(array, value, dtype=None):
    array = array.astype(dtype or array.dtype)
    array[last(array)] = value
    return array


@each_of(CLASS_LOSSES)
@each_large_kernel
@in_turn(
    "label, label_dtype, ignore_index",
    [
        (1003, "int64", None),
        (-1, "int64", None),
        (-100, "int32", -99),
        (200, "uint8", None),
        (-1, "int8", 255),
        (-1, "int64", 2**64 - 1),
        (2**64 - 1, "uint64", -1),
        (2**63, "uint64", -(2**63)),
        (2**40, "int64", 0),
        (-(2**63), "int64", None),
    ],
)
@each_reduction
@each_dtype
def test_label_outside(f, reduction, kernel, label, label_dtype, ignore_index, dtype, rng):
    shape, axis = LARGE[kernel]
    p = problem(f, rng, shape, axis, dtype, reduction=reduction)
    p = p.change(target=spoiled(p.target % 100, label, label_dtype))
    p = p if ignore_index is None else p.change(ignore_index=ignore_index)
    p.assert_rejected(ValueError, names("target", last(p.target), label) + rf".*\b{shape[axis]}\b")


@each_of([f for f in CLASS_LOSSES if f.takes("out")])
@each_large_kernel
@each_reduction
@each_dtype
def test_logits_survive_an_error_in_place(f, reduction, kernel, dtype, rng):
    p = problem(f, rng, *LARGE[kernel], dtype, reduction=reduction)
    p.change(target=spoiled(p.target, 1003), out=p.x).assert_rejected(ValueError, "1003")


@each_of(CLASS_LOSSES)
@each_dtype
def test_label_equal_to_the_number_of_classes(f, dtype, rng):
    p = problem(f, rng, (1000, 4), -1, dtype)
    p.target[17] = 4
    p.assert_rejected(ValueError, names("target", [17], 4))


@each_of(CLASS_LOSSES)
def test_true_is_class_1_and_there_is_only_class_0(f, rng):
    p = problem(f, rng, (10, 1)).change(target=np.arange(10) == 3)
    p.assert_rejected(ValueError, r"target\[3\]")


@each_of(CLASS_LOSSES)
@each_large_kernel
@in_turn("value", [-0.5, np.nan, np.inf, -np.inf])
@each_reduction
@each_dtype
def test_distribution_with_a_negative_nan_or_inf_entry(f, reduction, kernel, value, dtype, rng):
    p = problem(f, rng, *LARGE[kernel], dtype, "distribution", reduction)
    p.change(target=spoiled(p.target, value)).assert_rejected(ValueError, names("target", last(p.target), value))


@in_turn("C", [1, 3, 9, 10, 40, 300])
@in_turn("value", [-0.5, np.nan, np.inf])
@in_turn("row", [0, 17, 199])
@each_dtype
def test_bad_entries_of_distributions_where_nothing_of_the_callers_is_written(row, value, C, dtype, rng):
    x, target = rng.standard_normal((200, C)).astype(dtype), rng.random((200, C)).astype(dtype)
    target[row, C // 2] = value
    for f in (fx.softmax_cross_entropy, fx.softmax_cross_entropy_grad, fx.softmax_cross_entropy_grad_hess):
        with pytest.raises(ValueError, match=names("target", (row, C // 2), value)):
            f(x, target)


@each_of(CLASS_LOSSES)
@each_large_kernel
@in_turn("value, target_dtype", [(2, "int64"), (-1, "int8"), (255, "uint8"), (2**63, "uint64"), (3, ">i4")])
@each_reduction
@each_dtype
def test_integers_in_the_logits_shape_that_are_not_zeros_and_ones(
    f, reduction, kernel, value, target_dtype, dtype, rng
):
    p = problem(f, rng, *LARGE[kernel], dtype, "distribution", reduction)
    p = p.change(target=spoiled(np.zeros(p.x.shape), value, target_dtype))
    rows = re.escape(str(tuple(map(int, np.delete(p.x.shape, p.axis)))))
    p.assert_rejected(ValueError, names("target", last(p.target), value) + f".*{rows}")


@each_of(SIGMOID_LOSSES)
@each_large_kernel
@in_turn("value", [-0.5, 1.5, np.nan, np.inf])
@in_turn("ignore_index", [None, 255])
@each_reduction
@each_dtype
def test_sigmoid_target_outside_0_to_1(f, reduction, kernel, value, ignore_index, dtype, rng):
    p = problem(f, rng, *LARGE[kernel], dtype, "distribution", reduction).change(ignore_index=ignore_index)
    p.change(target=spoiled(p.target, value)).assert_rejected(ValueError, names("target", last(p.target), value))


@each_of(SIGMOID_LOSSES)
@each_large_kernel
@in_turn("value", [-0.5, 1.5, np.inf])
@each_dtype
def test_sigmoid_target_outside_0_to_1_beside_missing_ones(f, kernel, value, dtype, rng):
    p = problem(f, rng, *LARGE[kernel], dtype, "distribution").change(ignore_index=np.nan)
    target = spoiled(p.target, value)
    target[..., 0] = np.nan
    p.change(target=target).assert_rejected(ValueError, names("target", last(p.target), value))


@each_of(SIGMOID_LOSSES)
@each_dtype
def test_sigmoid_integer_target_outside_0_to_1(f, dtype, rng):
    p = problem(f, rng, (30, 40), dtype=dtype)
    p.change(target=spoiled(p.target, 2)).assert_rejected(ValueError, names("target", (29, 39), 2))


@each_of(CLAMPED_LOSSES)
@each_large_kernel
@in_turn("value", [-0.5, np.nan, -np.inf])
@in_turn("options", ["index", "distribution", "label_smoothing", "infogain"])
@each_reduction
@each_dtype
def test_probability_negative_or_nan_among_those_read(f, reduction, kernel, value, options, dtype, rng):
    p = problem(f, rng, *LARGE[kernel], dtype, options, reduction)
    p.target[last(p.target)] = p.x.shape[p.axis] - 1 if p.target.ndim < p.x.ndim else 0.5
    p.change(x=spoiled(p.x, value)).assert_rejected(ValueError, names("probs", last(p.x), value))


@each_of(CLAMPED_LOSSES)
@in_turn("eps", [-1e-20, -np.inf, np.nan, 1e-310, 5e-324])
@each_dtype
def test_eps_negative_nan_or_without_finite_reciprocal(f, eps, dtype, rng):
    problem(f, rng, (50, 4), -1, dtype).change(eps=eps).assert_rejected(ValueError, rf"eps.*{re.escape(str(eps))}")


@each_of(CLAMPED_LOSSES)
@in_turn("eps", [1e-39, 1e-60])
def test_eps_without_finite_reciprocal_in_float32(f, eps, rng):
    p = problem(f, rng, (50, 4), -1, np.float32).change(eps=eps)
    p.assert_rejected(ValueError, rf"eps.*{eps}")
    p.change(x=p.x.astype(np.float64)).run()


BAD_WEIGHTS = in_turn("value", [-1.0, np.nan, np.inf, -np.inf])


@each_of(LOSSES)
@each_large_kernel
@BAD_WEIGHTS
@each_reduction
@each_dtype
def test_sample_weight_negative_or_not_finite(f, reduction, kernel, value, dtype, rng):
    p = problem(f, rng, *LARGE[kernel], dtype, "sample_weight", reduction)
    weight = spoiled(p.options["sample_weight"], value)
    p.change(sample_weight=weight).assert_rejected(ValueError, names("sample_weight", last(weight), value))


@each_of(LOSSES)
@BAD_WEIGHTS
@each_dtype
def test_scalar_weight_negative_or_not_finite(f, value, dtype, rng):
    for option in {"sample_weight", "pos_weight"} & set(f.options):
        p = problem(f, rng, (50, 4), -1, dtype).change(**{option: value})
        p.assert_rejected(ValueError, f"{option}.*{value}")


@each_of(CLASS_LOSSES)
@BAD_WEIGHTS
@in_turn("option, at", [("class_weight", (4,)), ("infogain", (3, 4))])
@each_dtype
def test_class_weight_or_infogain_negative_or_not_finite(f, value, option, at, dtype, rng):
    p = problem(f, rng, (50, 5), -1, dtype, option)
    p.options[option][at] = value
    p.assert_rejected(ValueError, names(option, at, value))


@each_of(SIGMOID_LOSSES)
@BAD_WEIGHTS
@in_turn("sizes", [(5,), (50, 5)])
@each_dtype
def test_pos_weight_negative_or_not_finite(f, value, sizes, dtype, rng):
    weight = spoiled(np.ones(sizes), value, dtype)
    p = problem(f, rng, (50, 5), -1, dtype).change(pos_weight=weight)
    p.assert_rejected(ValueError, names("pos_weight", last(weight), value))


ONES = (1,) * 60  # NumPy's own arrays of more than 32 axes have no `flat`
MANY = {
    "a label that is no class": (fx.softmax_cross_entropy, (2, 3), np.array([0, 7]), "7, but logits"),
    "a label with a fraction": (fx.softmax_cross_entropy, (2, 3), np.array([0, 0.5]), "0.5, but class labels"),
    "None among labels": (fx.softmax_cross_entropy, (2, 3), np.array([0, None]), "None"),
    "no labels": (fx.softmax_cross_entropy, (2, 3), np.array(["a", "b"]), "np.unique"),
    "a sum of one-hot rows": (fx.softmax_cross_entropy, (2, 3), np.full((2, 3), 2), "2, but a target of int64"),
    "labels -3 and 1": (fx.sigmoid_cross_entropy, (2,), np.array([1, -3]), "-3, but a target is in"),
    "another shape": (fx.kl_divergence, (2, 3), np.ones((2, 4)), "broadcast"),
}


@pytest.mark.parametrize("call, shape, target, said", MANY.values(), ids=MANY)
def test_errors_say_the_same_of_arrays_with_more_than_32_axes(call, shape, target, said):
    with pytest.raises((ValueError, TypeError), match=said):
        call(np.zeros(ONES + shape), target.reshape(ONES + target.shape))


def test_probabilities_of_more_than_32_axes_broadcast():
    p = np.full(3, 1 / 3)
    assert fx.kl_divergence(p, np.broadcast_to(p, (*ONES, 2, 3))).shape == (*ONES, 2)


@pytest.mark.parametrize("p, q", [((1, 0), (2, 0)), ((2, 0), (1, 0)), ((0, 3), (3,)), ((1, 3), (0, 3))])
def test_empty_probabilities_broadcast(p, q):
    p, q = np.full(p, 0.5), np.full(q, 0.5)
    np.testing.assert_array_equal(fx.cross_entropy(p, q), fx.cross_entropy(*np.broadcast_arrays(p, q)))


def test_no_other_thread_resizes_what_an_error_is_explained_by(monkeypatch):
    target = np.full((3, 4), 2.0)

    def resizing(*_):
        with pytest.raises(ValueError, match="cannot resize"):
            target.resize((13,), refcheck=False)
        target.resize((12,), refcheck=False)  # as many numbers: NumPy lets it pass
        return ""

    monkeypatch.setattr(_hints, "element", resizing)
    with pytest.raises(ValueError, match=r"target\[0, 0\] = 2.0, but a target is in \[0, 1\]$"):
        fx.sigmoid_cross_entropy(np.zeros((3, 4)), target)
