"""An objective or a metric serves each interface of its library, and says whose it is to another."""

import inspect
import typing

import catboost
import lightgbm
import numpy as np
import pytest
import xgboost

from fastxent import boosting
from tests.boosting import FACTORIES, LIBRARIES, METRICS, OBJECTIVES, data

ROUNDS = 3
CATBOOST = {"iterations": 1, "thread_count": 1, "verbose": False, "allow_writing_files": False}


def xgboost_scores(d, objective, metric=None, estimator=False):
    """Raw scores after training, and the metric's values."""
    if estimator:
        model = xgboost.XGBClassifier(
            n_estimators=ROUNDS, n_jobs=1, base_score=0.5, objective=objective, eval_metric=metric
        ).fit(d.features, d.labels, sample_weight=d.weights, eval_set=[(d.features, d.labels)], verbose=False)
        return model.predict(d.features, output_margin=True), model.evals_result()["validation_0"]
    train, record = xgboost.DMatrix(d.features, d.labels, weight=d.weights), {}
    model = xgboost.train(
        {"nthread": 1, "objective": "binary:logistic", "base_score": 0.5}, train, ROUNDS, obj=objective,
        custom_metric=metric, evals=[(xgboost.DMatrix(d.features, d.labels), "test")], evals_result=record,
        verbose_eval=False,
    )  # fmt: skip
    return model.predict(train, output_margin=True), record["test"]


def lightgbm_scores(d, objective, metric=None, estimator=False):
    if estimator:
        model = lightgbm.LGBMClassifier(n_estimators=ROUNDS, n_jobs=1, objective=objective, metric="None", verbose=-1)
        model.fit(d.features, d.labels, sample_weight=d.weights, eval_X=d.features, eval_y=d.labels, eval_metric=metric)
        return model.predict(d.features, raw_score=True), dict(model.evals_result_.get("valid_0", {}))
    train, record = lightgbm.Dataset(d.features, d.labels, weight=d.weights), {}
    model = lightgbm.train(
        {"num_threads": 1, "objective": objective, "metric": "None", "verbose": -1}, train, ROUNDS, feval=metric,
        valid_sets=[lightgbm.Dataset(d.features, d.labels, reference=train)],
        callbacks=[lightgbm.record_evaluation(record)],
    )  # fmt: skip
    return model.predict(d.features, raw_score=True), dict(record.get("valid_0", {}))


TRAINED = {"xgboost": xgboost_scores, "lightgbm": lightgbm_scores}


@pytest.mark.parametrize("library", TRAINED)
def test_one_objective_and_one_metric_serve_the_training_function_and_the_estimator(library, rng):
    d = data("sigmoid", rng, weighted=True)
    made = boosting.sigmoid_objective(library), boosting.sigmoid_metric(library)
    (scores, record), (others, other_record) = (TRAINED[library](d, *made, estimator) for estimator in (False, True))
    np.testing.assert_array_equal(scores, others)
    assert np.ptp(scores) > 0.1
    assert record["sigmoid_cross_entropy"] == other_record["sigmoid_cross_entropy"]
    assert len(record["sigmoid_cross_entropy"]) == ROUNDS


@pytest.mark.parametrize("library", TRAINED)
def test_a_training_function_is_told_that_it_was_given_what_is_anothers(library, rng):
    d = data("sigmoid", rng)
    (other,) = set(TRAINED) - {library}
    mine, title = boosting.sigmoid_objective(library), {"xgboost": "XGBoost", "lightgbm": "LightGBM"}[other]
    message = rf'made for {title}, but .* calls it: make it with "{library}"'
    with pytest.raises(ValueError, match=message):
        TRAINED[library](d, boosting.sigmoid_objective(other))
    with pytest.raises(ValueError, match=message):
        TRAINED[library](d, mine, boosting.sigmoid_metric(other))
    for estimator in (False, True):
        with pytest.raises(ValueError, match="made for CatBoost"):
            TRAINED[library](d, mine, boosting.sigmoid_metric("catboost"), estimator)
        with pytest.raises(ValueError, match="made for CatBoost"):
            TRAINED[library](d, boosting.sigmoid_objective("catboost"), None, estimator)


