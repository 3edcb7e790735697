"""Gradients, second derivatives and means that the objectives and metrics return, whoever calls them."""

import copy
import inspect
import pickle

import cloudpickle
import numpy as np
import pytest
from scipy.special import expit

import fastxent as fx
from fastxent import boosting, reference
from tests.boosting import FACTORIES, LIBRARIES, Data, each_library, each_objective
from tests.layouts import LAYOUTS
from tests.problem import Problem, unmodified
from tests.table import NAMED
from tests.terms import terms
from tests.turns import in_turn
from tests.ulp import BOTH, BOUND, assert_ulp, bounds

APIS = [("xgboost", "native"), ("xgboost", "sklearn"), ("lightgbm", "native"), ("lightgbm", "sklearn")]
each_api = pytest.mark.parametrize(("library", "api"), APIS)
each_library_of_two = pytest.mark.parametrize("library", ["xgboost", "lightgbm"])
FLOOR = 1e-16
# q^gamma with a relative error of q has gamma times that; but no more than -log q^gamma times, which is 104 where it is
# not 0 in float32.
LARGEST_EXPONENT = 104
WEIGHTS = np.float32([1, 0.5, 2, 3, 0.25, 1, 4])


def softmax_problem(library, classes=5, n=7):
    rng = np.random.default_rng(2)
    scores = rng.normal(0, 2, (n, classes))
    scores = scores.astype(np.float32) if library == "xgboost" else np.asfortranarray(scores)
    return scores, rng.integers(0, classes, n).astype(np.float32)


def sigmoid_problem(library, n=7):
    rng = np.random.default_rng(3)
    scores = rng.normal(0, 2, n).astype(np.float32 if library == "xgboost" else np.float64)
    return scores, rng.integers(0, 2, n).astype(np.float32)


def mean_of(metric):
    """The number in what a metric returned, which is it or a tuple of its name, itself and more."""
    return metric if isinstance(metric, float) else metric[1]


def problem_of(objective, library):
    return (softmax_problem if objective is boosting.softmax_objective else sigmoid_problem)(library)


def called(function, api, scores, labels, weights=None):
    """An objective or metric of XGBoost or LightGBM, called as its training functions or its estimators do."""
    if api == "native":
        empty = weights is None and "sample_weight" in inspect.signature(function).parameters
        return function(scores, Data(None, labels, np.empty(0, np.float32) if empty else weights))
    return function(labels, scores, weights)


def softmax_of(scores):
    return np.exp(scores.astype(np.float64) - reference.logsumexp(scores.astype(np.float64), keepdims=True))


def assert_derivatives(got, want, bound=BOUND, factor=1, sizes=None):
    """Gradient and Hessian in float32 are within their bounds in ulp, of themselves or of the sizes of their terms."""
    for name, one, other in zip(("grad", "hess")[: len(want)], got, want, strict=True):
        assert_ulp(one, other, factor * bound[name], np.float32, (sizes or {}).get(name), name)


def assert_those_of(p, *got):
    """The gradient, or gradient and Hessian, are those of a problem of the table."""
    _, *want = p.change(x=p.x.astype(np.float64)).expected().values()
    assert_derivatives(got, want, p.bounds, sizes=terms(p))


def problem_of_all_rows(name, scores, labels, weights, **options):
    return Problem(NAMED[name], scores, labels, {"sample_weight": weights, "reduction": "sum"} | options)


@each_api
def test_the_rules_of_the_softmax_second_derivative(library, api):
    scores, labels = softmax_problem(library)
    p = softmax_of(scores)
    v = WEIGHTS[:, None]
    rules = {"exact": p * (1 - p) * v, "lightgbm": 5 / 4 * p * (1 - p) * v}
    rules["xgboost"] = np.maximum(2 * p * (1 - p) * v, FLOOR)
    for rule, want in rules.items():
        objective = boosting.softmax_objective(library, hessian=rule)
        grad, hess = called(objective, api, scores, labels, WEIGHTS)
        assert_derivatives((grad, hess), ((p - np.eye(5)[labels.astype(int)]) * v, want))


