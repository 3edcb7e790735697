"""Cases taken in turn: each once, by itself, and named where it fails."""

import inspect

import numpy as np
import pytest

from tests.turns import in_turn


def test_every_combination_is_taken_once_with_random_numbers_of_its_own():
    taken = []

    @in_turn("letter", "xy")
    @in_turn("low, high", [(1, 2), (3, 4)])
    def one(letter, low, high, other, rng):
        taken.append((letter, low, high, other, rng.random()))

    assert list(inspect.signature(one).parameters) == ["other", "rng"]
    one(other=7, rng=np.random.default_rng(0))
    assert [case[:4] for case in taken] == [("x", 1, 2, 7), ("x", 3, 4, 7), ("y", 1, 2, 7), ("y", 3, 4, 7)]
    assert len({case[4] for case in taken}) == 4


def test_the_case_that_fails_is_in_the_notes_of_its_error():
    @in_turn("dtype", [np.float32, np.float64])
    @in_turn("n", [1, 2, 3])
    def one(n, dtype):
        assert (n, dtype) != (2, np.float64)

    with pytest.raises(AssertionError) as error:
        one()
    assert error.value.__notes__ == ["n = 2", "dtype = float64"]


def test_a_case_cannot_leave_out_those_behind_it():
    @in_turn("n", [1, 2])
    def one(n):
        pytest.skip("not here")

    with pytest.raises(AssertionError, match="n = 1 would leave out the cases behind it: not here"):
        one()


def test_what_would_not_be_undone_and_what_no_test_takes_is_refused():
    with pytest.raises(AssertionError, match="takes its cases in turn"):
        in_turn("n", [1])(lambda n, monkeypatch: None)
    with pytest.raises(AssertionError, match="does not take m"):
        in_turn("m", [1])(lambda n: None)
