"""Evaluations are the same for every order and every cut of the samples, and right."""

import json
import math
import pickle
from fractions import Fraction

import numpy as np
import pytest
from hypothesis import example, given
from hypothesis import strategies as st
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, log_loss, top_k_accuracy_score

import fastxent as fx
from fastxent._kernels import door
from fastxent.evaluation import Evaluation
from fastxent.evaluation._blocks import cuts
from fastxent.evaluation._reading import Block, losses_of
from fastxent.evaluation._sums import ExactSums, text_of, units_of
from fastxent.sklearn import ReliabilityDisplay
from tests.peak import peak
from tests.turns import in_turn

OF = {
    "logits": fx.softmax_cross_entropy,
    "probabilities": fx.clamped_cross_entropy,
    "multilabel_logits": fx.sigmoid_cross_entropy,
}
each_of = pytest.mark.parametrize("of", OF)
each_dtype = pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
UNIT = Fraction(1, 2**1074)
MEBIBYTE = 2**20
ONE_OF_EACH = [1.0, 5e-324, -1.7e308, 1e-308, 2.0**960, 1 / 3, -0.0, 1.7e308, 1e300, 2.0**-1022]


def data(rng, of, shape=(300, 7), dtype="float32", axis=-1, soft=False):
    """Scores with rows that are certain, tied, far apart and nan; targets; weights, some of them 0."""
    scores = (rng.normal(size=shape) * 3).round(1).astype(dtype)
    rows = np.moveaxis(scores, axis, -1)
    rows[..., 0, :], rows[..., 1, 0] = 0, 60
    if shape[axis] > 1:
        rows[..., 2, 0] = -np.inf
    if of == "probabilities":
        scores = fx.softmax(scores, axis=axis)
    samples = rows.shape[:-1]
    if of == "multilabel_logits":
        target, samples = rng.integers(0, 2, shape), shape
    else:
        target = fx.softmax(rng.normal(size=shape), axis=axis) if soft else rng.integers(0, shape[axis], samples)
    return scores, target, rng.random(samples) * rng.integers(0, 2, samples)


def options(of, rng, n_classes=7):
    """All of them."""
    more = {"per_class": True, "calibration_bins": 10, "label_smoothing": 0.125}
    if of == "multilabel_logits":
        return more | {"of": of, "ignore_index": 1}
    return more | {"of": of, "ignore_index": 3, "class_weight": rng.random(n_classes), "top_k": (1, 3)}


def of_loss(of, given):
    return {key: given[key] for key in ("ignore_index", "class_weight", "label_smoothing") if key in given}


def state_of(evaluation):
    return json.dumps(evaluation.state())


@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), max_size=200), st.integers(1, 90))
@example(ONE_OF_EACH, 1)
@example(ONE_OF_EACH, 80)
@example([5e-324] * 40, 64)
@example([2.0**959], 2048)
def test_sums_are_exact(values, repeats):
    values = np.array(values * repeats, float)
    units, bad = door.exact_sum(values)
    assert (units * UNIT, bad) == (sum(map(Fraction, values.tolist())), 0)
    sums = ExactSums(1)
    sums.add(values)
    try:
        total = float(units * UNIT)
    except OverflowError:
        total = math.inf if units > 0 else -math.inf
    assert sums.number(0) == total


@in_turn("spread", [0, 20, 35, 90, 2000])
@in_turn("scale", [-1000, -30, 0, 900])
def test_sums_of_many_numbers_are_exact_however_far_apart_they_are(spread, scale, rng):
    exponents = np.clip(scale - rng.integers(0, spread + 1, 5003), -1074, 1000)
    values = np.ldexp(rng.normal(size=5003), exponents)
    want = sum(map(Fraction, values.tolist()))
    assert door.exact_sum(values)[0] * UNIT == want
    assert door.exact_sum(rng.permutation(values))[0] * UNIT == want
    groups = rng.integers(-1, 4, 5003)
    sums = ExactSums(3)
    sums.add(values, groups)
    assert [unit * UNIT for unit in sums.units] == [sum(map(Fraction, values[groups == k].tolist())) for k in range(3)]


