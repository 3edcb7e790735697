"""Multinomial logistic regression with the fused kernels: scikit-learn's estimator protocol around the objective."""

from __future__ import annotations

from collections.abc import Mapping
from copy import copy
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from scipy import sparse
from sklearn.base import BaseEstimator, ClassifierMixin
from sklearn.linear_model import LogisticRegression
from sklearn.utils.validation import check_array, check_is_fitted

from fastxent import _blas, _check
from fastxent._types import Array
from fastxent.sklearn._callbacks import CallbackSupportMixin, Iterations, calling_back
from fastxent.sklearn._minimize import minimize
from fastxent.sklearn._objective import Objective
from fastxent.sklearn._predictions import Wanted, check_model, predictions
from fastxent.sklearn._target import Target, encode, is_distribution, one_for_each, target_of
from fastxent.sklearn._validation import features, features_and_target


class SoftmaxClassifier(CallbackSupportMixin, ClassifierMixin, BaseEstimator):  # type: ignore[misc]  # no types there
    r"""Multinomial logistic regression that never holds an array of all samples times all classes.

    With logits :math:`x_i W^T + b`, targets :math:`t_i` and weights :math:`v_i` it minimises what
    `sklearn.linear_model.LogisticRegression` does [1]_,

    .. math:: C \sum_i v_i\, l(x_i W^T + b,\, t_i) + \frac{1}{2} \|W\|^2

    where :math:`l` is `fastxent.softmax_cross_entropy`, or, for two classes, `fastxent.sigmoid_cross_entropy` of one
    logit. The solver is L-BFGS [2]_, from the classes' frequencies on, in variables in which the Hessian is near the
    identity; that changes how many iterations there are, and not the optimum.

    Parameters
    ----------
    C : float, default 1.0
        Inverse strength of the L2 penalty, positive; ``np.inf`` for none. The intercept has no penalty.
    fit_intercept : bool, default True
        Whether there is an intercept.
    class_weight : dict or "balanced", optional
        Weights of the classes, by label; 1 by default, and for classes that the dict does not name. "balanced" gives
        every class the same sum of weights. Of distributions the labels are 0 to n_classes - 1.
    label_smoothing : float, default 0.0
        The share, in [0, 1], of the target that is spread evenly over the classes.
    tol : float, default 1e-4
        The fit has converged if no entry of the gradient of the mean loss with penalty exceeds this; of a feature whose
        root mean square is above 1, this times that. It goes on until that mean is within about a hundred-millionth of
        its least as well, or below a hundredth of this.
    max_iter : int, default 100
        The most iterations.
    warm_start : bool, default False
        Whether a fit starts from the last one's result.
    n_threads : int, optional
        The most threads, `fastxent.get_num_threads` by default. Results have the same bits for any number. Matrix
        products are computed in these threads, and BLAS is kept to one thread of its own meanwhile, in the whole
        process.
    batch_rows : int, optional
        How many rows are computed at a time; by default as many as suit the caches. Results differ by rounding.
    verbose : int, default 0
        1 for a progress bar, if tqdm is installed, and else a line for each iteration; 2 for lines; 0 for neither.

    Attributes
    ----------
    coef_ : ndarray, shape (n_classes, n_features) or (1, n_features)
        Coefficients, in the dtype of X; one row if there are two classes.
    intercept_ : ndarray, shape (n_classes,) or (1,)
        Intercepts, 0 without `fit_intercept`.
    classes_ : ndarray, shape (n_classes,)
        The labels, sorted; of distributions 0 to n_classes - 1.
    n_iter_ : ndarray, shape (1,)
        Number of iterations.
    loss_curve_ : ndarray, shape (n_iter,)
        The objective after each iteration: in nats, the weighted mean of the losses and the penalty in proportion.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray, shape (n_features,)
        Their names, if all are strings.

    See Also
    --------
    SoftmaxClassifierCV : Chooses C.
    fastxent.softmax_cross_entropy_grad : The loss and gradient that is minimised.

    Notes
    -----
    Memory beside X and y is a byte a row, two or four of more than 256 or 65,536 classes, and 8 more for a
    `sample_weight` that is not float64; a block of rows for each thread; and about 40 float64 arrays of the size of
    `coef_`, or 70 up to 200,000 coefficients, with up to 32 more that take 64 MiB at most (or two). Large float64
    data are multiplied in float32 until an iteration gains less than a hundred-thousandth; the last iterations, and
    the gradient that is held against `tol`, are in float64.

    Coefficients (and intercepts) of more than two classes sum to 0 over the classes, as scikit-learn's do.

    From scikit-learn 1.9 on its callbacks are told of each iteration, and may end the fit.

    With `class_weight` and `label_smoothing` or distributions, a class weight multiplies the class's term of the loss,
    as in `fastxent.softmax_cross_entropy`.

    References
    ----------
    .. [1] T. Hastie, R. Tibshirani and J. Friedman, "The Elements of Statistical Learning", Springer, 2009,
       section 4.4.
    .. [2] D. C. Liu and J. Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical
       Programming 45, 1989.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fastxent.sklearn import SoftmaxClassifier
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = SoftmaxClassifier().fit(X, y)
    >>> round(classifier.score(X, y), 3)
    0.973
    >>> classifier.predict_proba(X[:1]).round(3)
    array([[0.982, 0.018, 0.   ]])

    Distributions as targets, here a second opinion on the first sample:

    >>> Y = np.eye(3)[y]
    >>> Y[0] = [0.5, 0.5, 0.0]
    >>> SoftmaxClassifier().fit(X, Y).predict(X[:3])
    array([0, 0, 0])
    """

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

    @calling_back
    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (n_samples, n_features)
            Features; float32 and float64 are used as they are, in any memory order, and CSR among sparse formats.
        y : array_like, shape (n_samples,) or (n_samples, n_classes)
            Labels of any kind; or floats of shape (n_samples, n_classes), of at least two classes: target
            distributions, not negative.
        sample_weight : array_like, shape (n_samples,), optional
            Finite, not negative; 1 by default.

        Returns
        -------
        SoftmaxClassifier
            The estimator itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter, X, y or a weight is not as described, named with its value; if there is only one class; if
            nothing has weight.
        """
        strength, smoothing, n_threads, batch_rows = self._checked()
        X, y = features_and_target(self, X, y)
        classes, values = encode(y)
        target = target_of(classes, values, sample_weight, self.class_weight, smoothing, n_threads)
        iterations = Iterations.of(self, X, y, sample_weight, self.max_iter)
        with _blas.one_thread:
            coef, intercept, curve = minimize(
                Objective(X, target, 1.0 / (strength * target.denominator), batch_rows, n_threads),
                *self._start(target, X.shape[1]), bool(self.fit_intercept),
                tol=float(self.tol), max_iter=self.max_iter, verbose=self.verbose, iterations=iterations,
                model=partial(fitted, classes, target.binary, X.dtype),
            )  # fmt: skip
        attributes = fitted(classes, target.binary, X.dtype, coef, intercept)
        self.classes_, self.coef_, self.intercept_ = attributes.values()
        self.n_iter_ = np.array([len(curve)], np.int32)
        self.loss_curve_ = np.array(curve)
        if iterations is not None:
            iterations.end()
        return self

    def _checked(self) -> tuple[float, float, int | None, int | None]:
        """The parameters, or an error that names the one that is wrong."""
        strength = _check.number_of(self.C, "C", _check.SMALLEST, np.inf, "positive")
        smoothing = _check.smoothing_of(self.label_smoothing)
        _check.number_of(self.tol, "tol", 0.0, np.inf, "not negative")
        for name in ("max_iter", "verbose"):
            if not isinstance(getattr(self, name), bool):  # for 0 and 1, as scikit-learn takes it
                _check.whole_number(getattr(self, name), name, 0)
        if self.batch_rows is not None:
            _check.whole_number(self.batch_rows, "batch_rows", 1)
        for name in ("fit_intercept", "warm_start"):
            _check.yes_or_no(getattr(self, name), name)
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
            return dense(self.coef_).astype(np.float64), intercept.astype(np.float64)
        intercept = np.zeros(n_outputs)
        if self.fit_intercept:
            share = target.mass / target.denominator
            log_share = np.log(np.maximum(share, np.finfo(np.float32).eps))  # a class may have weight 0
            intercept = log_share[1:] - log_share[:1] if target.binary else log_share - log_share.mean()
        return np.zeros((n_outputs, n_features)), intercept

    def sparsify(self) -> Self:
        """Make `coef_` a CSR array, which is smaller and faster where most coefficients are 0.

        The L2 penalty makes them small, but seldom 0: set those to 0 that do not matter.

        Returns
        -------
        SoftmaxClassifier
            The estimator itself. `fit` makes the coefficients dense again.
        """
        check_is_fitted(self)
        self.coef_ = sparse.csr_array(self.coef_)
        return self

    def densify(self) -> Self:
        """Make `coef_` an ndarray again.

        Returns
        -------
        SoftmaxClassifier
            The estimator itself.
        """
        check_is_fitted(self)
        self.coef_ = dense(self.coef_)
        return self

    def to_logistic_regression(self) -> LogisticRegression:
        """scikit-learn's estimator with this model, for what knows that one: converters to ONNX, explainers.

        Returns
        -------
        sklearn.linear_model.LogisticRegression
            Fitted, with the same predictions. Label smoothing is no parameter of it.
        """
        check_is_fitted(self)
        options = ("C", "fit_intercept", "class_weight", "tol", "max_iter", "verbose")
        other = LogisticRegression(**{name: getattr(self, name) for name in options})
        for name in ("classes_", "coef_", "intercept_", "n_iter_", "n_features_in_", "feature_names_in_"):
            if hasattr(self, name):
                setattr(other, name, copy(getattr(self, name)))
        return other.densify()

    def decision_function(self, X: Any) -> Array:
        """Logits, (n_samples, n_classes); of two classes the log-odds of the second, (n_samples,)."""
        logits = self._computed(X, "logits")
        return logits[:, 0] if len(self.intercept_) == 1 else logits

    def predict(self, X: Any) -> Array:
        """The most probable class of each sample."""
        best = self._computed(X, "best")
        classes: Array = self.classes_[best]
        return classes

    def predict_proba(self, X: Any) -> Array:
        """Probabilities, (n_samples, n_classes)."""
        return self._computed(X, "probabilities")

    def predict_log_proba(self, X: Any) -> Array:
        """Logarithms of the probabilities, (n_samples, n_classes), exact where these are near 0 or 1."""
        return self._computed(X, "log_probabilities")

    def score(self, X: Any, y: Any, sample_weight: ArrayLike | None = None) -> float:
        """The accuracy; of distributions what they give to the predicted classes, of all that they sum to.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (n_samples, n_features)
            Features.
        y : array_like, shape (n_samples,) or (n_samples, n_classes)
            Labels, or target distributions.
        sample_weight : array_like, shape (n_samples,), optional
            Finite, not negative; 1 by default.

        Returns
        -------
        float
            From 0 to 1.
        """
        _check.refuse_dask(sample_weight, "sample_weight")
        if not is_distribution(y):
            return float(super().score(X, y, sample_weight))
        predicted, whole = self._shares(X, y)
        weight = one_for_each(sample_weight, len(whole), self.n_threads)
        weight = np.ones(len(whole)) if weight is None else weight
        return float(weight @ predicted / (weight @ whole))

    def _shares(self, X: Any, y: Any) -> tuple[Array, Array]:
        """What the distribution of each sample gives to the predicted class, and what it sums to."""
        check_is_fitted(self)
        shares, (n_classes, best) = check_array(y, input_name="y"), (len(self.classes_), self._computed(X, "best"))
        if shares.shape != (len(best), n_classes):
            raise ValueError(f"y has shape {shares.shape}, but there are {len(best)} samples and {n_classes} classes")
        return shares[np.arange(len(best)), best], shares.sum(axis=1, dtype=np.float64)

    def _computed(self, X: Any, wanted: Wanted) -> Array:
        """What is wanted of each sample, in threads if there is enough to do."""
        check_is_fitted(self)
        n_threads = _check.n_threads_of(self.n_threads)
        check_model(self.coef_, self.intercept_, len(self.classes_), self.n_features_in_)
        return predictions(features(self, X), self.coef_, self.intercept_, wanted, self.batch_rows, n_threads)


def fitted(classes: Array, binary: bool, dtype: Any, coef: Array, intercept: Array) -> dict[str, Array]:
    """The attributes that make an estimator predict with this model."""
    if not binary:
        # Adding one vector to all classes changes no probability; of all such models this has the least penalty.
        coef = coef - coef.mean(axis=0)
        intercept = intercept - intercept.mean()
    return {"classes_": classes, "coef_": coef.astype(dtype), "intercept_": intercept.astype(dtype)}


def dense(coef: Any) -> Array:
    array: Array = coef.toarray() if sparse.issparse(coef) else coef
    return array
