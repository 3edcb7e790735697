"""Memory of results is used again, and never while anybody can still see it."""

import gc
import pickle
import threading

import numpy as np
import pytest

from fastxent.boosting import softmax_objective
from fastxent.boosting._buffers import Buffers

SHAPE = np.zeros((50, 4), np.float32)


def address(array):
    return array.__array_interface__["data"][0]


def test_memory_of_an_array_that_is_gone_is_used_again():
    buffers = Buffers()
    first = buffers.like(SHAPE, np.float32)
    where = address(first)
    del first
    assert address(buffers.like(SHAPE, np.float32)) == where
    assert address(buffers.like(SHAPE.astype(np.float32), np.float32)) == where


@pytest.mark.parametrize(
    "view",
    [np.ravel, np.transpose, lambda a: a[3:], lambda a: a.T.ravel(order="F"), np.asarray, memoryview,
     lambda a: a.view(np.uint8), lambda a: np.frombuffer(a, np.uint8), lambda a: a.reshape(4, -1)[1:2]],
    ids=["ravel", "transpose", "slice", "ravel of transpose", "asarray", "memoryview", "bytes", "frombuffer", "row"],
)  # fmt: skip
def test_memory_that_a_view_shows_is_not_used_again(view):
    buffers = Buffers()
    first = buffers.like(SHAPE, np.float32)
    seen = view(first)
    where = address(first)
    del first
    gc.collect()
    assert address(buffers.like(SHAPE, np.float32)) != where
    del seen
    gc.collect()
    assert where in {address(buffers.like(SHAPE, np.float32)) for _ in range(2)}


def test_arrays_have_the_shape_order_and_dtype_asked_for():
    buffers = Buffers()
    for array in (SHAPE, np.asfortranarray(SHAPE), SHAPE[:, 0], SHAPE[:0], SHAPE[::2]):
        for dtype in (np.float32, np.float64):
            for _ in range(2):
                like = buffers.like(array, dtype)
                assert like.shape == array.shape
                assert like.dtype == dtype
                assert like.flags.writeable
                assert like.flags.f_contiguous or not array.flags.f_contiguous


def test_a_copy_starts_without_memory_and_little_is_kept():
    buffers = Buffers()
    arrays = [buffers.like(SHAPE, np.float32) for _ in range(9)]
    del arrays
    assert len(buffers.unused) == 4
    assert pickle.loads(pickle.dumps(buffers)).unused == []


def test_one_objective_serves_several_threads(rng):
    objective = softmax_objective("xgboost", n_threads=1)
    problems = [(rng.integers(0, 4, 50).astype(np.float32), rng.random((50, 4)).astype(np.float32)) for _ in range(4)]
    wanted = [[array.copy() for array in objective(*problem)] for problem in problems]
    wrong = []

    def repeat(problem, want):
        for _ in range(200):
            results = objective(*problem)
            wrong.extend(1 for a, b in zip(results, want, strict=True) if not np.array_equal(a, b))

    threads = [threading.Thread(target=repeat, args=args) for args in zip(problems, wanted, strict=True)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not wrong
