"""Log loss of dask collections, as scikit-learn defines it."""

from __future__ import annotations

import functools
from typing import Any

import dask.array as da
import numpy as np

from fastxent import _check
from fastxent.dask._operands import Operands, as_dask, has_graph, is_collection, operands_of, scores_of, shape_of
from fastxent.dask._partitions import as_it_is, brought_together, mapped


def log_loss(
    y_true: Any, y_proba: Any = None, *, normalize: bool = True, sample_weight: Any = None, labels: Any = None,
    y_pred: Any = "deprecated", eps: float | str = "auto", multilabel: bool = False, n_threads: int | None = 1,
    compute: bool = True,
) -> Any:  # fmt: skip
    r"""Log loss of predicted probabilities in dask collections, as `fastxent.metrics.log_loss` gives it of arrays.

    .. math:: L = \frac{\sum_i v_i l_i}{\sum_i v_i}

    where both sums are exact [1]_: the result has the same bits for every partitioning.

    Parameters
    ----------
    y_true : dask array or Series, or array_like, shape (n,) or (n, C)
        Class labels: integers, booleans, strings, or floats that are whole numbers. Or a distribution for each row.
    y_proba : dask array, DataFrame or Series, shape (n, C), (n,) or (n, 1)
        Probabilities in [0, 1], of the sorted classes; one column is that of the second of two classes.
    normalize : bool, default True
        Whether to return the mean, or else the sum.
    sample_weight : dask array or Series, or array_like, shape (n,), optional
        Finite, of any sign; 1 for each row by default.
    labels : array_like, shape (C,), optional
        All classes. By default those that occur in `y_true`: each partition finds its own first, which takes another
        pass over `y_true`, but none over `y_proba`.
    y_pred : dask array, optional
        The name of `y_proba` in scikit-learn before 1.9.
    eps : float, default "auto"
        Where probabilities are clipped, as in memory.
    multilabel : bool, default False
        Whether each column answers a question of its own.
    n_threads : int or None, default 1
        As `softmax_cross_entropy` takes it.
    compute : bool, default True
        As `softmax_cross_entropy` takes it.

    Returns
    -------
    float or dask array
        In nats; with ``compute=False`` a dask array without axes.

    Raises
    ------
    TypeError, ValueError
        As the function in memory does, that is, as scikit-learn does, after the partition's number and rows; and if
        `y_proba` is in memory. Labels that are neither numbers nor strings are refused.
    ZeroDivisionError
        If the weights of a mean sum to zero.

    Warns
    -----
    UserWarning
        As scikit-learn does: if a row of `y_proba` does not sum to 1; if `labels` are not sorted. With
        ``compute=False`` where the result is computed.

    Notes
    -----
    It needs scikit-learn, the extra `sklearn`, also on the workers.

    References
    ----------
    .. [1] U. Kulisch and V. Snyder, "The exact dot product as basic tool for long interval arithmetic", Computing 91,
       2011.

    Examples
    --------
    >>> import dask.array as da
    >>> import fastxent.dask
    >>> probs = da.from_array([[0.1, 0.9], [0.9, 0.1], [0.8, 0.2], [0.35, 0.65]], chunks=(3, -1))
    >>> round(fastxent.dask.log_loss(["spam", "ham", "ham", "spam"], probs), 5)
    0.21616
    """
    from fastxent.dask import _probabilities  # here, since they need scikit-learn, which losses do not
    from fastxent.metrics._log_loss import threshold_of

    n_threads = _check.n_threads_of(n_threads)
    threshold = threshold_of(eps)
    _check.yes_or_no(normalize, "normalize")
    y_proba = _probabilities.renamed(y_proba, y_pred)
    if not has_graph(y_true):
        y_true = da.from_array(np.asarray(y_true), chunks=-1)
    if not multilabel:
        y_true, y_proba = as_column(y_true), as_column(y_proba)
    probs, y = scores_of(y_proba, "y_proba"), as_dask(y_true, "y_true")
    elementwise = probs.ndim == 1
    operands = operands_of(probs, y, sample_weight, None if elementwise else 1, "y_proba", "y_true")
    if operands.broadcast == (True,) and operands.scores.shape[0] != 1:
        raise ValueError(f"sample_weight is one number, but rows have one each: shape {shape_of(probs.chunks[:1])}")
    labels = None if labels is None else np.asarray(labels)
    classes = labels
    if labels is None and not multilabel and operands.target.ndim == 1:
        alone = Operands(operands.target, operands.target, None, None, ("y_true", "y_true"), ())
        found = mapped(_probabilities.classes_of_partition, alone)
        classes = brought_together(found, _probabilities.together, as_it_is).to_delayed().item()
    parts = mapped(
        _probabilities.sums_of_partition, operands, labels=classes, given=labels is not None, eps=threshold,
        multilabel=multilabel, n_threads=n_threads,
    )  # fmt: skip
    finish = functools.partial(_probabilities.finished, normalize=normalize)
    if compute:  # here, where warnings are seen
        return float(finish(brought_together(parts, _probabilities.added, as_it_is).to_delayed().item().compute()))
    return brought_together(parts, _probabilities.added, finish, float)


def as_column(value: Any) -> Any:
    """An array or a DataFrame of one column without the axis of columns."""
    if not is_collection(value) or value.ndim != 2 or value.shape[1] != 1:
        return value
    return value[:, 0] if isinstance(value, da.Array) else value[value.columns[0]]
