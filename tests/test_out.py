"""`out` and `hess_out`: any strides, either float dtype; exactly the logits, but no other overlap with anything."""

import numpy as np
import pytest
from numpy.lib.stride_tricks import as_strided

import fastxent as fx
from fastxent._kernels import ways
from tests.layouts import LAYOUTS
from tests.problem import problem, unmodified
from tests.rows import KERNELS, each_kernel
from tests.table import LOSSES, WITH_GRAD, WITH_OUT, each_dtype, each_of
from tests.turns import in_turn

each_function = each_of(WITH_OUT)
EMPTY = {
    "C": lambda shape, dtype: np.full(shape, -7.0, dtype),
    "Fortran": lambda shape, dtype: np.full(shape, -7.0, dtype, order="F"),
    "strided": lambda shape, dtype: np.full([2 * n for n in shape], -7.0, dtype)[(slice(None, None, 2),) * len(shape)],
    "column slice": lambda shape, dtype: np.full([*shape[:-1], shape[-1] + 5], -7.0, dtype)[..., 3:-2],
    "negative": lambda shape, dtype: np.full(shape, -7.0, dtype)[::-1, ..., ::-1],
    "last axis first": lambda shape, dtype: np.moveaxis(np.full([shape[-1], *shape[:-1]], -7.0, dtype), 0, -1),
    "packed field": lambda shape, dtype: np.full(shape, -7, np.dtype([("tag", "u1"), ("value", dtype)]))["value"],
}


def whole(view):
    while view.base is not None:
        view = view.base
    return view


@each_function
@each_kernel
@in_turn("layout", EMPTY)
@in_turn("out_dtype", [np.float32, np.float64])
@each_dtype
def test_out_of_any_strides_and_either_dtype(f, kernel, layout, out_dtype, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, f.option_sets[-1])
    fresh = p.run()
    outs = {argument: EMPTY[layout](p.x.shape, out_dtype) for argument in f.array_results}
    with unmodified(p.args, p.options):
        got = p.run(**outs)
    coarser = p if out_dtype == np.float64 else p.change(x=p.x.astype(np.float32))
    coarser.assert_close(got, fresh, 2)
    for argument, result in f.array_results.items():
        assert got[result] is outs[argument]
        if layout in ("strided", "column slice"):
            untouched = np.count_nonzero(whole(outs[argument]) == -7)
            assert untouched >= whole(outs[argument]).size - p.x.size


FEW_CLASSES = {
    "C": ((37, 5), -1),
    "Fortran": ((150, 5), -1),
    "strided": ((70, 3), -1),
    "last axis first": ((2, 9, 40), 1),
}
OTHER = {np.dtype(np.float32): np.float64, np.dtype(np.float64): np.float32}


@pytest.mark.parametrize("f", [f for f in WITH_GRAD if f.kind != "clamped"], ids=str)
@in_turn("which", [0, -1])
@in_turn("layout", FEW_CLASSES)
@each_dtype
def test_derivatives_in_the_other_dtype_are_rounded_once(f, which, layout, dtype, rng):
    shape, axis = FEW_CLASSES[layout]
    p = problem(f, rng, shape, axis, dtype, f.option_sets[which])
    x = EMPTY[layout](shape, dtype)
    x[...] = p.x
    p = p.change(x=x)
    fresh = p.run(**{argument: EMPTY[layout](shape, dtype) for argument in f.array_results})
    outs = {argument: EMPTY[layout](shape, OTHER[np.dtype(dtype)]) for argument in f.array_results}
    for name, value in p.run(**outs).items():
        want = fresh[name] if name == "loss" else fresh[name].astype(OTHER[np.dtype(dtype)])
        np.testing.assert_array_equal(value, want)


@each_function
@each_kernel
@in_turn("layout", ["asfortranarray", "strided", "column_slice", "negative_rows", "negative_classes"])
@each_dtype
def test_out_that_is_a_view_of_exactly_the_logits(f, kernel, layout, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype)
    x = LAYOUTS[layout](p.x)
    fresh = p.change(x=x).run()
    for name, value in p.change(x=x).run(out=x[...]).items():
        np.testing.assert_array_equal(value, fresh[name])
    np.testing.assert_array_equal(x, fresh[f.array_results["out"]])


@each_function
@each_dtype
def test_out_between_the_columns_of_the_logits_is_no_overlap(f, dtype, rng):
    p = problem(f, rng, (30, 12), -1, dtype)
    table = np.zeros((30, 24), dtype)
    table[:, :12] = p.x
    fresh = p.run()
    for name, value in p.change(x=table[:, :12]).run(out=table[:, 12:]).items():
        np.testing.assert_array_equal(value, fresh[name])
    np.testing.assert_array_equal(table[:, :12], p.x)


