"""How exact entropies and divergences are: nearly equal distributions, every ratio, every size, another base."""

import math

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from mpmath import mp, mpf

import fastxent as fx
from tests import oracle
from tests.information import INFORMATION
from tests.problem import problem
from tests.strategies import problems
from tests.table import DTYPES, NAMED, each_dtype, each_of
from tests.terms import terms
from tests.turns import in_turn
from tests.ulp import BOTH, BOUND, assert_ulp


def real_information(p, q):
    return oracle.stack([oracle.information(*row) for row in zip(p, q, strict=True)])


def assert_exact(p, q, dtype, name="kl_divergence", real=None):
    """Each row's result is within the bound, at the size of the terms, of the real one; in either kernel."""
    real = real_information(p, q) if real is None else real
    scale = getattr(real, f"{name}_terms").high
    for axis, arrays in ((1, (p, q)), (0, [np.tile(array, (16, 1)).T.copy() for array in (p, q)])):
        got = getattr(fx, name)(*arrays[: NAMED[name].operands], axis=axis)[: len(p)]
        assert got.dtype == dtype
        off = oracle.ulps_off(got, getattr(real, name), dtype, scale)
        assert off.max() <= BOUND["value"], f"{off.max():.3g} ulp off: {got[off.argmax()]!r}"
    return got


# q = p (1 + delta d)


def above_last_place(values, size):
    """Each value with each dtype in which 1 plus its size has five more digits."""
    return [(value, dtype) for dtype in DTYPES for value in values if size(value) > 31 * np.finfo(dtype).eps]


