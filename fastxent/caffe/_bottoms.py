"""What Caffe calls the bottoms, as arrays of the shapes that the losses take."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastxent import _check, _explain
from fastxent._types import Array


def labels_of(label: ArrayLike, shape: tuple[int, ...], axis: int, ignore_label: int | None) -> Array:
    """Class labels as integers in the shape of the logits without their class axis; truncated, as C++ casts floats."""
    array = _check.real_array(label, "label")
    rows = shape[:axis] + shape[axis + 1 :]
    labels = same_count(array, "label", shape, rows)
    whole = np.trunc(labels) if labels.dtype.kind == "f" else labels
    known = (whole >= 0) & (whole < shape[axis])
    if ignore_label is not None:
        known |= whole == ignore_label
    if not known.all():
        first = int(np.argmin(known))
        where = _explain.place("label", array.shape, first)
        raise ValueError(f"{where} = {_explain.element(array, first)}, but there are {shape[axis]} classes")
    return whole.astype(np.int64)


def same_count(array: Array, name: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> Array:
    """The array in another shape of as many elements; like Caffe this takes the batch size for the first axis."""
    if array.size != math.prod(wanted) or array.shape[:1] != shape[:1]:
        raise ValueError(
            f"{name} has shape {array.shape}, but the input has shape {shape}: expected {math.prod(wanted)} numbers, "
            f"{shape[0]} along the first axis"
        )
    return array.reshape(wanted)


def ignored_of(label: int | None) -> int | None:
    """The ignored label, an int32 in Caffe."""
    if label is None:
        return None
    number = _check.integer(label, "ignore_label", "an integer or None")
    if not -(2**31) <= number < 2**31:
        raise ValueError(f"ignore_label = {number}, but it must be a number of 32 bits")
    return number


def flattened(array: Array) -> Array:
    """All axes but the first as one."""
    return array.reshape(len(array), math.prod(array.shape[1:]))


def given(bottoms: Any) -> Any:
    """What forward was called with."""
    if bottoms is None:
        raise RuntimeError("backward needs a forward before it")
    return bottoms