@in_turn("rule", ["exact", "lightgbm", "xgboost"])
@in_turn("classes", [1, 2, 3, 40, 100, 300])
@each_library_of_two
def test_the_derivatives_are_those_of_the_function_rounded_once(library, classes, rule):
    scores, labels = softmax_problem(library, classes, 70)
    weights = np.arange(70) / 7
    _, grad, hess = fx.softmax_cross_entropy_grad_hess(
        scores, labels.astype(int), sample_weight=weights, reduction="sum"
    )
    if classes > 1:
        hess *= {"exact": 1, "lightgbm": classes / (classes - 1), "xgboost": 2}[rule]
    hess = np.maximum(hess, FLOOR if rule == "xgboost" else 0).astype(np.float32)
    got = boosting.softmax_objective(library, hessian=rule)(labels, scores, weights)
    np.testing.assert_array_max_ulp(got[0], grad.astype(np.float32), 1)
    np.testing.assert_array_max_ulp(got[1], hess, 1)


@in_turn("rule", ["gauss_newton", "lightgbm", "xgboost"])
@in_turn("gamma", [0.0, 0.5, 2.0, 5.0])
@in_turn("classes", [None, 2, 3, 40, 100, 300])
@each_library_of_two
def test_the_gauss_newton_rule_is_the_cross_entropy_of_the_row_times_its_slope(library, classes, gamma, rule):
    scores, labels = sigmoid_problem(library, 70) if classes is None else softmax_problem(library, classes, 70)
    x = np.stack([0 * scores, scores], axis=1) if classes is None else scores
    p = softmax_of(x)
    own = p[np.arange(70), labels.astype(int)][:, None]
    slope = (1 - own) ** gamma - gamma * (1 - own) ** (gamma - 1) * own * np.log(own)
    factor = 1.0 if classes is None or rule == "gauss_newton" else 2 if rule == "xgboost" else classes / (classes - 1)
    want = slope * (p - np.eye(p.shape[1])[labels.astype(int)]), factor * slope * p * (1 - p)
    got = boosting.focal_objective(library, gamma=gamma, hessian=rule)(labels, scores, None)
    want = [value[:, 1] for value in want] if classes is None else want
    assert_derivatives(got, want, bounds(gamma))


@each_api
def test_the_rules_of_the_sigmoid_second_derivative(library, api):
    scores, labels = sigmoid_problem(library)
    p = 1 / (1 + np.exp(-scores.astype(np.float64)))
    for rule in ("exact", "lightgbm", "xgboost"):
        got = called(boosting.sigmoid_objective(library, hessian=rule), api, scores, labels, WEIGHTS)
        assert_derivatives(got, ((p - labels) * WEIGHTS, p * (1 - p) * WEIGHTS))


@pytest.mark.parametrize("objective", [boosting.softmax_objective, boosting.sigmoid_objective])
def test_only_xgboosts_rule_has_a_floor(objective):
    scores = np.float32([[200, 0], [0, 0]]) if objective is boosting.softmax_objective else np.float32([200, 0])
    for rule, least in (("exact", 0), ("lightgbm", 0), ("xgboost", np.float32(FLOOR))):
        _, hess = objective("xgboost", hessian=rule)(np.zeros(2, np.float32), scores)
        assert hess.min() == least


@each_api
@each_objective
def test_float32_in_the_scores_memory_order(library, api, objective):
    problems = [softmax_problem(library)] * (objective is not boosting.sigmoid_objective)
    problems += [sigmoid_problem(library)] * (objective is not boosting.softmax_objective)
    for scores, labels in problems:
        for array in called(objective(library), api, scores, labels, WEIGHTS):
            assert array.dtype == np.float32
            assert array.shape == scores.shape
            assert array.flags.f_contiguous == scores.flags.f_contiguous
            assert array.flags.c_contiguous == scores.flags.c_contiguous


@each_api
@in_turn("layout", LAYOUTS)
def test_any_layout_gives_the_same_and_is_left_as_it_was(library, api, layout):
    for objective, (scores, labels) in (
        (boosting.softmax_objective, softmax_problem(library)),
        (boosting.sigmoid_objective, sigmoid_problem(library)),
        (boosting.focal_objective, softmax_problem(library)),
    ):
        want = called(objective(library), api, scores, labels, WEIGHTS)
        arrays = [LAYOUTS[layout](array) for array in (scores, labels, WEIGHTS)]
        with unmodified(arrays):
            got = called(objective(library), api, *arrays)
        assert_derivatives(got, want, bounds(2.0), BOTH)


@each_objective
def test_results_of_an_earlier_call_are_not_written_again(objective):
    scores, labels = problem_of(objective, "xgboost")
    call = objective("xgboost")
    first, _ = call(labels, scores)
    kept = first.copy()
    call(labels, scores + 1)
    np.testing.assert_array_equal(first, kept)


