"""Labels of any kind as numbers of their classes, block by block: beside y there is one small integer a sample."""

from __future__ import annotations

import numpy as np
from sklearn.utils.multiclass import check_classification_targets

from fastxent._blocks import blocks, views
from fastxent._types import Array

ROWS = 65_536  # of a block: NumPy's temporaries stay in the caches, and Ctrl-C is heard between two
SPAN = 100_000  # integers that lie no further apart are looked up in a table


def encode_labels(y: Array) -> tuple[Array, Array]:
    """The classes, sorted, and each sample's index among them, in the smallest unsigned integers that hold it."""
    classes = classes_of(y)
    if len(classes) < 2:
        raise_one_class(classes)
    return classes, numbers_of(y, classes)


def classes_of(y: Array, n_samples: float | None = None) -> Array:
    """The classes, sorted; of a part of the samples, say how many there are of all."""
    low, span = span_of(y)
    try:
        classes = classes_of_span(y, low, span) if span <= SPAN else classes_of_any(y)
    except TypeError:  # labels that cannot be sorted
        check_classification_targets(y)
        raise
    check_classes(classes, len(y) if n_samples is None else n_samples)
    return classes


def check_classes(classes: Array, n_samples: float) -> None:
    """Raise what scikit-learn does of such labels, and warn as it does of few samples for so many classes."""
    # some of them stand for y: what it is a target of does not depend on how often each is there
    check_classification_targets(np.resize(classes, int(min(n_samples, 3 * len(classes)))))


def raise_one_class(classes: Array) -> None:
    """Say that one is too few."""
    (only,) = classes[:1].tolist()
    raise ValueError(f"y holds one class, {only!r}: a classifier needs samples of at least two classes")


def numbers_of(y: Array, classes: Array) -> Array:
    """The index of each label among the classes, of which it is one."""
    low, span = span_of(classes)
    numbers = np.arange(len(classes), dtype=np.min_scalar_type(len(classes) - 1))
    labels = np.empty(len(y), numbers.dtype)
    if span <= SPAN:
        table = np.empty(int(span), numbers.dtype)
        table[offsets(classes, low)] = numbers
    for rows, block in views(y, ROWS):
        labels[rows] = table[offsets(block, low)] if span <= SPAN else np.searchsorted(classes, block)
    return labels


def span_of(y: Array) -> tuple[Array, float]:
    """The least of integers and how many there are from it to the largest; of anything else infinitely many."""
    if y.dtype.kind not in "iub":
        return y[:0], np.inf
    low, high = (extreme([extreme(block) for _, block in views(y, ROWS)]) for extreme in (np.min, np.max))
    return low, int(high) - int(low) + 1


def offsets(y: Array, low: Array) -> Array:
    """How far integers are from the least of them; that is right although large ones wrap around."""
    return np.subtract(y, low, dtype=np.intp, casting="unsafe")


def classes_of_span(y: Array, low: Array, span: float) -> Array:
    """The classes of integers that lie close together."""
    seen = np.zeros(int(span), bool)
    for _, block in views(y, ROWS):
        seen[offsets(block, low)] = True
    return (np.flatnonzero(seen).astype(y.dtype) + low).astype(y.dtype)


def classes_of_any(y: Array) -> Array:
    """The classes of labels that can be sorted."""
    classes = np.unique(y[:ROWS])
    for rows in blocks(len(y), ROWS, ROWS):
        classes = np.unique(np.concatenate([classes, np.unique(y[rows])]))
    return classes
