"""What entropy, cross_entropy and kl_divergence promise beyond the laws that hold for every function of the table."""

import math
import re

import hypothesis.strategies as st
import numpy as np
import pytest
from hypothesis import given
from mpmath import mp, mpf

import fastxent as fx
from tests import oracle
from tests.layouts import LAYOUTS
from tests.problem import problem, unmodified
from tests.rows import KERNELS, LARGE, each_kernel, each_large_kernel, last_class, middle_row
from tests.strategies import problems
from tests.table import DTYPES, FUNCTIONS, NAMED, each_dtype, each_of
from tests.terms import terms
from tests.turns import in_turn
from tests.ulp import BOTH, BOUND, assert_ulp

INFORMATION = [f for f in FUNCTIONS if f.kind == "information"]
PAIRS = [f for f in INFORMATION if f.operands == 2]
DIVERGENCE = NAMED["kl_divergence"]


def real_information(p, q):
    return oracle.stack([oracle.information(*row) for row in zip(p, q, strict=True)])


def assert_exact(p, q, dtype, name="kl_divergence", bound=BOUND["value"], real=None):
    """Each row's result is within the bound, at the size of the terms, of the real one; in either kernel."""
    real = real_information(p, q) if real is None else real
    scale = getattr(real, f"{name}_terms").high
    for axis, arrays in ((1, (p, q)), (0, [np.tile(array, (16, 1)).T.copy() for array in (p, q)])):
        got = getattr(fx, name)(*arrays[: NAMED[name].operands], axis=axis)[: len(p)]
        assert got.dtype == dtype
        off = oracle.ulps_off(got, getattr(real, name), dtype, scale)
        assert off.max() <= bound, f"{off.max():.3g} ulp off: {got[off.argmax()]!r}"
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


# What a class contributes


@each_of(PAIRS)
@each_kernel
@each_dtype
def test_share_0_contributes_0_whatever_the_other(f, kernel, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype)
    last = last_class(p)
    smaller = p.change(x=np.delete(p.x, -1, p.axis), target=np.delete(p.target, -1, p.axis))
    p.x[last] = 0
    for value in (0, 1, np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max):
        p.target[last] = value
        smaller.assert_close(p.run(), smaller.run(), BOTH)


@each_of(PAIRS)
@each_kernel
@each_dtype
def test_share_above_0_against_0_is_infinite(f, kernel, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype)
    clean = p.run()["value"]
    row = middle_row(p)
    at = (*row[: p.axis], 3, *row[p.axis :])
    p.target[at] = 0
    for value in (0.25, np.finfo(dtype).smallest_subnormal, np.finfo(dtype).max):
        p.x[at] = value
        got = p.run()["value"]
        assert got[row] == np.inf
        assert p.run(base=0.5)["value"][row] == -np.inf
        assert p.run(base=2)["value"][row] == np.inf
        clean[row] = np.inf
        np.testing.assert_array_equal(got, clean)


@each_of(INFORMATION)
@in_turn("shape, axis", [((3, 0), -1), ((0, 4), 0), ((0,), 0), ((2, 0, 3), 1)])
@each_dtype
def test_no_classes_give_0(f, shape, axis, dtype):
    got = f.call(*[np.empty(shape, dtype)] * f.operands, axis=axis)
    assert np.shape(got) == tuple(np.delete(shape, axis))
    assert got.dtype == dtype
    assert not np.any(got)


@each_of(INFORMATION)
@each_dtype
def test_one_row_gives_a_numpy_scalar(f, dtype):
    assert type(f.call(*[np.full(3, 0.25, dtype)] * f.operands)) is dtype


@each_dtype
def test_a_certain_outcome_has_entropy_plus_0(dtype):
    for base in (None, 2, 0.5):
        assert not np.signbit(fx.entropy(np.array([[1, 0], [0, 1]], dtype), base=base)).any()


# p and q together


@each_of(PAIRS)
@in_turn(
    "p_shape, q_shape, axis",
    [
        ((50, 6), (6,), -1),
        ((6,), (50, 6), -1),
        ((50, 6), (50, 1), 1),
        ((50, 1), (50, 6), -1),
        ((50, 200), (1, 200), -1),
        ((200,), (50, 200), 1),
        ((5, 1, 6), (1, 7, 6), -1),
        ((3, 5, 40), (5, 1), 1),
        ((3, 5, 40), (3, 1, 40), 1),
        ((4, 6, 2, 3), (6, 1, 1), -3),
        ((2, 1), (1, 70), 0),
    ],
)
@each_dtype
def test_p_and_q_broadcast(f, p_shape, q_shape, axis, dtype, rng):
    p, q = (rng.uniform(0.01, 1, shape).astype(dtype) for shape in (p_shape, q_shape))
    whole = [array.copy() for array in np.broadcast_arrays(p, q)]
    want = f.call(*whole, axis=axis)
    got = f.call(p, q, axis=axis)
    assert got.shape == want.shape
    size = terms(problem(f, rng, (2, 2)).change(x=whole[0], target=whole[1], axis=axis))["value"]
    assert_ulp(got, want, BOTH * BOUND["value"], dtype, size)


@each_of(INFORMATION)
@in_turn("inner", [1, 2, 15, 16, 31, 32, 33, 130])
@in_turn("classes", [1, 7, 8, 9, 70, 127, 128, 300])
@each_dtype
def test_samples_side_by_side_are_worth_what_they_are_in_rows(f, inner, classes, dtype, rng):
    arrays = [rng.uniform(0.01, 1, (3, classes, inner)).astype(dtype) for _ in range(f.operands)]
    arrays[-1][:, 0, ::3] *= np.finfo(dtype).tiny  # some lanes need the logarithm of subnormal numbers
    in_rows = [np.moveaxis(array, 1, -1).copy() for array in arrays]
    size = terms(problem(f, rng, (2, 2)).change(x=in_rows[0], target=in_rows[-1] if f.operands == 2 else None))["value"]
    assert_ulp(f.call(*arrays, axis=1), f.call(*in_rows), BOTH * BOUND["value"], dtype, size)