def test_lightgbm_counts_three_parameters_and_xgboost_finds_sample_weight():
    for factory in FACTORIES:
        for library in LIBRARIES:
            assert list(inspect.signature(factory(library)).parameters) == ["y_true", "y_pred", "sample_weight"]


@each_api
def test_class_weights_and_label_smoothing_are_those_of_the_functions(library, api):
    scores, labels = softmax_problem(library)
    options = {"class_weight": [0.5, 1, 2, 3, 1], "label_smoothing": 0.1}
    p = problem_of_all_rows("softmax_cross_entropy_grad_hess", scores, labels.astype(int), WEIGHTS, **options)
    assert_those_of(p, *called(boosting.softmax_objective(library, **options), api, scores, labels, WEIGHTS))


@each_api
def test_two_classes_of_a_softmax_are_a_sigmoid(library, api):
    scores, labels = sigmoid_problem(library)
    both = np.stack([np.zeros_like(scores), scores], axis=1)
    options = {"class_weight": [0.5, 3.0], "label_smoothing": 0.2}
    p = problem_of_all_rows("softmax_cross_entropy_grad_hess", both, labels.astype(int), WEIGHTS, **options)
    want = called(boosting.softmax_objective(library, **options), api, both, labels, WEIGHTS)
    got = called(boosting.sigmoid_objective(library, **options), api, scores, labels, WEIGHTS)
    sizes = {name: size[:, 1] for name, size in terms(p).items()}
    assert_derivatives(got, [value[:, 1] for value in want], factor=BOTH, sizes=sizes)
    want = called(boosting.softmax_metric(library, **options), api, both, labels, WEIGHTS)
    got = called(boosting.sigmoid_metric(library, **options), api, scores, labels, WEIGHTS)
    assert_ulp(mean_of(got), mean_of(want), BOTH * BOUND["loss"], scores.dtype)


@each_api
def test_the_mean_is_weighted(library, api):
    scores, labels = softmax_problem(library)
    class_weight = np.array([0.5, 1, 2, 3, 1])
    for weights in (None, WEIGHTS):
        got = called(boosting.softmax_metric(library, class_weight=class_weight), api, scores, labels, weights)
        want = reference.softmax_cross_entropy(
            scores.astype(np.float64), labels.astype(int), class_weight=class_weight, sample_weight=weights
        )
        assert_ulp(mean_of(got), want, BOTH * BOUND["loss"], scores.dtype)
        if library == "lightgbm":
            assert got[2] is False


@each_api
def test_the_focal_gradient_is_that_of_the_function(library, api):
    for hessian in ("gauss_newton", "exact", "xgboost", "lightgbm"):
        for gamma in (0.0, 0.5, 2.0, 5.0):
            scores, labels = softmax_problem(library)
            options = {"gamma": gamma, "alpha": [1, 0.5, 2, 1, 3], "class_weight": [0.5, 1, 2, 3, 1]}
            p = problem_of_all_rows("softmax_focal_loss_grad", scores, labels.astype(int), WEIGHTS, **options)
            objective = boosting.focal_objective(library, hessian=hessian, **options)
            assert_those_of(p, called(objective, api, scores, labels, WEIGHTS)[0])
            scores, labels = sigmoid_problem(library)
            options = {"gamma": gamma, "alpha": 0.25}
            objective = boosting.focal_objective(library, hessian=hessian, **options, class_weight=[2, 3])
            p = problem_of_all_rows("sigmoid_focal_loss_grad", scores, labels, 2 * WEIGHTS, **options, pos_weight=3 / 2)
            assert_those_of(p, called(objective, api, scores, labels, WEIGHTS)[0])


@pytest.mark.parametrize("gamma", [0.5, 2.0, 50.0, 1e3, 1e38, 1e300])
@pytest.mark.parametrize("rule", ["gauss_newton", "exact", "xgboost"])
def test_the_focal_gradient_however_sure_a_row_and_however_large_gamma(rule, gamma):
    margins = np.array([-80, -25, -18, -5, -1, 0, 1, 5, 12, 18, 25, 40], np.float32)
    labels = np.ones(margins.size, np.float32)
    both = np.stack([np.zeros_like(margins), margins], axis=1)
    objective = boosting.focal_objective("xgboost", hessian=rule, gamma=gamma)
    _, want = fx.sigmoid_focal_loss_grad(margins.astype(np.float64), labels, gamma=gamma, reduction="none")
    for scores, of_label in ((margins, np.s_[:]), (both, np.s_[:, 1])):
        grad, hess = (result[of_label] for result in objective(labels, scores))
        assert_ulp(grad, want, BOTH * bounds(min(gamma, LARGEST_EXPONENT))["grad"], np.float32)
        assert np.isfinite(hess).all()
        assert (hess >= 0).all()


