"""Who calls an objective or a metric, and with what: told by the arguments; refused in words if made for another."""

from __future__ import annotations

import warnings
from typing import Any, Literal, NoReturn, Protocol

import numpy as np

from fastxent._types import Array

Library = Literal["xgboost", "lightgbm", "catboost"]
Api = Literal["native", "sklearn"]
TITLES: dict[str, str] = {"xgboost": "XGBoost", "lightgbm": "LightGBM", "catboost": "CatBoost"}
NOT_GIVEN: Any = object()
# float32 probabilities of 1000 classes sum to 1 within it
NEAR_ONE = 1e-4


class Labelled(Protocol):
    """A DMatrix or a Dataset."""

    def get_label(self) -> Any: ...

    def get_weight(self) -> Any: ...


class ForArrays:
    """Objectives and metrics of XGBoost and LightGBM; CatBoost asks them for methods of its own."""

    no_jit = True  # else CatBoost tries to set an attribute before it calls anything

    def calc_ders_range(self, *_: Any) -> NoReturn:
        refuse_another(self, "catboost")

    calc_ders_multi = evaluate = get_final_error = is_max_optimal = calc_ders_range


class ForCatBoost:
    """Objectives and metrics of CatBoost; XGBoost and LightGBM would call them."""

    @property
    def __name__(self) -> str:  # XGBoost's estimator asks for it before it calls
        return self.__class__.__qualname__

    def __call__(self, *_: Any, **__: Any) -> NoReturn:
        raise ValueError('it was made for CatBoost, but another library calls it: make it with "xgboost" or "lightgbm"')


def refuse_another(made: Any, caller: str) -> NoReturn:
    """Say whose it is, and what the caller takes."""
    library = type(made).__module__.rpartition("._")[2]
    raise ValueError(f'it was made for {TITLES[library]}, but {TITLES[caller]} calls it: make it with "{caller}"')


def arguments(made: ForArrays, first: Any, second: Any, weights: Any) -> tuple[Array, Any, Any]:
    """Scores, labels and weights.

    `train` calls with (scores, DMatrix or Dataset), the estimators with (labels, scores) and perhaps weights.
    """
    if not hasattr(second, "get_label"):
        if weights is NOT_GIVEN:
            raise ValueError(
                "it was made for LightGBM, which passes labels, scores and weights, or None for these, but there are "
                'two arguments, as from the estimators of XGBoost: for these make it with "xgboost"'
            )
        return np.asarray(second), first, weights
    caller = type(second).__module__.partition(".")[0]
    if caller in TITLES and not type(made).__module__.endswith(caller):
        refuse_another(made, caller)
    return np.asarray(first), second.get_label(), second.get_weight()


def warn_of_probabilities(scores: Array, name: str) -> None:
    """Scores of several classes that are distributions: XGBoost's and LightGBM's own objectives make them."""
    first = scores[:1]
    if scores.ndim == 2 and scores.shape[1] > 1 and are_distributions(first) and are_distributions(scores):
        warnings.warn(
            f"{name} takes scores, but these are not negative and each row sums to 1, as probabilities do: a library "
            "passes scores if its objective is a function, such as softmax_objective, and probabilities if it is its "
            "own; its own metric is then the one to use",
            stacklevel=4,
        )


def are_distributions(rows: Array) -> bool:
    return len(rows) > 0 and bool((rows >= 0).all() and (np.abs(rows.sum(axis=1) - 1) < NEAR_ONE).all())
