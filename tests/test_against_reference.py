"""Random arguments against fastxent.reference: options x dtype x reduction x layout x axis, ranks 1 to 7."""

import numpy as np
import pytest
from scipy.special import log_softmax

from tests.problem import problem
from tests.rows import KERNELS, each_kernel
from tests.table import (
    CLASS_LOSSES,
    FUNCTIONS,
    LOSSES,
    NAMED,
    SIGMOID_LOSSES,
    WITH_GRAD_OUTPUT,
    each_dtype,
    each_of,
    each_reduction,
)
from tests.turns import in_turn

# (shape, class axis). Small C and a class axis before others go to the panel kernel, long contiguous rows to the row
# kernel; N around the 32 lanes of a panel and the 128 of four, C around a panel's groups of columns, around the most
# classes of a panel, and around the blocks of a row.
# fmt: off
BATCHES = [((n, c), -1) for n, c in [
    (0, 5), (1, 1), (1, 2), (1, 10), (1, 65), (1, 1000), (31, 3), (31, 65), (32, 2), (32, 10), (32, 16), (33, 5),
    (33, 17), (33, 31), (33, 33), (33, 100), (1000, 1), (1000, 2), (1000, 4), (1000, 7), (1000, 8), (1000, 10),
    (200, 32), (200, 47), (200, 48), (200, 49), (200, 63), (200, 64), (200, 65), (40, 127), (40, 128),
    (40, 129), (32, 1000), (33, 255), (33, 256), (33, 257), (31, 256), (127, 16), (129, 16), (131, 21),
    (5, 1024), (3, 1025), (3, 4097), (0, 4097)]]
CLASSES_FIRST = [((c, n), 0) for c, n in [
    (10, 0), (2, 1), (10, 1), (1, 40), (3, 15), (3, 16), (10, 17), (7, 33), (10, 128), (65, 129), (4, 1000),
    (1000, 20)]]
OTHER_RANKS = [((1,), 0), ((2,), -1), ((33,), 0), ((1000,), -1),
               ((3, 5, 7), 1), ((3, 5, 20), -2), ((3, 70, 4), 2), ((6, 2, 33), 0),
               ((2, 3, 4, 5), 1), ((2, 19, 3, 4), 1), ((3, 7, 16, 17), -3), ((2, 100, 5, 5), 1), ((4, 3, 1, 12), 3),
               ((2, 4, 3, 2, 5), 1), ((2, 4, 3, 2, 5), -1), ((2, 5, 2, 3, 2, 4), 1), ((2, 3, 2, 2, 3, 2, 6), 1),
               ((2, 3, 2, 2, 3, 2, 6), -1), ((2, 3, 2, 4, 3, 2, 2), 3), ((3, 0, 5), 2)]
# fmt: on
GEOMETRIES = BATCHES + CLASSES_FIRST + OTHER_RANKS
LARGEST_MATRIX = 2000


# Without any option, and with all that go together.
EXTREMES = [
    (f, options)
    for f in FUNCTIONS
    for options in f.option_sets
    if options == f.option_sets[0] or "all options" in options
]


@in_turn("shape, axis", GEOMETRIES)
@pytest.mark.parametrize("f, options", EXTREMES, ids=str)
@each_dtype
def test_every_shape(f, options, shape, axis, dtype, rng):
    if options.startswith("infogain") and shape[axis] > LARGEST_MATRIX:
        return  # its rows are read as a distribution is, and 17 million entries take seconds to draw
    problem(f, rng, shape, axis, dtype, options).assert_right()


# Enough rows for many small blocks, and none of the sizes a multiple of anything.
MANY = [((12_503, 3), -1), ((2_503, 10), 1), ((3, 6_271), 0), ((2, 7, 1_259), 1), ((127, 257), -1)]


