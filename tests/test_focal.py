"""Focal loss: what it shares with the cross entropy and with other libraries, and its extremes."""

import numpy as np
import scipy.special
from mpmath import mp, mpf

import fastxent as fx
from fastxent import _isa
from tests import oracle
from tests.problem import Problem, named, problem
from tests.rows import KERNELS, each_kernel, one_hot
from tests.table import FOCAL_LOSSES, NAMED, each_dtype, each_of
from tests.terms import terms
from tests.turns import in_turn
from tests.ulp import BOTH, BOUND, assert_ulp, bounds

GAMMAS = [0.0, 1e-300, 0.5, 1.0, 2.0, 3.7, 100.0, 1e20, 1e300, np.finfo(float).max]
LOGITS = [0.0, 1e-30, 1.0, 16.0, 40.0, 80.0, 87.5, 103.0, 700.0, 708.5, 745.0, 1e5, 1e30, np.inf]


@in_turn("options", ["all options", "index with all options", "distribution with all options", "index"])
@in_turn("spread", [0.1, 10.0])
@each_of(FOCAL_LOSSES)
@each_kernel
@each_dtype
def test_gamma_0_is_the_cross_entropy(f, kernel, spread, options, dtype, rng):
    options = options if options in f.option_sets else f.option_sets[0]
    p = problem(f, rng, *KERNELS[kernel], dtype, options, "none", spread).without("alpha").change(gamma=0.0)
    plain = p.change(function=NAMED[f.name.replace("focal_loss", "cross_entropy")]).without("gamma")
    plain.assert_close(p.run(), plain.run())


@in_turn("gamma", [0.0, 0.5, 1.0, 2.0, 5.0])
@each_of([f for f in FOCAL_LOSSES if f.kind == "softmax"])
@each_kernel
@each_dtype
def test_a_one_hot_distribution_is_the_class_index_however_confident(f, kernel, gamma, dtype, rng):
    """Class indices and distributions go through different kernels."""
    p = problem(f, rng, *KERNELS[kernel], dtype, reduction="none", spread=10.0).change(gamma=gamma)
    q = p.change(target=one_hot(p))
    q.assert_close(q.run(), p.run(), BOTH)


@in_turn("gamma", [2.0, 30.0, 48.0, 64.0, 1000.0])
def test_the_hessian_of_a_distribution_where_its_focal_factor_is_hardly_a_number(gamma):
    """q^gamma from 2^-132 to 2^-100, in float32: the Hessian has gamma^2 times it."""
    q = 2.0 ** np.linspace(-132 / gamma, -100 / gamma, 300)
    x = np.stack([np.log((1 - q) / q), np.zeros(300)], axis=1).astype(np.float32)
    options = {"gamma": gamma, "reduction": "none"}
    Problem(NAMED["softmax_focal_loss_grad_hess"], x, np.tile(np.float32([1, 0]), (300, 1)), options).assert_right()


@in_turn("gamma", [0.25, 0.5, 1.0, 2.0])
@in_turn("margin", [30.0, 75.0, 474.0])
@in_turn("classes", [7, 40])
def test_the_hessian_of_a_distribution_whose_maximum_is_far_above(classes, margin, gamma):
    """There the maximum's own second derivative by L is some q^(gamma - 1), and the others' are some q."""
    x, t = np.zeros(classes), np.full(classes, 0.01)
    x[2], t[2] = margin, 1.0
    want = oracle.softmax_focal_loss(x, t, gamma)
    _, grad, hess = fx.softmax_focal_loss_grad_hess(x[None], t[None], gamma=gamma, reduction="none")
    for got, real, size, name in (
        (grad, want.grad, want.grad_terms, "grad"),
        (hess, want.hess, want.hess_terms, "hess"),
    ):
        assert oracle.ulps_off(got[0], real, np.float64, size.high).max() <= bounds(gamma)[name]


