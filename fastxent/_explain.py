"""What explains an error in words, once the door has found that something is wrong: slow, for any dtype and layout."""

from __future__ import annotations

import weakref
from collections.abc import Callable, Iterator
from functools import wraps
from typing import Any, NoReturn, ParamSpec, TypeVar

import numpy as np

from fastxent import _bfloat16, _hints
from fastxent._blocks import cuts
from fastxent._kernels.ways import numbers
from fastxent._types import Array

P = ParamSpec("P")
R = TypeVar("R")
LEAST = -1e-3  # less is no probability that was rounded
ELEMENTS = numbers()["block_elements"]  # that are looked at, at once


def pinned(array: Any) -> Iterator[weakref.ref[Any]]:
    """Weak references to an array and what it is a view of: while there is one, NumPy resizes it for nobody."""
    while isinstance(array, np.ndarray):
        yield weakref.ref(array)
        array = array.base


def held(explain: Callable[P, R]) -> Callable[P, R]:
    """No other thread resizes the arrays that an explanation looks through, or gives what it sees another shape."""

    @wraps(explain)
    def holding(*args: P.args, **options: P.kwargs) -> R:
        seen: Any = [value[...] if isinstance(value, np.ndarray) else value for value in args]
        pins = [pin for value in (*seen, *options.values()) for pin in pinned(value)]
        try:
            return explain(*seen, **options)
        finally:
            pins.clear()  # which the error's traceback would keep

    return holding


def raise_not_probabilities(q: Array) -> NoReturn:
    raise TypeError(f"q has dtype {q.dtype}, but probabilities are floats{_hints.SOFTMAX}")


def raise_wrong_target(given: Array, x: Array, axis: int, target: str, name: str, strict: bool) -> NoReturn:
    rows = _hints.without(x.shape, axis)
    if strict:
        raise ValueError(f"{target} has shape {given.shape}, but {name} has shape {x.shape}: expected {rows}")
    raise ValueError(
        f"{target} has shape {given.shape}, but {name} have shape {x.shape}: expected {rows} for class indices "
        f"or {x.shape} for distributions{_hints.class_target(x, _bfloat16.widened(given), axis, name)}"
    )


def raise_wrong_element_target(given: Array, x: Array, target: str, name: str, focal: bool) -> NoReturn:
    if target == "y_true":
        raise ValueError(f"{target} has shape {given.shape}, but {name} has shape {x.shape}: expected {x.shape}")
    hint = _hints.element_target(x, given, name, focal)
    raise ValueError(f"{target} has shape {given.shape}, but {name} have shape {x.shape}: expected the same{hint}")


def raise_wrong_classes(shape: tuple[int, ...], name: str, classes: int) -> NoReturn:
    if classes < 0:
        raise ValueError(f"{name} has shape {shape}: expected (n_samples,) or (n_samples, 1)")
    raise ValueError(f"{name} has shape {shape}, but there are {classes} classes: expected (n_samples, {classes})")


def raise_not_like_target(given: tuple[int, ...], name: str, shape: tuple[int, ...], target: str) -> NoReturn:
    raise ValueError(f"{name} has shape {given}, but {target} has shape {shape}: expected the same")


@held
def raise_not_one_hot(target: Array, name: str, axis: int) -> NoReturn:
    position = first_outside(target, 0.0, 1.0)
    if position is None:
        raise ValueError(f"{name} changed while it was read")
    rows = target.shape[:axis] + target.shape[axis + 1 :]
    raise ValueError(
        f"{place(name, target.shape, position)} = {element(target, position)}, but a target of {target.dtype} with an "
        f"axis of classes is zeros and ones: class indices have shape {rows}, and other distributions are floats"
    )


@held
def raise_not_labels(target: Array, name: str, axis: int) -> NoReturn:
    raise ValueError(
        f"{name} has the logits' shape {target.shape}, but statistics are those of class indices: expected "
        f"{_hints.without(target.shape, axis)}, as {name}.argmax(axis={axis}) has"
    )


@held
def raise_not_one_row(target: Array, name: str, scores: str, focal: bool) -> None:
    """Zeros and ones for one row, unless they are one-hot: as many logits or probabilities as labels of 0 and 1."""
    if np.count_nonzero(target) != 1:
        raise ValueError(
            f"{name} has dtype {target.dtype} and the {scores}' shape {target.shape}, but is not one-hot for one row "
            f"of {target.size} classes{_hints.one_each(scores, focal)}"
        )


