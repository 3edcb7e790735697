"""fastxent.dask: what partitions add up to has the same bits however they are cut, and the value of memory."""

import math
import warnings

import dask
import dask.array as da
import numpy as np
import pytest

import fastxent as fx
import fastxent.dask
from fastxent import metrics
from tests.partitions import (
    CASES,
    CUTS,
    EVALUATIONS,
    LOGITS,
    PROBS,
    SIGMOID,
    SOFT,
    SOFTMAX,
    TARGET,
    WEIGHT,
    C,
    N,
    cut,
    evaluated,
    in_order,
    rows_of,
    unread,
)

each_case = pytest.mark.parametrize(
    "title, ours, whole, scores, target, options", CASES, ids=[case[0] for case in CASES]
)
each_cut = pytest.mark.parametrize("chunks", CUTS.values(), ids=CUTS)


@each_case
def test_the_bits_are_the_same_for_every_partitioning(title, ours, whole, scores, target, options):
    values = {ours(cut(scores, chunks), cut(target, chunks), **options) for chunks in CUTS.values()}
    assert len(values) == 1


@each_case
def test_the_value_is_that_in_memory(title, ours, whole, scores, target, options):
    value, expected = ours(cut(scores, (25, 2)), target, **options), whole(scores, target, **options)
    assert isinstance(value, float)
    assert abs(value - expected) <= 2 * math.ulp(expected)


@each_cut
@pytest.mark.parametrize("kind", EVALUATIONS)
def test_an_evaluation_has_the_state_of_one_in_memory(kind, chunks):
    scores, target, options = EVALUATIONS[kind]
    weight = WEIGHT[:, None] if kind == "multilabel_logits" else WEIGHT
    more = {"sample_weight": weight, "n_bytes": 77}
    ours = fastxent.dask.evaluate(cut(scores, chunks), cut(target, chunks), **options, **more)
    assert ours.state() == evaluated(scores, target, options, **more).state()


@each_cut
@pytest.mark.parametrize("function, cases", [("softmax_cross_entropy", SOFTMAX), ("sigmoid_cross_entropy", SIGMOID)])
def test_losses_of_rows_are_those_in_memory_to_the_bit(function, cases, chunks):
    for target, options in cases.values():
        logits = cut(LOGITS, chunks)
        losses = getattr(fastxent.dask, function)(logits, target, reduction="none", compute=False, **options)
        expected = getattr(fx, function)(LOGITS, target, reduction="none", **options)
        assert (losses.dtype, losses.chunks[0]) == (expected.dtype, logits.chunks[0])
        np.testing.assert_array_equal(losses.compute(), expected)


@each_case
@pytest.mark.parametrize("name", ["classes cut", "some without rows"])
def test_partitions_of_unknown_lengths_have_the_same_value(title, ours, whole, scores, target, options, name):
    rows, _ = CUTS[name]
    weight = options.get("sample_weight")
    unknown = {} if weight is None else {"sample_weight": rows_of(weight, (rows, 1))}
    value = ours(rows_of(scores, (rows, C)), rows_of(target, (rows, C)), **options | unknown)
    assert value == ours(cut(scores, (rows, C)), target, **options)


def test_classes_may_lie_along_any_axis_and_samples_along_several(rng):
    images, labels = rng.normal(size=(6, C, 8, 9)), rng.integers(C, size=(6, 8, 9))
    weight = rng.random((6, 1, 9))
    x, y = da.from_array(images, chunks=(2, 3, 4, 5)), da.from_array(labels, chunks=(6, 3, 2))
    loss = fastxent.dask.softmax_cross_entropy(x, y, axis=1, sample_weight=weight)
    expected = fx.softmax_cross_entropy(images, labels, axis=1, sample_weight=weight)
    assert abs(loss - expected) <= 2 * math.ulp(expected)
    losses = fastxent.dask.softmax_cross_entropy(x, y, axis=1, reduction="none")
    np.testing.assert_array_equal(losses, fx.softmax_cross_entropy(images, labels, axis=1, reduction="none"))


def test_one_row_is_one_sample():
    row = da.from_array(LOGITS[0], chunks=2)
    assert fastxent.dask.softmax_cross_entropy(row, 3) == fx.softmax_cross_entropy(LOGITS[0], 3)
    assert fastxent.dask.softmax_cross_entropy(row, 3, reduction="none") == np.float32(
        fx.softmax_cross_entropy(LOGITS[0], 3, reduction="none")
    )


def test_a_weight_may_be_one_for_all():
    x = cut(LOGITS, (25, C))
    weighted = fastxent.dask.softmax_cross_entropy(x, TARGET, sample_weight=2.0, reduction="sum")
    assert weighted == 2 * fastxent.dask.softmax_cross_entropy(x, TARGET, reduction="sum")


def test_nothing_is_computed_before_it_is_asked_for():
    x, y = unread(LOGITS, (25, 2)), unread(TARGET, (7,))
    lazy = [
        fastxent.dask.softmax_cross_entropy(x, y, compute=False),
        fastxent.dask.softmax_cross_entropy(x, y, reduction="none", compute=False),
        fastxent.dask.sigmoid_cross_entropy(x, x, compute=False),
        fastxent.dask.log_loss(y, x, compute=False),
        fastxent.dask.evaluate(x, y, compute=False),
    ]
    assert all(dask.is_dask_collection(one) for one in lazy)
    with pytest.raises(AssertionError, match="a block was loaded"):
        lazy[0].compute()


