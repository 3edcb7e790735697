"""What MultinomialLoss and BinomialLoss reject, before anything is written; data that is empty, NaN or of one class."""

import re

import numpy as np
import pytest

from fastxent._kernels import ways
from fastxent.sklearn import BinomialLoss, MultinomialLoss
from tests.layouts import read_only
from tests.peak import peak
from tests.problem import SENTINEL, unmodified
from tests.sklearn_losses import (
    METHODS,
    OPTIONS,
    PLAIN,
    C,
    call,
    data,
    each_loss,
    each_option,
    each_plain_method,
    each_size,
    methods_of,
    outputs,
    with_methods,
)
from tests.turns import in_turn

SCRATCH = (
    5 * ways.numbers()["block_elements"] * 8
)  # a block of each of raw predictions, targets and two outputs, and a quarter more


def assert_rejected(loss, method, arguments, exception, match):
    """The call raises, with outputs given and without, and neither outputs nor inputs have changed by then."""
    raw = np.asarray(arguments["raw_prediction"])
    y = np.empty(len(raw))
    with pytest.raises(exception, match=match):
        call(loss, method, **arguments)
    for dtype in (np.float32, np.float64):
        outs = outputs(method, y, raw, dtype)
        with unmodified(arguments, outs), pytest.raises(exception, match=match):
            call(loss, method, **arguments | outs)
    with pytest.raises(exception, match=match):
        loss(**arguments)


BAD_LABELS = [(np.int64, C), (np.int64, -1), (np.int8, -128), (np.uint8, 255), (np.uint64, 2**64 - 1)]
BAD_LABELS += [
    (np.float64, value)
    for value in (C, -1.0, 2.5, 1e-300, 3 + 1e-15, np.nan, np.inf, -np.inf, 2.0**63, -(2.0**63), 1e300)
]
BAD_LABELS += [(np.float32, 2.5), (np.float32, np.nan), (np.float16, 0.5), (">f8", 7.0)]


@in_turn("dtype, value", BAD_LABELS)
@in_turn("method", METHODS)
@in_turn("n", [50, 100_000])  # as many blocks as two threads are worth
def test_a_label_that_is_no_class(dtype, value, method, n, rng):
    loss = MultinomialLoss(C)
    y, raw, weight = data(loss, rng, n, labels=dtype)
    y[n - 3 :] = value
    match = rf"y_true\[{n - 3}\] = {re.escape(str(y[n - 3]))}, but a label is an integer from 0 to 3"
    assert_rejected(loss, method, {"y_true": y, "raw_prediction": raw, "sample_weight": weight}, ValueError, match)
    assert not loss.in_y_true_range(y)


@in_turn("ignore", [-(2**63), 2**63, -1, 2**64 - 1, 10**400])
@in_turn("value", [np.nan, 0.5, np.inf])
@each_size
def test_what_is_no_integer_is_never_ignored(ignore, value, n, rng):
    loss = MultinomialLoss(C, ignore_index=ignore)
    y, raw, _ = data(loss, rng, n)
    y[7] = value
    with pytest.raises(ValueError, match=r"y_true\[7\] = "):
        loss.gradient(y, raw)


@in_turn(
    "ignore, dtype",
    [(2**64 - 1, np.uint64), (2**63, np.uint64), (-1, np.float32), (2.0**40, np.float64), (-1, np.int8)],
)
@each_size
def test_ignored_labels_of_every_dtype(ignore, dtype, n, rng):
    loss = MultinomialLoss(C, ignore_index=int(ignore))
    y, raw, _ = data(loss, rng, n, labels=dtype)
    want = loss.loss(y, raw)
    y[7] = dtype(ignore)
    want[7] = 0.0
    np.testing.assert_array_equal(loss.loss(y, raw), want)
    assert loss.in_y_true_range(y)
    assert not MultinomialLoss(C).in_y_true_range(y)


@in_turn("ignore", [-1, -(2**63)])
def test_a_label_beyond_int64_is_not_a_negative_one(ignore, rng):
    loss = MultinomialLoss(C, ignore_index=ignore)
    y, raw, _ = data(loss, rng, 50, labels=np.uint64)
    y[7] = ignore % 2**64
    with pytest.raises(ValueError, match=rf"y_true\[7\] = {ignore % 2**64}, but a label"):
        loss.loss(y, raw)


