"""What an evaluation comes to."""

from __future__ import annotations

import math
from typing import Any, NamedTuple

import numpy as np

from fastxent._types import Array
from fastxent.evaluation._totals import Totals


class ClassScores(NamedTuple):
    """The scores of the samples of each class."""

    loss: Array
    accuracy: Array | None
    n: Array
    weight: Array


class Calibration(NamedTuple):
    """How often predictions came true, in bins of how probable they were said to be; nan in bins without weight."""

    error: float
    prob_true: Array
    prob_pred: Array
    weight: Array
    n: Array
    edges: Array


class Scores(NamedTuple):
    r"""What predictions are worth, as `Evaluation.compute` returns it.

    With the losses :math:`l_i` of the samples, their weights :math:`v_i` and the weights :math:`w` of their classes

    .. math::

       L = \frac{\sum_i v_i l_i}{D}, \qquad \mathrm{perplexity} = e^L, \qquad \mathrm{bits} = \frac{L}{\log 2}, \qquad
       \mathrm{ECE} = \sum_B \frac{|B|}{n} \bigl| \mathrm{true}(B) - \mathrm{predicted}(B) \bigr|

    where :math:`D = \sum_i v_i w_{y_i}` for class indices and :math:`D = \sum_i v_i` else. A bin :math:`B` of the
    expected calibration error [1]_ has the samples, of weight :math:`|B|` of :math:`n`, with a probability in an
    interval.

    Parameters
    ----------
    loss : float
        The mean :math:`L`, in nats; nan if nothing has weight.
    perplexity : float
        The exponential of the loss.
    bits : float
        The loss in bits.
    bits_per_byte : float or None
        The sum of the losses, in bits, over the number of bytes; None unless each update was told a number, and nan if
        nothing has weight.
    accuracy : float or None
        The share of samples whose class has the largest score: the first of these, if there are several. Of multi-label
        logits the share of right answers, yes where a logit is above 0. None without `top_k`.
    top_k : dict of int to float
        For each k the share of samples in which fewer than k scores exceed that of their class: of the largest alone a
        little more than `accuracy`, where several are equal.
    per_class : ClassScores or None
        `loss`, `accuracy`, `n` and `weight` of the samples of each class, as arrays of shape (C,).
    calibration : Calibration or None
        ``error``, the expected calibration error; and of each bin `prob_true`, the share of predictions that came true,
        `prob_pred`, the mean of their probabilities, `weight`, `n` and the two ``edges``. A bin is open below and
        closed above.
    n : int
        The number of samples that are neither ignored nor of weight 0.
    weight : float
        The denominator :math:`D`.

    References
    ----------
    .. [1] C. Guo, G. Pleiss, Y. Sun and K. Q. Weinberger, "On calibration of modern neural networks", ICML, 2017,
       section 2.

    Examples
    --------
    >>> from fastxent.evaluation import Evaluation
    >>> evaluation = Evaluation(3).update([[2.0, 0.0, 1.0], [0.0, 3.0, 1.0]], [0, 2])
    >>> scores = evaluation.compute()
    >>> round(scores.loss, 4), round(scores.perplexity, 4), scores.accuracy
    (1.2887, 3.6282, 0.5)
    >>> scores.n, scores.weight
    (2, 2.0)
    """

    loss: float
    perplexity: float
    bits: float
    bits_per_byte: float | None
    accuracy: float | None
    top_k: dict[int, float]
    per_class: ClassScores | None
    calibration: Calibration | None
    n: int
    weight: float


def edges_of(n_bins: int) -> Array:
    """Of bins of the same width from 0 to 1."""
    return np.linspace(0.0, 1.0, n_bins + 1)


def bins_of(prob: Array, edges: Array) -> Array:
    """The bin of each probability, open below and closed above: 0 is in the first, and 1 in the last."""
    return np.searchsorted(edges[1:-1], prob)


def scores_of(options: dict[str, Any], totals: Totals) -> Scores:
    """What the totals come to."""
    counts, sums = totals.counts, totals.sums
    loss = sums["loss"].over(0, sums["weight"], 0)
    bits_per_byte = None
    if counts["n_bytes"] and not counts["n_without_bytes"]:
        total = math.nan if math.isnan(loss) else sums["loss"].number(0)
        bits_per_byte = total / math.log(2.0) / counts["n_bytes"]
    accuracy = sums["top"].over(0, sums["v"], 0) if "top" in sums else None
    ks = options["top_k"] if "hits" in sums else []
    return Scores(
        loss=loss,
        perplexity=exp(loss),
        bits=loss / math.log(2.0),
        bits_per_byte=bits_per_byte,
        accuracy=accuracy,
        top_k={k: sums["hits"].over(i, sums["v"], 0) for i, k in enumerate(ks)},
        per_class=class_scores_of(totals) if options["per_class"] else None,
        calibration=calibration_of(totals) if options["calibration_bins"] else None,
        n=counts["n"],
        weight=sums["weight"].number(0),
    )


def exp(x: float) -> float:
    try:
        return math.exp(x)
    except OverflowError:
        return math.inf


def class_scores_of(totals: Totals) -> ClassScores:
    sums = totals.sums
    return ClassScores(
        loss=sums["class_loss"].all_over(sums["class_weight"]),
        accuracy=sums["class_top"].all_over(sums["class_v"]) if "class_top" in sums else None,
        n=sums["class_n"].numbers().astype(np.int64),
        weight=sums["class_weight"].numbers(),
    )


def calibration_of(totals: Totals) -> Calibration:
    sums = totals.sums
    edges = edges_of(len(sums["bin_v"]))
    true, predicted = (sums[name].all_over(sums["bin_v"]) for name in ("bin_true", "bin_prob"))
    weight = sums["bin_v"].numbers()
    filled = weight > 0
    error = math.nan
    if filled.any():
        error = float(np.sum(np.abs(true - predicted)[filled] * sums["bin_v"].shares()[filled]))
    return Calibration(
        error=error,
        prob_true=true,
        prob_pred=predicted,
        weight=weight,
        n=sums["bin_n"].numbers().astype(np.int64),
        edges=np.column_stack([edges[:-1], edges[1:]]),
    )
