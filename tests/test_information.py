"""What entropy, cross_entropy and kl_divergence promise beyond the laws that hold for every function of the table."""

import numpy as np

import fastxent as fx
from tests.information import INFORMATION, PAIRS
from tests.layouts import LAYOUTS
from tests.problem import problem, unmodified
from tests.rows import KERNELS, each_kernel, last_class, middle_row
from tests.table import each_dtype, each_of
from tests.terms import terms
from tests.turns import in_turn
from tests.ulp import BOTH, BOUND, assert_ulp

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
@in_turn("classes", [1, 7, 8, 9, 70, 127, 128, 159, 160, 161, 300])
@each_dtype
def test_samples_side_by_side_are_worth_what_they_are_in_rows(f, inner, classes, dtype, rng):
    arrays = [rng.uniform(0.01, 1, (3, classes, inner)).astype(dtype) for _ in range(f.operands)]
    arrays[-1][:, 0, ::3] *= np.finfo(dtype).tiny  # some lanes need the logarithm of subnormal numbers
    in_rows = [np.moveaxis(array, 1, -1).copy() for array in arrays]
    size = terms(problem(f, rng, (2, 2)).change(x=in_rows[0], target=in_rows[-1] if f.operands == 2 else None))["value"]
    assert_ulp(f.call(*arrays, axis=1), f.call(*in_rows), BOTH * BOUND["value"], dtype, size)


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


def test_divergence_takes_integers():
    assert fx.kl_divergence([1, 0], [1, 1]) == 0
    assert fx.kl_divergence([1, 0], [2, 5]) == -np.log(2)


@each_of(INFORMATION)
@each_dtype
def test_minus_0_is_0(f, dtype):
    zero = np.array([[-0.0, 1.0]] * 40, dtype)
    assert not f.call(*[zero] * f.operands).any()


@each_of(INFORMATION)
def test_the_reference_knows_the_same_bases(f, rng):
    problem(f, rng, (5, 4)).change(base=7).assert_right()