def balanced(rng, classes, dtype):
    """p on a grid, and d = 1 or -1, so that sum p d = 0 and that q = p (1 + delta d) is exact for delta = 2^-n."""
    half = (rng.integers(1, 32, (5, classes // 2)) / 1024).astype(dtype)
    return np.concatenate([half, half], axis=1), np.repeat([1.0, -1.0], classes // 2)


@in_turn("classes", [2, 10, 64, 500])
@in_turn("exponent, dtype", above_last_place([1, 5, 10, 15, 18, 20, 25, 30, 40, 47], lambda n: 2.0**-n))
def test_divergence_of_nearly_equal_distributions_is_right_relative_to_itself(classes, exponent, dtype, rng):
    p, d = balanced(rng, classes, dtype)
    q = (p * (1 + dtype(2.0**-exponent) * d)).astype(dtype)
    assert [math.fsum(row) for row in p] == [math.fsum(row) for row in q]
    got = assert_exact(p, q, dtype)
    # log(1 + x) + log(1 - x) = log(1 - x^2)
    want = -p.sum(axis=1, dtype=float) / 2 * np.log1p(-(4.0**-exponent))
    assert_ulp(got, want, BOUND["value"] + 1, dtype)  # log1p is rounded as well


@in_turn("classes", [2, 10, 64, 500, 5000])
@in_turn("octaves", [0, 20])
@each_dtype
def test_divergence_of_neighbouring_floats_is_right_relative_to_itself(octaves, classes, dtype, rng):
    """Each q_k is the float above p_k or below, so that their sums are equal: no two distributions are nearer."""
    size = 2.0 ** -rng.integers(0, octaves + 1, classes // 2)
    half = (rng.uniform(1.001, 1.999, (3 if classes < 5000 else 1, classes // 2)) * size).astype(dtype)
    p = np.concatenate([half, half], axis=1)
    q = np.nextafter(p, np.where(np.arange(classes) < classes // 2, dtype(4), dtype(0)))
    assert [math.fsum(row) for row in p] == [math.fsum(row) for row in q]
    orders = {
        "pairs": np.arange(classes).reshape(2, -1).T.ravel(),
        "halves": np.arange(classes),  # the differences add up to most in between
        "any": rng.permutation(classes),
    }
    real = real_information(p, q)
    for order in orders.values():
        assert_exact(p[:, order], q[:, order], dtype, real=real)


@in_turn("classes", [10, 128, 256, 600])
@each_dtype
def test_one_share_for_all_classes_may_be_stored_once(classes, dtype, rng):
    p = rng.dirichlet(np.ones(classes), 5).astype(dtype)
    q = np.broadcast_to(dtype(1 / classes), p.shape)
    for function in (fx.cross_entropy, fx.kl_divergence):
        np.testing.assert_array_equal(function(p, q), function(p, q.copy()))


@in_turn("delta", [0.3, 1e-3, 1e-4, 1e-5, 1e-6, 1e-7, 1e-8, 1e-9, 1e-12, 1e-15])
@in_turn("classes", [3, 10, 200])
@each_dtype
def test_divergence_where_the_sums_differ_by_roundings(delta, classes, dtype, rng):
    p = rng.dirichlet(np.ones(classes), 6)
    d = rng.uniform(-1, 1, p.shape)
    d -= (p * d).sum(axis=1, keepdims=True)
    assert_exact(p.astype(dtype), (p * (1 + delta / 2 * d)).astype(dtype), dtype)


@in_turn("delta, dtype", above_last_place([1e-9, -1e-9, 2.0**-20, 1e-4], abs))
@in_turn("classes", [1, 10, 1000])
def test_divergence_from_the_same_a_little_larger_is_minus_the_difference(delta, classes, dtype, rng):
    p = rng.dirichlet(np.ones(classes), 6).astype(dtype)
    q = (p * (1 + dtype(delta))).astype(dtype)
    got = assert_exact(p, q, dtype)
    # -sum p log(1 + delta), as far as q has the digits of delta
    np.testing.assert_allclose(got, -delta, rtol=2 * abs(delta) + 4 * np.finfo(dtype).eps / abs(delta))


@each_dtype
def test_divergence_from_itself_is_0(dtype, rng):
    p = rng.dirichlet(np.ones(300), 50).astype(dtype)
    assert not fx.kl_divergence(p, p).any()


@given(problems(INFORMATION, shapes=st.tuples(st.integers(1, 40), st.integers(1, 200))))
def test_cross_entropy_is_entropy_plus_divergence(p):
    q = p.args[-1][..., ::-1]
    options = {name: value for name, value in p.options.items() if name != "n_threads"}
    arguments = {f.name: (p.x, q)[: f.operands] for f in INFORMATION}
    got = {name: getattr(fx, name)(*args, **options).astype(float) for name, args in arguments.items()}
    size = sum(terms(p.change(function=f, target=(None, q)[f.operands - 1]))["value"] for f in INFORMATION)
    with np.errstate(invalid="ignore"):
        total = got["entropy"] + got["kl_divergence"]
    assert_ulp(got["cross_entropy"], total, BOTH * BOUND["value"], p.dtype, size)


# Sizes


@in_turn("ratio", [2.0**-1000, 1e-30, 1e-3, 0.05, 0.09, 0.1, 0.3, 0.35, 0.5, 0.6, 0.66, 0.67, 0.75])
@pytest.mark.parametrize("name", [f.name for f in INFORMATION])
@each_dtype
def test_every_ratio(name, ratio, dtype, rng):
    small = max(ratio, 2.0 ** (-100 if dtype == np.float32 else -1000))
    p = rng.uniform(0.5, 1, (20, 7))
    q = p * rng.uniform(0.97, 1.03, p.shape) * small ** rng.choice([-1, 0, 1], p.shape)
    assert_exact(p.astype(dtype), q.astype(dtype), dtype, name)


@pytest.mark.parametrize("name", [f.name for f in INFORMATION])
@each_dtype
def test_numbers_of_every_size(name, dtype, rng):
    """From the smallest subnormal number to where a term overflows, so that p / q does; and one class at a time."""
    info = np.finfo(dtype)
    low, high = np.log2(float(info.smallest_subnormal)), np.log2(float(info.max)) - 12
    p, q = (2.0 ** rng.uniform(low, high, (200, 1)) for _ in range(2))
    near = p * 2.0 ** rng.uniform(-4, 4, p.shape)
    for other in (q, near):
        assert_exact(np.maximum(p, 2.0**low).astype(dtype), np.maximum(other, 2.0**low).astype(dtype), dtype, name)


@pytest.mark.parametrize("name", [f.name for f in INFORMATION])
@each_dtype
def test_an_overflow_within_does_not_show(name, dtype):
    largest = np.finfo(dtype).max
    p, q = np.array([largest, largest / 3], dtype), np.array([largest / 2, largest], dtype)
    real = oracle.information(p, q)
    want, size = (float(getattr(real, field).high) for field in (name, f"{name}_terms"))
    got = getattr(fx, name)(*(p, q)[: NAMED[name].operands])
    if abs(want) > float(largest):
        assert got == np.sign(want) * np.inf
    else:
        assert_ulp(got, want, BOUND["value"], dtype, size)


@in_turn("base", [2, 10, 0.5, 1e-300, 1 + 2.0**-52, 1 - 2.0**-53, 1.7e308, np.float32(3), 10**300])
@each_of(INFORMATION)
@each_dtype
def test_another_base_costs_one_rounding(f, base, dtype, rng):
    p = problem(f, rng, (40, 10), -1, dtype)
    got, nats = p.run(base=base)["value"], p.run()["value"]
    with mp.workdps(oracle.DIGITS), np.errstate(over="ignore"):
        want = np.array(
            [mpf(float(value)) / mp.log(mpf(int(base) if base == 10**300 else float(base))) for value in nats]
        )
        assert_ulp(got, want.astype(float).astype(dtype), 2, dtype)  # log(base) and the quotient are rounded


@each_dtype
def test_equal_shares_are_log2_bits_to_an_ulp(dtype):
    for classes in 2 ** np.arange(1, 12):
        p = np.full(classes, 1 / classes, dtype)
        assert_ulp(fx.entropy(p, base=2), np.log2(classes), 1, dtype)
