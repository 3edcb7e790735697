"""The optimum that TemperatureScaling finds: against bisection in longdouble, scikit-learn, and laws."""

import math
import warnings

import numpy as np
import pytest
from scipy.optimize import minimize
from sklearn.calibration import CalibratedClassifierCV
from sklearn.ensemble import RandomForestClassifier
from sklearn.exceptions import ConvergenceWarning
from sklearn.frozen import FrozenEstimator
from sklearn.linear_model import LogisticRegression

import fastxent as fx
from fastxent.sklearn import TemperatureScaling
from fastxent.sklearn._optimum import newton
from tests.calibration import ERROR, GRADIENT, bisected, draw
from tests.peak import peak

SHAPES = [(40, 2), (300, 3), (50, 200), (9000, 10), (4, 40_000)]
shapes = pytest.mark.parametrize("shape", SHAPES, ids=str)


def fitted(scores, labels, weight=None, **options):
    classes = None if scores.ndim == 1 else np.arange(scores.shape[1])
    return TemperatureScaling(classes=classes, **options).fit(scores, labels, sample_weight=weight)


@shapes
@pytest.mark.parametrize("scale", [0.4, 3.0])
def test_the_temperature_is_that_of_bisection_in_longdouble(shape, scale, dtype, rng):
    scores, labels = draw(rng, shape, scale, dtype)
    got = fitted(scores, labels).temperature_
    np.testing.assert_allclose(got, bisected(scores, labels), rtol=ERROR[scores.dtype])


@pytest.mark.parametrize("scale", [1e-30, 1e-4, 1e4, 1e30])
def test_the_temperature_is_found_at_any_scale_of_the_scores(scale, dtype, rng):
    scores, labels = draw(rng, (500, 4), 1.0, dtype)
    want = fitted(scores, labels).temperature_
    got = fitted(scores * dtype(scale), labels).temperature_ / scale
    np.testing.assert_allclose(got, want, rtol=2 * ERROR[scores.dtype])


def test_a_constant_added_to_a_row_changes_no_more_than_it_rounds(rng):
    scores, labels = draw(rng, (500, 4))
    moved = scores + 1000 * rng.integers(-1, 2, (500, 1))
    np.testing.assert_allclose(fitted(moved, labels).temperature_, bisected(moved, labels), rtol=ERROR[moved.dtype])


@pytest.mark.parametrize("zero", [3.0, 20.0])
@pytest.mark.parametrize("start", [1.0, 550.0, 1e9])
def test_no_step_leaves_the_points_between_which_the_zero_is_known_to_lie(start, zero):
    below, above = [-math.inf], [math.inf]

    def derivatives(at):  # of which Newton's method alone runs away to either side
        assert max(below) < at < min(above)
        (below if at < zero else above).append(at)
        return math.atan(at - zero), 1 / (1 + (at - zero) ** 2)

    found, _, converged = newton(derivatives, start, 1e-12, 100)
    assert converged
    assert found == pytest.approx(zero, rel=1e-12)


def test_few_steps_are_needed(rng):
    scores, labels = draw(rng, (2000, 10), 2.5)
    assert fitted(scores, labels).n_iter_ <= 8


@pytest.mark.parametrize("wrong", [1e-6, 1e-2])
def test_a_single_wrong_row_among_confident_ones_is_heard(wrong, rng):
    scores = np.zeros((3000, 2))
    scores[:, 0] = rng.uniform(1, 2, 3000)
    scores[17] = 0.0, wrong
    labels = np.zeros(3000, np.intp)
    model = fitted(scores, labels)
    np.testing.assert_allclose(model.temperature_, bisected(scores, labels), rtol=ERROR[scores.dtype])
    assert model.n_iter_ <= 60


