"""Arrays in other layouts, byte orders and dtypes than the kernels', over the plain call on the same numbers.

`python -m asv_benchmarks.benchmarks.layouts`, from the root of the repository, prints them as a table.
"""

from functools import partial

import numpy as np
from side_by_side.report import machine

import fastxent as fx

from . import turns
from .cases import DTYPES

IGNORED = 255
IMAGES = [(32, 19, 256, 256), (8, 21, 512, 512)]
SHAPES = [(4096, 1000), (1_000_000, 10)]
CALLS = {"loss": fx.softmax_cross_entropy, "loss + gradient": fx.softmax_cross_entropy_grad}


def unaligned(a):
    """The same numbers, one byte off."""
    moved = np.empty(a.nbytes + 1, np.uint8)[1:].view(a.dtype).reshape(a.shape)
    moved[...] = a
    return moved


def swapped(a):
    return a.astype(a.dtype.newbyteorder())


def strided(a):
    """Every second number of rows that are twice as long."""
    wide = np.empty((*a.shape[:-1], 2 * a.shape[-1]), a.dtype)[..., ::2]
    wide[...] = a
    return wide


def other(a):
    """Of the other float dtype."""
    return a.astype(np.float64 if a.dtype == np.float32 else np.float32)


# name: (of the logits, of the gradient)
ARRANGED = {
    "plain": (np.asarray, np.asarray),
    "unaligned": (unaligned, np.asarray),
    "unaligned, and out": (unaligned, unaligned),
    "swapped bytes": (swapped, np.asarray),
    "strided": (strided, np.asarray),
    "strided, and out": (strided, strided),
    "other dtype out": (np.asarray, other),
    "Fortran": (np.asfortranarray, np.asarray),
    "Fortran out": (np.asarray, np.asfortranarray),
    "Fortran, and out": (np.asfortranarray, np.asfortranarray),
}


def arranged_call(work, arranged, shape, dtype):
    """A call on one thread, and how many logits it has."""
    rng = np.random.default_rng(20)
    x, y = rng.standard_normal(shape, dtype), rng.integers(0, shape[-1], shape[:-1])
    of_logits, of_out = ARRANGED[arranged]
    out = {} if work == "loss" else {"out": of_out(np.ones_like(x))}
    return partial(CALLS[work], of_logits(x), y, n_threads=1, **out)


# a class for each pixel: name: (whether the classes are last, the share of pixels that are ignored, an ignore_index)
PIXELS = {
    "classes last": (True, 0.0, None),
    "images": (False, 0.0, None),
    "images, none ignored": (False, 0.0, IGNORED),
    "images, 5 % ignored": (False, 0.05, IGNORED),
}


def pixels_call(pixels, shape):
    """Loss and gradient of images on one thread."""
    rng = np.random.default_rng(20)
    last, share, ignore_index = PIXELS[pixels]
    x, size = rng.standard_normal(shape, np.float32), (shape[0], *shape[2:])
    y = rng.integers(0, shape[1], size).astype(np.uint8)
    y[rng.random(size) < share] = IGNORED
    if last:
        x = np.moveaxis(x, 1, -1).copy()
    options = {"axis": -1 if last else 1, "ignore_index": ignore_index, "out": np.ones_like(x)}
    return partial(fx.softmax_cross_entropy_grad, x, y, n_threads=1, **options)


def rows_of(title, calls, plain, numbers):
    """Lines of the table: calls that take turns, over the plain one."""
    times = turns.seconds(calls)
    for name in calls:
        yield f"| {title} | {name} | {1e9 * times[name] / numbers:.3g} | {times[name] / times[plain]:.2f} |"


def table():
    yield from (machine(["fastxent", "numpy"]), "", "| call | form | ns per element | ratio |", "|---|---|---|---|")
    for shape in IMAGES:
        calls = {pixels: pixels_call(pixels, shape) for pixels in PIXELS}
        yield from rows_of(f"{' x '.join(map(str, shape))}, float32", calls, "classes last", np.prod(shape))
    for shape in SHAPES:
        for dtype in DTYPES:
            for work in CALLS:
                names = [name for name in ARRANGED if work != "loss" or "out" not in name]
                calls = {name: arranged_call(work, name, shape, dtype) for name in names}
                yield from rows_of(f"{shape[0]} x {shape[1]}, {dtype}, {work}", calls, "plain", np.prod(shape))


def main():
    turns.on_one_core()
    for line in table():
        print(line, flush=True)


if __name__ == "__main__":
    main()
