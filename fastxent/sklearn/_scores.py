"""The scores that are calibrated, from arrays or from a fitted classifier, and labels as numbers of their columns."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
from sklearn.exceptions import NotFittedError
from sklearn.utils import check_consistent_length, column_or_1d
from sklearn.utils.multiclass import check_classification_targets
from sklearn.utils.validation import validate_data

from fastxent import _bfloat16, _check, _hints
from fastxent._kernels import door
from fastxent._types import Array

# What probabilities are raised to before their logarithm is taken: what scikit-learn 1.8 adds to them in
# sklearn.calibration._convert_to_logits.
EPS = 1e-12


@dataclass(frozen=True, slots=True)
class Scores:
    """Scores as they were given, and how to read them."""

    array: Array  # (n, C), or (n,) for the scores of the second of two classes
    dtype: np.dtype[Any]  # to compute in
    probabilities: bool  # whether the logarithms of what was given are the scores

    @property
    def n_classes(self) -> int:
        return 2 if self.array.ndim == 1 else self.array.shape[1]

    def read(self, block: slice, out: Array) -> Array:
        """Write the scores of some samples, in the dtype computed in."""
        given = self.array[block]
        if not self.probabilities:
            np.copyto(out, given, casting="unsafe")
            return out
        np.log(np.maximum(given, EPS, out=out, dtype=out.dtype), out=out)
        if out.ndim == 1:
            other = np.subtract(1.0, given, dtype=out.dtype)
            out -= np.log(np.maximum(other, EPS, out=other), out=other)
        return out


def scores_and_labels_of(calibration: Any, X: Any, y: Any) -> tuple[Scores, Any]:
    """Checked scores to fit, and y as it is."""
    _check.refuse_dask(y, "y")
    if calibration.estimator is None:
        vars(calibration).pop("n_features_in_", None)  # of a former fit; scores of one class have no features
        X = of_numpy(X)
        given, y = validate_data(calibration, X, y, **options_of(X))
        return checked(given, bool(calibration.probabilities), calibration.n_threads), y
    for name in ("n_features_in_", "feature_names_in_"):
        if hasattr(calibration.estimator, name):
            setattr(calibration, name, getattr(calibration.estimator, name))
    y = column_or_1d(y, warn=True)
    check_consistent_length(X, y)
    return scores_of(calibration, X), y


def scores_of(calibration: Any, X: Any) -> Scores:
    """Checked scores, of as many columns as there were in the fit."""
    given, probabilities = X, bool(calibration.probabilities)
    if calibration.estimator is None:
        X = of_numpy(X)
        given = validate_data(calibration, X, reset=False, **options_of(X))
    else:
        given, probabilities = response(calibration.estimator, X, probabilities)
    return checked(given, probabilities, calibration.n_threads)


def of_numpy(X: Any) -> Any:
    """The scores in a dtype of NumPy's: scikit-learn does not know bfloat16. Frames keep their names."""
    _check.refuse_dask(X, "X")
    is_half = isinstance(X, np.ndarray) and _bfloat16.is_bfloat16(X.dtype)
    return _check.real_array(X, "X") if is_half or _bfloat16.is_tensor(X) else X


def options_of(X: Any) -> dict[str, Any]:
    """What scikit-learn is to check: nothing that would convert the scores or refuse -inf."""
    if isinstance(X, np.ma.MaskedArray):
        _check.real_array(X, "X")  # raises: scikit-learn would read what the mask hides
    ndim = X.ndim if hasattr(X, "ndim") else np.asarray(X).ndim
    return {"dtype": "numeric", "ensure_2d": ndim != 1, "ensure_all_finite": False}


