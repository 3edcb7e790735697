"""Targets and weights of scikit-learn's protocol, for what is computed from them alone."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import numpy as np

from fastxent import _check, _explain
from fastxent._kernels import door
from fastxent._types import Array


def y_true_of(value: Any) -> Array:
    """One label or target for each sample."""
    y = _check.real_array(value, "y_true")
    if y.ndim != 1:
        raise ValueError(f"y_true has shape {y.shape}; expected one axis")
    return y


def sample_weight_of(value: Any, shape: tuple[int, ...]) -> Array | None:
    """One finite number for each sample, negative ones included: scikit-learn only multiplies by them."""
    if value is None:
        return None
    weight = _check.real_array(value, "sample_weight")
    if weight.shape != shape:
        _explain.raise_not_like_target(weight.shape, "sample_weight", shape, "y_true")
    door.check_range(weight, "sample_weight", -_check.LARGEST, _check.LARGEST, "weights are finite", None)
    return weight


def squeezed(array: Any) -> Any:
    """(n, 1) as (n,), everything else as it is."""
    if isinstance(array, np.ndarray) and array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    return array


def raise_bad_label(labels: Array, position: int, classes: int) -> None:
    """Name a label and its place."""
    where = _explain.place("y_true", labels.shape, position)
    raise ValueError(f"{where} = {labels[position]}, but a label is an integer from 0 to {classes - 1}")


def weighted_blocks(y_true: Array, sample_weight: Array | None) -> Iterator[tuple[Array, Array]]:
    """Targets and weights as float64, block by block; a block is valid until the next one is asked for."""
    weight = np.broadcast_to(np.float64(1.0), y_true.shape) if sample_weight is None else sample_weight
    if y_true.size:
        yield from np.nditer(
            (y_true, weight), ["external_loop", "buffered"], order="C", op_dtypes=[np.float64] * 2, casting="unsafe"
        )


def float_of(y_true: Array) -> np.dtype[Any]:
    """The dtype of what scikit-learn derives from the targets alone."""
    return np.dtype(np.float32 if y_true.dtype.newbyteorder("=") == np.float32 else np.float64)
