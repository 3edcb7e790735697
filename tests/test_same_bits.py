"""A row's loss and derivatives depend on its numbers alone.

Not on what else is in its batch, on the layout, on how many threads there are, or on options that change nothing. Each
law is asserted to the bit, on both sides of every threshold. Which sums a row is made of may depend on the number of
classes, the dtype, and whether a Hessian is wanted.
"""

import itertools

import numpy as np
import pytest

import fastxent as fx
from fastxent._kernels import ways
from tests.bits import assert_same_bits
from tests.layouts import LAYOUTS, byte_swapped, packed_field, strided
from tests.pool import has_exact_total, pool
from tests.table import FUNCTIONS, LOSSES, NAMED, WITH_GRAD, each_dtype, each_of, each_reduction
from tests.thresholds import LANES, WIDTH, classes, most_side_by_side, samples, several_blocks
from tests.turns import in_turn

pytestmark = pytest.mark.filterwarnings("ignore::RuntimeWarning")  # of rows that NumPy casts to inf or 0

FULL = (
    "index with all options", "infogain with all options", "distribution with all options", "all options", "base",
)  # fmt: skip
CASES = [(f, options) for f in FUNCTIONS for options in (f.option_sets[0], *FULL) if options in f.option_sets]
each_case = pytest.mark.parametrize("f, options", CASES, ids=str)
each_function = each_of(FUNCTIONS)
FEW_CLASSES = (1, 2, 5, LANES - 1, LANES, 100, 200, 300)
FEW_SAMPLES = (1, 7, LANES + 1, WIDTH + 2)


def assert_same(got, want, what):
    for name in want:
        assert_same_bits(got[name], want[name], f"{what}: {name}")


def taken(results, which):
    return {name: value[which] for name, value in results.items()}


@each_case
@each_dtype
def test_a_row_has_the_results_that_it_has_alone(f, options, dtype, rng):
    for C in classes(dtype):
        rows = pool(f, rng, C, dtype, options)
        alone = rows.alone()
        for n in samples(C):
            which = rng.integers(rows.size, size=n)
            assert_same(rows.batch(which).run(), taken(alone, which), f"{n} rows of {C} classes")


@each_dtype
def test_a_label_whose_class_has_no_weight_has_the_same_zero_alone(dtype, rng):
    for C in classes(dtype):
        x, y, weight = rng.standard_normal((LANES, C)).astype(dtype), rng.integers(C, size=LANES), np.arange(C) % 2
        together = fx.softmax_cross_entropy_grad(x, y, class_weight=weight, reduction="none")[1]
        for i in range(3):
            alone = fx.softmax_cross_entropy_grad(x[i : i + 1], y[i : i + 1], class_weight=weight, reduction="none")[1]
            assert_same_bits(alone[0], together[i], f"row {i} of {C} classes")


@each_function
@each_dtype
def test_rows_of_several_blocks_too(f, dtype, rng):
    for C in (10, 200, 300):
        rows = pool(f, rng, C, dtype)
        which = rng.integers(rows.size, size=several_blocks(C))
        assert_same(rows.batch(which).run(), taken(rows.alone(), which), f"{len(which)} rows of {C} classes")


@each_of(WITH_GRAD)
@each_dtype
def test_the_derivatives_of_a_sum_are_those_of_its_rows(f, dtype, rng):
    for C in classes(dtype):
        rows = pool(f, rng, C, dtype, f.option_sets[-1])
        which = rng.integers(rows.size, size=LANES + 1)
        got = rows.batch(which).run(reduction="sum")
        want = taken(rows.alone(), which)
        assert_same(got, {name: want[name] for name in f.gives[1:]}, f"{C} classes")


# Read-only arrays and the like lie as any other.
ARRANGE = {name: arrange for name, arrange in LAYOUTS.items() if not name.startswith(("read_only", "of_ctypes"))}


@each_case
@each_dtype
def test_a_layout_changes_no_bit(f, options, dtype, rng):
    """Of any number of classes every second layout, and of the next number the others."""
    for turn, C in enumerate(classes(dtype), rng.integers(2)):
        rows = pool(f, rng, C, dtype, options)
        p = rows.batch(rng.integers(rows.size, size=LANES + 1))
        want = p.run()
        for name in list(ARRANGE)[turn % 2 :: 2]:
            got = p.change(x=ARRANGE[name](p.x)).run()
            assert_same(got, want, f"{C} classes, {name}")
        if p.target is not None and p.target.ndim == 2:
            got = p.change(x=np.asfortranarray(p.x), target=np.asfortranarray(p.target)).run()
            assert_same(got, want, f"{C} classes, both in Fortran order")


