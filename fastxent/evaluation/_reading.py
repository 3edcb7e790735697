"""Samples, block by block: their losses, and where their scores stand."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastxent import _bfloat16, _check, _explain
from fastxent._blocks import Cut, cuts
from fastxent._kernels import door
from fastxent._quiet import quiet
from fastxent._types import Array
from fastxent.evaluation._ranks import largest, ranks
from fastxent.evaluation._scores import bins_of, edges_of
from fastxent.evaluation._totals import Totals

SAMPLES = 65536  # of a block: half a megabyte of losses
FEW_SAMPLES = 16384  # where more is kept of each on the way
ELEMENTS = 262144  # where something is kept of each score
FIRST = 100  # that say what the scores are
FEW_CLASSES = 64  # whose scores take less time to check than to find the largest of each sample
ONE_SCORE = (
    "if they are scores of the second of two classes, one for each sample, give predict_proba and of='probabilities', "
    "or scores[:, None] and target[:, None] and of='multilabel_logits'; the loss alone is sigmoid_cross_entropy"
)
RULES = door.Rules(logits="scores", with_losses=True, wide_losses=True)


class Block(NamedTuple):
    """Samples, along all axes but `axis` (of multi-label logits along all)."""

    scores: Array
    target: Array
    weight: Array | None  # in the samples' shape
    axis: int
    n_threads: int | None

    @property
    def has_labels(self) -> bool:
        return self.target.ndim < self.scores.ndim

    @property
    def classes(self) -> int:
        return int(self.scores.shape[self.axis])

    @property
    def shape(self) -> tuple[int, ...]:
        """Without the classes."""
        return self.scores.shape[: self.axis] + self.scores.shape[self.axis + 1 :]


def read(
    options: dict[str, Any], totals: Totals, scores: Any, target: Any, weight: Any, n_threads: int | None
) -> None:  # fmt: skip
    """Add samples; what is wrong with them is found on the way."""
    scores = _check.array_of(scores, "scores")
    _check.check_logits(scores, "scores")
    target = _check.array_of(target, "target")
    weight = None if weight is None else _check.array_of(weight, "sample_weight")
    whole = Block(scores, target, weight, _check.axis_of(options["axis"], scores.ndim, "scores"), n_threads)
    if whole.classes != options["n_classes"]:
        hint = f"; {ONE_SCORE}" if scores.ndim == 1 else ""
        raise ValueError(
            f"scores have shape {scores.shape}: {whole.classes} classes along axis {whole.axis}, but n_classes = "
            f"{options['n_classes']}{hint}"
        )
    multilabel = options["of"] == "multilabel_logits"
    samples = scores.shape if multilabel else whole.shape
    if target.shape not in (samples, scores.shape) or not (weight is None or broadcasts(weight, samples)):
        losses_of(options, whole)  # raises
    if weight is not None:
        whole = whole._replace(weight=np.broadcast_to(weight, samples))
    most = SAMPLES if len(totals.sums) == 2 else min(SAMPLES, FEW_SAMPLES)
    if multilabel or not whole.has_labels:
        most = max(1, min(most, ELEMENTS // whole.classes))
    blocks = list(cuts(whole.shape, most))
    try:
        add_each(options, totals, whole, blocks, multilabel)
    except (TypeError, ValueError):
        if len(blocks) > 1:
            losses_of(options, whole)  # says where it is in the whole
            if options["of"] == "probabilities":
                raise_above_one(options, whole)
        raise


@quiet
def add_each(options: dict[str, Any], totals: Totals, whole: Block, blocks: list[Cut], multilabel: bool) -> None:
    """The samples of all cuts."""
    for cut in blocks:
        add(options, totals, part_of(whole, cut, multilabel) if cut else whole)


def first_rows(scores: Array, axis: int) -> Array:
    """The classes of at most so many samples, (n, C)."""
    moved = np.moveaxis(scores, axis, -1)
    return _bfloat16.widened(moved[next(cuts(moved.shape[:-1], FIRST))]).reshape(-1, moved.shape[-1])


def broadcasts(weight: Array, shape: tuple[int, ...]) -> bool:
    """Whether weights are one for all, or have the samples' axes, each of their size or 1."""
    if weight.ndim == 0:
        return True
    return weight.ndim == len(shape) and all(n in (1, m) for n, m in zip(weight.shape, shape, strict=True))