def test_xgboosts_estimator_is_told_that_it_was_given_what_is_lightgbms(rng):
    d = data("sigmoid", rng)
    with pytest.raises(ValueError, match=r'made for LightGBM.*for these make it with "xgboost"'):
        xgboost_scores(d, boosting.sigmoid_objective("lightgbm"), None, True)
    with pytest.raises(ValueError, match=r'made for LightGBM.*for these make it with "xgboost"'):
        xgboost_scores(d, boosting.sigmoid_objective("xgboost"), boosting.sigmoid_metric("lightgbm"), True)


@pytest.mark.parametrize("library", TRAINED)
@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_catboost_is_told_that_it_was_given_what_is_anothers(kind, library, rng):
    d = data(kind, rng)
    with pytest.raises(catboost.CatBoostError, match='but CatBoost calls it: make it with "catboost"'):
        catboost.CatBoostClassifier(
            loss_function=OBJECTIVES[kind](library), eval_metric="MultiClass" if kind == "softmax" else "Logloss",
            **CATBOOST,
        ).fit(d.features, d.labels)  # fmt: skip
    with pytest.raises(catboost.CatBoostError, match='but CatBoost calls it: make it with "catboost"'):
        catboost.CatBoostClassifier(eval_metric=METRICS[kind](library), **CATBOOST).fit(d.features, d.labels)


def test_a_metric_of_probabilities_warns(rng):
    d = data("softmax", rng)
    train, metric = xgboost.DMatrix(d.features, d.labels), boosting.softmax_metric("xgboost")
    params = {"nthread": 1, "num_class": 4, "objective": "multi:softprob"}
    with pytest.warns(UserWarning, match="softmax_cross_entropy takes scores, but .* each row sums to 1"):
        xgboost.train(params, train, 1, custom_metric=metric, evals=[(train, "train")], verbose_eval=False)
    with pytest.raises(ValueError, match="of XGBoost's own multi:softmax a metric is given classes"):
        xgboost.train(
            params | {"objective": "multi:softmax"}, train, 1, custom_metric=metric, evals=[(train, "train")],
            verbose_eval=False,
        )  # fmt: skip
    train, metric = lightgbm.Dataset(d.features, d.labels), boosting.focal_metric("lightgbm")
    params = {"num_threads": 1, "num_class": 4, "objective": "multiclass", "verbose": -1}
    with pytest.warns(UserWarning, match="focal_loss takes scores"):
        lightgbm.train(params, train, 1, feval=metric, valid_sets=[train])
    scores = rng.dirichlet(np.ones(4), 300).astype(np.float32)
    scores[299, 0] += 1  # one row that is none: no warning, which would be an error here
    assert boosting.softmax_metric("xgboost")(d.labels, scores) > 0


@pytest.mark.parametrize("factory", FACTORIES)
@pytest.mark.parametrize("library", LIBRARIES)
def test_the_interface_may_be_said_and_changes_nothing(factory, library):
    assert factory(library, "native") == factory(library, api="sklearn") == factory(library)


@pytest.mark.parametrize("factory", FACTORIES)
def test_the_types_name_the_libraries_and_all_options(factory):
    overloads = typing.get_overloads(factory)
    hints = [typing.get_type_hints(one) for one in overloads]
    assert [typing.get_args(each["library"]) for each in hints] == [(library,) for library in LIBRARIES]
    for library, each in zip(LIBRARIES, hints, strict=True):
        assert type(factory(library)) is each["return"]
        (options,) = typing.get_args(each["options"])
        want = set(inspect.signature(factory).parameters) - {"library", "api"}
        assert set(typing.get_type_hints(options)) == want
