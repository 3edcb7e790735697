"""TemperatureScaling beside scikit-learn's, in turns on the same scores: speed, memory, equality; and the diagram."""

import importlib
from functools import partial

import matplotlib as mpl
import matplotlib.figure
import numpy as np
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import KFold

from . import turns
from .cases import DTYPES

mpl.use("Agg")
SHAPES = [(100_000, 2), (100_000, 10), (20_000, 100), (5_000, 1000)]
TEMPERATURE = 2.5
ROUNDS = 5  # scikit-learn's fit takes up to a second


class Decision(ClassifierMixin, BaseEstimator):
    """A classifier whose features are its scores."""

    def __init__(self, n_classes=2):
        self.n_classes = n_classes

    def fit(self, X, y):
        self.classes_ = np.arange(self.n_classes)
        return self

    def decision_function(self, X):
        return X

    def predict(self, X):
        return (X > 0).astype(int) if X.ndim == 1 else X.argmax(axis=1)


def overconfident(shape, dtype):
    """Scores of too large a scale, of the second class alone if there are two, and labels."""
    rng = np.random.default_rng(20)
    logits = 2 * rng.standard_normal(shape)
    labels = (logits + rng.gumbel(size=shape)).argmax(axis=1)
    labels[: shape[1]] = np.arange(shape[1])
    scores = logits[:, 1] - logits[:, 0] if shape[1] == 2 else logits
    return (TEMPERATURE * scores).astype(dtype), labels


def adapters():
    """fastxent.sklearn, imported where it is needed: old commits do not have it."""
    return importlib.import_module("fastxent.sklearn")


def pair(shape):
    """Both calibrations of the same frozen classifier."""
    frozen = FrozenEstimator(Decision(shape[1]).fit(None, None))
    folds = list(KFold().split(np.empty(shape[0])))  # which of 1000 classes need not have five samples each
    return adapters().TemperatureScaling(frozen), CalibratedClassifierCV(frozen, method="temperature", cv=folds)


class Temperature:
    params = (SHAPES, DTYPES)
    param_names = ("shape", "dtype")
    timeout = 300

    def setup(self, shape, dtype):
        self.scores, self.labels = overconfident(shape, dtype)
        self.ours, self.theirs = pair(shape)
        self.ours.fit(self.scores, self.labels)

    def time_fit(self, shape, dtype):
        self.ours.fit(self.scores, self.labels)

    def time_predict_proba(self, shape, dtype):
        self.ours.predict_proba(self.scores)

    def track_ratio(self, shape, dtype):
        turns.on_one_core()
        fits = (partial(model.fit, self.scores, self.labels) for model in (self.ours, self.theirs))
        return turns.ratio(*fits, rounds=ROUNDS)

    track_ratio.unit = turns.UNIT

    def track_difference_of_probabilities(self, shape, dtype):
        self.theirs.fit(self.scores, self.labels)
        return float(np.abs(self.ours.predict_proba(self.scores) - self.theirs.predict_proba(self.scores)).max())

    def track_difference_of_temperatures(self, shape, dtype):
        self.theirs.fit(self.scores, self.labels)
        factor = 2 if self.scores.ndim == 1 else 1  # scikit-learn takes one score x as the logits -x and x
        beta = float(self.theirs.calibrated_classifiers_[0].calibrators[0].beta_)
        return abs(self.ours.temperature_ * factor * beta - 1)

    def peakmem_fit(self, shape, dtype):
        self.ours.fit(self.scores, self.labels)

    def peakmem_reference(self, shape, dtype):
        pass

    time_fit.pretty_name = "temperature: time to fit"
    time_predict_proba.pretty_name = "temperature: time to predict"
    track_ratio.pretty_name = "temperature: time to fit over scikit-learn's"
    track_difference_of_probabilities.pretty_name = "temperature: distance of probabilities"
    track_difference_of_temperatures.pretty_name = "temperature: distance to scikit-learn's"
    peakmem_fit.pretty_name = "temperature: peak memory of a fit"
    peakmem_reference.pretty_name = "temperature: memory before the fit"


class Diagram:
    params = (["uniform", "quantile"],)
    param_names = ("strategy",)

    def setup(self, strategy):
        rng = np.random.default_rng(20)
        self.prob = rng.dirichlet(np.ones(10), size=100_000)
        self.labels = rng.integers(0, 10, 100_000)
        self.adapters = adapters()
        self.axes = mpl.figure.Figure().subplots()

    def time_from_predictions(self, strategy):
        self.axes.clear()
        self.adapters.ReliabilityDisplay.from_predictions(self.labels, self.prob, strategy=strategy, ax=self.axes)

    time_from_predictions.pretty_name = "reliability diagram: time to draw"