@in_turn("alpha", [None, 0.25])
@in_turn("gamma", [0.0, 1.0, 2.0, 2.5])
@each_dtype
def test_torchvisions_formula(alpha, gamma, dtype, rng):
    """torchvision.ops.sigmoid_focal_loss, in double; optax and Keras compute the same for targets 0 and 1."""
    x, t = rng.normal(0, 3, (50, 7)).astype(dtype), rng.integers(0, 2, (50, 7))
    wide = x.astype(np.float64)
    p = scipy.special.expit(wide)
    p_t = p * t + (1 - p) * (1 - t)
    ce = np.where(t == 1, -scipy.special.log_expit(wide), -scipy.special.log_expit(-wide))
    want = ce * (1 - p_t) ** gamma
    if alpha is not None:
        want = (alpha * t + (1 - alpha) * (1 - t)) * want
    got = fx.sigmoid_focal_loss(x, t, gamma=gamma, alpha=alpha, reduction="none")
    rounding = gamma * ce * (1 - p_t) ** (gamma - 1)  # of 1 - p_t in double
    assert_ulp(got, want, bounds(gamma)["loss"], dtype, want + rounding * (2.0**-29 if dtype == np.float32 else 1))


@in_turn("gamma", [0.0, 1.0, 2.0, 2.5])
@each_dtype
def test_the_categorical_formula(gamma, dtype, rng):
    """sum_k t_k alpha_k (1 - p_k)^gamma (-log p_k), as keras.losses.CategoricalFocalCrossentropy, in double."""
    x, alpha = rng.normal(0, 2, (50, 7)).astype(dtype), rng.uniform(0.1, 1, 7)
    t = rng.dirichlet(np.ones(7), 50)
    log_p = scipy.special.log_softmax(x.astype(np.float64), axis=1)
    want = (t * alpha * (1 - np.exp(log_p)) ** gamma * -log_p).sum(axis=1)
    got = fx.softmax_focal_loss(x, t, gamma=gamma, alpha=alpha, reduction="none")
    assert_ulp(got, want, bounds(gamma)["loss"], dtype)


@each_dtype
def test_between_0_and_1_the_loss_is_linear_in_the_target(dtype, rng):
    x, t = rng.normal(0, 3, 100).astype(dtype), rng.random(100)
    ones, zeros = (fx.sigmoid_focal_loss(x.astype(float), np.full(100, y), reduction="none") for y in (1, 0))
    got = fx.sigmoid_focal_loss(x, t, reduction="none")
    assert_ulp(got, t * ones + (1 - t) * zeros, bounds(2.0)["loss"], dtype)


@in_turn("weights", ["class_weight", "alpha"])
def test_alpha_does_not_count_in_the_mean_and_class_weights_do(weights, rng):
    x, y, w = rng.normal(0, 1, (9, 3)), rng.integers(0, 3, 9), np.array([0.5, 1.0, 3.0])
    losses = fx.softmax_focal_loss(x, y, reduction="none")
    D = w[y].sum() if weights == "class_weight" else 9
    got = fx.softmax_focal_loss(x, y, **{weights: w})
    assert_ulp(got, (w[y] * losses).sum() / D, BOTH * bounds(2.0)["loss"], np.float64)


@each_dtype
def test_one_alpha_for_all_classes_is_a_factor(dtype, rng):
    x, y = rng.normal(0, 1, (9, 3)).astype(dtype), rng.integers(0, 3, 9)
    options = {"z_loss": 0.0, "label_smoothing": 0.25}
    for scaled, plain in zip(
        fx.softmax_focal_loss_grad_hess(x, y, alpha=0.25, **options),
        fx.softmax_focal_loss_grad_hess(x, y, **options),
        strict=True,
    ):
        np.testing.assert_array_equal(scaled, 0.25 * np.asarray(plain))