def test_the_temperature_of_weights_is_that_of_repeated_rows(dtype, rng):
    scores, labels = draw(rng, (400, 5), 2.0, dtype)
    weight = rng.integers(0, 4, 400)
    for options in ({}, {"bias": True}):
        weighted = fitted(scores, labels, weight, **options)
        repeated = fitted(np.repeat(scores, weight, axis=0), np.repeat(labels, weight), **options)
        rtol = (GRADIENT if options else ERROR)[scores.dtype]
        np.testing.assert_allclose(weighted.temperature_, repeated.temperature_, rtol=rtol)
        np.testing.assert_allclose(weighted.bias_, repeated.bias_, rtol=0, atol=rtol)


def test_two_scores_and_their_difference_have_the_same_temperature(dtype, rng):
    scores, labels = draw(rng, (700, 2), 2.0, dtype)
    pair, single = fitted(scores, labels), fitted(scores[:, 1] - scores[:, 0], labels)
    np.testing.assert_allclose(single.temperature_, pair.temperature_, rtol=2 * ERROR[scores.dtype])
    np.testing.assert_allclose(
        single.predict_proba(scores[:, 1] - scores[:, 0]),
        pair.predict_proba(scores),
        rtol=16 * np.finfo(dtype).eps,  # logits up to 8 are rounded on both sides
    )


def test_two_scores_and_their_difference_have_the_same_bias(rng):
    scores, labels = draw(rng, (700, 2), 2.0)
    scores[:, 0] += 1.0
    pair, single = fitted(scores, labels, bias=True), fitted(scores[:, 1] - scores[:, 0], labels, bias=True)
    np.testing.assert_allclose(single.temperature_, pair.temperature_, rtol=GRADIENT[scores.dtype])
    np.testing.assert_allclose(single.bias_[0], pair.bias_[1] - pair.bias_[0], rtol=GRADIENT[scores.dtype])


def test_temperature_and_bias_have_no_gradient(rng):
    scores, labels = draw(rng, (600, 4), 2.0)
    scores[:, 2] += 3.0
    model = fitted(scores, labels, bias=True)
    logits = scores / model.temperature_ + model.bias_
    grad = fx.softmax_cross_entropy_grad(logits, labels)[1]
    assert np.abs(grad.sum(axis=0)).max() < 1e-8
    assert abs(np.vdot(grad, scores)) < 1e-8
    assert abs(model.bias_.mean()) <= np.finfo(float).eps * np.abs(model.bias_).max()
    assert fx.softmax_cross_entropy(logits, labels) < fx.softmax_cross_entropy(
        fitted(scores, labels).transform(scores), labels
    )


def test_temperature_and_bias_are_those_of_another_minimiser(rng):
    scores, labels = draw(rng, (300, 3), 2.0)

    def loss(point):
        return fx.softmax_cross_entropy(scores * point[0] + [*point[1:], 0.0], labels)

    want = minimize(loss, [1.0, 0.0, 0.0], method="Nelder-Mead", options={"xatol": 1e-9, "fatol": 1e-15})
    model = fitted(scores, labels, bias=True)
    # the simplex sees the loss to 1e-16, and so its minimum to some times the root of that
    np.testing.assert_allclose(1 / model.temperature_, want.x[0], rtol=2e-7)
    np.testing.assert_allclose(model.bias_[:2] - model.bias_[2], want.x[1:], rtol=0, atol=2e-7)


@pytest.mark.parametrize("bias", [False, True], ids=["temperature", "bias"])
@pytest.mark.parametrize("shape", [(9000, 10), (9000, 200), (100_000, 2)], ids=str)
def test_any_number_of_threads_gives_the_same_bits(shape, bias, dtype, rng):
    scores, labels = draw(rng, shape, 2.0, dtype)
    if shape[1] == 2:
        scores = scores[:, 1] - scores[:, 0]
    weight = rng.random(len(labels))
    few, many = (fitted(scores, labels, weight, bias=bias, n_threads=n) for n in (1, 5))
    assert few.temperature_ == many.temperature_
    np.testing.assert_array_equal(few.bias_, many.bias_)