def test_sums_of_many_numbers_of_one_sign_and_size_are_exact(rng):
    values = 2.0 - rng.random(200_000) * 2.0**-20
    sums = ExactSums(1)
    sums.add(values)
    assert sums.units[0] * UNIT == Fraction(sum((values * 2.0**52).astype(np.int64).tolist()), 2**52)


@pytest.mark.parametrize("kinds", [[np.nan], [np.inf], [-np.inf], [np.inf, -np.inf], [np.inf, np.inf]])
@pytest.mark.parametrize("n", [3, 500])
def test_sums_with_what_is_not_finite_are_those_of_plain_additions(kinds, n):
    values = np.ones(n)
    values[: len(kinds)] = kinds
    sums, grouped = ExactSums(1), ExactSums(2)
    sums.add(values)
    grouped.add(values, np.arange(n) % 2)
    with np.errstate(invalid="ignore"):
        np.testing.assert_equal(sums.number(0), values.sum())
        np.testing.assert_equal(grouped.numbers(), [values[::2].sum(), values[1::2].sum()])


@given(st.integers())
def test_sums_are_written_without_loss(units):
    assert units_of(text_of(units)) == units


def test_sums_of_more_numbers_than_a_limb_holds_are_refused():
    with pytest.raises(ValueError, match="at most 536870912"):
        door.exact_sum(np.broadcast_to(1.0, 2**30))


@given(st.lists(st.integers(0, 9), max_size=4).map(tuple), st.integers(1, 50))
def test_blocks_part_all_samples_in_their_order(shape, most):
    numbers = np.arange(math.prod(shape)).reshape(shape)
    parts = [numbers[cut].reshape(-1) for cut in cuts(shape, most)]
    assert all(len(part) <= most for part in parts)
    np.testing.assert_array_equal(np.concatenate(parts), numbers.reshape(-1))


@each_of
@each_dtype
def test_the_state_is_the_same_for_every_order_cut_merge_and_number_of_threads(of, dtype, rng):
    scores, target, weight = data(rng, of, dtype=dtype)
    given = options(of, rng)
    want = state_of(Evaluation(7, **given).update(scores, target, sample_weight=weight))
    for n_cuts in (1, 5, 299):
        parts = []
        for rows in np.split(rng.permutation(300), np.sort(rng.choice(np.arange(1, 300), n_cuts, replace=False))):
            n_threads = int(rng.integers(1, 4))
            part = Evaluation(7, **given)
            parts.append(part.update(scores[rows], target[rows], sample_weight=weight[rows], n_threads=n_threads))
        assert state_of(Evaluation(7, **given).merge(*parts)) == want
        while len(parts) > 1:  # as a tree
            parts = [parts[i].merge(*parts[i + 1 : i + 2]) for i in range(0, len(parts), 2)]
        assert state_of(parts[0]) == want


@each_of
def test_the_state_of_a_large_update_is_the_same_for_any_number_of_threads(of, rng):
    scores, target, weight = data(rng, of, (40_000, 20))
    given = options(of, rng, 20)
    one, *others = (
        state_of(Evaluation(20, **given).update(scores, target, sample_weight=weight, n_threads=n)) for n in (1, 2, 5)
    )
    assert others == [one, one]


@each_of
@each_dtype
@pytest.mark.parametrize("soft", [False, True])
def test_the_losses_that_are_added_are_those_of_the_function_before_they_are_rounded(of, dtype, soft, rng):
    scores, target, weight = data(rng, of, dtype=dtype, soft=soft)
    given = options(of, rng)
    if soft:
        given.pop("ignore_index")
    got = losses_of(Evaluation(7, **given).options, Block(scores, target, weight, 1, 1))
    want = OF[of](scores, target, sample_weight=weight, reduction="none", **of_loss(of, given)).reshape(-1)
    assert got.dtype == np.float64
    np.testing.assert_array_equal(got.astype(want.dtype), want)
    if dtype != "float64" and of != "multilabel_logits":
        assert (got != want).any()