@each_of(PAIRS)
def test_shapes_that_do_not_broadcast_are_named(f):
    with pytest.raises(ValueError, match=r"p has shape \(4, 3\) and q has shape \(4, 2\)"):
        f.call(np.ones((4, 3)), np.ones((4, 2)))


@each_of(PAIRS)
@each_kernel
@in_turn("layout", LAYOUTS)
@each_dtype
def test_layout_of_q(f, kernel, layout, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype)
    changed = p.change(target=LAYOUTS[layout](p.target))
    with unmodified(changed.args):
        p.assert_close(changed.run(), p.run(), BOTH)


FLOATS = ["float16", "float32", "float64", ">f4", ">f8"]


@each_of(PAIRS)
@each_kernel
@in_turn("of_p", [*FLOATS, "bool", "int8", "uint64", ">i4"])
@in_turn("of_q", FLOATS)
def test_two_dtypes(f, kernel, of_p, of_q, rng):
    """float32 only where both are float16 or float32. Small binary fractions are the same numbers in each."""
    shape, axis = KERNELS[kernel]
    p, q = rng.integers(0, 2, shape).astype(of_p), (rng.integers(1, 16, shape) / 16).astype(of_q)
    got = f.call(p, q, axis=axis)
    computed = np.float32 if {of_p[-2:], of_q[-2:]} <= {"16", "32", "f4"} else np.float64
    assert got.dtype == computed
    want = f.call(p.astype(computed), q.astype(computed), axis=axis)
    size = terms(problem(f, rng, (2, 2)).change(x=p, target=q, axis=axis))["value"]
    assert_ulp(got, want, BOTH * BOUND["value"], computed, size)


@in_turn("of_q", ["int64", "int8", "uint8", "bool", ">i4"])
def test_cross_entropy_with_class_indices_names_the_loss_that_takes_them(of_q):
    with pytest.raises(TypeError, match=r"did you mean softmax_cross_entropy\(logits, target\)\?"):
        fx.cross_entropy(np.ones((4, 3)), np.ones(4, of_q))


@each_of(PAIRS)
def test_q_cannot_be_left_out(f):
    with pytest.raises(TypeError, match="q has dtype object"):
        f.call([0.5, 0.5], None)


def test_divergence_takes_integers():
    assert fx.kl_divergence([1, 0], [1, 1]) == 0
    assert fx.kl_divergence([1, 0], [2, 5]) == -np.log(2)


# Errors


BAD = in_turn("value", [-0.5, -1e-30, np.nan, np.inf, -np.inf])


@pytest.mark.parametrize("f, which", [(f, which) for f in INFORMATION for which in "pq"[: f.operands]], ids=str)
@each_large_kernel
@in_turn("other", [None, 0.0, 0.5])
@BAD
@each_dtype
def test_what_is_no_probability_is_named_with_its_place(f, kernel, which, other, value, dtype, rng):
    p = problem(f, rng, *LARGE[kernel], dtype)
    arrays = dict(zip("pq", p.args, strict=False))
    at = tuple(n - 1 for n in p.x.shape)
    arrays[which][at] = value
    if other is not None and len(arrays) == 2:
        arrays["pq".replace(which, "")][at] = other
    pattern = rf"{which}\[{', '.join(map(str, at))}\] = {re.escape(f'{arrays[which][at]}')}, but"
    p.assert_rejected(ValueError, pattern)


@each_of(PAIRS)
def test_the_place_is_that_in_the_array_given(f, rng):
    q = np.array([0.5, -0.25, 0.5])
    with pytest.raises(ValueError, match=r"q\[1\] = -0\.25"):
        f.call(rng.random((40, 3)), q)
    with pytest.raises(ValueError, match=r"q\[2, 0\] = nan"):
        f.call(rng.random((4, 3)), np.array([[1.0], [1.0], [np.nan], [1.0]]))


@each_of(INFORMATION)
def test_negative_integers_are_no_probabilities(f):
    with pytest.raises(ValueError, match=r"p\[1, 0\] = -1, but"):
        f.call(np.array([[1, 0], [-1, 2]]), *[np.ones((2, 2))] * (f.operands - 1))


@each_of(INFORMATION)
@each_dtype
def test_minus_0_is_0(f, dtype):
    zero = np.array([[-0.0, 1.0]] * 40, dtype)
    assert not f.call(*[zero] * f.operands).any()


@each_of(INFORMATION)
@in_turn("base", [0, -2, 1, 1.0, np.inf, np.nan, 10**400])
def test_base_out_of_range(f, base):
    with pytest.raises(ValueError, match="base"):
        f.call(*[[0.5, 0.5]] * f.operands, base=base)


@each_of(INFORMATION)
@in_turn("base", ["2", [2, 3], 2j])
def test_base_that_is_no_number(f, base):
    with pytest.raises(TypeError, match="base"):
        f.call(*[[0.5, 0.5]] * f.operands, base=base)


@each_of(PAIRS)
def test_q_without_dimension_or_of_a_refused_dtype(f):
    with pytest.raises(ValueError, match="q is a scalar"):
        f.call([0.5, 0.5], 0.5)
    for refused in (np.longdouble, complex, object):
        with pytest.raises(TypeError, match="q has dtype"):
            f.call([0.5, 0.5], np.array([0.5, 0.5], refused))


@each_of(INFORMATION)
def test_the_reference_knows_the_same_bases(f, rng):
    problem(f, rng, (5, 4)).change(base=7).assert_right()
