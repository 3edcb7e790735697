"""SoftmaxClassifierCV: scikit-learn's checks, a grid search's scores, and the model of the C that it chose."""

import warnings
from copy import deepcopy

import numpy as np
import pytest
from scipy import sparse
from sklearn import config_context
from sklearn.base import clone
from sklearn.linear_model import LogisticRegression, LogisticRegressionCV
from sklearn.metrics import get_scorer, log_loss
from sklearn.model_selection import GridSearchCV, GroupKFold, KFold, StratifiedKFold, cross_val_score
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler
from sklearn.utils.estimator_checks import parametrize_with_checks

import fastxent as fx
from fastxent.metrics import neg_log_loss_scorer
from fastxent.sklearn import SoftmaxClassifier, SoftmaxClassifierCV
from tests.samples import IRIS

X, Y = IRIS
GRID = [0.01, 1.0, 100.0]
PRECISE = {"tol": 1e-8, "max_iter": 5000}
# a score of a model that is within 1e-8 of the least objective: off by some 1e-4, squared where it is least
RTOL = 1e-3


@pytest.mark.filterwarnings("default")  # the checks fit hopeless data, and expect the warnings
@parametrize_with_checks([SoftmaxClassifierCV([0.01, 1.0], cv=2)])
def test_estimator_check(estimator, check):
    check(estimator)


def test_the_scores_are_those_of_a_grid_search():
    cv = StratifiedKFold(4, shuffle=True, random_state=0)
    model = SoftmaxClassifierCV(GRID[::-1], cv=cv, **PRECISE).fit(X, Y)
    for estimator in (SoftmaxClassifier(**PRECISE), LogisticRegression(**PRECISE)):
        search = GridSearchCV(estimator, {"C": GRID}, cv=cv, scoring="neg_log_loss").fit(X, Y)
        scores = [[search.cv_results_[f"split{k}_test_score"][i] for i in range(3)] for k in range(4)]
        np.testing.assert_allclose(model.scores_, scores, rtol=RTOL)
        assert search.best_params_ == {"C": model.C_}
    np.testing.assert_array_equal(model.Cs_, GRID)


@pytest.mark.parametrize("labels", [Y, Y == 1, np.array(["a", "b", "c"])[Y]], ids=["numbers", "two", "strings"])
def test_the_model_is_that_of_the_c_that_was_chosen(labels):
    model = SoftmaxClassifierCV(GRID, max_iter=1000).fit(X, labels)
    other = SoftmaxClassifier(model.C_, max_iter=1000).fit(X, labels)
    for name in ("coef_", "intercept_", "classes_", "n_iter_", "loss_curve_"):
        np.testing.assert_array_equal(getattr(model, name), getattr(other, name))
    np.testing.assert_array_equal(model.predict(X), other.predict(X))
    assert model.scores_.shape == (5, 3)
    assert GRID.index(model.C_) == model.scores_.mean(axis=0).argmax()


def test_of_equally_good_ones_the_smallest_is_chosen():
    model = SoftmaxClassifierCV([3.0, 2.0, 1.0], scoring=lambda estimator, X, y: 1.0, max_iter=1000).fit(X, Y)
    assert model.C_ == 1.0


@pytest.mark.parametrize("scoring", [None, "accuracy"])
def test_another_scoring(scoring):
    scores = SoftmaxClassifierCV(GRID, scoring=scoring, max_iter=1000).fit(X, Y).scores_
    assert ((scores > 0.5) & (scores * 30 == np.rint(scores * 30))).all()  # shares of the 30 samples of a fold


def test_weights_count_in_fits_and_in_scores(rng):
    kept = rng.random(150) < 0.7
    rows = np.arange(150)
    fold, position = (rows[::2], rows[1::2]), np.cumsum(kept) - 1
    of_kept = tuple(position[part[kept[part]]] for part in fold)
    got = SoftmaxClassifierCV(GRID, cv=[fold], **PRECISE).fit(X, Y, np.where(kept, 2.0, 0.0))
    want = SoftmaxClassifierCV(GRID, cv=[of_kept], **PRECISE).fit(X[kept], Y[kept], np.full(kept.sum(), 2.0))
    np.testing.assert_allclose(got.scores_, want.scores_, rtol=RTOL)
    plain = SoftmaxClassifierCV(GRID, cv=[fold], **PRECISE).fit(X, Y)
    assert not np.allclose(got.scores_, plain.scores_, rtol=10 * RTOL)


def test_groups_are_the_splitters_with_and_without_metadata_routing(rng):
    groups = rng.integers(0, 6, 150)
    want = SoftmaxClassifierCV(GRID, cv=list(GroupKFold(3).split(X, Y, groups)), max_iter=1000).fit(X, Y).scores_
    model = SoftmaxClassifierCV(GRID, cv=GroupKFold(3), max_iter=1000)
    np.testing.assert_array_equal(model.fit(X, Y, groups=groups).scores_, want)
    with config_context(enable_metadata_routing=True):
        np.testing.assert_array_equal(model.fit(X, Y, groups=groups.tolist()).scores_, want)
        pipeline = make_pipeline(StandardScaler(), model)  # which passes on what was requested
        assert pipeline.fit(X, Y, groups=groups)[-1].scores_.shape == (3, 3)
    with pytest.raises(ValueError, match="'groups' parameter should not be None"):
        model.fit(X, Y)
    with pytest.raises(ValueError, match=r"only supported if enable_metadata_routing=True.*'colour'"):
        model.fit(X, Y, colour=groups)