@each_of
@in_turn("n_classes", [1, 2, 3, 31, 32, 100, 225, 300])
@in_turn("order", ["C", "F"])
@in_turn("soft", [False, True])
def test_one_sample_at_a_time_gives_the_state_of_all(of, n_classes, order, soft, rng):
    scores, target, _ = data(rng, of, (70, n_classes), soft=soft)
    scores = np.asarray(scores, order=order)
    given = {"of": of, "top_k": ()}
    want = state_of(Evaluation(n_classes, **given).update(scores, target))
    one_by_one = Evaluation(n_classes, **given)
    for i in range(70):
        one_by_one.update(scores[i : i + 1], target[i : i + 1])
    assert state_of(one_by_one) == want
    if of != "multilabel_logits" and not soft:
        one_by_one = Evaluation(n_classes, **given)
        for i in range(70):
            one_by_one.update(scores[i], target[i])
        assert state_of(one_by_one) == want


@each_of
@pytest.mark.parametrize(("shape", "axis"), [((9, 7, 5), 1), ((7, 40), 0), ((7, 6, 2, 3), -4), ((2, 3, 50, 7), -1)])
@pytest.mark.parametrize("soft", [False, True])
def test_blocks_leave_no_trace(of, shape, axis, soft, rng, monkeypatch):
    scores, target, weight = data(rng, of, shape, axis=axis, soft=soft)
    given = options(of, rng) | {"axis": axis}
    if soft:
        given.pop("ignore_index")
    whole = Evaluation(7, **given).update(scores, target, sample_weight=weight)
    for name, number in (("SAMPLES", 3), ("ELEMENTS", 50)):
        monkeypatch.setattr(f"fastxent.evaluation._reading.{name}", number)
        assert state_of(Evaluation(7, **given).update(scores, target, sample_weight=weight)) == state_of(whole)


@each_of
@each_dtype
@pytest.mark.parametrize("soft", [False, True])
@pytest.mark.parametrize("plain", [False, True])
def test_the_loss_is_that_of_the_function_within_the_rounding_of_its_sum_and_its_quotient(of, dtype, soft, plain, rng):
    scores, target, weight = data(rng, of, (2000, 7), dtype, soft=soft)
    given = {"of": of} if plain else options(of, rng)
    if soft:
        given.pop("ignore_index", None)
    weight = None if plain else weight
    want = OF[of](scores, target, sample_weight=weight, **of_loss(of, given))
    got = Evaluation(7, **given).update(scores, target, sample_weight=weight).compute()
    assert got.loss == pytest.approx(want, rel=2 * np.finfo(float).eps, abs=0)
    assert got.perplexity == pytest.approx(math.exp(want))
    assert got.bits == pytest.approx(want / math.log(2))


@pytest.mark.parametrize("size", [1e-300, 1e300])
def test_weights_whose_products_leave_the_range_of_doubles_are_those_of_the_function(size, rng):
    scores, target, _ = data(rng, "logits")
    given = {"class_weight": [size] * 7, "per_class": True, "calibration_bins": 3}
    with np.errstate(all="raise"):
        got = Evaluation(7, **given).update(scores, target, sample_weight=size).compute()
    np.testing.assert_equal(
        got.loss, fx.softmax_cross_entropy(scores, target, class_weight=[size] * 7, sample_weight=size)
    )
    assert 0 <= got.calibration.error <= 1


def test_the_mean_of_doubles_is_rounded_once(rng):
    scores, target, weight = rng.normal(size=(300, 7)), rng.integers(0, 7, 300), rng.random(300)
    losses = fx.softmax_cross_entropy(scores, target, sample_weight=weight, reduction="none")
    got = Evaluation(7).update(scores, target, sample_weight=weight).compute()
    assert got.loss == float(sum(map(Fraction, losses.tolist())) / sum(map(Fraction, weight.tolist())))
    assert got.weight == math.fsum(weight)
    assert got.n == 300


