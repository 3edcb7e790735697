"""What comes back: types, dtypes, shapes, memory order; and that `out` is filled and returned."""

import numpy as np

from tests.problem import named, problem
from tests.rows import KERNELS
from tests.table import CLASS_LOSSES, DTYPES, FUNCTIONS, LOSSES, WITH_OUT, each_dtype, each_of
from tests.turns import in_turn
from tests.ulp import BOTH

GEOMETRIES = KERNELS | {"empty": ((0, 4), -1)}


@in_turn("geometry", GEOMETRIES)
@each_of(FUNCTIONS)
@each_dtype
def test_arrays_have_the_dtype_of_the_input_and_their_shape(f, geometry, dtype, rng):
    shape, axis = GEOMETRIES[geometry]
    got = problem(f, rng, shape, axis, dtype, reduction="none").run()
    rows = shape if f.kind == "sigmoid" else tuple(np.delete(shape, axis))
    for name, value in got.items():
        assert type(value) is np.ndarray
        assert value.dtype == dtype
        assert value.shape == (rows if f.gives_one_per_row(name) else shape)
        assert value.flags.writeable


@in_turn("reduction", ["sum", "mean"])
@each_of(LOSSES)
@each_dtype
def test_a_reduced_loss_is_a_python_float(f, reduction, dtype, rng):
    assert type(problem(f, rng, (4, 3), -1, dtype, reduction=reduction).run()["loss"]) is float


@each_of(CLASS_LOSSES)
@each_dtype
def test_one_unbatched_row_gives_a_numpy_scalar(f, dtype, rng):
    p = problem(f, rng, (5,), 0, dtype, reduction="none")
    row = p.change(target=int(p.target)).run()
    batch = p.change(x=p.x[None], target=p.target[None], axis=1).run()
    assert type(row["loss"]) is dtype
    p.assert_close(row, {name: value[0] for name, value in batch.items()})


@in_turn(
    "given, computed",
    [("int8", "float64"), ("int64", "float64"), ("uint64", "float64"), ("bool", "float64")],
)
@each_of(FUNCTIONS)
def test_other_dtypes_are_computed_in_a_float_dtype(f, given, computed, rng):
    p = problem(f, rng, (6, 5), reduction="none")
    positive = f.kind in ("clamped", "information") or given[0] in "bu"
    p = p.change(x=(4 * abs(p.x) if positive else 4 * p.x).astype(given))
    if f.kind == "information" and f.operands == 2:
        p = p.change(target=p.target.astype(computed))
    got = p.run()
    assert all(value.dtype == computed for value in got.values())
    p.assert_right()
    p.assert_close(got, p.change(x=p.x.astype(computed)).run())


@each_of(WITH_OUT)
@in_turn("axes", [(0, 1, 2), (2, 1, 0), (1, 0, 2), (2, 0, 1)])
@each_dtype
def test_results_have_the_memory_order_of_the_input(f, axes, dtype, rng):
    p = problem(f, rng, (4, 5, 6), 1, dtype)
    x = np.ascontiguousarray(p.x.transpose(axes)).transpose(np.argsort(axes))
    got = p.change(x=x).run()
    for result in f.array_results.values():
        assert got[result].strides == x.strides


@in_turn("out_dtype", DTYPES)
@in_turn("geometry", GEOMETRIES)
@each_of(WITH_OUT)
@each_dtype
def test_out_of_either_float_dtype_is_filled_and_returned(f, geometry, out_dtype, dtype, rng):
    shape, axis = GEOMETRIES[geometry]
    p = problem(f, rng, shape, axis, dtype, f.option_sets[-1])
    outs = {argument: np.full(shape, -7.0, out_dtype) for argument in f.array_results}
    got = p.run(**outs)
    for argument, result in f.array_results.items():
        assert got[result] is outs[argument]
    coarser = p if out_dtype == np.float64 else p.change(x=p.x.astype(np.float32))
    coarser.assert_close(got, p.expected(), BOTH)


@each_of(WITH_OUT)
def test_the_positions_of_the_results(f, rng):
    """The loss first, then the gradient, then the Hessian; a single result is no tuple."""
    p = problem(f, rng, (4, 3), spread=1.0)
    result = f.call(*p.args, **p.options)
    assert isinstance(result, tuple) == (len(f.gives) > 1)
    p.assert_close(named(f, result), p.expected(), BOTH)
