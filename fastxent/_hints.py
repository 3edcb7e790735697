"""What a caller probably meant by arguments that are wrong: the end of a message, "" where nothing suggests itself."""

from __future__ import annotations

import math
from numbers import Integral, Real
from typing import Any

import numpy as np

from fastxent import _bfloat16
from fastxent._types import Array

VOID = 255  # what images of labels have where there is none
BALANCED = "len(target) / (C * np.bincount(target, minlength=C))"
MASK = f"; a mask of 0 and {VOID} has the targets target == {VOID}"
SOFTMAX = "; did you mean softmax_cross_entropy(logits, target)?"
NEAR_ONE = 1e-3  # float16 probabilities of 1000 classes sum to 1 within it


def class_target(x: Array, target: Array, axis: int, name: str) -> str:
    """Of a target that has neither the samples' shape nor the logits'."""
    shape, given = x.shape, target.shape
    if target.dtype.kind in "iub":
        axes = [k for k in range(x.ndim) if k != axis and without(shape, k) == given and are_classes(target, shape, k)]
        if axes:
            return f"; did you mean axis={1 if 1 in axes else axes[0]}?"
    if look_swapped(x, target):
        return f"; did you swap the arguments? The {name} come first"
    rows = without(shape, axis)
    return dropped("target", given, rows) or moved(given, shape) or reshaped(target, rows)


def look_swapped(x: Array, target: Array) -> bool:
    """Whether the first looks like class indices, or a column of them, of what the second has scores for."""
    shape, given = x.shape, target.shape
    if x.dtype.kind not in "iub" and (target.dtype.kind in "iub" or not (x == np.floor(x)).all()):
        return False
    labels = shape[:-1] if x.ndim == target.ndim and shape[-1] == 1 else shape
    return any(n > 1 and without(given, k) == labels for k, n in enumerate(given))


def element_target(x: Array, target: Array, name: str, focal: bool) -> str:
    """Of a target that has not the logits' shape, where each element has its own."""
    hint = dropped("target", target.shape, x.shape) or dropped(name, x.shape, target.shape)
    hint = hint or moved(target.shape, x.shape)
    indices = target.dtype.kind in "iub" and not all_below(target, 2)
    if not hint and indices and any(without(x.shape, k) == target.shape for k in range(x.ndim)):
        return f"; class indices go with {function('softmax', focal)}({name}, target)"
    return hint


def one_each(name: str, focal: bool) -> str:
    """Where there is one logit, or probability, for each label of 0 or 1."""
    if name != "logits":
        return f"; a probability for each label of 0 or 1 goes with fastxent.metrics.log_loss(target, {name})"
    return f"; a logit for each label of 0 or 1 goes with {function('sigmoid', focal)}({name}, target)"


def one_column(labels: Array, classes: int, name: str, focal: bool) -> str:
    """The same, in an axis of classes of which there is one."""
    if classes != 1 or name != "logits" or not are_of(labels, 0, 1):
        return ""
    return f"; one logit for each label of 0 or 1, without an axis for classes, goes with {function('sigmoid', focal)}"


def function(family: str, focal: bool) -> str:
    return f"{family}_{'focal_loss' if focal else 'cross_entropy'}"


def samples_weight(name: str, given: tuple[int, ...], samples: tuple[int, ...], classes: int) -> str:
    """Of weights that do not fit the samples; `classes` is -1 where there are none."""
    if len(given) == 1 and len(samples) > 1 and samples.count(given[0]) == 1:
        sizes = tuple(n if n == given[0] else 1 for n in samples)
        return f"; did you mean {name}.reshape{sizes}?"
    if given == (classes,):
        return "; did you mean class_weight?"
    return dropped(name, given, samples)