@pytest.fixture(params=[0, 1], ids=["tiles", "row by row"])
def way_of_rows(request):
    before = ways.tune(grad_by_row=request.param)
    yield
    ways.tune(**before)


@each_of([f for f in FUNCTIONS if f.kind == "softmax"])
@pytest.mark.parametrize("arrange, arrange_out", [(byte_swapped, np.copy), (packed_field,) * 2, (strided,) * 2])
@each_dtype
def test_rows_are_gathered_one_by_one_or_in_tiles_with_the_same_bits(f, arrange, arrange_out, dtype, rng, way_of_rows):
    """In and out, and over the logits, for rows that the level-1 cache holds and longer ones."""
    most = ways.LIMITS["short"] // dtype().itemsize
    for C in (most_side_by_side(dtype) + 1, most - 1, most, most + 1):
        for options in (f.option_sets[0], f.option_sets[-1]):
            rows = pool(f, rng, C, dtype, options)
            p = rows.batch(rng.integers(rows.size, size=LANES + 3))
            want = p.run()
            outs = {argument: arrange_out(np.zeros_like(want[name])) for argument, name in f.array_results.items()}
            assert_same(p.change(x=arrange(p.x)).run(**outs), want, f"{C} classes, {options}")
            if "out" in outs:
                x = arrange_out(p.x)
                got = p.change(x=x).run(**outs | {"out": x})
                assert_same(got, want, f"{C} classes, {options}, over the logits")


PLACES = [((66,), 0), ((2, 33), 1), ((22, 3), 1), ((3, 22), 0)]


@pytest.mark.parametrize("f, options", [case for case in CASES if "axis" in case[0].options], ids=str)
@each_dtype
def test_a_class_axis_anywhere_changes_no_bit(f, options, dtype, rng):
    """One place for each number of classes: on both sides of a threshold they are others for the next options."""
    for turn, C in enumerate(classes(dtype), rng.integers(len(PLACES))):
        sizes, axis = PLACES[turn % len(PLACES)]
        rows = pool(f, rng, C, dtype, options)
        p = rows.batch(rng.integers(rows.size, size=66))
        q = p.change(x=moved(p.x, sizes, axis), axis=axis)
        if p.target is not None:
            q = q.change(target=moved(p.target, sizes, axis) if p.target.ndim == 2 else p.target.reshape(sizes))
        if "sample_weight" in p.options:
            q = q.change(sample_weight=p.options["sample_weight"].reshape(sizes))
        got, want = q.run(), p.run()
        for name in want:
            expected = moved(want[name], sizes, axis) if want[name].ndim == 2 else want[name].reshape(sizes)
            assert_same_bits(got[name], expected, f"{C} classes: {name}")


def moved(rows, sizes, axis):
    """Rows as an array of such sizes, with the class axis at `axis`."""
    return np.ascontiguousarray(np.moveaxis(rows.reshape(*sizes, -1), -1, axis))


@each_case
@each_dtype
def test_the_dtype_that_the_input_comes_in_changes_no_bit(f, options, dtype, rng):
    narrow = np.float16 if dtype == np.float32 else np.int8
    for C in FEW_CLASSES:
        rows = pool(f, rng, C, dtype, options)
        p = rows.batch(rng.integers(rows.size, size=LANES + 1))
        x = np.clip(np.nan_to_num(p.x), -100, 100).astype(narrow)
        want = p.change(x=x.astype(dtype)).run()
        if narrow == np.float16:  # whose derivatives are rounded to it
            want |= {name: value.astype(narrow) for name, value in want.items() if not f.gives_one_per_row(name)}
        assert_same(p.change(x=x).run(), want, f"{C} classes")


@pytest.mark.parametrize("f, options", [case for case in CASES if case[1].startswith("distribution")], ids=str)
@each_dtype
def test_the_dtype_that_a_distribution_comes_in_changes_no_bit(f, options, dtype, rng):
    for C in classes(dtype):
        rows = pool(f, rng, C, dtype, options)
        p = rows.batch(rng.integers(rows.size, size=LANES + 1))
        p = p.change(target=np.round(16 * p.target).astype(dtype) / 16)
        want = p.run()
        for other in (np.float16, np.float32, np.float64, np.longdouble):
            assert_same(p.change(target=p.target.astype(other)).run(), want, f"{C} classes, {other.__name__}")


