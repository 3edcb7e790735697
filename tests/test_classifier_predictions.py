"""What is compiled of a classifier's predictions is what NumPy makes of the same logits."""

import numpy as np
import pytest
from fastxent._kernels.linear import Groups, Predictions

import fastxent as fx
from fastxent import _blas, _threads
from fastxent.sklearn import SoftmaxClassifier
from fastxent.sklearn._predictions import predictions
from tests.fences import Fenced, needs_fences

SHAPES = [(1, 1, 2), (7, 3, 2), (3000, 20, 2), (3000, 20, 3), (2000, 11, 8), (500, 5, 23), (500, 5, 24), (300, 9, 500)]


def model_of(rng, n, n_features, classes, dtype):
    """Samples and coefficients, of two classes for one logit."""
    outputs = 1 if classes == 2 else classes
    X, coef, intercept = (rng.normal(size=size) for size in ((n, n_features), (outputs, n_features), outputs))
    return X.astype(dtype), coef.astype(dtype), intercept.astype(dtype)


@pytest.mark.parametrize("order", "CF")
@pytest.mark.parametrize("shape", SHAPES, ids=str)
def test_all_that_is_predicted_follows_from_the_logits(shape, order, dtype, rng, monkeypatch):
    X, coef, intercept = model_of(rng, *shape, dtype)
    X = np.asarray(X, order=order)
    exact = X.astype(np.longdouble) @ coef.T.astype(np.longdouble) + intercept
    for batch_rows, n_threads in ((None, 1), (256, 2)):
        logits, best, probabilities, logarithms = (
            predictions(X, coef, intercept, wanted, batch_rows, n_threads)
            for wanted in ("logits", "best", "probabilities", "log_probabilities")
        )
        size = abs(X) @ abs(coef.T) + abs(intercept)
        assert (abs(logits - exact) <= (X.shape[1] + 2) * np.finfo(dtype).eps * size).all()
        both = np.hstack([np.zeros_like(logits), logits]) if shape[-1] == 2 else logits
        assert np.array_equal(best, both.argmax(axis=1))
        assert np.array_equal(probabilities, fx.softmax(both))
        assert np.array_equal(logarithms, fx.log_softmax(both))
    monkeypatch.setattr(_blas, "products", lambda letter: None)
    by_numpy = predictions(X, coef, intercept, "logits", None, 1)
    assert (abs(logits - by_numpy) <= 2 * (X.shape[1] + 2) * np.finfo(dtype).eps * size).all()
    both = np.hstack([np.zeros_like(by_numpy), by_numpy]) if shape[-1] == 2 else by_numpy
    assert np.array_equal(predictions(X, coef, intercept, "best", None, 1), both.argmax(axis=1))
    assert np.array_equal(predictions(X, coef, intercept, "probabilities", None, 1), fx.softmax(both))


@pytest.mark.parametrize("classes", [2, 3, 23, 24, 40])
@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 0.0])
@pytest.mark.parametrize("place", [0, 1, -1])
def test_the_best_class_is_that_of_argmax_for_ties_and_what_is_not_finite(classes, value, place, dtype):
    outputs = 1 if classes == 2 else classes
    intercept = np.zeros(outputs, dtype)
    intercept[min(place, outputs - 1)] = value
    X, coef = np.zeros((3, 2), dtype), np.zeros((outputs, 2), dtype)
    both = np.append(np.zeros(1, dtype), intercept) if classes == 2 else intercept
    assert (predictions(X, coef, intercept, "best", None, 1) == both.argmax()).all()


def test_samples_of_the_other_dtype_and_steps_are_predicted_as_their_copies_are(rng):
    X, coef, intercept = model_of(rng, 400, 6, 5, np.float64)
    for other in (X.astype(np.float32), X[::-2, ::2], X.T[:, ::3].T[:, ::-1], np.broadcast_to(X[:1], X.shape)):
        own = coef[:, : other.shape[1]]
        assert np.array_equal(
            predictions(other, own, intercept, "probabilities", 100, 1),
            predictions(other.astype(np.float64, order="C"), own, intercept, "probabilities", 100, 1),
        )


