"""SoftmaxClassifier whose C is chosen by cross-validation, along a path of warm starts in each fold."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import check_scoring
from sklearn.model_selection import check_cv
from sklearn.utils.metadata_routing import (
    MetadataRouter,
    MethodMapping,
    _raise_for_params,
    _routing_enabled,
    process_routing,
)
from sklearn.utils.validation import _check_method_params

from fastxent import _check
from fastxent._types import Array
from fastxent.metrics._scorer import ClassScorer, neg_log_loss_scorer
from fastxent.sklearn._classifier import SoftmaxClassifier
from fastxent.sklearn._target import encode, one_for_each
from fastxent.sklearn._validation import features_and_target

INHERITED = (
    "fit_intercept",
    "class_weight",
    "label_smoothing",
    "tol",
    "max_iter",
    "n_threads",
    "batch_rows",
    "verbose",
)


class SoftmaxClassifierCV(SoftmaxClassifier):
    r"""`SoftmaxClassifier` with the inverse strength of its penalty chosen by cross-validation.

    In each fold models are fitted along a path of growing :math:`C`, each from the one before it, and scored on what
    was left out. The :math:`C` whose mean score is best is that of the fit to all samples [1]_:

    .. math:: C = \arg\max_C \frac{1}{K} \sum_{k=1}^K \mathrm{score}_k(C)

    Parameters
    ----------
    Cs : int or array_like, shape (n_Cs,), default 10
        Inverse strengths of the penalty, positive; or how many of them, at equal ratios from 1e-4 to 1e4.
    cv : int, cross-validation generator or iterable, optional
        As in `sklearn.model_selection.cross_val_score`: by default five folds, stratified unless the targets are
        distributions.
    scoring : str or callable, default "neg_log_loss"
        One of scikit-learn's scorers; by default `fastxent.metrics.neg_log_loss_scorer`. None is the accuracy.
    fit_intercept : bool, default True
        Whether there is an intercept.
    class_weight : dict or "balanced", optional
        As in `SoftmaxClassifier`; "balanced" by the samples of each fit.
    label_smoothing : float, default 0.0
        The share, in [0, 1], of the target that is spread evenly over the classes, in fits and not in scores.
    tol : float, default 1e-4
        As in `SoftmaxClassifier`.
    max_iter : int, default 100
        The most iterations of each fit.
    n_threads : int, optional
        As in `SoftmaxClassifier`. Folds come one after the other.
    batch_rows : int, optional
        As in `SoftmaxClassifier`.
    verbose : int, default 0
        1 for a progress bar, if tqdm is installed, and else a line for each iteration; 2 for lines; 0 for neither.

    Attributes
    ----------
    C_ : float
        The chosen one: of several that are equally good the smallest.
    Cs_ : ndarray, shape (n_Cs,)
        All that were tried, sorted.
    scores_ : ndarray, shape (n_folds, n_Cs)
        What each had in each fold.
    coef_, intercept_, classes_, n_iter_, loss_curve_, n_features_in_, feature_names_in_
        Of the fit to all samples, as in `SoftmaxClassifier`.

    See Also
    --------
    SoftmaxClassifier : With a C of your own.
    sklearn.linear_model.LogisticRegressionCV : Keeps the coefficients of all fits.

    Notes
    -----
    A fold's samples are copied, as `sklearn.model_selection.GridSearchCV` does. Callbacks are told of the fit to all
    samples.

    References
    ----------
    .. [1] T. Hastie, R. Tibshirani and J. Friedman, "The Elements of Statistical Learning", Springer, 2009,
       section 7.10.

    Examples
    --------
    >>> from sklearn.datasets import load_iris
    >>> from fastxent.sklearn import SoftmaxClassifierCV
    >>> X, y = load_iris(return_X_y=True)
    >>> classifier = SoftmaxClassifierCV([0.01, 1.0, 100.0], max_iter=1000).fit(X, y)
    >>> classifier.C_, classifier.scores_.mean(axis=0).round(3)
    (100.0, array([-0.639, -0.14 , -0.055]))
    >>> classifier.predict(X[:3])
    array([0, 0, 0])
    """

    warm_start = False  # each path begins anew, and so does the fit to all samples

    def __init__(
        self, Cs: int | ArrayLike = 10, *, cv: Any = None, scoring: str | Callable[..., float] | None = "neg_log_loss",
        fit_intercept: bool = True, class_weight: Mapping[Any, float] | str | None = None,
        label_smoothing: float = 0.0, tol: float = 1e-4, max_iter: int = 100, n_threads: int | None = None,
        batch_rows: int | None = None, verbose: int = 0,
    ) -> None:  # fmt: skip
        self.Cs = Cs
        self.cv = cv
        self.scoring = scoring
        self.fit_intercept = fit_intercept
        self.class_weight = class_weight
        self.label_smoothing = label_smoothing
        self.tol = tol
        self.max_iter = max_iter
        self.n_threads = n_threads
        self.batch_rows = batch_rows
        self.verbose = verbose

    @property
    def C(self) -> float:  # type: ignore[override]  # what the fit to all samples takes
        return self.C_

    def fit(self, X: Any, y: Any, sample_weight: ArrayLike | None = None, **params: Any) -> Self:
        """Choose C and fit the model.

        Parameters
        ----------
        X : array_like or sparse matrix, shape (n_samples, n_features)
            As in `SoftmaxClassifier`.
        y : array_like, shape (n_samples,) or (n_samples, n_classes)
            Labels, or target distributions.
        sample_weight : array_like, shape (n_samples,), optional
            Finite, not negative; 1 by default. They count in fits and, where the scorer takes them, in scores.
        **params : dict
            ``groups``, shape (n_samples,), for a `cv` such as `sklearn.model_selection.GroupKFold`. With scikit-learn's
            metadata routing enabled: what the splitter and the scorer have requested, `sample_weight` for one.

        Returns
        -------
        SoftmaxClassifierCV
            The estimator itself.

        Raises
        ------
        TypeError, ValueError
            As `SoftmaxClassifier.fit` does; if by log loss a class of a fold's test samples is not among its training
            samples; if without metadata routing there is another of the `params` than ``groups``.
        """
        _raise_for_params(params, self, "fit", allow=["groups"])
        strengths = strengths_of(self.Cs)
        features, target = features_and_target(self, X, y)
        weight = one_for_each(sample_weight, len(target), self.n_threads)
        of_split, of_score = self._routed(weight, params)
        folds = check_cv(self.cv, target, classifier=True).split(features, target, **of_split)
        samples = features, target, weight
        classes, values = encode(target)
        if isinstance(self._scorer(), ClassScorer) and values.ndim == 1:
            folds = known_classes(classes, values, folds)
        scores = np.array([list(self._path(*samples, train, test, strengths, of_score)) for train, test in folds])
        self.Cs_, self.scores_ = strengths, scores
        self.C_ = float(strengths[scores.mean(axis=0).argmax()])
        return super().fit(X, y, sample_weight)

    def get_metadata_routing(self) -> MetadataRouter:
        """What `fit` passes on to the splitter and to the scorer, for scikit-learn's metadata routing.

        Returns
        -------
        sklearn.utils.metadata_routing.MetadataRouter
            As of `sklearn.linear_model.LogisticRegressionCV`, for `fit`.
        """
        split, score = (MethodMapping().add(caller="fit", callee=callee) for callee in ("split", "score"))
        router = MetadataRouter(owner=self).add_self_request(self)
        return router.add(splitter=self.cv, method_mapping=split).add(scorer=self._scorer(), method_mapping=score)

    def _routed(self, weight: Array | None, params: dict[str, Any]) -> tuple[dict[str, Any], dict[str, Any]]:
        """What the splitter and the scorer are given; without metadata routing groups and weights."""
        if _routing_enabled():
            routed = process_routing(self, "fit", sample_weight=weight, **params)
            return routed.splitter.split, routed.scorer.score
        return params, {} if weight is None else {"sample_weight": weight}

    def _scorer(self) -> Any:
        if self.scoring is None:
            return OwnScore(self)
        own = isinstance(self.scoring, str) and self.scoring == "neg_log_loss"
        return neg_log_loss_scorer if own else check_scoring(self, self.scoring)

    def _path(
        self, X: Any, y: Array, weight: Array | None, train: Array, test: Array, strengths: Array,
        of_score: dict[str, Any],
    ) -> Iterator[float]:  # fmt: skip
        """The scores of one fold."""
        model = SoftmaxClassifier(warm_start=True, **{name: getattr(self, name) for name in INHERITED})
        samples = X[train], y[train], None if weight is None else weight[train]
        options, scorer = _check_method_params(X, of_score, test), self._scorer()
        left_out = X[test], y[test]
        for strength in strengths.tolist():
            yield scorer(model.set_params(C=strength).fit(*samples), *left_out, **options)


class OwnScore:
    """The `score` of each model, given what was requested of that of the estimator which chooses among them.

    scikit-learn's own would ask that estimator for all that it passes on, and so for this.
    """

    def __init__(self, owner: SoftmaxClassifierCV) -> None:
        self.owner = owner

    def __call__(self, model: SoftmaxClassifier, *args: Any, **options: Any) -> float:
        return model.score(*args, **options)

    def get_metadata_routing(self) -> MetadataRouter:
        return MetadataRouter(owner=self.owner).add_self_request(self.owner)


def known_classes(classes: Array, values: Array, folds: Iterator[tuple[Array, Array]]) -> Iterator[tuple[Array, Array]]:
    """The folds; an error if a model would be asked for the probability of a class that it has never seen."""
    for number, (train, test) in enumerate(folds):
        unknown = np.setdiff1d(values[test], values[train])
        if unknown.size:
            raise ValueError(
                f"fold {number}: class {classes[unknown].tolist()[0]!r} occurs in its test part only, where it has "
                "no log loss: take a cv that stratifies, such as StratifiedKFold, or another scoring"
            )
        yield train, test


def strengths_of(Cs: Any) -> Array:
    """Positive numbers, sorted."""
    if _check.as_array(Cs, "Cs").ndim == 0:
        return np.logspace(-4, 4, _check.whole_number(Cs, "Cs", 1, _check.MOST))
    array = _check.real_array(Cs, "Cs")
    if array.ndim != 1 or not array.size:
        raise ValueError(f"Cs has shape {array.shape}; expected (n_Cs,), at least one, or their number")
    for i, strength in enumerate(array.tolist()):
        _check.number_of(strength, f"Cs[{i}]", _check.SMALLEST, np.inf, "positive")
    return np.sort(array.astype(np.float64))
