"""Laws about reductions and derivatives, under hypothesis."""

import math

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from tests.strategies import problems
from tests.table import LOSSES, WITH_GRAD, WITH_GRAD_OUTPUT
from tests.terms import denominator, dense_target, row_factor
from tests.ulp import BOTH, BOUND, assert_ulp


@given(problems([f for f in WITH_GRAD if f.kind == "softmax"], without=["z_loss"]))
def test_the_gradient_of_a_row_sums_to_0(p):
    total = p.run()["grad"].astype(np.float64).sum(axis=p.axis)
    size = 2 * dense_target(p)[0].sum(axis=-1) * row_factor(p)  # sum over k of T p_k + t_k
    size *= 1 + p.options.get("gamma", 2.0) if p.function.focal else 1.0  # the most that a slope is
    # each entry is within 4 ulp of its terms; an ulp at their sum may be half of the sum of theirs
    assert_ulp(total, np.zeros_like(total), 2 * BOUND["grad"], p.dtype, size)


@given(problems(WITH_GRAD_OUTPUT), st.floats(-8, 8, width=32))
def test_the_gradient_is_proportional_to_grad_output(p, factor):
    scaled = p.change(grad_output=factor)
    want = factor * p.change(grad_output=1.0).run()["grad"].astype(np.float64)
    scaled.assert_close({"grad": scaled.run()["grad"]}, {"grad": want}, BOTH)


@given(problems(WITH_GRAD_OUTPUT), st.floats(-8, 8))
def test_the_loss_does_not_depend_on_grad_output(p, factor):
    np.testing.assert_equal(p.change(grad_output=factor).run()["loss"], p.without("grad_output").run()["loss"])


@given(problems(LOSSES, reductions=st.just("none")))
def test_the_sum_is_the_sum_of_the_rows(p):
    want = p.run()
    want["loss"] = math.fsum(np.ravel(want["loss"]))
    total = p.change(reduction="sum")
    total.assert_close(total.run(), want, BOTH)


@given(problems(LOSSES, reductions=st.just("mean")))
def test_the_mean_is_the_sum_divided_by_the_weights(p):
    D = denominator(p)
    total = p.change(reduction="sum").run()
    want = {name: value / D if D else value * (math.nan if name == "loss" else 0) for name, value in total.items()}
    p.assert_close(p.run(), want, BOTH)


@given(problems(WITH_GRAD))
def test_the_loss_is_the_same_with_and_without_derivatives(p):
    alone = p.change(function=p.function.loss_only).without("grad_output")
    alone.assert_close(alone.run(), {"loss": p.run()["loss"]}, BOTH)
