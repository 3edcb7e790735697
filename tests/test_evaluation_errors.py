"""What an evaluation refuses: it says what is wrong, and nothing has changed."""

import json
import math
import pickle

import numpy as np
import pytest

import fastxent as fx
from fastxent.evaluation import Evaluation
from tests.evaluations import data, state_of

BAD = {
    "a label": ({"target": [0, 7, 1]}, ValueError, r"target\[1\] = 7"),
    "a label in a later block": ({"target": [0, 1, -2]}, ValueError, r"target\[2\] = -2"),
    "labels in floats": ({"target": [0.0, 1.0, 1.0]}, TypeError, "class labels"),
    "a target's shape": ({"target": [0, 1]}, ValueError, "target has shape"),
    "no target": ({"target": None}, TypeError, "target"),
    "one score of two classes": ({"scores": np.zeros(5)}, ValueError, "of='probabilities', or scores"),
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
    "a bool as n_bytes": ({"n_bytes": True}, TypeError, "n_bytes = True"),
    "no n_bytes": ({"n_bytes": 1.5}, TypeError, "n_bytes = 1.5"),
}


@pytest.mark.parametrize("what", BAD)
@pytest.mark.parametrize("samples", [1, 65536])
def test_bad_input_changes_nothing_and_is_named(what, samples, monkeypatch):
    monkeypatch.setattr("fastxent.evaluation._reading.SAMPLES", samples)
    change, error, match = BAD[what]
    evaluation = Evaluation(3, top_k=(), calibration_bins=2).update(2 * np.eye(3), [0, 1, 1])
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


READS = {
    "labels": {"top_k": ()},
    "smoothed labels": {"top_k": (), "label_smoothing": 0.1},
    "distributions": {"top_k": ()},
    "hits": {"top_k": (2,)},
    "calibration": {"top_k": (), "calibration_bins": 3},
}


@pytest.mark.parametrize("samples", [1, 65536])
@pytest.mark.parametrize("classes", [3, 100])
@pytest.mark.parametrize("what", READS)
def test_a_probability_above_1_that_is_read_changes_nothing_and_is_named(what, classes, samples, monkeypatch):
    monkeypatch.setattr("fastxent.evaluation._reading.SAMPLES", samples)
    probs, labels = np.full((2, classes, 2), 0.01), np.array([[0, 1], [2, 0]])
    target = np.moveaxis(np.eye(classes)[labels], -1, 1) if what == "distributions" else labels
    evaluation = Evaluation(classes, of="probabilities", axis=1, **READS[what]).update(probs, target)
    before = state_of(evaluation)
    place = (1, 2, 0) if what == "labels" else (1, 1, 0)  # the label's own, or another's
    probs[place] = 7.5
    with pytest.raises(ValueError, match=rf"scores\[{', '.join(map(str, place))}\] = 7.5, but a probability is in"):
        evaluation.update(probs, target)
    assert state_of(evaluation) == before
    evaluation.update(probs, target, sample_weight=[[1, 1], [0, 1]])
    if what == "hits":
        probs[1, 0, 0] = np.nan  # there is no largest one
        with pytest.raises(ValueError, match=r"scores\[1, 1, 0\] = 7.5"):
            evaluation.update(probs, target)
    if what != "distributions":
        ignoring = Evaluation(classes, of="probabilities", axis=1, ignore_index=2, **READS[what])
        assert ignoring.update(probs, target).compute().n == 3


@pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])
def test_a_probability_may_be_above_1_by_rounding(dtype):
    rounding = np.sqrt(np.finfo(dtype).eps)  # as far as metrics.log_loss lets sums be from 1
    evaluation = Evaluation(2, of="probabilities")
    evaluation.update(np.array([[0, 1 + 0.9 * rounding], [np.nan, 1]], dtype), [1, 1])
    with pytest.raises(ValueError, match=r"scores\[0, 1\] = 1.*, but a probability is in \[0, 1\]"):
        evaluation.update(np.array([[0, 1 + 1.1 * rounding]], dtype), [1])
    assert evaluation.compute().n == 2


@pytest.mark.parametrize("axis", [1, -1])
def test_logits_that_look_like_probabilities_are_noticed_in_the_first_update(axis, rng):
    probs = fx.softmax(rng.normal(size=(10, 20, 20)).astype(np.float32), axis=axis)
    target = np.zeros((10, 20), int)
    evaluation = Evaluation(20, axis=axis)
    with pytest.warns(UserWarning, match="scores look like probabilities; .* of='probabilities'"):
        evaluation.update(probs, target)
    assert evaluation.compute().n == 200
    evaluation.update(probs, target)
    later = probs.copy()
    later[6:] += 1  # after the first hundred rows
    with pytest.warns(UserWarning, match="scores look like probabilities"):
        Evaluation(20, axis=axis).update(later, target)
    later[0, 0, 0] = -1
    Evaluation(20, axis=axis).update(later, target)
    Evaluation(20, axis=axis, of="probabilities").update(probs, target)
    Evaluation(1).update(np.ones((3, 1)), [0, 0, 0])  # of one class all logits have the probability 1


@pytest.mark.parametrize(
    ("given", "error", "match"),
    [
        ({"n_classes": 0}, ValueError, "n_classes = 0"),
        ({"n_classes": 2**63}, ValueError, "n_classes = 9"),
        ({"n_classes": 2.5}, TypeError, "n_classes = 2.5"),
        ({"n_classes": True}, TypeError, "n_classes = True"),
        ({"of": "scores"}, ValueError, "of = 'scores'"),
        ({"of": np.ones(2)}, ValueError, "of = array"),
        ({"axis": None}, TypeError, "axis"),
        ({"axis": True}, TypeError, "axis = True"),
        ({"class_weight": [1.0]}, ValueError, "class_weight has shape"),
        ({"class_weight": [1, 2, 3], "of": "multilabel_logits"}, ValueError, "class_weight goes with"),
        ({"ignore_index": 1.5}, TypeError, "ignore_index = 1.5"),
        ({"ignore_index": True}, TypeError, "ignore_index = True"),
        ({"label_smoothing": 2}, ValueError, "label_smoothing = 2"),
        ({"eps": 0.1}, ValueError, "eps = 0.1 goes with probabilities"),
        ({"eps": -1, "of": "probabilities"}, ValueError, "eps = -1"),
        ({"top_k": np.array(2)}, TypeError, "top_k = array"),
        ({"top_k": (0,)}, ValueError, "top_k = 0"),
        ({"top_k": (1, 5), "of": "multilabel_logits"}, ValueError, "top_k = "),
        ({"calibration_bins": True}, TypeError, "calibration_bins = True"),
        ({"calibration_bins": 2**63}, ValueError, "calibration_bins = 9"),
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
        {
            "sums": {
                "loss": {"sums": ["1p0"], "not_finite": [[0, 2**63, 0, 0]]},
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
