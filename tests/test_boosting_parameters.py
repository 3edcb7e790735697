"""The guide's table "What your parameter does": a test for each row."""

import catboost
import lightgbm
import numpy as np
import pytest
import xgboost

from fastxent import boosting
from tests.boosting import CLASSES, METRICS, NATIVE, OBJECTIVES, data, trained
from tests.pages import ROOT

GUIDE = (ROOT / "docs" / "guides" / "boosting.md").read_text()
CATBOOST = {"iterations": 5, "thread_count": 1, "verbose": False, "allow_writing_files": False, "random_seed": 1}


def scores(library, kind, d, **params):
    """Raw scores of a model trained with our objective and these parameters beside the usual ones."""
    return trained(library, OBJECTIVES[kind](library), kind, d, **params)[0]


def catboost_model(kind, d, objective=None, **params):
    objective = objective or OBJECTIVES[kind]("catboost")
    metric = NATIVE["catboost", kind][0]
    return catboost.CatBoostClassifier(loss_function=objective, eval_metric=metric, **CATBOOST | params).fit(
        d.features, d.labels
    )


def catboost_scores(kind, d, **params):
    return catboost_model(kind, d, **params).predict(d.features, prediction_type="RawFormulaVal")


@pytest.mark.parametrize(
    ("library", "params"),
    [
        ("xgboost", {"scale_pos_weight": 3.0}),
        ("lightgbm", {"scale_pos_weight": 3.0}),
        ("lightgbm", {"is_unbalance": True}),
        ("lightgbm", {"sigmoid": 2.0}),
        ("lightgbm", {"boost_from_average": True}),
    ],
    ids=str,
)
def test_what_belongs_to_the_librarys_own_objective_does_nothing(library, params, rng):
    d = data("sigmoid", rng)
    want = scores(library, "sigmoid", d)
    if "boost_from_average" in params:  # `trained` turns it off itself
        model = lightgbm.train(
            {"objective": OBJECTIVES["sigmoid"](library), "num_threads": 1, "num_leaves": 7, "verbose": -1},
            lightgbm.Dataset(d.features, d.labels), 12,
        )  # fmt: skip
        got = model.predict(d.features, raw_score=True)
    else:
        got = scores(library, "sigmoid", d, **params)
    np.testing.assert_array_equal(got, want)
    assert all(f"`{name}" in GUIDE for name in params)


@pytest.mark.parametrize(
    ("params", "message"),
    [({"scale_pos_weight": 3.0}, "scale_pos_weight is supported only"), ({"boost_from_average": True}, "only for")],
    ids=str,
)
def test_what_catboost_refuses(params, message, rng):
    with pytest.raises(catboost.CatBoostError, match=message):
        catboost_model("sigmoid", data("sigmoid", rng), **params)


def test_class_weights_of_catboost_are_applied(rng):
    d = data("sigmoid", rng)
    options = {
        "bootstrap_type": "No", "random_strength": 0, "learning_rate": 0.3, "leaf_estimation_method": "Newton",
        "leaf_estimation_iterations": 1, "boost_from_average": False, "class_weights": [1, 3],
    }  # fmt: skip
    want, got = (catboost_scores("sigmoid", d, objective=each, **options) for each in ("Logloss", None))
    np.testing.assert_allclose(got, want, rtol=0, atol=1e-6)
    balanced, plain = (catboost_scores("sigmoid", d, auto_class_weights=how) for how in ("Balanced", None))
    assert np.abs(balanced - plain).max() > 0.001


def test_catboosts_automatic_choices_are_others(rng):
    for kind, of_its_own in (("softmax", "Bayesian"), ("sigmoid", "MVS")):
        d = data(kind, rng)
        native = catboost_model(kind, d, NATIVE["catboost", kind][0]).get_all_params()
        assert native["bootstrap_type"] == of_its_own
        assert native["learning_rate"] != pytest.approx(0.03)
        ours = catboost_model(kind, d).get_all_params()
        assert ours["bootstrap_type"] == "MVS"
        assert ours["learning_rate"] == pytest.approx(0.03)
        plain, other = (catboost_scores(kind, d, bootstrap_type=each) for each in ("No", "Bernoulli"))
        assert np.abs(plain - other).max() > 0.001


@pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
def test_num_class_is_two_scores_of_a_softmax_and_none_of_a_sigmoid(library, rng):
    d = data("sigmoid", rng)
    assert two_scores(library, d, boosting.softmax_objective(library)).shape == (300, 2)
    with pytest.raises(ValueError, match="leave num_class out"):
        two_scores(library, d, boosting.sigmoid_objective(library))