def checked(given: Any, probabilities: bool, n_threads: int | None) -> Scores:
    """Scores of one or of all classes, each of them a number that can be used."""
    array, dtype = _check.float_array(given, "X")
    if array.ndim == 2 and array.shape[1] == 1:
        array = array[:, 0]
    if array.ndim > 2:
        raise ValueError(f"scores have shape {array.shape}; expected (n, C), or (n,) for two classes")
    if probabilities:
        low, high, rule = 0.0, 1.0, "probabilities are in [0, 1], and not NaN"
    elif array.ndim == 1:
        low, high, rule = -_check.LARGEST, _check.LARGEST, "scores are finite: neither NaN nor infinity"
    else:
        low, high, rule = -np.inf, _check.LARGEST, "scores are neither NaN nor +infinity"
    door.check_range(array, "X", low, high, rule, n_threads)
    return Scores(array, dtype, probabilities)


def response(estimator: Any, X: Any, probabilities: bool) -> tuple[Any, bool]:
    """Scores of a fitted classifier; whether they are probabilities."""
    name = "decision_function" if hasattr(estimator, "decision_function") and not probabilities else "predict_proba"
    if not hasattr(estimator, name):
        needed = "no predict_proba" if probabilities else "neither decision_function nor predict_proba"
        raise TypeError(f"estimator {estimator!r} has {needed}")
    try:
        return getattr(estimator, name)(X), name == "predict_proba"
    except NotFittedError as error:
        raise NotFittedError(
            f"estimator {estimator!r} is not fitted: fit it on other samples first, and give it as a FrozenEstimator, "
            "which stays fitted when this is cloned"
        ) from error


def labels_of(y: Any, classes: Any, n_classes: int) -> tuple[Array, Array]:
    """The classes of the columns, and for each sample the number of its column."""
    if y.dtype.kind not in "iub":
        check_classification_targets(y)
    present = np.unique(y)
    classes = present if classes is None else _check.as_array(classes, "classes")
    if classes.ndim != 1:
        raise ValueError(f"there are {classes.size} classes of shape {classes.shape}; expected one axis")
    if len(classes) != n_classes:
        raise ValueError(
            f"there are {classes.size} classes, but scores of {n_classes}: where y lacks some, give all of them, in "
            "the order of the columns, as the parameter classes"
        )
    order = np.argsort(classes)
    ordered = classes[order]
    if (ordered[1:] == ordered[:-1]).any():
        raise ValueError(f"classes = {classes!r}, in which one stands more than once")
    places = np.minimum(np.searchsorted(ordered, y), n_classes - 1)
    wrong = ordered[places] != y
    if wrong.any():
        position = int(wrong.argmax())
        raise ValueError(f"y[{position}] = {y[position]!r}, which is not among the classes {classes!r}")
    return classes, order[places]


def check_counted(scores: Scores, labels: Array, weight: Array | None) -> None:
    """Raise if no sample counts, or one has an infinite loss at any temperature."""
    if weight is not None and not weight.any():
        raise ValueError("sample_weight is zero for all samples")
    if scores.array.ndim == 1 or scores.probabilities:
        return
    impossible = np.isneginf(scores.array[np.arange(len(labels)), labels])
    if weight is not None:
        impossible &= weight != 0
    if impossible.any():
        i = int(impossible.argmax())
        raise ValueError(f"X[{i}, {labels[i]}] = -inf, the score of the sample's own class: no temperature allows it")


def shares_of(classes: Array, labels: Array, weight: Array | None) -> Array:
    """The share of each class in the samples, none of which is 0: its bias would be -inf."""
    shares = np.bincount(labels, None if weight is None else weight.astype(np.float64), len(classes))
    if not shares.all():
        missing = classes[int((shares == 0).argmax())]
        raise ValueError(f"class {missing!r} has no samples in y, and without any its bias would be -inf")
    result: Array = shares / shares.sum()
    return result


def looks_like_probabilities(scores: Scores, n_threads: int | None) -> bool:
    """Whether the first samples are positive and sum to 1; of one score each, whether all are in [0, 1]."""
    if scores.array.ndim == 1:
        return door.is_within(scores.array, 0.0, 1.0, n_threads)
    return _hints.are_distributions(scores.array[:100])
