"""What `fastxent.metrics` has and scikit-learn has not: eps, distributions, multilabel, exactness, little memory."""

import math
import re
import warnings

import numpy as np
import pandas as pd
import pytest
import sklearn

from fastxent import _scikit_learn
from fastxent._kernels import door
from fastxent.metrics import _predictions, d2_log_loss_score, log_loss
from tests.interpreter import interpreted
from tests.pages import ROOT
from tests.peak import peak
from tests.table import DTYPES, each_dtype
from tests.turns import in_turn
from tests.ulp import BOTH, BOUND, assert_ulp

NAN = float("nan")


def draw(rng, n, classes, dtype=np.float64):
    """Probabilities, and a class for each row."""
    probs = rng.random((n, classes), dtype) + dtype(0.01)
    probs /= probs.sum(axis=1, keepdims=True)
    return probs, rng.integers(0, classes, n)


def clipped(probs, eps):
    return np.clip(probs, eps, 1 - eps)


@pytest.mark.parametrize("classes", [3, 40])
@pytest.mark.parametrize("eps", [0.3, 1e-3, 1e-100])
def test_eps_clips_on_both_sides(eps, classes, rng):
    probs, y = draw(rng, 50, classes)
    y[:classes] = np.arange(classes)
    probs[-10:] = np.eye(classes)[rng.integers(0, classes, 10)]
    right = -np.log(clipped(probs, eps)[np.arange(50), y]).mean()
    np.testing.assert_allclose(log_loss(y, probs, eps=eps), right, rtol=1e-15)
    truth = np.eye(classes)[y]
    np.testing.assert_allclose(log_loss(truth, probs, eps=eps), right, rtol=1e-15)
    one = probs[:, 0] / (probs[:, 0] + probs[:, 1] + 1e-3)
    right = -np.log(np.where(y > 0, clipped(one, eps), clipped(1 - one, eps))).mean()
    np.testing.assert_allclose(log_loss(y > 0, one, eps=eps), right, rtol=1e-15)


def test_without_eps_an_impossible_label_costs_infinity(dtype):
    probs = np.array([[1.0, 0.0], [0.5, 0.5], [0.25, 0.75]], dtype)
    assert log_loss([1, 0, 1], probs, eps=0) == math.inf
    assert log_loss([1, 0, 1], probs[:, 1], eps=0) == math.inf
    assert log_loss([[0.5, 0.5], [1, 0], [0, 1]], probs, eps=0) == math.inf
    assert_ulp(log_loss([0, 0, 1], probs, eps=0, normalize=False), math.log(8 / 3), BOUND["loss"], dtype)


def test_rows_of_weight_zero_have_no_influence_whatever_their_loss(dtype):
    probs = np.array([[1.0, 0.0], [0.5, 0.5]], dtype)
    assert_ulp(log_loss([1, 0], probs, eps=0, sample_weight=[0, 2]), math.log(2), BOUND["loss"], dtype)


@pytest.mark.parametrize(
    "eps, error",
    [(-1e-3, ValueError), (0.5, ValueError), (NAN, ValueError), ("small", TypeError), (None, TypeError)],
    ids=str,
)
def test_an_eps_out_of_range_is_named(eps, error):
    with pytest.raises(error, match=f"eps = {eps!r}"):
        log_loss([0, 1], [0.2, 0.7], eps=eps)


def test_an_eps_too_small_for_the_dtype_is_named():
    with pytest.raises(ValueError, match=r"eps = 1e-45, but 1 / eps is not finite in float32"):
        log_loss([0, 1], np.array([0.2, 0.7], np.float32), eps=1e-45)


@pytest.mark.parametrize("function", [log_loss, d2_log_loss_score])
def test_a_distribution_is_as_good_as_a_weighted_row_for_each_class(function, rng):
    probs, _ = draw(rng, 60, 4)
    target, _ = draw(rng, 60, 4)
    target[:20] = np.eye(4)[rng.integers(0, 4, 20)]
    weight = rng.random(60) - 0.2  # some are negative, so that the sums are of terms of both signs
    rows, classes = np.indices(target.shape).reshape(2, -1)
    right = function(classes, probs[rows], sample_weight=(weight[:, None] * target).ravel())
    np.testing.assert_allclose(function(target, probs, sample_weight=weight), right, rtol=1e-14)


@pytest.mark.parametrize("target_dtype", DTYPES)
def test_a_distribution_may_have_another_dtype(target_dtype, dtype, rng):
    probs, _ = draw(rng, 20, 5, dtype)
    target, _ = draw(rng, 20, 5, target_dtype)
    right = -(target.astype(float) * np.log(probs.astype(float))).sum(axis=1).mean()
    assert_ulp(log_loss(target, probs), right, BOTH * BOUND["loss"], dtype)
    assert_ulp(log_loss(pd.DataFrame(target), np.asfortranarray(probs)), right, BOTH * BOUND["loss"], dtype)


