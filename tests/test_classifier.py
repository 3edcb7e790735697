"""SoftmaxClassifier beside LogisticRegression: the same optimum, for all kinds of data and options."""

import numpy as np
import pytest
from scipy import sparse
from sklearn.linear_model import LogisticRegression

import fastxent as fx
from fastxent.sklearn import SoftmaxClassifier
from tests.layouts import strided
from tests.samples import TABLES, drawn, standardized

TIGHT = {"tol": 1e-9, "max_iter": 20_000}
# The optimum is as near as tol is over the least curvature: that of the penalty alone, 1 / (C n) in some 500 samples.
NEAR = {"rtol": 1e-5, "atol": 1e-6}
FORMS = {
    "C order": np.ascontiguousarray,
    "Fortran order": np.asfortranarray,
    "strided": strided,
    "CSR matrix": sparse.csr_matrix,
    "CSR array": sparse.csr_array,
    "CSC array": sparse.csc_array,
}


def data(name, rows=None):
    """Features of variance 1, so that LogisticRegression converges, and labels."""
    X, y = TABLES[name](return_X_y=True)
    return standardized(X)[:rows], y[:rows]


def objective(model, X, y, C, sample_weight=None):
    """The objective of both, per sample, in float64 from the definition."""
    logits = np.asarray(X @ model.coef_.T.astype(np.float64) + model.intercept_)
    if logits.shape[1] == 1:
        logits = np.hstack([np.zeros_like(logits), logits])
    weight = np.ones(len(y)) if sample_weight is None else sample_weight
    loss = fx.softmax_cross_entropy(logits, np.searchsorted(model.classes_, y), sample_weight=weight, reduction="sum")
    return (loss + 0.5 / C * np.sum(model.coef_.astype(np.float64) ** 2)) / weight.sum()


def assert_same_optimum(X, y, sample_weight=None, **options):
    """Theirs by Newton's method; for ten classes, where it takes long, by L-BFGS, until rounding stops it."""
    solver, rtol = ("newton-cholesky", 1e-6) if y.max() < 9 else ("lbfgs", 1e-4)
    ours = SoftmaxClassifier(**TIGHT, **options).fit(X, y, sample_weight)
    theirs = LogisticRegression(solver=solver, **TIGHT, **options).fit(X, y, sample_weight)
    scale = np.abs(theirs.coef_).max()
    assert ours.coef_.shape == theirs.coef_.shape
    assert ours.intercept_.shape == theirs.intercept_.shape
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=rtol * scale)
    np.testing.assert_allclose(ours.intercept_, theirs.intercept_, rtol=rtol, atol=rtol * scale)
    return ours, theirs


@pytest.mark.filterwarnings("ignore:lbfgs failed")  # of LogisticRegression, which stops where rounding stops it
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["intercept", "no intercept"])
@pytest.mark.parametrize("C", [1e-3, 1.0, 30.0])
@pytest.mark.parametrize("name", TABLES)
def test_the_optimum_is_that_of_logistic_regression(name, C, fit_intercept):
    X, y = data(name)
    ours, theirs = assert_same_optimum(X, y, C=C, fit_intercept=fit_intercept)
    assert objective(ours, X, y, C) <= objective(theirs, X, y, C) * (1 + 1e-9)
    assert np.array_equal(ours.predict(X), theirs.predict(X))


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", ["two classes", "three classes"])
def test_every_form_of_x_gives_the_same_optimum(name, form):
    X, y = data(name)
    model = SoftmaxClassifier(**TIGHT).fit(FORMS[form](X), y)
    plain = SoftmaxClassifier(**TIGHT).fit(X, y)
    np.testing.assert_allclose(model.coef_, plain.coef_, **NEAR)
    # a logit is a sum of 30 coefficients times features of size 1
    np.testing.assert_allclose(model.decision_function(FORMS[form](X)), plain.decision_function(X), rtol=0, atol=3e-5)


