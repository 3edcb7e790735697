"""What the arguments mean: a row's target with its weights, an element's in binary losses."""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike

from fastxent.reference._exponentials import class_sum
from fastxent.reference._types import Array, ByClass, Option


class Rows(NamedTuple):
    x: Array  # (..., C) logits or probabilities
    t: Array  # (..., C) target
    T: Array  # (..., 1) its sum
    T_minus_t: Array  # (..., C)
    v: Array  # (...) sample weight, 0 if ignored
    D: float  # what the mean divides by
    axis: int  # where the classes were


def rows_of(logits: ArrayLike, target: ArrayLike, axis: int, class_weight: ByClass, sample_weight: Option,
            ignore_index: int | None, a: float, infogain: Option) -> Rows:  # fmt: skip
    """What t is: t_k = w_k ((1-a) [k=y] + a/C), t_k = w_k ((1-a) t_k + a/C), or t = H[y, :]."""
    x = classes_last(logits, axis)
    y = np.asarray(target)
    C = x.shape[-1]
    w = _class_weights(class_weight, C)
    share = a / C if C else 0.0
    if y.shape == np.shape(logits):
        if y.dtype.kind in "iub" and ((y < 0) | (y > 1)).any():
            raise ValueError(f"target has the logits' shape {y.shape}, but its integers are not zeros and ones")
        t = w * ((1 - a) * classes_last(y, axis) + share)
        T = class_sum(t)
        v = _weights(sample_weight, np.False_, x.shape[:-1])
        return Rows(x, t, T, T - t, v, float(v.sum()), axis)
    ignored = np.zeros(y.shape, bool) if ignore_index is None else y == ignore_index
    if y.dtype.kind not in "iub" or y.shape != x.shape[:-1] or (~ignored & ((y < 0) | (y >= C))).any():
        raise ValueError("target is neither a distribution nor class indices")
    v = _weights(sample_weight, ignored, y.shape)
    y = np.where(ignored, 0, y).astype(np.intp)
    if infogain is not None:
        t = np.asarray(infogain, np.float64)[y]
        T = class_sum(t)
        return Rows(x, t, T, T - t, v, float(v.sum()), axis)
    own = np.arange(C) == y[..., None]
    t = w * ((1 - a) * own + share)
    others = share * class_sum(np.where(own, 0, w))  # T - t_y, no rounded difference
    T = class_sum(np.where(own, t, 0)) + others
    return Rows(x, t, T, np.where(own, others, T - t), v, float((v * np.where(own, w, 0).sum(axis=-1)).sum()), axis)


class Elements(NamedTuple):
    x: Array  # logits
    vt: Array  # positive weight times target
    not_t: Array  # 1 - t
    v: Array  # sample weight, 0 if ignored


def elements_of(logits: ArrayLike, target: ArrayLike, sample_weight: Option, pos_weight: Option,
                ignore_index: float | None, a: float) -> Elements:  # fmt: skip
    """Smooth t to t (1-a) + a/2, and 1 - t to (1-t) (1-a) + a/2, which keeps its digits where t is near 1."""
    x, t = np.asarray(logits, np.float64), np.asarray(target, np.float64)
    if x.shape != t.shape:
        raise ValueError(f"target has shape {t.shape}, but logits have shape {x.shape}")
    missing = ignore_index is not None and math.isnan(ignore_index)
    ignored = np.isnan(t) if missing else np.zeros(x.shape, bool) if ignore_index is None else t == ignore_index
    positive = np.broadcast_to(np.asarray(1.0 if pos_weight is None else pos_weight, np.float64), x.shape)
    v = _weights(sample_weight, ignored, x.shape)
    return Elements(x, positive * (t * (1 - a) + a / 2), (1 - t) * (1 - a) + a / 2, v)


def _class_weights(class_weight: ByClass, C: int) -> Array:
    """w_k, 1 if none; of a dict the values of the classes, which it has to have."""
    if isinstance(class_weight, Mapping):
        if set(class_weight) != set(range(C)):
            raise ValueError(f"class_weight has the keys {list(class_weight)}, but there are {C} classes")
        class_weight = [class_weight[k] for k in range(C)]
    return np.ones(C) if class_weight is None else np.asarray(class_weight, np.float64)


def classes_last(x: ArrayLike, axis: int) -> Array:
    return np.ascontiguousarray(np.moveaxis(np.asarray(x), axis, -1), np.float64)


def _weights(sample_weight: Option, ignored: Any, shape: tuple[int, ...]) -> Array:
    """v_i = sample_weight_i (1 if none), 0 if ignored."""
    weight = np.asarray(1.0 if sample_weight is None else sample_weight, np.float64)
    if weight.ndim not in (0, len(shape)):
        raise ValueError(f"sample_weight has shape {weight.shape}, but there are {shape} samples")
    return np.where(ignored, 0.0, np.broadcast_to(weight, shape))