@each_dtype
def test_scores_are_those_of_scikit_learn(dtype, rng):
    scores, target, weight = rng.normal(size=(300, 7)).astype(dtype), rng.integers(0, 7, 300), rng.random(300)
    scores += np.array([rng.permutation(7) for _ in target]).astype(dtype) * 8  # no ties, which are counted otherwise
    scores /= 8
    probs = fx.softmax(scores.astype("float64"))
    got = Evaluation(7, top_k=(1, 2, 5)).update(scores, target, sample_weight=weight).compute()
    assert got.loss == pytest.approx(log_loss(target, probs, sample_weight=weight), rel=1e-5)
    assert got.accuracy == pytest.approx(accuracy_score(target, probs.argmax(1), sample_weight=weight))
    for k in (1, 2, 5):
        assert got.top_k[k] == pytest.approx(top_k_accuracy_score(target, scores, k=k, sample_weight=weight))
    of_probs = Evaluation(7, of="probabilities").update(probs, target, sample_weight=weight).compute()
    assert of_probs.loss == pytest.approx(log_loss(target, probs, sample_weight=weight), rel=1e-12)


def test_of_equal_scores_the_first_is_predicted_and_none_exceeds_another():
    got = Evaluation(3, top_k=(1, 2)).update([[1.0, 1.0, 1.0], [2.0, 3.0, 3.0]], [2, 2]).compute()
    assert (got.accuracy, got.top_k) == (0.0, {1: 1.0, 2: 1.0})


@pytest.mark.parametrize("value", [np.nan, np.inf])
def test_a_row_that_is_nan_is_no_hit_and_makes_the_loss_nan(value):
    got = Evaluation(2, top_k=(1, 2), per_class=True).update([[0.0, value], [1.0, 0.0]], [0, 0]).compute()
    assert math.isnan(got.loss)
    assert math.isnan(got.per_class.loss[0])
    assert got.accuracy == 0.5
    assert got.top_k[2] == (0.5 if math.isnan(value) else 1.0)


def test_a_probability_on_an_edge_is_in_the_bin_below_as_scikit_learn_has_it():
    probs = np.array([[0.5, 0.5], [0.25, 0.75], [0.0, 1.0]])
    target = np.array([0, 1, 1])
    got = Evaluation(2, of="probabilities", calibration_bins=4).update(probs, target).compute().calibration
    np.testing.assert_array_equal(got.weight, [0, 1, 1, 1])
    _, predicted = calibration_curve(np.ones(3), probs.max(axis=1), n_bins=4)
    np.testing.assert_array_equal(predicted, [0.5, 0.75, 1.0])


def test_calibration_has_scikit_learns_bins_and_confidence_1_is_in_the_last(rng):
    logits, target, _ = data(rng, "multilabel_logits", (500, 1), "float64")
    logits[:4] = [[800.0], [-800.0], [0.0], [0.0]]
    got = Evaluation(1, of="multilabel_logits", calibration_bins=5).update(logits, target).compute().calibration
    prob = np.exp(-np.logaddexp(0, -logits[:, 0]))
    true, predicted = calibration_curve(target[:, 0], prob, n_bins=5)
    np.testing.assert_allclose(got.prob_true, true, rtol=1e-12)
    np.testing.assert_allclose(got.prob_pred, predicted, rtol=1e-12)
    np.testing.assert_array_equal(got.n, np.histogram(prob, 5, (0, 1))[0])
    certain = Evaluation(2, calibration_bins=4).update([[2000.0, 0.0]], [0]).compute().calibration
    np.testing.assert_array_equal(certain.n, [0, 0, 0, 1])
    assert certain.error == 0
    np.testing.assert_array_equal(certain.edges[-1], [0.75, 1])


