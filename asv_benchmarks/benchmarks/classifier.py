"""SoftmaxClassifier beside LogisticRegression: whole fits and predictions, their memory, and the ratio of two fits."""

import warnings
from functools import partial

import numpy as np

from . import turns
from .cases import DTYPES

SHAPES = [(5_000, 100, 100), (50_000, 54, 7), (1797, 64, 10)]  # samples, features, classes
TOL = 1e-3
ROUNDS = 3  # a fit takes seconds


def problem(shape, dtype, seed=20):
    """Normal features, and labels drawn from the softmax of a linear model."""
    n_samples, n_features, n_classes = shape
    rng = np.random.default_rng(seed)
    X = rng.standard_normal((n_samples, n_features))
    coef = rng.standard_normal((n_features, n_classes)) * 2 / np.sqrt(n_features)
    y = (X @ coef + rng.gumbel(size=(n_samples, n_classes))).argmax(axis=1)
    return X.astype(dtype), y


class Classifier:
    params = (SHAPES, DTYPES)
    param_names = ("shape", "dtype")
    timeout = 300
    rounds, repeat, warmup_time = 1, (2, 4, 1.0), 0  # a fit is long enough to be timed as it is

    def setup(self, shape, dtype):
        from sklearn.linear_model import LogisticRegression

        from fastxent.sklearn import SoftmaxClassifier

        warnings.simplefilter("ignore")
        self.X, self.y = problem(shape, dtype)
        self.model = SoftmaxClassifier(tol=TOL, n_threads=1)
        self.theirs = LogisticRegression(tol=TOL)
        self.fitted = SoftmaxClassifier(tol=1.0, max_iter=1, n_threads=1).fit(self.X, self.y)

    def time_fit(self, shape, dtype):
        self.model.fit(self.X, self.y)

    def time_predict(self, shape, dtype):
        self.fitted.predict(self.X)

    def peakmem_fit(self, shape, dtype):
        self.model.fit(self.X, self.y)

    def peakmem_reference(self, shape, dtype):
        pass

    def track_ratio(self, shape, dtype):
        """At the same tol, which asks more of ours; estimators_peers.py goes to the same objective."""
        from threadpoolctl import threadpool_limits

        turns.on_one_core()
        with threadpool_limits(1):  # threads of matrix products spin while they wait, and that would count
            return turns.ratio(*(partial(m.fit, self.X, self.y) for m in (self.model, self.theirs)), rounds=ROUNDS)

    track_ratio.unit = turns.UNIT
    time_fit.pretty_name = "classifier: time to fit"
    time_predict.pretty_name = "classifier: time to predict"
    peakmem_fit.pretty_name = "classifier: peak memory of a fit"
    peakmem_reference.pretty_name = "classifier: memory before the fit"
    track_ratio.pretty_name = "classifier: time over LogisticRegression's"


class ClassifierCV:
    """Five folds, ten strengths of the penalty."""

    timeout = 300

    def setup(self):
        from fastxent.sklearn import SoftmaxClassifierCV

        warnings.simplefilter("ignore")
        self.X, self.y = problem(SHAPES[-1], np.float64)
        self.model = SoftmaxClassifierCV(tol=TOL, n_threads=1)

    def time_fit(self):
        self.model.fit(self.X, self.y)

    time_fit.pretty_name = "classifier, cross-validated: time to fit"