def part_of(whole: Block, cut: Cut, multilabel: bool) -> Block:
    """The samples of a cut."""
    target = part(whole.target, cut, None if whole.has_labels else whole.axis)
    weight = whole.weight
    if weight is not None:
        weight = part(weight, cut, whole.axis if multilabel else None)
    return whole._replace(scores=part(whole.scores, cut, whole.axis), target=target, weight=weight)


def part(array: Array, cut: Cut, axis: int | None) -> Array:
    """A block's part of an array of the samples; of one that has classes along an axis, too."""
    if axis is not None and axis < len(cut):
        cut = (*cut[:axis], slice(None), *cut[axis:])
    return array[cut]


def losses_of(options: dict[str, Any], block: Block, plain: bool = False) -> Array:
    """The samples' losses in double, in C order; plain: without the options that change them.

    `fastxent.dask` has options beside those of an evaluation: z_loss, infogain and pos_weight.
    """
    scores, target, weight, axis, n_threads = block
    class_weight, ignored, smoothing = (
        (None, None, 0.0) if plain else (options[name] for name in ("class_weight", "ignore_index", "label_smoothing"))
    )
    if options["of"] == "logits":
        result = door.softmax_cross_entropy(
            0, scores, target, axis, class_weight, weight, ignored, smoothing, options.get("z_loss", 0.0),
            options.get("infogain"), "sum", n_threads, rules=RULES,
        )  # fmt: skip
    elif options["of"] == "probabilities":
        result = door.clamped_cross_entropy(
            0, scores, target, options["eps"], axis, class_weight, weight, ignored, smoothing, None, "sum", n_threads,
            rules=RULES,
        )  # fmt: skip
    else:
        result = door.sigmoid_cross_entropy(
            0, scores, target, weight, options.get("pos_weight"), ignored, smoothing, "sum", n_threads, rules=RULES
        )
    losses: Array = result[2]
    if options["of"] == "probabilities":
        reads_all = not block.has_labels or options["label_smoothing"] != 0.0
        # of labels alone one above 1 has a negative loss
        if not (door.is_within(scores, 0.0, 1.0, n_threads) if reads_all else not (losses < 0).any()):
            raise_above_one(options, block)
    return losses.reshape(-1)


def check_largest(options: dict[str, Any], block: Block, predicted: Array) -> None:
    """Raise for a probability above 1 of any class."""
    if block.classes <= FEW_CLASSES:
        within = door.is_within(block.scores, 0.0, 1.0, block.n_threads)
    else:
        within = (largest(block.scores, predicted, block.axis) <= 1.0).all()
    if not within:
        raise_above_one(options, block)


def raise_above_one(options: dict[str, Any], block: Block) -> None:
    """Name the first probability above 1 by more than rounding, of those that are read of samples that count."""
    labels = block.target if block.has_labels else None
    reads_all = bool(labels is None or options["label_smoothing"] or options["top_k"] or options["calibration_bins"])
    most = 1.0 + _check.near_one(block.scores.dtype)
    _explain.raise_above_one(
        block.scores, block.axis, labels, block.weight, options["ignore_index"], reads_all, most,
        _check.PROBABILITY_RULE,
    )  # fmt: skip


def add(options: dict[str, Any], totals: Totals, block: Block) -> None:
    """Add a block."""
    sums, ignored = totals.sums, options["ignore_index"]
    v, known = None, block
    if block.weight is not None:
        v = weights_of(block)
        known = block._replace(weight=(v != 0).reshape(block.weight.shape))
    losses = losses_of(options, known)
    if v is not None:  # here, since a large weight would have the others' losses computed in another dtype
        losses = np.where(v != 0, v * losses, 0.0)
    if ignored is not None:
        target = _bfloat16.widened(block.target)
        target = target if block.has_labels else target.astype(np.float64)
        counted = (target != ignored if ignored == ignored else ~np.isnan(target)).reshape(-1)
        v = np.where(counted, 1.0 if v is None else v, 0.0)
    sums["loss"].add(losses)
    weights = times_class_weight(options, block, v)
    if weights is None:
        totals.counts["n"] += len(losses)
        sums["weight"].add_count(len(losses))
    else:
        totals.counts["n"] += len(losses) if v is None else int(np.count_nonzero(v))
        sums["weight"].add(weights)
    if len(sums) > 2:
        look(options, totals, block, losses, v)


