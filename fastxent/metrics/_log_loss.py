"""scikit-learn's log loss without one-hot targets.

Plain arguments are computed here. What scikit-learn would object to, or warn of, goes to scikit-learn, so that its
errors and warnings are those of the installed version, in its order.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn.metrics import d2_log_loss_score as sklearn_d2_log_loss_score
from sklearn.metrics import log_loss as sklearn_log_loss
from sklearn.preprocessing import LabelBinarizer
from sklearn.utils import check_array

from fastxent import _check
from fastxent._types import Array
from fastxent.metrics import _multilabel, _predictions
from fastxent.metrics._predictions import Prediction

BELOW_HALF = math.nextafter(0.5, 0.0)


def log_loss(
    y_true: ArrayLike, y_proba: ArrayLike | None = None, *, normalize: bool = True,
    sample_weight: ArrayLike | None = None, labels: ArrayLike | None = None, y_pred: ArrayLike | str = "deprecated",
    eps: float | str = "auto", multilabel: bool = False, n_threads: int | None = None,
) -> float:  # fmt: skip
    r"""Log loss of predicted probabilities, as `sklearn.metrics.log_loss` gives it.

    Rows :math:`i` with the target :math:`t_i`, probabilities :math:`q_i` and weights :math:`v_i` have

    .. math::

       l_i = -\sum_k t_{ik} \log \min(\max(q_{ik}, \epsilon), 1 - \epsilon), \qquad
       L = \frac{\sum_i v_i l_i}{\sum_i v_i}

    where :math:`t_{ik} = [k = y_i]` for class labels [1]_. Instead of writing them out, the loss reads one probability
    of each row, right after all of them were checked.

    Parameters
    ----------
    y_true : array_like, shape (n,) or (n, C)
        Class labels: integers, booleans, strings, or floats that are whole numbers. Or, in the shape of `y_proba` with
        C > 1, a target distribution for each row: floats in [0, 1] that sum to 1. Rows of zeros and ones are
        indicators, which need not sum to 1: as in scikit-learn the loss adds up :math:`-\log q` of the ones.
    y_proba : array_like, shape (n, C), (n,) or (n, 1)
        Probabilities in [0, 1], of the sorted classes; one column is that of the second of two classes. float64,
        float32 and float16 are taken as they are; other numbers are converted to float64.
    normalize : bool, default True
        Whether to return the mean :math:`L`, or else the sum :math:`\sum_i v_i l_i`.
    sample_weight : array_like, shape (n,), optional
        Finite, of any sign; 1 for each row by default.
    labels : array_like, shape (C,), optional
        All classes. By default those that occur in `y_true`. In any order, but the columns are in sorted order.
    y_pred : array_like, optional
        The name of `y_proba` in scikit-learn before 1.9.
    eps : float, default "auto"
        Where probabilities are clipped, at least 0 and below 1/2: by default, as in scikit-learn, the machine epsilon
        of their dtype. With 0 nothing is clipped, and a probability of 0 for what came true makes the loss inf.
    multilabel : bool, default False
        Whether each column answers a question of its own. `y_true`, (n, L), then has zeros and ones, `y_proba`,
        (n, L), the probabilities of the ones, which need not sum to 1, and the loss of a row is the mean of its L
        binary losses.
    n_threads : int, optional
        The most threads to use, `fastxent.get_num_threads` by default. The result is the same, to the bit, for any.

    Returns
    -------
    float
        In nats; accumulated in double precision whatever the dtype.

    Raises
    ------
    TypeError, ValueError
        As scikit-learn does, in the installed version's words: among others if a probability is outside [0, 1] or nan,
        if labels are not among `labels`, if there is one class only, if lengths or numbers of classes differ.
    TypeError
        If an argument is a dask collection, for which there is `fastxent.dask.log_loss`.
    ValueError
        If `eps` is out of its range; if a row of fractions in `y_true` is no distribution; with `multilabel`, also if
        `y_true` has other numbers than 0 and 1, or `labels` is given.
    ZeroDivisionError
        If the weights of a mean sum to zero.

    Warns
    -----
    UserWarning
        As scikit-learn does: if a row of `y_proba` does not sum to 1, to the square root of the dtype's epsilon; if
        `labels` are not sorted.
    FutureWarning
        If `y_pred` is used, from scikit-learn 1.9 on.

    See Also
    --------
    fastxent.clamped_cross_entropy : The loss of numbers that need not be at most 1 or sum to 1, with its gradient.
    fastxent.softmax_cross_entropy : The loss of logits, which is more exact than that of their softmax.

    Notes
    -----
    The probabilities are read once, a few megabytes at a time, so that they may be a `numpy.memmap`, and no memory
    grows with the rows; but each label that is a string, or a number far from others, is kept in up to four bytes.
    scikit-learn's own result differs in the last digits for float32 and float16, which it averages in that dtype.

    Labels that are neither numbers nor strings to NumPy, such as dates or pandas' nullable integers, go to
    scikit-learn as a whole, at its speed and in its memory.

    References
    ----------
    .. [1] C. M. Bishop, "Pattern Recognition and Machine Learning", Springer, 2006, section 4.3.4, p. 209.

    Examples
    --------
    >>> from fastxent.metrics import log_loss
    >>> probs = [[0.1, 0.9], [0.9, 0.1], [0.8, 0.2], [0.35, 0.65]]
    >>> round(log_loss(["spam", "ham", "ham", "spam"], probs), 5)
    0.21616

    Labels that are themselves uncertain:

    >>> round(log_loss([[0.0, 1.0], [0.75, 0.25], [1.0, 0.0], [0.5, 0.5]], probs), 4)
    0.4309

    Two labels for each row, neither of which excludes the other:

    >>> round(log_loss([[1, 1], [0, 1]], [[0.9, 0.8], [0.3, 0.6]], multilabel=True), 4)
    0.299
    """
    n_threads = _check.n_threads_of(n_threads)
    threshold = threshold_of(eps)
    y_proba = renamed(sklearn_log_loss, y_true, y_proba, y_pred)
    if multilabel:
        _check.yes_or_no(normalize, "normalize")
        total, weight = _multilabel.total_loss(y_true, y_proba, sample_weight, labels, threshold, n_threads)
        return total / weight if normalize else total
    prediction = loss = None
    if isinstance(normalize, bool | np.bool_):
        prediction = _predictions.bind(y_true, y_proba, sample_weight, labels, n_threads)
    if prediction is not None and not (normalize and prediction.total_weight == 0.0):
        loss = _predictions.total_loss(prediction, threshold, n_threads)
    if prediction is None or loss is None:
        value: float = sklearn_log_loss(
            y_true, y_proba, normalize=normalize, sample_weight=sample_weight, labels=labels
        )
        if threshold is None:
            return value
        prediction = binarized(y_true, y_proba, sample_weight, labels)
        loss = _predictions.total_loss(prediction, threshold, n_threads)
        assert loss is not None
    else:
        warn(prediction, loss[1])
    return loss[0] / prediction.total_weight if normalize else loss[0]


def d2_log_loss_score(
    y_true: ArrayLike, y_proba: ArrayLike | None = None, *, sample_weight: ArrayLike | None = None,
    labels: ArrayLike | None = None, y_pred: ArrayLike | str = "deprecated", n_threads: int | None = None,
) -> float:  # fmt: skip
    r"""Fraction of the log loss that is explained, as `sklearn.metrics.d2_log_loss_score` gives it.

    .. math::

       D^2 = 1 - \frac{\sum_i v_i l(t_i, q_i)}{\sum_i v_i l(t_i, \bar t)}, \qquad
       \bar t = \frac{\sum_i v_i t_i}{\sum_i v_i}

    It compares the predictions :math:`q_i` with the best that are the same for all rows, the shares of the classes
    :math:`\bar t` [1]_: 1 for perfect predictions, 0 for those shares, and negative for worse ones.

    Parameters
    ----------
    y_true : array_like, shape (n,) or (n, C)
        Class labels, distributions or indicators, as in `log_loss`.
    y_proba : array_like, shape (n, C), (n,) or (n, 1)
        Probabilities in [0, 1], of the sorted classes; one column is that of the second of two classes.
    sample_weight : array_like, shape (n,), optional
        Finite, of any sign; 1 for each row by default.
    labels : array_like, shape (C,), optional
        All classes. By default those that occur in `y_true`.
    y_pred : array_like, optional
        The name of `y_proba` in scikit-learn before 1.9.
    n_threads : int, optional
        The most threads to use, `fastxent.get_num_threads` by default.

    Returns
    -------
    float
        Without a unit, at most 1; nan for fewer than two rows.

    Raises
    ------
    TypeError, ValueError, ZeroDivisionError
        As `log_loss` does.

    Warns
    -----
    sklearn.exceptions.UndefinedMetricWarning
        If there are fewer than two rows.
    UserWarning, FutureWarning
        As `log_loss` does.

    See Also
    --------
    log_loss : The loss that is compared.

    References
    ----------
    .. [1] T. Hastie, R. Tibshirani and M. Wainwright, "Statistical Learning with Sparsity", CRC Press, 2015,
       section 3.2.2: the fraction of deviance explained.

    Examples
    --------
    >>> from fastxent.metrics import d2_log_loss_score
    >>> probs = [[0.1, 0.9], [0.9, 0.1], [0.8, 0.2], [0.35, 0.65]]
    >>> round(d2_log_loss_score(["spam", "ham", "ham", "spam"], probs), 4)
    0.6881
    >>> d2_log_loss_score([0, 1, 2], [[1 / 3, 1 / 3, 1 / 3]] * 3)
    0.0
    """
    n_threads = _check.n_threads_of(n_threads)
    y_proba = renamed(sklearn_d2_log_loss_score, y_true, y_proba, y_pred)
    prediction = _predictions.bind(y_true, y_proba, sample_weight, labels, n_threads)
    loss = None
    if prediction is not None and len(prediction.probs) >= 2 and prediction.total_weight != 0.0:
        loss = _predictions.total_loss(prediction, None, n_threads)
    if prediction is None or loss is None:
        value: float = sklearn_d2_log_loss_score(y_true, y_proba, sample_weight=sample_weight, labels=labels)
        return value
    warn(prediction, loss[1])
    totals = _predictions.class_totals(prediction)
    eps = np.finfo(np.float64).eps
    shares = np.clip(totals / prediction.total_weight, eps, 1 - eps)
    return 1.0 - loss[0] / math.fsum(-totals * np.log(shares))


def renamed(judge: Callable[..., Any], y_true: Any, y_proba: Any, y_pred: Any) -> Any:
    """The probabilities under either name."""
    if isinstance(y_pred, str) and y_pred == "deprecated":
        return y_proba
    if y_proba is not None:
        judge(y_true, y_proba, y_pred=y_pred)  # raises: both names were used
    judge([0, 1], y_pred=[0.0, 1.0])  # warns or raises, if the installed version does so
    return y_pred


def threshold_of(eps: Any) -> float | None:
    """Where probabilities are clipped; None for what their dtype says."""
    if isinstance(eps, str) and eps == "auto":
        return None
    return _check.number_of(eps, "eps", 0.0, BELOW_HALF, '"auto", or at least 0 and below 1/2')


def warn(prediction: Prediction, off: int) -> None:
    """Have scikit-learn warn, on one row, of what it would have warned of."""
    if off == 0 and prediction.in_order:
        return
    row = _predictions.worst_row(prediction.probs) if off else 0
    sklearn_log_loss([prediction.first], prediction.probs[row : row + 1], labels=prediction.classes)


def binarized(y_true: Any, y_proba: Any, sample_weight: Any, labels: Any) -> Prediction:
    """What scikit-learn takes, but `_predictions.bind` does not, in the form that scikit-learn gives it."""
    probs: Array = check_array(y_proba, ensure_2d=False, dtype=[np.float64, np.float32, np.float16])
    binarizer = LabelBinarizer().fit(y_true if labels is None else labels)
    target: Array = binarizer.transform(y_true)
    if probs.ndim == 1 or probs.shape[1] == 1:
        probs, target = probs.reshape(-1), target[:, -1]
    elif target.shape[1] == 1:
        target = target[:, 0]
    weight = None if sample_weight is None else np.asarray(sample_weight, np.float64)
    total_weight = _predictions.total_weight(len(probs), weight)
    return Prediction(probs, target, weight, total_weight, None, binarizer.classes_, True)
