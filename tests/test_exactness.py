"""The compiled functions against mpmath: the bounds of docs/design.md, "Exactness", for the inputs of exact_cases."""

import numpy as np
import pytest

from tests import elementwise, oracle
from tests.accuracy import functions, layouts, measure
from tests.exact_cases import CASES
from tests.table import DTYPES
from tests.ulp import bounds

# Case by case, so that a case's real results are computed once.
MEASURED = [
    pytest.param(f, case, dtype, layout, id=f"{f}-{case}-{dtype.__name__}-{layout}")
    for dtype in DTYPES
    for case in CASES
    for f in functions(case)
    for layout in layouts(case)
]
each_name = pytest.mark.parametrize("name", elementwise.NAMES)


@pytest.mark.parametrize("f, case, dtype, layout", MEASURED)
def test_every_result_is_within_its_bound(f, case, dtype, layout):
    bound = bounds(case.gamma)
    bound |= {"sum": bound["loss"], f.name: bound["value"]}
    errors = measure(f, f.call, case, dtype, layout)
    assert {name: error for name, error in errors.items() if not error <= bound[name]} == {}


def assert_within(name, x, want, dtype):
    got = elementwise.compiled(name, x)
    errors = elementwise.errors(name, got, want, dtype)
    worst = int(errors.argmax())
    limit = elementwise.LIMIT[dtype][name]
    assert errors[worst] <= limit, f"{name}({x[worst]!r}) = {got[worst]!r}, expected {want.high[worst]!r}"


@each_name
def test_float32_elementwise_against_float64(name):
    x = elementwise.arguments(name, np.float32, 4_000_000)
    assert_within(name, x, elementwise.real(name, x), np.float32)


@pytest.mark.skipif(np.finfo(np.longdouble).nmant < 63, reason="long double is no wider than float64 on this machine")
@each_name
def test_float64_elementwise_against_long_double(name):
    x = elementwise.arguments(name, np.float64, 400_000)
    assert_within(name, x, elementwise.real(name, x), np.float64)


@each_name
def test_elementwise_against_mpmath(name, dtype):
    x = elementwise.arguments(name, dtype, 3000)
    assert_within(name, x, oracle.elementwise(name, x), dtype)


def test_exp_on_both_sides_of_the_smallest_normal_result(dtype):
    start = -np.log(np.float64(np.finfo(dtype).smallest_normal))
    x = -elementwise.binades(start * (1 - 1e-5), start * (1 + 1e-5), 3000, dtype)
    assert_within("exp", x, oracle.elementwise("exp", x), dtype)


@pytest.mark.parametrize(
    "name, x, want",
    [
        ("exp", [0.0, -0.0, -np.inf, np.nan], [1, 1, 0, np.nan]),
        ("log", [1.0, 0.0, np.inf, np.nan], [0, -np.inf, np.inf, np.nan]),
        ("log1p", [0.0, np.nan], [0, np.nan]),
    ],
)
def test_elementwise_special_values(name, x, want, dtype):
    np.testing.assert_array_equal(elementwise.compiled(name, np.array(x, dtype)), want)