@in_turn("value", [-0.5, 1.0 + 1e-15, np.nan, np.inf])
@in_turn("method", methods_of(BinomialLoss()))
@each_size
def test_a_target_outside_0_to_1(value, method, n, rng):
    loss = BinomialLoss()
    y, raw, weight = data(loss, rng, n)
    y[n - 3 :] = value
    match = rf"y_true\[{n - 3}\] = {value}, but a target is in \[0, 1\]"
    assert_rejected(loss, method, {"y_true": y, "raw_prediction": raw, "sample_weight": weight}, ValueError, match)
    assert not loss.in_y_true_range(y)
    with pytest.raises(ValueError, match=match):
        loss.fit_intercept_only(y)


@each_plain_method
@each_size
@in_turn("value", [np.nan, np.inf, -np.inf])
def test_a_weight_that_is_not_finite(loss, method, n, value, rng):
    y, raw, weight = data(loss, rng, n)
    weight[4] = value
    match = rf"sample_weight\[4\] = {value}, but weights are finite"
    assert_rejected(loss, method, {"y_true": y, "raw_prediction": raw, "sample_weight": weight}, ValueError, match)
    with pytest.raises(ValueError, match=match):
        loss.fit_intercept_only(y, weight)


# what changes in the arguments, the error, its message
MISFITS = {
    "labels missing": (lambda y, raw, w: {"y_true": y[:-1]}, ValueError, r"y_true has shape \(49,\).* \(50,\)"),
    "column of labels": (lambda y, raw, w: {"y_true": y[:, None]}, ValueError, r"y_true has shape \(50, 1\).* \(50,\)"),
    "no labels": (lambda y, raw, w: {"y_true": None}, TypeError, "y_true has dtype object"),
    "strings": (lambda y, raw, w: {"y_true": y.astype(str)}, TypeError, "y_true has dtype"),
    "complex": (lambda y, raw, w: {"y_true": y.astype(complex)}, TypeError, "y_true has dtype complex128"),
    "weights missing": (lambda y, raw, w: {"sample_weight": w[:-1]}, ValueError, r"sample_weight has shape \(49,\)"),
    "column of weights": (lambda y, raw, w: {"sample_weight": w[:, None]}, ValueError, "sample_weight has shape"),
    "raw shape": (
        lambda y, raw, w: {"raw_prediction": np.stack([raw] * 2, -1)},
        ValueError,
        "raw_prediction has shape",
    ),
    "longdouble": (lambda y, raw, w: {"raw_prediction": raw.astype("g")}, TypeError, "raw_prediction has dtype"),
    "masked": (lambda y, raw, w: {"raw_prediction": np.ma.array(raw)}, TypeError, "raw_prediction is a masked array"),
    "no thread": (lambda y, raw, w: {"n_threads": 0}, ValueError, "n_threads = 0"),
    "half a thread": (lambda y, raw, w: {"n_threads": 1.5}, TypeError, r"n_threads = 1\.5"),
    "bool": (lambda y, raw, w: {"n_threads": True}, TypeError, "n_threads = True"),
}


@each_plain_method
@in_turn("what", MISFITS)
def test_arguments_that_do_not_fit(loss, method, what, rng):
    change, exception, match = MISFITS[what]
    y, raw, weight = data(loss, rng, 50)
    arguments = {"y_true": y, "raw_prediction": raw, "sample_weight": weight}
    assert_rejected(loss, method, arguments | change(y, raw, weight), exception, match)


def like(column, out):
    """A column in the shape of an output, in the same memory."""
    return column if out.ndim == 1 else np.broadcast_to(column[:, None], out.shape)


