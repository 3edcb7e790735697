"""Cross entropies of dask collections, whose sums are exact."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Any

import numpy as np

from fastxent import _check
from fastxent._sigmoid import sigmoid_cross_entropy as sigmoid_in_memory
from fastxent._softmax import softmax_cross_entropy as softmax_in_memory
from fastxent._types import Array, ClassWeight, Reduction
from fastxent.dask._operands import Operands, computed_in, operands_of, scores_of, shape_of
from fastxent.dask._partitions import brought_together, mapped
from fastxent.evaluation._options import options_of
from fastxent.evaluation._reading import read
from fastxent.evaluation._totals import Totals, sizes_of

Loss = Callable[..., Any]


def softmax_cross_entropy(
    logits: Any, target: Any, *, axis: int = -1, class_weight: ClassWeight | None = None, sample_weight: Any = None,
    ignore_index: int | None = None, label_smoothing: float = 0.0, z_loss: float = 0.0, infogain: Any = None,
    reduction: Reduction = "mean", n_threads: int | None = 1, compute: bool = True,
) -> Any:  # fmt: skip
    r"""Softmax cross entropy of dask collections, as `fastxent.softmax_cross_entropy` gives it of arrays.

    With the losses :math:`l_i` and weights :math:`v_i` of that function

    .. math:: L = \frac{\sum_i v_i l_i}{D}

    where both sums are exact [1]_: each partition adds up its own, in double and without rounding, these meet in a
    tree, and the quotient is rounded once. So the result has the same bits for every partitioning, any number of
    workers, and after one was lost.

    Parameters
    ----------
    logits : dask array or DataFrame, shape (..., C, ...)
        As the function in memory takes them, of any chunks; those that cut `axis` are joined, so cut the samples.
    target : dask array, DataFrame or Series, or array_like, shape (...) or (..., C, ...)
        Class indices or distributions. Chunks that are not those of the logits are changed to them; where lengths are
        not known, as in DataFrames, there have to be as many partitions, of the same lengths.
    axis : int, default -1
        The logits' axis that holds the classes.
    class_weight : array_like, shape (C,), or dict, optional
        In memory, as `label_smoothing`, `z_loss` and `infogain` as the function in memory takes it.
    sample_weight : dask array or Series, or array_like, optional
        A scalar, or with as many axes as there are besides `axis`, each of the rows' size or of size 1.
    ignore_index : int, optional
        Rows with this label have no influence.
    label_smoothing : float, default 0.0
        The share, in [0, 1], of the target that is spread evenly over the classes.
    z_loss : float, default 0.0
        Coefficient, not negative, of the squared log-sum-exp.
    infogain : array_like, shape (C, C), optional
        Row y is the target of the rows with label y.
    reduction : {"mean", "sum", "none"}, default "mean"
        How the losses of the rows are combined.
    n_threads : int or None, default 1
        The most threads that each task uses; None leaves it to its worker's `fastxent.get_num_threads`. With 1 the
        processors are shared once: by dask, among its tasks.
    compute : bool, default True
        Whether to compute now, by whatever dask's configuration or an active client says; or to return what will be.

    Returns
    -------
    float, ndarray or dask array
        In nats: a float for "mean" and "sum", an array of the rows for "none". With ``compute=False`` a dask array of
        it, with no axis or in the partitions of the logits.

    Raises
    ------
    TypeError
        If the logits are in memory, or no array, DataFrame or Series of dask.
    ValueError
        If shapes do not fit, or partitions of unknown lengths are not as many.
    TypeError, ValueError
        What the function in memory raises of a partition, when it is computed: after the partition's number and rows,
        from the first of which places are counted.

    See Also
    --------
    fastxent.softmax_cross_entropy : The function in memory, whose losses and corner cases these are.
    fastxent.evaluation.Evaluation : Whose sums these are, also of weights as large as 1e308 or as small as 1e-310.
    evaluate : Accuracy, calibration and scores of classes as well.

    Notes
    -----
    With "none" each loss is that of the function in memory, to the bit. Its sum and its mean are rounded more than
    once: they differ from these by an ulp or two.

    A partition is read in the task that adds it up; to the client goes a kilobyte of sums. Chunks of 10 to 200 MB are
    a good size.

    References
    ----------
    .. [1] U. Kulisch and V. Snyder, "The exact dot product as basic tool for long interval arithmetic", Computing 91,
       2011.

    Examples
    --------
    >>> import dask.array as da
    >>> import numpy as np
    >>> import fastxent.dask
    >>> rng = np.random.default_rng(0)
    >>> logits, target = rng.normal(size=(1000, 10)), rng.integers(10, size=1000)
    >>> x, y = da.from_array(logits, chunks=(300, 5)), da.from_array(target, chunks=400)
    >>> loss = fastxent.dask.softmax_cross_entropy(x, y)
    >>> round(loss, 4), loss == fastxent.dask.softmax_cross_entropy(x.rechunk((7, 10)), y)
    (2.7143, True)
    >>> fastxent.dask.softmax_cross_entropy(x, y, reduction="none", compute=False).chunks
    ((300, 300, 300, 100),)
    """
    axis = _check.axis_number(axis)
    operands = operands_of(logits, target, sample_weight, axis, "logits", "target")
    C = int(operands.scores.shape[operands.axis])
    options = options_of(C, "logits", operands.axis, class_weight, ignore_index, label_smoothing, None, False, (), 0)
    labels = np.empty(0, np.int64) if operands.target.ndim < operands.scores.ndim else None
    if ignore_index is not None:
        _check.ignored_label(ignore_index, labels)
    if infogain is not None:
        infogain = np.array(_check.infogain_of(infogain, C, labels, class_weight, options["label_smoothing"]))
    options |= {"z_loss": _check.z_loss_of(z_loss), "infogain": infogain}
    names = ("axis", "class_weight", "ignore_index", "label_smoothing", "z_loss", "infogain")
    loss = functools.partial(softmax_in_memory, **{name: options[name] for name in names})
    return reduced(operands, reduction, loss, options, n_threads, compute)


def sigmoid_cross_entropy(
    logits: Any, target: Any, *, sample_weight: Any = None, pos_weight: Any = None, ignore_index: float | None = None,
    label_smoothing: float = 0.0, reduction: Reduction = "mean", n_threads: int | None = 1, compute: bool = True,
) -> Any:  # fmt: skip
    r"""Sigmoid cross entropy of dask collections, as `fastxent.sigmoid_cross_entropy` gives it of arrays.

    With the losses :math:`l_i` and weights :math:`v_i` of that function

    .. math:: L = \frac{\sum_i v_i l_i}{\sum_i v_i}

    where both sums are exact [1]_, as in `softmax_cross_entropy`.

    Parameters
    ----------
    logits : dask array, DataFrame or Series
        Log-odds, of any shape with at least one axis, and of any chunks.
    target : dask array, DataFrame or Series, or array_like, the shape of `logits`
        In [0, 1] where the element counts. Chunks that are not those of the logits are changed to them; where lengths
        are not known, as in DataFrames, there have to be as many partitions, of the same lengths.
    sample_weight : dask array, DataFrame or Series, or array_like, optional
        A scalar, or with as many axes as the logits, each of the same size or of size 1.
    pos_weight : float or array_like, shape (K,), optional
        Weight of the positive part of the loss, in memory: one for all, or for each along the last axis of two or more.
    ignore_index : float, optional
        Elements with this target have no influence; nan stands for missing targets.
    label_smoothing : float, default 0.0
        Replaces a target t by (1 - a) t + a / 2.
    reduction : {"mean", "sum", "none"}, default "mean"
        How the losses of the elements are combined.
    n_threads : int or None, default 1
        As `softmax_cross_entropy` takes it.
    compute : bool, default True
        As `softmax_cross_entropy` takes it.

    Returns
    -------
    float, ndarray or dask array
        As `softmax_cross_entropy` returns it, in nats.

    Raises
    ------
    TypeError, ValueError
        As `softmax_cross_entropy` does.

    See Also
    --------
    fastxent.sigmoid_cross_entropy : The function in memory, whose losses and corner cases these are.
    fastxent.evaluation.Evaluation : Whose sums these are, also of weights as large as 1e308 or as small as 1e-310.

    References
    ----------
    .. [1] U. Kulisch and V. Snyder, "The exact dot product as basic tool for long interval arithmetic", Computing 91,
       2011.

    Examples
    --------
    >>> import dask.array as da
    >>> import fastxent.dask
    >>> logits = da.from_array([2.0, -1.0, 0.5, 3.0], chunks=3)
    >>> round(fastxent.dask.sigmoid_cross_entropy(logits, [1, 0, 0, 1]), 4)
    0.3657
    """
    logits = scores_of(logits, "logits")
    if pos_weight is not None:
        pos_weight = _check.real_array(pos_weight, "pos_weight")
        if pos_weight.shape not in ((), logits.shape[-1:] if logits.ndim > 1 else ()):
            raise ValueError(
                f"pos_weight has shape {pos_weight.shape}, but the logits have shape {shape_of(logits.chunks)}: "
                "expected a scalar, or the size of the last axis of two or more"
            )
        logits = logits.rechunk({-1: -1}) if pos_weight.ndim else logits
    operands = operands_of(logits, target, sample_weight, None, "logits", "target")
    options = options_of(1, "multilabel_logits", -1, None, ignore_index, label_smoothing, None, False, (), 0)
    options |= {"pos_weight": pos_weight}
    names = ("pos_weight", "ignore_index", "label_smoothing")
    loss = functools.partial(sigmoid_in_memory, **{name: options[name] for name in names})
    return reduced(operands, reduction, loss, options, n_threads, compute)


def reduced(
    operands: Operands, reduction: str, loss: Loss, options: dict[str, Any], n_threads: int | None, compute: bool
) -> Any:
    """The losses of each sample, or their exact sum or mean."""
    n_threads = _check.n_threads_of(n_threads)
    if _check.reduction_of(reduction) == "none":
        dtype = computed_in(operands.scores.dtype)
        axis, options = operands.axis, {"loss": loss, "dtype_of_losses": dtype, "n_threads": n_threads}
        losses = mapped(losses_of_partition, operands, dtype, axis=axis, **options)
        if axis is not None:
            losses = losses[(slice(None),) * axis + (0,)]
        return losses.compute() if compute else losses
    parts = mapped(totals_of_partition, operands, options=options, loss=loss, n_threads=n_threads)
    value = brought_together(parts, added, mean_of if reduction == "mean" else sum_of, float)
    return float(value.compute()) if compute else value


def losses_of_partition(
    number: Any, logits: Any, target: Any, weight: Any, *, loss: Loss, dtype_of_losses: Any, axis: int | None,
    n_threads: int | None,
) -> Array:  # fmt: skip
    losses = loss(logits, target, sample_weight=weight, reduction="none", n_threads=n_threads)
    losses = np.asarray(losses, dtype_of_losses)
    return losses if axis is None else np.expand_dims(losses, axis)


def totals_of_partition(
    number: Any, logits: Any, target: Any, weight: Any, *, loss: Loss, options: dict[str, Any], n_threads: int | None
) -> Totals:
    """Exact sums; what is wrong with the partition is said in the words of the function in memory."""
    totals = Totals(sizes_of(options))
    if options["of"] == "multilabel_logits" and logits.ndim == 1:
        logits, target, weight = (None if one is None else np.asarray(one)[:, None] for one in (logits, target, weight))
    try:
        if logits.size:
            read(options | {"n_classes": logits.shape[options["axis"]]}, totals, logits, target, weight, n_threads)
        else:
            loss(logits, target, sample_weight=weight, reduction="sum", n_threads=n_threads)
    except (TypeError, ValueError):
        loss(logits, target, sample_weight=weight, reduction="sum", n_threads=n_threads)
        raise
    return totals


def added(parts: list[Totals]) -> Totals:
    return parts[0].plus(*parts[1:])


def mean_of(totals: Totals) -> np.float64:
    return np.float64(totals.sums["loss"].over(0, totals.sums["weight"], 0))


def sum_of(totals: Totals) -> np.float64:
    return np.float64(totals.sums["loss"].number(0))
