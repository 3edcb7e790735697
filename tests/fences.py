"""Arrays that nothing can be written beside unnoticed: marked memory before them, and a closed page behind."""

import ctypes
import mmap
import sys

import numpy as np
import pytest

MARK = 0x5A  # every byte before an array
BEFORE = 256  # of them at least
CLOSED = 0  # PROT_NONE

needs_fences = pytest.mark.skipif(sys.platform == "win32", reason="mprotect closes the page; Windows has it not")


class Fenced:
    """`array` is a copy of the one given, in C order or in Fortran order as that. Its last byte ends a page.

    Who reads or writes behind it, ends the process.
    """

    def __init__(self, array):
        pages = -(-(array.nbytes + BEFORE) // mmap.PAGESIZE) * mmap.PAGESIZE
        memory = mmap.mmap(-1, pages + mmap.PAGESIZE)
        whole = np.frombuffer(memory, np.uint8)
        close = ctypes.CDLL(None, use_errno=True).mprotect
        if close(ctypes.c_void_p(whole.ctypes.data + pages), ctypes.c_size_t(mmap.PAGESIZE), CLOSED) != 0:
            raise OSError(ctypes.get_errno(), "mprotect")
        self.before = whole[: pages - array.nbytes]
        self.before[:] = MARK
        order = "C" if array.flags.c_contiguous else "F"
        self.array = whole[pages - array.nbytes : pages].view(array.dtype).reshape(array.shape, order=order)
        self.array[...] = array

    @property
    def intact(self):
        return bool((self.before == MARK).all())
