"""target_statistics: its laws beside the loss, argmax, sorting and entropy, and its exactness."""

import ml_dtypes
import mpmath
import numpy as np
import pytest

import fastxent as fx
from fastxent import reference
from tests.bits import assert_same_bits
from tests.fences import Fenced, needs_fences
from tests.layouts import LAYOUTS
from tests.table import each_dtype
from tests.turns import in_turn
from tests.ulp import assert_ulp

# on both sides of lanes, groups of them, panels and rows
CLASSES = [1, 2, 3, 5, 8, 9, 31, 32, 33, 100, 136, 137, 152, 153, 255, 256, 257, 300, 511, 513, 1000]
each_size = in_turn("classes", CLASSES)
REAL = ("log_prob", "lse", "entropy")


def rows(rng, classes, dtype, n=70):
    """Logits with ties, of all spreads, and labels."""
    x = (rng.standard_normal((n, classes)) * rng.choice([0.1, 1, 20], (n, 1))).astype(dtype)
    x[::3] = np.round(x[::3])
    return x, rng.integers(0, classes, n)


def same(got, want):
    for name in got._fields:
        assert_same_bits(getattr(got, name), getattr(want, name), name)


@each_size
@each_dtype
def test_it_agrees_with_the_reference(classes, dtype, rng):
    x, y = rows(rng, classes, dtype)
    got, want = fx.target_statistics(x, y), fx.TargetStatistics(*reference.target_statistics(x, y))
    size = np.abs(x.astype(float)).max(axis=1) + np.log(classes)
    for name in REAL:
        assert getattr(got, name).dtype == dtype
        assert_ulp(getattr(got, name), getattr(want, name), 8, dtype, size if name == "lse" else None, name)
    np.testing.assert_array_equal(got.predicted, want.predicted)
    np.testing.assert_array_equal(got.rank, want.rank)
    assert got.predicted.dtype == got.rank.dtype == np.int64


@each_size
@each_dtype
def test_log_prob_is_the_loss_with_the_other_sign_and_lse_is_logsumexp(classes, dtype, rng):
    x, y = rows(rng, classes, dtype)
    got = fx.target_statistics(x, y)
    assert_ulp(-got.log_prob, fx.softmax_cross_entropy(x, y, reduction="none"), 2, dtype)
    assert_ulp(got.lse, fx.logsumexp(x), 1, dtype, np.abs(x).max(axis=1) + 1)


@each_size
@each_dtype
def test_the_rank_counts_logits_and_predicted_is_the_first_largest_one(classes, dtype, rng):
    x, y = rows(rng, classes, dtype)
    got = fx.target_statistics(x, y)
    own = x[np.arange(len(x)), y]
    np.testing.assert_array_equal(got.rank, (x > own[:, None]).sum(axis=1))
    places = [np.sort(row)[::-1].tolist().index(logit) for row, logit in zip(x, own, strict=True)]
    np.testing.assert_array_equal(got.rank, places)
    np.testing.assert_array_equal(got.predicted, x.argmax(axis=1))
    assert ((got.rank == 0) == (own == x.max(axis=1))).all()


@in_turn("gap", [0, 1, 5, 15, 17, 20, 40, 80])
@in_turn("classes", [2, 20, 300])
@each_dtype
def test_entropy_and_log_prob_of_confident_rows_are_exact(classes, gap, dtype):
    x = np.linspace(-1, 1, classes).astype(dtype)
    x[1] += dtype(gap)
    got = fx.target_statistics(x[None], [1])
    with mpmath.mp.workdps(80):
        e = [mpmath.exp(mpmath.mpf(float(value))) for value in x]
        s = mpmath.fsum(e)
        entropy = float(-mpmath.fsum(value / s * mpmath.log(value / s) for value in e))
        log_prob = float(mpmath.log(e[1] / s))
    assert_ulp(got.entropy[0], entropy, 4, dtype)
    assert_ulp(got.log_prob[0], log_prob, 4, dtype)


@in_turn("classes", [7, 300])
@each_dtype
def test_the_entropy_is_that_of_the_softmax(classes, dtype, rng):
    x, y = rows(rng, classes, dtype)
    want = fx.entropy(fx.softmax(x.astype(np.float64)))
    # the probabilities are rounded, which changes each term p log p by epsilon p (1 + |log p|)
    assert_ulp(fx.target_statistics(x, y).entropy, want, 8, dtype, want + 1)


@in_turn("arrange", LAYOUTS.values())
@in_turn("classes", [6, 300])
@each_dtype
def test_any_layout_gives_the_same(arrange, classes, dtype, rng):
    x, y = rows(rng, classes, dtype)
    want = fx.target_statistics(x, y)
    same(fx.target_statistics(arrange(x), y), want)


