"""What SoftmaxClassifier does beside the optimum: labels, probabilities, progress, warm starts, scikit-learn tools."""

import copy
import pickle
import sys
import types

import numpy as np
import pandas as pd
import pytest
import sklearn
from scipy import sparse
from sklearn.base import clone
from sklearn.calibration import CalibratedClassifierCV
from sklearn.exceptions import NotFittedError
from sklearn.model_selection import GridSearchCV, cross_validate
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastxent.sklearn import SoftmaxClassifier
from fastxent.sklearn._objective import Objective
from fastxent.sklearn._target import encode
from tests.samples import IRIS, IRIS_NAMES

X, Y = IRIS


def test_probabilities_are_exact_at_both_ends():
    model = SoftmaxClassifier(C=1e4, tol=1e-6, max_iter=1000).fit([[-1.0], [-0.9], [0.9], [1.0]], [0, 0, 1, 1])
    far = np.array([[-100.0], [100.0]])
    logits = model.decision_function(far)
    assert np.array_equal(logits > 0, [False, True])
    np.testing.assert_allclose(model.predict_log_proba(far)[[0, 1], [1, 0]], -np.abs(logits), rtol=1e-15)
    assert (model.predict_log_proba(far) <= 0).all()
    # exp of a logarithm that is rounded, of size up to 50
    np.testing.assert_allclose(np.exp(model.predict_log_proba(X[:, :1])), model.predict_proba(X[:, :1]), rtol=2e-14)


def test_labels_of_any_kind_come_back():
    named = IRIS_NAMES[Y]
    model, numbered = SoftmaxClassifier().fit(X, named), SoftmaxClassifier().fit(X, Y)
    assert list(model.classes_) == list(IRIS_NAMES)
    assert model.predict(X).dtype == named.dtype
    np.testing.assert_array_equal(model.predict(X), IRIS_NAMES[numbered.predict(X)])
    assert model.score(X, named) == numbered.score(X, Y) > 0.95


def test_the_loss_curve_falls_and_has_an_entry_for_each_iteration():
    model = SoftmaxClassifier(tol=1e-6).fit(X, Y)
    assert model.loss_curve_.shape == (model.n_iter_[0],)
    assert (np.diff(model.loss_curve_) <= 0).all()


@pytest.mark.parametrize("verbose", [1, 2])
def test_verbose_prints_a_line_for_each_iteration(verbose, capsys, monkeypatch):
    if verbose == 1:
        monkeypatch.setitem(sys.modules, "tqdm.auto", None)  # as if it were not installed
    model = SoftmaxClassifier(verbose=verbose).fit(X, Y)
    lines = capsys.readouterr().out.splitlines()
    assert len(lines) == model.n_iter_[0]
    assert lines[0].startswith("iteration 1: objective ")


class Bar:
    """What a fit asks of tqdm's."""

    def __init__(self, *, total, **_):
        self.total, self.texts, self.n, self.closed = total, [], 0, False
        BARS.append(self)

    def set_postfix_str(self, text, refresh):
        self.texts.append(text)

    def update(self):
        self.n += 1

    def close(self):
        self.closed = True


BARS = []


