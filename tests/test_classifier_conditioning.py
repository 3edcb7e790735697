"""SoftmaxClassifier takes few iterations whatever the features' scales and the weights, and warns at no optimum."""

import warnings

import numpy as np
import pytest
from sklearn.datasets import load_breast_cancer, load_iris, load_wine
from sklearn.linear_model import LogisticRegression

from fastxent.sklearn import SoftmaxClassifier
from tests.samples import BUNDLED, drawn, standardized
from tests.test_classifier import objective


def iterations(X, y, sample_weight=None, **options):
    """How many a fit takes; that it warns would be an error."""
    return int(SoftmaxClassifier(max_iter=1000, **options).fit(X, y, sample_weight).n_iter_[0])


@pytest.mark.parametrize("kind", ["labels", "distributions"])
@pytest.mark.parametrize("n_classes", [2, 10])
def test_class_weights_take_as_many_iterations_as_the_same_weights_of_samples(n_classes, kind, rng):
    X = rng.standard_normal((1000, 8))
    y = drawn(X @ rng.standard_normal((8, n_classes)), rng)
    weights = np.logspace(-2, 2, n_classes)
    target = y if kind == "labels" else np.eye(n_classes)[y]
    by_class = iterations(X, target, class_weight=dict(enumerate(weights)))
    assert by_class == iterations(X, target, weights[y])


def test_a_timestamp_beside_ratios_is_a_feature_like_others(rng):
    X, y = load_wine(return_X_y=True)
    timestamp = 1.6e9 + 3e7 * rng.random(len(y))
    assert iterations(np.column_stack([X, timestamp]), y) < 1.5 * iterations(X, y)


@pytest.mark.parametrize("C", [1.0, np.inf])
@pytest.mark.parametrize("decades", [6, 12])
@pytest.mark.parametrize("least", [0, -0.5, -1])
def test_columns_far_apart_take_no_more_iterations_than_columns_alike(least, decades, C, rng):
    X = rng.standard_normal((1000, 10))
    y = drawn(X @ rng.standard_normal((10, 4)), rng)
    assert iterations(X * np.logspace(least * decades, (least + 1) * decades, 10), y, C=C) <= iterations(X, y) + 3


def test_hardly_any_penalty_takes_no_thousands_of_iterations():
    assert iterations(*load_breast_cancer(return_X_y=True), C=1e8) < 150


@pytest.mark.filterwarnings("ignore:lbfgs failed")  # of LogisticRegression, which needs more where features are raw
@pytest.mark.parametrize("C", [1e-2, 1.0, 1e2, 1e4, 1e6, 1e8])
@pytest.mark.parametrize("form", ["raw", "standardized"])
@pytest.mark.parametrize("name", BUNDLED)
def test_the_objective_is_never_worse_than_logistic_regressions(name, form, C):
    X, y = BUNDLED[name](return_X_y=True)
    X = X if form == "raw" else standardized(X)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        ours = SoftmaxClassifier(C=C, max_iter=1000).fit(X, y)
    theirs = LogisticRegression(C=C, max_iter=300).fit(X, y)
    assert objective(ours, X, y, C) <= objective(theirs, X, y, C) * (1 + 1e-6)


def test_where_rounding_ends_the_fit_at_an_optimum_there_is_no_warning():
    X, y = load_wine(return_X_y=True)
    assert SoftmaxClassifier(tol=0.0, max_iter=10_000).fit(X, y).n_iter_[0] < 1000


def test_distributions_are_scored_by_what_they_give_to_the_predictions(rng):
    X, shares = rng.standard_normal((60, 3)), rng.random((60, 4))
    shares /= shares.sum(axis=1, keepdims=True)
    model = SoftmaxClassifier().fit(X, shares)
    given = shares[np.arange(60), model.predict(X)]
    weight = rng.random(60)
    np.testing.assert_allclose(model.score(X, shares), given.mean(), rtol=1e-14)
    np.testing.assert_allclose(model.score(X, shares, weight), np.average(given, weights=weight), rtol=1e-14)
    assert model.score(X, np.eye(4)[model.predict(X)]) == model.score(X, model.predict(X)) == 1.0
    with pytest.raises(ValueError, match=r"y has shape \(60, 2\)"):
        model.score(X, shares[:, :2])


@pytest.mark.parametrize("offset", [1e5, 1e7, 1e9])
def test_large_data_far_from_the_origin_are_fitted_as_those_around_it(offset, rng):
    """Large: they are multiplied in float32 in the beginning, which may not tell their rows apart."""
    X = rng.normal(size=(60_000, 20))
    y = (0.3 * X @ rng.normal(size=(20, 10)) + rng.gumbel(size=(60_000, 10))).argmax(axis=1)
    moved = X.copy()
    moved[:, :2] += offset
    near, far = (SoftmaxClassifier(max_iter=1000).fit(data, y) for data in (X, moved))
    assert far.loss_curve_[-1] <= near.loss_curve_[-1] * (1 + 1e-6)


@pytest.mark.parametrize("size", [1e25, 1e35])
def test_float32_features_may_have_squares_beyond_float32(size):
    X, y = load_iris(return_X_y=True)
    X[:, 0] *= size
    single, double = (SoftmaxClassifier(max_iter=1000).fit(data, y) for data in (X.astype(np.float32), X))
    np.testing.assert_allclose(single.loss_curve_[-1], double.loss_curve_[-1], rtol=1e-6)  # some ulp of float32
