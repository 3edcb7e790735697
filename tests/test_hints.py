"""Errors end in what was probably meant, where the arguments say so."""

import ml_dtypes
import numpy as np
import pandas as pd
import pytest

import fastxent as fx
from tests.table import CLASS_LOSSES, FUNCTIONS, SIGMOID_LOSSES, SOFTMAX_LOSSES, each_of

LOGITS = np.array([[0.5, -1.0, 2.0], [0.25, 0.5, 0.75], [3.0, 2.0, -4.0], [0.0, 1.0, 0.5]])
IMAGES = np.zeros((2, 3, 4, 5))  # N, C, H, W
PROBS = np.full((4, 3), 1 / 3)
SIX = np.arange(24).reshape(4, 6) % 7 - 3.0
SWAPPED = "; did you swap the arguments? The logits come first"
SIGMOID = "; one logit for each label of 0 or 1, without an axis for classes, goes with sigmoid_cross_entropy"
MASK = "; a mask of 0 and 255 has the targets target == 255"
MISSING = "target[2] is missing (NA), but it must be a number: fill it in, or drop it"
UNIQUE = "; of names make class indices: classes, target = np.unique(target, return_inverse=True)"
LEFT_OUT = "leaves out what has no target"
NULLABLE = pd.Series([0, 1, None, 2], dtype="Int64")

