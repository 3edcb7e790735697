"""From arrays of any rank, order and dtype to the kernels' (outer, inner, classes) grid: views, or scratch blocks.

The class axis comes last here, behind the axes of the samples. Where the samples' axes merge into two (outer, inner)
for all operands at once and every dtype is one that the kernels read, the kernels work on the caller's memory;
otherwise the operands are copied block by block into small scratch arrays and the results back, never as a whole.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastxent import _threads

ROWS, PANEL, TRANSPOSED = range(3)  # the ways of _kernels/grid.pxd

# The most bytes of a sample in transposed panels (PANEL_BYTES in _kernels/transpose.pxd), half of it with a Hessian.
PANEL_BYTES = 1024
# So few bytes that even one sample is fast in a panel; above them, the lanes are to be filled.
SMALL_BYTES = 256
LANES = 32
# Fewer samples side by side than this do not fill the lanes; they are gathered into rows instead.
PANEL_SAMPLES = 16
# A panel's lanes compare classes as floats, which are exact below this.
PANEL_LIMIT = 2**24
# Elements of one block: so many that drawing it costs nothing, few enough for the level-2 cache and for even shares.
BLOCK = 32768

# Operands that have to be of the dtype computed in; derivatives are stored in either float dtype.
COMPUTED = frozenset(("logits", "losses", "out"))
READABLE = frozenset(np.dtype(code) for code in "?bhilqBHILQfd")

Array = np.ndarray[Any, Any]
Views = dict[str, "Array | None"]
Way = int
Bind = Callable[[Views, Array], tuple[Any, ...]]  # operands and the blocks' sums -> the kernel's arguments


@dataclass(slots=True)
class Samples:
    """The operands of one call: each has the samples' axes first, and the classes behind them where it has classes."""

    shape: tuple[int, ...]
    classes: int
    dtype: np.dtype[Any]  # of the computation: what all but derivatives must have to be computed or written in place
    read: Views  # the first leads: its strides order the axes
    write: Views


def run(
    kernel: Any,
    samples: Samples,
    bind: Bind,
    choose: Callable[[Samples, Views], Way | None],
    n_threads: int | None,
) -> tuple[float, int]:
    """Call the kernel on all samples; returns the sum of the losses and the number of bad elements it met."""
    if 0 in samples.shape:
        return 0.0, 0
    views = direct_views(samples)
    way = None if views is None else choose(samples, views)
    if views is not None and way is not None:
        sums = call(kernel, way, views, bind, n_threads)
    else:
        sums = np.concatenate([call(kernel, *block, bind, 1) for block in staged_blocks(samples, choose)])
    return total(sums[:, 0]), int(sums[:, 1].sum())


