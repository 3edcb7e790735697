"""What a classifier is fitted to: labels or distributions with their weights, checked and ready for the kernels."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from numbers import Real
from typing import Any

import numpy as np
from sklearn.utils.class_weight import compute_class_weight

from fastxent import _bfloat16, _check
from fastxent._blocks import views
from fastxent._kernels import door
from fastxent._types import Array
from fastxent.sklearn._labels import ROWS, encode_labels


@dataclass(frozen=True, slots=True)
class Target:
    """A target for softmax cross entropy, or, with two classes, for sigmoid cross entropy."""

    values: Array  # class indices (n,), unsigned, or distributions (n, C)
    sample_weight: Array | None  # (n,) float64
    class_weight: Array | None  # (C,) float64
    label_smoothing: float
    mass: Array  # (C,) what each class has of D, without smoothing
    denominator: float  # D: what the sum of the losses is divided by

    @property
    def binary(self) -> bool:
        return len(self.mass) == 2

    def weight(self, rows: slice) -> Array | None:
        """Of some samples."""
        return None if self.sample_weight is None else self.sample_weight[rows]

    def total(self, rows: slice) -> Array:
        """What the smoothed and weighted targets of some samples sum to, times their weights."""
        values, weight, smoothing = self.values[rows], self.weight(rows), self.label_smoothing
        total = np.ones(len(values))
        if values.ndim == 2 or self.class_weight is not None:
            per_class = np.ones(len(self.mass)) if self.class_weight is None else self.class_weight
            own = per_class[values] if values.ndim == 1 else values @ per_class
            total = own * (1.0 - smoothing) + per_class.mean() * smoothing
        return total if weight is None else total * weight

    def folded(self, rows: slice) -> tuple[Array, Array | None]:
        """Of two classes the share of the second in the targets t of some samples, and the weight of both, (n, 1).

        t_1 softplus(-x) + t_0 softplus(x) = (t_0 + t_1) (s softplus(-x) + (1 - s) softplus(x)) with
        s = t_1 / (t_0 + t_1).
        """
        values, weight = self.values[rows], self.weight(rows)
        one_hot = values.ndim == 1
        if one_hot and self.class_weight is None and not self.label_smoothing:
            return values[:, None], None if weight is None else weight[:, None]
        t = np.eye(2) if one_hot else values.astype(np.float64)
        t = t * (1.0 - self.label_smoothing) + self.label_smoothing / 2.0
        if self.class_weight is not None:
            t *= self.class_weight
        both = t.sum(axis=1, keepdims=True)
        shares = np.minimum(np.divide(t[:, 1:], both, out=np.full_like(both, 0.5), where=both > 0.0), 1.0)
        if one_hot:
            shares, both = shares[values], both[values]
        return shares, both if weight is None else both * weight[:, None]


def is_distribution(y: Any) -> bool:
    """Whether y holds target distributions: floats of shape (n, C), C >= 2.

    Raises
    ------
    ValueError
        For other numbers of that shape: one-hot integers, objects, bfloat16; if one is missing in a data frame.
    """
    _check.refuse_dask(y, "y")
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
    return encode_labels(y)


def target_of(
    classes: Array, values: Array, sample_weight: Any, class_weight: Any, label_smoothing: float, n_threads: int | None
) -> Target:
    """Check the weights and bind them to the encoded target."""
    n_classes, n_samples = len(classes), len(values)
    weight = one_for_each(sample_weight, n_samples, n_threads)
    if weight is not None:
        weight = _check.aligned(weight, np.float64)
    per_class, mass = weighed(masses(values, weight, n_classes), class_weight, classes)
    return Target(values, weight, per_class, label_smoothing, mass, float(mass.sum()))


def weighed(mass: Array, class_weight: Any, classes: Array) -> tuple[Array | None, Array]:
    """The weights of the classes, and with them what each has of the denominator, of what its samples weigh."""
    per_class = class_weights(class_weight, classes, mass)
    if per_class is not None:
        mass = mass * per_class
    if not float(mass.sum()) > 0.0:
        raise ValueError("the weight of every sample is zero: sample_weight times class_weight")
    return per_class, mass


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
    mass = np.zeros(n_classes)
    for rows, block in views(values, ROWS):
        counts = None if weight is None else weight[rows]
        if values.ndim == 1:
            mass += np.bincount(block, counts, n_classes)
        else:
            mass += block.sum(axis=0, dtype=np.float64) if counts is None else counts @ block
    return mass


def class_weights(class_weight: Any, classes: Array, mass: Array) -> Array | None:
    """(C,) float64; "balanced" gives every class the same share of the weight."""
    if class_weight is None:
        return None
    if isinstance(class_weight, str) and class_weight == "balanced":
        weights = np.divide(mass.sum(), len(mass) * mass, out=np.ones(len(mass)), where=mass > 0.0)
    elif isinstance(class_weight, Mapping):
        given = {k: _check.real_number(weight, f"class_weight[{k!r}]") for k, weight in class_weight.items()}
        weights = compute_class_weight(given, classes=classes, y=classes)
    else:
        raise ValueError(f'class_weight = {class_weight!r}, but it must be a dict, "balanced" or None')
    return _check.class_weight_of(weights, len(classes))