@in_turn("gamma", GAMMAS)
@each_of(FOCAL_LOSSES)
@each_dtype
def test_finite_for_every_gamma_and_every_logit(f, gamma, dtype):
    """But for the loss where the target's logit is infinitely wrong, which is +inf."""
    for x, target in extremes(f.kind, dtype):
        got = named(f, f.call(x, target, gamma=gamma, reduction="none"))
        assert not np.isnan(got["loss"]).any()
        assert np.isfinite(got["loss"][np.isfinite(x).reshape(len(x), -1).all(axis=1)]).all()
        assert all(np.isfinite(got[name]).all() for name in f.gives[1:])


def extremes(kind, dtype):
    """(logits, target): one logit of each size and sign, with the target on either side and on both."""
    far = np.array([*LOGITS, *(-x for x in LOGITS)]).astype(dtype)
    if kind == "sigmoid":
        yield from ((far, np.full(far.size, t)) for t in (0.0, 0.25, 1.0))
        return
    for classes in (2, 5, 70):
        x = np.zeros((far.size - 1, classes), dtype)
        x[:, 1] = far[far < np.inf]
        yield from ((x, np.full(len(x), y)) for y in (0, 1))
        yield x, np.full(x.shape, 1 / classes)
        yield x.T.copy().T, np.full(len(x), 1)


@in_turn("gamma", [0.0, 0.1, 1.0, 2.0, 2.7, 10.0, 1e3, 1e9])
@each_dtype
def test_the_modulating_factor_against_mpmath(gamma, dtype, rng):
    top = 126 if dtype == np.float32 else 1022
    x = np.concatenate([2.0 ** rng.uniform(-60, top, 500), 2.0 ** rng.uniform(-9, 9, 500), [0.0, 2.0**top]])
    x = np.append(x, rng.uniform(0, 80, 500) / max(gamma, 1)).astype(dtype)
    got = np.empty_like(x)
    _isa.kernels.elementwise("inverse_power", x, got, gamma)
    with mp.workdps(oracle.DIGITS):
        want = oracle.exact([(1 + mpf(float(v))) ** -mpf(gamma) for v in x])
    size = want.high / np.finfo(dtype).smallest_normal
    assert not got[size < 1 - 1e-4].any()
    off = np.where(size > 1 + 1e-4, oracle.ulps_off(got, want, dtype), 0)
    large = gamma * np.log1p(x.astype(float)) > 1
    assert off[~large].max() <= 2
    assert off.max() <= 2 + gamma


@each_dtype
def test_the_hessian_is_negative_where_an_element_is_very_wrong(dtype):
    x = np.array([-6.0, -1.0, 2.0], dtype)
    hess = fx.sigmoid_focal_loss_grad_hess(x, [1, 1, 1], reduction="none")[2]
    np.testing.assert_array_equal(hess > 0, [False, True, True])
    two = Problem(
        NAMED["softmax_focal_loss_grad_hess"], np.stack([x, 0 * x], 1), np.zeros(3, int), {"reduction": "none"}
    )
    size = terms(two)["hess"][:, 0]
    assert_ulp(two.run()["hess"][:, 0], hess, BOTH * bounds(2.0)["hess"], dtype, size)


@each_dtype
def test_a_very_wrong_class_has_the_gradient_of_the_cross_entropy(dtype):
    x = np.array([[-np.inf, 0.0, 1.0], [-1e4, 0.0, 1.0]], dtype)
    loss, grad = fx.softmax_focal_loss_grad(x, [0, 0], gamma=1.5, reduction="none")
    assert loss[0] == np.inf
    assert_ulp(loss[1], 1e4 + np.log1p(np.e), bounds(1.5)["loss"], dtype)  # (1 - p)^gamma is 1
    assert_ulp(grad, fx.softmax_cross_entropy_grad(x, [0, 0], reduction="none")[1], BOUND["grad"], dtype)
    np.testing.assert_array_equal(grad[:, 0], -1)
