"""What the tests of fastxent.boosting share: its factories, a small problem for each kind of loss, one way to train.

`trained` fits a model and returns its raw scores, with the automatic choices of each library switched off that an
objective of one's own does not get: base scores, several Newton steps in a leaf, random strength.
"""

from dataclasses import dataclass

import catboost
import lightgbm
import numpy as np
import pytest
import xgboost

from fastxent import boosting

OBJECTIVES = {
    "softmax": boosting.softmax_objective,
    "sigmoid": boosting.sigmoid_objective,
    "focal": boosting.focal_objective,
}
METRICS = {"softmax": boosting.softmax_metric, "sigmoid": boosting.sigmoid_metric, "focal": boosting.focal_metric}
FACTORIES = (*OBJECTIVES.values(), *METRICS.values())
LIBRARIES = ("xgboost", "lightgbm", "catboost")
each_library = pytest.mark.parametrize("library", LIBRARIES)
each_objective = pytest.mark.parametrize("objective", OBJECTIVES.values())
CLASSES = 4
ROUNDS = 12
# the objective's own name, and the Hessian rule of ours that is the library's
NATIVE = {
    ("xgboost", "softmax"): ("multi:softprob", "xgboost"),
    ("xgboost", "sigmoid"): ("binary:logistic", "xgboost"),
    ("lightgbm", "softmax"): ("multiclass", "lightgbm"),
    ("lightgbm", "sigmoid"): ("binary", "lightgbm"),
    ("catboost", "softmax"): ("MultiClass", "exact"),
    ("catboost", "sigmoid"): ("Logloss", "exact"),
}


@dataclass(frozen=True)
class Data:
    """Features, labels and perhaps weights; it answers like a DMatrix and like a Dataset."""

    features: np.ndarray
    labels: np.ndarray
    weights: np.ndarray | None = None

    def get_label(self):
        return self.labels

    def get_weight(self):
        return self.weights


def data(kind, rng, weighted=False, n=300):
    features = rng.standard_normal((n, 5))
    labels = (features @ rng.standard_normal((5, CLASSES)) + rng.standard_normal((n, CLASSES))).argmax(axis=1)
    weights = rng.random(n) + 0.5 if weighted else None
    return Data(features, labels if kind == "softmax" else (labels > 1).astype(int), weights)


def trained(library, objective, kind, d, evals=None, metric=None, **params):
    """Raw scores after training, and what the metric said of (training, evaluation) data in each round."""
    return {"xgboost": with_xgboost, "lightgbm": with_lightgbm, "catboost": with_catboost}[library](
        objective, kind, d, evals or d, metric, **params
    )


def with_xgboost(objective, kind, d, evals, metric, **params):
    params |= {"objective": NATIVE["xgboost", kind][0], "base_score": 0.5, "nthread": 1, "max_depth": 3, "eta": 0.3}
    if kind == "softmax":
        params["num_class"] = CLASSES
    train, test = (xgboost.DMatrix(each.features, each.labels, weight=each.weights) for each in (d, evals))
    record = {}
    model = xgboost.train(
        params, train, ROUNDS, obj=None if isinstance(objective, str) else objective, custom_metric=metric,
        evals=[(test, "test")], evals_result=record, verbose_eval=False,
    )  # fmt: skip
    return model.predict(test, output_margin=True), record["test"]


def with_lightgbm(objective, kind, d, evals, metric, **params):
    params |= {
        "objective": objective, "boost_from_average": False, "num_threads": 1, "num_leaves": 7, "verbose": -1,
        "metric": "None" if metric else NATIVE["lightgbm", kind][0],
    }  # fmt: skip
    if kind == "softmax":
        params["num_class"] = CLASSES
    train = lightgbm.Dataset(d.features, d.labels, weight=d.weights)
    test = lightgbm.Dataset(evals.features, evals.labels, weight=evals.weights, reference=train)
    record = {}
    callbacks = [lightgbm.record_evaluation(record)]
    model = lightgbm.train(params, train, ROUNDS, valid_sets=[test], feval=metric, callbacks=callbacks)
    return model.predict(evals.features, raw_score=True), record["valid_0"]


def with_catboost(objective, kind, d, evals, metric):
    model = catboost.CatBoostClassifier(
        loss_function=objective, eval_metric=metric or NATIVE["catboost", kind][0], iterations=ROUNDS, thread_count=1,
        depth=3, learning_rate=0.3, leaf_estimation_method="Newton", leaf_estimation_iterations=1, bootstrap_type="No",
        random_strength=0, boost_from_average=False, use_best_model=False, verbose=False, allow_writing_files=False,
        classes_count=CLASSES if kind == "softmax" else None,
    )  # fmt: skip
    test = catboost.Pool(evals.features, evals.labels, weight=evals.weights)
    model.fit(catboost.Pool(d.features, d.labels, weight=d.weights), eval_set=test)
    return model.predict(test, prediction_type="RawFormulaVal"), model.get_evals_result()["validation"]