def weights_of(block: Block) -> Array:
    """The samples' weights in double: finite, and not negative."""
    v: Array = _bfloat16.widened(np.asarray(block.weight)).astype(np.float64)
    door.check_range(v, "sample_weight", 0.0, _check.LARGEST, _check.WEIGHT_RULE, block.n_threads)
    return v.reshape(-1)


def times_class_weight(options: dict[str, Any], block: Block, v: Array | None) -> Array | None:
    """What samples add to what the sum of the losses is divided by."""
    class_weight = options["class_weight"]
    if class_weight is None or not block.has_labels:
        return v
    of_class: Array = class_weight[classes_of(block, v, False)]
    return of_class if v is None else v * of_class


def classes_of(block: Block, v: Array | None, multilabel: bool) -> Array:
    """The class, or the label, that each sample counts for; 0 where it has no weight."""
    if multilabel:
        columns = np.arange(block.classes).reshape([-1 if i == block.axis else 1 for i in range(block.scores.ndim)])
        return np.broadcast_to(columns, block.scores.shape).reshape(-1)
    if block.has_labels:
        labels = block.target.reshape(-1)
        return (labels if v is None else np.where(v != 0, labels, 0)).astype(np.int64)
    shares = np.moveaxis(_bfloat16.widened(block.target), block.axis, -1)
    y: Array = shares.reshape(-1, block.classes).argmax(axis=1)
    return y


def look(options: dict[str, Any], totals: Totals, block: Block, losses: Array, v: Array | None) -> None:
    """Add what is more than the loss."""
    sums, multilabel = totals.sums, options["of"] == "multilabel_logits"
    y = classes_of(block, v, multilabel)
    group = y if v is None else np.where(v != 0, y, -1)
    right = np.zeros(len(y), bool)
    if multilabel:
        x, true = _bfloat16.widened(block.scores).reshape(-1), _bfloat16.widened(block.target).reshape(-1) > 0.5
        right = ((x > 0) == true) & ~np.isnan(x)
    elif options["top_k"] or options["calibration_bins"]:
        predicted, rank = ranks(block.scores, y, block.axis, block.n_threads)
        right = predicted == y
        if options["of"] == "probabilities":
            check_largest(options, block, predicted)
    if "top" in sums:
        sums["v"].add_where(np.ones(len(y), bool), v)
        sums["top"].add_where(right, v)
    if "hits" in sums:
        for i, k in enumerate(options["top_k"]):
            sums["hits"].add_where(rank < k, v, i)
    if options["per_class"]:
        sums["class_n"].add_counts(group)
        sums["class_loss"].add(losses, group)
        sums["class_weight"].add_weights(times_class_weight(options, block, v), group)
        if "class_top" in sums:
            sums["class_v"].add_weights(v, group)
            sums["class_top"].add_weights(v, np.where(right, group, -1))
    if options["calibration_bins"]:
        if multilabel:
            prob = probabilities(options, block, np.ones(len(y), np.uint8))
        elif options["of"] == "logits":
            true, prob = right, probabilities(options, block, np.maximum(predicted, 0))
        else:
            true, prob = right, largest(block.scores, predicted, block.axis)
        add_bins(totals, prob, true, v)


def probabilities(options: dict[str, Any], block: Block, said: Array) -> Array:
    """Of what is said to be true: its loss is the logarithm of 1 / p."""
    shape = block.scores.shape if options["of"] == "multilabel_logits" else block.shape
    return np.exp(-losses_of(options, block._replace(target=said.reshape(shape), weight=None), plain=True))


def add_bins(totals: Totals, prob: Array, true: Array, v: Array | None) -> None:
    """Add what was said to be true with these probabilities, and whether it was."""
    sums = totals.sums
    group = bins_of(prob, edges_of(len(sums["bin_v"])))
    group = np.where(np.isnan(prob) | (False if v is None else v == 0), -1, group)
    sums["bin_n"].add_counts(group)
    sums["bin_v"].add_weights(v, group)
    sums["bin_prob"].add(prob if v is None else v * prob, group)
    sums["bin_true"].add_weights(v, np.where(true, group, -1))