def test_any_number_of_threads_gives_the_same_bits_for_a_large_vocabulary(dtype, rng):
    scores, labels = draw(rng, (70, 40_000), 2.0, dtype)
    assert fitted(scores, labels, n_threads=1).temperature_ == fitted(scores, labels, n_threads=5).temperature_


# Beside scikit-learn, whose search stops at 64 eps of log T, but sees the loss only to about the root of that

PEERS = 8 * np.finfo(float).eps ** 0.5


@pytest.mark.parametrize("n_classes", [2, 5])
@pytest.mark.parametrize(
    "classifier",
    [LogisticRegression(C=100.0), RandomForestClassifier(n_estimators=20, max_depth=4, random_state=0)],
    ids=["decision_function", "predict_proba"],
)
def test_probabilities_are_those_of_scikit_learn(classifier, n_classes, rng):
    X, y = draw(rng, (900, n_classes))
    classifier.fit(X[:200], y[:200])
    frozen = FrozenEstimator(classifier)
    model = TemperatureScaling(frozen).fit(X[200:], y[200:])
    peer = CalibratedClassifierCV(frozen, method="temperature").fit(X[200:], y[200:])
    np.testing.assert_allclose(model.predict_proba(X), peer.predict_proba(X), rtol=0, atol=PEERS / 2)
    factor = 2 if n_classes == 2 and hasattr(classifier, "decision_function") else 1  # logits -x and x there
    beta = peer.calibrated_classifiers_[0].calibrators[0].beta_
    np.testing.assert_allclose(1 / model.temperature_, factor * beta, rtol=PEERS)


# Where there is no proper optimum


@pytest.mark.parametrize("n", [50, 6000])
def test_scores_that_separate_the_classes_get_a_temperature_that_makes_them_certain(n, dtype, rng):
    labels = np.arange(n) % 3
    scores = (np.eye(3)[labels] * 5 + rng.random((n, 3))).astype(dtype)
    with pytest.warns(ConvergenceWarning, match="separate the classes"):
        model = fitted(scores, labels)
    assert 0 < model.temperature_ < 1
    assert model.predict_proba(scores)[np.arange(n), labels].min() > 1 - 4 * np.finfo(dtype).eps
    with pytest.warns(ConvergenceWarning, match="separate the classes"):
        assert fitted(scores, labels, bias=True).temperature_ == model.temperature_


def test_a_row_of_equal_scores_is_no_obstacle_to_separation():
    with pytest.warns(ConvergenceWarning, match="separate the classes"):
        fitted(np.array([[1.0, 1.0], [2.0, 0.0], [0.0, 2.0]]), np.array([0, 0, 1]))


@pytest.mark.parametrize("n", [60, 9000])
@pytest.mark.parametrize("shape", ["all classes", "one score"])
def test_scores_that_say_the_opposite_get_equal_probabilities(n, shape, rng):
    scores, labels = draw(rng, (n, 2))
    scores = -scores if shape == "all classes" else scores[:, 0] - scores[:, 1]
    with pytest.warns(ConvergenceWarning, match="no temperature beats equal probabilities"):
        model = fitted(scores, labels)
    assert model.temperature_ == math.inf
    assert (model.predict_proba(scores) == 0.5).all()
    assert (model.transform(scores) == 0.0).all()
    assert len(set(model.predict(scores))) == 2


def test_with_a_bias_useless_scores_get_the_frequencies_of_the_classes(rng):
    scores, labels = draw(rng, (600, 3))
    with pytest.warns(ConvergenceWarning, match="no temperature beats the classes' frequencies"):
        model = fitted(-scores, labels, bias=True)
    # the gradient by a bias is the difference of the two, and below tol
    np.testing.assert_allclose(model.predict_proba(scores)[0], np.bincount(labels) / 600, rtol=0, atol=1e-8)


