"""Multinomial logistic regression with the fused kernels: scikit-learn's estimator protocol around the objective."""

from __future__ import annotations

import operator
from collections.abc import Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.utils.validation import check_is_fitted, validate_data

import fastxent as fx
from fastxent import _check
from fastxent._layout import Array
from fastxent.sklearn._minimize import minimize
from fastxent.sklearn._objective import Objective, blocks, linear, rows_of_block
from fastxent.sklearn._target import Target, encode, is_distribution, target_of

FLOATS = (np.float64, np.float32)


class SoftmaxClassifier(ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # scikit-learn has no types
    def __init__(
        self, C: float = 1.0, *, fit_intercept: bool = True,
        class_weight: Mapping[Any, float] | str | None = None, label_smoothing: float = 0.0, tol: float = 1e-4,
        max_iter: int = 100, warm_start: bool = False, n_threads: int | None = None, batch_rows: int | None = None,
        verbose: int = 0,
    ) -> None:  # fmt: skip
        self.C = C
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.tol = tol
        self.max_iter = max_iter
        self.warm_start = warm_start
        self.n_threads = n_threads
        self.batch_rows = batch_rows
        self.verbose = verbose

    def __sklearn_tags__(self) -> Any:
        """Sparse X is welcome."""
        tags = super().__sklearn_tags__()
        tags.input_tags.sparse = True
        return tags

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model."""
        strength, smoothing, n_threads, batch_rows = self._checked()
        distribution = is_distribution(y)
        X, y = validate_data(self, X, y, accept_sparse="csr", dtype=FLOATS, multi_output=distribution)
        classes, values = encode(y)
        target = target_of(classes, values, sample_weight, self.class_weight, smoothing, n_threads)
        l2 = 1.0 / (strength * target.denominator)
        coef, intercept, curve = minimize(
            Objective(X, target, 1.0 / (strength * target.denominator), batch_rows, n_threads),
            *self._start(target, X.shape[1]), bool(self.fit_intercept),
            tol=self.tol, max_iter=self.max_iter, verbose=self.verbose,
        )  # fmt: skip
        if not target.binary:
            # Adding one vector to all classes changes no probability; of all such models this has the least penalty.
            coef = coef - coef.mean(axis=0)
            intercept = intercept - intercept.mean()
        self.classes_ = classes
        self.coef_ = coef.astype(X.dtype)
        self.intercept_ = intercept.astype(X.dtype)
        self.n_iter_ = np.array([len(curve)], np.int32)
        self.loss_curve_ = np.array(curve)
        return self

    def _checked(self) -> tuple[float, float, int | None, int | None]:
        """The parameters, or an error that names the one that is wrong."""
        strength = _check.number_of(self.C, "C", _check.SMALLEST, np.inf, "positive")
        smoothing = _check.smoothing_of(self.label_smoothing)
        _check.number_of(self.tol, "tol", 0.0, np.inf, "not negative")
        whole_number(self.max_iter, "max_iter", 0)
        if self.batch_rows is not None:
            whole_number(self.batch_rows, "batch_rows", 1)
        for name in ("fit_intercept", "warm_start"):
            if not isinstance(getattr(self, name), bool | np.bool):
                raise TypeError(f"{name} = {getattr(self, name)!r}, but it must be True or False")
        return strength, smoothing, _check.n_threads_of(self.n_threads), self.batch_rows

    def _start(self, target: Target, n_features: int) -> tuple[Array, Array]:
        """The last fit's model if `warm_start`; else no coefficients, and the logits of the classes' frequencies."""
        n_outputs = 1 if target.binary else len(target.mass)
        if self.warm_start and hasattr(self, "coef_"):
            if self.coef_.shape != (n_outputs, n_features):
                raise ValueError(
                    f"warm_start: coef_ has shape {self.coef_.shape}, but the data ask for {(n_outputs, n_features)}"
                )
            intercept = self.intercept_ if self.fit_intercept else np.zeros(n_outputs)
            return self.coef_.astype(np.float64), intercept.astype(np.float64)
        intercept = np.zeros(n_outputs)
        if self.fit_intercept:
            share = target.mass / target.denominator
            log_share = np.log(np.maximum(share, np.finfo(np.float32).eps))  # a class may have weight 0
            intercept = log_share[1:] - log_share[:1] if target.binary else log_share - log_share.mean()
        return np.zeros((n_outputs, n_features)), intercept

    def decision_function(self, X: ArrayLike) -> Array:
        """Logits."""
        X = self._to_predict(X)
        logits = np.empty((X.shape[0], len(self.coef_)), np.result_type(X.dtype, self.coef_.dtype))
        for rows in self._blocks(X):
            self._logits(X[rows], logits[rows])
        return logits[:, 0] if len(self.coef_) == 1 else logits

    def predict(self, X: ArrayLike) -> Array:
        """The most probable class of each sample."""
        X = self._to_predict(X)
        best = np.empty(X.shape[0], np.intp)
        for rows in self._blocks(X):
            best[rows] = self._two_sided(X[rows]).argmax(axis=1)
        return self.classes_[best]

    def predict_proba(self, X: ArrayLike) -> Array:
        """Probabilities."""
        return self._each_class(X, fx.softmax)

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Logarithms of the probabilities, exact where these are near 0 or 1."""
        return self._each_class(X, fx.log_softmax)

    def _each_class(self, X: Any, activation: Any) -> Array:
        """The activation of the logits, written over them block by block."""
        X = self._to_predict(X)
        out = np.empty((X.shape[0], len(self.classes_)), np.result_type(X.dtype, self.coef_.dtype))
        for rows in self._blocks(X):
            self._two_sided(X[rows], out[rows])
            activation(out[rows], out=out[rows], n_threads=self.n_threads)
        return out

    def _to_predict(self, X: Any) -> Any:
        check_is_fitted(self)
        return validate_data(self, X, accept_sparse="csr", dtype=FLOATS, reset=False)

    def _blocks(self, X: Any) -> Any:
        return blocks(X.shape[0], rows_of_block(X, len(self.classes_), self.batch_rows))

    def _two_sided(self, X: Any, out: Array | None = None) -> Array:
        """A block's logits of every class; of two classes 0 and x, whose softmax is the sigmoid of x."""
        if out is None:
            out = np.empty((X.shape[0], len(self.classes_)), np.result_type(X.dtype, self.coef_.dtype))
        if len(self.coef_) == 1:
            out[:, 0] = 0.0
            self._logits(X, out[:, 1:])
        else:
            self._logits(X, out)
        return out

    def _logits(self, X: Any, out: Array) -> None:
        linear(X, self.coef_.T, self.intercept_, out)


def whole_number(value: Any, name: str, least: int) -> int:
    """An integer that is at least so large."""
    try:
        number = operator.index(value)
    except TypeError:
        raise TypeError(f"{name} = {value!r}, but it must be an integer") from None
    if number < least:
        raise ValueError(f"{name} = {number}, but it must be at least {least}")
    return number
