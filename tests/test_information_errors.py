"""Arguments of entropies and divergences that are refused, with their place."""

import re

import numpy as np
import pytest

import fastxent as fx
from tests.information import INFORMATION, PAIRS
from tests.problem import problem
from tests.rows import LARGE, each_large_kernel
from tests.table import each_dtype, each_of
from tests.turns import in_turn


@each_of(PAIRS)
def test_shapes_that_do_not_broadcast_are_named(f):
    with pytest.raises(ValueError, match=r"p has shape \(4, 3\) and q has shape \(4, 2\)"):
        f.call(np.ones((4, 3)), np.ones((4, 2)))


@in_turn("of_q", ["int64", "int8", "uint8", "bool", ">i4"])
def test_cross_entropy_with_class_indices_names_the_loss_that_takes_them(of_q):
    with pytest.raises(TypeError, match=r"did you mean softmax_cross_entropy\(logits, target\)\?"):
        fx.cross_entropy(np.ones((4, 3)), np.ones(4, of_q))


@each_of(PAIRS)
def test_q_cannot_be_left_out(f):
    with pytest.raises(TypeError, match="q has dtype object"):
        f.call([0.5, 0.5], None)


BAD = in_turn("value", [-0.5, -1e-30, np.nan, np.inf, -np.inf])


@pytest.mark.parametrize("f, which", [(f, which) for f in INFORMATION for which in "pq"[: f.operands]], ids=str)
@each_large_kernel
@in_turn("other", [None, 0.0, 0.5])
@BAD
@each_dtype
def test_what_is_no_probability_is_named_with_its_place(f, kernel, which, other, value, dtype, rng):
    p = problem(f, rng, *LARGE[kernel], dtype)
    arrays = dict(zip("pq", p.args, strict=False))
    at = tuple(n - 1 for n in p.x.shape)
    arrays[which][at] = value
    if other is not None and len(arrays) == 2:
        arrays["pq".replace(which, "")][at] = other
    pattern = rf"{which}\[{', '.join(map(str, at))}\] = {re.escape(f'{arrays[which][at]}')}, but"
    p.assert_rejected(ValueError, pattern)


@each_of(PAIRS)
def test_the_place_is_that_in_the_array_given(f, rng):
    q = np.array([0.5, -0.25, 0.5])
    with pytest.raises(ValueError, match=r"q\[1\] = -0\.25"):
        f.call(rng.random((40, 3)), q)
    with pytest.raises(ValueError, match=r"q\[2, 0\] = nan"):
        f.call(rng.random((4, 3)), np.array([[1.0], [1.0], [np.nan], [1.0]]))


@each_of(INFORMATION)
def test_negative_integers_are_no_probabilities(f):
    with pytest.raises(ValueError, match=r"p\[1, 0\] = -1, but"):
        f.call(np.array([[1, 0], [-1, 2]]), *[np.ones((2, 2))] * (f.operands - 1))


@each_of(INFORMATION)
@in_turn("base", [0, -2, 1, 1.0, np.inf, np.nan, 10**400])
def test_base_out_of_range(f, base):
    with pytest.raises(ValueError, match="base"):
        f.call(*[[0.5, 0.5]] * f.operands, base=base)


@each_of(INFORMATION)
@in_turn("base", ["2", [2, 3], 2j])
def test_base_that_is_no_number(f, base):
    with pytest.raises(TypeError, match="base"):
        f.call(*[[0.5, 0.5]] * f.operands, base=base)


@each_of(PAIRS)
def test_q_without_dimension_or_of_a_refused_dtype(f):
    with pytest.raises(ValueError, match="q is a scalar"):
        f.call([0.5, 0.5], 0.5)
    for refused in (np.longdouble, complex, object):
        with pytest.raises(TypeError, match="q has dtype"):
            f.call([0.5, 0.5], np.array([0.5, 0.5], refused))
