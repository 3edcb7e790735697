"""From `start_scores` our objectives train what the libraries train from base scores of their own."""

import json

import catboost
import lightgbm
import numpy as np
import pytest
import xgboost
from scipy.special import expit, logit

import fastxent as fx
from fastxent.boosting import start_scores
from tests.boosting import CLASSES, NATIVE, OBJECTIVES, ROUNDS, data

each_kind = pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
each_weighting = pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])


def ours(library, kind):
    return OBJECTIVES[kind](library, hessian=NATIVE[library, kind][1])


def start_of(d, **options):
    start = start_scores(d.labels, d.weights, **options)
    return start, np.tile(start, (len(d.labels), 1)) if np.ndim(start) else np.full(len(d.labels), start)


@each_kind
@each_weighting
def test_lightgbm(kind, weighted, rng):
    d = data(kind, rng, weighted)
    start, init_score = start_of(d)
    params = {"num_threads": 1, "num_leaves": 7, "verbose": -1} | ({"num_class": CLASSES} if kind == "softmax" else {})
    scores = []
    for objective, init in ((NATIVE["lightgbm", kind][0], None), (ours("lightgbm", kind), init_score)):
        rows = lightgbm.Dataset(d.features, d.labels, weight=d.weights, init_score=init)
        model = lightgbm.train(params | {"objective": objective}, rows, ROUNDS)
        scores.append(model.predict(d.features, raw_score=True))
    assert np.ptp(scores[0]) > 1
    np.testing.assert_allclose(scores[1] + start, scores[0], rtol=0, atol=ROUNDS * 2.0**-52)  # leaves are float64


@each_kind
@each_weighting
def test_xgboost(kind, weighted, rng):
    d = data(kind, rng, weighted)
    start, margin = start_of(d, library="xgboost")
    params = {"objective": NATIVE["xgboost", kind][0], "nthread": 1, "max_depth": 3}
    if kind == "softmax":
        params["num_class"] = CLASSES
    plain = xgboost.DMatrix(d.features, d.labels, weight=d.weights)
    moved = xgboost.DMatrix(d.features, d.labels, weight=d.weights, base_margin=margin)
    want = xgboost.train(params, plain, ROUNDS).predict(plain)
    base_score = start.tolist() if kind == "softmax" else float(expit(start))
    for rows, more in ((moved, {}), (plain, {"base_score": base_score})):
        scores = xgboost.train(params | more, rows, ROUNDS, obj=ours("xgboost", kind)).predict(rows, output_margin=True)
        got = fx.softmax(scores) if kind == "softmax" else expit(scores)
        # its objective is rounded to float32
        np.testing.assert_allclose(got, want, rtol=0, atol=4 * float(np.finfo(np.float32).eps))


@each_weighting
def test_xgboosts_own_start_of_a_rare_class(weighted, rng):
    labels = np.repeat(np.arange(4), [2000, 500, 499, 1])
    weights = rng.integers(1, 4, len(labels)) if weighted else None  # whose sums are exact in float32
    rows = xgboost.DMatrix(np.zeros((len(labels), 1)), labels, weight=weights)
    model = xgboost.train({"objective": "multi:softprob", "num_class": 5, "nthread": 1}, rows, 1)
    own = json.loads(json.loads(model.save_config())["learner"]["learner_model_param"]["base_score"])
    start = start_scores(labels, weights, 5, library="xgboost")
    np.testing.assert_allclose(start, own, rtol=0, atol=8 * float(np.finfo(np.float32).eps))  # scores up to 8
    plain = start_scores(labels, weights, 5)
    assert np.abs(plain - plain.mean() - own).max() > 1
    np.testing.assert_array_equal(start_scores(labels, weights, 5, library="lightgbm"), plain)


@each_weighting
def test_catboost(weighted, rng):
    d = data("sigmoid", rng, weighted)
    start, baseline = start_of(d)
    options = {
        "iterations": ROUNDS, "thread_count": 1, "depth": 3, "learning_rate": 0.3, "bootstrap_type": "No",
        "leaf_estimation_method": "Newton", "leaf_estimation_iterations": 1, "random_strength": 0, "verbose": False,
        "allow_writing_files": False,
    }  # fmt: skip
    scores = []
    for objective, base, more in (
        ("Logloss", None, {"boost_from_average": True}),
        (ours("catboost", "sigmoid"), baseline, {"eval_metric": "Logloss"}),
    ):
        pool = catboost.Pool(d.features, d.labels, weight=d.weights, baseline=base)
        model = catboost.CatBoostClassifier(loss_function=objective, **options, **more).fit(pool)
        scores.append(model.predict(d.features, prediction_type="RawFormulaVal"))
    np.testing.assert_allclose(scores[1] + start, scores[0], rtol=0, atol=1e-6)


def test_shares_of_labels_distributions_and_probabilities():
    labels, weights = [0, 2, 2, 1], [1, 2, 0.5, 0.5]
    shares = np.array([1, 0.5, 2.5]) / 4
    np.testing.assert_allclose(start_scores(labels, weights), np.log(shares), rtol=1e-15)
    np.testing.assert_allclose(start_scores(np.eye(3)[labels], weights), np.log(shares), rtol=1e-15)
    np.testing.assert_allclose(start_scores([0.25, 0.5], [1, 3]), logit(1.75 / 4), rtol=1e-15)
    np.testing.assert_allclose(start_scores([0, 1, 1], n_classes=2), np.log([1 / 3, 2 / 3]), rtol=1e-15)
    # a class without rows is as rare as LightGBM has it
    np.testing.assert_allclose(start_scores([0, 1], n_classes=3)[2], np.log(1e-15), rtol=1e-8)
    np.testing.assert_allclose(start_scores([0, 0]), np.log(1e-15), rtol=1e-8)


@pytest.mark.parametrize(
    ("y", "options", "message"),
    [
        ([0, 1.5], {}, r"y\[1\] = 1.5, but labels are probabilities in \[0, 1\], or classes from 0 on"),
        ([-1, 1], {}, r"y\[0\] = -1.0"),
        ([0, np.nan], {}, r"y\[1\] = nan"),
        ([0, 3], {"n_classes": 3}, r"y\[1\] = 3.0, but labels are integers from 0 to 2"),
        ([0, 1], {"n_classes": 2**63}, "n_classes = 9223372036854775808, but there are at most 16777217"),
        ([0, 1], {"n_classes": 1}, "n_classes = 1, but there are at least two"),
        ([0, 1], {"library": "sklearn"}, "library = 'sklearn', but it must be one of 'xgboost', "),
        ([0, 1], {"sample_weight": [1, -1]}, r"sample_weight\[1\] = -1"),
        ([0, 1], {"sample_weight": [1]}, r"sample_weight has shape \(1,\)"),
        ([0, 1], {"sample_weight": [0, 0]}, "nothing has weight"),
        ([], {}, "nothing has weight"),
        ([[0.5, 0.5]], {"n_classes": 3}, r"y has shape \(1, 2\), but n_classes = 3"),
        ([[0.5, -0.5]], {}, r"y\[0, 1\] = -0.5"),
        (1.0, {}, r"y has shape \(\)"),
    ],
)  # fmt: skip
def test_what_has_no_start_is_named(y, options, message):
    with pytest.raises(ValueError, match=message):
        start_scores(y, **options)