@pytest.mark.parametrize("row", [[0.5, 0.4], [-0.5, 1.5], [0.7, 0.7]], ids=["below", "negative", "above"])
def test_a_row_of_fractions_that_is_no_distribution_is_named(row):
    with pytest.raises(ValueError, match=r"y_true\[1\] = .* sums to .*, but a target distribution"):
        log_loss([[0.5, 0.5], row], [[0.5, 0.5], [0.5, 0.5]])


def test_rows_that_are_nearly_distributions_are_taken(rng):
    target = np.full((30, 7), 1 / 7, np.float32)
    share = float(target[0, 0])
    assert_ulp(log_loss(target, target), -7 * share * math.log(share), BOUND["loss"], np.float32)


def test_multilabel_is_the_mean_of_the_labels(dtype, rng):
    probs = rng.random((200, 5), dtype)
    probs[:4] = [[0], [1], [0], [1]]
    truth = rng.integers(0, 2, probs.shape)
    for options in ({}, {"sample_weight": rng.random(200) - 0.2}, {"eps": 1e-3}, {"normalize": False}):
        right = [log_loss(t, q, labels=[0, 1], **options) for t, q in zip(truth.T, probs.T, strict=True)]
        # the same logarithms, averaged in float64 in another order
        np.testing.assert_allclose(log_loss(truth, probs, multilabel=True, **options), np.mean(right), rtol=1e-14)
    for same in (
        truth.astype(bool),
        truth.astype(float),
        np.asfortranarray(truth),
        pd.DataFrame(truth),
        truth.tolist(),
    ):
        assert log_loss(same, probs, multilabel=True) == log_loss(truth, probs, multilabel=True)


@pytest.mark.parametrize(
    "y_true, y_proba, options, words",
    [
        ([[1, 0], [2, 0]], [[0.1, 0.2], [0.3, 0.4]], {}, r"y_true\[1, 0\] = 2, but"),
        ([[1, 0], [0.5, 0]], [[0.1, 0.2], [0.3, 0.4]], {}, r"y_true\[1, 0\] = 0.5, but"),
        ([[1, 0], [NAN, 0]], [[0.1, 0.2], [0.3, 0.4]], {}, r"y_true\[1, 0\] = nan, but"),
        ([[1, 0], [0, 0]], [[0.1, 0.2], [1.3, 0.4]], {}, r"y_proba\[1, 0\] = 1.3, but"),
        ([[1, 0], [0, 0]], [[0.1, NAN], [0.3, 0.4]], {}, r"y_proba\[0, 1\] = nan, but"),
        ([1, 0], [[0.1, 0.2], [0.3, 0.4]], {}, r"y_true has shape \(2,\) and y_proba \(2, 2\)"),
        ([1, 0], [0.1, 0.2], {}, r"y_true has shape \(2,\) and y_proba \(2,\)"),
        (np.empty((0, 2)), np.empty((0, 2)), {}, r"y_true has shape \(0, 2\)"),
        ([[1, 0], [0, 0]], [[[0.1, 0.2]] * 2] * 2, {}, r"np.stack"),
        ([[1, 0]], [[0.1, 0.2]], {"labels": [0, 1]}, "labels go with classes"),
        ([[1, 0]], [[0.1, 0.2]], {"sample_weight": [1, 2]}, r"sample_weight has shape \(2,\), but there are 1 rows"),
        ([[1, 0]], [[0.1, 0.2]], {"sample_weight": [NAN]}, r"sample_weight\[0\] = nan, but"),
    ],
    ids=lambda value: value.replace("\\", "") if isinstance(value, str) else "",
)
def test_what_is_no_multilabel_is_named(y_true, y_proba, options, words):
    with pytest.raises(ValueError, match=words):
        log_loss(y_true, y_proba, multilabel=True, **options)


def test_normalize_of_multilabel_that_is_no_bool_is_named():
    with pytest.raises(TypeError, match="normalize = 'no'"):
        log_loss([[1, 0]], [[0.1, 0.2]], multilabel=True, normalize="no")


def test_multilabel_without_weight_is_refused():
    with pytest.raises(ZeroDivisionError):
        log_loss([[1, 0]], [[0.1, 0.2]], multilabel=True, sample_weight=[0.0])


def test_float32_is_averaged_in_double(rng):
    probs, y = draw(rng, 100_000, 10, np.float32)
    right = math.fsum(-np.log(probs[np.arange(len(y)), y].astype(float))) / len(y)
    # -log p, about 2.3, is rounded to 7e-8 at random: the mean of 100 000 to 2e-10
    assert abs(log_loss(y, probs) - right) < 1e-9