@in_turn("shape, axis", MANY)
@pytest.mark.parametrize("f, options", EXTREMES, ids=str)
@pytest.mark.usefixtures("small_blocks")
@each_dtype
def test_many_blocks(f, options, shape, axis, dtype, rng):
    problem(f, rng, shape, axis, dtype, options).assert_right()


OPTIONS = [(f, options) for f in LOSSES for options in f.option_sets]


@pytest.mark.parametrize("f, options", OPTIONS, ids=str)
@each_reduction
@each_kernel
@each_dtype
def test_every_option(f, options, reduction, kernel, dtype, rng):
    problem(f, rng, *KERNELS[kernel], dtype, options, reduction).assert_right()


@in_turn("spread", [0.01, 30.0, 1000.0])
@each_kernel
@each_of(FUNCTIONS)
@each_dtype
def test_flat_and_confident_logits(f, kernel, spread, dtype, rng):
    problem(f, rng, *KERNELS[kernel], dtype, reduction="none", spread=spread).assert_right()


@each_kernel
@each_of(FUNCTIONS)
@each_dtype
def test_equal_and_nearly_equal_logits(f, kernel, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, reduction="none")
    x = np.ceil(abs(p.x) / 2)
    steps = rng.choice([0, 1, 2, 2**10], x.shape)
    p.change(x=x.astype(dtype)).assert_right()
    p.change(x=(x - steps * np.spacing(x)).astype(dtype)).assert_right()


@in_turn("z_loss", [1.0, 1e6, 1e30])
@in_turn("kernel", KERNELS)
@pytest.mark.parametrize("f", [f for f in LOSSES if f.takes("z_loss")], ids=str)
@each_dtype
def test_large_z_loss_where_lse_is_near_0(f, kernel, z_loss, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, "distribution").change(z_loss=z_loss)
    p.change(x=log_softmax(p.x.astype(np.float64), axis=p.axis).astype(dtype)).assert_right()


@in_turn("keepdims", [False, True])
@in_turn("axis", [0, 1, -1])
@each_dtype
def test_logsumexp_keepdims(keepdims, axis, dtype, rng):
    problem(NAMED["logsumexp"], rng, (3, 4, 70), axis, dtype).change(keepdims=keepdims).assert_right()


@in_turn("order", ["C", "F", "reversed"])
@in_turn("options", ["class_weight", "distribution with all options"])
@each_kernel
@each_of(CLASS_LOSSES)
@each_dtype
def test_memory_order(f, kernel, options, order, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, options)
    x = p.x[::-1].copy()[::-1] if order == "reversed" else np.array(p.x, order=order)
    p.change(x=x).assert_right()


@each_kernel
@each_of(WITH_GRAD_OUTPUT)
@each_dtype
def test_grad_output_of_one_value_per_row(f, kernel, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, f.option_sets[-1], reduction="none")
    p.change(grad_output=rng.normal(0, 1, np.shape(p.run()["loss"])).astype(dtype)).assert_right()


@each_of(LOSSES)
@each_dtype
def test_sample_weight_of_size_1_counts_for_every_row(f, dtype, rng):
    p = problem(f, rng, (3, 4, 5, 6), 1, dtype)
    sizes = (3, 1, 5, 1) if f.kind == "sigmoid" else (3, 1, 6)
    p = p.change(sample_weight=rng.uniform(0, 2, sizes).astype(dtype))
    p.assert_right()
    full = np.broadcast_to(p.options["sample_weight"], (3, 4, 5, 6) if f.kind == "sigmoid" else (3, 5, 6))
    p.assert_close(p.run(), p.run(sample_weight=full))


@each_of(SIGMOID_LOSSES)
@in_turn("sizes", [(), (6,), (4, 5, 6), (4, 1, 1), (1, 5, 6)])
@each_dtype
def test_pos_weight_shapes(f, sizes, dtype, rng):
    p = problem(f, rng, (4, 5, 6), -1, dtype, "distribution")
    p.change(pos_weight=rng.uniform(0, 3, sizes).astype(dtype)).assert_right()