# (what, x, target, options, exception, the end of its message)
# fmt: off
OF_CLASSES = [
    ("channels first", IMAGES, np.zeros((2, 4, 5), int), {}, ValueError, "; did you mean axis=1?"),
    ("classes first", PROBS.T, [0, 1, 2, 1], {}, ValueError, "; did you mean axis=0?"),
    ("two axes may be meant, one with such labels", np.ones((4, 2, 4)), [[0, 1, 2, 3]] * 4, {}, ValueError,
     "or (4, 2, 4) for distributions"),
    ("torch's default", PROBS, [0, 1, -100, 2], {}, ValueError, f"3 classes; ignore_index=-100 {LEFT_OUT}"),
    ("void pixels", PROBS, np.uint8([0, 1, 255, 2]), {}, ValueError, f"3 classes; ignore_index=255 {LEFT_OUT}"),
    ("two numbers that are no class", PROBS, [0, 1, -100, -1], {}, ValueError, "3 classes"),
    ("a mask", PROBS[:, :2], np.uint8([0, 255, 255, 0]), {}, ValueError, MASK),
    ("channels first, void pixels", IMAGES, np.where(np.arange(40).reshape(2, 4, 5) % 7, 1, 255), {}, ValueError,
     "; did you mean axis=1?"),
    ("other samples", np.ones((32, 10)), np.arange(10), {}, ValueError, "or (32, 10) for distributions"),
    ("digits", PROBS, ["0", "1", "10", "2"], {}, TypeError, "; cast them: np.asarray(target).astype(np.int64)"),
    ("another is ignored", PROBS, [0, 1, -100, -1], {"ignore_index": -1}, ValueError, "3 classes"),
    ("counted from 1", PROBS, [1, 2, 3, 1], {}, ValueError, "; classes are counted from 0: did you mean target - 1?"),
    ("counted from 0, and one more", PROBS, [0, 1, 3, 2], {}, ValueError, "3 classes"),
    ("names", PROBS, list("abca"), {}, TypeError, UNIQUE),
    ("names of pandas", PROBS, pd.Series(list("abca")), {}, TypeError, UNIQUE),
    ("categories", PROBS, pd.Categorical(list("abca")), {}, TypeError, UNIQUE),
    ("None", PROBS, [0, None, 1, 2], {}, TypeError, ": target[1] is None"),
    ("objects", PROBS, np.array([0, 1, 1, 2], object), {}, TypeError, "; cast them: target.astype(np.int64)"),
    ("nan", PROBS, [0, 1, np.nan, 2], {}, TypeError,
     "target[2] is nan, but class labels are integers; "
     "give such rows an integer of their own, and that as ignore_index"),
    ("a fraction", PROBS, [0, 1, 1.5, 2], {}, TypeError, "target[2] = 1.5, but class labels are integers"),
    ("missing in pandas", PROBS, pd.Series([0, 1, None, 2]), {}, TypeError, "that as ignore_index"),
    ("missing in pandas' Int64", PROBS, NULLABLE, {}, ValueError, MISSING),
    ("missing in pandas' objects", PROBS, NULLABLE.astype(object), {}, ValueError, MISSING),
    ("balanced", PROBS, [0, 1, 1, 2], {"class_weight": "balanced"}, TypeError,
     "class_weight = 'balanced', but it must be an array of shape (C,): "
     "len(target) / (C * np.bincount(target, minlength=C)) balances them"),
    ("weights of classes", PROBS, [0, 1, 1, 2], {"sample_weight": [1, 2, 3]}, ValueError,
     "; did you mean class_weight?"),
    ("a column of weights", PROBS, [0, 1, 1, 2], {"sample_weight": np.ones((4, 1))}, ValueError,
     "; did you mean sample_weight[:, 0]?"),
    ("weights of images", IMAGES, np.zeros((2, 4, 5), int), {"sample_weight": [1, 2], "axis": 1}, ValueError,
     "; did you mean sample_weight.reshape(2, 1, 1)?"),
    ("a column of labels", PROBS, [[0], [1], [1], [2]], {}, ValueError, "; did you mean target[:, 0]?"),
    ("labels with their channel", IMAGES, np.zeros((2, 1, 4, 5), int), {"axis": 1}, ValueError,
     "; did you mean target.squeeze(1)?"),
    ("one-hot, classes first", PROBS, np.eye(3)[[0, 1, 1, 2]].T, {}, ValueError, "; did you mean target.T?"),
    ("one-hot images, classes last", IMAGES, np.ones((2, 4, 5, 3)), {}, ValueError,
     "; did you mean np.moveaxis(target, -1, 1)?"),
    ("flat labels", np.ones((2, 3, 4)), [0, 1, 2, 3, 1, 2], {}, ValueError, "; did you mean target.reshape(2, 3)?"),
    ("flat logits", np.ones((6, 4)), [[0, 1, 2], [3, 1, 2]], {}, ValueError, "; did you mean target.reshape(6,)?"),
    ("ragged", PROBS, [[0, 1], [2]], {}, ValueError, "(2,) + inhomogeneous part."),
    ("swapped", [0, 1, 1, 2], LOGITS, {}, ValueError, "come first"),
    ("swapped, a column of labels", np.array([[0], [1], [1], [2]]), LOGITS, {}, ValueError, "come first"),
]
OF_SOFTMAX = [
    ("as many logits and labels", PROBS[:, 0], [0, 1, 1, 0], {}, ValueError, "sigmoid_cross_entropy(logits, target)"),
    ("as many logits and labels, all 0", PROBS[:, 0], [False] * 4, {}, ValueError,
     "sigmoid_cross_entropy(logits, target)"),
    ("a column of logits", PROBS[:, :1], [0, 1, 1, 0], {}, ValueError, SIGMOID),
    ("a column of logits, labels that are floats", PROBS[:, :1], [0.0, 1.0, 1.0, 0.0], {}, TypeError, SIGMOID),
    ("a column of logits, floats that are no labels", PROBS[:, :1], [0.0, 2.0, 1.0, 0.0], {}, TypeError,
     "; cast them: target.astype(np.int64)"),
    ("swapped, one-hot", np.eye(3)[[0, 1, 1, 2]], LOGITS, {}, ValueError, SWAPPED),
]
OF_SIGMOID = [
    ("class indices", LOGITS, [0, 1, 1, 2], {}, ValueError,
     "; class indices go with softmax_cross_entropy(logits, target)"),
    ("a column of logits", LOGITS[:, :1], [0, 1, 1, 0], {}, ValueError, "; did you mean logits[:, 0]?"),
    ("a column of labels", LOGITS[:, 0], [[0], [1], [1], [0]], {}, ValueError, "; did you mean target[:, 0]?"),
    ("transposed", LOGITS, LOGITS.T > 0, {}, ValueError, "; did you mean target.T?"),
    ("swapped", [0, 1, 1, 0], LOGITS[:, 0], {}, ValueError, SWAPPED),
    ("labels -1 and 1", LOGITS[:, 0], [-1, 1, 1, -1], {}, ValueError, "; of labels -1 and 1: (target + 1) / 2"),
    ("missing", LOGITS[:, 0], [0, np.nan, 1, 0], {}, ValueError, f"; ignore_index=np.nan {LEFT_OUT}"),
    ("missing, with logits that begin at 0", np.zeros(4), [0, np.nan, 1, 0], {}, ValueError,
     f"; ignore_index=np.nan {LEFT_OUT}"),
    ("infinite", LOGITS[:, 0], [0, -np.inf, 1, 0], {}, ValueError, "but a target is in [0, 1]"),
    ("a mask", LOGITS[:, 0], np.uint8([0, 255, 255, 0]), {}, ValueError, MASK),
    ("one mask for two images", IMAGES[0], np.ones((4, 5), int), {}, ValueError, "expected the same"),
    ("no answer", LOGITS[:, 0], [0, -1, 1, -1], {}, ValueError, f"; ignore_index=-1 {LEFT_OUT}"),
    ("weights of columns", SIX, SIX > 0, {"pos_weight": np.ones(5)}, ValueError,
     "expected a scalar, (6,) for the last axis, or that rank with each size equal or 1"),
    ("weights of channels", IMAGES, IMAGES, {"pos_weight": np.ones(3)}, ValueError,
     "; did you mean pos_weight.reshape(1, 3, 1, 1)?"),
]
# fmt: on
ROWS = [
    (f, *row)
    for functions, rows in ((CLASS_LOSSES, OF_CLASSES), (SOFTMAX_LOSSES, OF_SOFTMAX), (SIGMOID_LOSSES, OF_SIGMOID))
    for f in functions
    for row in rows
]