def test_float64_is_right_to_the_last_digits(rng):
    probs, y = draw(rng, 100_000, 10)
    right = math.fsum(-np.log(probs[np.arange(len(y)), y])) / len(y)
    assert abs(log_loss(y, probs) - right) <= 2 * np.spacing(right)


@pytest.mark.parametrize("order", ["C", "F"])
@pytest.mark.parametrize("shape", [(3000, 500), (200_000, 3), (5, 40_000)], ids=str)
def test_any_number_of_threads_gives_the_same_bits(shape, order, dtype, rng):
    probs, y = draw(rng, *shape, dtype)
    probs = np.asarray(probs, order=order)
    y[:2] = 0, shape[1] - 1
    labels = range(shape[1])
    assert len({log_loss(y, probs, labels=labels, n_threads=n) for n in (None, 1, 2, 5)}) == 1


@in_turn("position", [(0, 0), (17, 39), (17, 40), (63, 6), (99, 99), (99, 69)])
@in_turn("classes", [2, 7, 33, 100, 300])
@in_turn("value", [NAN, -1e-9, 1.0000002, float("inf"), -float("inf")])
@each_dtype
def test_a_bad_probability_is_found_wherever_it_stands(value, classes, position, dtype, rng):
    probs, y = draw(rng, 100, classes, dtype)
    probs[position[0], position[1] % classes] = value
    for array in (probs, np.asfortranarray(probs), np.repeat(probs, 2, axis=0)[::2]):
        with pytest.raises(ValueError, match=r"NaN|infinity|greater than 1|lower than 0"):
            log_loss(y, array, labels=range(classes))


@in_turn("row", [0, 41, 99])
@in_turn("classes", [2, 7, 33, 100, 300])
@each_dtype
def test_a_row_off_1_is_found_wherever_it_stands(row, classes, dtype, rng):
    probs, y = draw(rng, 100, classes, dtype)
    probs[row] *= dtype(0.99)
    for array in (probs, np.asfortranarray(probs), np.repeat(probs, 2, axis=0)[::2]):
        with pytest.warns(UserWarning, match="do not sum to one"):
            log_loss(y, array, labels=range(classes))


@in_turn("row", [0, 127, 128, 199])
@in_turn("label, label_dtype", [(-1, np.int8), (7, np.uint8), (2**31, np.int64), (2**63, np.uint64)])
def test_a_label_that_is_no_class_is_found_wherever_it_stands(label, label_dtype, row, rng):
    probs, _ = draw(rng, 200, 7)
    y = (np.arange(200) % 7).astype(label_dtype)
    y[row] = label
    for labels in (None, range(7)):
        with pytest.raises(ValueError, match=r"number of classes|not belonging|not in"):
            log_loss(y, probs, labels=labels)


@in_turn("label_dtype", [np.int8, np.uint16, np.int32, np.uint64, float])
@in_turn("missing", [0, 3, 6])
def test_a_class_that_does_not_occur_is_missed_unless_labels_have_it(missing, label_dtype, rng):
    probs, y = draw(rng, 200, 7)
    y[y == missing] = (missing + 1) % 7
    y = y.astype(label_dtype)
    with pytest.raises(ValueError, match="number of classes"):
        log_loss(y, probs)
    right = -np.log(probs[np.arange(200), y.astype(int)]).mean()
    assert log_loss(y, probs, labels=range(7)) == pytest.approx(right, rel=1e-15)


LABELS = {
    "integers": lambda y: y,
    "uint8": lambda y: y.astype(np.uint8),
    "integers from 5": lambda y: y + 5,
    "far integers": lambda y: y * 10**12,
    "floats": lambda y: y.astype(float),
    "strings": lambda y: np.char.add("class ", (y % 10).astype(str)),
    "objects": lambda y: np.char.add("class ", (y % 10).astype(str)).astype(object),
}
MADE = {
    "float32": lambda p: p,
    "float64": lambda p: p.astype(np.float64),
    "float16": lambda p: p.astype(np.float16),
    "byte-swapped": lambda p: p.astype(">f4"),
    "Fortran": np.asfortranarray,
    "sums off 1": lambda p: p * np.float32(0.9),
}
WITH = {
    "weights": lambda n: {"sample_weight": np.ones(n)},
    "float32 weights": lambda n: {"sample_weight": np.ones(n, np.float32)},
    "labels": lambda n: {"labels": range(10)},
    "eps": lambda n: {"eps": 0},
}


