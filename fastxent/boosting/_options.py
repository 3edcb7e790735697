"""The options of objectives and metrics: their types, and what is checked when one is made, not in the first round."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, TypedDict

import numpy as np
from numpy.typing import ArrayLike

from fastxent import _check, _explain
from fastxent._types import ClassWeight
from fastxent.boosting._caller import check_library
from fastxent.boosting._loss import Loss


class MetricOptions(TypedDict, total=False):
    """Of `softmax_metric` and `sigmoid_metric`."""

    class_weight: ClassWeight | None
    label_smoothing: float
    n_threads: int | None


class FocalMetricOptions(MetricOptions, total=False):
    """Of `focal_metric`."""

    gamma: float
    alpha: ArrayLike | None


class ObjectiveOptions(MetricOptions, total=False):
    """Of `softmax_objective` and `sigmoid_objective`."""

    hessian: str


class FocalObjectiveOptions(FocalMetricOptions, total=False):
    """Of `focal_objective`."""

    hessian: str


def adapted(loss: Loss, library: Any, api: Any, adapters: dict[str, Any]) -> Any:
    """The loss in the interface of a library."""
    check_library(library)
    if api is not None and (not isinstance(api, str) or api not in ("native", "sklearn")):
        raise ValueError(f"api = {api!r}, but it must be one of 'native', 'sklearn'; both are served without it")
    return adapters[library](loss)


def checked(
    class_weight: Any, label_smoothing: Any, n_threads: Any, binary: bool = False
) -> tuple[tuple[float, ...] | None, float, int | None]:
    """The options that all have."""
    weights = class_weight_of(class_weight, binary)
    return weights, _check.smoothing_of(label_smoothing), _check.n_threads_of(n_threads)


def alpha_of(alpha: Any) -> float | tuple[float, ...] | None:
    """A number, or one for each class."""
    if alpha is None:
        return None
    array = _check.real_array(alpha, "alpha")
    if array.ndim > 1:
        raise ValueError(f"alpha has shape {array.shape}; expected a number, or one for each class")
    _explain.raise_outside(array, "alpha", 0.0, _check.LARGEST, "it is finite and not negative")
    return float(array) if array.ndim == 0 else tuple(array.astype(float).tolist())


def hessian_of(hessian: Any, rules: tuple[str, ...]) -> str:
    return _check.one_of(hessian, "hessian", rules)


def class_weight_of(class_weight: Any, binary: bool) -> tuple[float, ...] | None:
    """Weights of classes as plain numbers; of a binary loss, a positive one for each of the labels 0 and 1."""
    if class_weight is None:
        return None
    if isinstance(class_weight, Mapping):
        if not binary and set(class_weight) != set(range(len(class_weight))):  # how many there are is not yet known
            raise ValueError(
                f"class_weight is a dict with the keys {list(class_weight)[:10]}, but it must name each class, from 0 "
                "to the last one; an array of shape (K,) will do too"
            )
        class_weight = _check.class_weight_of(class_weight, 2 if binary else len(class_weight))
    array = _check.real_array(class_weight, "class_weight")
    if array.ndim != 1 or (binary and len(array) != 2):
        expected = "(2,), for the labels 0 and 1" if binary else "(C,)"
        raise ValueError(f"class_weight has shape {array.shape}; expected {expected}")
    _explain.raise_outside(array, "class_weight", 0.0, _check.LARGEST, _check.WEIGHT_RULE)
    if binary and not array.all():
        raise ValueError(f"class_weight[{int(array.argmin())}] = 0, but both weights of a binary loss are positive")
    return tuple(array.astype(np.float64).tolist())