@pytest.mark.parametrize("fails", [False, True])
def test_verbose_is_a_bar_of_tqdms(fails, capsys, monkeypatch):
    monkeypatch.setitem(sys.modules, "tqdm.auto", types.SimpleNamespace(tqdm=Bar))
    model = SoftmaxClassifier(verbose=1, max_iter=77)
    if fails:
        monkeypatch.setattr(Objective, "__call__", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            model.fit(X, Y)
    else:
        assert model.fit(X, Y).n_iter_[0] == BARS[-1].n == len(BARS[-1].texts) > 0
        assert BARS[-1].texts[-1].startswith(f"objective {model.loss_curve_[-1]:.9g}")
    assert BARS[-1].total == 77
    assert BARS[-1].closed
    assert capsys.readouterr().out == ""


def test_labels_of_every_kind_and_size_are_encoded_as_by_unique(rng):
    kinds = [
        rng.integers(-3, 4, 200_000), rng.integers(0, 300, 200_000).astype(np.uint16), rng.integers(0, 2, 500) > 0,
        np.array([-(2**63), 2**63 - 1, 0] * 5), np.array([2**64 - 1, 2**64 - 3] * 5, np.uint64),
        np.array([-128, 127] * 5, np.int8), rng.integers(0, 70_000, 300_000) * 3, rng.integers(0, 9, 200_000) * 1.0,
        IRIS_NAMES[rng.integers(0, 3, 200_000)], IRIS_NAMES.astype(object)[rng.integers(0, 3, 1000)],
    ]  # fmt: skip
    for y in kinds:
        classes, labels = encode(y)
        want, indices = np.unique(y, return_inverse=True)
        np.testing.assert_array_equal(classes, want)
        assert classes.dtype == want.dtype
        np.testing.assert_array_equal(labels, indices)
        assert labels.dtype == np.min_scalar_type(len(want) - 1)


@pytest.mark.parametrize("labels", [Y, Y == 1], ids=["three classes", "two classes"])
def test_a_warm_start_begins_where_the_last_fit_ended(labels):
    model = SoftmaxClassifier(warm_start=True, tol=1e-7, max_iter=1000).fit(X, labels)
    coef = model.coef_.copy()
    assert model.fit(X, labels).n_iter_[0] == 0
    np.testing.assert_allclose(model.coef_, coef, rtol=1e-13)  # into the scaled variables and back
    assert model.set_params(C=1.1).fit(X, labels).n_iter_[0] < clone(model).fit(X, labels).n_iter_[0]


def test_a_class_without_weight_is_never_predicted():
    model = SoftmaxClassifier().fit(X, Y, sample_weight=(Y != 1) * 1.0)
    assert set(model.predict(X)) == {0, 2}


@pytest.mark.parametrize("labels", [Y, Y == 1], ids=["three classes", "two classes"])
@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array], ids=["dense", "sparse"])
def test_sparse_coefficients_predict_the_same(labels, form):
    features = form(X * np.array([1, 0, 1, 0]))
    model = SoftmaxClassifier(warm_start=True).fit(features, labels)
    coef, want = model.coef_, model.predict_proba(features)
    assert model.sparsify().coef_.nnz == np.count_nonzero(coef) < coef.size
    np.testing.assert_allclose(model.predict_proba(features), want, rtol=1e-14)
    assert model.predict(features).dtype == labels.dtype
    np.testing.assert_array_equal(model.densify().coef_, coef)
    assert isinstance(model.sparsify().fit(features, labels).coef_, np.ndarray)
    with pytest.raises(NotFittedError):
        SoftmaxClassifier().sparsify()


@pytest.mark.parametrize("labels", [Y, Y == 1, IRIS_NAMES[Y]], ids=["three classes", "two classes", "strings"])
def test_as_logistic_regression_it_predicts_the_same(labels):
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = SoftmaxClassifier(C=0.5, label_smoothing=0.1).fit(frame, labels)
    other = model.to_logistic_regression()
    assert type(copy.deepcopy(model).sparsify().to_logistic_regression().coef_) is np.ndarray
    np.testing.assert_allclose(other.predict_proba(frame), model.predict_proba(frame), rtol=1e-13)
    np.testing.assert_array_equal(other.predict(frame), model.predict(frame))
    assert (other.C, list(other.feature_names_in_), other.n_iter_[0]) == (0.5, list("abcd"), model.n_iter_[0])
    other.coef_ += 1
    assert not np.allclose(other.coef_, model.coef_)
    with pytest.raises(NotFittedError):
        SoftmaxClassifier().to_logistic_regression()


def test_feature_names_are_kept_and_compared():
    frame = pd.DataFrame(X, columns=list("abcd"))
    model = SoftmaxClassifier().fit(frame, pd.Series(Y))
    assert list(model.feature_names_in_) == list("abcd")
    with pytest.raises(ValueError, match="feature names"):
        model.predict(frame[list("dcba")])


def test_pickles_and_clones_predict_the_same():
    model = SoftmaxClassifier(C=0.5).fit(X, Y)
    assert np.array_equal(pickle.loads(pickle.dumps(model)).predict_proba(X), model.predict_proba(X))
    assert np.array_equal(clone(model).fit(X, Y).coef_, model.coef_)


def test_works_in_a_pipeline_a_grid_search_and_a_calibration():
    pipeline = make_pipeline(StandardScaler().set_output(transform="pandas"), SoftmaxClassifier())
    search = GridSearchCV(pipeline, {"softmaxclassifier__C": [0.01, 1.0]}, scoring="neg_log_loss").fit(X, Y)
    assert search.best_params_ == {"softmaxclassifier__C": 1.0}
    calibrated = CalibratedClassifierCV(SoftmaxClassifier(), cv=3).fit(X, Y)
    assert calibrated.score(X, Y) > 0.9


def test_sample_weight_is_routed():
    weight = (Y != 1) * 1.0
    with sklearn.config_context(enable_metadata_routing=True):
        model = SoftmaxClassifier().set_fit_request(sample_weight=True).set_score_request(sample_weight=True)
        found = cross_validate(model, X, Y, params={"sample_weight": weight}, return_estimator=True)
    assert all(set(each.predict(X)) == {0, 2} for each in found["estimator"])
