"""Logits that are the product of hidden states and a weight, made and used up chunk by chunk.

The forward pass cuts rows and classes: a tile of logits stays in the caches, and what is known of a row is carried from
tile to tile. The backward pass needs whole rows, whose gradient takes the place of their logits. The products are
NumPy's, with the threads of its BLAS, one where one is asked for; the losses are the kernels', with those of our pool,
never both at once.
"""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastxent import _bfloat16
from fastxent._blas import one_thread
from fastxent._kernels import door
from fastxent._threads import get_num_threads
from fastxent._types import Array

TILE_ROWS = 1024  # of logits that are made at once where they are used at once: fewer cost more time for the product
TILE_CLASSES = 1024  # the same for any number of rows, on which no row's bits depend
CHUNK_BYTES = 2**27  # of whole rows
CHUNK_ROWS = 256, 1024  # the fewest, which the product wants, and the most
PART_BYTES = 2**20  # of the weight, or of its gradient, that is converted or added at once


def converted(array: Array, dtype: np.dtype[Any]) -> Array:
    """A part of an input in the dtype computed in; itself if it is of that."""
    return np.asarray(_bfloat16.widened(array), dtype)


@contextlib.contextmanager
def products_of(n_threads: int | None) -> Iterator[None]:
    """While products are made: one thread of BLAS where the whole call may use one, and no word of NumPy's."""
    number = get_num_threads() if n_threads is None else n_threads
    with np.errstate(all="ignore"), one_thread if number == 1 else contextlib.nullcontext():
        yield


