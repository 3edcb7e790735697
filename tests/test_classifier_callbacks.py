"""SoftmaxClassifier calls scikit-learn's callbacks as LogisticRegression does, and stops where one asks it to."""

import warnings

import numpy as np
import pytest
from sklearn.linear_model import LogisticRegression
from sklearn.pipeline import make_pipeline
from sklearn.preprocessing import StandardScaler

from fastxent.sklearn import SoftmaxClassifier, SoftmaxClassifierCV
from tests.samples import IRIS

callback = pytest.importorskip("sklearn.callback", reason="scikit-learn has callbacks from 1.9 on")
X, Y = IRIS


class Recorder:
    """Notes the tasks, what they are given, and the score of the model in each; stops after so many iterations."""

    def __init__(self, stop_after=None):
        self.stop_after = stop_after
        self.calls, self.scores, self.given = [], [], []

    def setup(self, estimator, context):
        self.calls.append("setup")

    def teardown(self, estimator, context):
        self.calls.append("teardown")

    def on_fit_task_begin(self, estimator, context, *, X=None, y=None, metadata=None):
        self.calls.append(f"begin {context.task_name} {context.task_id}")
        self.given.append((X, y, metadata))

    def on_fit_task_end(self, estimator, context, *, fitted_estimator=None):
        self.calls.append(f"end {context.task_name} {context.task_id}")
        if hasattr(fitted_estimator, "predict_log_proba"):
            self.scores.append(fitted_estimator.predict_log_proba(X)[np.arange(150), Y].mean())
        return len(self.scores) == self.stop_after


def recorded(estimator, weight=None, **options):
    recorder = Recorder(**options)
    return estimator.set_callbacks(recorder).fit(X, Y, weight), recorder


def test_the_calls_are_those_of_logistic_regression():
    weight = np.ones(150)
    ours, theirs = (cls(tol=1e-10, max_iter=5) for cls in (SoftmaxClassifier, LogisticRegression))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # neither converges
        (_, ours), (_, theirs) = recorded(ours, weight), recorded(theirs, weight)
    assert ours.calls == theirs.calls
    assert ours.calls[0] == "setup"
    assert ours.calls[-1] == "teardown"
    assert len(ours.scores) == len(theirs.scores) == 6  # five iterations and the whole
    for (features, labels, metadata), others in zip(ours.given, theirs.given, strict=True):
        np.testing.assert_array_equal(features, others[0])
        assert labels.shape == others[1].shape
        assert metadata["sample_weight"] is not None


def test_the_model_of_each_iteration_predicts_and_the_last_is_the_result():
    model, recorder = recorded(SoftmaxClassifier(tol=1e-6, max_iter=500))
    assert len(recorder.scores) == model.n_iter_[0] + 1
    assert recorder.scores[-1] == recorder.scores[-2] == model.predict_log_proba(X)[np.arange(150), Y].mean()
    assert recorder.scores[0] < recorder.scores[-1]
    np.testing.assert_array_equal(model.coef_, SoftmaxClassifier(tol=1e-6, max_iter=500).fit(X, Y).coef_)


def test_a_callback_that_asks_to_stop_is_heard_and_not_warned_of():
    model, recorder = recorded(SoftmaxClassifier(tol=1e-10, max_iter=500), stop_after=3)
    assert model.n_iter_[0] == 3
    assert model.score(X, Y) > 0.9
    assert recorder.calls[-1] == "teardown"


def test_scikit_learns_own_monitor_follows_the_fit():
    monitor = callback.ScoringMonitor(scoring="neg_log_loss")
    model = SoftmaxClassifier().set_callbacks(monitor).fit(X, Y)
    (log,) = [monitor.get_logs()] if not isinstance(monitor.get_logs(), list) else monitor.get_logs()
    assert len(log.data) == model.n_iter_[0] + 1
    assert log.data[-1]["neg_log_loss"] > log.data[1]["neg_log_loss"]


class Propagated(Recorder):
    """What a pipeline hands on to its steps."""

    max_propagation_depth = None


def test_a_pipeline_hands_its_callbacks_on():
    recorder = Propagated()
    model = make_pipeline(StandardScaler(), SoftmaxClassifier()).set_callbacks(recorder).fit(X, Y)
    assert sum(call.startswith("end lbfgs-iter") for call in recorder.calls) == model[-1].n_iter_[0] + 1
    assert (recorder.calls.count("setup"), recorder.calls[-1]) == (1, "teardown")


def test_cross_validation_shows_the_fit_to_all_samples():
    recorder = Recorder()
    model = SoftmaxClassifierCV([0.1, 1.0], cv=2).set_callbacks(recorder).fit(X, Y)
    assert sum(call.startswith("end lbfgs-iter") for call in recorder.calls) == model.n_iter_[0] + 1
    assert all(len(labels) == 150 for _, labels, _ in recorder.given)


def test_callbacks_are_torn_down_where_the_fit_fails():
    recorder = Recorder()
    with pytest.raises(ValueError, match="tol"):
        SoftmaxClassifier(tol=-1).set_callbacks(recorder).fit(X, Y)
    assert recorder.calls == []
    recorder.on_fit_task_end = lambda estimator, context: 1 / 0
    with pytest.raises(ZeroDivisionError):
        SoftmaxClassifier().set_callbacks(recorder).fit(X, Y)
    assert recorder.calls[-1] == "teardown"