@pytest.mark.parametrize("weighted", [False, True])
def test_calibration_is_that_of_the_reliability_diagram(weighted, rng):
    logits, target, weight = data(rng, "logits", dtype="float64")
    weight = weight + 0.1 if weighted else None
    probs = fx.softmax(logits)
    display = ReliabilityDisplay.from_predictions(target, probs, n_bins=12, sample_weight=weight)
    for of, scores in (("logits", logits), ("probabilities", probs)):
        got = Evaluation(7, of=of, calibration_bins=12).update(scores, target, sample_weight=weight).compute()
        filled = got.calibration.weight > 0
        np.testing.assert_allclose(got.calibration.prob_true[filled], display.prob_true)
        np.testing.assert_allclose(got.calibration.prob_pred[filled], display.prob_pred)
        np.testing.assert_allclose(got.calibration.weight[filled], display.bin_weight)
        np.testing.assert_array_equal(got.calibration.edges[filled], display.bin_edges)
        error = np.average(np.abs(display.prob_true - display.prob_pred), weights=display.bin_weight)
        assert got.calibration.error == pytest.approx(error)


@each_of
def test_scores_of_a_class_are_those_of_its_samples_alone(of, rng):
    scores, target, weight = data(rng, of)
    given = options(of, rng)
    got = Evaluation(7, **given).update(scores, target, sample_weight=weight).compute().per_class
    for k in range(7):
        if of == "multilabel_logits":
            rows, one = (slice(None), [k]), Evaluation(1, **given)
        else:
            rows, one = target == k, Evaluation(7, **given)
        want = one.update(scores[rows], target[rows], sample_weight=weight[rows]).compute()
        np.testing.assert_equal(
            (got.loss[k], got.accuracy[k], got.n[k], got.weight[k]), (want.loss, want.accuracy, want.n, want.weight)
        )


def test_bits_per_byte_count_bytes_and_need_them_of_every_update(rng):
    logits, target, _ = data(rng, "logits")
    evaluation = Evaluation(7).update(logits, target, n_bytes=1000).update(logits, target, n_bytes=200)
    got = evaluation.compute()
    assert got.bits_per_byte == pytest.approx(600 * got.bits / 1200)
    assert evaluation.update(logits[:0], target[:0]).compute().bits_per_byte == got.bits_per_byte
    assert evaluation.update(logits[:1], target[:1]).compute().bits_per_byte is None


@each_of
def test_nothing_is_nan(of):
    empty = Evaluation(4, of=of, per_class=True, calibration_bins=3)
    target = np.ones((2, 4) if of == "multilabel_logits" else 2, int)
    ignored = Evaluation(4, of=of, ignore_index=1).update(np.full((2, 4), np.nan), target)
    for evaluation in (empty, ignored):
        got = evaluation.compute()
        assert math.isnan(got.loss)
        assert math.isnan(got.accuracy)
        assert (got.n, got.weight) == (0, 0.0)
    assert math.isnan(empty.compute().calibration.error)
    assert np.isnan(empty.compute().per_class.loss).all()


@each_of
def test_a_state_comes_back_from_json_and_pickle_with_what_is_not_finite(of, rng):
    scores, target, weight = data(rng, of)
    scores[0], scores[1, :3] = (1 if of == "probabilities" else np.nan), 0
    given = options(of, rng)
    if of == "multilabel_logits":
        given["ignore_index"], target = math.nan, target.astype(float)
        target[7] = math.nan
    evaluation = Evaluation(7, **given).update(scores, target, sample_weight=weight)
    text = json.dumps(evaluation.state(), allow_nan=False)
    for other in (Evaluation.from_state(json.loads(text)), pickle.loads(pickle.dumps(evaluation))):
        assert state_of(other) == text
        np.testing.assert_equal(other.compute(), evaluation.compute())
        other.update(scores, target).merge(evaluation)
        assert state_of(other) != text
    assert state_of(evaluation) == text


