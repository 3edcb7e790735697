"""The numbers that calls are cut up by: any that is taken gives right results, and needs no memory but its own."""

import itertools
import os
import re
import sys
from pathlib import Path

import numpy as np
import pytest

import fastxent
from fastxent import _isa
from fastxent._kernels import ways
from tests.bits import assert_same_bits
from tests.fences import Fenced, needs_fences
from tests.interpreter import interpreted
from tests.layouts import byte_swapped
from tests.peak import peak
from tests.pool import has_exact_total
from tests.problem import problem
from tests.table import DTYPES, FUNCTIONS, WITH_GRAD, each_dtype, each_of
from tests.thresholds import most_side_by_side
from tests.ulp import BOTH

NUMBERS = ways.numbers()
RANGES = {name: ways.RANGES.get(name, (1, ways.LARGEST)) for name in NUMBERS}
HOSTILE = (-(2**63), -1, 0, 1, 2, 3, 7, 31, 33, 128, 4096, 10**6, 2**40, 2**62, 1.5, "a", None)
# Which way a row takes; its bits are the same for any value of the others.
CHOOSE = ("panel_bytes", "double_panel_bytes", "hess_panel_bytes", "row_classes")
MEBIBYTE = 2**20

# Several strips, in panels and in rows, read where they lie and gathered: (shape, class axis, arrangement)
CALLS = {
    "panels": ((300, 7), -1, np.asarray),
    "panels, Fortran order": ((150, 7), -1, np.asfortranarray),
    "few of many classes": ((5, 200), -1, np.asarray),
    "short runs": ((9, 40, 3), 1, np.asarray),
    "runs": ((2, 9, 300), 1, np.asarray),
    "rows": ((20, 300), -1, np.asarray),
    "rows, Fortran order": ((40, 300), -1, np.asfortranarray),
    "swapped bytes": ((40, 33), -1, byte_swapped),
    "rows, swapped bytes": ((20, 300), -1, byte_swapped),
}


@pytest.fixture(autouse=True)
def numbers_as_before():
    yield
    ways.tune(**NUMBERS)
    assert ways.numbers() == NUMBERS


@pytest.fixture(scope="module")
def calls():
    """(what, problem, results with the numbers as they are) of every function."""
    return list(untuned_calls())


def untuned_calls():
    rng = np.random.default_rng(0)
    for f, dtype, (what, (shape, axis, arrange)) in itertools.product(FUNCTIONS, DTYPES, CALLS.items()):
        for options, reduction in dict.fromkeys(((f.option_sets[0], "none"), (f.option_sets[-1], "mean"))):
            p = problem(f, rng, shape, axis, dtype, options, reduction)
            p = p.change(x=Fenced(arrange(p.x)).array)
            yield f"{f}, {dtype.__name__}, {what}, {options}", p, p.run()


def assert_right(calls, changed):
    """Every call gives what it gave, and writes nothing beside its outputs."""
    for what, p, want in calls:
        results = p.function.array_results
        outs = {argument: Fenced(np.full_like(want[result], 7)) for argument, result in results.items()}
        got = p.run(n_threads=2, **{argument: out.array for argument, out in outs.items()})
        assert all(out.intact for out in outs.values()), what
        if {*CHOOSE} & {*changed} or not has_exact_total(p):
            p.assert_close(got, want, BOTH)
        else:
            for name in want:
                assert_same_bits(got[name], want[name], f"{what}, {name}")


def fits(name, value):
    return type(value) is int and RANGES[name][0] <= value <= RANGES[name][1]


TAKEN = [(n, v) for n in NUMBERS for v in HOSTILE if fits(n, v)]
PARTS = 5  # of the calls, one for each value, another for the next; no divisor of how many a function has


@needs_fences
@pytest.mark.parametrize("name, value", TAKEN, ids=str)
def test_results_are_right_with_any_number(name, value, calls):
    assert ways.tune(**{name: value}) == {name: NUMBERS[name]}
    assert ways.numbers() == NUMBERS | {name: value}
    assert_right(calls[TAKEN.index((name, value)) % PARTS :: PARTS], {name})


@pytest.mark.parametrize("name, value", [(n, v) for n in NUMBERS for v in HOSTILE if not fits(n, v)], ids=str)
def test_a_number_that_cannot_serve_changes_nothing(name, value):
    other = next(number for number in NUMBERS if number != name)
    with pytest.raises(ValueError, match=re.escape(f"{name} = {value!r}, but it must be an integer from")):
        ways.tune(**{other: RANGES[other][0], name: value})
    assert ways.numbers() == NUMBERS


@pytest.mark.parametrize("name", [*ways.LIMITS, "panel_byte", ""])
def test_a_limit_cannot_be_set_nor_what_is_unknown(name):
    limits = dict(ways.LIMITS)
    with pytest.raises(ValueError, match=f"^'{name}' is no tuning number; those are panel_bytes, "):
        ways.tune(thread_blocks=1, **{name: 64})
    assert ways.numbers() == NUMBERS
    assert limits == ways.LIMITS


