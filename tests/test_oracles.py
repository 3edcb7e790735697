"""SciPy and scikit-learn as oracles that are independent of this project's own reference."""

import numpy as np
import pytest
import scipy.special
import scipy.stats
import sklearn.metrics

from tests.problem import Problem, problem
from tests.rows import KERNELS, each_kernel, one_hot
from tests.table import NAMED
from tests.ulp import BOTH, BOUND, assert_ulp


def double(p):
    return p.x.astype(np.float64)


@each_kernel
@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp"])
def test_activations_against_scipy(name, kernel, dtype, rng):
    p = problem(NAMED[name], rng, *KERNELS[kernel], dtype)
    want = getattr(scipy.special, name)(double(p), axis=p.axis)
    if name == "softmax":  # SciPy's exponents x - lse are rounded, which is relative to their size
        size = want * (1 - np.log(want))
    else:  # and so are lse and x - max - log(sum)
        size = np.max(abs(double(p)), axis=p.axis, keepdims=name == "log_softmax") + abs(want)
    assert_ulp(p.run()["value"], want, BOTH * BOUND["value"], dtype, size)


@each_kernel
@pytest.mark.parametrize("name", ["entropy", "cross_entropy", "kl_divergence"])
def test_information_against_scipy(name, kernel, dtype, rng):
    p = problem(NAMED[name], rng, *KERNELS[kernel], dtype)
    x, q = double(p), p.args[-1].astype(np.float64)
    want, size = {
        "entropy": (scipy.special.entr(x), abs(scipy.special.entr(x))),
        "cross_entropy": (-scipy.special.xlogy(x, q), abs(scipy.special.xlogy(x, q))),
        # SciPy rounds p / q, which is relative to p, and each term
        "kl_divergence": (scipy.special.rel_entr(x, q), x + abs(scipy.special.rel_entr(x, q))),
    }[name]
    assert_ulp(p.run()["value"], want.sum(axis=p.axis), BOTH * BOUND["value"], dtype, size.sum(axis=p.axis))


@each_kernel
@pytest.mark.parametrize("base", [None, 2])
def test_distributions_against_scipy_stats_entropy(kernel, base, dtype, rng):
    """SciPy's normalises, so that a distribution is needed."""
    p = problem(NAMED["kl_divergence"], rng, *KERNELS[kernel], np.float64)
    want = scipy.stats.entropy(p.x, p.target, axis=p.axis, base=base)
    got = p.change(x=p.x.astype(dtype), target=p.target.astype(dtype)).run(base=base)["value"]
    size = (p.x * (1 + abs(np.log(p.x / p.target)))).sum(axis=p.axis)
    assert_ulp(got, want, BOTH * BOUND["value"], dtype, 2 * size)


@each_kernel
def test_softmax_cross_entropy_against_scipy_log_softmax(kernel, dtype, rng):
    p = problem(NAMED["softmax_cross_entropy_grad"], rng, *KERNELS[kernel], dtype, "distribution", "none")
    log_p = scipy.special.log_softmax(double(p), axis=p.axis)
    target = p.target.astype(np.float64)
    total = target.sum(axis=p.axis, keepdims=True)
    got = p.run()
    assert_ulp(got["loss"], -(target * log_p).sum(axis=p.axis), BOTH * BOUND["loss"], dtype)
    share = total * np.exp(log_p)
    size = share * (1 + abs(log_p)) + target  # exp of a rounded log p is off by as many ulp as log p is large
    assert_ulp(got["grad"], share - target, BOTH * BOUND["grad"], dtype, size)


@each_kernel
@pytest.mark.parametrize("weighted", [False, True])
def test_clamped_cross_entropy_against_sklearn_log_loss(kernel, weighted, dtype, rng):
    p = problem(NAMED["clamped_cross_entropy"], rng, (40, 5) if kernel != "row" else (9, 130), -1, dtype)
    probs = double(p) / double(p).sum(axis=1, keepdims=True)
    p = p.change(x=probs.astype(dtype))
    weight = rng.uniform(0.5, 2, len(probs)) if weighted else None
    p = p.change(sample_weight=weight if weight is None else weight.astype(dtype))
    want = sklearn.metrics.log_loss(p.target, probs, labels=range(probs.shape[1]), sample_weight=weight)
    # log_loss sees the unrounded probabilities and weights: an error of half an ulp of q is one of 1/2 in the log.
    assert_ulp(p.run()["loss"], want, BOTH * BOUND["loss"], dtype, abs(want) + 1)


@each_kernel
@pytest.mark.parametrize("spread", [1.0, 30.0])
def test_sigmoid_cross_entropy_against_scipy(kernel, spread, dtype, rng):
    p = problem(
        NAMED["sigmoid_cross_entropy_grad_hess"], rng, KERNELS[kernel][0], -1, dtype, "distribution", "none", spread
    )
    x, t = double(p), p.target.astype(np.float64)
    got = p.run()
    want = scipy.special.xlogy(t, 1) - t * scipy.special.log_expit(x) - (1 - t) * scipy.special.log_expit(-x)
    assert_ulp(got["loss"], want, BOTH * BOUND["loss"], dtype)
    size = t * scipy.special.expit(-x) + (1 - t) * scipy.special.expit(x)
    assert_ulp(got["grad"], scipy.special.expit(x) - t, BOTH * BOUND["grad"], dtype, size + abs(t))
    # SciPy's functions are right to an ulp, and their product is rounded
    assert_ulp(got["hess"], scipy.special.expit(x) * scipy.special.expit(-x), BOUND["hess"] + 3, dtype)


@each_kernel
def test_the_gradient_is_the_softmax_minus_the_target(kernel, dtype, rng):
    """The textbook identity, between two public functions."""
    p = problem(NAMED["softmax_cross_entropy_grad"], rng, *KERNELS[kernel], dtype, reduction="sum")
    softmax = Problem(NAMED["softmax"], p.x, None, {"axis": p.axis}).run()["value"].astype(np.float64)
    assert_ulp(p.run()["grad"], softmax - one_hot(p), BOTH * BOUND["grad"], dtype, softmax + one_hot(p))
