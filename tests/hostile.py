"""What a caller might hand over by accident or in bad faith, as expressions that a snippet can be made of."""

import contextlib
import mmap
import operator
import threading
import warnings
from types import SimpleNamespace

import numpy as np
from numpy.lib.stride_tricks import as_strided

import fastxent as fx
from tests.fences import Fenced
from tests.layouts import LAYOUTS

USUAL = (TypeError, ValueError, MemoryError)
FAR = 2**32  # bytes from one entry to the next: no 32-bit number has them
LARGEST = 2**62
NORESERVE = 0x4000  # mmap.MAP_NORESERVE, which Python has from 3.13 on


class Stop(Exception):
    """What a caller's own code raises, which is to come through."""


def far(array):
    """The first axis of few entries with gigabytes between them, of memory that is not there until it is written."""
    axis = next((k for k, n in enumerate(array.shape) if 2 <= n <= 8), None)
    if axis is None or not array.size or array.dtype.hasobject:
        return array
    rest = np.moveaxis(array, axis, 0)
    flags = mmap.MAP_PRIVATE | mmap.MAP_ANONYMOUS | NORESERVE
    memory = mmap.mmap(-1, FAR * (len(rest) - 1) + rest[:1].nbytes, flags=flags)
    inner = np.empty(rest.shape[1:], array.dtype).strides
    there = np.ndarray(rest.shape, array.dtype, memory, 0, (FAR, *inner))
    there[...] = rest
    return np.moveaxis(there, 0, axis)


def huge_strides(array):
    """Of the axes that have one entry, or none."""
    if not array.size:
        return array
    strides = [LARGEST if n == 1 else step for n, step in zip(array.shape, array.strides, strict=True)]
    return as_strided(array, strides=strides)


def zero_strides(array):
    """Of axes along which nothing changes."""
    for axis in range(array.ndim):
        one = array[(slice(None),) * axis + (slice(0, 1),)]
        if one.shape != array.shape and (array == one).all():
            array = np.broadcast_to(one, array.shape)
    return array


def windows(array):
    """Rows that overlap in memory, where each is the one before, moved by an entry."""
    if array.ndim != 2 or not array.size or not (array[1:, :-1] == array[:-1, 1:]).all():
        return array
    flat = np.concatenate([array[:, 0], array[-1, 1:]])
    return as_strided(flat, array.shape, flat.strides * 2)


PLACES = LAYOUTS | {f.__name__: f for f in (far, huge_strides, zero_strides, windows, np.asarray)}


def between_pages(array, first=False):
    """What has a copy between closed pages, at one of them, as `array`; the array itself, if it takes gigabytes."""
    if array.dtype.hasobject or (array.size and np.ptp(np.lib.array_utils.byte_bounds(array)) > 2**30):
        return SimpleNamespace(array=array, intact=True)
    return Fenced(array, first)


def fenced(array, first=False):
    return between_pages(array, first).array


class Own(np.ndarray):
    """A subclass whose methods tell of another array."""

    def reshape(self, *_, **__):
        return np.zeros(3)

    view = transpose = astype = copy = take = min = max = all = any = reshape


class Liar(Own):
    """And whose attributes do."""

    shape, ndim, size, itemsize, strides, nbytes = (2, 3), 2, 2**40, 1, (2**40, 8), 0
    dtype, flags, base, ctypes, data, T = np.dtype("i1"), None, None, None, None, np.zeros(3)
    __array_struct__ = None

    @property
    def __array_interface__(self):
        return {"shape": (2**20,), "typestr": "<f8", "data": (8, False), "version": 3}

    def __len__(self):
        return 2**40

    def __getitem__(self, _):
        return np.zeros(3)

    def __setitem__(self, *_):
        pass


class Converted:
    """A value that acts when it is converted, and gives what nobody else holds."""

    def __init__(self, value, act):
        self.value, self.act = value, act

    def __array__(self, dtype=None, copy=None):
        self.act()
        return np.array(self.value)

    def __index__(self):
        self.act()
        return operator.index(self.value)

    def __float__(self):
        self.act()
        return float(self.value)


def resized(array, shape):
    """Its memory moves, or shrinks, or goes."""
    return lambda: array.resize(shape, refcheck=False)


def overwritten(array, value):
    def act():
        with np.errstate(all="ignore"):
            array[...] = value

    return act


def of_dtype(array, *dtypes):
    """The same bytes are numbers of another kind."""

    def act():
        for dtype in dtypes:
            array.dtype = dtype

    return act


def again(array):
    """A call within the call."""
    return lambda: fx.softmax(array, n_threads=2)


def raising():
    raise Stop


@contextlib.contextmanager
def disturbed(*acts):
    """Another thread does these all the time."""
    over = threading.Event()

    def disturb():
        while not over.is_set():
            for act in acts:
                with contextlib.suppress(*USUAL, OverflowError):
                    act()

    thread = threading.Thread(target=disturb)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()


def usual(run, *outs, **arguments):
    """A result, or one of the usual errors, or the caller's own."""
    with warnings.catch_warnings(action="ignore"), contextlib.suppress(*USUAL, Stop), np.errstate(all="ignore"):
        run(**arguments)
    assert all(out.intact for out in outs), "written beside an output"