def raise_not_per_sample(given: tuple[int, ...], name: str, shape: tuple[int, ...], classes: int) -> NoReturn:
    columns = f"({shape[-1]},) for the last axis, " if name == "pos_weight" and shape else ""
    raise ValueError(
        f"{name} has shape {given}, but the samples have shape {shape}: expected a scalar, {columns}"
        f"or that rank with each size equal or 1{_hints.samples_weight(name, given, shape, classes)}"
    )


def raise_wrong_grad_output(given: tuple[int, ...], per_row: bool, shape: tuple[int, ...]) -> NoReturn:
    if not per_row:
        raise ValueError(f"grad_output has shape {given}, but the loss is one number: expected a scalar")
    raise ValueError(f"grad_output has shape {given}, but the losses have shape {shape}")


@held
def raise_outside(array: Array, name: str, low: float, high: float, rule: str, ignored: float | None = None) -> None:
    """Raise for the first element outside [low, high], where nan is, too; but not for ignored ones."""
    position = first_outside(array, low, high, ignored)
    if position is not None:
        raise ValueError(f"{place(name, array.shape, position)} = {element(array, position)}, but {rule}")


@held
def raise_bad_distribution(target: Array, name: str, x: Array, rule: str) -> None:
    """Name the first entry that is negative or not finite."""
    swapped = f"{rule}; did you swap the arguments? The logits come first"
    raise_outside(target, name, 0.0, np.finfo(np.float64).max, swapped if _hints.is_binary(x) else rule)


@held
def raise_bad_element_target(
    target: Array, name: str, x: Array, ignored: float | None, weight: Any, public: bool
) -> None:
    """Name the first target outside [0, 1]."""
    position = first_outside(target, 0.0, 1.0, ignored, weight)
    if position is not None:
        hint = _hints.element(_bfloat16.widened(target), x, ignored) if public else ""
        where = place(name, target.shape, position)
        raise ValueError(f"{where} = {element(target, position)}, but a target is in [0, 1]{hint}")


@held
def raise_not_a_probability(array: Array, name: str) -> None:
    """Name the first number that is negative or not finite."""
    logits = bool((_bfloat16.widened(array) < LEAST).any())
    hint = f"; of logits take the softmax first: softmax({name})" if logits else ""
    raise_outside(array, name, 0.0, np.finfo(np.float64).max, f"a probability is finite and not negative{hint}")


def first_outside(
    array: Array, low: float, high: float, ignored: float | None = None, weight: Any = None
) -> int | None:
    """Position, in C order, of the first element outside [low, high]; block by block, for any dtype and layout."""
    if not array.size:
        return None
    position, _pins = 0, [*pinned(array), *pinned(weight)]
    weights = None if weight is None else in_blocks(np.broadcast_to(weight, array.shape), np.float64)
    for block in in_blocks(array, np.float64):
        outside = ~((block >= low) & (block <= high))
        if ignored is not None:
            outside &= ~np.isnan(block) if np.isnan(ignored) else block != ignored
        if weights is not None:
            outside &= next(weights) != 0
        if outside.any():
            return position + int(outside.argmax())
        position += block.size
    return None


def in_blocks(array: Array, dtype: Any) -> Iterator[Array]:
    """The elements in C order, converted block by block; a block is valid until the next one is asked for."""
    flags = ["external_loop", "buffered"]
    own = array.dtype is _bfloat16.OF_TENSORS
    read = array.dtype if own else dtype
    blocks: Iterator[Array] = np.nditer(  # type: ignore[call-overload]
        array, flags, order="C", op_dtypes=[read], casting="unsafe"
    )
    return (_bfloat16.widened(block).astype(dtype) for block in blocks) if own else blocks


def element(array: Array, position: int) -> Any:
    """One number of an array, counted in C order."""
    index = np.unravel_index(position, array.shape)
    return _bfloat16.widened(array[index][None])[0] if array.dtype is _bfloat16.OF_TENSORS else array[index]