# The most classes of samples side by side, as docs/design.md says: float32, float64; then the same with a Hessian.
DOCUMENTED = {"base": (152, 136, 112, 56), "v3": (152, 136, 112, 56), "v4": (248, 176, 168, 84)}


def test_as_many_classes_go_side_by_side_as_the_design_page_says():
    assert ways.of_build(_isa.build) == NUMBERS
    for build in _isa.LEVELS:
        numbers = ways.of_build(build)
        most = [most_side_by_side(dtype, with_hess, numbers) for with_hess in (False, True) for dtype in DTYPES]
        assert tuple(most) == DOCUMENTED[build], build


@each_of([f for f in WITH_GRAD if f.kind == "softmax" and not f.focal])
@each_dtype
def test_one_class_more_than_go_side_by_side_is_computed_by_rows(f, dtype, rng):
    """And no other number of classes begins there: the bits are those of one way before it, of the other behind."""
    most = most_side_by_side(dtype, "hess" in f.gives)
    for C, panel_bytes in ((most, ways.RANGES["panel_bytes"][1]), (most + 1, 0)):
        p = problem(f, rng, (500, C), -1, dtype, reduction="none")
        found = p.run()
        by = {}
        for number in ways.RANGES["panel_bytes"]:
            ways.tune(panel_bytes=number, double_panel_bytes=number, hess_panel_bytes=number)
            by[number] = p.run()
        ways.tune(**NUMBERS)
        for name, value in by[panel_bytes].items():
            assert_same_bits(found[name], value, f"{C} classes: {name}")
        assert any((by[0][name] != by[ways.RANGES["panel_bytes"][1]][name]).any() for name in f.gives)


# All at once: the least, the largest, and some mixtures of both and of the others between.
MIXTURES = [
    {name: low for name, (low, _) in RANGES.items()},
    {name: high for name, (_, high) in RANGES.items()},
    *(
        {name: int(rng.choice([*RANGES[name], *(value for value in HOSTILE if fits(name, value))])) for name in NUMBERS}
        for rng in map(np.random.default_rng, range(5))
    ),
]


@needs_fences
@pytest.mark.parametrize("numbers", MIXTURES, ids=str)
def test_results_are_right_with_any_numbers_together(numbers, calls):
    ways.tune(**numbers)
    assert_right(calls, numbers)


WALK = """
from tests.test_ways import MIXTURES, PARTS, assert_right, untuned_calls, ways
calls = list(untuned_calls())
for turn, numbers in enumerate(MIXTURES):
    ways.tune(**numbers)
    assert_right(calls if turn < 2 else calls[turn % PARTS :: PARTS], numbers)  # the least and the largest with all
"""


@needs_fences
def test_scratch_is_never_left():
    """Debugging memory of Python is marked at both ends, and ends the process where a mark is not found again."""
    done = interpreted(WALK, PYTHONMALLOC="debug", PYTHONPATH=os.pathsep.join(sys.path))
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("shape", [(3, 200), (2, 8000), (2, 100_000)], ids=str)
@pytest.mark.parametrize("numbers", MIXTURES[:2], ids=["least", "largest"])
@each_of(FUNCTIONS)
def test_no_numbers_make_a_small_call_take_much_memory(f, shape, numbers, rng):
    p = problem(f, rng, shape)
    ways.tune(**numbers)
    for arrange in (np.asarray, np.asfortranarray, byte_swapped):
        assert peak(p.change(x=arrange(p.x)).run) < 16 * MEBIBYTE


KERNELS = Path(fastxent.__file__).parent / "_kernels"
# Numbers as large that mean something else.
OTHERS = {
    ("calls/arrays.pxi", 256): "NumPy's numbers of types",
    ("calls/layout.pxi", 64): "the most axes of an array",
    ("arrays/memory.pxd", 64): "bytes of a cache line",
    ("calls/exact_sums.pxi", 32): "bits of a part of a long integer",
    ("loops/simplex.pxi", 32): "numbers that are added up plainly",
    ("arrays/gather.pxd", 32): "bits of half a double",
    ("products/rows.pxi", 32): "bytes of a vector",
    ("loops/statistics.pxi", 32): "bits of half an integer",
}


def test_no_number_stands_anywhere_else():
    large = {number for number in (*NUMBERS.values(), *ways.LIMITS.values()) if number >= 32}
    found = set()
    for path in KERNELS.rglob("*.p[yx][xdi]"):
        code = re.sub(r'""".*?"""|"[^"\n]*"|#[^\n]*', "", path.read_text(), flags=re.DOTALL)
        numbers = map(int, re.findall(r"(?<![\w.])\d+(?![\w.])", code))
        found |= {(path.relative_to(KERNELS).as_posix(), number) for number in numbers}
    assert {(name, number) for name, number in found if number in large and name[:5] != "ways."} == {*OTHERS}
