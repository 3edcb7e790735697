"""Arrays that nothing can be read or written beside unnoticed: between two closed pages, right at one of them."""

import ctypes
import mmap
import sys

import numpy as np
import pytest

MARK = 0x5A  # every byte beside an array
BESIDE = 256  # of them at least, where the closed page is not
CLOSED = 0  # PROT_NONE

needs_fences = pytest.mark.skipif(sys.platform == "win32", reason="mprotect closes the page; Windows has it not")


class Fenced:
    """`array` is a copy of the one given, with its strides. Its last byte ends a page, or its first byte begins one.

    Who reads or writes beyond it ends the process. What is written elsewhere beside the array's entries, between them,
    too, leaves it not `intact`.
    """

    def __init__(self, array, first=False):
        low, high = np.lib.array_utils.byte_bounds(array) if array.size else (0, 0)
        pages = -(-(high - low + BESIDE) // mmap.PAGESIZE) * mmap.PAGESIZE
        memory = mmap.mmap(-1, pages + 2 * mmap.PAGESIZE)
        whole = np.frombuffer(memory, np.uint8)
        close = ctypes.CDLL(None, use_errno=True).mprotect
        for page in (0, mmap.PAGESIZE + pages):
            if close(ctypes.c_void_p(whole.ctypes.data + page), ctypes.c_size_t(mmap.PAGESIZE), CLOSED) != 0:
                raise OSError(ctypes.get_errno(), "mprotect")
        self.open = whole[mmap.PAGESIZE :][:pages]
        self.open[:] = MARK
        self.offset = 0 if first else pages - (high - low)
        if array.size:
            self.offset += array.__array_interface__["data"][0] - low
        self.array = np.ndarray(array.shape, array.dtype, self.open, self.offset, array.strides)
        self.array[...] = array
        self.array.flags.writeable = array.flags.writeable

    @property
    def intact(self):
        beside = np.ones(self.open.size, bool)
        axes = [(n, step) for n, step in zip(self.array.shape, self.array.strides, strict=True) if n != 1]
        shape, strides = zip(*axes, (self.array.itemsize, 1), strict=True)
        np.ndarray(shape, bool, beside, self.offset, strides)[...] = False
        return bool((self.open[beside] == MARK).all())
