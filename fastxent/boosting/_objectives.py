"""The objectives: the loss, and the library and interface that will call it."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike

from fastxent.boosting import _catboost, _lightgbm, _xgboost
from fastxent.boosting._losses import Loss, SigmoidLoss, SoftmaxLoss, checked_options, hessian_of

ADAPTERS = {
    ("xgboost", "native"): _xgboost.NativeObjective,
    ("xgboost", "sklearn"): _xgboost.SklearnObjective,
    ("lightgbm", "native"): _lightgbm.NativeObjective,
    ("lightgbm", "sklearn"): _lightgbm.SklearnObjective,
    ("catboost", "native"): _catboost.Objective,
    ("catboost", "sklearn"): _catboost.Objective,  # CatBoost has one interface
}


def softmax_objective(
    library: str, api: str = "native", *, hessian: str = "exact", class_weight: ArrayLike | None = None,
    label_smoothing: float = 0.0, n_threads: int | None = None,
) -> Any:  # fmt: skip
    r"""Softmax cross entropy as the objective of a gradient boosting library, for classes that exclude each other."""
    loss = SoftmaxLoss(*checked_options(class_weight, label_smoothing, n_threads), hessian_of(hessian))
    return adapted(loss, library, api)


def sigmoid_objective(
    library: str, api: str = "native", *, hessian: str = "exact", class_weight: ArrayLike | None = None,
    label_smoothing: float = 0.0, n_threads: int | None = None,
) -> Any:  # fmt: skip
    r"""Sigmoid cross entropy as the objective of a gradient boosting library, for two classes."""
    loss = SigmoidLoss(*checked_options(class_weight, label_smoothing, n_threads, binary=True), hessian_of(hessian))
    return adapted(loss, library, api)


def adapted(loss: Loss, library: Any, api: Any) -> Any:
    """The loss in the interface asked for."""
    if (library, api) not in ADAPTERS:
        libraries = ", ".join(repr(name) for name in dict.fromkeys(name for name, _ in ADAPTERS))
        raise ValueError(f'library = {library!r} and api = {api!r}, but they must be one of {libraries} and "native" or "sklearn"')
    return ADAPTERS[library, api](loss)
