"""Products of matrices, and what is made of them, by threads of our pool that have one thread of BLAS each.

A BLAS with threads of its own has them wait for one another after every product, and they spin meanwhile: beside a busy
process, of which a large vocabulary's many products meet one all the time, they take several times as long. Ours draw
pieces of a product, and those that come late are not waited for.
"""

from __future__ import annotations

import contextlib
import itertools
from collections.abc import Callable
from typing import ParamSpec, TypeVar

import numpy as np

from fastxent import _threads
from fastxent._blas import one_thread
from fastxent._blocks import blocks
from fastxent._kernels.job import Job
from fastxent._quiet import quiet, quietly
from fastxent._types import Array

P = ParamSpec("P")
R = TypeVar("R")

SHARED_BY_BLAS = 2**18  # multiplications from which OpenBLAS uses threads of its own
WORTH_THREADS = 2**23  # from which we do: a quarter of a millisecond
PIECE_ROWS, PIECE_COLUMNS = 256, 128  # of a product, the fewest: a BLAS arranges both factors anew for each piece


def number_of(n_threads: int | None) -> int:
    """How many threads there may be."""
    return _threads.get_num_threads() if n_threads is None else n_threads


def row_parts(n: int, n_threads: int | None) -> list[slice]:
    """Rows for threads that make all of their logits, one tile after the other, and do not meet meanwhile."""
    parts = max(1, min(n // PIECE_ROWS, number_of(n_threads))) if one_thread.is_known else 1
    return list(blocks(n, max(1, -(-n // parts))))


def in_threads(piece: Callable[[int], None], n: int, n_threads: int | None) -> None:
    """Call ``piece(i)`` for each i below n."""

    def kernel(job: Job) -> None:
        one_thread.help()
        quietly(job.each, piece)

    _threads.run(kernel, (), n, number_of(n_threads), blocks_each=1)


@quiet
def with_products(
    n_threads: int | None, size: int, function: Callable[P, R], *args: P.args, **kwargs: P.kwargs
) -> R:  # fmt: skip
    """What a function returns whose products take so many multiplications: meanwhile BLAS has one thread.

    To set it takes 15 microseconds, which products are spared that BLAS gives to one thread in any case.
    """
    limited = number_of(n_threads) == 1 or size >= SHARED_BY_BLAS
    with one_thread if limited else contextlib.nullcontext():
        return function(*args, **kwargs)


def multiply(a: Array, b: Array, out: Array, n_threads: int | None) -> Array:
    """out = a @ b, as a whole where that is soon done, and where BLAS goes on using threads of its own."""
    number = number_of(n_threads)
    if number == 1 or out.size * len(b) < WORTH_THREADS or not one_thread.is_known:
        return np.matmul(a, b, out=out)
    n_rows, n_columns = out.shape
    columns = max(1, min(n_columns // PIECE_COLUMNS, number))
    rows = max(1, min(n_rows // PIECE_ROWS, -(-number // columns)))
    cuts = list(itertools.product(blocks(n_rows, -(-n_rows // rows)), blocks(n_columns, -(-n_columns // columns))))

    def piece(i: int) -> None:
        part, other = cuts[i]
        np.matmul(a[part], b[:, other], out=out[part, other])

    in_threads(piece, len(cuts), number)
    return out