@in_turn("axis", [0, 1, 2])
@in_turn("arrange", [np.asarray, np.asfortranarray, lambda x: x[::-1, ::2]])
@each_dtype
def test_any_axis_gives_the_same(axis, arrange, dtype, rng):
    x = arrange(rng.standard_normal((9, 40, 36)).astype(dtype))
    last = np.moveaxis(x, axis, -1)
    y = rng.integers(0, x.shape[axis], last.shape[:-1])
    got, want = fx.target_statistics(x, y, axis=axis), fx.target_statistics(np.ascontiguousarray(last), y)
    same(got, want)
    assert got.rank.shape == y.shape


@in_turn("half", [np.float16, ml_dtypes.bfloat16])
@in_turn("classes", [6, 300])
def test_half_precision_has_the_bits_of_float32(half, classes, rng):
    x, y = rows(rng, classes, np.float32)
    x = x.astype(half)
    same(fx.target_statistics(x, y), fx.target_statistics(x.astype(np.float32), y))
    same(fx.target_statistics(x.T, y, axis=0), fx.target_statistics(x.astype(np.float32), y))


@in_turn("classes", [6, 200, 300])
@each_dtype
def test_a_row_is_the_same_alone_and_with_any_threads(classes, dtype, rng):
    x, y = rows(rng, classes, dtype, 3000)
    want = fx.target_statistics(x, y, n_threads=1)
    same(fx.target_statistics(x, y, n_threads=3), want)
    for i in (0, 1, 77, 2999):
        one = fx.target_statistics(x[i], y[i])
        assert all(isinstance(value, np.generic) for value in one)
        same(one, fx.TargetStatistics(*(value[i] for value in want)))


@in_turn("classes", [6, 300])
@in_turn("ignored", [-100, 2])
@each_dtype
def test_ignored_rows_are_nan_and_minus_one(classes, ignored, dtype, rng):
    x, y = rows(rng, classes, dtype)
    y[::4] = ignored
    want = fx.target_statistics(x, np.where(y == ignored, 0, y))
    got = fx.target_statistics(x, y, ignore_index=ignored)
    out = y == ignored
    for name in got._fields:
        value = getattr(got, name)
        assert (np.isnan(value[out]) if name in REAL else value[out] == -1).all()
        assert_same_bits(value[~out], getattr(want, name)[~out])


@in_turn("classes", [6, 300])
@each_dtype
def test_rows_that_are_not_finite(classes, dtype):
    x = np.zeros((6, classes), dtype)
    x[0, 3] = np.nan
    x[1, 2] = np.inf
    x[2] = -np.inf
    x[3, 1:] = -np.inf
    x[4, 0] = -np.inf
    x[5, [1, 4]] = np.inf, np.nan
    got = fx.target_statistics(x, [0, 0, 0, 0, 0, 0])
    np.testing.assert_array_equal(got.lse[:3], [np.nan, np.inf, -np.inf])
    assert np.isnan(got.log_prob[[0, 1, 2, 5]]).all()
    assert np.isnan(got.entropy[[0, 1, 2, 5]]).all()
    assert got.log_prob[3] == got.entropy[3] == 0.0
    assert got.log_prob[4] == -np.inf
    assert got.entropy[4] == pytest.approx(np.log(classes - 1))
    np.testing.assert_array_equal(got.predicted, x.argmax(axis=1))
    np.testing.assert_array_equal(got.rank[1:5], [1, 0, 0, classes - 1])


@needs_fences
@each_size
@in_turn("first", [0, 1, 40])
@each_dtype
def test_rows_of_nan_are_read_to_their_end_and_no_further(classes, first, dtype):
    x = np.full((3, classes), np.nan, dtype)
    x[:, : min(first, classes - 1)] = 1
    got = fx.target_statistics(Fenced(x).array, np.zeros(3, int))
    np.testing.assert_array_equal(got.predicted, min(first, classes - 1))
    assert np.isnan(got.lse).all()


def test_no_rows_and_no_classes():
    assert [value.shape for value in fx.target_statistics(np.empty((0, 3)), np.empty(0, int))] == [(0,)] * 5
    assert [value.shape for value in fx.target_statistics(np.empty((0, 0)), np.empty(0, int))] == [(0,)] * 5
    with pytest.raises(ValueError, match="0 classes"):
        fx.target_statistics(np.empty((2, 0)), [0, 0])


def test_bad_targets_are_named():
    x = np.zeros((2, 3))
    with pytest.raises(ValueError, match=r"target\[1\] = 3, but logits have 3 classes"):
        fx.target_statistics(x, [0, 3])
    with pytest.raises(ValueError, match=r"statistics are those of class indices: expected \(2,\)"):
        fx.target_statistics(x, np.eye(3)[:2])
    with pytest.raises(ValueError, match="expected"):
        fx.target_statistics(x, [0, 1, 2])
    with pytest.raises(TypeError, match="integers"):
        fx.target_statistics(x, [0.5, 1.0])
