"""What a classifier is fitted to: labels or distributions with their weights, checked and ready for the kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight
from sklearn.utils.multiclass import check_classification_targets

from fastxent import _bfloat16, _check
from fastxent._kernels import door
from fastxent._types import Array


@dataclass(frozen=True, slots=True)
class Target:
    """A target for softmax cross entropy, or, with two classes, for sigmoid cross entropy."""

    values: Array  # class indices (n,) or distributions (n, C); with two classes the shares (n, 1) of the second
    sample_weight: Array | None  # (n,) float64, or (n, 1) with two classes
    class_weight: Array | None  # (C,) float64; with two classes None: it is part of the weights and shares
    label_smoothing: float  # with two classes 0: it is part of the shares
    denominator: float  # D: what the sum of the losses is divided by
    mass: Array  # (C,) what each class has of D, the smoothed target's weight
    binary: bool


def is_distribution(y: Any) -> bool:
    """Whether y holds target distributions: floats of shape (n, C), C >= 2.

    Raises
    ------
    ValueError
        For other numbers of that shape: one-hot integers, objects, bfloat16; if one is missing in a data frame.
    """
    dtype = getattr(y, "dtype", None)
    if dtype is None and not hasattr(y, "__array__") and not isinstance(y, list | tuple):
        return False
    if getattr(y, "ndim", 2) != 2 or type(y).__module__.startswith("scipy.sparse"):
        return False
    array = np.asarray(_check.without_missing(y, "y"))
    if array.ndim != 2 or array.shape[1] < 2:
        return False
    numbers = array.dtype.kind == "O" and all(isinstance(value, Real) for value in array.flat)
    if array.dtype.kind in "biu" or numbers or _bfloat16.is_bfloat16(array.dtype):
        raise ValueError(
            f"y has shape {array.shape} and dtype {array.dtype}, but y should be a 1d array of labels, or floats of "
            "shape (n_samples, C): as one-hot rows or distributions, y.astype(float)"
        )
    return array.dtype.kind == "f"


def encode(y: Array) -> tuple[Array, Array]:
    """The classes, sorted, and each sample's index among them; of distributions, 0 to C - 1 and themselves."""
    if y.ndim == 2:
        door.check_range(y, "y", 0.0, _check.LARGEST, "a target distribution is finite and not negative", None)
        return np.arange(y.shape[1]), y
    check_classification_targets(y)
    classes, labels = np.unique(y, return_inverse=True)
    if len(classes) < 2:
        raise ValueError(f"y holds one class, {classes[0]!r}: a classifier needs samples of at least two classes")
    return classes, labels


def target_of(
    classes: Array, values: Array, sample_weight: Any, class_weight: Any, label_smoothing: float, n_threads: int | None
) -> Target:
    """Check the weights and bind them to the encoded target."""
    n_classes, n_samples = len(classes), len(values)
    weight = one_for_each(sample_weight, n_samples, n_threads)
    if weight is not None:
        weight = np.ascontiguousarray(weight, np.float64)
    mass = masses(values, weight, n_classes)
    per_class = class_weights(class_weight, classes, values, mass)
    if per_class is not None:
        mass = mass * per_class
    denominator = float(mass.sum())
    if not denominator > 0.0:
        raise ValueError("the weight of every sample is zero: sample_weight times class_weight")
    if n_classes == 2:
        shares, weight = folded(values, weight, per_class, label_smoothing)
        return Target(shares, weight, None, 0.0, denominator, mass, True)
    return Target(values, weight, per_class, label_smoothing, denominator, mass, False)


def one_for_each(sample_weight: Any, n_samples: int, n_threads: int | None) -> Array | None:
    """Weights of the samples, from as many or a scalar: a single one in an array is taken for a mistake."""
    if sample_weight is None:
        return None
    weight = _check.real_array(sample_weight, "sample_weight")
    if weight.shape not in ((), (n_samples,)):
        raise ValueError(f"sample_weight has shape {weight.shape}, but there are {n_samples} samples")
    door.check_range(weight, "sample_weight", 0.0, _check.LARGEST, _check.WEIGHT_RULE, n_threads)
    return np.broadcast_to(weight, (n_samples,))


def masses(values: Array, weight: Array | None, n_classes: int) -> Array:
    """The weighted number of samples of each class."""
    if values.ndim == 1:
        return np.bincount(values, weight, n_classes).astype(np.float64)
    one: Array = values.sum(axis=0, dtype=np.float64) if weight is None else np.einsum("i,ik->k", weight, values)
    return one


def class_weights(class_weight: Any, classes: Array, values: Array, mass: Array) -> Array | None:
    """(C,) float64; "balanced" gives every class the same share of the weight."""
    if class_weight is None:
        return None
    if isinstance(class_weight, str):
        if class_weight != "balanced":
            raise ValueError(f'class_weight = {class_weight!r}, but it must be a dict, "balanced" or None')
        weights = np.divide(mass.sum(), len(mass) * mass, out=np.ones(len(mass)), where=mass > 0.0)
    elif isinstance(class_weight, Mapping):
        labels = classes[values] if values.ndim == 1 else classes
        weights = compute_class_weight(dict(class_weight), classes=classes, y=labels)
    else:
        raise ValueError(f'class_weight = {class_weight!r}, but it must be a dict, "balanced" or None')
    return _check.class_weight_of(weights, len(classes))


def folded(
    values: Array, weight: Array | None, per_class: Array | None, label_smoothing: float
) -> tuple[Array, Array | None]:
    """Two classes' targets t as the share of the second in them and the weight of both, each (n, 1).

    t_1 softplus(-x) + t_0 softplus(x) = (t_0 + t_1) (s softplus(-x) + (1 - s) softplus(x)) with s = t_1 / (t_0 + t_1).
    """
    one_hot = values.ndim == 1
    t = np.eye(2) if one_hot else values.astype(np.float64)
    t = t * (1.0 - label_smoothing) + label_smoothing / 2.0
    if per_class is not None:
        t *= per_class
    both = t.sum(axis=1, keepdims=True)
    shares = np.minimum(np.divide(t[:, 1:], both, out=np.full_like(both, 0.5), where=both > 0.0), 1.0)
    if one_hot:
        shares, both = shares[values], both[values]
    return shares, both if weight is None else both * weight[:, None]
