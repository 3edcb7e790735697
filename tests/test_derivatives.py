"""Every gradient is the derivative of its loss, every Hessian diagonal that of its gradient: central differences."""

import numpy as np
import pytest

from tests.problem import problem
from tests.rows import KERNELS, each_kernel
from tests.table import LOSSES, WITH_GRAD, each_of, each_reduction
from tests.turns import in_turn

# A difference of step h is wrong by about h^2 |f'''| / 6 + eps |f| / h; the fourth-order formula at h = 1e-3 has
# h^4 |f^(5)| / 30 and 2 eps |f| / h instead, both near 1e-12 for derivatives of size 1.
STEP = 1e-3
ERROR = 2e-10
DERIVATIVES = [(f, result, options) for f in LOSSES for result in f.gives[1:] for options in f.option_sets]


def difference_quotients(value, x, axis):
    """The quotients d value / dx_k, one class at a time and all rows at once: rows do not depend on each other."""
    found = np.empty_like(x)
    for k in range(x.shape[axis]):
        at = (slice(None),) * axis + (k,)
        step = np.zeros_like(x)
        step[at] = STEP
        four = [value(x + j * step, at) for j in (-2, -1, 1, 2)]
        found[at] = (four[0] - 8 * four[1] + 8 * four[2] - four[3]) / (12 * STEP)
    return found


@each_reduction
@each_kernel
@pytest.mark.parametrize("f, result, options", DERIVATIVES, ids=str)
def test_derivative(f, result, options, kernel, reduction, rng):
    shape, axis = KERNELS[kernel]
    p = problem(f, rng, shape, axis, np.float64, options, reduction)
    if f.kind == "clamped":  # away from the kink at eps, where the gradient is Caffe's and not the derivative
        eps = p.options.get("eps", 0.0)
        p = p.change(x=0.5 + 0.5 * p.x, eps=min(eps, 0.4))
    got = p.run()[result]
    # A reduced loss is a sum over rows: the rows' own losses, scaled as the derivatives are, have the same quotients.
    rows = p.change(reduction="none")
    scale = row_scale(p, rows) * (p.options.get("grad_output", 1.0) if result == "grad" else 1.0)

    def value(x, at):
        moved = rows.change(x=x).run()
        if result == "hess":
            return moved["grad"][at]
        return np.asarray(moved["loss"])[at] if f.kind == "sigmoid" else moved["loss"]

    want = difference_quotients(value, p.x, axis % p.x.ndim) * scale
    assert np.abs(got - want).max() <= ERROR * max(1.0, np.abs(want).max())
    assert np.abs(want).max() > 100 * ERROR


def row_scale(p, rows):
    """What a row's loss counts for in the reduced loss: 1, or 1/D."""
    if p.options["reduction"] != "mean":
        return 1.0
    return p.run()["loss"] / rows.change(reduction="sum").run()["loss"]


@each_of(WITH_GRAD)
@in_turn("reduction", ["sum", "mean"])
def test_the_gradient_is_that_of_the_reduced_loss(f, reduction, rng):
    """The same along one random direction through all entries, with nothing but the reduced loss."""
    p = problem(f, rng, (6, 5), -1, np.float64, f.option_sets[-1], reduction).without("grad_output", "eps")
    x = 0.5 + 0.5 * p.x if f.kind == "clamped" else p.x
    direction = rng.normal(0, 1, x.shape)
    four = [p.change(x=x + j * STEP * direction).run()["loss"] for j in (-2, -1, 1, 2)]
    want = (four[0] - 8 * four[1] + 8 * four[2] - four[3]) / (12 * STEP)
    assert abs((p.change(x=x).run()["grad"] * direction).sum() - want) <= ERROR * max(1.0, abs(want))
