"""Models trained with our objectives are those that each library trains with its own."""

import pickle

import catboost
import lightgbm
import numpy as np
import pytest
import sklearn.base
import xgboost
from sklearn.model_selection import GridSearchCV

from fastxent import boosting
from tests.boosting import CLASSES, METRICS, NATIVE, OBJECTIVES, ROUNDS, data, each_library, trained

each_kind = pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
each_weighting = pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])


LIGHTGBM = {"n_estimators": ROUNDS, "num_leaves": 7, "n_jobs": 1, "boost_from_average": False, "verbose": -1}
EPS = float(np.finfo(np.float32).eps)


def native(library, kind):
    return NATIVE[library, kind][0]


def ours(library, kind, **options):
    return OBJECTIVES[kind](library, **{"hessian": NATIVE[library, kind][1]} | options)


def assert_same_scores(got, want):
    """Each round adds a leaf in float32, and rounds: one ulp of the largest score."""
    assert np.ptp(want) > 1  # it has learned something
    np.testing.assert_allclose(got, want, rtol=0, atol=ROUNDS * np.spacing(np.float32(np.abs(want).max())))


def assert_same_losses(got, want):
    """The mean of -log p, where the libraries' p are float32, of relative error 2^-23 or two of them, in some rows."""
    assert len(got) == ROUNDS
    np.testing.assert_allclose(got, want, rtol=0, atol=8 * EPS)


@each_library
@each_kind
@each_weighting
def test_the_predictions_are_those_of_the_native_objective(library, kind, weighted, rng):
    d = data(kind, rng, weighted)
    want, _ = trained(library, native(library, kind), kind, d)
    got, _ = trained(library, ours(library, kind), kind, d)
    assert_same_scores(got, want)


@each_library
@each_kind
@each_weighting
def test_the_metric_is_that_of_the_library(library, kind, weighted, rng):
    d, evals = data(kind, rng, weighted), data(kind, rng, weighted, n=111)
    _, want = trained(library, native(library, kind), kind, d, evals)
    _, got = trained(library, ours(library, kind), kind, d, evals, METRICS[kind](library))
    name = {"xgboost": f"{kind}_cross_entropy", "lightgbm": f"{kind}_cross_entropy", "catboost": "Metric"}[library]
    (want,) = want.values() if library != "catboost" else [want[native(library, kind)]]
    assert_same_losses(got[name], want)


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_class_weights_are_the_librarys_scale_of_positive_rows(library, rng):
    d = data("sigmoid", rng)
    want, _ = trained(library, native(library, "sigmoid"), "sigmoid", d, scale_pos_weight=3.0)
    got, _ = trained(library, ours(library, "sigmoid", class_weight=[1.0, 3.0]), "sigmoid", d)
    assert_same_scores(got, want)


@each_kind
@each_weighting
def test_sklearn_estimators_of_xgboost(kind, weighted, rng):
    d = data(kind, rng, weighted)
    options = {"n_estimators": ROUNDS, "max_depth": 3, "n_jobs": 1, "base_score": 0.5}
    want = xgboost.XGBClassifier(**options).fit(d.features, d.labels, sample_weight=d.weights)
    metric = METRICS[kind]("xgboost")
    model = xgboost.XGBClassifier(objective=ours("xgboost", kind), eval_metric=metric, **options)
    model = sklearn.base.clone(model)
    evals = {"eval_set": [(d.features, d.labels)], "verbose": False}
    if weighted:
        evals["sample_weight_eval_set"] = [d.weights]
    model.fit(d.features, d.labels, sample_weight=d.weights, **evals)
    assert_same_scores(model.predict(d.features, output_margin=True), want.predict(d.features, output_margin=True))
    got, want = (each.predict_proba(d.features) for each in (model, want))
    np.testing.assert_allclose(got, want, rtol=0, atol=ROUNDS * EPS)  # dp = p (1 - p) dx is 1/4 of an ulp of x < 8
    record = model.evals_result()["validation_0"]
    native_name = "mlogloss" if kind == "softmax" else "logloss"
    assert_same_losses(record[f"{kind}_cross_entropy"], record[native_name])


@each_kind
@each_weighting
def test_sklearn_estimators_of_lightgbm(kind, weighted, rng):
    d = data(kind, rng, weighted)
    want = lightgbm.LGBMClassifier(**LIGHTGBM).fit(d.features, d.labels, sample_weight=d.weights)
    model = sklearn.base.clone(lightgbm.LGBMClassifier(objective=ours("lightgbm", kind), **LIGHTGBM))
    model.fit(
        d.features, d.labels, sample_weight=d.weights, eval_X=d.features, eval_y=d.labels,
        eval_sample_weight=[d.weights] if weighted else None, eval_metric=METRICS[kind]("lightgbm"),
    )  # fmt: skip
    scores = (each.predict(d.features, raw_score=True) for each in (model, want))
    assert_same_scores(*scores)
    record = model.evals_result_["valid_0"][f"{kind}_cross_entropy"]
    assert record[-1] < record[0]


def test_class_weights_of_lightgbms_estimator_are_applied_once(rng):
    d = data("softmax", rng)
    options = LIGHTGBM | {"class_weight": "balanced"}
    want = lightgbm.LGBMClassifier(**options).fit(d.features, d.labels)
    got = lightgbm.LGBMClassifier(objective=ours("lightgbm", "softmax"), **options).fit(d.features, d.labels)
    assert_same_scores(got.predict(d.features, raw_score=True), want.predict(d.features, raw_score=True))