# what the output becomes, the error, its message
UNFIT_OUTPUTS = {
    "shape": (lambda out, y, raw, w: out[:-1], ValueError, "has shape"),
    "complex": (lambda out, y, raw, w: out.astype(np.complex64), TypeError, "complex64"),
    "int": (lambda out, y, raw, w: out.astype(int), TypeError, "int64"),
    "byte-swapped": (lambda out, y, raw, w: out.astype(">f8"), TypeError, ">f8"),
    "list": (lambda out, y, raw, w: out.tolist(), TypeError, "list"),
    "read-only": (lambda out, y, raw, w: read_only(out), ValueError, "read-only"),
    "broadcast": (lambda out, y, raw, w: np.broadcast_to(out[:1], out.shape), ValueError, "read-only|share memory"),
    "reversed raw": (lambda out, y, raw, w: raw[::-1], ValueError, "overlaps|has shape"),
    "weights": (lambda out, y, raw, w: like(w, out), ValueError, "overlaps sample_weight|read-only"),
    "labels": (lambda out, y, raw, w: like(y, out), ValueError, "overlaps y_true|overlaps its input|read-only"),
}


@each_plain_method
@in_turn("what", UNFIT_OUTPUTS)
def test_outputs_that_cannot_be_written_to(loss, method, what, rng):
    change, exception, match = UNFIT_OUTPUTS[what]
    y, raw, weight = data(loss, rng, 50)
    for name in METHODS[method]:
        out = np.full(len(y) if name == "loss_out" else raw.shape, SENTINEL)
        with unmodified((y, raw, weight)), pytest.raises(exception, match=f"{name}.*({match})"):
            call(loss, method, y, raw, weight, **{name: change(out, y, raw, weight)})


@each_loss
def test_outputs_that_overlap(loss, rng):
    for method in methods_of(loss):
        if len(METHODS[method]) == 2:
            assert_overlap_is_rejected(loss, method, rng)


def assert_overlap_is_rejected(loss, method, rng):
    y, raw, weight = data(loss, rng, 50)
    first, second = METHODS[method]
    memory = np.full(2 * raw.size, SENTINEL)
    a = memory[: y.size] if first == "loss_out" else memory[: raw.size].reshape(raw.shape)
    b = memory[y.size - 1 :][: raw.size].reshape(raw.shape)
    with unmodified((memory,)), pytest.raises(ValueError, match=f"{second} overlaps {first}"):
        call(loss, method, y, raw, weight, **{first: a, second: b})


@each_option
@each_size
def test_samples_without_weight_have_no_influence(loss, n, rng):
    y, raw, weight = data(loss, rng, n)
    weight[::5] = 0.0
    raw[::5] = np.nan
    kept = np.arange(n) % 5 != 0
    for method in list(METHODS)[:-1]:
        want = call(loss, method, y[kept], raw[kept], weight[kept])
        for name, got in call(loss, method, y, raw, weight).items():
            assert not got[::5].any()
            np.testing.assert_array_equal(got[kept], want[name])
    assert loss(y, raw, weight) == pytest.approx(loss(y[kept], raw[kept], weight[kept]), rel=1e-14)


@each_loss
@each_size
def test_nan_stays_in_its_sample(loss, n, rng):
    y, raw, weight = data(loss, rng, n)
    want = {method: call(loss, method, y, raw, weight) for method in methods_of(loss)}
    raw[3] = np.nan
    for method in want:
        for name, got in call(loss, method, y, raw, weight).items():
            assert np.isnan(got[3]).all()
            np.testing.assert_array_equal(np.delete(got, 3, 0), np.delete(want[method][name], 3, 0))
    assert np.isnan(loss(y, raw, weight))


@each_option
def test_no_samples(loss):
    raw = np.empty((0, C) if loss.is_multiclass else 0)
    for y in (np.empty(0), np.empty(0, int), []):
        for method in methods_of(loss):
            for name, got in call(loss, method, y, raw).items():
                assert got.shape == ((0,) if name == "loss_out" else raw.shape)
        assert np.isnan(loss(y, raw))
        assert loss.constant_to_optimal_zero(y).shape == (0,)
        with pytest.raises(ValueError, match="y_true has no sample with weight"):
            loss.fit_intercept_only(y)
    assert loss.predict_proba(raw).shape == (0, C if loss.is_multiclass else 2)


@each_option
def test_no_weight(loss, rng):
    y, raw, weight = data(loss, rng, 20)
    assert np.isnan(loss(y, raw, 0 * weight))
    with pytest.raises(ValueError, match="y_true has no sample with weight"):
        loss.fit_intercept_only(y, 0 * weight)