def test_equal_scores_keep_the_temperature_1():
    with pytest.warns(ConvergenceWarning, match="equal scores"):
        assert fitted(np.full((4, 2), 7.0), np.array([0, 1, 1, 0])).temperature_ == 1.0


def test_too_few_iterations_are_said(rng):
    scores, labels = draw(rng, (300, 3), 5.0)
    for options, name in (({}, "Newton"), ({"bias": True}, "Newton|L-BFGS")):
        with pytest.warns(ConvergenceWarning, match=name):
            assert fitted(scores, labels, max_iter=2, **options).n_iter_ == 2


# What cannot be


def test_a_class_that_cannot_be_is_left_out(dtype, rng):
    scores, labels = draw(rng, (500, 4), 2.0, dtype)
    without = fitted(scores[:, :3], np.minimum(labels, 2))
    scores[:, 3] = -np.inf
    model = fitted(scores, np.minimum(labels, 2))
    np.testing.assert_allclose(model.temperature_, without.temperature_, rtol=ERROR[scores.dtype])
    assert (model.predict_proba(scores)[:, 3] == 0).all()


def test_a_class_that_cannot_be_is_not_at_the_infinite_temperature(rng):
    scores, labels = draw(rng, (500, 3))
    scores, labels = -scores, np.minimum(labels, 1)
    scores[:, 2] = -np.inf
    with pytest.warns(ConvergenceWarning, match="no temperature"):
        model = fitted(scores, labels)
    assert (model.predict_proba(scores) == [0.5, 0.5, 0.0]).all()


def test_a_row_of_weight_0_has_no_influence(rng):
    scores, labels = draw(rng, (300, 3), 2.0)
    weight = np.ones(300)
    weight[5] = 0.0
    scores[5, labels[5]] = -np.inf
    rest = np.arange(300) != 5
    got = fitted(scores, labels, weight).temperature_
    np.testing.assert_allclose(got, fitted(scores[rest], labels[rest]).temperature_, rtol=ERROR[scores.dtype])


def test_probabilities_of_0_are_raised(rng):
    probs = np.array([[1.0, 0.0], [0.0, 1.0], [1.0, 0.0]])
    model = TemperatureScaling(probabilities=True).fit(probs, [0, 1, 1])
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        logs = TemperatureScaling().fit(np.log(np.maximum(probs, 1e-12)), [0, 1, 1])
    np.testing.assert_allclose(model.temperature_, logs.temperature_, rtol=1e-14)
    single = TemperatureScaling(probabilities=True).fit(probs[:, 1], [0, 1, 1])
    np.testing.assert_allclose(single.temperature_, model.temperature_, rtol=1e-14)


@pytest.mark.parametrize("form", ["plain", "byte-swapped", "integers", "probabilities", "-inf"])
@pytest.mark.parametrize("bias", [False, True], ids=["temperature", "bias"])
def test_nothing_of_the_size_of_the_scores_is_allocated(form, bias, rng):
    scores, labels = draw(rng, (100_000, 20), 2.0, np.float32)
    options = {"probabilities": form == "probabilities", "n_threads": 1, "bias": bias, "max_iter": 12}
    if form == "byte-swapped":
        scores = scores.astype(">f4")
    elif form == "integers":
        scores = (4 * scores).astype(np.int32)
    elif form == "probabilities":
        scores = fx.softmax(scores)
    elif form == "-inf":
        scores[scores < -5] = -np.inf
        scores[np.arange(len(labels)), labels] = scores[np.arange(len(labels)), labels].clip(-5)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", ConvergenceWarning)
        assert peak(lambda: fitted(scores, labels, **options)) < 0.3 * scores.nbytes  # 20 bytes a row are a fourth
        model = fitted(scores, labels, **options)
    results = scores.size * (8 if form == "integers" else 4)
    assert peak(lambda: model.predict_proba(scores)) < 1.05 * results
