"""What SoftmaxClassifier refuses, by name, and what it warns of."""

from decimal import Decimal

import numpy as np
import pandas as pd
import pytest
from ml_dtypes import bfloat16
from sklearn.exceptions import ConvergenceWarning, NotFittedError
from sklearn.linear_model import LogisticRegression

from fastxent.sklearn import SoftmaxClassifier
from tests.samples import IRIS

X, Y = IRIS


@pytest.mark.parametrize("place", [0, 2_999_999])
@pytest.mark.parametrize("order", ["C", "F"])
def test_what_is_not_finite_is_found_in_every_block(order, place):
    features = np.ones((3_000_000, 2), order=order)
    features[place, 1] = np.nan
    with pytest.raises(ValueError, match=r"Input X contains NaN.\nSoftmaxClassifier does not accept missing values"):
        SoftmaxClassifier().fit(features, np.arange(3_000_000) % 2)
    with pytest.raises(ValueError, match="Input y contains infinity"):
        SoftmaxClassifier().fit(X, np.where(np.arange(150) < 149, Y, np.inf))


@pytest.mark.parametrize("max_iter", [0, 3])
def test_reaching_max_iter_is_a_warning_that_says_how_far_it_came(max_iter):
    with pytest.warns(ConvergenceWarning, match=f"after {max_iter} iteration.*largest entry of the gradient is"):
        model = SoftmaxClassifier(max_iter=max_iter, tol=1e-9).fit(X, Y)
    assert model.n_iter_[0] == max_iter


def test_a_warm_start_of_another_shape_is_an_error_with_both_shapes():
    model = SoftmaxClassifier(warm_start=True).fit(X, Y)
    with pytest.raises(ValueError, match=r"\(3, 4\).*\(3, 2\)"):
        model.fit(X[:, :2], Y)


@pytest.mark.parametrize(
    "parameter, value, error",
    [
        ("C", 0.0, ValueError), ("C", -1, ValueError), ("C", np.nan, ValueError), ("C", "1", TypeError),
        ("fit_intercept", "yes", TypeError), ("warm_start", 1, TypeError), ("tol", -1e-4, ValueError),
        ("tol", None, TypeError), ("max_iter", 1.5, TypeError), ("max_iter", -1, ValueError),
        ("label_smoothing", 1.1, ValueError), ("batch_rows", 0, ValueError), ("batch_rows", 2.0, TypeError),
        ("n_threads", 0, ValueError), ("class_weight", "uniform", ValueError), ("class_weight", 3, ValueError),
        ("class_weight", {0: -1.0}, ValueError), ("class_weight", {0: np.inf}, ValueError),
        ("class_weight", {0: "x"}, TypeError), ("verbose", "loud", TypeError),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(parameter, value, error):
    model = SoftmaxClassifier(**{parameter: value})
    with pytest.raises(error, match=parameter):
        model.fit(X, Y)
    assert not hasattr(model, "coef_")


def test_any_number_will_do_for_tol():
    assert (SoftmaxClassifier(tol=Decimal("1e-4")).fit(X, Y).coef_ == SoftmaxClassifier(tol=1e-4).fit(X, Y).coef_).all()


@pytest.mark.parametrize(
    "target, weight, message",
    [
        (np.zeros(150), None, "one class"), (np.full(150, 0.5) + Y, None, "continuous"),
        (-np.eye(3)[Y], None, r"y\[0, 0\] = -1"), (np.eye(3)[Y] * np.nan, None, "NaN"),
        (np.eye(3, dtype=int)[Y], None, "1d array|multilabel"), (np.eye(3, dtype=int)[Y], None, r"y.astype\(float\)"),
        (np.eye(3, dtype=bool)[Y].tolist(), None, r"dtype bool, but y should be a 1d array of labels, or floats"),
        (Y[:100], None, "inconsistent"), (None, None, "y"),
        (Y, -np.ones(150), r"sample_weight\[0\] = -1"), (Y, np.full(150, np.nan), r"sample_weight\[0\] = nan"),
        (Y, np.ones((150, 1)), "sample_weight has shape"), (Y, np.ones(1), "sample_weight has shape"),
        (Y, np.zeros(150), "zero"),
    ],
    ids=["one class", "floats", "negative", "NaN", "indicators", "one-hot integers", "one-hot booleans", "too short",
         "none", "negative weight", "NaN weight", "column of weights", "one weight", "no weight"],
)  # fmt: skip
def test_a_wrong_target_or_weight_is_named(target, weight, message):
    with pytest.raises(ValueError, match=message):
        SoftmaxClassifier().fit(X, target, weight)


@pytest.mark.parametrize(
    "make", [lambda y: y.astype(object), lambda y: y.astype(bfloat16), lambda y: pd.DataFrame(y).astype("Int64")]
)
def test_one_hot_rows_of_objects_are_told_of_floats_and_nullable_floats_are_distributions(make):
    one_hot = np.eye(3, dtype=int)[Y]
    with pytest.raises(ValueError, match=r"or floats of shape \(n_samples, C\): .* y.astype\(float\)"):
        SoftmaxClassifier().fit(X, make(one_hot))
    with pytest.raises(ValueError, match="1d array"):
        SoftmaxClassifier().fit(X, np.array(["a", "b", "c"], object)[one_hot])
    shares = pd.DataFrame(0.9 * np.eye(3)[Y] + 0.1 / 3)
    model, plain = (SoftmaxClassifier().fit(X, y) for y in (shares.astype("Float64"), shares))
    np.testing.assert_array_equal(model.coef_, plain.coef_)
    shares = shares.astype("Float64")
    shares.iloc[3, 1] = pd.NA
    with pytest.raises(ValueError, match=r"y\[3, 1\] is missing"):
        SoftmaxClassifier().fit(X, shares)


def test_huge_features_end_in_a_warning_and_not_in_an_exception():
    with pytest.warns(ConvergenceWarning):
        model = SoftmaxClassifier(max_iter=5).fit(X * 1e300, Y)
    assert np.isfinite(model.coef_).all()
    assert np.isfinite(model.intercept_).all()


def test_predicting_before_fitting_is_an_error():
    with pytest.raises(NotFittedError):
        SoftmaxClassifier().predict(X)


@pytest.mark.parametrize("labels", [[1, "a", 2], [None, "a", "b"]])
def test_labels_that_cannot_be_sorted_are_refused_as_scikit_learn_does(labels, rng):
    X, y = rng.normal(size=(60, 2)), np.array(labels * 20, object)
    for estimator in (SoftmaxClassifier(), LogisticRegression()):
        with pytest.raises(ValueError, match="Unknown label type"):
            estimator.fit(X, y)
