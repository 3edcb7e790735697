"""The compiled functions against mpmath: the bounds of docs/design.md, "Exactness", for the inputs of exact_cases."""

import mpmath
import numpy as np
import pytest

import fastxent as fx
from tests import elementwise, oracle
from tests.accuracy import LAYOUTS, functions, layouts, measure
from tests.exact_cases import CASES
from tests.table import each_dtype
from tests.turns import in_turn
from tests.ulp import bounds

each_name = pytest.mark.parametrize("name", elementwise.NAMES)
wide_long_double = pytest.mark.skipif(
    np.finfo(np.longdouble).nmant < 63, reason="long double is no wider than float64 on this machine"
)


# Of the reference: more classes would say more about NumPy's pairwise sum than about the formulas.
MOST = 1000


def assert_bounds(case, dtype, f, call, layout=LAYOUTS[0], factor=1):
    bound = bounds(case.gamma)
    bound |= {"sum": bound["loss"], f.name: bound["value"]}
    errors = measure(f, call, case, dtype, layout)
    assert {name: error for name, error in errors.items() if not error <= factor * bound[name]} == {}, (f, call, layout)


def is_rest(case):
    """Gammas whose formulas are no others than those of 0, 2 and 3.7; rows that longer ones of 128256 stand for."""
    return case.gamma in (0.5, 1.0, 10.0) or str(case).startswith("C = 32000,")


each_case = pytest.mark.parametrize(
    "case", [pytest.param(c, marks=pytest.mark.rest) if is_rest(c) else c for c in CASES], ids=str
)


@each_case
@each_dtype
def test_every_result_and_the_references_is_within_its_bound(case, dtype):
    """In one test, since the real results of a case take longer than all that is compared with them."""
    for f in functions(case):
        for layout in layouts(case):
            assert_bounds(case, dtype, f, f.call, layout)
        if dtype == np.float64 and case.inputs(dtype)[0].shape[-1] <= MOST:
            # T - t_k of unequal weights is a rounded difference
            factor = 2 if str(case) == "C = 1000, class_weight, label_smoothing" else 1
            assert_bounds(case, dtype, f, f.reference, factor=factor)


def gradient_in_extended_precision(x, t, z_loss):
    """And the size of the terms that it is a sum of."""
    x, t = x.astype(np.longdouble), t.astype(np.longdouble)
    m = x.max(axis=1, keepdims=True)
    e = np.exp(x - m)
    s = e.sum(axis=1, keepdims=True)
    T, p, log_s = t.sum(axis=1, keepdims=True), e / s, np.log(s)
    return (T + 2 * z_loss * (m + log_s)) * p - t, (T + 2 * z_loss * (np.abs(m) + log_s)) * p + t


@wide_long_double
@pytest.mark.parametrize("z_loss", [0, 1e-4, 0.5])
@pytest.mark.parametrize("target", ["shares", "one large share"])
def test_the_factor_of_all_classes_is_rounded_once(target, z_loss, rng):
    for classes in (3, 8, 16, 40, 128, 300):
        x = rng.normal(size=(6000, classes))
        t = rng.uniform(0, 1, x.shape) if target == "shares" else np.full(x.shape, 1e-9)
        if target != "shares":
            t[np.arange(len(t)), rng.integers(classes, size=len(t))] = 1.0
        _, grad = fx.softmax_cross_entropy_grad(x, t, reduction="none", z_loss=z_loss)
        want, size = gradient_in_extended_precision(x, t, z_loss)
        off = np.abs(grad - want) / np.spacing(size.astype(np.float64))
        assert off.max() <= bounds(None)["grad"], classes


# The label's gradient has the most roundings: in these of some million random rows most went the same way.
CONFIDENT = [
    (4, "-0x1.406a8eb61a6aap1 -0x1.8372ea5eb6d74p2 -0x1.a248aea3dd851p0 0x1.3c5575563c43cp2 0x1.0c865ed3a61ecp3 "
        "-0x1.57fcbebd4462ep-1"),
    (3, "-0x1.6b57dp1 0x1.66e48ap1 -0x1.a1a268p0 0x1.67e0eep3 -0x1.2775b8p2 -0x1.fb1412p2 0x1.f256dcp2 -0x1.315a26p-1 "
        "-0x1.57c3f6p1"),
    (0, "0x1.ded61ap2 -0x1.33f55cp1 0x1.2edf38p2 0x1.efd22p-2 0x1.4231a8p-2 -0x1.d20e42p1"),
]  # fmt: skip


@pytest.mark.parametrize(("label", "logits"), CONFIDENT)
@each_dtype
def test_the_gradient_of_a_confident_label(label, logits, dtype):
    x = np.array([[float.fromhex(logit) for logit in logits.split()]], dtype)
    _, grad = fx.softmax_cross_entropy_grad(x, [label], reduction="none")
    with mpmath.mp.workdps(50):
        e = [mpmath.exp(mpmath.mpf(float(logit))) for logit in x[0]]
        want = float(sum(e[k] for k in range(len(e)) if k != label) / sum(e))
    assert abs(-float(grad[0, label]) - want) <= bounds(None)["grad"] * np.spacing(dtype(want))


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


@wide_long_double
@each_name
def test_float64_elementwise_against_long_double(name):
    x = elementwise.arguments(name, np.float64, 400_000)
    assert_within(name, x, elementwise.real(name, x), np.float64)


@each_name
@each_dtype
def test_elementwise_against_mpmath(name, dtype):
    x = elementwise.arguments(name, dtype, 3000)
    assert_within(name, x, oracle.elementwise(name, x), dtype)


@each_dtype
def test_exp_on_both_sides_of_the_smallest_normal_result(dtype):
    start = -np.log(np.float64(np.finfo(dtype).smallest_normal))
    x = -elementwise.binades(start * (1 - 1e-5), start * (1 + 1e-5), 3000, dtype)
    assert_within("exp", x, oracle.elementwise("exp", x), dtype)


@in_turn(
    "name, x, want",
    [
        ("exp", [0.0, -0.0, -np.inf, np.nan], [1, 1, 0, np.nan]),
        ("log", [1.0, 0.0, np.inf, np.nan], [0, -np.inf, np.inf, np.nan]),
        ("log1p", [0.0, np.nan], [0, np.nan]),
    ],
)
@each_dtype
def test_elementwise_special_values(name, x, want, dtype):
    np.testing.assert_array_equal(elementwise.compiled(name, np.array(x, dtype)), want)