def test_the_same_bits_for_any_number_of_threads(rng):
    X = rng.normal(size=(30_000, 40))
    classifier = SoftmaxClassifier(n_threads=1, max_iter=3).fit(X, np.arange(len(X)) % 7)
    one = classifier.predict_log_proba(X)
    for n_threads in (2, 5, None):
        assert np.array_equal(classifier.set_params(n_threads=n_threads).predict_log_proba(X), one)


@pytest.mark.parametrize("classes", [2, 3])
@pytest.mark.parametrize(
    "name, wrong, error, said",
    [
        ("coef_", lambda coef: coef[:, :-1], ValueError, r"coef_ has shape \(\d, 4\), .* must be \(\d, 5\)"),
        ("coef_", lambda coef: coef[0], ValueError, r"coef_ has shape \(5,\), but of \d classes"),
        ("coef_", lambda coef: np.vstack([coef] * 4), ValueError, r"coef_ has shape \(\d+, 5\), but of \d classes"),
        ("coef_", lambda coef: coef * 1j, TypeError, "coef_ has dtype complex128"),
        ("coef_", lambda coef: coef.astype(object), TypeError, "coef_ has dtype object"),
        ("coef_", lambda coef: coef.tolist(), TypeError, r"coef_ is a list, but .* an array of shape \(\d, 5\)"),
        ("intercept_", lambda bias: bias[:0], ValueError, r"(intercept|coef)_ has shape"),
        ("intercept_", lambda bias: bias * 1j, TypeError, "intercept_ has dtype complex128"),
        ("intercept_", lambda bias: 0.0, (TypeError, ValueError), "(intercept|coef)_"),
    ],
)  # fmt: skip
def test_what_was_set_by_hand_and_is_no_model_is_named(name, wrong, error, said, classes, rng):
    X = rng.normal(size=(60, 5))
    classifier = SoftmaxClassifier().fit(X, np.arange(60) % classes)
    setattr(classifier, name, wrong(getattr(classifier, name)))
    for method in ("predict", "decision_function", "predict_proba"):
        with pytest.raises(error, match=said):
            getattr(classifier, method)(X)


def test_models_of_other_dtypes_and_orders_predict(rng):
    X = rng.normal(size=(60, 5))
    classifier = SoftmaxClassifier().fit(X, np.arange(60) % 3)
    classifier.coef_ = np.round(classifier.coef_ * 9)
    expected = classifier.predict_proba(X)
    for dtype in (">f8", "f4", "f2", "i1"):
        for coef in (classifier.coef_.astype(dtype), np.asfortranarray(classifier.coef_).astype(dtype)):
            classifier.coef_ = coef
            assert np.array_equal(classifier.predict_proba(X), expected)


@needs_fences
def test_labels_that_are_of_no_class_by_the_time_read_no_weight():
    X, class_weight = np.ones((64, 4)), Fenced(np.ones(3)).array
    sums = np.empty((1, 3 * 4 + 3 + 1))
    for dtype in (np.uint8, np.uint16, np.uint32):
        labels = np.full(64, np.iinfo(dtype).max, dtype)
        groups = Groups(X, labels, None, class_weight, 0.0, 3, "float64", 64, 1, _blas.products("d"))
        weights, intercept = np.ones((4, groups.width)), np.zeros(groups.width)
        _threads.run(lambda job: groups(weights, intercept, sums, job), (), 1)  # noqa: B023
        assert not sums.any()


def test_lengths_that_the_integers_of_a_blas_do_not_hold_are_an_error():
    X = np.broadcast_to(np.float32(0), (2, 2**31))
    with pytest.raises(ValueError, match="too long for this BLAS"):
        Predictions(X, 1, "float32", 1, (*_blas.products("s")[:2], False), "logits")