def two_scores(library, d, objective):
    """Raw scores of a model with num_class=2."""
    if library == "lightgbm":
        params = {"num_threads": 1, "num_class": 2, "objective": objective, "verbose": -1}
        return lightgbm.train(params, lightgbm.Dataset(d.features, d.labels), 2).predict(d.features)
    rows = xgboost.DMatrix(d.features, d.labels)
    model = xgboost.train({"nthread": 1, "num_class": 2, "objective": "multi:softprob"}, rows, 2, obj=objective)
    return model.predict(rows, output_margin=True)


def test_distributions_are_for_xgboost_without_num_class(rng):
    d = data("softmax", rng)
    objective, rows = boosting.softmax_objective("xgboost"), np.eye(CLASSES)[d.labels]
    params = {"nthread": 1, "base_score": 0.5, "max_depth": 3}
    plain, soft = xgboost.DMatrix(d.features, d.labels), xgboost.DMatrix(d.features, rows)
    want = xgboost.train(params | {"num_class": CLASSES}, plain, 5, obj=objective).predict(plain, output_margin=True)
    got = xgboost.train(params, soft, 5, obj=objective).predict(soft, output_margin=True)
    np.testing.assert_allclose(got, want, rtol=0, atol=5 * np.spacing(np.float32(np.abs(want).max())))
    with pytest.raises(xgboost.core.XGBoostError, match="multioutput is not supported"):
        xgboost.train(params | {"num_class": CLASSES}, soft, 5, obj=objective)
    with pytest.raises(TypeError, match="Wrong type"):
        lightgbm.train({"objective": boosting.softmax_objective("lightgbm"), "num_class": CLASSES, "verbose": -1},
                       lightgbm.Dataset(d.features, rows), 1)  # fmt: skip


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_predictions_and_scores_of_the_estimators(kind, rng):
    d = data(kind, rng)
    model = lightgbm.LGBMClassifier(n_estimators=5, n_jobs=1, verbose=-1, objective=OBJECTIVES[kind]("lightgbm"))
    model.fit(d.features, d.labels)
    raw = model.predict(d.features, raw_score=True)
    for each in (model.predict, model.predict_proba):
        with pytest.warns(UserWarning, match="Cannot compute class probabilities or labels"):
            np.testing.assert_array_equal(each(d.features), raw)
    with (
        pytest.warns(UserWarning, match="Cannot compute class"),
        pytest.raises(ValueError, match="Classification metrics can't handle a mix"),
    ):
        model.score(d.features, d.labels)
    for model in (
        xgboost.XGBClassifier(n_estimators=5, n_jobs=1, objective=OBJECTIVES[kind]("xgboost")).fit(
            d.features, d.labels
        ),
        catboost_model(kind, d),
    ):
        probs = model.predict_proba(d.features)
        np.testing.assert_array_equal(np.ravel(model.predict(d.features)), probs.argmax(axis=1))
        assert model.score(d.features, d.labels) == np.mean(probs.argmax(axis=1) == d.labels) > 0.5
        np.testing.assert_allclose(probs.sum(axis=1), 1, rtol=1e-6)


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_catboost_knows_classes_by_a_metric_of_its_own(kind, rng):
    d = data(kind, rng)
    model = catboost.CatBoostClassifier(
        loss_function=OBJECTIVES[kind]("catboost"), eval_metric=METRICS[kind]("catboost"),
        classes_count=CLASSES if kind == "softmax" else None, **CATBOOST,
    ).fit(d.features, d.labels)  # fmt: skip
    with pytest.raises(IndexError):
        model.score(d.features, d.labels)
    scores = model.predict(d.features, prediction_type="RawFormulaVal")
    assert np.isfinite(scores).all()


def test_class_weights_of_lightgbms_classifier_are_weights_of_rows(rng):
    d = data("sigmoid", rng)
    options = {"n_estimators": 5, "n_jobs": 1, "verbose": -1, "objective": boosting.sigmoid_objective("lightgbm")}
    got = lightgbm.LGBMClassifier(**options, class_weight={0: 1.0, 1: 3.0}).fit(d.features, d.labels)
    want = lightgbm.LGBMClassifier(**options).fit(d.features, d.labels, np.where(d.labels == 1, 3.0, 1.0))
    np.testing.assert_array_equal(*(each.predict(d.features, raw_score=True) for each in (got, want)))


def test_xgboosts_classifier_predicts_columns_with_num_class_2(rng):
    d = data("sigmoid", rng)
    model = xgboost.XGBClassifier(
        n_estimators=5, n_jobs=1, num_class=2, objective=boosting.softmax_objective("xgboost")
    ).fit(d.features, d.labels)
    assert model.predict(d.features).shape == (300, 2)
    probs = model.predict_proba(d.features)
    assert np.mean(probs.argmax(axis=1) == d.labels) > 0.7
