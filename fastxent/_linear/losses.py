"""The losses of a linear layer: its logits, made and used up in parts.

The forward pass cuts rows and classes: a tile of logits stays in the caches, and what is known of a row is carried from
tile to tile. The backward pass needs whole rows, whose gradient takes the place of their logits.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np

from fastxent._blocks import blocks
from fastxent._kernels import door
from fastxent._linear.gradients import NONE, Gradients, Outs, WeightSum
from fastxent._linear.multiply import in_threads, number_of, row_parts
from fastxent._linear.product import CHUNK_ROWS, PART_BYTES, Product
from fastxent._linear.rows import Chunk, Targets, chunks, chunks_of_logits
from fastxent._types import Array

TILE_ROWS = 1024  # of logits that are made at once where they are used at once: fewer cost more time for the product
TILE_CLASSES = 1024  # the same for any number of rows, on which no row's bits depend
STATE_BYTES = 2**24  # of hidden states that are copied at once where a tile is all that exists of the logits


def losses_of_labels(product: Product, targets: Targets, size: int | None, losses: Array) -> None:
    """The losses of the rows that count: by tiles of rows and classes."""
    counted = targets.counted()
    copies = product.copies(counted.rows)
    if size is None:
        size = min(max(STATE_BYTES // max(1, product.bytes_of(1)), CHUNK_ROWS[0]), TILE_ROWS) if copies else TILE_ROWS
    most = min(size, counted.n)
    tiles = np.empty((most, TILE_CLASSES), product.dtype)
    states = product.states(most) if copies else None
    rooms = [product.room() if product.converts else NONE for _ in row_parts(most, product.n_threads)]
    for chunk in chunks(product, counted, size, states):
        labels = np.ascontiguousarray(targets.each[chunk.rows], np.int64)
        carried = carried_of(product, targets, chunk.hidden, labels, tiles, rooms)
        losses[chunk.rows] = finished(carried, labels, product.classes, targets) * targets.weights(chunk.rows)


def carried_of(
    product: Product, targets: Targets, hidden: Array, labels: Array, tiles: Array, rooms: list[Array]
) -> Array:  # fmt: skip
    """What is known of each row once all its logits have been seen; each thread has rows of its own."""
    carried = np.zeros(len(hidden), door.CARRIED_ROW)
    carried["m"] = -np.inf
    parts = row_parts(len(hidden), product.n_threads)
    shared = replace(product, n_threads=max(1, number_of(product.n_threads) // len(parts)))

    def part(i: int) -> None:
        rows = parts[i]
        carry_rows(shared, targets, hidden[rows], labels[rows], tiles[rows], rooms[i], carried[rows])

    if len(parts) == 1:
        part(0)
    else:
        in_threads(part, len(parts), product.n_threads)
    return carried


def carry_rows(
    product: Product, targets: Targets, hidden: Array, labels: Array, tiles: Array, room: Array, carried: Array
) -> None:  # fmt: skip
    """What is known of some rows, from tile to tile of their logits."""
    for classes in blocks(product.classes, TILE_CLASSES):
        width = classes.stop - classes.start
        tile = tiles.reshape(-1)[: len(hidden) * width].reshape(-1, width)
        product.logits(hidden, classes, tile, room)
        weight = None if targets.class_weight is None else targets.class_weight[classes]
        door.carry(tile, labels - classes.start, carried, weight, targets.smoothing > 0, product.n_threads)


def finished(carried: Array, labels: Array, classes: int, targets: Targets) -> Array:
    """The losses of rows all of whose classes have been carried; softmax/terms.pxd has the formula."""
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


def losses_and_gradients(
    product: Product, targets: Targets, size: int | None, scale: Any, gradients: Outs | None, losses: Array | None
) -> list[float]:  # fmt: skip
    """The losses of the rows that count, or their sums, and the gradients: by chunks of whole rows.

    ``scale`` is what the rows' gradients are multiplied by: a number, or one for each row.
    """
    counted = targets.counted()
    outs = (None, None, None) if gradients is None else gradients
    copies = product.copies(counted.rows) or (outs[0] is not None and outs[0].dtype != product.dtype)
    size = size_of_chunks(product, size, counted.n, copies, outs[1])
    most = min(size, counted.n)
    states = product.states(most) if copies else None
    room = NONE if gradients is None and not product.converts else product.room()
    sums = None if gradients is None else Gradients(product, outs, most, states, counted.n > size)
    totals = []
    for out, is_left in zip(outs[:2], (counted.rows is not None, counted.n == 0), strict=True):
        if out is not None and is_left:  # where nothing is going to be written
            out[...] = np.zeros((), out.dtype)
    for chunk, logits in chunks_of_logits(product, counted, size, states, room):
        for rows, loss in of_logits(product, targets, chunk, logits, scale, sums is not None, losses):
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
    rows = product.chunk_rows(states)
    beside = None if weight is None else WeightSum.dtype_beside(weight, product.dtype)
    if rows < n and weight is not None and beside is not None:
        fit = product.fit(states, weight.size * beside.itemsize)
        rows = min(fit, most) if fit >= fewest // 2 else rows
    return -(-n // max(1, -(-n // rows))) or 1


def of_logits(
    product: Product, targets: Targets, chunk: Chunk, logits: Array, scale: Any, grad: bool, losses: Array | None
) -> Iterator[tuple[Any, Any]]:  # fmt: skip
    """The losses of a chunk's logits, whose gradient takes their place: (where, losses or their sum) of each part."""
    capped = grad and product.softcap is not None
    copied = not targets.are_labels and not isinstance(chunk.rows, slice)
    most = PART_BYTES // 2 if capped else PART_BYTES  # of the slope, or of a distribution
    step = max(1, most // max(logits[:1].nbytes, targets.each[:1].nbytes)) if capped or copied else len(logits)
    for block in blocks(len(logits), step):
        part, rows = logits[block], numbered(chunk.rows, block)
        slope = slope_of(part, product.softcap) if capped else None
        own_weight = None if targets.sample_weight is None else targets.sample_weight[rows]
        result = door.softmax_cross_entropy(
            1 if grad else 0, part, targets.each[rows], -1, targets.class_weight, own_weight, None, targets.smoothing,
            targets.z_loss, None, "sum" if losses is None else "none", product.n_threads,
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


def numbered(rows: Any, block: slice) -> Any:
    """Some of a chunk's rows."""
    return slice(rows.start + block.start, rows.start + block.stop) if isinstance(rows, slice) else rows[block]


def statistics(product: Product, targets: Targets, size: int | None) -> Array:
    """An array of one record for each row: of those that count, by chunks of whole rows."""
    records = np.empty(len(product.hidden), door.records_of(product.dtype))
    counted = targets.counted()
    copies = product.copies(counted.rows)
    size = size_of_chunks(product, size, counted.n, copies, None)
    states = product.states(min(size, counted.n)) if copies else None
    if counted.rows is not None:
        for name in records.dtype.names or ():
            records[name] = np.nan if records.dtype[name].kind == "f" else -1
    room = product.room() if product.converts else NONE
    for chunk, logits in chunks_of_logits(product, counted, size, states, room):
        records[chunk.rows] = door.target_statistics(logits, targets.each[chunk.rows], -1, None, product.n_threads)
    return records
