"""scikit-learn's estimators with our losses in place of its own: the same models."""

import numpy as np
import pytest
from sklearn._loss.loss import HalfBinomialLoss, HalfMultinomialLoss
from sklearn.datasets import make_classification
from sklearn.ensemble import HistGradientBoostingClassifier
from sklearn.linear_model import LogisticRegression, _logistic
from sklearn.linear_model._linear_loss import LinearModelLoss
from threadpoolctl import threadpool_limits

from fastxent.sklearn import BinomialLoss, MultinomialLoss

each_kind = pytest.mark.parametrize("classes", [2, 4])
MEANS = {"rtol": 1e-13, "atol": 1e-15}  # over 400 samples of derivatives of both signs, rounded to 1e-16
PAIRS = {2: (BinomialLoss(), HalfBinomialLoss()), 4: (MultinomialLoss(4), HalfMultinomialLoss(n_classes=4))}


@pytest.fixture(autouse=True, scope="module")
def one_thread():
    """On busy processors threads of OpenMP wait for each other as those of BLAS do."""
    with threadpool_limits(1):
        yield


def classification(classes):
    X, y = make_classification(400, 6, n_informative=5, n_redundant=0, n_classes=classes, random_state=0)
    return X, y, np.random.default_rng(0).uniform(0.25, 2, len(y))


@each_kind
@pytest.mark.parametrize("early_stopping", [False, True], ids=["", "early_stopping"])
def test_hist_gradient_boosting_takes_them_as_they_are(classes, early_stopping):
    X, y, weight = classification(classes)
    options = {"max_iter": 10, "early_stopping": early_stopping, "scoring": "loss", "random_state": 0}
    ours = HistGradientBoostingClassifier(loss=PAIRS[classes][0], **options).fit(X, y, weight)
    theirs = HistGradientBoostingClassifier(**options).fit(X, y, weight)
    # derivatives that differ in the last place of a double are rounded to the same float32, and the trees are the same
    np.testing.assert_allclose(ours.predict_proba(X), theirs.predict_proba(X), rtol=1e-13)
    np.testing.assert_allclose(ours.train_score_, theirs.train_score_, rtol=1e-13)
    np.testing.assert_allclose(ours.validation_score_, theirs.validation_score_, rtol=1e-13)


def test_hist_gradient_boosting_with_label_smoothing_is_less_certain():
    X, y, _ = classification(4)
    most = [
        HistGradientBoostingClassifier(loss=MultinomialLoss(4, label_smoothing=a)).fit(X, y).predict_proba(X).max()
        for a in (0.0, 0.4)
    ]
    assert most[0] > 0.99
    assert most[1] < 0.75  # the target of a sample's own class is 0.6 + 0.4 / 4


@each_kind
@pytest.mark.parametrize("weighted", [False, True], ids=["", "weighted"])
@pytest.mark.parametrize("order", ["C", "F"])
def test_linear_model_loss(classes, weighted, order, rng):
    X, y, weight = classification(classes)
    arguments = {"X": X, "y": y.astype(float), "sample_weight": weight if weighted else None, "l2_reg_strength": 0.1}
    ours, theirs = (LinearModelLoss(base_loss=loss, fit_intercept=True) for loss in PAIRS[classes])
    coef = np.asarray(rng.normal(size=(4, 7) if classes > 2 else 7), order=order)
    for method in ("loss", "gradient", "loss_gradient", "gradient_hessian"):
        if method == "gradient_hessian":
            coef = coef.ravel(order="F")
        got, want = (getattr(loss, method)(coef, **arguments) for loss in (ours, theirs))
        results = zip(got, want, strict=True) if isinstance(want, tuple) else [(got, want)]
        for one, other in results:
            np.testing.assert_allclose(one, other, **MEANS)
    (got, product), (want, their_product) = (
        loss.gradient_hessian_product(coef, **arguments) for loss in (ours, theirs)
    )
    np.testing.assert_allclose(got, want, **MEANS)
    direction = rng.normal(size=coef.shape)
    np.testing.assert_allclose(product(direction), their_product(direction), **MEANS)


@each_kind
@pytest.mark.parametrize("solver", ["lbfgs", "newton-cg", "newton-cholesky"])
def test_logistic_regression(classes, solver, monkeypatch):
    X, y, weight = classification(classes)
    model = LogisticRegression(solver=solver, tol=1e-10, max_iter=1000)
    want = model.fit(X, y, weight).coef_
    used = []

    def multinomial(n_classes):
        used.append(MultinomialLoss(n_classes))
        return used[-1]

    def binomial():
        used.append(BinomialLoss())
        return used[-1]

    monkeypatch.setattr(_logistic, "HalfMultinomialLoss", multinomial)
    monkeypatch.setattr(_logistic, "HalfBinomialLoss", binomial)
    # the gradient of both is below tol, and the penalty alone curves the objective by 1 / weight.sum()
    np.testing.assert_allclose(model.fit(X, y, weight).coef_, want, rtol=0, atol=2 * model.tol * weight.sum())
    assert used
