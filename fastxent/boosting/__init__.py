"""Objectives and metrics for XGBoost, LightGBM and CatBoost: the loss, its gradient and its Hessian in one pass."""

from fastxent.boosting._objectives import sigmoid_objective, softmax_objective

__all__ = ["sigmoid_objective", "softmax_objective"]
