"""fastxent.dask: what is wrong is said in the words of the function in memory, and where: in which partition."""

import functools

import dask.array as da
import numpy as np
import pytest
from scipy import sparse

import fastxent as fx
import fastxent.dask
from fastxent import metrics
from fastxent.evaluation import Evaluation
from tests.partitions import LOGITS, PROBS, SOFT, TARGET, WEIGHT, C, N, cut, rows_of, unread

ROWS = slice(20, 40)  # of the second partition, where something is wrong
SECOND = "partition 1, rows 20 to 39, here counted from 0: "
SOFTMAX = fastxent.dask.softmax_cross_entropy, fx.softmax_cross_entropy
SIGMOID = fastxent.dask.sigmoid_cross_entropy, fx.sigmoid_cross_entropy
LOG_LOSS = (
    (lambda q, y, **options: fastxent.dask.log_loss(y, q, **options)),
    lambda q, y, **options: metrics.log_loss(y, q, labels=range(C), **options),
)
EVALUATE = fastxent.dask.evaluate, lambda x, y, **options: Evaluation(C).update(x, y, **options)
EVALUATE_PROBS = (
    functools.partial(fastxent.dask.evaluate, of="probabilities"),
    lambda q, y: Evaluation(C, of="probabilities").update(q, y),
)


def but(array, value, place=(23,)):
    """With another value in row 23."""
    changed = np.array(array)
    changed[place] = value
    return changed


WRONG = {
    "a label": (SOFTMAX, LOGITS, but(TARGET, 7), {}),
    "an ignored label": (SOFTMAX, LOGITS, but(TARGET, -100), {}),
    "a distribution": (SOFTMAX, LOGITS, but(SOFT, -1.0, (23, 2)), {}),
    "a weight": (SOFTMAX, LOGITS, TARGET, {"sample_weight": but(WEIGHT, -1.0)}),
    "a target of the sigmoid": (SIGMOID, LOGITS, but(SOFT, 2.0, (23, 1)), {}),
    "a label of an evaluation": (EVALUATE, LOGITS, but(TARGET, 7), {}),
    "a probability of an evaluation": (EVALUATE_PROBS, but(PROBS, 2.0, (23, 1)), TARGET, {}),
    "a probability": (LOG_LOSS, but(PROBS, 2.0, (23, 1)), TARGET, {}),
    "a weight that is nan": (LOG_LOSS, PROBS, TARGET, {"sample_weight": but(WEIGHT, np.nan)}),
}


@pytest.mark.parametrize("name", WRONG)
def test_an_error_of_a_partition_is_that_in_memory_after_its_place(name):
    (ours, whole), scores, target, options = WRONG[name]
    with pytest.raises((TypeError, ValueError)) as theirs:
        whole(scores[ROWS], target[ROWS], **{key: value[ROWS] for key, value in options.items()})
    with pytest.raises(theirs.type) as error:
        ours(cut(scores, (20, C)), cut(target, (20, C)), **options)
    assert str(error.value) == f"{SECOND}{theirs.value}"


def test_logits_of_an_evaluation_that_look_like_probabilities_are_noticed():
    with pytest.warns(UserWarning, match="scores look like probabilities"):
        evaluation = fastxent.dask.evaluate(cut(PROBS, (20, 2)), cut(TARGET, (20, 2)))
    assert evaluation.compute().n == N


@pytest.mark.parametrize("logits, target", [(LOGITS, TARGET + 0.0), (LOGITS + 1j, TARGET)], ids=["floats", "complex"])
def test_a_dtype_is_refused_as_in_memory(logits, target):
    with pytest.raises(TypeError) as theirs:
        fx.softmax_cross_entropy(logits, target)
    with pytest.raises(TypeError) as error:
        fastxent.dask.softmax_cross_entropy(cut(logits, (N, C)), cut(target, (N, C)))
    assert str(error.value) == f"partition 0, rows 0 to 59, here counted from 0: {theirs.value}"


def test_a_sparse_block_is_refused_as_in_memory():
    x = cut(LOGITS, (N, C)).map_blocks(sparse.csr_array, dtype=LOGITS.dtype, meta=sparse.csr_array((0, 0)))
    for function in (fastxent.dask.softmax_cross_entropy, EVALUATE[0], LOG_LOSS[0]):
        with pytest.raises(TypeError, match=r"^partition 0, .*: \w+ is a sparse csr_array; make it dense first"):
            function(x, cut(TARGET, (N,)))


def test_losses_of_rows_name_the_partition():
    with pytest.raises(ValueError, match=rf"^{SECOND}target\[3\] = 7, but logits have 5 classes"):
        fastxent.dask.softmax_cross_entropy(cut(LOGITS, (20, C)), but(TARGET, 7), reduction="none")


def test_partitions_along_several_axes_have_several_numbers(rng):
    labels = but(rng.integers(C, size=(4, 6)), 9, (2, 5))
    x = da.from_array(rng.normal(size=(4, 6, C)), chunks=(2, 3, C))
    with pytest.raises(ValueError, match=r"^partition \(1, 1\), samples \[2:4, 3:6\], .*: target\[0, 2\] = 9"):
        fastxent.dask.softmax_cross_entropy(x, labels)


def test_a_partition_of_unknown_length_has_its_number():
    with pytest.raises(ValueError, match=r"^partition 1, rows, here counted from 0: target\[3\] = 7"):
        fastxent.dask.softmax_cross_entropy(rows_of(LOGITS, (20, C)), rows_of(but(TARGET, 7), (20,)))