def dropped(name: str, given: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Where an axis of size 1 is too many."""
    for axis, n in enumerate(given):
        if n == 1 and without(given, axis) == wanted:
            column = f"{name}[:, 0]" if len(given) == 2 and axis == 1 else f"{name}.squeeze({axis})"
            return f"; did you mean {column}?"
    return ""


def moved(given: tuple[int, ...], wanted: tuple[int, ...]) -> str:
    """Where the first or last axis stands elsewhere: transposed one-hot rows, classes first or last."""
    if given == wanted or sorted(given) != sorted(wanted) or len(given) < 2:
        return ""
    if len(given) == 2:
        return "; did you mean target.T?"
    for start, end in ((-1, 1), (1, -1), (-1, 0), (0, -1)):
        if np.moveaxis(np.broadcast_to(0, given), start, end).shape == wanted:
            return f"; did you mean np.moveaxis(target, {start}, {end})?"
    return ""


def reshaped(target: Array, rows: tuple[int, ...]) -> str:
    """Of as many class indices as there are rows, where one of the two was flattened."""
    flat = target.ndim == 1 or len(rows) == 1
    return f"; did you mean target.reshape{rows}?" if flat and target.size == math.prod(rows) > 1 else ""


def label(labels: Array, classes: int, ignored: int | None, name: str, focal: bool) -> str:
    """Of labels some of which are neither classes nor ignored."""
    used = labels if ignored is None else labels[labels != ignored]
    if column := one_column(used, classes, name, focal):
        return column
    if is_mask(used):
        return MASK
    if used.min() >= 1 and used.max() == classes:
        return "; classes are counted from 0: did you mean target - 1?"
    return left_out(used[(used < 0) | (used >= classes)]) if ignored is None else ""


def element(target: Array, x: Array, ignored: float | None) -> str:
    """Of targets outside [0, 1] where each logit has its own."""
    if is_binary(x):
        return "; did you swap the arguments? The logits come first"
    if is_mask(target):
        return MASK
    outside = target[~((target >= 0) & (target <= 1))]
    if are_of(target, -1, 1):
        return "; of labels -1 and 1: (target + 1) / 2"
    return left_out(outside) if ignored is None else ""


def are_of(array: Array, one: float, other: float) -> bool:
    """Whether no number is another. np.isin has a table, and fails where another thread writes the array meanwhile."""
    return bool(((array == one) | (array == other)).all())


def left_out(values: Array) -> str:
    """Where all that is wrong is one number that stands for no target."""
    first = values.ravel()[0]
    if np.isnan(values).all():
        return "; ignore_index=np.nan leaves out what has no target"
    if (values == first).all() and (first < 0 or first == VOID) and np.isfinite(first) and first == int(first):
        return f"; ignore_index={int(first)} leaves out what has no target"
    return ""


def not_numbers(array: Array, name: str) -> str:
    """Of an array that is none of numbers that NumPy knows: what it holds in place of them."""
    if array.dtype.kind == "V" and array.dtype.names is None and np.can_cast(array.dtype, np.float32):
        whole = array.dtype.name.startswith(("int", "uint"))  # of ml_dtypes, as are floats of a byte
        return f" of NumPy's; cast them: {name}.astype(np.{'int64' if whole else 'float32'})"
    if array.dtype.str[1:] == "V2" and array.dtype.names is None:
        return f"; is it bfloat16, which NumPy has saved? {name}.view(ml_dtypes.bfloat16)"
    if array.dtype.kind not in "OUS":
        return ""
    values = array.ravel().tolist()  # at once: another thread may change the array
    if array.dtype.kind == "O":
        for position, value in enumerate(values):
            if is_missing(value):
                return f": {indexed(name, array, position)} is {value}"
        if all(isinstance(value, Real) for value in values):
            whole = all(isinstance(value, Integral) for value in values)
            return f"; cast them: {name}.astype(np.{'int64' if whole else 'float64'})"
    named = array.dtype.kind in "US" or any(isinstance(value, str | bytes) for value in values)
    if not named or not values:
        return ""
    if name not in ("target", "y"):
        position = next(i for i, value in enumerate(values) if isinstance(value, str | bytes))
        return f": {indexed(name, array, position)} = {values[position][:40]!r}"
    digits = all(str(value).isdigit() for value in values)
    if digits:
        return f"; cast them: np.asarray({name}).astype(np.int64)"
    return f"; of names make class indices: classes, {name} = np.unique({name}, return_inverse=True)"


def indexed(name: str, array: Array, position: int) -> str:
    """``name[i, j]``, or the name alone for a scalar."""
    at = ", ".join(str(int(k)) for k in np.unravel_index(position, array.shape))
    return f"{name}[{at}]" if array.ndim else name


def is_missing(value: Any) -> bool:
    """None, nan, and pandas' NA and NaT."""
    if value is None or type(value).__name__ in ("NAType", "NaTType"):
        return True
    return isinstance(value, float | np.floating) and bool(np.isnan(value))


def is_binary(x: Array) -> bool:
    """Zeros and ones, both of which occur: logits may well begin at 0."""
    values = _bfloat16.widened(x)
    return bool(x.size) and are_of(values, 0, 1) and bool((values == 0).any() and (values == 1).any())


def is_mask(labels: Array) -> bool:
    """Whether they are what images have for no and yes."""
    return are_of(labels, 0, VOID) and bool((labels == 0).any())


def are_classes(labels: Array, shape: tuple[int, ...], axis: int) -> bool:
    """Whether there are so many classes along an axis; without other axes than the samples', more samples as well."""
    likely = len(shape) > 2 or shape[axis] <= shape[1 - axis]
    return likely and all_below(labels[labels != VOID], shape[axis])


def all_below(labels: Array, n: int) -> bool:
    return not labels.size or bool(labels.max() < n)


def without(shape: tuple[int, ...], axis: int) -> tuple[int, ...]:
    return shape[:axis] + shape[axis + 1 :]


def are_distributions(rows: Array) -> bool:
    """Whether there are rows, of scores, that are not negative and sum to 1: then these are probabilities."""
    if not rows.size or not (rows >= 0).all():
        return False
    return bool((np.abs(rows.sum(axis=1, dtype=np.float64) - 1.0) < NEAR_ONE).all())