@pytest.mark.parametrize("wanted", [False, True])
def test_with_metadata_routing_weights_go_where_they_were_requested(wanted, rng):
    weight, cv = rng.random(150), [(np.arange(0, 150, 2), np.arange(1, 150, 2))]
    theirs = {"use_legacy_attributes": False, "scoring": get_scorer("neg_log_loss")}
    models = (
        SoftmaxClassifierCV(GRID, cv=cv, scoring=get_scorer("neg_log_loss"), **PRECISE),
        LogisticRegressionCV(Cs=GRID, cv=cv, l1_ratios=(0,), **theirs, **PRECISE),
    )
    with config_context(enable_metadata_routing=True):
        for model in models:
            model.scoring.set_score_request(sample_weight=wanted)
            model.set_fit_request(sample_weight=True).fit(X, Y, sample_weight=weight)
    ours, theirs = models
    np.testing.assert_allclose(ours.scores_, theirs.scores_.reshape(ours.scores_.shape), rtol=RTOL)


@pytest.mark.parametrize("wanted", [False, True])
def test_with_metadata_routing_the_accuracy_has_the_weights_that_were_requested_of_score(wanted, rng):
    weight, cv = rng.random(150), [(np.arange(0, 150, 2), np.arange(1, 150, 2))]
    models = (
        SoftmaxClassifierCV(GRID, cv=cv, scoring=scoring, **PRECISE).set_fit_request(sample_weight=True)
        for scoring in (None, get_scorer("accuracy"))
    )
    with config_context(enable_metadata_routing=True):
        own, theirs = models
        own.set_score_request(sample_weight=wanted)
        theirs.scoring.set_score_request(sample_weight=wanted)
        for model in (own, theirs):
            model.fit(X, Y, sample_weight=weight)
        search = GridSearchCV(clone(own).set_params(cv=2), {"tol": [1e-4]}, cv=2).fit(X, Y, sample_weight=weight)
        assert search.best_estimator_.C_ in GRID
        with pytest.raises(ValueError, match=r"SoftmaxClassifierCV\.set_score_request"):
            SoftmaxClassifierCV(scoring=None).fit(X, Y, sample_weight=weight)
    np.testing.assert_allclose(own.scores_, theirs.scores_, rtol=1e-15)


def test_distributions_sparse_features_and_two_samples_of_a_fold_without_a_class():
    target = 0.9 * np.eye(3)[Y] + 0.1 / 3
    order = np.random.default_rng(0).permutation(150)
    model = SoftmaxClassifierCV(GRID, max_iter=1000).fit(sparse.csr_array(X[order]), target[order])
    assert (model.scores_ < log_loss(Y, np.full((150, 3), 1 / 3)) / 2 - 0.5).all()
    folds = [(np.arange(150), np.array([0, 149]))]  # the test samples have two of three classes
    assert SoftmaxClassifierCV(GRID, cv=folds, max_iter=1000).fit(X, Y).scores_.shape == (1, 3)
    model = SoftmaxClassifierCV(GRID, cv=[(np.arange(100), np.arange(100, 150))])
    with pytest.raises(ValueError, match="fold 0: class 2 occurs in its test part only"):
        model.fit(X, Y)
    with config_context(enable_metadata_routing=True):  # a scorer with a request of its own
        model.set_params(scoring=deepcopy(neg_log_loss_scorer).set_score_request(sample_weight=True))
        with pytest.raises(ValueError, match="fold 0: class 2 occurs in its test part only"):
            model.set_fit_request(sample_weight=True).fit(X, Y, sample_weight=np.ones(150))


def test_distributions_are_scored_in_cross_validation():
    target = 0.9 * np.eye(3)[Y] + 0.1 / 3
    cv = KFold(3, shuffle=True, random_state=0)
    accuracy = cross_val_score(SoftmaxClassifier(), X, target, cv=cv, error_score="raise")
    assert (accuracy > 0.85).all()
    assert (accuracy < 0.9 + 0.1 / 3 + 1e-12).all()  # which is what a distribution gives to its class
    model = SoftmaxClassifier(max_iter=1000)
    loss = cross_val_score(model, X, target, cv=cv, scoring=neg_log_loss_scorer, error_score="raise")
    want = [-fx.softmax_cross_entropy(clone(model).fit(X[a], target[a]).decision_function(X[b]), target[b])
            for a, b in cv.split(X)]  # fmt: skip
    np.testing.assert_allclose(loss, want, rtol=1e-12)


@pytest.mark.parametrize(
    ("options", "error", "message"),
    [
        ({"Cs": 2**63}, ValueError, "Cs = 9"), ({"Cs": [[1], [1, 2]]}, ValueError, "Cs is no array"),
        ({"Cs": 0}, ValueError, "Cs = 0"), ({"Cs": 2.5}, TypeError, "Cs = 2.5"), ({"Cs": []}, ValueError, "Cs has"),
        ({"Cs": [1, 0.0]}, ValueError, r"Cs\[1\] = 0.0"), ({"Cs": [[1.0]]}, ValueError, r"Cs has shape \(1, 1\)"),
        ({"tol": -1}, ValueError, "tol"), ({"scoring": "log"}, ValueError, "log"), ({"cv": 1}, ValueError, "1"),
    ],
)  # fmt: skip
def test_a_wrong_parameter_is_named(options, error, message):
    model = SoftmaxClassifierCV(**options)
    with pytest.raises(error, match=message), warnings.catch_warnings():
        model.fit(X, Y)
    assert not hasattr(model, "coef_")
