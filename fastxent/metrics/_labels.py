"""Class labels of any kind (integers, floats, booleans, strings) as numbers of sorted classes, without sorting rows."""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from fastxent._blocks import views
from fastxent._kernels import door
from fastxent._types import Array

BLOCK = 65536  # labels that are converted at a time
SPAN = 1 << 16  # integers so near to each other are looked up in a table, others in a dictionary
EXACT = 2.0**53  # floats below are told from their neighbours


class Encoded(NamedTuple):
    """Labels, and what makes them the numbers of their classes, block by block."""

    labels: Array  # (n,); of any integer dtype, if they are the numbers themselves
    classes: Array  # (C,), sorted
    table: Array | None = None  # the class of each whole number from `low` on
    low: int = 0

    def numbers(self, rows: slice) -> Array:
        """Of so many labels, as the kernels take them."""
        labels = self.labels[rows]
        if self.table is None:
            return labels
        numbers = np.empty(len(labels), self.table.dtype)
        for part, block in views(labels, BLOCK):
            numbers[part] = self.table[offsets(block, self.low)]
        return numbers


class Numbering(dict[Any, int]):
    """Numbers for labels, in the order in which they are first asked for."""

    def __missing__(self, label: Any) -> int:
        self[label] = number = len(self)
        return number


def encode(y: Array, labels: Array | None, limit: int) -> Encoded | None:
    """The labels among their sorted classes: those in ``labels``, else those that occur.

    None where scikit-learn has something to say: labels of another kind than numbers or strings, not among ``labels``,
    of more than ``limit`` classes or of fewer than two; ``labels`` with repetitions.
    """
    if labels is None or door.classes_among(labels, limit) == limit == len(labels):
        found = door.classes_among(y, limit)
        if found == limit or (labels is not None and found >= 0):
            return Encoded(y, np.arange(limit))
    classes = None if labels is None else sorted_classes(labels)
    if labels is not None and (classes is None or len(classes) != len(labels)):
        return None
    if y.dtype.kind in "biuf":
        low, high = y.min(), y.max()
        if y.dtype.kind == "f" and not (float(low) > -EXACT and float(high) < EXACT and is_integral(y)):
            return None
        if classes is not None and classes.dtype.kind not in "biuf":
            return None
        few = int(high) - int(low) < max(SPAN, 4 * limit)
        found = by_table(y, int(low), int(high), classes) if few else by_dictionary(y, classes, limit)
    elif y.dtype.kind in "UO":
        found = by_dictionary(y, classes, limit)
    else:
        return None
    return found if found is not None and 2 <= len(found.classes) <= limit else None


def sorted_classes(labels: Array) -> Array | None:
    """Each label once, in order; None if they are neither whole numbers nor strings."""
    if labels.ndim != 1:
        return None
    if labels.dtype.kind == "O" and not all(isinstance(label, str) for label in labels):
        return None
    if labels.dtype.kind == "f" and not (np.isfinite(labels).all() and is_integral(labels)):
        return None
    return np.unique(labels) if labels.dtype.kind in "biufUO" else None


def is_integral(y: Array) -> bool:
    """Whether all floats are whole numbers."""
    return all((block == np.rint(block)).all() for _, block in views(y, BLOCK))


def by_table(y: Array, low: int, high: int, classes: Array | None) -> Encoded | None:
    """Numbers near to each other: the class of each whole number from low to high is in a table."""
    table = np.full(high - low + 1, -1, np.int64)
    if classes is None:
        for _, block in views(y, BLOCK):
            table[offsets(block, low)] = 0
        present = np.flatnonzero(table == 0)
        table[present] = np.arange(len(present))
        classes = np.array([low + i for i in present.tolist()], y.dtype)
    else:
        for number, label in enumerate(classes.tolist()):
            if low <= label <= high:
                table[int(label) - low] = number
        if (table < 0).any() and not all((table[offsets(block, low)] >= 0).all() for _, block in views(y, BLOCK)):
            return None  # a label that is not in `labels`
    return Encoded(y, classes, table.astype(np.min_scalar_type(max(1, len(classes) - 1))), low)


def offsets(block: Array, low: int) -> Array:
    """How far whole numbers are from the least of them; that is right although large ones wrap around."""
    if low == 0 and block.dtype.kind in "iu":
        return block
    distances: Array = np.subtract(block, block.dtype.type(low), dtype=np.intp, casting="unsafe")
    return distances


def by_dictionary(y: Array, classes: Array | None, limit: int) -> Encoded | None:
    """Strings, or numbers far from each other: hashed one by one."""
    known = Numbering() if classes is None else {label: i for i, label in enumerate(classes.tolist())}
    numbers = np.empty(len(y), np.min_scalar_type(max(1, limit)))
    kinds: set[type] = set()
    for part, block in views(y, BLOCK):
        listed = block.tolist()
        if y.dtype.kind == "O":
            kinds.update(map(type, listed))
            if not all(issubclass(kind, str) for kind in kinds):
                return None
        try:
            found = np.fromiter(map(known.__getitem__, listed), np.int64, len(listed))
        except KeyError:  # a label that is not in `labels`
            return None
        if len(known) > max(limit, 0 if classes is None else len(classes)):
            return None
        numbers[part] = found
    if classes is None:
        first_seen = np.array(list(known), None if y.dtype.kind == "O" else y.dtype)
        order = np.argsort(first_seen)
        rank = np.empty_like(order)
        rank[order] = np.arange(len(order))
        classes = first_seen[order]
        for _, block in views(numbers, BLOCK):
            block[...] = rank[block]
    return Encoded(numbers, classes)