@pytest.mark.filterwarnings("ignore:lbfgs failed")  # of LogisticRegression, as above
@pytest.mark.parametrize("name", TABLES)
def test_float32_stays_float32_and_is_no_worse_than_logistic_regression(name):
    X, y = data(name)
    X = X.astype(np.float32)
    ours = SoftmaxClassifier(tol=1e-6, max_iter=1000).fit(X, y)
    theirs = LogisticRegression(tol=1e-6, max_iter=1000).fit(X, y)
    for array in (ours.coef_, ours.intercept_, ours.decision_function(X), ours.predict_proba(X)):
        assert array.dtype == np.float32
    assert objective(ours, X, y, 1.0) <= objective(theirs, X, y, 1.0) * (1 + 1e-6)


@pytest.mark.parametrize("name", ["two classes", "three classes"])
@pytest.mark.parametrize("class_weight", [None, "balanced", {0: 2.5, 1: 0.5}], ids=["none", "balanced", "dict"])
def test_weights_count_as_in_logistic_regression(name, class_weight, rng):
    X, y = data(name)
    assert_same_optimum(X, y, sample_weight=rng.integers(0, 4, len(y)) / 2.0, class_weight=class_weight)


@pytest.mark.parametrize("name", ["two classes", "three classes"])
def test_a_weight_is_a_number_of_repetitions(name, rng):
    X, y = data(name)
    count = rng.integers(0, 4, len(y))
    weighted = SoftmaxClassifier(**TIGHT, label_smoothing=0.1).fit(X, y, count)
    repeated = SoftmaxClassifier(**TIGHT, label_smoothing=0.1).fit(X.repeat(count, axis=0), y.repeat(count))
    np.testing.assert_allclose(weighted.coef_, repeated.coef_, **NEAR)


@pytest.mark.parametrize(
    "options", [{}, {"class_weight": "balanced"}, {"class_weight": {0: 3.0}, "label_smoothing": 0.2}]
)
@pytest.mark.parametrize("name", ["two classes", "three classes"])
def test_labels_are_distributions_with_all_weight_on_one_class(name, options):
    X, y = data(name)
    labels = SoftmaxClassifier(**TIGHT, **options).fit(X, y)
    shares = SoftmaxClassifier(**TIGHT, **options).fit(X, np.eye(y.max() + 1)[y])
    np.testing.assert_allclose(labels.coef_, shares.coef_, **NEAR)
    assert np.array_equal(labels.predict(X), shares.predict(X))


@pytest.mark.parametrize("n_classes", [2, 4])
def test_a_distribution_is_the_sum_of_weighted_labels(n_classes, rng):
    X, Y = rng.standard_normal((60, 3)), rng.random((60, n_classes))
    shares = SoftmaxClassifier(**TIGHT).fit(X, Y)
    rows, classes = np.repeat(np.arange(60), n_classes), np.tile(np.arange(n_classes), 60)
    labels = SoftmaxClassifier(**TIGHT).fit(X[rows], classes, Y.ravel())
    np.testing.assert_allclose(shares.coef_, labels.coef_, **NEAR)


@pytest.mark.parametrize("name", ["two classes", "three classes"])
def test_smoothing_is_a_distribution(name):
    X, y = data(name)
    n_classes = y.max() + 1
    smooth = SoftmaxClassifier(**TIGHT, label_smoothing=0.3).fit(X, y)
    shares = SoftmaxClassifier(**TIGHT).fit(X, 0.7 * np.eye(n_classes)[y] + 0.3 / n_classes)
    np.testing.assert_allclose(smooth.coef_, shares.coef_, **NEAR)


@pytest.mark.parametrize("form", ["C order", pytest.param("CSR array", marks=pytest.mark.rest)])
@pytest.mark.parametrize("name", ["two classes", "three classes"])
def test_the_number_of_rows_in_a_block_changes_no_more_than_rounding(name, form):
    X, y = data(name)
    models = [SoftmaxClassifier(**TIGHT, batch_rows=rows).fit(FORMS[form](X), y) for rows in (1, 7, 10**9)]
    for model in models[:2]:
        np.testing.assert_allclose(model.coef_, models[2].coef_, **NEAR)
        np.testing.assert_allclose(model.predict_proba(X), models[2].predict_proba(X), **NEAR)


