"""No call leaks, and none allocates more than scratch besides its result."""

import gc
import sys
import tracemalloc

import numpy as np
import pytest

from tests.problem import problem
from tests.table import FUNCTIONS, LOSSES, WITH_OUT, each_of

MEBIBYTE = 2**20
CALLS = 600
each_function = each_of(FUNCTIONS)


def assert_no_leak(call, arrays):
    """Many calls add no reference to the arrays, and far fewer than one object each to what Python holds."""

    def repeat(calls):
        for _ in range(calls):
            call()
        gc.collect()
        return sys.getallocatedblocks(), [sys.getrefcount(array) for array in arrays]

    blocks, references = repeat(100)  # fills caches
    more_blocks, more_references = repeat(CALLS)
    assert more_references == references
    assert more_blocks - blocks < CALLS // 5


@each_function
def test_no_references_are_leaked(f, rng):
    p = problem(f, rng, (6, 5), options=f.option_sets[-1])
    outs = {argument: np.empty_like(p.x) for argument in f.array_results}
    arrays = [a for a in (*p.args, *p.options.values(), *outs.values()) if isinstance(a, np.ndarray)]

    def call():
        f.call(*p.args, **p.options)
        f.call(*p.args, **p.options, **outs)

    assert_no_leak(call, arrays)


@pytest.mark.parametrize("f", LOSSES, ids=str)
def test_no_references_are_leaked_by_errors(f, rng):
    p = problem(f, rng, (6, 5), options=f.option_sets[0])
    p.target.flat[3] = 99

    def call():
        with pytest.raises(ValueError, match="99"):
            f.call(*p.args, **p.options)

    assert_no_leak(call, p.args)


def peak_besides_results(f, args, options):
    """The most bytes that the call held at once, less what it returned in new arrays."""
    given = {id(value) for value in options.values()}
    f.call(*args, **options)  # so that caches and the pool exist
    tracemalloc.start()
    try:
        results = f.call(*args, **options)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    results = results if isinstance(results, tuple) else (results,)
    return peak - sum(r.nbytes for r in results if isinstance(r, np.ndarray) and id(r) not in given)


@pytest.mark.parametrize("reduction", ["mean", "none"])
@each_function
def test_1024_x_10000_needs_less_than_a_mebibyte(f, reduction):
    """Zeros, which take no memory until they are written to: several tests at once would need 100 MiB each."""
    x = np.zeros((1024, 10_000), np.float32)
    target = {"sigmoid": np.zeros(x.shape, np.uint8), "information": x}.get(f.kind, np.zeros(1024, int))
    options = {argument: np.empty_like(x) for argument in f.array_results}
    options |= {"reduction": reduction} if f.takes("reduction") else {}
    assert peak_besides_results(f, (x, target)[: f.operands], options) < MEBIBYTE


@pytest.mark.parametrize("weight_dtype", [np.float32, np.float64])
@pytest.mark.parametrize("reduction", ["mean", "none"])
@pytest.mark.parametrize("f", LOSSES, ids=str)
def test_400000_weighted_rows_of_two_need_less_than_a_mebibyte(f, reduction, weight_dtype, rng):
    x = rng.random((400_000, 2), np.float32)
    target = rng.integers(0, 2, x.shape if f.kind == "sigmoid" else len(x), np.uint8)
    weight = rng.random((len(x), 1) if f.kind == "sigmoid" else len(x)).astype(weight_dtype)
    options = {argument: np.empty_like(x) for argument in f.array_results}
    options |= {"sample_weight": weight, "reduction": reduction}
    assert peak_besides_results(f, (x, target), options) < MEBIBYTE


@pytest.mark.parametrize("layout", ["class axis first", "strided", "byte-swapped", "distribution", "every second row"])
@pytest.mark.parametrize("f", [f for f in WITH_OUT if f.kind != "sigmoid"], ids=str)
def test_no_layout_is_copied_as_a_whole(f, layout, rng):
    shape, axis = ((10, 100_000), 0) if layout == "class axis first" else ((100_000, 10), -1)
    p = problem(
        f,
        rng,
        shape,
        axis,
        np.float32,
        "distribution" if layout == "distribution" and f.kind != "activation" else f.option_sets[0],
    )
    if layout == "strided":
        p = p.change(x=np.repeat(p.x, 2, axis=1)[:, ::2])
    elif layout == "byte-swapped":
        p = p.change(x=p.x.astype(">f4"))
    elif layout == "every second row":
        p = p.change(x=np.repeat(p.x, 2, axis=0)[::2])
    elif layout == "distribution" and p.target is not None:
        p = p.change(target=p.target.astype(np.float64))
    outs = {argument: np.empty(shape, np.float32) for argument in f.array_results}
    assert peak_besides_results(f, p.args, p.options | outs) < MEBIBYTE


PLAIN = np.random.default_rng(0).random((100_000, 10))
PAIRS = {
    "two dtypes": (PLAIN.astype(np.float32), PLAIN),
    "one-hot": (PLAIN > 0.5, PLAIN),
    "swapped bytes": (PLAIN, PLAIN.astype(">f8")),
    "one q for all p": (PLAIN, PLAIN[0]),
    "one p for all q": (PLAIN[:1], PLAIN),
    "one number a row": (PLAIN, PLAIN[:, :1]),
    "Fortran order and C order": (np.asfortranarray(PLAIN), PLAIN),
}


@pytest.mark.parametrize("f", [f for f in FUNCTIONS if f.kind == "information" and f.operands == 2], ids=str)
@pytest.mark.parametrize("what", PAIRS)
def test_neither_p_nor_q_is_copied_as_a_whole(f, what):
    assert peak_besides_results(f, PAIRS[what], {}) < MEBIBYTE