@each_function
@each_kernel
@in_turn("overlap", ["one row on", "one column on", "reversed", "transposed", "the other float dtype"])
@each_dtype
def test_out_that_overlaps_the_logits(f, kernel, overlap, dtype, rng):
    shape, axis = KERNELS[kernel] if overlap != "transposed" else ((8, 8), -1)
    p = problem(f, rng, shape, axis, dtype)
    memory = np.zeros([n + 1 for n in shape], dtype)
    inner = tuple(slice(n) for n in shape)
    x = memory[inner]
    match overlap:
        case "one row on":
            out = memory[(slice(1, None), *inner[1:])]
        case "one column on":
            out = memory[(*inner[:-1], slice(1, None))]
        case "reversed":
            out = x[::-1]
        case "transposed":
            out = x.T
        case "the other float dtype":
            doubles = np.zeros(p.x.size)
            x = doubles.view(dtype)[: p.x.size].reshape(shape)
            other = np.float32 if dtype == np.float64 else np.float64
            out = doubles.view(other)[: p.x.size].reshape(shape)
    x[...] = p.x
    for argument in f.array_results:
        p.change(x=x, **{argument: out}).assert_rejected(ValueError, "overlap")


# How each argument of a (20, 12) problem could share its memory with an array of the results' shape.
SHARED = {"target": ..., "class_weight": 3, "pos_weight": 3, "infogain": slice(12), "sample_weight": (slice(None), 0)}
SHARING = [
    (f, argument) for f in LOSSES if f.takes("out") for argument in SHARED if argument == "target" or f.takes(argument)
]


@pytest.mark.parametrize("f, argument", SHARING, ids=str)
@each_dtype
def test_out_that_overlaps_the_target_or_the_weights(f, argument, dtype, rng):
    p = problem(f, rng, (20, 12), -1, dtype)
    memory = np.ones((20, 12), dtype)
    where = SHARED[argument] if f.kind != "sigmoid" or argument != "sample_weight" else (slice(None), slice(1))
    for out in f.array_results:
        p.change(**{argument: memory[where], out: memory}).assert_rejected(ValueError, "overlap")


@pytest.mark.parametrize("f", [f for f in WITH_OUT if "hess_out" in f.options], ids=str)
@each_dtype
def test_out_and_hess_out_overlap(f, dtype, rng):
    p = problem(f, rng, (20, 12), -1, dtype)
    memory = np.zeros((21, 12), dtype)
    p.change(out=memory[:-1], hess_out=memory[1:]).assert_rejected(ValueError, "overlap")
    p.change(out=p.x, hess_out=p.x).assert_rejected(ValueError, "overlap")


# strides of a (6, 5) array in elements, in which some share memory, in part or as a whole
SHARING_STRIDES = {
    "rows repeat": (0, 1),
    "windows": (1, 1),
    "windows of two": (2, 1),
    "columns apart": (3, 4),
    "in part": (5, 0.5),
}


@each_function
@in_turn("strides", SHARING_STRIDES)
@each_dtype
def test_out_that_overlaps_itself(f, strides, dtype, rng):
    p = problem(f, rng, (6, 5), -1, dtype)
    steps = [int(step * np.dtype(dtype).itemsize) for step in SHARING_STRIDES[strides]]
    out = as_strided(np.zeros(60, dtype), (6, 5), steps)
    for argument in f.array_results:
        p.change(**{argument: out}).assert_rejected(ValueError, "share memory")
    out[...] = 0.5
    p.change(x=out, out=out).assert_rejected(ValueError, "share memory")


@each_function
@each_dtype
def test_out_whose_axes_interlock_overlaps_nothing(f, dtype, rng):
    """(2, 2) numbers at 0, 2, 3 and 5: neither axis steps over the other."""
    p = problem(f, rng, (2, 2), -1, dtype)
    memory = np.full(6, -7, dtype)
    size = memory.itemsize
    got = p.run(out=as_strided(memory, (2, 2), (3 * size, 2 * size)))
    for name, value in p.run().items():
        np.testing.assert_array_equal(got[name], value)
    assert (memory[[1, 4]] == -7).all()


@each_function
@in_turn("shape", [(1, 7), (7, 1), (1, 1)])
@each_dtype
def test_out_that_is_the_logits_with_other_strides_where_there_is_one_number(f, shape, dtype, rng):
    p = problem(f, rng, shape, -1, dtype)
    fresh = p.run()
    size = p.x.itemsize
    out = as_strided(p.x, shape, [step if n > 1 else 3 * size for n, step in zip(shape, p.x.strides, strict=True)])
    for name, value in p.run(out=out).items():
        np.testing.assert_array_equal(value, fresh[name])
    np.testing.assert_array_equal(p.x, fresh[f.array_results["out"]])


@in_turn("inner, width", [(130, 136), (129, 132), (128, 136), (257, 264)])
@in_turn("C", [2, 4, 19])
@each_dtype
def test_out_of_padded_images_written_past_the_caches(inner, width, C, dtype, rng):
    x, labels = rng.standard_normal((9, C, inner)).astype(dtype), rng.integers(C, size=(9, inner))
    want = fx.softmax_cross_entropy_grad(x, labels, axis=1)[1]
    before = ways.tune(stream_bytes=1)
    try:
        for start in range(4):
            whole = np.full((9, C, width + 4), -1, dtype)
            out = whole[:, :, start : start + inner]
            fx.softmax_cross_entropy_grad(x, labels, axis=1, out=out)
            np.testing.assert_array_equal(out, want)
            out[...] = -1
            assert (whole == -1).all()
    finally:
        ways.tune(**before)