@each_case
def test_what_is_computed_later_is_what_is_computed_now(title, ours, whole, scores, target, options):
    x = cut(scores, (25, 2))
    later = ours(x, target, **options, compute=False)
    assert (later.shape, later.dtype) == ((), np.float64)
    assert float(later.compute()) == ours(x, target, **options)


def test_an_evaluation_of_later_can_be_merged():
    x = cut(LOGITS, (25, 2))
    parts = dask.compute(*(fastxent.dask.evaluate(x[i : i + 30], TARGET[i : i + 30], compute=False) for i in (0, 30)))
    assert parts[0].merge(parts[1]).state() == evaluated(LOGITS, TARGET, {}).state()


def test_no_rows_are_what_they_are_in_memory():
    x, y = cut(LOGITS, (25, C))[:0], TARGET[:0]
    assert math.isnan(fastxent.dask.softmax_cross_entropy(x, y))
    assert fastxent.dask.softmax_cross_entropy(x, y, reduction="sum") == 0.0
    assert fastxent.dask.softmax_cross_entropy(x, y, reduction="none").shape == (0,)
    assert fastxent.dask.evaluate(x, y).compute().n == 0
    with pytest.raises(ValueError, match="y_proba has no rows"):
        fastxent.dask.log_loss(y, x)


def test_a_lazy_loss_is_a_number_to_dask():
    x = cut(LOGITS, (25, C))
    loss = fastxent.dask.softmax_cross_entropy(x, TARGET, compute=False)
    ratio = loss / fastxent.dask.sigmoid_cross_entropy(x, SOFT, compute=False)
    expected = fastxent.dask.softmax_cross_entropy(x, TARGET) / fastxent.dask.sigmoid_cross_entropy(x, SOFT)
    assert (loss.shape, float(ratio.compute())) == ((), expected)


def test_nothing_with_weight_has_no_mean():
    x = cut(LOGITS, (25, C))
    assert math.isnan(fastxent.dask.softmax_cross_entropy(x, TARGET, sample_weight=0.0))
    assert fastxent.dask.softmax_cross_entropy(x, TARGET, sample_weight=0.0, reduction="sum") == 0.0
    with pytest.raises(ZeroDivisionError):
        fastxent.dask.log_loss(TARGET, cut(PROBS, (25, C)), sample_weight=np.zeros(N))


@pytest.mark.parametrize("chunks", [(30, C), (7, 2)])
def test_a_partition_need_not_have_every_class(chunks):
    order = np.argsort(TARGET)
    y, q = TARGET[order], PROBS[order]
    assert fastxent.dask.log_loss(cut(y, chunks), cut(q, chunks)) == pytest.approx(metrics.log_loss(y, q), rel=1e-15)


def test_log_loss_of_one_column_is_that_of_the_second_class():
    y, q = TARGET == 2, PROBS[:, 2]
    for probs in (da.from_array(q, chunks=25), da.from_array(q[:, None], chunks=(25, 1))):
        assert fastxent.dask.log_loss(da.from_array(y, chunks=11), probs) == pytest.approx(
            metrics.log_loss(y, q), rel=1e-15
        )


@pytest.mark.parametrize(
    "change, options, said",
    [(0.5, {}, "do not sum to one"), (1.0, {"labels": np.array([4, 1, 2, 3, 0])}, "Labels passed were")],
    ids=["sums", "labels not sorted"],
)
def test_log_loss_warns_as_it_does_in_memory(change, options, said):
    q = PROBS.copy()
    q[41] *= change
    with pytest.warns(UserWarning, match=said) as ours:
        fastxent.dask.log_loss(TARGET, cut(q, (25, C)), **options)
    with pytest.warns(UserWarning, match=said) as theirs:
        metrics.log_loss(TARGET, q, **options)
    assert [str(one.message) for one in ours] == [str(one.message) for one in theirs]
    with warnings.catch_warnings(record=True) as none:
        fastxent.dask.log_loss(TARGET, cut(PROBS, (25, C)))
    assert not none


def test_soft_targets_are_not_labels():
    with pytest.raises(ValueError, match="ignore_index = 1, but the target is a distribution"):
        fastxent.dask.softmax_cross_entropy(unread(LOGITS, (25, C)), unread(SOFT, (25, C)), ignore_index=1)


def test_more_partitions_are_few_more_layers_of_the_graph():
    """Each call of something delayed looks at all layers before it: minutes, if each sum were one, not each level."""
    for lazy in (fastxent.dask.evaluate, fastxent.dask.softmax_cross_entropy, in_order(fastxent.dask.log_loss)):
        few, many = (lazy(cut(PROBS, (n, C)), cut(TARGET, (n,)), compute=False) for n in (20, 1))
        assert len(many.__dask_graph__().layers) <= len(few.__dask_graph__().layers) + 2
