"""MultinomialLoss and BinomialLoss: results beside the public functions, scikit-learn's losses and the real values."""

import copy
import pickle

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn._loss.loss import HalfBinomialLoss, HalfMultinomialLoss

import fastxent as fx
from fastxent.sklearn import BinomialLoss, MultinomialLoss
from tests import oracle
from tests.exact_cases import CASES, truth
from tests.sklearn_losses import METHODS, C, call, data, each_method, each_option, each_size, methods_of
from tests.table import each_dtype
from tests.turns import in_turn
from tests.ulp import BOUND

# Which of the public functions of a family computes as much as a method does.
ORDER = {"loss": "", "gradient": "_grad", "loss_gradient": "_grad", "gradient_hessian": "_grad_hess"}


def public(loss, method, y, raw, weight):
    """What the public function with the options of a loss gives, by the names of the outputs."""
    if method == "gradient_proba":
        return {"proba_out": fx.softmax(raw)} | public(loss, "gradient", y, raw, weight)
    if loss.is_multiclass:
        options = {name: getattr(loss, f"_{name}") for name in ("class_weight", "ignore_index", "z_loss", "infogain")}
        y = y.astype(np.int64)
    else:
        options = {"pos_weight": loss._pos_weight, "ignore_index": loss._ignore}
    function = getattr(fx, f"{'softmax' if loss.is_multiclass else 'sigmoid'}_cross_entropy{ORDER[method]}")
    options |= {"label_smoothing": loss._smoothing, "sample_weight": weight, "reduction": "none"}
    results = function(raw, y, **options)
    results = results if isinstance(results, tuple) else (results,)
    return dict(zip(("loss_out", "gradient_out", "hessian_out"), results, strict=False))


@each_method
@each_size
@each_dtype
def test_results_are_those_of_the_public_function_to_the_bit(loss, n, method, rng, dtype):
    args = data(loss, rng, n, dtype)
    for name, got in call(loss, method, *args).items():
        assert got.dtype == dtype
        np.testing.assert_array_equal(got, public(loss, method, *args)[name])


@each_size
@in_turn("weighted", [False, True])
@in_turn(
    "loss, theirs",
    [(MultinomialLoss(C), HalfMultinomialLoss(n_classes=C)), (BinomialLoss(), HalfBinomialLoss())],
)
def test_agreement_with_scikit_learn(loss, theirs, n, weighted, rng):
    y, raw, weight = data(loss, rng, n)
    args = (y, raw, weight if weighted else None)
    for method in methods_of(loss):
        for name, want in call(theirs, method, *args).items():
            # where p is near 1, theirs is a rounded difference: 1 - p, p - 1, (p - t) for t near p
            np.testing.assert_allclose(call(loss, method, *args)[name], want, rtol=1e-13, atol=3e-15)
    np.testing.assert_allclose(loss(*args), theirs(*args), rtol=1e-13)
    np.testing.assert_allclose(loss.predict_proba(raw), theirs.predict_proba(raw), rtol=1e-13, atol=3e-16)
    for method in ("fit_intercept_only", "constant_to_optimal_zero"):
        want = getattr(theirs, method)(y, args[2])
        # logarithms of frequencies, which are 0 where those are equal
        np.testing.assert_allclose(getattr(loss, method)(y, args[2]), want, rtol=1e-14, atol=1e-15)


EXACT = [case for case in CASES if case.kind in ("softmax", "sigmoid") and case.one_product and case.gamma is None]


def bound(case, dtype):
    """The loss of a case, and its target and raw predictions; None if it takes no such target."""
    x, target, options = case.inputs(dtype)
    if case.kind == "sigmoid":
        return BinomialLoss(**options), target, x
    return (MultinomialLoss(x.shape[1], **options), target, x) if target.ndim == 1 else None


@pytest.mark.parametrize("case", [c for c in EXACT if bound(c, np.float64)], ids=str)
def test_float64_is_within_its_bounds_of_the_real_values(case):
    loss, y, raw = bound(case, np.float64)
    want = truth(case, np.float64)
    results = call(loss, "gradient_hessian", y, raw) | call(loss, "loss_gradient", y, raw)
    scales = {"grad": getattr(want, "grad_terms", None), "hess": getattr(want, "hess_terms", None)}
    if not getattr(loss, "_z_loss", 0.0) and case.kind == "softmax":
        scales = {}
    for name, got in results.items():
        name = {"loss_out": "loss", "gradient_out": "grad", "hessian_out": "hess"}[name]
        scale = scales.get(name)
        off = oracle.ulps_off(got, getattr(want, name), np.float64, None if scale is None else scale.high)
        assert off.max() <= BOUND[name], name


