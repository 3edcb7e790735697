"""Multinomial logistic regression of samples in partitions: the estimator of `fastxent.sklearn`, beside dask."""

from __future__ import annotations

import os
from collections.abc import Mapping
from functools import partial
from typing import Any, Self

import numpy as np
from numpy.typing import ArrayLike
from sklearn.utils.validation import check_is_fitted, validate_data

from fastxent import _blas, _check, sklearn
from fastxent._types import Array
from fastxent.dask._checkpoint import Checkpoint, digest
from fastxent.dask._collections import example, pieces_of
from fastxent.dask._objective import PartitionedObjective
from fastxent.dask._operands import is_collection
from fastxent.dask._predictions import accuracy, lazily
from fastxent.dask._samples import read
from fastxent.sklearn._callbacks import Iterations, calling_back
from fastxent.sklearn._classifier import fitted
from fastxent.sklearn._minimize import minimize


class SoftmaxClassifier(sklearn.SoftmaxClassifier):
    r"""`fastxent.sklearn.SoftmaxClassifier` of dask arrays and data frames, whose partitions stay where they are.

    It minimises the same objective by the same L-BFGS [1]_, which runs where `fit` is called. Each evaluation is a task
    for each partition, or for some small ones, and a tree of tasks that add gradients; what goes through the client is
    a model, its gradient, and once the ten or twenty thousand samples (20 or 40 for each feature, if that is more) that
    tell the curvature.

    .. math:: C \sum_i v_i\, l(x_i W^T + b,\, t_i) + \frac{1}{2} \|W\|^2

    Parameters
    ----------
    C, fit_intercept, class_weight, label_smoothing, tol
        As `fastxent.sklearn.SoftmaxClassifier` takes them.
    max_iter : int, default 100
        The most iterations, with those before a checkpoint.
    warm_start : bool, default False
        Whether a fit starts from the last one's result, or, of an estimator that is not fitted, from what `checkpoint`
        holds.
    n_threads : int, optional
        The most threads of a prediction of arrays in memory. Tasks have one thread, and BLAS one, since dask runs tasks
        side by side.
    batch_rows, verbose
        As `fastxent.sklearn.SoftmaxClassifier` takes them.
    classes : array_like, shape (n_classes,), optional
        The labels; by default those found. Labels that are not among them are an error, and classes without samples are
        none.
    checkpoint : path, optional
        A file that holds the model after every fifth iteration and after the last. With `warm_start` a fit goes on from
        there.
    block_rows : int, default 50000
        The rows whose sums are fixed: results have the same bits for all partitions that are made of whole blocks of
        them.

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
        The objective after each iteration, in nats, as `fastxent.sklearn.SoftmaxClassifier` has it.
    n_features_in_ : int
        Number of features seen by `fit`.
    feature_names_in_ : ndarray, shape (n_features,)
        Their names, of data frames.

    See Also
    --------
    fastxent.sklearn.SoftmaxClassifier : The same for samples in memory.

    Notes
    -----
    It runs wherever dask does: in threads of this process, or on the workers of the current
    ``distributed.Client``, which need fastxent as well. Workers hold the partitions: features as they are, copied once
    if they are not aligned, not in C order or not in either float dtype; and of labels a byte a row, two or four of
    more than 256 or 65,536 classes. Parts of a mapped file stay parts of the file.

    Blocks are counted from the start of each partition. Where every partition but the last is a multiple of
    `block_rows` long, the bits of the result do not depend on where partitions begin. They never depend on how many
    workers or threads there are, on which of them computes what, or on whether some were lost and replaced, as long as
    their processors are of one kind. ``rechunk`` and ``repartition`` change where partitions begin.

    Data frames are read as they are, X and y of one frame together: name the columns that are needed to
    ``read_parquet``.

    What `predict` and the others are given decides what they return: of dask collections a dask array, of which nothing
    is computed yet, in the same partitions; of anything else an array. `score` computes, and has the same bits for
    every partitioning.

    dask's dashboard shows the tasks by name: ``fastxent-gradient``, ``fastxent-add``, ``fastxent-sum``.

    References
    ----------
    .. [1] D. C. Liu and J. Nocedal, "On the limited memory BFGS method for large scale optimization", Mathematical
       Programming 45, 1989.

    Examples
    --------
    >>> import dask.array as da
    >>> from sklearn.datasets import load_iris
    >>> from fastxent.dask import SoftmaxClassifier
    >>> X, y = (da.from_array(part, chunks=50) for part in load_iris(return_X_y=True))
    >>> classifier = SoftmaxClassifier().fit(X, y)
    >>> round(classifier.score(X, y), 3)
    0.973
    >>> classifier.predict_proba(X)[0].compute().round(3)
    array([0.982, 0.018, 0.   ])
    """

    def __init__(
        self, C: float = 1.0, *, fit_intercept: bool = True,
        class_weight: Mapping[Any, float] | str | None = None, label_smoothing: float = 0.0, tol: float = 1e-4,
        max_iter: int = 100, warm_start: bool = False, n_threads: int | None = None, batch_rows: int | None = None,
        verbose: int = 0, classes: ArrayLike | None = None, checkpoint: str | os.PathLike[str] | None = None,
        block_rows: int = 50_000,
    ) -> None:  # fmt: skip
        super().__init__(
            C, fit_intercept=fit_intercept, class_weight=class_weight, label_smoothing=label_smoothing, tol=tol,
            max_iter=max_iter, warm_start=warm_start, n_threads=n_threads, batch_rows=batch_rows, verbose=verbose,
        )  # fmt: skip
        self.classes = classes
        self.checkpoint = checkpoint
        self.block_rows = block_rows

    @calling_back
    def fit(self, X: Any, y: Any, sample_weight: Any = None) -> Self:
        """Fit the model.

        Parameters
        ----------
        X : dask array or data frame, shape (n_samples, n_features)
            Features; blocks may be sparse, and partitions of a length that is not known yet.
        y : dask array or series, shape (n_samples,) or (n_samples, n_classes)
            Labels of any kind; or floats of shape (n_samples, n_classes), of at least two classes: target
            distributions, not negative. Partitions of known lengths are cut as those of X are.
        sample_weight : dask array or series, shape (n_samples,), or float, optional
            Finite, not negative; 1 by default.

        Returns
        -------
        SoftmaxClassifier
            The estimator itself.

        Raises
        ------
        TypeError, ValueError
            If a parameter, X, y or a weight is not as described, named with its value and partition; if there is only
            one class; if nothing has weight; if `checkpoint` is of another problem.
        FileExistsError
            If there is a file at `checkpoint`, but no `warm_start`: it would be lost.
        OSError
            If `checkpoint` cannot be written, before anything is read.
        """
        strength, smoothing, _, batch_rows = self._checked()
        block_rows = _check.whole_number(self.block_rows, "block_rows", 1)
        if self.checkpoint is not None:
            Checkpoint.check_place(self.checkpoint, bool(self.warm_start))
        pieces = pieces_of(X, y, sample_weight)
        samples = read(pieces, classes_of(self.classes), block_rows)
        validate_data(self, example(X, samples.n_features), reset=True, skip_check_array=True)
        objective = PartitionedObjective(samples, self.class_weight, smoothing, strength, batch_rows)
        target, classes = objective.target, samples.classes
        checkpoint = self._checkpoint(objective)
        iterations = Iterations.of(self, X, y, sample_weight, self.max_iter)
        with _blas.one_thread:
            coef, intercept, before = self._begin(objective, checkpoint)
            coef, intercept, curve = minimize(
                objective, coef, intercept, bool(self.fit_intercept), tol=float(self.tol), max_iter=self.max_iter,
                verbose=self.verbose, iterations=iterations,
                model=partial(fitted, classes, target.binary, samples.dtype),
                curve=before, save=None if checkpoint is None else checkpoint.save_now_and_then,
            )  # fmt: skip
        attributes = fitted(classes, target.binary, samples.dtype, coef, intercept)
        self.classes_, self.coef_, self.intercept_ = attributes.values()
        self.n_iter_ = np.array([len(curve)], np.int32)
        self.loss_curve_ = np.array(curve)
        if checkpoint is not None:
            checkpoint.save(coef, intercept, curve)
        if iterations is not None:
            iterations.end()
        return self

    def _checkpoint(self, objective: PartitionedObjective) -> Checkpoint | None:
        """The file, if there is to be one, for this problem."""
        if self.checkpoint is None:
            return None
        target, sample = objective.target, objective.sample
        problem = {
            "C": float(self.C), "fit_intercept": bool(self.fit_intercept), "label_smoothing": target.label_smoothing,
            "the dtype of X": objective.given_dtype, "the number of samples": objective.n_samples,
            "the number of features": sample.X.shape[1], "the number of classes": len(target.mass),
            "a digest of the classes": digest(objective.samples.classes.tolist()),
            "a digest of what the classes weigh": digest(target.mass, target.class_weight),
            "a digest of some samples": digest(sample.X, target.values, target.sample_weight),
        }  # fmt: skip
        return Checkpoint(self.checkpoint, {name: str(value) for name, value in problem.items()})

    def _begin(
        self, objective: PartitionedObjective, checkpoint: Checkpoint | None
    ) -> tuple[Array, Array, list[float]]:  # fmt: skip
        """The model to begin with, and the objective after each iteration that led there."""
        saved = None if checkpoint is None else checkpoint.load()
        if saved is not None and not hasattr(self, "coef_"):
            return saved
        return (*self._start(objective.target, objective.sample.X.shape[1]), [])

    def to_local(self) -> sklearn.SoftmaxClassifier:
        """The estimator of `fastxent.sklearn` with this model, for samples in memory.

        Returns
        -------
        fastxent.sklearn.SoftmaxClassifier
            Fitted, with the same parameters and predictions.
        """
        check_is_fitted(self)
        names = sklearn.SoftmaxClassifier._get_param_names()
        local = sklearn.SoftmaxClassifier(**{name: getattr(self, name) for name in names})
        local.__dict__.update({name: value for name, value in vars(self).items() if name.endswith("_")})
        return local

    def decision_function(self, X: Any) -> Any:
        """Logits, (n_samples, n_classes); of two classes the log-odds of the second, (n_samples,)."""
        return self._predicted("decision_function", X, len(self.intercept_) if len(self.intercept_) > 1 else None)

    def predict(self, X: Any) -> Any:
        """The most probable class of each sample."""
        return self._predicted("predict", X, None)

    def predict_proba(self, X: Any) -> Any:
        """Probabilities, (n_samples, n_classes)."""
        return self._predicted("predict_proba", X, len(self.classes_))

    def predict_log_proba(self, X: Any) -> Any:
        """Logarithms of the probabilities, (n_samples, n_classes), exact where these are near 0 or 1."""
        return self._predicted("predict_log_proba", X, len(self.classes_))

    def _predicted(self, method: str, X: Any, columns: int | None) -> Any:
        """What a method of the local estimator returns, of a dask collection as a dask array."""
        if not is_collection(X):
            return getattr(super(), method)(X)
        return lazily(self.to_local(), method, X, columns)

    def score(self, X: Any, y: Any, sample_weight: Any = None) -> float:
        """The accuracy; of distributions what they give to the predicted classes, of all that they sum to.

        Parameters
        ----------
        X : dask array or data frame, or array_like, shape (n_samples, n_features)
            Features.
        y : dask array or series, or array_like, shape (n_samples,) or (n_samples, n_classes)
            Labels, or target distributions.
        sample_weight : dask array or series, or array_like, shape (n_samples,), optional
            Finite, not negative; 1 by default.

        Returns
        -------
        float
            From 0 to 1.

        Raises
        ------
        TypeError, ValueError
            If X, y or a weight is not as described, named with its partition; if nothing has weight.
        """
        if not is_collection(X):
            return super().score(X, y, sample_weight)
        return accuracy(self.to_local(), pieces_of(X, y, sample_weight))


def classes_of(classes: Any) -> Array | None:
    """The parameter, sorted."""
    if classes is None:
        return None
    given = np.asarray(classes)
    if given.ndim != 1 or len(np.unique(given)) != len(given):
        raise ValueError(f"classes = {classes!r}, but it must be labels along one axis, each of them once")
    return np.sort(given)