@pytest.mark.parametrize("f, _, x, target, options, exception, end", ROWS, ids=[f"{r[0]}-{r[1]}" for r in ROWS])
def test_an_error_ends_in_what_was_probably_meant(f, _, x, target, options, exception, end):
    with pytest.raises(exception) as error:
        f.call(x, target, **options)
    said = str(error.value).replace("The probs", "The logits").replace("but probs", "but logits")
    twin = end.replace("cross_entropy", "focal_loss") if "focal" in f.name else end  # a focal function names another
    assert said.endswith(twin), said


@each_of([f for f in CLASS_LOSSES if f.kind == "clamped"])
def test_logits_in_place_of_probabilities(f):
    with pytest.raises(ValueError, match=r"did you mean softmax_cross_entropy\(logits, target\)\?$"):
        f.call(LOGITS, [1, 1, 2, 0])


@pytest.mark.parametrize(
    "call",
    [
        lambda target: fx.linear_cross_entropy(LOGITS, np.ones((3, 3)), target),
        lambda target: fx.linear_target_statistics(LOGITS, np.ones((3, 3)), target),
        lambda target: fx.target_statistics(LOGITS, target),
        lambda target: fx.evaluation.Evaluation(3).update(LOGITS, target),
    ],
    ids=["linear", "linear statistics", "statistics", "evaluation"],
)
def test_labels_of_what_stands_on_the_losses_have_their_hints(call):
    with pytest.raises(ValueError, match=f"3 classes; ignore_index=-100 {LEFT_OUT}$"):
        call([0, 1, -100, 2])
    with pytest.raises(ValueError, match=r"did you mean target - 1\?$"):
        call([1, 2, 3, 1])
    with pytest.raises(TypeError, match="of names make class indices"):
        call(list("abca"))


def test_what_is_no_array_is_named():
    with pytest.raises(ValueError, match=r"x is no array: .*inhomogeneous"):
        fx.softmax([[1.0], [1.0, 2.0]])
    with pytest.raises(ValueError, match="sample_weight is no array: "):
        fx.softmax_cross_entropy(PROBS, [0, 1, 1, 2], sample_weight=[1.0, [1.0], 2.0, 3.0])


@pytest.mark.parametrize(
    "x, end",
    [
        (np.array([["1", "2"]]), ": x[0, 0] = '1'"),
        (pd.DataFrame({"a": [1.0, 2.0], "b": [1.0, "two"]}), ": x[1, 1] = 'two'"),
        (np.zeros((0, 2), "U1"), "expected real numbers"),
        (np.zeros((2, 3), ml_dtypes.float8_e4m3fn), "; cast them: x.astype(np.float32)"),
        (np.zeros((2, 3), "V2"), "; is it bfloat16, which NumPy has saved? x.view(ml_dtypes.bfloat16)"),
        (np.zeros((2, 3), ml_dtypes.int4), "; cast them: x.astype(np.int64)"),
        (np.zeros((2, 3), "V4"), "expected real numbers"),
    ],
    ids=["strings", "a string", "no strings", "floats of a byte", "saved bfloat16", "integers of four bits", "bytes"],
)
def test_what_holds_no_numbers_is_named(x, end):
    with pytest.raises(TypeError) as error:
        fx.softmax(x)
    assert str(error.value).endswith(end)


def test_names_as_labels_of_start_scores():
    with pytest.raises(TypeError, match=r"make class indices: classes, y = np\.unique\(y, return_inverse=True\)$"):
        fx.boosting.start_scores(["ham", "spam"])


@each_of([f for f in CLASS_LOSSES if f.kind == "clamped"])
def test_as_many_probabilities_and_labels(f):
    with pytest.raises(ValueError, match=r"; a probability for each .* fastxent.metrics.log_loss\(target, probs\)$"):
        f.call(PROBS[:, 0], [0, 1, 1, 0])


@each_of([f for f in FUNCTIONS if f.kind == "information"])
def test_logits_in_place_of_a_distribution(f):
    with pytest.raises(ValueError, match=r"; of logits take the softmax first: softmax\(p\)$"):
        f.call(*[LOGITS] * f.operands)


def test_one_row_may_have_a_one_hot_target_of_integers():
    assert fx.softmax_cross_entropy([1.0, 2.0, 3.0], [0, 1, 0]) == fx.softmax_cross_entropy([1.0, 2.0, 3.0], 1)


def test_one_row_may_have_a_distribution_of_any_sum():
    assert fx.softmax_cross_entropy([1.0, 2.0, 3.0], [0.0, 1.0, 1.0]) > 0
