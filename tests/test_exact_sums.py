"""Sums of doubles, exact whatever they are and in whatever order they come."""

import math
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from fastxent._kernels import door
from fastxent.evaluation._sums import ExactSums, text_of, units_of
from tests.turns import in_turn

UNIT = Fraction(1, 2**1074)
ONE_OF_EACH = [1.0, 5e-324, -1.7e308, 1e-308, 2.0**960, 1 / 3, -0.0, 1.7e308, 1e300, 2.0**-1022]


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=200), st.integers(1, 90))
@example(ONE_OF_EACH, 1)
@example(ONE_OF_EACH, 80)
@example([5e-324] * 40, 64)
@example([2.0**959], 2048)
def test_sums_are_exact(values, repeats):
    values = np.array(values * repeats, float)
    units, bad = door.exact_sum(values)
    assert (units * UNIT, bad) == (sum(map(Fraction, values.tolist())), 0)
    sums = ExactSums(1)
    sums.add(values)
    try:
        total = float(units * UNIT)
    except OverflowError:
        total = math.inf if units > 0 else -math.inf
    assert sums.number(0) == total


@in_turn("spread", [0, 20, 35, 90, 2000])
@in_turn("scale", [-1000, -30, 0, 900])
def test_sums_of_many_numbers_are_exact_however_far_apart_they_are(spread, scale, rng):
    exponents = np.clip(scale - rng.integers(0, spread + 1, 5003), -1074, 1000)
    values = np.ldexp(rng.normal(size=5003), exponents)
    want = sum(map(Fraction, values.tolist()))
    assert door.exact_sum(values)[0] * UNIT == want
    assert door.exact_sum(rng.permutation(values))[0] * UNIT == want
    groups = rng.integers(-1, 4, 5003)
    sums = ExactSums(3)
    sums.add(values, groups)
    assert [unit * UNIT for unit in sums.units] == [sum(map(Fraction, values[groups == k].tolist())) for k in range(3)]


def test_sums_of_many_numbers_of_one_sign_and_size_are_exact(rng):
    values = 2.0 - rng.random(200_000) * 2.0**-20
    sums = ExactSums(1)
    sums.add(values)
    assert sums.units[0] * UNIT == Fraction(sum((values * 2.0**52).astype(np.int64).tolist()), 2**52)


@pytest.mark.parametrize("kinds", [[np.nan], [np.inf], [-np.inf], [np.inf, -np.inf], [np.inf, np.inf]])
@pytest.mark.parametrize("n", [3, 500])
def test_sums_with_what_is_not_finite_are_those_of_plain_additions(kinds, n):
    values = np.ones(n)
    values[: len(kinds)] = kinds
    sums, grouped = ExactSums(1), ExactSums(2)
    sums.add(values)
    grouped.add(values, np.arange(n) % 2)
    with np.errstate(invalid="ignore"):
        np.testing.assert_equal(sums.number(0), values.sum())
        np.testing.assert_equal(grouped.numbers(), [values[::2].sum(), values[1::2].sum()])


@given(st.integers())
def test_sums_are_written_without_loss(units):
    assert units_of(text_of(units)) == units


def test_sums_of_more_numbers_than_a_limb_holds_are_refused():
    with pytest.raises(ValueError, match="at most 536870912"):
        door.exact_sum(np.broadcast_to(1.0, 2**30))
