"""Objectives and metrics for XGBoost, LightGBM and CatBoost: the loss, its gradient and its second derivative.

None of the libraries is imported here: objectives and metrics are what they call, with arrays.
"""

from fastxent.boosting._metrics import focal_metric, sigmoid_metric, softmax_metric
from fastxent.boosting._objectives import focal_objective, sigmoid_objective, softmax_objective
from fastxent.boosting._start import start_scores

__all__ = [
    "focal_metric",
    "focal_objective",
    "sigmoid_metric",
    "sigmoid_objective",
    "softmax_metric",
    "softmax_objective",
    "start_scores",
]
