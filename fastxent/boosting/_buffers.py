"""Memory that an objective uses again in the next round of training."""

from __future__ import annotations

import math
import weakref
from typing import Any

import numpy as np

from fastxent._types import Array

KEPT = 4  # gradient and Hessian of a round, and of the one before as long as the library holds them


class Buffers:
    """Uninitialised arrays, in memory that an earlier array has left.

    New pages cost more than what is computed in them: 100,000 x 10 float32 derivatives took 5.0 ms there, and 1.5 ms in
    used ones. An array's memory is used again when nothing refers to the array any more, nor to a view of it: nobody's
    result is overwritten, and one objective may serve several threads. A copy, or what comes out of a pickle, starts
    without memory.
    """

    def __init__(self) -> None:
        self.unused: list[memoryview] = []

    def __reduce__(self) -> tuple[type[Buffers], tuple[()]]:
        return Buffers, ()

    def like(self, array: Array, dtype: Any) -> Array:
        """An array of this shape and memory order."""
        size = math.prod(array.shape)
        n_bytes = size * np.dtype(dtype).itemsize
        memory = self.memory(n_bytes) or np.empty(n_bytes, np.uint8).data
        # views of an array refer to the array that owns the memory; where that is no array, to the first: to this one
        whole = np.frombuffer(memory, dtype, size)
        weakref.finalize(whole, self.take_back, memory).atexit = False
        fortran = array.flags.f_contiguous and not array.flags.c_contiguous
        return whole.reshape(array.shape, order="F" if fortran else "C")

    def memory(self, n_bytes: int) -> memoryview | None:
        """Unused memory of this size. It is out of the list while it is looked at: no other thread can take it too."""
        others, found = [], None
        while self.unused and found is None:
            try:
                memory = self.unused.pop()
            except IndexError:  # another thread took the last
                break
            if len(memory) == n_bytes:
                found = memory
            else:
                others.append(memory)
        self.unused.extend(others)
        return found

    def take_back(self, memory: memoryview) -> None:
        """Keep the memory of an array that is gone, and no more than a round of training needs."""
        self.unused.append(memory)
        del self.unused[:-KEPT]