def test_a_state_is_short(rng):
    evaluation = Evaluation(10, top_k=()).update(rng.normal(size=(1000, 10)), np.arange(1000) % 10)
    assert len(json.dumps(evaluation.state()["sums"]["loss"])) < 150


BAD = {
    "a label": ({"target": [0, 7, 1]}, ValueError, r"target\[1\] = 7"),
    "a label in a later block": ({"target": [0, 1, -2]}, ValueError, r"target\[2\] = -2"),
    "labels in floats": ({"target": [0.0, 1.0, 1.0]}, TypeError, "class labels"),
    "a target's shape": ({"target": [0, 1]}, ValueError, "target has shape"),
    "no target": ({"target": None}, TypeError, "target"),
    "scores' classes": ({"scores": np.zeros((3, 4))}, ValueError, "4 classes along axis 1, but n_classes = 3"),
    "scores": ({"scores": "abc"}, TypeError, "scores"),
    "no axis": ({"scores": 1.0}, ValueError, "scalar"),
    "longdouble": ({"scores": np.zeros((3, 3), np.longdouble)}, TypeError, "scores"),
    "a weight": ({"sample_weight": [1.0, 1.0, -1.0]}, ValueError, r"sample_weight\[2\] = -1"),
    "no weight": ({"sample_weight": [1.0, math.nan, 1.0]}, ValueError, r"sample_weight\[1\] = nan"),
    "weights' shape": ({"sample_weight": [1.0, 1.0]}, ValueError, "sample_weight has shape"),
    "weights' axes": ({"sample_weight": np.ones((1, 3))}, ValueError, "sample_weight has shape"),
    "a distribution": ({"target": np.full((3, 3), -0.5)}, ValueError, r"target\[0, 0\] = -0.5"),
    "n_threads": ({"n_threads": 0}, ValueError, "n_threads"),
    "n_bytes": ({"n_bytes": -1}, ValueError, "n_bytes = -1"),
    "no n_bytes": ({"n_bytes": 1.5}, TypeError, "n_bytes = 1.5"),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("samples", [1, 65536])
def test_bad_input_changes_nothing_and_is_named(what, samples, monkeypatch):
    monkeypatch.setattr("fastxent.evaluation._reading.SAMPLES", samples)
    change, error, match = BAD[what]
    evaluation = Evaluation(3, top_k=(), calibration_bins=2).update(np.eye(3), [0, 1, 1])
    before = state_of(evaluation)
    args = {"scores": np.eye(3), "target": [0, 1, 2], "sample_weight": None} | change
    with pytest.raises(error, match=match):
        evaluation.update(args.pop("scores"), args.pop("target"), **args)
    assert state_of(evaluation) == before


def test_a_bad_probability_changes_nothing_and_is_named(monkeypatch):
    monkeypatch.setattr("fastxent.evaluation._reading.SAMPLES", 1)
    evaluation = Evaluation(2, of="probabilities")
    with pytest.raises(ValueError, match=r"scores\[1, 1\] = -0.5|probs\[1, 1\] = -0.5"):
        evaluation.update([[0.5, 0.5], [0.5, -0.5]], [0, 1])
    assert evaluation.compute().n == 0


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"n_classes": 0}, ValueError, "n_classes = 0"),
        ({"n_classes": 2.5}, TypeError, "n_classes = 2.5"),
        ({"of": "scores"}, ValueError, "of = 'scores'"),
        ({"axis": None}, TypeError, "axis"),
        ({"class_weight": [1.0]}, ValueError, "class_weight has shape"),
        ({"class_weight": [1, 2, 3], "of": "multilabel_logits"}, ValueError, "class_weight goes with"),
        ({"ignore_index": 1.5}, TypeError, "ignore_index = 1.5"),
        ({"label_smoothing": 2}, ValueError, "label_smoothing = 2"),
        ({"eps": 0.1}, ValueError, "eps = 0.1 goes with probabilities"),
        ({"eps": -1, "of": "probabilities"}, ValueError, "eps = -1"),
        ({"top_k": (0,)}, ValueError, "top_k = 0"),
        ({"top_k": (1, 5), "of": "multilabel_logits"}, ValueError, "top_k = "),
        ({"calibration_bins": -1}, ValueError, "calibration_bins = -1"),
    ],
)
def test_bad_options_are_named(given, error, match):
    with pytest.raises(error, match=match):
        Evaluation(**{"n_classes": 3} | given)


