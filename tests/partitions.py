"""Data for the tests of fastxent.dask: each function beside its twin in memory, and ways of cutting the samples."""

import dask.array as da
import numpy as np

import fastxent as fx
import fastxent.dask
from fastxent import metrics
from fastxent.evaluation import Evaluation

N, C = 60, 5
RNG = np.random.default_rng(7)
LOGITS = (3 * RNG.normal(size=(N, C))).astype(np.float32)
TARGET = RNG.integers(C, size=N)
SOFT = fx.softmax(RNG.normal(size=(N, C)))
WEIGHT = RNG.random(N) * RNG.integers(0, 2, N)
PROBS = fx.softmax(LOGITS.astype(np.float64))
CUTS = {  # of the samples and of the classes
    "one block": (N, C),
    "one row each": (1, C),
    "uneven": ((7, 1, 40, 12), C),
    "some without rows": ((0, 30, 0, 0, 30, 0), C),
    "classes cut": (25, 2),
}
SOFTMAX = {
    "labels": (TARGET, {}),
    "labels, weights": (TARGET, {"sample_weight": WEIGHT, "class_weight": np.arange(C) + 0.5, "ignore_index": 2}),
    "labels, z-loss": (TARGET, {"z_loss": 0.125, "label_smoothing": 0.25}),
    "labels, infogain": (TARGET, {"infogain": RNG.random((C, C))}),
    "distributions": (SOFT, {"sample_weight": WEIGHT}),
}
SIGMOID = {
    "labels": (LOGITS > 1, {}),
    "positive weights": (SOFT, {"pos_weight": np.arange(C) + 0.5, "label_smoothing": 0.25}),
    "missing": (np.where(SOFT > 0.5, np.nan, SOFT), {"ignore_index": np.nan, "sample_weight": WEIGHT[:, None]}),
}
LOG_LOSS = {
    "labels": (TARGET, {}),
    "far labels": (1000003 * TARGET - 7, {"sample_weight": RNG.normal(size=N)}),
    "strings": (np.array(["ham", "spam", "tin", "jar", "can"])[TARGET], {"normalize": False}),
    "whole floats": (TARGET + 0.0, {"eps": 0.01}),
    "distributions": (SOFT, {"sample_weight": WEIGHT}),
    "indicators": (TARGET[:, None] == np.arange(C), {}),
    "multilabel": (RNG.integers(0, 2, (N, C)), {"multilabel": True, "sample_weight": WEIGHT}),
}


def in_order(log_loss):
    """With the scores first, as the others have them."""
    return lambda scores, target, **options: log_loss(target, scores, **options)


# (title, ours, in memory, scores, target, options)
CASES = [
    (f"{name}, {title}", ours, whole, scores, target, options)
    for name, ours, whole, scores, cases in (
        ("softmax", fastxent.dask.softmax_cross_entropy, fx.softmax_cross_entropy, LOGITS, SOFTMAX),
        ("sigmoid", fastxent.dask.sigmoid_cross_entropy, fx.sigmoid_cross_entropy, LOGITS, SIGMOID),
        ("log loss", in_order(fastxent.dask.log_loss), in_order(metrics.log_loss), PROBS, LOG_LOSS),
    )
    for title, (target, options) in cases.items()
]
EVALUATIONS = {
    "logits": (LOGITS, TARGET, {"top_k": (1, 3), "per_class": True, "calibration_bins": 10, "ignore_index": 1}),
    "distributions": (LOGITS, SOFT, {"label_smoothing": 0.125}),
    "probabilities": (PROBS, TARGET, {"of": "probabilities", "class_weight": np.arange(C) + 0.5}),
    "multilabel_logits": (LOGITS, LOGITS > 1, {"of": "multilabel_logits", "per_class": True, "calibration_bins": 4}),
}


def cut(array, chunks):
    """A dask array of the samples, and of the classes where it has some."""
    return da.from_array(array, chunks=chunks[: array.ndim])


def rows_of(array, chunks):
    """With partitions of the same lengths, which are not known."""
    array = cut(array, chunks)
    return array[da.ones(len(array), chunks=array.chunks[0], dtype=bool)]


def evaluated(scores, target, options, **more):
    """In memory, at once."""
    return Evaluation(C, **options).update(scores, target, **more)


def never(block):
    raise AssertionError("a block was loaded")


def unread(array, chunks):
    """A dask array of which no block may be computed."""
    return cut(array, chunks).map_blocks(never, dtype=array.dtype, meta=np.empty((0,) * array.ndim, array.dtype))