def call(kernel: Any, way: Way, views: Views, bind: Bind, n_threads: int | None) -> Array:
    """One kernel call over a fixed grid of blocks; returns each block's sum of losses and number of bad elements."""
    lead = next(array for array in views.values() if array is not None)
    outer, inner = lead.shape[:2]
    rows = max(1, BLOCK // max(1, math.prod(lead.shape[2:])))
    rows = rows // 128 * 128 or rows
    block_inner = min(rows, inner)
    block_outer = max(1, rows // inner)
    n_blocks = -(-outer // block_outer) * -(-inner // block_inner)
    sums = np.zeros((n_blocks, 2))
    _threads.run(kernel, (way, *bind(views, sums), block_outer, block_inner), n_blocks, n_threads)
    return sums


def total(sums: Array) -> float:
    """The blocks' sums, added without rounding."""
    try:
        return math.fsum(sums)
    except (OverflowError, ValueError):  # inf - inf, or finite sums that overflow
        return float(sums.sum())


def direct_views(samples: Samples) -> Views | None:
    """Every operand as (outer, inner) or (outer, inner, classes), without a copy; None where that cannot be."""
    operands = {**samples.read, **samples.write}
    arrays = [array for array in operands.values() if array is not None]
    for array in arrays:
        if array.dtype not in READABLE or not array.flags.aligned:
            return None
    for name, operand in operands.items():
        if operand is not None and operand.dtype != samples.dtype and name in COMPUTED:
            return None
    ndim = len(samples.shape)
    if all(array.flags.c_contiguous for array in arrays):  # the usual case, without a search
        merged = (1, math.prod(samples.shape))
        return {
            name: None if array is None else array.reshape(merged + array.shape[ndim:])
            for name, array in operands.items()
        }
    split = two_axes(samples.shape, [array.strides for array in arrays])
    if split is None:
        return None
    order, outer, inner = split
    return {
        name: None
        if array is None
        else array.transpose(order + tuple(range(len(order), array.ndim))).reshape(
            (outer, inner, *array.shape[len(order) :])
        )
        for name, array in operands.items()
    }


def two_axes(shape: tuple[int, ...], strides: list[tuple[int, ...]]) -> tuple[tuple[int, ...], int, int] | None:
    """An order of the axes in which they merge, for all strides at once, into (outer, inner); and the two lengths."""
    axes = sorted((a for a in range(len(shape)) if shape[a] != 1), key=lambda a: -abs(strides[0][a]))
    breaks = [i for i in range(1, len(axes)) if any(s[axes[i - 1]] != s[axes[i]] * shape[axes[i]] for s in strides)]
    if len(breaks) > 1:
        return None
    split = breaks[0] if breaks else 0
    order = tuple(axes) + tuple(a for a in range(len(shape)) if shape[a] == 1)
    outer = math.prod(shape[a] for a in axes[:split])
    return order, outer, math.prod(shape[a] for a in axes[split:])


def choose_way(samples: Samples, views: Views) -> Way | None:
    """Row, panel or transposed panel for softmax, by shape, layout and dtype only. None: gather into scratch."""
    floats = [a for name in ("logits", *samples.write) if (a := views[name]) is not None and name != "losses"]
    outer, inner, classes = floats[0].shape
    if transposes(outer * inner, classes, samples.dtype, views.get("hess") is not None):
        return TRANSPOSED
    if converts(samples, views):
        return None
    if all(a.strides[2] == a.itemsize or a.shape[2] == 1 for a in floats):
        return ROWS
    samples_lie_together = all(a.strides[1] == a.itemsize for a in floats)
    return PANEL if samples_lie_together and inner >= PANEL_SAMPLES and classes < PANEL_LIMIT else None


def transposes(n: int, classes: int, dtype: np.dtype[Any], with_hess: bool = False) -> bool:
    """Whether n samples have so few classes that they are faster side by side than one after the other.

    Measured on 4 million float32 (loss and gradient): 0.42 ns per element in panels for 64 to 256 classes, in rows 1.30
    at 65, 0.71 at 128, 0.52 at 256 and 0.40 at 384; float64 panels 1.0 up to 128 classes, rows 1.35 at 128.
    """
    size = classes * dtype.itemsize
    return size * (1 + with_hess) <= PANEL_BYTES and (size <= SMALL_BYTES or n >= LANES)


def converts(samples: Samples, views: Views) -> bool:
    """Whether a derivative has another dtype than it is computed in: only panels on the stack are converted."""
    grad, hess = views.get("grad"), views.get("hess")
    return (grad is not None and grad.dtype != samples.dtype) or (hess is not None and hess.dtype != samples.dtype)


def choose_elementwise(samples: Samples, views: Views) -> Way | None:
    """Rows where the classes are contiguous and many, else a panel: these kernels take any strides."""
    if converts(samples, views):
        return None
    floats = [a for name in ("logits", *samples.write) if (a := views[name]) is not None and name != "losses"]
    return ROWS if samples.classes >= 32 and all(a.strides[2] == a.itemsize for a in floats) else PANEL


def staged_blocks(samples: Samples, choose: Callable[[Samples, Views], Way | None]) -> Iterator[tuple[Way, Views]]:
    """Blocks of samples in contiguous scratch; asking for the next block copies back what the kernel wrote."""
    rows = max(1, BLOCK // max(1, samples.classes))
    scratch: dict[str, Array] = {}
    for name, array in {**samples.read, **samples.write}.items():
        if array is not None:
            tail = array.shape[len(samples.shape) :]
            scratch[name] = np.empty(
                (1, min(rows, math.prod(samples.shape)), *tail), scratch_dtype(name, array, samples)
            )
    for index, shape in blocks(samples.shape, rows):
        n = math.prod(shape)
        views: Views = dict.fromkeys((*samples.read, *samples.write))
        for name, space in scratch.items():
            views[name] = space[:, :n]
        for name, array in samples.read.items():
            if array is not None:
                np.copyto(scratch[name][0, :n].reshape(shape + scratch[name].shape[2:]), array[index], casting="unsafe")
        way = choose(samples, views)
        assert way is not None
        yield way, views
        for name, array in samples.write.items():
            if array is not None:
                source = scratch[name][0, :n].reshape(shape + scratch[name].shape[2:])
                with np.errstate(all="ignore"):  # an output of less precision takes what it can hold
                    np.copyto(array[index], source, casting="same_kind")


def scratch_dtype(name: str, array: Array, samples: Samples) -> np.dtype[Any]:
    """The computation's dtype for what is computed; other inputs keep theirs, or float64 if kernels do not read it."""
    if name == "logits" or name in samples.write:
        return samples.dtype
    native = array.dtype.newbyteorder("=")
    return native if native in READABLE else np.dtype(np.float64)


def blocks(shape: tuple[int, ...], rows: int) -> Iterator[tuple[tuple[Any, ...], tuple[int, ...]]]:
    """Cut an array of samples into pieces of at most `rows`: index and shape of each, in C order."""
    axis = len(shape)
    size = 1
    while axis > 0 and size * shape[axis - 1] <= rows:
        axis -= 1
        size *= shape[axis]
    if axis == 0:
        yield (), shape
        return
    step = max(1, rows // size)
    for prefix in np.ndindex(*shape[: axis - 1]):
        for start in range(0, shape[axis - 1], step):
            stop = min(start + step, shape[axis - 1])
            yield (*prefix, slice(start, stop)), (stop - start, *shape[axis:])
