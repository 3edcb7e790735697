"""What changes no bit of a linear layer's losses and gradients: threads, layouts, cuts, NumPy's settings for errors."""

import numpy as np
import pytest

import fastxent as fx
from fastxent._blas import Limit, one_thread
from fastxent._linear import multiply
from fastxent._linear.product import Product
from tests.bits import assert_same_bits
from tests.layouts import LAYOUTS, negative_classes, negative_rows, packed_field, strided
from tests.linear import assert_near, each_half, layer
from tests.table import each_dtype
from tests.turns import in_turn

LOGITS = Product.logits


class Index:
    """What stands for a whole number."""

    def __init__(self, number):
        self.number = number

    def __index__(self):
        return self.number


@each_dtype
def test_the_number_of_threads_changes_no_bit_of_what_is_made_of_the_products(dtype, rng):
    args, kwargs = layer(rng, (500, 3000, 4), dtype, ("label_smoothing", "class_weight"))
    with one_thread:  # of BLAS, which a call on one thread limits itself
        one, three = (fx.linear_cross_entropy_grad(*args, **kwargs, n_threads=n) for n in (1, 3))
        losses = {fx.linear_cross_entropy(*args, **kwargs, n_threads=n) for n in (1, 2, 3)}
    assert len(losses) == 1
    assert one[0] == three[0]
    for a, b in zip(one[1][:2], three[1][:2], strict=True):
        assert_same_bits(a, b)


@pytest.mark.parametrize("function", ["linear_cross_entropy", "linear_cross_entropy_grad", "linear_target_statistics"])
@pytest.mark.parametrize(
    ("shape", "n_threads", "limited"), [((5, 3, 4), 1, 1), ((5, 3, 4), 3, 0), ((99, 60, 64), 3, 1)]
)
def test_blas_has_one_thread_but_where_it_takes_no_other(function, shape, n_threads, limited, rng, monkeypatch):
    args, _ = layer(rng, shape, np.float32)
    seen = []
    monkeypatch.setattr(
        Product, "logits", lambda self, *rest: seen.append(len(one_thread.inside)) or LOGITS(self, *rest)
    )
    getattr(fx, function)(*args, n_threads=n_threads)
    assert not one_thread.inside
    assert set(seen) == {limited}


@pytest.mark.parametrize("dtype", [np.float32, np.float16])
@pytest.mark.parametrize("known", [True, False])
def test_products_cut_for_threads_are_those_of_one(dtype, known, rng, monkeypatch):
    """With exact products, of which each number is made once."""
    monkeypatch.setattr(Limit, "is_known", known)
    monkeypatch.setattr(multiply, "WORTH_THREADS", 1)
    hidden, y = rng.integers(-4, 5, (700, 300)).astype(dtype), rng.integers(0, 2000, 700)
    weight = (rng.integers(-4, 5, (2000, 300)) / 64).astype(dtype)
    for name in ("linear_cross_entropy", "linear_target_statistics"):
        one, *others = (getattr(fx, name)(hidden, weight, y, n_threads=n) for n in (1, 2, 5, 40))
        for other in others:
            np.testing.assert_array_equal(one, other)
    one, *others = (fx.linear_cross_entropy_grad(hidden, weight, y, n_threads=n) for n in (1, 2, 5, 40, Index(2)))
    for other in others:
        assert one[0] == other[0]
        for a, b in zip(one[1][:2], other[1][:2], strict=True):
            assert_near(b, a, dtype)


@in_turn("arrange", LAYOUTS.values())
@each_dtype
def test_any_layout_gives_the_same(arrange, dtype, rng):
    (hidden, weight, y), _ = layer(rng, (20, 1500, 6), dtype)
    want = fx.linear_cross_entropy_grad(hidden, weight, y)
    got = fx.linear_cross_entropy_grad(arrange(hidden), arrange(weight), y)
    assert_near(got[0], want[0], dtype)
    for one, other in zip(got[1][:2], want[1][:2], strict=True):
        assert_near(one, other, dtype)
    assert_near(fx.linear_cross_entropy(arrange(hidden), arrange(weight), y), want[0], dtype)


@each_dtype
def test_outputs_of_any_steps_are_written(dtype, rng):
    (hidden, weight, y), kwargs = layer(rng, (24, 50, 6), dtype, ("bias", "ignore_index"))
    hidden, y = hidden.reshape(4, 6, 6), y.reshape(4, 6)
    want = fx.linear_cross_entropy_grad(hidden, weight, y, **kwargs)
    outs = {
        "out_hidden": np.full((6, 4, 12), 7.0).transpose(1, 0, 2)[..., ::2],
        "out_weight": np.full((6, 50), 7.0, np.float32).T,
        "out_bias": np.full(100, 7.0, np.float16)[::2],
    }
    loss, grads = fx.linear_cross_entropy_grad(hidden, weight, y, **kwargs, **outs)
    assert loss == want[0]
    for got, wanted, (name, out) in zip(grads, want[1], outs.items(), strict=True):
        assert got is out, name
        np.testing.assert_array_equal(got, wanted.astype(out.dtype))


@each_half
@in_turn("arrange", [np.asfortranarray, strided, negative_rows, negative_classes, packed_field])
@in_turn("chunk_rows", [None, 9])
def test_gradients_of_half_precision_have_the_same_bits_in_any_layout(half, arrange, chunk_rows, rng):
    (hidden, weight, y), kwargs = layer(rng, (30, 40, 6), half, ("ignore_index",))
    want = fx.linear_cross_entropy_grad(hidden, weight, y, **kwargs, chunk_rows=chunk_rows)[1]
    outs = [arrange(np.zeros(array.shape, half)) for array in (hidden, weight)]
    fx.linear_cross_entropy_grad(
        hidden, weight, y, **kwargs, chunk_rows=chunk_rows, out_hidden=outs[0], out_weight=outs[1]
    )
    for out, wanted in zip(outs, want, strict=False):
        assert_same_bits(np.array(out).view(np.uint16), wanted.view(np.uint16))


@each_dtype
def test_what_is_made_of_exact_products_depends_on_no_cut(dtype, rng):
    hidden, y = rng.integers(-4, 5, (1500, 3)).astype(dtype), rng.integers(0, 3000, 1500)
    weight = (rng.integers(-4, 5, (3000, 3)) / 8).astype(dtype)
    options = {"label_smoothing": 0.1, "reduction": "none"}
    want = fx.linear_cross_entropy(hidden, weight, y, **options)
    for size in (1, 100, 700, 2000):
        assert_same_bits(fx.linear_cross_entropy(hidden[:700], weight, y[:700], chunk_rows=size, **options), want[:700])


def test_numpys_settings_for_errors_change_nothing(rng):
    (hidden, weight, y), _ = layer(rng, (600, 40, 4), np.float16)
    scale = np.ones(600)
    scale[500] = 1e7
    options = {"reduction": "none", "grad_output": scale, "chunk_rows": 256}
    with np.errstate(all="raise"):
        got = fx.linear_cross_entropy_grad(hidden, weight, y, **options)
        fx.linear_cross_entropy(np.full((2, 4), 1e-30, "f4"), np.full((2000, 4), 1e-30, "f4"), [0, 1])
    with np.errstate(all="ignore"):
        want = fx.linear_cross_entropy_grad(hidden, weight, y, **options)
    assert_same_bits(got[1][0], want[1][0])
