"""Temperature scaling: scores of any classifier made into probabilities that can be believed."""

from __future__ import annotations

import math
import warnings
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.base import BaseEstimator, ClassifierMixin, ClassNamePrefixFeaturesOutMixin, TransformerMixin
from sklearn.exceptions import ConvergenceWarning
from sklearn.utils import get_tags
from sklearn.utils.validation import check_is_fitted

import fastxent as fx
from fastxent import _blas, _check
from fastxent._types import Array
from fastxent.sklearn._optimum import temperature_alone, temperature_and_bias
from fastxent.sklearn._scaled_loss import SigmoidLoss, SoftmaxLoss
from fastxent.sklearn._scores import (
    Scores,
    check_counted,
    labels_of,
    looks_like_probabilities,
    scores_and_labels_of,
    scores_of,
    shares_of,
)
from fastxent.sklearn._target import one_for_each


class TemperatureScaling(ClassNamePrefixFeaturesOutMixin, TransformerMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]
    r"""Calibration of a classifier's scores by one temperature, optionally with a bias for each class.

    With the scores :math:`x_i` of sample :math:`i`, its class :math:`y_i` and its weight :math:`v_i` the temperature
    :math:`T`, and with ``bias=True`` the vector :math:`b`, minimise the cross entropy [1]_

    .. math::

       -\sum_i v_i \log p_{i y_i}, \qquad p_i = \mathrm{softmax}\Bigl(\frac{x_i}{T} + b\Bigr).

    The loss is convex in :math:`1/T`, where Newton's method finds its minimum from
    :math:`\sum_i v_i \sum_k (p_{ik} - [k = y_i]) x_{ik}` and the variances :math:`\sum_i v_i \mathrm{Var}_{p_i}(x_i)`.
    A temperature changes no ranking of the classes, so that predictions stay what they were; a bias may change them.

    Parameters
    ----------
    estimator : classifier, default=None
        A fitted classifier, whose scores of `X` are calibrated. It is never fitted here: give a
        `sklearn.frozen.FrozenEstimator`, which stays fitted when the calibration is cloned, and samples that it was
        not fitted on. By default `X` holds the scores themselves.
    bias : bool, default=False
        Whether to fit a bias for each class beside the temperature.
    probabilities : bool, default=False
        Whether `X` holds probabilities, raised to at least 1e-12; their logarithms are then the scores, and of the
        probabilities of one class their log-odds. With an `estimator`: whether to take its ``predict_proba`` where it
        has a ``decision_function`` as well.
    classes : array-like of shape (n_classes,), default=None
        The classes in the order of the columns of `X`, in case `y` has not all of them or the order is another.
        By default the estimator's, else the sorted classes of `y`.
    tol : float, default=1e-8
        Newton's method stops after a step of at most this part of 1/T, whose error is then about the square of that;
        L-BFGS where no entry of the gradient of the mean loss is larger. Rounding ends both earlier in float32.
    max_iter : int, default=100
        The most iterations of either.
    n_threads : int, default=None
        The most threads to use, `fastxent.get_num_threads` by default. The result is the same, to the bit, for any
        number.

    Attributes
    ----------
    temperature_ : float
        T; `inf` where no temperature beats equal probabilities.
    bias_ : ndarray of shape (n_classes,) or (1,)
        b, with mean 0; of one score for each sample, what is added to it. 0 without `bias`.
    classes_ : ndarray of shape (n_classes,)
        The classes, in the order of the columns of `predict_proba`.
    n_iter_ : int
        Iterations used.
    n_features_in_ : int
        Columns of `X`, or of what the `estimator` takes; not there for scores of shape (n,).
    feature_names_in_ : ndarray of str
        Names of those columns, if they had any.

    Warns
    -----
    sklearn.exceptions.ConvergenceWarning
        If there is no proper optimum. If the scores separate the classes, T is so small that each sample's own class
        leads by the dtype's digits; if they say nothing of the classes or the opposite, T is `inf`; if the scores of
        each sample are equal, T is 1.
    UserWarning
        If `X` looks like probabilities, and `probabilities` is False.

    See Also
    --------
    ReliabilityDisplay : Shows what was gained.
    sklearn.calibration.CalibratedClassifierCV : With ``method="temperature"``, fits the classifier in folds as well.

    Notes
    -----
    Scores of shape (n,) or (n, 1) are those of the second of two classes, with the probability
    :math:`\sigma(x / T + b)`: the decision function of a `sklearn.linear_model.LogisticRegression` that needs no
    calibration has T = 1. scikit-learn takes them as the logits -x and x, and its temperature is twice this one.

    A score may be -inf where a class cannot be, which it then is not at any temperature. Scores are read in blocks of
    samples, float32 as float32.

    To calibrate scores from cross-validation, so that no sample is set aside, fit on
    ``cross_val_predict(clf, X, y, method="decision_function")``, and transform those of the classifier fitted on all.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML, 2017,
       section 4.2.

    Examples
    --------
    >>> from sklearn.datasets import load_digits
    >>> from sklearn.frozen import FrozenEstimator
    >>> from sklearn.metrics import log_loss
    >>> from sklearn.model_selection import train_test_split
    >>> from sklearn.naive_bayes import GaussianNB
    >>> from fastxent.sklearn import TemperatureScaling
    >>> X, y = load_digits(return_X_y=True)
    >>> X_train, X_test, y_train, y_test = train_test_split(X, y, test_size=0.6, random_state=0)
    >>> X_valid, X_test, y_valid, y_test = train_test_split(X_test, y_test, random_state=0)
    >>> clf = GaussianNB(var_smoothing=1e-3).fit(X_train, y_train)
    >>> calibrated = TemperatureScaling(FrozenEstimator(clf)).fit(X_valid, y_valid)
    >>> round(calibrated.temperature_, 2)
    5.31
    >>> [round(float(log_loss(y_test, c.predict_proba(X_test))), 2) for c in (clf, calibrated)]
    [1.89, 0.4]

    Of scores from anywhere, here of four samples and three classes:

    >>> scores = [[3.0, 1.0, 0.0], [1.0, 2.0, 0.0], [2.0, 0.0, 1.0], [0.0, 1.0, -1.0]]
    >>> scaling = TemperatureScaling().fit(scores, ["cat", "dog", "eel", "cat"])
    >>> round(scaling.temperature_, 4)
    1.2048
    >>> scaling.predict_proba([[4.0, 0.0, 1.0]]).round(3)
    array([[0.894, 0.032, 0.074]])
    """

    def __init__(
        self, estimator: Any = None, *, bias: bool = False, probabilities: bool = False,
        classes: ArrayLike | None = None, tol: float = 1e-8, max_iter: int = 100, n_threads: int | None = None,
    ) -> None:  # fmt: skip
        self.estimator = estimator
        self.bias = bias
        self.probabilities = probabilities
        self.classes = classes
        self.tol = tol
        self.max_iter = max_iter
        self.n_threads = n_threads

    def fit(self, X: ArrayLike, y: ArrayLike, sample_weight: ArrayLike | None = None) -> Self:
        """Find the temperature.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_classes) or (n_samples,)
            Scores; with an `estimator`, what that takes.
        y : array-like of shape (n_samples,)
            The classes of the samples.
        sample_weight : array-like of shape (n_samples,), default=None
            Finite, not negative; 1 by default.

        Returns
        -------
        self : TemperatureScaling
            The fitted calibration.

        Raises
        ------
        TypeError
            If `X` is sparse or no array of real numbers; if a parameter is of the wrong type.
        ValueError
            If a score is NaN or infinite, but for -inf of another class than the sample's own; if shapes, classes,
            weights or parameters do not fit; if there is a bias to fit for a class without samples.
        sklearn.exceptions.NotFittedError
            If the `estimator` is not fitted.
        """
        for name in ("bias", "probabilities"):
            _check.yes_or_no(getattr(self, name), name)
        tol = _check.number_of(self.tol, "tol", 0.0, 1.0, "in [0, 1]")
        max_iter = _check.whole_number(self.max_iter, "max_iter", 1)
        n_threads = _check.n_threads_of(self.n_threads)
        scores, y = scores_and_labels_of(self, X, y)
        if not scores.probabilities and looks_like_probabilities(scores, n_threads):
            warnings.warn("X looks like probabilities; for these there is probabilities=True", stacklevel=2)
        classes = getattr(self.estimator, "classes_", None) if self.classes is None else self.classes
        self.classes_, labels = labels_of(y, classes, scores.n_classes)
        weight = one_for_each(sample_weight, len(labels), n_threads)
        check_counted(scores, labels, weight)
        loss = (SigmoidLoss if scores.array.ndim == 1 else SoftmaxLoss)(scores, labels, weight, n_threads)
        optimum = temperature_alone(loss, tol, max_iter)
        if self.bias:
            with _blas.one_thread:
                optimum = temperature_and_bias(loss, optimum, shares_of(self.classes_, labels, weight), tol, max_iter)
        inverse = optimum.inverse * loss.unit
        self.temperature_ = 1.0 / inverse if inverse else math.inf
        self.bias_ = optimum.bias
        self.n_iter_ = optimum.n_iter
        if optimum.problem is not None:
            warnings.warn(optimum.problem, ConvergenceWarning, stacklevel=2)
        return self

    def transform(self, X: ArrayLike) -> Array:
        """The scores divided by the temperature, plus the bias.

        Parameters
        ----------
        X : array-like of shape (n_samples, n_classes) or (n_samples,)
            Scores; with an `estimator`, what that takes.

        Returns
        -------
        ndarray of the shape of the scores
            Logits: their softmax, or the sigmoid of one score for each sample, is a probability. float32 for scores
            in float32, float16 or bfloat16, else float64.
        """
        scores = self._scores(X)
        logits = self._scaled(scores)
        column = scores.array.ndim == 1 and self.estimator is None and np.ndim(X) == 2
        return logits[:, None] if column else logits

    def predict_proba(self, X: ArrayLike) -> Array:
        """Calibrated probabilities.

        Parameters
        ----------
        X
            As `transform` takes it.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            Probabilities of `classes_`, in the dtype of `transform`.
        """
        logits = self._logits(X)
        return possible(fx.softmax(logits, out=logits, n_threads=self.n_threads))

    def predict_log_proba(self, X: ArrayLike) -> Array:
        """Logarithms of the calibrated probabilities, right where those vanish or are close to 1.

        Parameters
        ----------
        X
            As `transform` takes it.

        Returns
        -------
        ndarray of shape (n_samples, n_classes)
            In nats, in the dtype of `transform`.
        """
        logits = self._logits(X)
        return possible(fx.log_softmax(logits, out=logits, n_threads=self.n_threads))

    def predict(self, X: ArrayLike) -> Array:
        """The most probable class; without a bias, that of the highest score.

        Parameters
        ----------
        X
            As `transform` takes it.

        Returns
        -------
        ndarray of shape (n_samples,)
            Classes.
        """
        scores = self._scores(X)
        best = self._scaled(scores) if self.bias else scores.array
        even = 0.5 if scores.probabilities and not self.bias else 0.0  # one score: a probability, or log-odds
        predicted: Array = self.classes_[(best > even).astype(np.intp) if best.ndim == 1 else best.argmax(axis=1)]
        return predicted

    def _scores(self, X: ArrayLike) -> Scores:
        """Scores of as many classes as there were in `fit`."""
        check_is_fitted(self)
        scores = scores_of(self, X)
        if scores.n_classes != len(self.classes_) or (scores.array.ndim == 1) != (len(self.bias_) == 1):
            hint = (
                " Reshape your data: one sample of all classes is X.reshape(1, -1)." if scores.array.ndim == 1 else ""
            )
            raise ValueError(
                f"X has scores of shape {scores.array.shape}, but {len(self.bias_)} for each sample were fitted.{hint}"
            )
        return scores

    def _scaled(self, scores: Scores) -> Array:
        """Scores divided by the temperature, plus the bias; nothing else of their size is allocated."""
        logits = scores.read(slice(None), np.empty(scores.array.shape, scores.dtype))
        if math.isinf(self.temperature_):
            logits[np.isfinite(logits)] = 0.0  # a class that cannot be cannot be at any temperature
        else:
            logits /= logits.dtype.type(self.temperature_)
        logits += self.bias_.astype(logits.dtype)
        return logits

    def _logits(self, X: ArrayLike) -> Array:
        """Logits of all classes."""
        logits = self._scaled(self._scores(X))
        if logits.ndim == 1:
            return np.column_stack([np.zeros_like(logits), logits])
        return logits

    @property
    def _n_features_out(self) -> int:
        return len(self.bias_)

    def __sklearn_tags__(self) -> Any:
        tags = super().__sklearn_tags__()
        if self.estimator is not None:
            tags.input_tags = get_tags(self.estimator).input_tags
        tags.transformer_tags.preserves_dtype = ["float64", "float32"]
        return tags


def possible(result: Array) -> Array:
    """What it is given, unless a sample has no possible class, whose probabilities then are nan."""
    nowhere = np.isnan(result[:, 0])
    if nowhere.any():
        raise ValueError(f"X[{int(nowhere.argmax())}] is -inf for all classes: one of them must be possible")
    return result
