"""Evaluations of dask collections."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any, Literal

from fastxent import _check
from fastxent._types import ClassWeight
from fastxent.dask._operands import check_known_along, operands_of, scores_of
from fastxent.dask._partitions import as_it_is, brought_together, mapped
from fastxent.evaluation import Evaluation
from fastxent.evaluation._options import OF


def evaluate(
    scores: Any, target: Any, *, sample_weight: Any = None,
    of: Literal["logits", "probabilities", "multilabel_logits"] = "logits", axis: int = -1,
    class_weight: ClassWeight | None = None, ignore_index: float | None = None, label_smoothing: float = 0.0,
    eps: float | None = None, per_class: bool = False, top_k: Sequence[int] = (1,), calibration_bins: int = 0,
    n_bytes: int | None = None, n_threads: int | None = 1, compute: bool = True,
) -> Any:  # fmt: skip
    r"""The `fastxent.evaluation.Evaluation` of dask collections.

    Each partition updates an evaluation of its own, and these are merged in a tree. Their sums are exact [1]_, among
    them

    .. math:: \sum_i v_i l_i

    so the state is the same, to the bit, for every partitioning, any number of workers, after one was lost, and
    as that of one evaluation in memory.

    Parameters
    ----------
    scores : dask array, DataFrame or Series, shape (..., C, ...)
        What `of` says, of any chunks; those that cut `axis` are joined.
    target : dask array, DataFrame or Series, or array_like, shape (...) or (..., C, ...)
        Class indices or distributions; of multi-label logits one number in [0, 1] for each.
    sample_weight : dask array or Series, or array_like, optional
        A scalar, or with as many axes as the samples, each of their size or of size 1.
    of, axis, class_weight, ignore_index, label_smoothing, eps, per_class, top_k, calibration_bins
        As `fastxent.evaluation.Evaluation` takes them.
    n_bytes : int, optional
        How many bytes of text the samples stand for, all together.
    n_threads : int or None, default 1
        As `softmax_cross_entropy` takes it.
    compute : bool, default True
        Whether to compute now, or to return what will be.

    Returns
    -------
    Evaluation or dask.delayed.Delayed
        Of all samples; its method `compute` returns the scores. It may go on, with `update` and `merge`.

    Raises
    ------
    TypeError, ValueError
        As `softmax_cross_entropy` does, and as Evaluation does.

    Warns
    -----
    UserWarning
        As Evaluation does, of the first rows of a partition, and where it is read: what another process warns of is
        in the log of that.

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
    >>> x = da.from_array(logits, chunks=(300, -1))
    >>> scores = fastxent.dask.evaluate(x, target, top_k=(1, 5)).compute()
    >>> round(scores.loss, 4), scores.accuracy, scores.top_k[5]
    (2.7143, 0.097, 0.513)
    """
    scores = scores_of(scores, "scores")
    along = _check.axis_of(axis, scores.ndim, "scores")
    multilabel = _check.one_of(of, "of", OF) == "multilabel_logits"  # each of which is a sample
    if multilabel:
        check_known_along(scores, along, "scores")
        scores = scores.rechunk({along: -1})
    operands = operands_of(scores, target, sample_weight, None if multilabel else along, "scores", "target")
    options: dict[str, Any] = {
        "n_classes": int(operands.scores.shape[along]), "of": of, "axis": axis, "class_weight": class_weight,
        "ignore_index": ignore_index, "label_smoothing": label_smoothing, "eps": eps, "per_class": per_class,
        "top_k": top_k, "calibration_bins": calibration_bins,
    }  # fmt: skip
    options = Evaluation(**options).options
    if n_bytes is not None:
        n_bytes = _check.whole_number(n_bytes, "n_bytes", 0)
    n_threads = _check.n_threads_of(n_threads)
    parts = mapped(evaluation_of_partition, operands, evaluation=options, n_bytes=n_bytes, n_threads=n_threads)
    evaluation = brought_together(parts, merged, as_it_is).to_delayed().item()
    return evaluation.compute() if compute else evaluation


def evaluation_of_partition(
    number: tuple[int, ...], scores: Any, target: Any, weight: Any, *, evaluation: dict[str, Any], n_bytes: int | None,
    n_threads: int | None,
) -> Evaluation:  # fmt: skip
    n_bytes = 0 if n_bytes is not None and any(number) else n_bytes  # all of them with the first partition
    return Evaluation(**evaluation).update(scores, target, sample_weight=weight, n_bytes=n_bytes, n_threads=n_threads)


def merged(parts: list[Evaluation]) -> Evaluation:
    """A new one: dask may need these again."""
    return Evaluation(**parts[0].options).merge(*parts)
