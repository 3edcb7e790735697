"""Objectives and metrics for boosting libraries: time, and the time over that of the same in plain NumPy.

100,000 rows of 10 classes, or 100,000 rows of one score; CatBoost trains on 20,000 rows of 10 classes.
"""

import importlib
from functools import partial

import numpy as np

from . import turns

ROWS, CLASSES = 100_000, 10
LIBRARIES = ["xgboost", "lightgbm"]
OBJECTIVES = ["softmax_objective", "sigmoid_objective", "focal_objective"]
METRICS = ["softmax_metric", "sigmoid_metric", "focal_metric"]


class Labels:
    """Answers like a DMatrix or a Dataset."""

    def __init__(self, labels):
        self.labels = labels

    def get_label(self):
        return self.labels

    def get_weight(self):
        return None


def problem(name, library):
    """Scores as the library passes them, and labels; those of focal loss have a column for each class."""
    rng = np.random.default_rng(20)
    if name.startswith("sigmoid"):
        scores, labels = rng.standard_normal(ROWS), rng.integers(0, 2, ROWS)
    else:
        scores, labels = rng.standard_normal((ROWS, CLASSES)), rng.integers(0, CLASSES, ROWS)
    scores = scores.astype(np.float32) if library == "xgboost" else np.asfortranarray(scores)
    return scores, Labels(labels.astype(np.float32))


def softmax_in_numpy(scores, labels):
    exps = np.exp(scores - scores.max(axis=1, keepdims=True))
    probs = exps / exps.sum(axis=1, keepdims=True)
    grad = probs.copy()
    grad[np.arange(len(grad)), labels.get_label().astype(int)] -= 1
    return grad, np.maximum(2 * probs * (1 - probs), 1e-16)


def sigmoid_in_numpy(scores, labels):
    probs = 1 / (1 + np.exp(-scores))
    return probs - labels.get_label(), np.maximum(probs * (1 - probs), 1e-16)


def focal_in_numpy(scores, labels, gamma=2):
    grad, _ = softmax_in_numpy(scores, labels)
    own = labels.get_label().astype(int)[:, None]
    others = -np.take_along_axis(grad, own, axis=1)
    shares = 1 - others
    slopes = others**gamma - gamma * others ** (gamma - 1) * shares * np.log(shares)
    probs = grad.copy()
    np.put_along_axis(probs, own, shares, axis=1)
    return slopes * grad, np.maximum(2 * slopes * probs * (1 - probs), 1e-16)


IN_NUMPY = {"softmax": softmax_in_numpy, "sigmoid": sigmoid_in_numpy, "focal": focal_in_numpy}


class Objective:
    params = (OBJECTIVES, LIBRARIES)
    param_names = ("objective", "library")

    def setup(self, objective, library):
        self.call = getattr(importlib.import_module("fastxent.boosting"), objective)(library, hessian="xgboost")
        self.args = problem(objective, library)
        self.call(*self.args)

    def time_call(self, objective, library):
        self.call(*self.args)

    def peakmem_call(self, objective, library):
        self.call(*self.args)

    def track_ratio(self, objective, library):
        turns.on_one_core()
        formula = IN_NUMPY[objective.split("_")[0]]
        return turns.ratio(partial(self.call, *self.args), partial(formula, *self.args))

    track_ratio.unit = turns.UNIT
    time_call.pretty_name = "boosting objectives: time"
    peakmem_call.pretty_name = "boosting objectives: peak memory"
    track_ratio.pretty_name = "boosting objectives: time over NumPy's"


class Metric:
    params = (METRICS, LIBRARIES)
    param_names = ("metric", "library")

    def setup(self, metric, library):
        self.call = getattr(importlib.import_module("fastxent.boosting"), metric)(library)
        self.args = problem(metric, library)

    def time_call(self, metric, library):
        self.call(*self.args)

    time_call.pretty_name = "boosting metrics: time"


