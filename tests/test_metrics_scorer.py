"""`neg_log_loss_scorer` beside scikit-learn's scoring="neg_log_loss"."""

import pickle
import warnings
from copy import deepcopy

import numpy as np
import pytest
import sklearn
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression, Ridge
from sklearn.model_selection import GridSearchCV, cross_val_score, cross_validate
from sklearn.naive_bayes import GaussianNB
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastxent.metrics import log_loss, neg_log_loss_scorer
from fastxent.sklearn import TemperatureScaling
from tests.samples import IRIS, IRIS_NAMES, TABLES

CANCER = TABLES["two classes"](return_X_y=True)
RTOL = 4 * np.finfo(float).eps  # each -log p to an ulp or two, and their mean
# train and test rows: the last test fold has no class 2
FOLDS = [(np.arange(0, 150, 2), np.arange(1, 150, 2)), (np.arange(0, 150, 2), np.arange(1, 100, 2))]


@pytest.mark.parametrize(
    "X, y",
    [IRIS, (IRIS[0], IRIS_NAMES[IRIS[1]]), CANCER, (CANCER[0], CANCER[1] * 2 - 1), (CANCER[0], CANCER[1].astype(bool))],
    ids=["three classes", "three names", "two classes", "minus one and one", "booleans"],
)
def test_cross_validation_gives_the_scores_of_scikit_learn(X, y):
    model = make_pipeline(StandardScaler(), LogisticRegression())
    ours = cross_val_score(model, X, y, scoring=neg_log_loss_scorer, cv=3)
    theirs = cross_val_score(model, X, y, scoring="neg_log_loss", cv=3)
    np.testing.assert_allclose(ours, theirs, rtol=RTOL)


def test_a_fold_without_a_class_has_a_score():
    X, y = IRIS
    with pytest.warns(UserWarning, match="Scoring failed"):
        theirs = cross_val_score(GaussianNB(), X, y, scoring="neg_log_loss", cv=FOLDS)
    ours = cross_val_score(GaussianNB(), X, y, scoring=neg_log_loss_scorer, cv=FOLDS)
    assert np.isnan(theirs).tolist() == [False, True]
    np.testing.assert_allclose(ours[0], theirs[0], rtol=RTOL)
    train, test = FOLDS[1]
    probs = GaussianNB().fit(X[train], y[train]).predict_proba(X[test])
    assert ours[1] == -log_loss(y[test], probs, labels=[0, 1, 2])


def test_a_binary_fold_with_one_class_has_a_score():
    X, y = CANCER
    model = GaussianNB().fit(X, y)
    one = y == 1
    right = np.log(model.predict_proba(X[one])[:, 1].clip(np.finfo(float).eps)).mean()
    np.testing.assert_allclose(neg_log_loss_scorer(model, X[one], y[one]), right, rtol=RTOL)


def test_a_class_the_estimator_has_never_seen_is_refused():
    X, y = IRIS
    model = GaussianNB().fit(X[y < 2], y[y < 2])
    with pytest.raises(ValueError, match="not belonging to the passed labels"):
        neg_log_loss_scorer(model, X[y > 0], y[y > 0])


def test_a_grid_search_takes_it():
    search = GridSearchCV(LogisticRegression(max_iter=1000), {"C": [0.1, 1.0]}, scoring=neg_log_loss_scorer, cv=3)
    other = GridSearchCV(LogisticRegression(max_iter=1000), {"C": [0.1, 1.0]}, scoring="neg_log_loss", cv=3)
    np.testing.assert_allclose(search.fit(*IRIS).best_score_, other.fit(*IRIS).best_score_, rtol=RTOL)
    np.testing.assert_allclose(search.score(*IRIS), other.score(*IRIS), rtol=RTOL)


def test_weights_reach_it_by_hand_and_by_routing(rng):
    X, y = IRIS
    weight = rng.random(len(y))
    model = GaussianNB().fit(X, y)
    right = -log_loss(y, model.predict_proba(X), sample_weight=weight)
    assert neg_log_loss_scorer(model, X, y, sample_weight=weight) == right
    with sklearn.config_context(enable_metadata_routing=True):
        scorer = deepcopy(neg_log_loss_scorer).set_score_request(sample_weight=True)
        model = GaussianNB().set_fit_request(sample_weight=False)
        scores = cross_validate(model, X, y, scoring={"loss": scorer}, params={"sample_weight": weight}, cv=FOLDS[:1])
    train, test = FOLDS[0]
    probs = GaussianNB().fit(X[train], y[train]).predict_proba(X[test])
    assert scores["test_loss"] == [-log_loss(y[test], probs, sample_weight=weight[test])]


def test_columns_need_not_stand_in_the_order_of_the_classes():
    X, y = IRIS[0], np.array(["low", "mid", "high"])[IRIS[1]]
    catboost = pytest.importorskip("catboost", reason="not installed beside the oldest scikit-learn")
    settings = {"iterations": 5, "thread_count": 1, "verbose": False, "allow_writing_files": False}
    for names in (["low", "mid", "high"], ["mid", "high"]):  # of two classes scikit-learn passes one column on
        rows = np.isin(y, names)
        scores = LogisticRegression(max_iter=1000).fit(X[rows], y[rows]).decision_function(X[rows])
        scores = scores[:, [1, 2, 0]] if len(names) == 3 else -scores
        scaling = TemperatureScaling(classes=names).fit(scores, y[rows])
        boosting = catboost.CatBoostClassifier(class_names=names, **settings).fit(X[rows], y[rows])
        for model, given in ((scaling, scores), (boosting, X[rows])):
            assert list(model.classes_) == names
            probs = model.predict_proba(given)
            own = probs[np.arange(len(probs)), [names.index(name) for name in y[rows]]]
            np.testing.assert_allclose(neg_log_loss_scorer(model, given, y[rows]), np.log(own).mean(), rtol=RTOL)
            both = cross_validate(  # which asks for probabilities once
                FrozenEstimator(model), given, y[rows], cv=[(np.arange(2), np.arange(len(given)))],
                scoring={"auc": "roc_auc_ovr", "loss": neg_log_loss_scorer},
            )  # fmt: skip
            np.testing.assert_allclose(both["test_loss"], [np.log(own).mean()], rtol=RTOL)


def test_it_survives_pickling():
    X, y = IRIS
    model = GaussianNB().fit(X, y)
    assert pickle.loads(pickle.dumps(neg_log_loss_scorer))(model, X, y) == neg_log_loss_scorer(model, X, y)


def test_a_regressor_is_refused():
    with pytest.raises(AttributeError, match="predict_proba"):
        neg_log_loss_scorer(Ridge().fit(*IRIS), *IRIS)


def test_it_does_not_warn_and_may_be_called_by_hand():
    model = GaussianNB().fit(*IRIS)
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert neg_log_loss_scorer(model, *IRIS) == -log_loss(IRIS[1], model.predict_proba(IRIS[0]))
