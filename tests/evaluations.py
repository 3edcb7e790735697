"""Data, options and losses of the tests of `fastxent.evaluation`."""

import json

import numpy as np
import pytest

import fastxent as fx

OF = {
    "logits": fx.softmax_cross_entropy,
    "probabilities": fx.clamped_cross_entropy,
    "multilabel_logits": fx.sigmoid_cross_entropy,
}
each_of = pytest.mark.parametrize("of", OF)
each_dtype = pytest.mark.parametrize("dtype", ["float16", "float32", "float64"])


def data(rng, of, shape=(300, 7), dtype="float32", axis=-1, soft=False):
    """Scores with rows that are certain, tied, far apart and nan; targets; weights, some of them 0."""
    scores = (rng.normal(size=shape) * 3).round(1).astype(dtype)
    rows = np.moveaxis(scores, axis, -1)
    rows[..., 0, :], rows[..., 1, 0] = 0, 60
    if shape[axis] > 1:
        rows[..., 2, 0] = -np.inf
    if of == "probabilities":
        scores = fx.softmax(scores, axis=axis)
    samples = rows.shape[:-1]
    if of == "multilabel_logits":
        target, samples = rng.integers(0, 2, shape), shape
    else:
        target = fx.softmax(rng.normal(size=shape), axis=axis) if soft else rng.integers(0, shape[axis], samples)
    return scores, target, rng.random(samples) * rng.integers(0, 2, samples)


def options(of, rng, n_classes=7):
    """All of them."""
    more = {"per_class": True, "calibration_bins": 10, "label_smoothing": 0.125}
    if of == "multilabel_logits":
        return more | {"of": of, "ignore_index": 1}
    return more | {"of": of, "ignore_index": 3, "class_weight": rng.random(n_classes), "top_k": (1, 3)}


def of_loss(of, given):
    return {key: given[key] for key in ("ignore_index", "class_weight", "label_smoothing") if key in given}


def state_of(evaluation):
    return json.dumps(evaluation.state())
