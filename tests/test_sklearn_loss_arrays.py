"""MultinomialLoss and BinomialLoss take every kind of array, in place as well, on any number of threads."""

import numpy as np
import pandas as pd
import pytest

from fastxent.sklearn import BinomialLoss
from tests.layouts import LAYOUTS
from tests.problem import unmodified
from tests.sklearn_losses import METHODS, call, data, each_loss, each_method, each_size, outputs
from tests.table import DTYPES, each_dtype
from tests.turns import in_turn

LABELS = [np.bool_, np.int8, np.uint8, np.int32, np.int64, np.uint64, np.float16, np.float32, np.float64, ">i4", ">f8"]


@each_method
@in_turn("labels", LABELS)
def test_labels_of_every_dtype(loss, labels, method, rng):
    y, raw, weight = data(loss, rng, 70, labels=np.int64)
    y %= 2
    want = call(loss, method, y, raw, weight)
    for name, got in call(loss, method, y.astype(labels), raw, weight).items():
        np.testing.assert_array_equal(got, want[name])
    assert loss(y.astype(labels), raw, weight) == loss(y, raw, weight)


@each_method
@in_turn("n", [70, 10_000])
@in_turn("layout", LAYOUTS)
def test_every_memory_layout(loss, layout, method, n, rng):
    """Outputs too have that layout, where it can be written to."""
    arrange = LAYOUTS[layout]
    args = data(loss, rng, n)
    want = call(loss, method, *args)
    outs = {name: arrange(out) for name, out in outputs(method, *args[:2], np.float64).items()}
    takes = all(out.flags.writeable and out.dtype.isnative and out.flags.aligned for out in outs.values())
    arranged = [arrange(array) for array in args]
    with unmodified(arranged):
        got = call(loss, method, *arranged, **(outs if takes else {}))
    for name in want:
        assert not takes or got[name] is outs[name]
        np.testing.assert_allclose(got[name], want[name], rtol=1e-14, atol=1e-17)


@each_method
@in_turn("out_dtype", DTYPES)
@each_dtype
def test_outputs_of_either_dtype_are_filled_and_returned(loss, method, out_dtype, dtype, rng):
    args = data(loss, rng, 70, dtype)
    want = call(loss, method, *args)
    outs = outputs(method, *args[:2], out_dtype)
    got = call(loss, method, *args, **outs)
    for name, out in outs.items():
        assert got[name] is out
        with np.errstate(under="ignore"):
            if name == "loss_out" and out.itemsize > want[name].itemsize:  # in double, as they are computed
                out = out.astype(dtype)
            np.testing.assert_array_equal(out, want[name].astype(out.dtype))
        alone = call(loss, method, *args, **{name: np.empty_like(outs[name])})
        assert {array.dtype for array in alone.values()} == {np.dtype(out_dtype)}
    first, *others = outs
    mixed = call(loss, method, *args, **outs | {first: np.empty_like(outs[first], dtype=dtype)})
    np.testing.assert_array_equal(mixed[first], want[first])
    for name in others:
        np.testing.assert_array_equal(mixed[name], outs[name])


@each_method
@each_size
def test_a_derivative_may_be_written_over_the_raw_prediction(loss, method, n, rng):
    y, raw, weight = data(loss, rng, n)
    want = call(loss, method, y, raw, weight)
    for name in set(METHODS[method]) - {"loss_out"}:
        over = raw.copy()
        got = call(loss, method, y, over, weight, **{name: over})
        assert got[name] is over
        for other in want:
            np.testing.assert_array_equal(got[other], want[other])
    with pytest.raises(ValueError, match=r"loss_out (overlaps raw_prediction|has shape)"):
        loss.loss(y, raw, loss_out=raw)


def test_a_column_is_a_row_of_numbers(rng):
    loss = BinomialLoss()
    y, raw, weight = data(loss, rng, 70)
    for method in list(METHODS)[:-1]:
        for name, got in call(loss, method, y, raw[:, None], weight).items():
            np.testing.assert_array_equal(got, call(loss, method, y, raw, weight)[name])
    column = np.empty((70, 1))
    assert loss.gradient(y, raw[:, None], weight, column) is column
    np.testing.assert_array_equal(column[:, 0], loss.gradient(y, raw, weight))
    np.testing.assert_array_equal(loss.predict_proba(raw[:, None]), loss.predict_proba(raw))


@each_method
def test_the_number_of_threads_makes_no_difference(loss, method, rng):
    args = data(loss, rng, 300_000)
    one, two = (call(loss, method, *args, n_threads=n) for n in (1, 2))
    for name in one:
        np.testing.assert_array_equal(one[name], two[name])
    assert loss(*args, n_threads=None) == loss(*args)


@each_loss
def test_lists_and_columns_of_a_table(loss, rng):
    y, raw, weight = data(loss, rng, 6)
    want = loss.gradient(y, raw, weight)
    np.testing.assert_array_equal(loss.gradient(y.tolist(), raw.tolist(), weight.tolist()), want)
    table = pd.DataFrame(raw) if raw.ndim == 2 else pd.Series(raw)
    np.testing.assert_array_equal(loss.gradient(pd.Series(y), table, pd.Series(weight)), want)
