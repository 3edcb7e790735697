"""Losses, a classifier and a calibrator in scikit-learn's own terms; needs scikit-learn."""

try:
    import sklearn  # noqa: F401 - here, so that what is missing is said once and by name
except ImportError as error:
    raise ImportError("fastxent.sklearn needs scikit-learn: pip install fastxent[sklearn]") from error

from fastxent.sklearn._binomial_loss import BinomialLoss
from fastxent.sklearn._classifier import SoftmaxClassifier
from fastxent.sklearn._display import ReliabilityDisplay
from fastxent.sklearn._multinomial_loss import MultinomialLoss
from fastxent.sklearn._temperature import TemperatureScaling

__all__ = ["BinomialLoss", "MultinomialLoss", "ReliabilityDisplay", "SoftmaxClassifier", "TemperatureScaling"]
