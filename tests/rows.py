"""Shapes that reach each way through the kernels, and how to address one row in them."""

import numpy as np

from tests.turns import in_turn

# (shape, class axis): small C contiguous; a long contiguous row; classes before at least 16 others; before fewer.
KERNELS = {"panel": ((37, 5), -1), "row": ((9, 130), -1), "inner 20": ((2, 5, 4, 5), 1), "inner 3": ((4, 5, 3), 1)}
each_kernel = in_turn("kernel", KERNELS)

# The same with several blocks of rows each, so that a late error meets a call that would have written early ones.
LARGE = {
    "panel": ((5000, 5), -1),
    "row": ((800, 130), -1),
    "inner 2000": ((2, 5, 2000), 1),
    "inner 3": ((900, 5, 3), 1),
}
each_large_kernel = in_turn("kernel", LARGE)


def rows_of(p, array, result="grad"):
    """A view of an array of the input's shape with one row (for the sigmoid: one element) per index."""
    return array if p.function.kind == "sigmoid" or result == "loss" else np.moveaxis(array, p.axis, -1)


def middle_row(p):
    """The index of a row that is neither the first nor the last."""
    shape = p.x.shape if p.function.kind == "sigmoid" else np.delete(p.x.shape, p.axis)
    return tuple(int(n) // 2 for n in shape)


def one_hot(p):
    """The class indices of a problem as distributions, in its dtype."""
    return np.moveaxis(np.eye(p.x.shape[p.axis], dtype=p.dtype)[p.target], -1, p.axis)


def last_class(p):
    """The index of the last class of every row in an array of the input's shape."""
    return (slice(None),) * p.axis + (-1,)


def with_row(p, row, values, where=...):
    """The problem with `values` in one row of its input."""
    x = p.x.copy()
    rows_of(p, x)[(*row, where)] = values
    return p.change(x=x)


def assert_other_rows_equal(p, row, got, want):
    for name in got:
        one, other = np.array(rows_of(p, got[name], name)), np.array(rows_of(p, want[name], name))
        one[row] = other[row] = 0
        np.testing.assert_array_equal(one, other)


def assert_row(p, row, got, loss, **derivatives):
    np.testing.assert_array_equal(got["loss"][row], loss)
    for name in p.function.gives[1:]:
        np.testing.assert_array_equal(rows_of(p, got[name])[row], derivatives.get(name, derivatives.get("both")))