@pytest.mark.parametrize("f, options", [case for case in CASES if case[1].startswith("infogain")], ids=str)
@each_dtype
def test_the_dtype_and_layout_of_a_matrix_change_no_bit(f, options, dtype, rng):
    """With many samples it is read from a table in the dtype that is computed in, with few where it lies."""
    for C, least in itertools.product(FEW_CLASSES, (1.0, 1e-40, 1e-300)):
        rows = pool(f, rng, C, dtype, options)
        matrix = rng.uniform(0, 2, (C, C))
        matrix[0] *= least if dtype == np.float32 else 1.0  # what is not 0 stays so
        spread = np.zeros((C, 3 * C))
        spread[:, ::3] = matrix
        for n in (1, 4 * C - 1, 4 * C, 4 * C + LANES + 3):
            which = rng.integers(rows.size, size=n)
            alone = taken(rows.batch(which[:1]).change(infogain=matrix).run(), 0)
            p = rows.batch(which)
            want = p.change(infogain=matrix).run()
            assert_same(taken(want, 0), alone, f"the first of {n} rows of {C} classes, least {least}")
            for other in (np.asfortranarray(matrix), spread[:, ::3], matrix.astype(np.longdouble)):
                assert_same(p.change(infogain=other).run(), want, f"{n} rows of {C} classes, least {least}")


def without_effect(p):
    """Values of options that say what is the case anyway."""
    f, (n, C) = p.function, p.x.shape
    one = np.ones(p.x.shape if f.kind == "sigmoid" else n, np.float32)
    values = {
        "axis": 1,
        "class_weight": np.ones(C),
        "sample_weight": one,
        "pos_weight": np.ones(C),
        "ignore_index": -7,
        "label_smoothing": 0.0,
        "z_loss": 0.0,
        "grad_output": one if p.options.get("reduction") == "none" else 1.0,
        "n_threads": 2,
        "out": np.empty_like(p.x),
        "hess_out": np.empty_like(p.x),
    }
    if f.kind == "softmax":
        values["alpha"] = np.ones(C)
    if f.kind in ("softmax", "clamped") and p.target.ndim == 2:
        del values["ignore_index"]  # which is of class indices
    return {name: value for name, value in values.items() if f.takes(name) and name not in p.options}


@each_function
@in_turn("C", FEW_CLASSES)
@each_dtype
def test_an_option_that_changes_nothing_changes_no_bit(f, C, dtype, rng):
    for options in ("", *(name for name in ("label_smoothing", "distribution") if name in f.option_sets)):
        rows = pool(f, rng, C, dtype, options)
        for n in FEW_SAMPLES:
            for reduction in ("none", "sum", "mean") if f.takes("reduction") else (None,):
                p = rows.batch(rng.integers(rows.size, size=n))
                p = p if reduction is None else p.change(reduction=reduction)
                want, values = p.run(), without_effect(p)
                for name, value in values.items():
                    assert_same(p.run(**{name: value}), want, f"{n} rows, {reduction}, {name}")
                assert_same(p.run(**values), want, f"{n} rows, {reduction}, all of them")


@each_of(WITH_GRAD)
@each_reduction
@each_dtype
def test_a_derivative_more_changes_no_bit_of_what_else_is_wanted(f, reduction, dtype, rng):
    lower = NAMED[f.name.removesuffix("_hess") if "hess" in f.gives else f.loss_only.name]
    for options in f.option_sets:
        for C in FEW_CLASSES:
            if "hess" in f.gives and takes_another_way_with_a_hessian(f, C, dtype):
                continue
            rows = pool(f, rng, C, dtype, options)
            p = rows.batch(rng.integers(rows.size, size=LANES + 1)).change(reduction=reduction)
            want = p.change(function=lower).without(*set(f.options) - set(lower.options)).run()
            assert_same(p.run(), want, f"{options}, {C} classes")


def takes_another_way_with_a_hessian(f, C, dtype):
    most = most_side_by_side(dtype)
    return f.kind == "softmax" and max(LANES - 1, most_side_by_side(dtype, with_hess=True)) < C <= most


@each_of(LOSSES)
@in_turn("reduction", ["sum", "mean"])
@each_dtype
def test_a_total_depends_on_neither_order_nor_threads(f, reduction, dtype, rng, few_to_a_block):
    for options in (f.option_sets[0], f.option_sets[-1]):
        for C in FEW_CLASSES:
            rows = pool(f, rng, C, dtype, options)
            p = rows.batch(rng.choice(rows.finite(), 300)).change(reduction=reduction)
            want = p.run(n_threads=1)
            assert_same(p.run(n_threads=2), want, f"{options}, {C} classes, two threads")
            if has_exact_total(p):
                assert_same(p.change(x=np.asfortranarray(p.x)).run(), want, f"{options}, {C} classes, Fortran order")


@pytest.fixture
def few_to_a_block():
    """Blocks of few samples, each of them worth a thread."""
    before = ways.tune(block_elements=2 * LANES, thread_blocks=1)
    yield
    ways.tune(**before)