@pytest.mark.parametrize(
    "target, weight, said",
    [
        ((20, 20, 19), (20, 20, 20), r"^partition 2, .*target has shape \(19,\), but logits have shape \(20, 5\)"),
        (
            (20, 20, 20),
            (20, 1, 20),
            r"^partition 1, .*sample_weight has shape \(1,\), but the samples have shape \(20,\)",
        ),
        ((30, 30), (20, 20, 20), "^target has 2 partitions along axis 0, but logits 3, and some of unknown lengths"),
    ],
    ids=["a row less", "one weight for a partition", "other partitions"],
)
def test_partitions_of_unknown_lengths_must_fit(target, weight, said):
    x = rows_of(LOGITS, (20, C))
    y, v = (rows_of(np.zeros(sum(sizes), int), (sizes,)) for sizes in (target, weight))
    with pytest.raises(ValueError, match=said):
        fastxent.dask.softmax_cross_entropy(x, y, sample_weight=v)


X, Y = unread(LOGITS, (20, 2)), unread(TARGET, (20,))


@pytest.mark.parametrize(
    "args, options, exception, said",
    [
        ([LOGITS, Y], {}, TypeError, "logits is a ndarray in memory, but fastxent.dask takes dask arrays"),
        ([[1.0, 2.0], 1], {}, TypeError, "logits is a list in memory"),
        (
            [X, Y[1:]],
            {},
            ValueError,
            r"target has shape \(59,\), but logits have shape \(60, 5\): expected \(60,\) for",
        ),
        ([X, X[:, 1:]], {}, ValueError, r"target has shape \(60, 4\)"),
        ([X, Y], {"sample_weight": [1.0, 2.0]}, ValueError, r"sample_weight has shape \(2,\), but .* shape \(60,\)"),
        ([X, Y], {"class_weight": Y[:C]}, TypeError, "class_weight is a dask Array"),
        ([X, Y], {"class_weight": np.ones(4)}, ValueError, r"class_weight has shape \(4,\), but there are 5 classes"),
        ([X, Y], {"axis": None}, TypeError, "axis = None"),
        ([X, Y], {"axis": 2}, ValueError, "axis = 2, but logits have 2 axes"),
        ([X, Y], {"reduction": "median"}, ValueError, "reduction = 'median'"),
        ([X, Y], {"z_loss": -1.0}, ValueError, "z_loss = -1.0"),
        ([X, Y], {"n_threads": 0}, ValueError, "n_threads = 0"),
        ([X[:, 0][X[:, 0] > 0], Y], {}, ValueError, "of='probabilities', or scores"),
        ([X[:, da.ones(C, chunks=2, dtype=bool)], Y], {}, ValueError, "the number of classes must be known"),
        (
            [X, Y.to_delayed()[0]],
            {},
            TypeError,
            "target is a dask Delayed.*; expected a dask array, DataFrame or Series",
        ),
    ],
)
def test_what_is_wrong_with_the_call_is_said_before_a_block_is_loaded(args, options, exception, said):
    with pytest.raises(exception, match=said):
        fastxent.dask.softmax_cross_entropy(*args, **options)


def test_normalize_that_is_no_bool_is_named():
    with pytest.raises(TypeError, match="normalize = 'no'"):
        fastxent.dask.log_loss(Y, cut(PROBS, (30, C)), normalize="no")


@pytest.mark.parametrize("of", ["scores", None, np.zeros(2)], ids=repr)
def test_what_is_no_kind_of_scores_is_named(of):
    with pytest.raises(ValueError, match="of = "):
        fastxent.dask.evaluate(X, Y, of=of)


def test_a_positive_weight_is_one_for_all_or_for_each_column():
    with pytest.raises(ValueError, match=r"pos_weight has shape \(60,\), but the logits have shape \(60,\)"):
        fastxent.dask.sigmoid_cross_entropy(Y, Y, pos_weight=np.ones(N))


def test_labels_of_different_kinds_do_not_become_strings():
    y = da.concatenate([cut(TARGET[:30], (30,)), cut(TARGET[30:].astype(str), (30,))])
    y = da.map_blocks(lambda block, block_id: block.astype(int) if block_id == (0,) else block, y, dtype=object)
    with pytest.raises(TypeError, match="y_true has numbers in some partitions, and in others labels that are none"):
        fastxent.dask.log_loss(y, cut(PROBS, (30, C)))


def test_a_single_class_is_refused_as_in_memory():
    with pytest.raises(ValueError, match=r"^partition [01], .*: The labels array needs to contain at least two labels"):
        fastxent.dask.log_loss(np.zeros(N, int), cut(PROBS, (30, C)))


def test_classes_that_no_partition_has_are_to_be_passed_as_labels():
    few, probs = np.minimum(TARGET, C - 2), cut(PROBS, (20, C))
    with pytest.raises(ValueError, match=r"number of classes: 4 vs 5; pass all of them as labels.*: \[0 1 2 3\]"):
        fastxent.dask.log_loss(few, probs)
    expected = metrics.log_loss(few, PROBS, labels=range(C))
    assert fastxent.dask.log_loss(few, probs, labels=range(C)) == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("weight", [2.0, np.ones(1)])
def test_one_weight_for_all_rows_is_refused_by_log_loss_as_in_memory(weight):
    with pytest.raises(ValueError):  # noqa: PT011 - in scikit-learn's words, which differ from version to version
        metrics.log_loss(TARGET, PROBS, sample_weight=weight)
    with pytest.raises(ValueError, match=r"sample_weight is one number, but rows have one each: shape \(60,\)"):
        fastxent.dask.log_loss(TARGET, unread(PROBS, (20, C)), sample_weight=weight)