class Start:
    """Before the first round, once: the same labels as the objectives'."""

    def setup(self):
        self.call = importlib.import_module("fastxent.boosting").start_scores
        self.labels = np.random.default_rng(21).integers(0, CLASSES, ROWS)

    def time_start_scores(self):
        self.call(self.labels)

    time_start_scores.pretty_name = "boosting, start scores: time"


class Row:
    """One row of CLASSES classes, as CatBoost asks for it; with its Hessian, as for a leaf's value."""

    params = ("softmax_objective", "focal_objective")
    param_names = ("objective",)

    def setup(self, objective):
        self.call = getattr(importlib.import_module("fastxent.boosting"), objective)("catboost").calc_ders_multi
        self.scores = np.random.default_rng(20).standard_normal(CLASSES)

    def time_gradient(self, objective):
        self.call(self.scores, 3.0, 1.0)

    def time_hessian(self, objective):
        _, hess = self.call(self.scores, 3.0, 1.0)
        list(hess)

    time_gradient.pretty_name = "CatBoost, one row: time of the gradient"
    time_hessian.pretty_name = "CatBoost, one row: time with the Hessian"


class RowInNumpy:
    """What CatBoost asks for, as its documentation suggests it, with the whole Hessian."""

    no_jit = True

    def calc_ders_multi(self, approxes, target, weight):
        scores = np.asarray(approxes)
        exps = np.exp(scores - scores.max())
        probs = exps / exps.sum()
        ders = -probs
        ders[int(target)] += 1
        return (weight * ders).tolist(), (-weight * (np.diag(probs) - np.outer(probs, probs))).tolist()


class Nothing:
    """The same numbers for each row: the time that CatBoost takes itself."""

    no_jit = True

    def __init__(self):
        self.ders = [0.1 * (-1) ** k for k in range(CLASSES)]
        self.hess = (-0.1 * np.eye(CLASSES)).tolist()

    def calc_ders_multi(self, approxes, target, weight):
        return self.ders, self.hess


class CatBoost:
    """How many rounds of training with others' objectives take as long as one with ours, by CatBoost's defaults."""

    params = (("softmax_objective", "focal_objective"), ("MultiClass", "NumPy", "nothing"))
    param_names = ("objective", "theirs")
    rows = 20_000 if turns.SECONDS else 500  # where only to see whether it runs
    features, few, many = 20, 2, 8  # rounds, of which the few are taken off
    timeout = 300

    def setup(self, objective, theirs):
        try:
            self.catboost = importlib.import_module("catboost")
        except ImportError as error:
            raise NotImplementedError("CatBoost is not installed") from error
        rng = np.random.default_rng(20)
        features = rng.standard_normal((self.rows, self.features))
        scores = features @ rng.standard_normal((self.features, CLASSES))
        scores += 3 * rng.standard_normal(scores.shape)
        self.pool = self.catboost.Pool(features, scores.argmax(axis=1))
        self.pool.quantize()
        ours = getattr(importlib.import_module("fastxent.boosting"), objective)("catboost")
        self.objectives = ours, {"NumPy": RowInNumpy(), "nothing": Nothing()}.get(theirs, theirs)

    def fit(self, objective, rounds):
        params = {
            "loss_function": objective, "eval_metric": "MultiClass", "classes_count": CLASSES, "iterations": rounds,
            "learning_rate": 0.1, "thread_count": 1, "metric_period": 1000, "allow_writing_files": False,
            "logging_level": "Silent",
        }  # fmt: skip
        self.catboost.train(pool=self.pool, params=params)

    def track_rounds(self, objective, theirs):
        turns.on_one_core()
        fits = [partial(self.fit, each, rounds) for each in self.objectives for rounds in (self.many, self.few)]
        many, few, their_many, their_few = turns.seconds(dict(enumerate(fits)), rounds=5).values()
        return float(f"{(many - few) / (their_many - their_few):.4g}")

    track_rounds.unit = "rounds"
    track_rounds.pretty_name = "CatBoost: rounds of others in one of ours"
