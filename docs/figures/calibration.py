"""Reliability diagrams of the guide to scikit-learn: a classifier before and after its temperature was fitted."""

import functools

from sklearn.datasets import load_digits
from sklearn.frozen import FrozenEstimator
from sklearn.model_selection import train_test_split
from sklearn.naive_bayes import GaussianNB

from fastxent.sklearn import ReliabilityDisplay, TemperatureScaling


@functools.cache
def models():
    """The guide's two models, and the samples that neither was fitted on."""
    X, y = load_digits(return_X_y=True)
    X_train, X_test, y_train, y_test = train_test_split(X / 16, y, random_state=0)
    bayes = GaussianNB(var_smoothing=1e-3).fit(X_train[:800], y_train[:800])
    calibrated = TemperatureScaling(FrozenEstimator(bayes)).fit(X_train[800:], y_train[800:])
    return {"before": bayes, "after": calibrated}, X_test, y_test


def draw(axes, theme, which):
    fitted, X, y = models()
    display = ReliabilityDisplay.from_estimator(
        fitted[which], X, y, strategy="quantile", n_bins=10, name=which, ax=axes, color=theme.libraries["fastxent"]
    )
    axes.lines[0].set_color(theme.ink)  # the diagonal
    axes.set_title(f"{which}: calibration error {display.expected_calibration_error:.3f}")
    axes.get_legend().set_loc("lower right")
    axes.get_legend().set_frame_on(False)


def reliability_before(axes, theme):
    """Probabilities as naive Bayes says them."""
    draw(axes, theme, "before")


def reliability_after(axes, theme):
    """The same, with scores divided by the temperature."""
    draw(axes, theme, "after")