def test_the_number_of_threads_changes_no_bit(rng):
    X, y = rng.standard_normal((2000, 8)).astype(np.float32), rng.integers(0, 300, 2000)
    one, two = (SoftmaxClassifier(n_threads=n, max_iter=5, tol=1.0, batch_rows=2000).fit(X, y) for n in (1, 2))
    assert np.array_equal(one.coef_, two.coef_)
    assert np.array_equal(one.predict_log_proba(X), two.predict_log_proba(X))


def test_large_float64_data_end_in_float64(rng):
    X = rng.standard_normal((20_000, 30))
    y = drawn(X @ rng.standard_normal((30, 20)) / 2, rng)
    ours = SoftmaxClassifier(tol=1e-8, max_iter=1000).fit(X, y)  # in float32 the gradient is not known so well
    theirs = LogisticRegression(tol=1e-8, max_iter=1000).fit(X, y)
    # tol over the curvature, which is p (1 - p), about 1/20, times the features' variance
    np.testing.assert_allclose(ours.coef_, theirs.coef_, rtol=0, atol=2e-6)


def test_features_of_very_different_scale_converge_where_logistic_regression_does_not():
    X, y = TABLES["two classes"](return_X_y=True)
    model = SoftmaxClassifier(tol=1e-8).fit(X, y)  # a warning would be an error
    assert model.n_iter_[0] < 100
    assert model.score(X, y) > 0.95


def test_without_a_penalty_the_optimum_is_the_maximum_of_the_likelihood(rng):
    X, y = rng.standard_normal((300, 3)), rng.integers(0, 3, 300)
    model = SoftmaxClassifier(C=np.inf, **TIGHT).fit(X, y)
    residual = model.predict_proba(X) - np.eye(3)[y]
    np.testing.assert_allclose(residual.T @ X / 300, 0, atol=model.tol)
    np.testing.assert_allclose(residual.mean(axis=0), 0, atol=model.tol)


ODD = {
    "wide sparse counts": lambda rng: sparse.random(500, 2000, 0.01, format="csr", random_state=1),
    "a few rows far from 0": lambda rng: rng.standard_normal((20, 50)) + 50 * rng.standard_normal(50),
    "sums that run along the columns": lambda rng: rng.standard_normal((500, 100)).cumsum(axis=1),
    "copies of columns": lambda rng: np.tile(rng.standard_normal((300, 10)), 3),
    "counts of a rare event": lambda rng: rng.poisson(0.1, size=(500, 10)).astype(float),
}


@pytest.mark.filterwarnings("ignore:lbfgs failed")  # LogisticRegression may need more than max_iter
@pytest.mark.parametrize("C", [1.0, 100.0])
@pytest.mark.parametrize("fit_intercept", [True, False], ids=["intercept", "no intercept"])
@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize("form", ODD)
def test_at_any_tol_the_objective_is_no_worse(form, n_classes, fit_intercept, C, rng):
    X = ODD[form](rng)
    y = rng.integers(0, n_classes, X.shape[0])
    y[:n_classes] = np.arange(n_classes)
    options = {"C": C, "fit_intercept": fit_intercept, "max_iter": 1000}
    ours, theirs = (model(**options).fit(X, y) for model in (SoftmaxClassifier, LogisticRegression))
    assert objective(ours, X, y, C) <= objective(theirs, X, y, C) * (1 + 1e-6)


def test_a_small_penalty_takes_no_more_iterations_than_none(rng):
    X = rng.standard_normal((300, 10))
    y = drawn(X @ rng.standard_normal((10, 4)), rng)
    iterations = [int(SoftmaxClassifier(C=C, tol=1e-8, max_iter=1000).fit(X, y).n_iter_[0]) for C in (1e3, np.inf)]
    assert iterations[0] < 1.5 * iterations[1]


@pytest.mark.parametrize("seed", range(5))
def test_convergence_is_judged_by_the_curvature_where_it_ended(seed):
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((100, 1))
    y = X[:, 0] + 0.1 * rng.standard_normal(100) > 0  # nearly all samples end up confident
    ours, theirs = (model(C=5e3, fit_intercept=False).fit(X, y) for model in (SoftmaxClassifier, LogisticRegression))
    assert objective(ours, X, y, 5e3) <= objective(theirs, X, y, 5e3) * (1 + 1e-6)
