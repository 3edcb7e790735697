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
PART_CLASSES = 256  # of it, the fewest, which the product wants
STATE_BYTES = 2**24  # of hidden states that are copied at once where a tile is all that exists of the logits
NONE = np.empty(0)

Outs = tuple[Array | None, Array | None, Array | None]


def converted(array: Array, dtype: np.dtype[Any], room: Array | None = None) -> Array:
    """A part of an input in the dtype computed in, in `room` if there is some; itself if it is of that."""
    if array.dtype == dtype:
        return array
    out = np.empty(array.shape, dtype) if room is None else room[: len(array)]
    door.convert(array, out, 1)
    return out


def pieces(rows: Array, width: int) -> Iterator[slice]:
    """The rows that are picked, so many at a time as are to be copied at once, of so many numbers each."""
    step = max(1, PART_BYTES // max(1, width * np.dtype(np.float64).itemsize))
    for start in range(0, len(rows), step):
        yield slice(start, start + step)


def gather(array: Array, rows: Array, out: Array) -> Array:
    """Some rows of an input in the dtype computed in; `numpy.take` would copy all of an array that has other steps."""
    out = out[: len(rows)]
    for piece in pieces(rows, array.shape[1]):
        door.convert(array[rows[piece]], out[piece], 1)
    return out


def scatter(array: Array, rows: Array, out: Array) -> None:
    """The way back, rounded to the dtype of `out`."""
    for piece in pieces(rows, array.shape[1]):
        out[rows[piece]] = converted(array[piece], out.dtype)


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

    def parts(self, size: int, within: slice | None = None) -> Iterator[slice]:
        """The classes, at most so many at a time."""
        start, stop = (0, self.classes) if within is None else (within.start, within.stop)
        for first in range(start, stop, size):
            yield slice(first, min(first + size, stop))

    def bytes_of(self, n: int) -> int:
        """What so many hidden states take, or rows of the weight, in the dtype computed in."""
        return n * self.weight.shape[1] * self.dtype.itemsize

    @property
    def part(self) -> int:
        """Of how many classes the weight is converted, or its gradient added, at once."""
        return max(1, min(max(PART_CLASSES, PART_BYTES // max(1, self.bytes_of(1))), self.classes))

    def room(self) -> Array:
        """For such a part, of the weight or of its gradient."""
        return np.empty((self.part, self.weight.shape[1]), self.dtype)

    @property
    def converts(self) -> bool:
        """Whether the weight is of another dtype than the one computed in."""
        return bool(self.weight.dtype != self.dtype)

    def copies(self, live: Array | None) -> bool:
        """Whether hidden states are, which rows that do not count leave out."""
        return live is not None or bool(self.hidden.dtype != self.dtype)

    def states(self, n: int) -> Array:
        """Room for the hidden states of some rows, or for something of their shape."""
        return np.empty((n, self.weight.shape[1]), self.dtype)

    def logits(self, hidden: Array, classes: slice, out: Array, room: Array) -> None:
        """The logits of some rows for some classes; a weight that is converted goes through `room`."""
        if self.converts:
            for part in self.parts(self.part, classes):
                weight = converted(self.weight[part], self.dtype, room)
                np.matmul(hidden, weight.T, out=out[:, part.start - classes.start : part.stop - classes.start])
        else:
            np.matmul(hidden, self.weight[classes].T, out=out)
        if self.bias is not None:
            out += converted(self.bias[classes], self.dtype)
        if self.softcap is not None:
            out /= self.softcap
            np.tanh(out, out=out)
            out *= self.softcap

    def whole_rows(self, hidden: Array, out: Array, room: Array) -> None:
        """The logits of some rows for all classes."""
        self.logits(hidden, slice(0, self.classes), out, room)

    def fit(self, states: int = 0, taken: int = 0) -> int:
        """How many whole rows of logits do, beside so many arrays of their hidden states' shape, and bytes."""
        left = CHUNK_BYTES - taken - max(0, self.bytes_of(self.part) - PART_BYTES)
        return left // max(1, self.classes * self.dtype.itemsize + states * self.bytes_of(1))

    def chunk_rows(self, asked: int | None, states: int = 0) -> int:
        """How many whole rows of logits are made at once."""
        fewest, most = CHUNK_ROWS
        return min(max(self.fit(states), fewest), most) if asked is None else asked


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
    is_first: bool
    is_last: bool

    def of(self, array: Array | None) -> Array | None:
        return None if array is None else array[self.rows]


def chunks(product: Product, live: Array | None, size: int, room: Array | None) -> Iterator[Chunk]:
    """The rows that count, at most so many at a time; hidden states that are copied go to `room`."""
    n = len(product.hidden) if live is None else len(live)
    for start in range(0, n, size):
        stop = min(start + size, n)
        rows: Any = slice(start, stop) if live is None else live[start:stop]
        if live is None or room is None:
            hidden = converted(product.hidden[rows], product.dtype, room)
        else:
            hidden = gather(product.hidden, rows, room)
        yield Chunk(rows, hidden, start == 0, stop == n)


def losses_of_labels(
    product: Product, targets: Targets, size: int | None, n_threads: int | None, losses: Array
) -> None:
    """The losses of the rows that count: by tiles of rows and classes."""
    live = targets.live()
    n = len(product.hidden) if live is None else len(live)
    copies = product.copies(live)
    if size is None:
        size = min(max(STATE_BYTES // max(1, product.bytes_of(1)), CHUNK_ROWS[0]), TILE_ROWS) if copies else TILE_ROWS
    tiles = np.empty(min(size, n) * TILE_CLASSES, product.dtype)
    states = product.states(min(size, n)) if copies else None
    room = product.room() if product.converts else NONE
    for chunk in chunks(product, live, size, states):
        n = len(chunk.hidden)
        labels = np.ascontiguousarray(chunk.of(targets.labels), np.int64)
        carried = np.zeros(n, door.CARRIED_ROW)
        carried["m"] = -np.inf
        for classes in product.parts(TILE_CLASSES):
            tile = tiles[: n * (classes.stop - classes.start)].reshape(n, -1)
            product.logits(chunk.hidden, classes, tile, room)
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


class WeightSum:
    """The gradient of the weight, to which chunks add: rounded once to its dtype, with the last one.

    Until then float32 numbers have half of their bits where a gradient of half precision is going to be, and those that
    are computed in double are beside a gradient of another dtype as a whole.
    """

    def __init__(self, out: Array, dtype: np.dtype[Any], several: bool) -> None:
        self.out = out
        self.is_wide = out.dtype.itemsize >= dtype.itemsize
        self.halved = dtype == np.float32 and not self.is_wide
        rest = self.dtype_beside(out, dtype)
        self.rest = NONE if rest is None or not several else np.empty(out.shape, rest)

    @staticmethod
    def dtype_beside(out: Array, dtype: np.dtype[Any]) -> np.dtype[Any] | None:
        """Of the array that several chunks need beside the gradient, if they do."""
        if out.dtype.itemsize >= dtype.itemsize:
            return None
        return np.dtype(np.uint16) if dtype == np.float32 else dtype

    def add(self, part: Array, classes: slice, chunk: Chunk) -> None:
        """What the chunk adds for some classes; it is used up."""
        out, rest = self.out[classes], self.rest[classes]
        if self.is_wide and chunk.is_first:
            out[...] = part
        elif self.is_wide:
            out += part
        else:
            if not chunk.is_first and self.halved:
                door.add_joined(part, out, rest)
            elif not chunk.is_first:
                part += rest
            if chunk.is_last:
                door.convert(part, out, 1)
            elif self.halved:
                door.split(part, out, rest)
            else:
                rest[...] = part


class Gradients:
    """Where those gradients go that are wanted, and what is added up before it is rounded once to their dtype."""

    def __init__(self, product: Product, outs: Outs, rows: int, states: Array | None, several: bool) -> None:
        self.product, self.states = product, states
        self.hidden, weight, self.bias = outs
        self.weight_sum = None if weight is None else WeightSum(weight, product.dtype, several)
        self.bias_sum = None if self.bias is None else np.zeros(len(self.bias))
        self.more = product.states(rows) if product.converts and self.hidden is not None else None

    def add(self, chunk: Chunk, grad: Array, room: Array) -> None:
        """Take in the gradient of some rows' logits; the copy of their hidden states is used up."""
        if self.weight_sum is not None:
            for classes in self.product.parts(self.product.part):
                part = room[: classes.stop - classes.start]
                np.matmul(grad[:, classes].T, chunk.hidden, out=part)
                self.weight_sum.add(part, classes, chunk)
        if self.hidden is not None:
            self.add_hidden(chunk, grad, self.hidden, room)
        if self.bias_sum is not None:
            self.bias_sum += grad.sum(axis=0, dtype=np.float64)

    def add_hidden(self, chunk: Chunk, grad: Array, out: Array, room: Array) -> None:
        """The gradient of the rows' hidden states: whole, since all their classes are there."""
        product, n = self.product, len(grad)
        whole = out[chunk.rows] if self.states is None else self.states[:n]
        if self.more is None:
            np.matmul(grad, product.weight, out=whole)
        else:
            whole[...] = 0
            for classes in product.parts(product.part):
                weight = converted(product.weight[classes], product.dtype, room)
                whole += np.matmul(grad[:, classes], weight, out=self.more[:n])
        if isinstance(chunk.rows, slice) and self.states is not None:
            door.convert(whole, out[chunk.rows], 1)
        elif self.states is not None:
            scatter(whole, chunk.rows, out)

    def close(self) -> None:
        """Round what was added up."""
        if self.bias is not None and self.bias_sum is not None:
            door.convert(self.bias_sum, self.bias, 1)


def losses_and_gradients(
    product: Product, targets: Targets, size: int | None, n_threads: int | None, scale: Any, gradients: Outs | None,
    losses: Array | None,
) -> list[float]:  # fmt: skip
    """The losses of the rows that count, or their sums, and the gradients: by chunks of whole rows.

    ``scale`` is what the rows' gradients are multiplied by: a number, or one for each row.
    """
    live = targets.live()
    n = len(product.hidden) if live is None else len(live)
    outs = (None, None, None) if gradients is None else gradients
    copies = product.copies(live) or (outs[0] is not None and outs[0].dtype != product.dtype)
    size = size_of_chunks(product, size, n, copies, outs[1])
    states = product.states(min(size, n)) if copies else None
    logits_room = np.empty((min(size, n), product.classes), product.dtype)
    room = NONE if gradients is None and not product.converts else product.room()
    sums = None if gradients is None else Gradients(product, outs, min(size, n), states, n > size)
    totals = []
    for out, is_left in zip(outs[:2], (live is not None, n == 0), strict=True):
        if out is not None and is_left:  # where nothing is going to be written
            out[...] = np.zeros((), out.dtype)
    for chunk in chunks(product, live, size, states):
        logits = logits_room[: len(chunk.hidden)]
        product.whole_rows(chunk.hidden, logits, room)
        for rows, loss in of_logits(product, targets, chunk, logits, n_threads, scale, sums is not None, losses):
            if losses is None:
                totals.append(loss)
            else:
                losses[rows] = loss
        if sums is not None:
            sums.add(chunk, logits, room)
    if sums is not None:
        sums.close()
    return totals


def size_of_chunks(product: Product, asked: int | None, n: int, copies: bool, weight: Array | None) -> int:
    """How many of n whole rows of logits are made at once: as many in all chunks, if no number is asked for.

    What a gradient of the weight takes beside its memory, where it is added up, is made room for by shorter chunks,
    down to half of the fewest rows.
    """
    if asked is not None:
        return asked
    states = copies + product.converts
    fewest, most = CHUNK_ROWS
    rows = product.chunk_rows(None, states)
    beside = None if weight is None else WeightSum.dtype_beside(weight, product.dtype)
    if rows < n and weight is not None and beside is not None:
        fit = product.fit(states, weight.size * beside.itemsize)
        rows = min(fit, most) if fit >= fewest // 2 else rows
    return -(-n // max(1, -(-n // rows))) or 1


def of_logits(
    product: Product, targets: Targets, chunk: Chunk, logits: Array, n_threads: int | None, scale: Any, grad: bool,
    losses: Array | None,
) -> Iterator[tuple[Any, Any]]:  # fmt: skip
    """The losses of a chunk's logits, whose gradient takes their place: (where, losses or their sum) of each part."""
    target: Any = targets.distribution if targets.labels is None else targets.labels
    capped = grad and product.softcap is not None
    copied = targets.labels is None and not isinstance(chunk.rows, slice)
    most = PART_BYTES // 2 if capped else PART_BYTES  # of the slope, or of a distribution
    step = max(1, most // max(logits[:1].nbytes, target[:1].nbytes)) if capped or copied else len(logits)
    for start in range(0, len(logits), step):
        part = logits[start : start + step]
        rows = numbered(chunk.rows, start, len(part))
        slope = slope_of(part, product.softcap) if capped else None
        own_weight = None if targets.sample_weight is None else targets.sample_weight[rows]
        result = door.softmax_cross_entropy(
            1 if grad else 0, part, target[rows], -1, targets.class_weight, own_weight, None, targets.smoothing,
            targets.z_loss, None, "sum" if losses is None else "none", n_threads,
            *((scale[rows] if np.ndim(scale) else scale, part) if grad else ()),
        )  # fmt: skip
        if slope is not None:
            part *= slope
            slope = None  # before the next one is made
        yield rows, result[0] if grad else result


def slope_of(capped: Array, cap: Any) -> Array:
    """The derivative of capped logits by what they were: 1 - (x / c)^2, in one array."""
    slope: Array = capped / cap
    np.square(slope, out=slope)
    np.subtract(1.0, slope, out=slope)
    return slope


def numbered(rows: Any, start: int, n: int) -> Any:
    """n of a chunk's rows, from its row `start` on."""
    if isinstance(rows, slice):
        return slice(rows.start + start, rows.start + start + n)
    return rows[start : start + n]


def statistics(product: Product, targets: Targets, size: int | None, n_threads: int | None) -> Array:
    """An array of one record for each row: of those that count, by chunks of whole rows."""
    records = np.empty(len(product.hidden), door.records_of(product.dtype))
    live = targets.live()
    n = len(records) if live is None else len(live)
    copies = product.copies(live)
    size = size_of_chunks(product, size, n, copies, None)
    states = product.states(min(size, n)) if copies else None
    if live is not None:
        for name in records.dtype.names or ():
            records[name] = np.nan if records.dtype[name].kind == "f" else -1
    room = product.room() if product.converts else NONE
    logits_room = np.empty((min(size, n), product.classes), product.dtype)
    for chunk in chunks(product, live, size, states):
        logits = logits_room[: len(chunk.hidden)]
        product.whole_rows(chunk.hidden, logits, room)
        records[chunk.rows] = door.target_statistics(logits, chunk.of(targets.labels), -1, None, n_threads)
    return records
