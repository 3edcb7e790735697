"""
Probabilities that can be believed
==================================

Temperature scaling, and the reliability diagram that shows what it mends.

A small network learns handwritten digits by heart and is then far too sure of itself. One number, the temperature, is
fitted on digits that it has not seen, and makes its probabilities come true: on the diagonal, of what is called 80 %
certain 80 % is right.

Run it where fastxent[demo,plot,sklearn] is installed: ``python examples/calibration.py``.
"""

# %%
import argparse
import statistics
import time
from pathlib import Path

import matplotlib
import numpy as np
import sklearn
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.calibration import CalibratedClassifierCV
from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.metrics import log_loss
from sklearn.model_selection import train_test_split
from sklearn.neural_network import MLPClassifier

from fastxent.sklearn import ReliabilityDisplay, TemperatureScaling

matplotlib.use("Agg")  # draw into a file; no screen is needed
import matplotlib.pyplot as plt  # the backend has to be chosen first

parser = argparse.ArgumentParser(description="Temperature scaling and reliability diagrams with fastxent.")
parser.add_argument(
    "--picture", type=Path, default=Path("calibration.png"), help="where to draw (default: %(default)s)"
)
picture = parser.parse_args().picture

# %% [markdown]
# A classifier that is too sure
# -----------------------------
#
# 150 noisy digits to learn from, 700 to calibrate on, the rest to see what it was good for.

# %%
X, y = load_digits(return_X_y=True)
X = X / 16 + np.random.default_rng(0).normal(scale=0.4, size=X.shape)
X_train, X_rest, y_train, y_rest = train_test_split(X, y, train_size=150, stratify=y, random_state=0)
X_valid, X_test, y_valid, y_test = train_test_split(X_rest, y_rest, train_size=700, stratify=y_rest, random_state=0)
network = MLPClassifier((256,), alpha=0.0, learning_rate_init=0.01, max_iter=300, random_state=0).fit(X_train, y_train)

# %% [markdown]
# Calibration, and what it gains
# ------------------------------
#
# The network stays as it is: it is frozen, and has no other scores than the logarithms of its probabilities.

# %%
frozen = FrozenEstimator(network)
models = {
    "network": network,
    "temperature": TemperatureScaling(frozen).fit(X_valid, y_valid),
    "temperature and bias": TemperatureScaling(frozen, bias=True).fit(X_valid, y_valid),
}
figure, axes = plt.subplots(figsize=(6, 6), layout="constrained")
for name, model in models.items():
    display = ReliabilityDisplay.from_estimator(
        model, X_test, y_test, n_bins=10, strategy="quantile", name=name, ax=axes
    )
    loss = log_loss(y_test, model.predict_proba(X_test))
    print(
        f"{name:20}  log loss {loss:.3f}   calibration error {display.expected_calibration_error:.3f}   "
        f"accuracy {model.score(X_test, y_test):.3f}   temperature {getattr(model, 'temperature_', 1.0):.3f}"
    )
axes.set(title=f"{len(y_test)} digits, ten bins of equal size", aspect="equal")
figure.savefig(picture, dpi=150)
print(f"The diagram is drawn in {picture}")

# %% [markdown]
# Beside scikit-learn
# -------------------
#
# scikit-learn finds the temperature too, from version 1.8 on. Both get the same 20000 x 100 scores, three times too
# large, from a classifier that is nothing but its scores, and take turns.


# %%
class Scores(ClassifierMixin, BaseEstimator):
    """A classifier whose features are its scores."""

    def fit(self, X, y):
        """Learn nothing but the classes."""
        self.classes_ = np.unique(y)
        return self

    def decision_function(self, X):
        """The features."""
        return X

    def predict(self, X):
        """The class of the highest score."""
        return self.classes_[X.argmax(axis=1)]


if tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 8):
    rng = np.random.default_rng(0)
    logits = rng.normal(scale=2.0, size=(20_000, 100))
    labels = (logits + rng.gumbel(size=logits.shape)).argmax(axis=1)  # a sample of what the logits say
    frozen = FrozenEstimator(Scores().fit(logits, labels))
    contestants = {
        "fastxent": TemperatureScaling(frozen),
        "scikit-learn": CalibratedClassifierCV(frozen, method="temperature"),
    }
    seconds = {name: [] for name in contestants}
    for _ in range(5):
        for name, contestant in contestants.items():
            start = time.perf_counter()
            contestant.fit(3 * logits, labels)
            seconds[name].append(time.perf_counter() - start)
    ours, theirs = contestants.values()
    temperatures = ours.temperature_, 1 / theirs.calibrated_classifiers_[0].calibrators[0].beta_
    for name, temperature in zip(contestants, temperatures, strict=True):
        print(f"{name:20}  temperature {temperature:.9f}   {1e3 * statistics.median(seconds[name]):.0f} ms")
    difference = np.abs(ours.predict_proba(3 * logits) - theirs.predict_proba(3 * logits)).max()
    print(f"The probabilities differ by at most {difference:.1e}.")