def test_only_evaluations_with_the_same_options_merge_and_nothing_changes_else(rng):
    logits, target, _ = data(rng, "logits")
    one, same = Evaluation(7).update(logits, target), Evaluation(7).update(logits, target)
    before = state_of(one)
    for other, error in ((Evaluation(7, label_smoothing=0.5), ValueError), (7, TypeError)):
        with pytest.raises(error, match="cannot be merged"):
            one.merge(same, other)
        assert state_of(one) == before
    missing = Evaluation(2, of="multilabel_logits", ignore_index=math.nan)
    missing.merge(pickle.loads(pickle.dumps(missing)))
    assert one.merge(one, same).compute().n == 900


def test_a_state_that_is_none_is_refused():
    state = Evaluation(3, per_class=True).state()
    for bad in ({}, None, state | {"version": 0}, state | {"counts": {}}, state | {"sums": {}}):
        with pytest.raises(ValueError, match="state"):
            Evaluation.from_state(bad)
    short = json.loads(json.dumps(state))
    short["sums"]["class_loss"]["sums"].pop()
    with pytest.raises(ValueError, match="2 sums in the place of 3"):
        Evaluation.from_state(short)


@pytest.mark.parametrize("given", [{"top_k": ()}, {"per_class": True, "calibration_bins": 10, "top_k": (1, 5)}])
@pytest.mark.parametrize("of", ["logits", "probabilities"])
def test_a_file_larger_than_the_memory_that_is_used(given, of, tmp_path, rng):
    n = 400_000
    scores = np.memmap(tmp_path / "scores", np.float32, "w+", shape=(n, 20))  # 32 MB
    scores[:] = rng.random((n, 20), np.float32)
    target = np.memmap(tmp_path / "target", np.uint8, "w+", shape=n)
    target[:] = rng.integers(0, 20, n)
    evaluation = Evaluation(20, of=of, **given)
    assert peak(lambda: evaluation.update(scores, target, n_threads=1)) < 3 * MEBIBYTE
    assert evaluation.compute().n == 2 * n


@pytest.mark.parametrize("function", [fx.softmax_cross_entropy, fx.clamped_cross_entropy, fx.entropy])
def test_the_loss_of_a_file_takes_no_memory(function, tmp_path, rng):
    scores = np.memmap(tmp_path / "scores", np.float32, "w+", shape=(400_000, 20))
    scores[:] = rng.random((400_000, 20), np.float32)
    target = np.memmap(tmp_path / "target", np.uint8, "w+", shape=400_000)
    args = (scores, target) if function is not fx.entropy else (scores,)
    results = 0 if function is not fx.entropy else 4 * len(scores)
    assert peak(lambda: function(*args, n_threads=2)) < MEBIBYTE + results


def test_class_weights_beside_distributions_are_those_of_the_loss(rng):
    x, target, weight = rng.normal(size=(4, 3)), np.full((4, 3), 1 / 3), [1.0, 2.0, 3.0]
    got = Evaluation(3, class_weight=weight).update(x, target).compute()
    assert got.loss == pytest.approx(fx.softmax_cross_entropy(x, target, class_weight=weight), rel=1e-14)


@pytest.mark.parametrize("ignored", [None, 0])
def test_one_very_heavy_sample_changes_no_bit_of_the_others(ignored, rng):
    x, y, weight = rng.normal(size=(8, 3)).astype(np.float32), np.arange(8) % 3, np.ones(8)
    weight[0] = 2.0**41
    whole = Evaluation(3, ignore_index=ignored).update(x, y, sample_weight=weight)
    cut = Evaluation(3, ignore_index=ignored)
    for i in range(8):
        cut.update(x[i : i + 1], y[i : i + 1], sample_weight=weight[i : i + 1])
    assert cut.state() == whole.state()