def test_the_gauss_newton_rule_is_positive_and_exact_near_the_optimum():
    scores = np.float64([[0.0, -6, 6], [6, 0, 0], [0, 0, -8]])
    labels = np.float32([1, 0, 0])
    _, exact = fx.softmax_focal_loss_grad_hess(scores, labels.astype(int), reduction="sum")[1:]
    assert exact.min() < 0
    _, hess = boosting.focal_objective("lightgbm")(labels, scores, None)
    assert hess.min() > 0
    _, floored = boosting.focal_objective("lightgbm", hessian="exact")(labels, scores, None)
    np.testing.assert_array_max_ulp(floored, np.maximum(exact, FLOOR).astype(np.float32), 1)  # rounded once
    sure = np.float64([[9.0, 0, 0]])
    exact = fx.softmax_focal_loss_grad_hess(sure, [0], gamma=0.0, reduction="sum")[2]
    _, hess = boosting.focal_objective("lightgbm", gamma=0.0)(np.float32([0]), sure, None)
    np.testing.assert_array_max_ulp(hess, exact.astype(np.float32), 1)


def test_a_sure_row_keeps_its_derivatives():
    got = boosting.softmax_objective("xgboost", hessian="exact")(np.float32([0]), np.float32([[20, 0]]))
    other = expit(-20)
    assert_derivatives(got, ([[-other, other]], [[other * (1 - other)] * 2]))
    ders, _ = boosting.softmax_objective("catboost").calc_ders_multi([40.0, 0.0], 0.0, 1.0)
    assert_ulp(ders, [expit(-40), -expit(-40)], BOUND["grad"], np.float64)


@pytest.mark.parametrize("copied", [copy.deepcopy, lambda x: pickle.loads(pickle.dumps(x)),
                                    lambda x: pickle.loads(cloudpickle.dumps(x))],
                         ids=["deepcopy", "pickle", "cloudpickle"])  # fmt: skip
@each_library
def test_objectives_and_metrics_can_be_copied(library, copied):
    for factory in FACTORIES:
        value = factory(library, class_weight=[1, 2], n_threads=1)
        assert copied(value) == value != factory(library, class_weight=[1, 3], n_threads=1)
        assert repr(copied(value)) == repr(value)


def test_distributions_as_labels(rng):
    scores, _ = softmax_problem("xgboost")
    target = rng.dirichlet(np.ones(5), 7).astype(np.float32)
    p = problem_of_all_rows("softmax_cross_entropy_grad_hess", scores, target, WEIGHTS)
    assert_those_of(p, *boosting.softmax_objective("xgboost", hessian="exact")(target, scores, WEIGHTS))
    want = reference.softmax_cross_entropy(scores.astype(np.float64), target, sample_weight=WEIGHTS)
    assert_ulp(boosting.softmax_metric("xgboost")(target, scores, WEIGHTS), want, BOUND["loss"], np.float32)


def test_nothing_with_weight_has_no_mean():
    scores, labels = softmax_problem("xgboost")
    none = np.zeros(7, np.float32)
    assert np.isnan(boosting.softmax_metric("xgboost")(labels, scores, none))
    assert np.isnan(boosting.softmax_metric("lightgbm")(labels, scores, none)[1])
    assert np.isnan(boosting.softmax_metric("catboost").get_final_error(0.0, 0.0))
    grad, hess = boosting.softmax_objective("xgboost")(labels, scores, none)
    assert not grad.any()
    assert not hess.any()


@each_objective
def test_no_rows(objective):
    none = np.empty(0, np.float32)
    scores = np.empty((0, 3), np.float32) if objective is boosting.softmax_objective else none
    grad, hess = objective("xgboost")(none, scores)
    assert grad.shape == hess.shape == scores.shape


@each_objective
def test_a_nan_score_spoils_its_own_row_alone(objective):
    scores, labels = problem_of(objective, "lightgbm")
    want = objective("lightgbm")(labels, scores, None)
    scores[2] = np.nan
    for got, expected in zip(objective("lightgbm")(labels, scores, None), want, strict=True):
        assert np.isnan(got[2]).all()
        np.testing.assert_array_equal(np.delete(got, 2, axis=0), np.delete(expected, 2, axis=0))
