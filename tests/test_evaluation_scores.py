"""The scores of an evaluation: scikit-learn's, and what holds of each of them."""

import math

import numpy as np
import pytest
from sklearn.calibration import calibration_curve
from sklearn.metrics import accuracy_score, log_loss, top_k_accuracy_score

import fastxent as fx
from fastxent.evaluation import Evaluation
from fastxent.sklearn import ReliabilityDisplay
from tests.evaluations import data, each_dtype, each_of, options


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
    for given, labels, n in (({"ignore_index": -1}, [-1, -1], 0), ({"class_weight": np.eye(7)[0]}, [1, 2], 2)):
        nothing = Evaluation(7, **given).update(logits[:2], labels, n_bytes=9).compute()
        assert np.isnan([nothing.loss, nothing.bits, nothing.bits_per_byte]).all()
        assert nothing.n == n


@pytest.mark.parametrize("ignored", [None, 0])
def test_one_very_heavy_sample_changes_no_bit_of_the_others(ignored, rng):
    x, y, weight = rng.normal(size=(8, 3)).astype(np.float32), np.arange(8) % 3, np.ones(8)
    weight[0] = 2.0**41
    whole = Evaluation(3, ignore_index=ignored).update(x, y, sample_weight=weight)
    cut = Evaluation(3, ignore_index=ignored)
    for i in range(8):
        cut.update(x[i : i + 1], y[i : i + 1], sample_weight=weight[i : i + 1])
    assert cut.state() == whole.state()


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