def assert_little_memory(function, y, probs, **options):
    """5 % of the input, and 16 bytes a row."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # of sums off 1
        assert peak(lambda: function(y, probs, **options)) < 0.05 * probs.nbytes + 16 * len(probs)


@pytest.fixture(scope="module")
def million():
    """A million rows of ten classes, once for all tests."""
    return draw(np.random.default_rng(0), 1_000_000, 10, np.float32)


@pytest.mark.parametrize("kind", LABELS)
def test_labels_of_a_million_rows_need_little_memory(kind, million):
    probs, y = million
    assert_little_memory(log_loss, LABELS[kind](y), probs)


@pytest.mark.parametrize("kind", ["integers", "uint8"])
@pytest.mark.parametrize("options", ["weights", "labels", "eps"])
def test_class_numbers_of_a_million_rows_need_no_memory_by_row(kind, options, million):
    probs, y = million
    labels, given = LABELS[kind](y), WITH[options](len(y))
    assert peak(lambda: log_loss(labels, probs, **given)) < 1e5


@pytest.mark.parametrize("kind", ["integers from 5", "floats"])
@pytest.mark.parametrize("function", [log_loss, d2_log_loss_score])
def test_labels_that_are_looked_up_need_no_memory_by_row(function, kind, million):
    probs, y = million
    labels = LABELS[kind](y)
    few, many = (peak(lambda n=n: function(labels[:n], probs[:n])) for n in (200_000, 1_000_000))
    assert many < 1.1 * few


@pytest.mark.parametrize("multilabel", [False, True])
def test_each_part_of_the_probabilities_is_checked_and_read_before_the_next(multilabel, rng, monkeypatch):
    probs, y = draw(rng, 1000, 8)
    target = probs > 0.1 if multilabel else y
    whole = log_loss(target, probs, multilabel=multilabel)
    seen = []
    for name in ("is_within" if multilabel else "off_simplex", "log_loss"):
        function = getattr(door, name)

        def noting(array, *args, name=name, function=function):
            seen.append((name, len(array)))
            return function(array, *args)

        monkeypatch.setattr(_predictions.door, name, noting)
    monkeypatch.setattr(_predictions, "READ", 2400)
    monkeypatch.setattr(_predictions, "BLOCK", 2400)
    assert log_loss(target, probs, multilabel=multilabel) == pytest.approx(whole, rel=1e-15)
    assert [n for _, n in seen] == [300, 300, 300, 300, 300, 300, 100, 100]
    assert len(dict(seen[:2])) == 2


@pytest.mark.parametrize("kind", MADE)
def test_a_million_rows_need_little_memory(kind, million):
    probs, y = million
    assert_little_memory(log_loss, y, MADE[kind](probs))


@pytest.mark.parametrize("kind", WITH)
def test_options_for_a_million_rows_need_little_memory(kind, million):
    probs, y = million
    assert_little_memory(log_loss, y, probs, **WITH[kind](len(y)))


def test_the_score_and_single_probabilities_need_little_memory(million):
    probs, y = million
    assert_little_memory(d2_log_loss_score, y, probs)
    assert_little_memory(log_loss, probs, probs)
    assert_little_memory(log_loss, (y == 0), probs[:, :1].astype(np.float64))
    assert_little_memory(log_loss, probs > 0.1, probs, multilabel=True)


@pytest.mark.parametrize("kind", ["integers", "integers from 5", "far integers", "floats"])
def test_20000_rows_of_1000_classes_need_little_memory(kind, dtype, rng):
    probs, y = draw(rng, 20_000, 1000, dtype)
    assert_little_memory(log_loss, LABELS[kind](y), probs)


def test_without_scikit_learn_the_error_names_the_extra():
    result = interpreted("import sys; sys.modules['sklearn'] = None; import fastxent.metrics")
    assert "ImportError: fastxent.metrics needs scikit-learn: pip install fastxent[sklearn]" in result.stderr


def test_importing_the_package_does_not_import_scikit_learn():
    assert interpreted("import sys, fastxent; assert 'sklearn' not in sys.modules").returncode == 0


def test_a_scikit_learn_that_is_too_old_is_named(monkeypatch):
    (floor,) = re.findall(r'"scikit-learn>=([\d.]+)"', (ROOT / "pyproject.toml").read_text())
    assert floor == ".".join(map(str, _scikit_learn.OLDEST))
    for version in ("1.7.2", "1.6.dev0"):
        monkeypatch.setattr(sklearn, "__version__", version)
        assert _scikit_learn.lacking().startswith(f"scikit-learn {floor} or newer, but {version} is installed: pip")
    monkeypatch.setattr(sklearn, "__version__", "1.10rc1")
    assert _scikit_learn.lacking() is None
    result = interpreted("import sklearn; sklearn.__version__ = '1.7.2'; import fastxent.sklearn")
    assert "ImportError: fastxent.sklearn needs scikit-learn 1.8 or newer, but 1.7.2 is installed" in result.stderr
