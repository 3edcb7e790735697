"""What is compiled of a classifier's predictions is what NumPy makes of the same logits."""

import numpy as np
import pytest

import fastxent as fx
from fastxent import _blas
from fastxent.sklearn import SoftmaxClassifier
from fastxent.sklearn._predictions import predictions

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