@each_option
def test_the_mean_is_weighted_by_the_samples_that_count(loss, rng):
    y, raw, weight = data(loss, rng, 200)
    ignored = loss._ignore_index if loss.is_multiclass else loss._ignore
    kept = np.ones(len(y), dtype=bool) if ignored is None else y != ignored
    np.testing.assert_allclose(
        loss(y, raw, weight), np.average(loss.loss(y, raw)[kept], weights=weight[kept]), rtol=1e-14
    )
    np.testing.assert_allclose(loss(y, raw), loss.loss(y, raw)[kept].mean(), rtol=1e-14)
    np.testing.assert_allclose(loss(y, raw, weight), loss(y[kept], raw[kept], weight[kept]), rtol=1e-14)


def test_missing_targets_are_ignored_as_others_are(rng):
    y, raw, weight = data(BinomialLoss(), rng, 200)
    missing = rng.random(200) < 0.3
    marked, empty = np.where(missing, -1, y), np.where(missing, np.nan, y)
    by_number, by_nan = BinomialLoss(ignore_index=-1), BinomialLoss(ignore_index=np.nan)
    assert by_nan.in_y_true_range(empty)
    for method in methods_of(by_nan):
        want = call(by_number, method, marked, raw, weight)
        for name, got in call(by_nan, method, empty, raw, weight).items():
            np.testing.assert_array_equal(got, want[name])
    for method in ("fit_intercept_only", "constant_to_optimal_zero"):
        np.testing.assert_array_equal(
            getattr(by_nan, method)(empty, weight), getattr(by_number, method)(marked, weight)
        )


def test_class_weights_by_dict(rng):
    y, raw, weight = data(MultinomialLoss(C), rng, 50)
    one, other = (MultinomialLoss(C, class_weight=w) for w in ([0.5, 2, 0, 1], {3: 1, 1: 2, 0: 0.5, 2: 0}))
    np.testing.assert_array_equal(one.loss(y, raw, weight), other.loss(y, raw, weight))


@each_option
@each_size
def test_a_negative_weight_turns_the_sign(loss, n, rng):
    y, raw, weight = data(loss, rng, n)
    for method in list(METHODS)[:-1]:
        want, got = (call(loss, method, y, raw, sign * weight) for sign in (1, -1))
        for name in want:
            np.testing.assert_array_equal(got[name], -want[name])


@each_option
def test_a_copy_computes_the_same(loss, rng):
    args = data(loss, rng, 20)
    for other in (pickle.loads(pickle.dumps(loss)), copy.deepcopy(loss)):
        assert other(*args) == loss(*args)
        assert other.closs is other


def test_options_are_bound_when_the_loss_is_made(rng):
    weight, matrix = np.ones(C), np.eye(C)
    losses = MultinomialLoss(C, class_weight=weight), MultinomialLoss(C, infogain=matrix)
    args = data(losses[0], rng, 20)
    want = [loss(*args) for loss in losses]
    weight[:] = matrix[:] = 7.0
    assert [loss(*args) for loss in losses] == want


@each_option
@in_turn("weighted", [False, True])
def test_the_intercept_minimises_the_mean(loss, weighted, rng):
    y, _, weight = data(loss, rng, 60)
    weight = weight if weighted else None
    best = loss.fit_intercept_only(y, weight)

    def mean(raw):
        return loss(y, np.broadcast_to(raw, (60, C) if loss.is_multiclass else 60), weight)

    found = minimize(lambda x: mean(x if loss.is_multiclass else x[0]), np.zeros(np.size(best)), tol=1e-12)
    assert mean(best) <= found.fun + 1e-12
    gradient = loss.gradient(y, np.broadcast_to(best, (60, C) if loss.is_multiclass else 60), weight)
    np.testing.assert_allclose(gradient.sum(axis=0), 0, atol=1e-13)  # of 60 samples, each up to 4 and rounded to 1e-15


@each_option
def test_the_constant_is_the_least_loss(loss, rng):
    y, _, weight = data(loss, rng, 6)
    constants = loss.constant_to_optimal_zero(y, weight)
    for i in range(6):

        def value(raw, i=i):
            return loss.loss(y[i : i + 1], np.reshape(raw, (1, C) if loss.is_multiclass else 1), weight[i : i + 1])[0]

        # towards the target that the intercept of one sample has: the optimum, or the way to one at infinity
        counts = loss.loss(y[i : i + 1], np.zeros((1, C) if loss.is_multiclass else 1)).any()
        least = value(loss.fit_intercept_only(y[i : i + 1])) if counts else 0.0
        assert abs(least + constants[i]) <= 1e-13  # losses up to 100
