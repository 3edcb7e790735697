"""The compiled functions against mpmath: the bounds of docs/design.md ("Exactness") over the inputs of exact_cases.py."""

import numpy as np
import pytest

from fastxent import _isa
from tests import oracle
from tests.accuracy import functions, layouts, measure
from tests.exact_cases import CASES, DTYPES
from tests.ulp import BOUND

# Case by case, so that a case's real results are computed once.
MEASURED = [
    pytest.param(f, case, dtype, layout, id=f"{f}-{case}-{dtype.__name__}-{layout}")
    for dtype in DTYPES
    for case in CASES
    for f in functions(case)
    for layout in layouts(case)
]


@pytest.mark.parametrize("f, case, dtype, layout", MEASURED)
def test_result_is_within_its_bound(f, case, dtype, layout):
    errors = measure(f, f.call, case, dtype, layout)
    bounds = {"sum": BOUND["loss"], f.name: BOUND["value"]} | BOUND
    assert {name: error for name, error in errors.items() if not error <= bounds[name]} == {}


def elementwise(name, x):
    out = np.empty_like(x)
    _isa.kernels.elementwise(name, x, out)
    return out


def binades(low, high, count, dtype=np.float64):
    """About `count` numbers from `low` to `high`, as many in every binade: every so many representable numbers."""
    integer = np.dtype(f"i{np.dtype(dtype).itemsize}")
    first, last = (int(np.array(bound, dtype).view(integer)) for bound in (low, high))
    step = max((last - first) // count, 1) | 1
    return np.append(np.arange(first, last, step, dtype=integer), integer.type(last)).view(dtype)


def arguments(name, dtype, count):
    """What the kernels may pass to exp (x <= 0), log (x >= 0) and log1p (x >= 0), thick where results are normal."""
    info = np.finfo(dtype)
    if name == "exp":
        zero_results = float(np.log(info.smallest_subnormal)) * 1.01
        thick = binades(2.0**-30, -zero_results, count, dtype)
        return -np.concatenate([thick, binades(0.0, info.max, count // 4, dtype)])
    if name == "log":
        return np.concatenate([binades(0.5, 2.0, count, dtype), binades(info.smallest_subnormal, info.max, count, dtype)])
    return np.concatenate([binades(2.0**-60, 2.0**20, count, dtype), binades(0.0, LARGEST_LOG1P, count // 4, dtype)])


LARGEST_LOG1P = 2.0**126 * (1 - 2.0**-24)  # the kernels pass at most the number of classes
LIMIT = {
    ("exp", np.float32): 1,
    ("exp", np.float64): 1,
    ("log", np.float32): 1,
    ("log", np.float64): 1.5,
    ("log1p", np.float32): 1,
    ("log1p", np.float64): 1.5,
}
each_function = pytest.mark.parametrize("name", ["exp", "log", "log1p"])


def assert_within(name, x, dtype, want):
    """At most LIMIT ulp where the real value is a normal number, and exactly 0 where it is smaller."""
    got = elementwise(name, x)
    below = np.abs(want.high) < np.finfo(dtype).smallest_normal
    if name == "exp":
        assert not got[below].any()
    off = oracle.ulps_off(got, want, dtype)
    worst = int(off.argmax())
    assert off[worst] <= LIMIT[name, dtype], f"{name}({x[worst]!r}) = {got[worst]!r}, {want.high[worst]!r} expected"


@each_function
def test_float32_elementwise_against_float64(name):
    x = arguments(name, np.float32, 2_000_000)
    with np.errstate(under="ignore"):
        want = getattr(np, name)(x.astype(np.float64))
    assert_within(name, x, np.float32, oracle.Exact(want, np.zeros_like(want)))


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="long double has no more digits than float64 here")
@each_function
def test_float64_elementwise_against_long_double(name):
    x = arguments(name, np.float64, 200_000)
    with np.errstate(under="ignore"):
        want = getattr(np, name)(x.astype(np.longdouble))
        high = want.astype(np.float64)
        low = np.where(np.isfinite(high), want - high, 0).astype(np.float64)
    assert_within(name, x, np.float64, oracle.Exact(high, low))


@each_function
@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
def test_elementwise_against_mpmath(name, dtype):
    x = arguments(name, dtype, 2000)
    assert_within(name, x, dtype, oracle.elementwise(name, x))


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
def test_exp_where_results_cease_to_be_normal(dtype):
    """The last million arguments around log of the smallest normal number: a number within 1 ulp, then exactly 0."""
    start = np.array(-np.log(np.finfo(dtype).smallest_normal), dtype)
    x = -binades(start * dtype(1 - 1e-5), start * dtype(1 + 1e-5), 2000, dtype)
    assert_within("exp", x, dtype, oracle.elementwise("exp", x))


@pytest.mark.parametrize("dtype", DTYPES, ids=["float32", "float64"])
@pytest.mark.parametrize(
    "name, x, want",
    [
        ("exp", [0.0, -0.0, -np.inf, np.nan], [1, 1, 0, np.nan]),
        ("log", [1.0, 0.0, np.inf, np.nan], [0, -np.inf, np.inf, np.nan]),
        ("log1p", [0.0, np.nan], [0, np.nan]),
    ],
)
def test_elementwise_special_values(name, x, want, dtype):
    np.testing.assert_array_equal(elementwise(name, np.array(x, dtype)), np.array(want, dtype))