def test_an_ignored_target_is_compared_in_double():
    target = np.array([[0.1], [1]], np.float32)  # not quite 0.1
    got = Evaluation(1, of="multilabel_logits", ignore_index=0.1).update(np.zeros((2, 1), np.float32), target).compute()
    assert (got.n, got.loss) == (2, pytest.approx(np.log(2)))


def test_what_it_was_given_and_gave_is_its_own():
    weight = np.ones(3)
    evaluation = Evaluation(3, class_weight=weight, top_k=(1,))
    weight[:] = 7
    evaluation.state()["options"]["top_k"].append(2)
    got = evaluation.update(np.zeros((5, 3)), [0, 1, 2, 0, 1]).compute()
    assert got.weight == 5
    assert list(got.top_k) == [1]


def test_it_may_be_merged_with_itself():
    evaluation = Evaluation(3).update(np.zeros((5, 3)), [0] * 5)
    assert evaluation.merge(evaluation, evaluation).compute().n == 15


def test_a_sample_with_nan_is_no_hit_for_any_k():
    got = Evaluation(3, top_k=(1, 4)).update([[np.nan, 0, 0], [1, 0, 0]], [0, 0]).compute()
    assert got.top_k == {1: 0.5, 4: 0.5}


def test_the_calibration_error_does_not_depend_on_the_size_of_the_weights(rng):
    x, y = rng.normal(size=(4, 3)), [0, 1, 2, 0]
    one, heavy = (
        Evaluation(3, calibration_bins=4).update(x, y, sample_weight=np.full(4, size)).compute().calibration.error
        for size in (1.0, 1e308)
    )
    assert heavy == pytest.approx(one)


@pytest.mark.parametrize(
    "change",
    [
        {"options": {}},
        {"options": "abc"},
        {"counts": [1]},
        {"counts": {"n": "abc", "n_bytes": 0, "n_without_bytes": 0}},
        {"counts": {"n": -4, "n_bytes": 0, "n_without_bytes": 0}},
        {"sums": {}},
        {"sums": {"loss": None, "weight": None}},
        {"sums": {"loss": {"sums": [3], "not_finite": []}, "weight": {"sums": ["1p0"], "not_finite": []}}},
        {"sums": {"loss": {"sums": ["1p9999999999"], "not_finite": []}, "weight": {"sums": ["1p0"], "not_finite": []}}},
        {
            "sums": {
                "loss": {"sums": ["1p0"], "not_finite": [[7, 1, 0, 0]]},
                "weight": {"sums": ["1p0"], "not_finite": []},
            }
        },
        {
            "sums": {
                "loss": {"sums": ["1p0"], "not_finite": [[0, -1, 0, 0]]},
                "weight": {"sums": ["1p0"], "not_finite": []},
            }
        },
    ],
)
def test_what_is_no_state_is_a_value_error(change):
    state = Evaluation(3, top_k=()).update(np.zeros((2, 3)), [0, 1]).state()
    Evaluation.from_state(state)
    with pytest.raises(ValueError, match=r"state|count|n = -4"):
        Evaluation.from_state(state | change)


@pytest.mark.parametrize("of", ["logits", "multilabel_logits"])
def test_a_sample_with_nan_is_in_no_bin(of):
    x, y = np.array([[np.nan, 0.0], [1.0, 3.0]]), np.array([0, 1])
    target = y if of == "logits" else np.eye(2)
    one, both = (
        Evaluation(2, of=of, calibration_bins=5).update(x[first:], target[first:]).compute().calibration
        for first in (1, 0)
    )
    assert both.n.sum() == (1 if of == "logits" else 3)
    assert np.isfinite(both.error)
    if of == "logits":
        assert both.error == one.error
