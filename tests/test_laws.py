"""Laws about the data, whatever the numbers are: one sentence each, under hypothesis."""

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from tests.bits import assert_same_bits
from tests.problem import Problem
from tests.rows import one_hot
from tests.strategies import SEEDS, problems
from tests.table import CLASS_LOSSES, FUNCTIONS, LOSSES, NAMED, SIGMOID_LOSSES, WITH_OUT
from tests.terms import terms
from tests.ulp import BOTH, assert_ulp

SHIFTABLE = [f for f in FUNCTIONS if f.kind == "softmax" or f.name == "softmax"]
ONE_DIMENSION = st.integers(1, 300).map(lambda n: (n,))
MATRICES = st.tuples(st.integers(1, 50), st.integers(1, 150))
BLOCKS = st.one_of(MATRICES, st.tuples(st.integers(1, 6), st.integers(1, 6), st.integers(1, 30)))
REDUCED = st.sampled_from(["sum", "mean"])


def has_indices(p):
    return np.ndim(p.target) < np.ndim(p.x)


@given(problems(SHIFTABLE, without=["z_loss"]), st.integers(-(2**13), 2**13))
def test_adding_a_constant_to_a_row_changes_nothing(p, constant):
    p = p.change(x=np.round(p.x * 256) / 256)  # so that the sum is exact and no rounding of the input is measured
    p.assert_close(p.change(x=p.x + p.dtype(constant)).run(), p.run(), BOTH)


@given(problems(CLASS_LOSSES, without=["ignore_index"]), st.randoms(use_true_random=False))
def test_the_order_of_the_classes_does_not_matter(p, random):
    C = p.x.shape[p.axis]
    order = np.array(random.sample(range(C), C))

    def reordered(array):
        return np.take(array, order, axis=p.axis)

    q = p.change(x=reordered(p.x), target=np.argsort(order)[p.target] if has_indices(p) else reordered(p.target))
    for per_class in {"class_weight", "alpha"} & {*p.options}:
        q = q.change(**{per_class: p.options[per_class][order]})
    if "infogain" in p.options:
        q = q.change(infogain=p.options["infogain"][np.ix_(order, order)])
    q.assert_close(
        q.run(), {name: value if name == "loss" else reordered(value) for name, value in p.run().items()}, BOTH
    )


@given(problems(LOSSES, without=["sample_weight", "pos_weight"], reductions=REDUCED, shapes=BLOCKS), SEEDS)
def test_weight_k_is_the_row_k_times(p, seed):
    axis = 1 if p.axis == 0 else 0  # one that is not the classes'
    target_axis = axis if p.target.ndim == p.x.ndim else 0
    times = np.random.default_rng(seed).integers(0, 4, p.x.shape[axis])
    sizes = [1] * (p.x.ndim if p.function.kind == "sigmoid" else p.x.ndim - 1)
    sizes[0] = times.size
    want = p.change(x=np.repeat(p.x, times, axis), target=np.repeat(p.target, times, target_axis)).run()
    for name in p.function.gives[1:]:
        rows = np.moveaxis(want[name].astype(np.float64), axis, 0)
        sums = [group.sum(axis=0) for group in np.split(rows, np.cumsum(times)[:-1])]
        want[name] = np.moveaxis(np.array(sums), 0, axis)
    weighted = p.change(sample_weight=times.reshape(sizes).astype(p.dtype))
    weighted.assert_close(weighted.run(), want, BOTH)


@given(
    st.one_of(
        problems(CLASS_LOSSES, without=["ignore_index", "distribution"], shapes=MATRICES),
        problems(SIGMOID_LOSSES, without=["ignore_index", "pos_weight"], shapes=ONE_DIMENSION),
    ),
    SEEDS,
)
def test_an_ignored_row_is_a_removed_row(p, seed):
    axis = 0 if p.function.kind == "sigmoid" else 1 - p.axis
    ignored = np.random.default_rng(seed).random(p.target.shape) < 0.3
    kept = p.change(x=np.compress(~ignored, p.x, axis), target=p.target[~ignored])
    if "sample_weight" in p.options:
        kept = kept.change(sample_weight=p.options["sample_weight"][~ignored])
    got = p.change(target=np.where(ignored, -5, p.target), ignore_index=-5).run()
    for name, value in got.items():
        if np.ndim(value):
            rows = 0 if name == "loss" else axis
            assert not np.compress(ignored, value, rows).any()
            got[name] = np.compress(~ignored, value, rows)
    kept.assert_close(got, kept.run(), BOTH)


