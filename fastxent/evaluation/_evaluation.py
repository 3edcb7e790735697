"""Losses, hits and probabilities of many samples, kept as exact sums."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from typing import Any, Literal, Self

from numpy.typing import ArrayLike

from fastxent import _check, _hints
from fastxent._types import ClassWeight
from fastxent.evaluation._options import options_in, options_of, written
from fastxent.evaluation._reading import first_rows, read
from fastxent.evaluation._scores import Scores, scores_of
from fastxent.evaluation._totals import Totals, sizes_of

VERSION = 1  # of the state


class Evaluation:
    r"""Loss, perplexity, accuracy and calibration of predictions that come in pieces, without rounding errors.

    Each `update` adds samples, `merge` what was evaluated elsewhere, and `compute` returns the `Scores`. A sample has
    the loss :math:`v_i l_i` of `fastxent.softmax_cross_entropy` (or of `fastxent.clamped_cross_entropy` or
    `fastxent.sigmoid_cross_entropy`), in double. Sums are integers in units of :math:`2^{-1074}` [1]_: every double is
    one, and they are added without rounding. So the state is the same, to the bit, for every order of the samples,
    every cut into pieces and processes, and every number of threads; and its mean is rounded once.

    Parameters
    ----------
    n_classes : int
        The number of classes C, or of labels.
    of : {"logits", "probabilities", "multilabel_logits"}, default "logits"
        What the scores are: logits of classes that exclude each other, whose softmax is taken; their probabilities, at
        most 1; or logits of labels of which any number may be true, whose sigmoid is taken, and each of which is a
        sample.
    axis : int, default -1
        The scores' axis that holds the classes or labels.
    class_weight : array_like, shape (C,), or dict, optional
        As `fastxent.softmax_cross_entropy` takes it; it counts in the loss alone. Not of multi-label logits.
    ignore_index : int, optional
        Samples with this target have no influence; of multi-label logits a float, or nan.
    label_smoothing : float, default 0.0
        As the loss takes it.
    eps : float, optional
        Where probabilities are clamped, 1e-20 by default; only of them.
    per_class : bool, default False
        Whether to keep scores of each class, or label, as well.
    top_k : sequence of int, default (1,)
        For which k to count how often fewer than k scores exceed that of the true class. Of multi-label logits only
        (1,), the share of right answers. Without any, (), no accuracy is kept, which takes less time.
    calibration_bins : int, default 0
        The number of bins, of the same width, for the probabilities of the most probable classes; of multi-label logits
        for those of all labels.

    Attributes
    ----------
    options : dict
        All of the above.

    Raises
    ------
    TypeError, ValueError
        If an option is of the wrong type, out of its range, or does not go with what the scores are.

    Notes
    -----
    What is added of a weighted sample is the product of its loss and its weight, rounded to double as in the functions
    above. The loss is theirs within the rounding of their sum and their quotient, each half an ulp. But they scale
    weights all of which are as large as 1e308 or as small as 1e-310; here such products overflow, or lose digits.

    Targets that are distributions count for the class of their largest share, the first of these, in `per_class`,
    `top_k` and calibration. A sample whose scores hold NaN is no hit, and in no bin; a loss of nan or inf is counted
    beside the sums, and makes the mean what plain addition would.

    An update cuts its samples into blocks, each with at most a few megabytes beside the scores, which may be a
    `numpy.memmap` much larger than the memory. For the losses alone, with ``top_k=()``, it takes some 2 to 15 % more
    time than their mean; with hits about three times as much, and with calibration it reads the scores a third time.

    References
    ----------
    .. [1] U. Kulisch and V. Snyder, "The exact dot product as basic tool for long interval arithmetic", Computing 91,
       2011: sums of all products of doubles in a register long enough.

    Examples
    --------
    >>> import numpy as np
    >>> from fastxent.evaluation import Evaluation
    >>> logits, target = np.random.default_rng(0).normal(size=(1000, 10)), np.arange(1000) % 10
    >>> whole = Evaluation(10, top_k=(1, 5)).update(logits, target)
    >>> scores = whole.compute()
    >>> round(scores.loss, 4), scores.accuracy, scores.top_k[5]
    (2.7118, 0.106, 0.497)

    In two processes, say, the second of which writes JSON:

    >>> import json
    >>> one = Evaluation(10, top_k=(1, 5)).update(logits[:300], target[:300])
    >>> other = Evaluation(10, top_k=(1, 5)).update(logits[300:], target[300:])
    >>> text = json.dumps(other.state())
    >>> one.merge(Evaluation.from_state(json.loads(text))).compute() == scores
    True
    """

    def __init__(
        self, n_classes: int, *, of: Literal["logits", "probabilities", "multilabel_logits"] = "logits", axis: int = -1,
        class_weight: ClassWeight | None = None, ignore_index: float | None = None, label_smoothing: float = 0.0,
        eps: float | None = None, per_class: bool = False, top_k: Sequence[int] = (1,), calibration_bins: int = 0,
    ) -> None:  # fmt: skip
        self.options = options_of(
            n_classes, of, axis, class_weight, ignore_index, label_smoothing, eps, per_class, top_k, calibration_bins
        )
        self._totals = Totals(sizes_of(self.options))

    def __repr__(self) -> str:
        return f"<Evaluation of {self._totals.counts['n']} samples, n_classes={self.options['n_classes']}>"

    def update(
        self, scores: ArrayLike, target: ArrayLike, *, sample_weight: ArrayLike | None = None,
        n_bytes: int | None = None, n_threads: int | None = None,
    ) -> Self:  # fmt: skip
        """Add samples; all of them, or none if there is an error.

        Parameters
        ----------
        scores : array_like, shape (..., C, ...)
            What `of` says. Any float dtype that the losses take; a `numpy.memmap` is read once for the loss.
        target : array_like, shape (...) or (..., C, ...)
            Class indices or distributions; of multi-label logits one number in [0, 1] for each.
        sample_weight : array_like, optional
            As the loss takes it.
        n_bytes : int, optional
            How many bytes of text the samples stand for, to get the bits per byte of a language model.
        n_threads : int, optional
            The most threads to use, `fastxent.get_num_threads` by default.

        Returns
        -------
        Evaluation
            Itself.

        Raises
        ------
        TypeError, ValueError
            As the loss does, and if the scores do not have `n_classes` classes.
        ValueError
            If a probability is above 1 by more than the square root of its dtype's epsilon, which is rounding. Those of
            all classes are checked, but with class labels, no `label_smoothing` and neither hits nor calibration those
            of the labels, since no others are read; samples that are ignored or of `sample_weight` 0 are not.

        Warns
        -----
        UserWarning
            If the scores should be logits, but the first hundred rows of the first update are not negative and each
            sums to 1, as probabilities do.
        """
        addition = self._totals.empty()
        scores = _check.array_of(scores, "scores")
        read(self.options, addition, scores, target, sample_weight, n_threads)
        if n_bytes is None:
            addition.counts["n_without_bytes"] = addition.counts["n"]
        else:
            addition.counts["n_bytes"] = _check.whole_number(n_bytes, "n_bytes", 0)
        may_warn = self.options["of"] == "logits" and self.options["n_classes"] > 1 and not self._totals.counts["n"]
        if may_warn and _hints.are_distributions(first_rows(scores, self.options["axis"])):
            warnings.warn("scores look like probabilities; for these there is of='probabilities'", stacklevel=2)
        self._totals = self._totals.plus(addition)
        return self

    def merge(self, *others: Evaluation) -> Self:
        """Add what others were updated with; they must have the same options.

        Parameters
        ----------
        *others : Evaluation
            They stay as they are.

        Returns
        -------
        Evaluation
            Itself.

        Raises
        ------
        TypeError, ValueError
            If one is none, or has other options. Nothing is added then.
        """
        for other in others:
            if not isinstance(other, Evaluation):
                raise TypeError(f"a {type(other).__name__} cannot be merged into an Evaluation")
            theirs = written(other.options)
            for name, value in written(self.options).items():
                if theirs[name] != value:
                    raise ValueError(f"{name} = {theirs[name]} cannot be merged into {name} = {value}")
        self._totals = self._totals.plus(*(other._totals for other in others))
        return self

    def compute(self) -> Scores:
        """The scores of all samples so far.

        Returns
        -------
        Scores
            The mean loss and what is made of it, accuracies, and what was asked for of classes and bins.
        """
        return scores_of(self.options, self._totals)

    def state(self) -> dict[str, Any]:
        """All there is, as dicts, lists, strings and numbers: what ``json.dumps`` takes, and `from_state`.

        Returns
        -------
        dict
            The same for every order and every cut of the samples.
        """
        return {"version": VERSION, "options": written(self.options), **self._totals.state()}

    @classmethod
    def from_state(cls, state: dict[str, Any]) -> Self:
        """The evaluation with this state.

        Parameters
        ----------
        state : dict
            What `state` returned.

        Returns
        -------
        Evaluation
            Which goes on where the other was.

        Raises
        ------
        ValueError
            If it is none.
        """
        if not isinstance(state, dict) or state.get("version") != VERSION:
            raise ValueError(f"this is no state of an Evaluation, of version {VERSION}")
        try:
            made = cls(**options_in(state["options"]))
            made._totals.set_state(state["counts"], state["sums"])
        except (AttributeError, IndexError, KeyError, OverflowError, TypeError) as error:
            raise ValueError(f"this is no state of an Evaluation: {error!r}") from error
        return made
