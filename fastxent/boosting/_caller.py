"""Who calls an objective or a metric, what for, and with what; refused in words if made for another."""

from __future__ import annotations

import sys
import warnings
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal, NoReturn, Protocol

import numpy as np

from fastxent import _check, _hints
from fastxent._types import Array
from fastxent.boosting._buffers import Buffers
from fastxent.boosting._loss import Loss

Library = Literal["xgboost", "lightgbm", "catboost"]
Api = Literal["native", "sklearn"]
Role = Literal["objective", "metric"]
TITLES: dict[str, str] = {"xgboost": "XGBoost", "lightgbm": "LightGBM", "catboost": "CatBoost"}
ARTICLES: dict[str, str] = {"objective": "an objective", "metric": "a metric"}
# the functions, of this module and name, that call objectives and metrics; where a library has renamed one, what does
# not fit is still an error, but one of the library's own
CALLERS: dict[tuple[str, str], tuple[Library, Role]] = {
    ("xgboost.core", "Booster.boost"): ("xgboost", "objective"),
    ("xgboost.core", "Booster.update"): ("xgboost", "objective"),  # of older releases
    ("xgboost.core", "Booster.eval_set"): ("xgboost", "metric"),
    ("xgboost.sklearn", "_objective_decorator.<locals>.inner"): ("xgboost", "objective"),
    ("xgboost.sklearn", "_metric_decorator.<locals>.inner"): ("xgboost", "metric"),
    ("lightgbm.basic", "Booster.update"): ("lightgbm", "objective"),
    ("lightgbm.basic", "Booster.__inner_eval"): ("lightgbm", "metric"),
    ("lightgbm.sklearn", "_ObjectiveFunctionWrapper.__call__"): ("lightgbm", "objective"),
    ("lightgbm.sklearn", "_EvalFunctionWrapper.__call__"): ("lightgbm", "metric"),
}


def check_library(library: Any) -> None:
    if not isinstance(library, str) or library not in TITLES:
        hint = "; give a library what this function returns" if isinstance(library, np.ndarray) else ""
        given = f"library = {library!r}" if not hint else "library is an array"
        raise ValueError(f"{given}, but it must be one of {', '.join(map(repr, TITLES))}{hint}")


class Labelled(Protocol):
    """A DMatrix or a Dataset."""

    def get_label(self) -> Any: ...

    def get_weight(self) -> Any: ...


class Made:
    """Objectives and metrics, whoever calls them."""

    loss: Loss
    no_jit: ClassVar[bool] = True  # else CatBoost tries numba on the methods, and warns where it is not installed

    @property
    def __name__(self) -> str:  # XGBoost's estimator asks for it before it calls
        return self.loss.name

    def calc_ders_range(self, *_: Any, **__: Any) -> Any:
        refuse(self, "catboost", "objective")

    def evaluate(self, *_: Any, **__: Any) -> Any:
        refuse(self, "catboost", "metric")

    calc_ders_multi: Any = calc_ders_range
    get_final_error: Any = evaluate
    is_max_optimal: Any = evaluate


@dataclass(frozen=True)
class OfArrays(Made):
    """Objectives of XGBoost and LightGBM, which take both derivatives in float32."""

    loss: Loss
    buffers: Buffers = field(default_factory=Buffers, repr=False, compare=False)

    def __call__(
        self, y_true: Array | None, y_pred: Array | Labelled, sample_weight: Array | None = None
    ) -> tuple[Array, Array]:
        scores, labels, weights = arguments(self, y_true, y_pred, sample_weight)
        return self.loss.derivatives(scores, labels, weights, np.float32, self.buffers)


class ForCatBoost(Made):
    """Objectives and metrics of CatBoost; XGBoost and LightGBM would call them, with weights by this name."""

    def __call__(self, y_true: Any = None, y_pred: Any = None, sample_weight: Any = None) -> NoReturn:
        check_caller(self, sys._getframe(1))
        raise ValueError('it was made for CatBoost, but another library calls it: make it with "xgboost" or "lightgbm"')


def made_as(made: Made) -> tuple[str, str]:
    """The library, and whether it is an objective or a metric."""
    return type(made).__module__.rpartition("._")[2], type(made).__qualname__.lower()


def check_caller(made: Made, frame: Any) -> None:
    """Refuse what was made for another library, or for another purpose, than the frame of a library's calls it for."""
    caller = CALLERS.get((frame.f_globals.get("__name__"), frame.f_code.co_qualname))
    if caller is not None and caller != made_as(made):
        refuse(made, *caller)


def refuse(made: Made, caller: str, wanted: str) -> NoReturn:
    """Say what it is, and what the caller takes."""
    library, role = made_as(made)
    if role != wanted:
        family = made.loss.name.partition("_")[0]
        raise ValueError(
            f"it is {ARTICLES[role]}, but {TITLES[caller]} calls it as {ARTICLES[wanted]}: make it with "
            f'{family}_{wanted}("{caller}")'
        )
    raise ValueError(f'it was made for {TITLES[library]}, but {TITLES[caller]} calls it: make it with "{caller}"')


def arguments(made: Made, first: Any, second: Any, weights: Any) -> tuple[Array, Any, Any]:
    """Scores, labels and weights.

    `train` calls with (scores, DMatrix or Dataset), the estimators with (labels, scores) and perhaps weights.
    """
    check_caller(made, sys._getframe(2))
    if not hasattr(second, "get_label"):
        for value, name in ((first, "labels"), (second, "scores"), (weights, "weights")):
            _check.refuse_dask(value, name)
        return np.asarray(second), first, weights
    caller = type(second).__module__.partition(".")[0]
    library, role = made_as(made)
    if caller in TITLES and caller != library:
        refuse(made, caller, role)
    return np.asarray(first), second.get_label(), second.get_weight()


def warn_of_probabilities(scores: Array, name: str) -> None:
    """Scores of several classes that are distributions: XGBoost's and LightGBM's own objectives make them."""
    if scores.ndim != 2 or scores.shape[1] == 1:
        return
    if _hints.are_distributions(scores[:1]) and _hints.are_distributions(scores):
        warnings.warn(
            f"{name} takes scores, but these are not negative and each row sums to 1, as probabilities do: a library "
            "passes scores if its objective is a function, such as softmax_objective, and probabilities if it is its "
            "own; its own metric is then the one to use",
            stacklevel=4,
        )
