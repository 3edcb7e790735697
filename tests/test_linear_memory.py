"""What a linear layer's losses hold in memory, and copy."""

import tracemalloc

import numpy as np
import pytest

import fastxent as fx
from fastxent._linear import product
from fastxent._linear.product import Product
from tests.layouts import strided
from tests.linear import HALVES, each_half, layer
from tests.table import each_dtype
from tests.turns import in_turn

MEBIBYTE = 2**20


def test_chunks_of_whole_rows_fit_into_128_mebibytes_but_have_at_least_256_rows():
    for classes, rows in ((10, 1024), (32_768, 1024), (65_536, 512), (131_072, 256), (1_000_000, 256)):
        weight = np.broadcast_to(np.float32(0), (classes, 1))
        product = Product(np.zeros((1, 1), np.float32), weight, None, None, np.dtype(np.float32))
        assert product.chunk_rows() == rows


@in_turn("function", ["linear_cross_entropy", "linear_target_statistics"])
def test_memory_does_not_grow_with_the_vocabulary(function, rng):
    (hidden, weight, y), _ = layer(rng, (300, 100_000, 2), np.float32)
    options = {"chunk_rows": 8} if function == "linear_target_statistics" else {}
    tracemalloc.start()
    getattr(fx, function)(hidden, weight, y, **options)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 6 * MEBIBYTE


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize(
    "options", [(), ("ignore_index",), ("softcap",), ("bias", "sample_weight", "softcap")], ids="+".join
)
@pytest.mark.parametrize("chunk_rows", [None, 100])
def test_gradients_take_one_chunk_of_logits_beside_themselves(dtype, options, chunk_rows, rng, monkeypatch):
    """By default an eighth of the usual chunk here, for time's sake."""
    monkeypatch.setattr(product, "CHUNK_BYTES", 16 * MEBIBYTE)
    (hidden, weight, y), kwargs = layer(rng, (1000, 16_000, 64), dtype, options)
    outs = {"out_hidden": np.empty_like(hidden), "out_weight": np.empty_like(weight)}
    chunk = 16 * MEBIBYTE
    if chunk_rows is not None:
        chunk = 100 * 16_000 * 4 + 2 * weight.size * (dtype is not np.float32)
    tracemalloc.start()
    fx.linear_cross_entropy_grad(hidden, weight, y, chunk_rows=chunk_rows, **outs, **kwargs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < chunk + 2 * MEBIBYTE


@pytest.mark.parametrize("dtype", [np.float64, np.float32, *HALVES])
def test_a_gradient_narrower_than_its_sum_in_double_shortens_the_chunks_by_the_sum(dtype, rng, monkeypatch):
    monkeypatch.setattr(product, "CHUNK_BYTES", 16 * MEBIBYTE)
    args, _ = layer(rng, (1500, 4000, 256), np.float64)
    outs = {"out_hidden": np.empty((1500, 256)), "out_weight": np.empty((4000, 256), dtype)}
    tracemalloc.start()
    fx.linear_cross_entropy_grad(*args, **outs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 18 * MEBIBYTE


@in_turn("dtype", [np.float32, np.float64])
def test_distributions_of_rows_that_count_are_not_copied_by_whole_chunks(dtype, rng):
    (hidden, weight, _), kwargs = layer(rng, (200, 20_000, 2), np.float32, ("sample_weight",))
    target = np.full((200, 20_000), 1 / 20_000, dtype)
    outs = {"out_hidden": np.empty_like(hidden), "out_weight": np.empty_like(weight)}
    chunk = np.count_nonzero(kwargs["sample_weight"]) * 20_000 * 4
    for call in (
        lambda: fx.linear_cross_entropy(hidden, weight, target, **kwargs),
        lambda: fx.linear_cross_entropy_grad(hidden, weight, target, **kwargs, **outs),
    ):
        tracemalloc.start()
        call()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < chunk + 3 * MEBIBYTE


@in_turn("arrange", [np.asfortranarray, strided])
@each_dtype
def test_rows_that_count_are_copied_by_chunks_in_any_layout(arrange, dtype, rng):
    hidden = arrange(np.zeros((4000, 1000), dtype))
    weight, y = np.zeros((1030, 1000), dtype), np.zeros(4000, int)
    y[::9] = -1
    for function in (fx.linear_cross_entropy, fx.linear_target_statistics):
        tracemalloc.start()
        function(hidden, weight, y, ignore_index=-1, chunk_rows=50)
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        assert peak < 4 * MEBIBYTE  # of 15 or more


@each_half
def test_hidden_states_are_copied_once_and_their_gradients_not(half, rng):
    """What is picked of them, and what goes back, is widened and rounded by a mebibyte at a time."""
    hidden, y = np.zeros((200, 32_768), half), np.arange(200) % 3 - 1
    weight = np.zeros((2, 32_768), half)
    outs = {"out_hidden": np.empty_like(hidden), "out_weight": np.empty_like(weight)}
    states = (y >= 0).sum() * 32_768 * 4
    tracemalloc.start()
    fx.linear_cross_entropy_grad(hidden, weight, y, ignore_index=-1, **outs)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 2 * states + 3 * MEBIBYTE  # they and their gradient, which is added up by parts of the classes