@given(problems(CLASS_LOSSES, without=["distribution", "infogain", "ignore_index"]))
def test_a_one_hot_distribution_is_the_class_index(p):
    if "class_weight" in p.options and p.options["reduction"] == "mean":
        p = p.change(reduction="sum")  # by definition D counts class weights for indices only
    q = p.change(target=one_hot(p))
    q.assert_close(q.run(), p.run(), BOTH)


@given(problems([f for f in FUNCTIONS if f.kind != "sigmoid"]))
def test_axis_is_moveaxis(p):
    moved = p.change(x=np.moveaxis(p.x, p.axis, -1).copy(), axis=-1)
    if p.target is not None and not has_indices(p):
        moved = moved.change(target=np.moveaxis(p.target, p.axis, -1))
    want = {
        name: np.moveaxis(value, -1, p.axis) if name in moved.function.array_results.values() else value
        for name, value in moved.run().items()
    }
    p.assert_close(p.run(), want, BOTH)


@given(problems(SIGMOID_LOSSES, without=["pos_weight", "ignore_index"]))
def test_the_sigmoid_is_a_two_class_softmax(p):
    p = p.change(target=(np.round(p.target * 64) / 64).astype(p.dtype))  # so that 1 - t is exact
    softmax = NAMED[p.function.name.replace("sigmoid", "softmax")]
    two = Problem(softmax, np.stack([np.zeros_like(p.x), p.x], -1), np.stack([1 - p.target, p.target], -1), p.options)
    if "alpha" in p.options:
        two = two.change(alpha=[1 - p.options["alpha"], p.options["alpha"]])
    got, want, scale = p.run(), two.run(), terms(two)
    for name in got:
        of_x = ... if name == "loss" else (..., 1)
        assert_ulp(
            got[name],
            np.asarray(want[name])[of_x],
            BOTH * p.bounds[name],
            p.dtype,
            None if name == "loss" else scale[name][of_x],
            str(p),
        )


@given(problems(WITH_OUT), st.sampled_from(["out", "hess_out"]))
def test_writing_into_the_input_is_a_fresh_result(p, argument):
    fresh = p.run()
    x = p.x.copy()
    written = p.change(x=x).run(**{argument if argument in p.function.array_results else "out": x})
    for name, value in written.items():
        np.testing.assert_array_equal(value, fresh[name])


@given(problems(CLASS_LOSSES, reductions=st.just("none"), shapes=MATRICES))
def test_a_batch_is_its_rows_one_by_one(p):
    batch = p.run()
    rows_first = {name: value if name == "loss" or p.axis == 1 else value.T for name, value in batch.items()}
    x = p.x if p.axis == 1 else p.x.T
    target = p.target if has_indices(p) or p.axis == 1 else p.target.T
    for i in range(0, len(x), 7):
        row = Problem(p.function, x[i], target[i], p.options | {"axis": 0})
        if "sample_weight" in p.options:
            row = row.change(sample_weight=p.options["sample_weight"][i])
        row.assert_close(row.run(), {name: value[i] for name, value in rows_first.items()}, BOTH)


@given(
    problems(LOSSES, without=["infogain"], reductions=st.just("mean"), shapes=MATRICES),
    SEEDS,
    st.sampled_from([-1070, -700, 700, 1015]),
    st.booleans(),
)
def test_a_mean_does_not_see_a_power_of_two_in_all_weights(p, seed, k, both):
    rng = np.random.default_rng(seed)
    rows = p.x.shape if p.function.kind == "sigmoid" else np.delete(p.x.shape, p.axis)
    names = {"sample_weight": rows}
    # of distributions only the weights of samples are in D, and z-loss has no class weight
    if p.function.kind != "sigmoid" and has_indices(p) and "z_loss" not in p.options and both:
        names["class_weight"] = p.x.shape[p.axis]
    weights = {name: rng.integers(1, 8, shape).astype(np.float64) for name, shape in names.items()}
    ordinary = p.change(**weights)
    share = k // len(weights)
    got, want = p.change(**{name: np.ldexp(weight, share) for name, weight in weights.items()}).run(), ordinary.run()
    ordinary.assert_close(got, want, BOTH)
    for name in want if p.dtype == np.float64 else ():  # float32 logits of a softmax are computed in double otherwise
        assert_same_bits(got[name], want[name])