def test_xgboost_trains_several_labels_at_once(rng):
    features = rng.standard_normal((200, 4))
    labels = (features @ rng.standard_normal((4, 3)) > 0).astype(np.float32)
    train = xgboost.DMatrix(features, labels, weight=rng.random(200) + 0.5)
    params = {"objective": "binary:logistic", "base_score": 0.5, "nthread": 1, "max_depth": 3}
    want = xgboost.train(params, train, ROUNDS).predict(train, output_margin=True)
    record = {}
    model = xgboost.train(
        params, train, ROUNDS, obj=ours("xgboost", "sigmoid"), custom_metric=boosting.sigmoid_metric("xgboost"),
        evals=[(train, "train")], evals_result=record, verbose_eval=False,
    )  # fmt: skip
    assert_same_scores(model.predict(train, output_margin=True), want)
    assert_same_losses(record["train"]["sigmoid_cross_entropy"], record["train"]["logloss"])


@each_library
@each_kind
def test_focal_loss_without_focus_trains_as_cross_entropy(library, kind, rng):
    d = data(kind, rng, weighted=True)
    want, _ = trained(library, ours(library, kind, hessian="exact"), kind, d)
    got, _ = trained(library, boosting.focal_objective(library, gamma=0.0), kind, d)
    assert_same_scores(got, want)


@each_library
@each_kind
def test_training_with_focal_loss_makes_it_small(library, kind, rng):
    d = data(kind, rng, weighted=True)
    metric = boosting.focal_metric(library, gamma=2.0)
    _, record = trained(library, boosting.focal_objective(library, gamma=2.0), kind, d, metric=metric)
    (values,) = (record[name] for name in record if name in ("focal_loss", "Metric"))
    classes = CLASSES if kind == "softmax" else 2
    chance = np.log(classes) * (1 - 1 / classes) ** 2
    assert values[-1] < 0.6 * chance  # 0.07 to 0.51 of it
    assert np.all(np.diff(values) < 0)


@each_library
def test_a_pickled_objective_trains_the_same(library, rng):
    d = data("sigmoid", rng)
    objective = ours(library, "sigmoid", class_weight=[1, 2])
    want, _ = trained(library, objective, "sigmoid", d)
    got, _ = trained(library, pickle.loads(pickle.dumps(objective)), "sigmoid", d)
    np.testing.assert_array_equal(got, want)


@each_kind
def test_lightgbms_estimator_stops_where_the_metric_is_best(kind, rng):
    """Unless it evaluates its own metric as well, which takes the scores for probabilities."""
    d = data(kind, rng, n=400)
    model = lightgbm.LGBMClassifier(
        n_estimators=100, objective=ours("lightgbm", kind), metric="None", n_jobs=1, verbose=-1
    ).fit(
        d.features[::2], d.labels[::2], eval_X=d.features[1::2], eval_y=d.labels[1::2],
        eval_metric=METRICS[kind]("lightgbm"), callbacks=[lightgbm.early_stopping(3, verbose=False)],
    )  # fmt: skip
    (values,) = model.evals_result_["valid_0"].values()
    assert 1 < model.best_iteration_ == np.argmin(values) + 1 == len(values) - 3 < 97


@each_kind
def test_estimators_of_catboost_can_be_cloned_and_searched(kind, rng):
    """CatBoost copies its parameters, and clone wants the same objects back."""
    d = data(kind, rng)
    model = catboost.CatBoostClassifier(
        loss_function=ours("catboost", kind), eval_metric=METRICS[kind]("catboost"), iterations=2, thread_count=1,
        verbose=False, allow_writing_files=False, classes_count=CLASSES if kind == "softmax" else None,
    )  # fmt: skip
    assert sklearn.base.clone(model).get_params() == model.get_params()
    search = GridSearchCV(model, {"depth": [1, 4]}, scoring=score, cv=2, error_score="raise").fit(d.features, d.labels)
    assert search.best_params_ == {"depth": 4}


def score(model, features, labels):
    scores = model.predict(features, prediction_type="RawFormulaVal")
    return np.mean((scores.argmax(axis=1) if scores.ndim == 2 else scores > 0) == labels)


def test_catboost_says_what_it_has_to_be_told(rng):
    d = data("softmax", rng)
    model = catboost.CatBoostClassifier(
        loss_function=boosting.softmax_objective("catboost"), eval_metric=boosting.softmax_metric("catboost"),
        iterations=2, thread_count=1, verbose=False, allow_writing_files=False,
    )  # fmt: skip
    with pytest.raises(catboost.CatBoostError, match="classes_count"):
        model.fit(d.features, d.labels)


def test_xgboost_and_lightgbm_are_told_the_number_of_classes_by_name(rng):
    d = data("softmax", rng)
    with pytest.raises(ValueError, match="num_class"):
        xgboost.train(
            {"nthread": 1}, xgboost.DMatrix(d.features, d.labels), 1, obj=boosting.softmax_objective("xgboost")
        )
    with pytest.raises(ValueError, match="num_class"):
        lightgbm.train(
            {"objective": boosting.softmax_objective("lightgbm"), "verbose": -1, "num_threads": 1},
            lightgbm.Dataset(d.features, d.labels), 1,
        )  # fmt: skip
