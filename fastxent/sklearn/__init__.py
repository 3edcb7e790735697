"""Losses, a classifier and a calibrator in scikit-learn's own terms; needs scikit-learn."""

from fastxent._scikit_learn import lacking

if lack := lacking():
    raise ImportError(f"{__name__} needs {lack}")

from fastxent.sklearn._binomial_loss import BinomialLoss
from fastxent.sklearn._classifier import SoftmaxClassifier
from fastxent.sklearn._classifier_cv import SoftmaxClassifierCV
from fastxent.sklearn._display import ReliabilityDisplay
from fastxent.sklearn._multinomial_loss import MultinomialLoss
from fastxent.sklearn._temperature import TemperatureScaling

__all__ = [
    "BinomialLoss",
    "MultinomialLoss",
    "ReliabilityDisplay",
    "SoftmaxClassifier",
    "SoftmaxClassifierCV",
    "TemperatureScaling",
]