@in_turn("dtype", [np.float32, np.float64, np.int64])
def test_labels_of_one_class(dtype):
    for loss in (MultinomialLoss(3), BinomialLoss()):
        for label in (0, 1):
            y = np.full(10, label, dtype)
            raw = np.asarray(loss.fit_intercept_only(y))
            assert np.isfinite(raw).all()
            assert raw.dtype == (np.float32 if dtype == np.float32 else np.float64)
            rows = np.broadcast_to(raw, (10, 3) if loss.is_multiclass else 10)
            assert loss(y, rows) < 1e-5
            np.testing.assert_allclose(loss.gradient(y, rows), 0, atol=1e-5)


def test_one_class_leaves_nothing_to_learn():
    loss = MultinomialLoss(1)
    raw = np.array([[3.0], [-2.0]])
    for method in METHODS:
        for name, got in call(loss, method, [0, 0], raw).items():
            np.testing.assert_array_equal(got, 1.0 if name == "proba_out" else 0.0)
    assert loss.fit_intercept_only([0, 0]) == 0.0


def test_the_intercept_counts_classes_alone():
    """As in scikit-learn, whose tests rely on it; what is no integer is still an error."""
    loss = MultinomialLoss(2)
    np.testing.assert_array_equal(loss.fit_intercept_only([0, 1, 1, 2, -1]), loss.fit_intercept_only([0, 1, 1]))
    for value in (0.5, np.nan, np.inf):
        with pytest.raises(ValueError, match=rf"y_true\[10000\] = {value}"):
            loss.fit_intercept_only(np.r_[np.zeros(10_000), value])


@in_turn(
    "make, exception, match",
    [
        (lambda: MultinomialLoss(2**63), ValueError, "n_classes = 9"),
        (lambda: MultinomialLoss(0), ValueError, "n_classes = 0"),
        (lambda: MultinomialLoss(2.0), TypeError, r"n_classes = 2\.0"),
        (lambda: MultinomialLoss(True), TypeError, "n_classes = True"),
        (lambda: MultinomialLoss(3, class_weight=[1, 2]), ValueError, r"class_weight has shape \(2,\)"),
        (lambda: MultinomialLoss(3, class_weight=[1, 2, -1]), ValueError, r"class_weight\[2\] = -1"),
        (lambda: MultinomialLoss(3, ignore_index=0.5), TypeError, r"ignore_index = 0\.5"),
        (lambda: MultinomialLoss(3, label_smoothing=1.5), ValueError, r"label_smoothing = 1\.5"),
        (lambda: MultinomialLoss(3, z_loss=-1), ValueError, "z_loss = -1"),
        (lambda: MultinomialLoss(3, infogain=np.eye(2)), ValueError, r"infogain has shape \(2, 2\)"),
        (lambda: MultinomialLoss(3, infogain=np.eye(3), label_smoothing=0.1), ValueError, "infogain goes neither"),
        (lambda: MultinomialLoss(3, reduction="sum"), TypeError, "reduction"),
        (lambda: BinomialLoss(pos_weight=-1), ValueError, "pos_weight = -1"),
        (lambda: BinomialLoss(ignore_index=np.inf), ValueError, "ignore_index = inf"),
        (lambda: BinomialLoss(label_smoothing="a"), TypeError, "label_smoothing = 'a'"),
    ],
)
def test_options_out_of_their_range(make, exception, match):
    with pytest.raises(exception, match=match):
        make()


@with_methods(PLAIN + OPTIONS[6:7] + OPTIONS[-1:])
@in_turn("layout", ["plain", "weights", "Fortran order", "float32 outputs"])
@in_turn("labels", [np.int64, np.float64])
def test_many_samples_need_blocks_of_scratch_besides_their_outputs(loss, labels, layout, method, rng):
    y, raw, weight = data(loss, rng, 400_000, labels=labels)
    raw = np.asfortranarray(raw) if layout == "Fortran order" else raw
    outs = outputs(method, y, raw, np.float32 if layout == "float32 outputs" else np.float64, 0.0)
    args = (y, raw, weight if layout == "weights" else None)
    assert peak(lambda: call(loss, method, *args, **outs)) < SCRATCH
    assert peak(lambda: loss(*args)) < SCRATCH