@held
def raise_bad_label(
    labels: Array, classes: int, ignore_index: int | None, target: str, name: str, public: bool = False,
    focal: bool = False,
) -> None:  # fmt: skip
    """Name the first label that is no class, if there is one."""
    labels = _bfloat16.widened(labels)
    position = first_bad_label(labels, classes, ignore_index)
    if position is None:
        return
    where, label = place(target, labels.shape, position), element(labels, position)
    if target == "y_true":
        raise ValueError(f"{where} = {label}, but a label is an integer from 0 to {classes - 1}")
    if labels.dtype.kind == "f":
        if not (abs(label) < 2.0**31 and label == int(label)):
            raise ValueError(f"{where} = {label}, but class labels are integers from 0 to {classes - 1}")
        label = int(label)
    hint = _hints.label(labels, classes, ignore_index, name, focal) if public else ""
    raise ValueError(f"{where} = {label}, but {name} have {classes} classes{hint}")


def first_bad_label(labels: Array, classes: int, ignore_index: int | None) -> int | None:
    """Position of the first label that is neither a class nor ignored."""
    if not labels.size:
        return None
    if ignore_index is not None and labels.dtype.kind == "f" and not -(2**63) < ignore_index < 2**63:
        ignore_index = None  # which no label can be, and not every float dtype can be compared with
    position, _pins = 0, [*pinned(labels)]
    for block in in_blocks(labels, labels.dtype):
        bad = ~((block >= 0) & (block < classes))
        if block.dtype.kind == "f":
            bad |= block != np.floor(block)
        if ignore_index is not None:
            bad &= block != ignore_index
        if bad.any():
            return position + int(bad.argmax())
        position += block.size
    return None


@held
def raise_bad_probability(
    probs: Array, axis: int, labels: Array | None, weight: Array | None, ignore_index: int | None, whole: bool
) -> None:
    """Name the first probability that is negative or nan."""
    found = first_probability(probs, axis, labels, weight, ignore_index, whole, lambda block: ~(block >= 0))
    if found is not None:
        position, value = found
        hint = _hints.SOFTMAX if value < LEAST else ""
        raise ValueError(f"probs[{position}] = {value}, but a probability is not negative{hint}")


@held
def raise_above_one(
    scores: Array, axis: int, labels: Array | None, weight: Array | None, ignore_index: int | None, whole: bool,
    most: float, rule: str,
) -> None:  # fmt: skip
    """Name the first probability above 1, which is `most` where it was rounded."""
    found = first_probability(scores, axis, labels, weight, ignore_index, whole, lambda block: block > most)
    if found is not None:
        position, value = found
        raise ValueError(f"scores[{position}] = {value}, but {rule}; of logits give of='logits'")


def first_probability(
    probs: Array, axis: int, labels: Array | None, weight: Array | None, ignore_index: int | None, whole: bool,
    is_wrong: Callable[[Array], Array],
) -> tuple[str, Any] | None:  # fmt: skip
    """Where the first wrong one is among those that are read, all of a row or that of its label; and its value."""
    moved, _pins = np.moveaxis(probs, axis, -1), [*pinned(probs), *pinned(labels), *pinned(weight)]
    classes = moved.shape[-1]
    weights = None if weight is None else np.broadcast_to(weight, moved.shape[:-1])
    for index in cuts(moved.shape[:-1], max(1, ELEMENTS // classes)):
        wrong = is_wrong(_bfloat16.widened(moved[index]))
        if weights is not None:
            wrong &= (_bfloat16.widened(weights[index]) != 0)[..., None]
        if labels is not None:
            y = labels[index][..., None]
            wrong &= (y >= 0) & (y < classes)
            if ignore_index is not None:
                wrong &= y != ignore_index
            if not whole:
                wrong &= y == np.arange(classes)
        if wrong.any():
            *sample, k = (int(i) for i in np.argwhere(wrong)[0])
            for i, part in enumerate(index):
                sample[i] += part.start
            where = (*sample[:axis], k, *sample[axis:])
            return ", ".join(map(str, where)), _bfloat16.widened(probs[where])
    return None


def place(name: str, shape: tuple[int, ...], position: int) -> str:
    """``name[i, j]``, or the name alone for a scalar."""
    if not shape:
        return name
    return f"{name}[{', '.join(str(int(i)) for i in np.unravel_index(position, shape))}]"