@dataclass(frozen=True)
class Product:
    """logits = cap(hidden @ weight.T + bias), of which no more than a part ever exists."""

    hidden: Array  # (N, H)
    weight: Array  # (C, H)
    bias: Array | None  # (C,)
    softcap: float | None
    dtype: np.dtype[Any]  # computed in

    @property
    def classes(self) -> int:
        return len(self.weight)

    def parts(self, size: int) -> Iterator[slice]:
        """The classes, at most so many at a time."""
        for first in range(0, self.classes, max(1, size)):
            yield slice(first, min(first + size, self.classes))

    def parts_of_weight(self) -> Iterator[slice]:
        """The classes in parts of the weight that are converted, or whose gradient is added, at once."""
        return self.parts(max(16, PART_BYTES // max(1, self.weight.shape[1] * self.dtype.itemsize)))

    def chunk_rows(self, asked: int | None) -> int:
        """How many whole rows of logits are made at once."""
        fewest, most = CHUNK_ROWS
        fit = CHUNK_BYTES // max(1, self.classes * self.dtype.itemsize)
        return min(max(fit, fewest), most) if asked is None else asked

    def logits(self, hidden: Array, classes: slice, out: Array) -> None:
        """The logits of some rows for some classes."""
        np.matmul(hidden, converted(self.weight[classes], self.dtype).T, out=out)
        if self.bias is not None:
            out += converted(self.bias[classes], self.dtype)
        if self.softcap is not None:
            out /= self.softcap
            np.tanh(out, out=out)
            out *= self.softcap

    def whole_rows(self, hidden: Array, out: Array) -> None:
        """The logits of some rows for all classes."""
        if self.weight.dtype == self.dtype:
            self.logits(hidden, slice(None), out)
        else:
            for classes in self.parts_of_weight():
                self.logits(hidden, classes, out[:, classes])


@dataclass(frozen=True)
class Targets:
    """What the losses of rows are of, checked, and how they are weighted."""

    labels: Array | None  # (N,), or else
    distribution: Array | None  # (N, C)
    class_weight: Array | None  # (C,) float64
    sample_weight: Array | None  # (N,)
    ignored: int | None
    smoothing: float
    z_loss: float
    denominator: float

    def live(self) -> Array | None:
        """The rows that count; None: all."""
        live: Array | None = None
        if self.denominator == 0.0:
            return np.empty(0, np.intp)
        if self.labels is not None and self.ignored is not None:
            live = self.labels != self.ignored
        if self.sample_weight is not None:
            weighted = np.asarray(_bfloat16.widened(self.sample_weight) != 0)
            live = weighted if live is None else live & weighted
        return None if live is None or live.all() else np.flatnonzero(live)


@dataclass(frozen=True)
class Chunk:
    """Some rows: where they are among all, and their hidden states in the dtype computed in."""

    rows: Any  # a slice or indices
    hidden: Array

    def of(self, array: Array | None) -> Array | None:
        return None if array is None else array[self.rows]


def chunks(product: Product, live: Array | None, size: int) -> Iterator[Chunk]:
    """The rows that count, at most so many at a time."""
    n = len(product.hidden) if live is None else len(live)
    for start in range(0, n, size):
        stop = min(start + size, n)
        rows = slice(start, stop) if live is None else live[start:stop]
        yield Chunk(rows, converted(product.hidden[rows], product.dtype))


def losses_of_labels(
    product: Product, targets: Targets, size: int | None, n_threads: int | None, losses: Array
) -> None:
    """The losses of the rows that count: by tiles of rows and classes."""
    size = TILE_ROWS if size is None else size
    room = np.empty(min(size, len(product.hidden)) * TILE_CLASSES, product.dtype)
    for chunk in chunks(product, targets.live(), size):
        n = len(chunk.hidden)
        labels = np.ascontiguousarray(chunk.of(targets.labels), np.int64)
        carried = np.zeros(n, door.CARRIED_ROW)
        carried["m"] = -np.inf
        for classes in product.parts(TILE_CLASSES):
            tile = room[: n * (classes.stop - classes.start)].reshape(n, -1)
            product.logits(chunk.hidden, classes, tile)
            weight = None if targets.class_weight is None else targets.class_weight[classes]
            door.carry(tile, labels - classes.start, carried, weight, targets.smoothing > 0, n_threads)
        losses[chunk.rows] = finished(carried, labels, product.classes, targets) * weights(chunk, targets)


def weights(chunk: Chunk, targets: Targets) -> Any:
    """The sample weights of a chunk, in double."""
    own = chunk.of(targets.sample_weight)
    return 1.0 if own is None else np.asarray(_bfloat16.widened(own), np.float64)


def finished(carried: Array, labels: Array, classes: int, targets: Targets) -> Array:
    """The losses of rows all of whose classes have been carried; softmax_terms.pxd has the formula."""
    with np.errstate(all="ignore"):
        own_weight = 1.0 if targets.class_weight is None else targets.class_weight[labels]
        own, share = own_weight * (1.0 - targets.smoothing), targets.smoothing / classes
        log_s = np.log1p(carried["ties"] - 1.0 + carried["rest"])
        lse = carried["m"] + log_s
        loss = np.where(own > 0, own * (carried["m"] - carried["own_x"]), 0.0)
        loss += (own + share * carried["weight"]) * log_s
        if share:
            loss += share * carried["gaps"]
        if targets.z_loss:
            loss += targets.z_loss * lse * lse
    return loss


class Gradients:
    """Where those gradients go that are wanted, and what is added up before it is rounded once to their dtype."""

    def __init__(self, product: Product, hidden: Array | None, weight: Array | None, bias: Array | None) -> None:
        self.product, self.hidden, self.weight, self.bias = product, hidden, weight, bias
        direct = weight is None or (weight.dtype.kind == "f" and weight.dtype.itemsize >= product.dtype.itemsize)
        self.weight_sum = weight if direct else np.empty(product.weight.shape, product.dtype)
        self.bias_sum = None if bias is None else np.zeros(len(bias))
        largest = max((part.stop - part.start for part in product.parts_of_weight()), default=0)
        self.room = np.empty((largest, product.weight.shape[1]), product.dtype)
        self.begun = False

    def add(self, chunk: Chunk, grad: Array) -> None:
        """Take in the gradient of some rows' logits."""
        if self.weight_sum is not None:
            self.add_weight(chunk, grad, self.weight_sum)
        if self.hidden is not None:
            self.add_hidden(chunk, grad, self.hidden)
        if self.bias_sum is not None:
            self.bias_sum += grad.sum(axis=0, dtype=np.float64)
        self.begun = True

    def add_weight(self, chunk: Chunk, grad: Array, out: Array) -> None:
        """What the rows add to the gradient of the weight."""
        for classes in self.product.parts_of_weight():
            part = self.room[: classes.stop - classes.start]
            np.matmul(grad[:, classes].T, chunk.hidden, out=part)
            if self.begun:
                out[classes] += part
            else:
                out[classes] = part

    def add_hidden(self, chunk: Chunk, grad: Array, out: Array) -> None:
        """The gradient of the rows' hidden states: whole, since all their classes are there."""
        product = self.product
        own = isinstance(chunk.rows, slice) and out.dtype == product.dtype
        whole = out[chunk.rows] if own else np.empty(chunk.hidden.shape, product.dtype)
        if product.weight.dtype == product.dtype:
            np.matmul(grad, product.weight, out=whole)
        else:
            whole[...] = 0
            for classes in product.parts_of_weight():
                whole += np.matmul(grad[:, classes], converted(product.weight[classes], product.dtype))
        if own:
            return
        if isinstance(chunk.rows, slice):
            _bfloat16.narrow(whole, out[chunk.rows])
        else:
            narrowed = np.empty(whole.shape, out.dtype)
            _bfloat16.narrow(whole, narrowed)
            out[chunk.rows] = narrowed

    def close(self) -> None:
        """Round what was added up."""
        if self.weight_sum is not None and not self.begun:
            self.weight_sum[...] = 0
        if self.weight_sum is not None and self.weight is not None and self.weight_sum is not self.weight:
            for classes in self.product.parts_of_weight():
                _bfloat16.narrow(self.weight_sum[classes], self.weight[classes])
        if self.bias is not None and self.bias_sum is not None:
            _bfloat16.narrow(self.bias_sum, self.bias)


def losses_and_gradients(
    product: Product, targets: Targets, size: int | None, n_threads: int | None, scale: Any,
    gradients: tuple[Array | None, Array | None, Array | None] | None, losses: Array | None,
) -> list[float]:  # fmt: skip
    """The losses of the rows that count, or their sums, and the gradients: by chunks of whole rows.

    ``scale`` is what the rows' gradients are multiplied by: a number, or one for each row.
    """
    live = targets.live()
    size = product.chunk_rows(size)
    n = len(product.hidden) if live is None else len(live)
    room = np.empty((min(size, n), product.classes), product.dtype)
    sums = None if gradients is None else Gradients(product, *gradients)
    totals = []
    if gradients is not None and gradients[0] is not None and live is not None:
        gradients[0][...] = np.zeros((), gradients[0].dtype)
    for chunk in chunks(product, live, size):
        logits = room[: len(chunk.hidden)]
        product.whole_rows(chunk.hidden, logits)
        for rows, loss in of_logits(product, targets, chunk, logits, n_threads, scale, sums is not None, losses):
            if losses is None:
                totals.append(loss)
            else:
                losses[rows] = loss
        if sums is not None:
            sums.add(chunk, logits)
    if sums is not None:
        sums.close()
    return totals


def of_logits(
    product: Product, targets: Targets, chunk: Chunk, logits: Array, n_threads: int | None, scale: Any, grad: bool,
    losses: Array | None,
) -> Iterator[tuple[Any, Any]]:  # fmt: skip
    """The losses of a chunk's logits, whose gradient takes their place: (where, losses or their sum) of each part."""
    target: Any = targets.distribution if targets.labels is None else targets.labels
    capped = grad and product.softcap is not None
    step = max(1, PART_BYTES // logits[:1].nbytes) if capped else len(logits)
    for start in range(0, len(logits), step):
        part = logits[start : start + step]
        rows = numbered(chunk.rows, start, len(part))
        slope = 1.0 - (part / product.softcap) ** 2 if capped else None
        own_weight = None if targets.sample_weight is None else targets.sample_weight[rows]
        result = door.softmax_cross_entropy(
            1 if grad else 0, part, target[rows], -1, targets.class_weight, own_weight, None, targets.smoothing,
            targets.z_loss, None, "sum" if losses is None else "none", n_threads,
            *((scale[rows] if np.ndim(scale) else scale, part) if grad else ()),
        )  # fmt: skip
        if slope is not None:
            part *= slope
        yield rows, result[0] if grad else result


def numbered(rows: Any, start: int, n: int) -> Any:
    """n of a chunk's rows, from its row `start` on."""
    if isinstance(rows, slice):
        return slice(rows.start + start, rows.start + start + n)
    return rows[start : start + n]


def statistics(product: Product, targets: Targets, size: int | None, n_threads: int | None) -> Array:
    """An array of one record for each row: of those that count, by chunks of whole rows."""
    records = np.empty(len(product.hidden), door.records_of(product.dtype))
    live = targets.live()
    size = product.chunk_rows(size)
    if live is not None:
        for name in records.dtype.names or ():
            records[name] = np.nan if records.dtype[name].kind == "f" else -1
    room = np.empty((min(size, len(records) if live is None else len(live)), product.classes), product.dtype)
    for chunk in chunks(product, live, size):
        logits = room[: len(chunk.hidden)]
        product.whole_rows(chunk.hidden, logits)
        records[chunk.rows] = door.target_statistics(logits, chunk.of(targets.labels), -1, None, n_threads)
    return records
