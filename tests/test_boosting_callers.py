"""An objective or a metric serves each interface of its library, and says whose it is to another."""

import inspect
import typing

import catboost
import lightgbm
import numpy as np
import pytest
import xgboost

from fastxent import boosting
from fastxent.boosting._caller import TITLES
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


@pytest.mark.parametrize("estimator", [False, True], ids=["train", "estimator"])
@pytest.mark.parametrize("weighted", [False, True], ids=["plain", "weighted"])
@pytest.mark.parametrize("library", TRAINED)
def test_a_library_is_told_that_it_was_given_what_is_anothers(library, weighted, estimator, rng):
    d = data("sigmoid", rng, weighted)
    for other in set(LIBRARIES) - {library}:
        message = rf'made for {TITLES[other]}, but .* calls it: make it with "{library}"'
        with pytest.raises(ValueError, match=message):
            TRAINED[library](d, boosting.sigmoid_objective(other), None, estimator)
        with pytest.raises(ValueError, match=message):
            TRAINED[library](d, boosting.sigmoid_objective(library), boosting.sigmoid_metric(other), estimator)


@pytest.mark.parametrize("estimator", [False, True], ids=["train", "estimator"])
@pytest.mark.parametrize("made_for", LIBRARIES)
@pytest.mark.parametrize("library", TRAINED)
def test_a_library_is_told_that_it_was_given_an_objective_for_a_metric_or_the_reverse(
    library, made_for, estimator, rng
):
    d = data("sigmoid", rng, weighted=True)
    with pytest.raises(ValueError, match=rf'it is a metric, but .* as an objective: .* focal_objective\("{library}"\)'):
        TRAINED[library](d, boosting.focal_metric(made_for), None, estimator)
    with pytest.raises(ValueError, match=rf'it is an objective, but .* as a metric: .* sigmoid_metric\("{library}"\)'):
        TRAINED[library](d, boosting.sigmoid_objective(library), boosting.sigmoid_objective(made_for), estimator)


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


@pytest.mark.parametrize("library", LIBRARIES)
@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_catboost_is_told_that_it_was_given_an_objective_for_a_metric_or_the_reverse(kind, library, rng):
    d = data(kind, rng)
    with pytest.raises(
        catboost.CatBoostError, match=rf'it is a metric, .* make it with {kind}_objective\("catboost"\)'
    ):
        catboost.CatBoostClassifier(
            loss_function=METRICS[kind](library), eval_metric="MultiClass" if kind == "softmax" else "Logloss",
            **CATBOOST,
        ).fit(d.features, d.labels)  # fmt: skip
    with pytest.raises(
        catboost.CatBoostError, match=rf'it is an objective, .* make it with {kind}_metric\("catboost"\)'
    ):
        catboost.CatBoostClassifier(eval_metric=OBJECTIVES[kind](library), **CATBOOST).fit(d.features, d.labels)


@pytest.mark.parametrize("library", TRAINED)
@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_a_metric_of_the_other_kind_of_scores_names_the_one_that_was_meant(kind, library, rng):
    d = data(kind, rng)
    other = {"softmax": "sigmoid", "sigmoid": "softmax"}[kind]
    with pytest.raises(ValueError, match=rf"the scores have shape .* {kind}_metric"):
        TRAINED[library](d, OBJECTIVES[kind](library), METRICS[other](library), estimator=True)
    with pytest.raises(ValueError, match=r"the scores have shape .* sigmoid_objective"):
        TRAINED[library](data("sigmoid", rng), boosting.softmax_objective(library))


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
