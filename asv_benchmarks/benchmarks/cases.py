"""The calls that are measured, one row per public function, on arrays made in the dtype that is asked for."""

from collections.abc import Callable
from functools import partial

import numpy as np

import fastxent as fx


def values(rng, shape, dtype):
    """Logits without a target."""
    return (rng.standard_normal(shape, dtype),)


def logits_and_classes(rng, shape, dtype):
    """Logits and class indices, as softmax losses take them."""
    return rng.standard_normal(shape, dtype), rng.integers(0, shape[-1], shape[:-1])


def probs_and_classes(rng, shape, dtype):
    """Positive numbers and class indices; a clamped loss takes rows that do not sum to one as they are."""
    return rng.random(shape, dtype), rng.integers(0, shape[-1], shape[:-1])


def logits_and_shares(rng, shape, dtype):
    """Logits and targets in [0, 1], as sigmoid losses take them."""
    return rng.standard_normal(shape, dtype), rng.random(shape, dtype)


def shares(rng, shape, dtype):
    """Positive numbers, whose entropy there is, whatever they sum to."""
    return (rng.random(shape, dtype),)


def pairs_of_shares(rng, shape, dtype):
    """Two sets of positive numbers."""
    return rng.random(shape, dtype), rng.random(shape, dtype)


# name: (its arguments, its outputs of the input's shape)
CASES = {
    "softmax_cross_entropy": (logits_and_classes, ()),
    "softmax_cross_entropy_grad": (logits_and_classes, ("out",)),
    "softmax_cross_entropy_grad_hess": (logits_and_classes, ("out", "hess_out")),
    "softmax_focal_loss": (logits_and_classes, ()),
    "softmax_focal_loss_grad": (logits_and_classes, ("out",)),
    "softmax_focal_loss_grad_hess": (logits_and_classes, ("out", "hess_out")),
    "clamped_cross_entropy": (probs_and_classes, ()),
    "clamped_cross_entropy_grad": (probs_and_classes, ("out",)),
    "sigmoid_cross_entropy": (logits_and_shares, ()),
    "sigmoid_cross_entropy_grad": (logits_and_shares, ("out",)),
    "sigmoid_cross_entropy_grad_hess": (logits_and_shares, ("out", "hess_out")),
    "sigmoid_focal_loss": (logits_and_shares, ()),
    "sigmoid_focal_loss_grad": (logits_and_shares, ("out",)),
    "sigmoid_focal_loss_grad_hess": (logits_and_shares, ("out", "hess_out")),
    "target_statistics": (logits_and_classes, ()),
    "softmax": (values, ("out",)),
    "log_softmax": (values, ("out",)),
    "logsumexp": (values, ()),
    "entropy": (shares, ()),
    "cross_entropy": (pairs_of_shares, ()),
    "kl_divergence": (pairs_of_shares, ()),
}
FUNCTIONS = list(CASES)

# fastxent.continuous: how many densities a function takes
DENSITIES = {"entropy": 1, "cross_entropy": 2, "kl_divergence": 2}


def classes_as_numbers(rng, classes, shape, dtype):
    """Labels as a blob has them, in the dtype of the logits, from one byte each: a wide temporary would be the peak."""
    return rng.integers(0, classes, shape, np.uint8).astype(dtype)


def images(rng, shape, dtype):
    """Logits of a class for each pixel, and a label for each, as a network that segments images gives them."""
    n, classes, *size = shape
    return rng.standard_normal(shape, dtype), classes_as_numbers(rng, classes, (n, 1, *size), dtype)


def rows(rng, shape, dtype):
    """The same number of probabilities in rows."""
    n, classes, *size = shape
    pixels = n * np.prod(size)
    return rng.random((pixels, classes), dtype), classes_as_numbers(rng, classes, pixels, dtype)


def images_and_gains(rng, shape, dtype):
    """Logits, labels, and a matrix of gains."""
    return *images(rng, shape, dtype), rng.random((shape[1], shape[1]), dtype)


# fastxent.caffe: the bottoms of a layer
LAYERS = {
    "MultinomialLogisticLoss": rows,
    "SoftmaxWithLoss": images,
    "InfogainLoss": images_and_gains,
    "SigmoidCrossEntropyLoss": logits_and_shares,
}
LAYER_SHAPE = (4, 21, 128, 128)


def labels_and_probs(rng, shape, dtype, labels="integers"):
    """Class labels of a kind, every class among them, and probabilities that sum to one."""
    probs = rng.random(shape, dtype) + np.dtype(dtype).type(0.01)
    probs /= probs.sum(axis=1, keepdims=True)
    y = np.arange(shape[0]) % shape[1]
    rng.shuffle(y)
    return np.array([f"class {k:06}" for k in range(shape[1])])[y] if labels == "strings" else y, probs


# fastxent.metrics
METRICS = ["log_loss", "d2_log_loss_score", "neg_log_loss_scorer"]
METRIC_SHAPES = [(20_000, 1000), (1_000_000, 10)]
LABELS = ["integers", "strings"]

# many classes, not beside each other in memory: (shape with the classes last, where their axis is moved, memory order)
LAYOUTS = {"16x5000x20": ((16, 20, 5000), 1, "C"), "200x5000 Fortran": ((200, 5000), -1, "F")}
SHAPES = [(1_000_000, 2), (4096, 1000), (64, 128_256), *LAYOUTS]
DTYPES = ["float32", "float64"]


def prepared(function: str, shape: tuple[int, ...] | str, dtype: str) -> Callable:
    """The call, with its arguments bound: on one thread, and into outputs whose memory is there already."""
    arguments, outputs = CASES[function]
    shape, axis, order = LAYOUTS.get(shape, (shape, -1, "C"))
    args = arguments(np.random.default_rng(20), shape, dtype)
    args = [np.asarray(np.moveaxis(a, -1, axis), order=order) if a.shape == shape else a for a in args]
    options = {name: np.ones_like(args[0]) for name in outputs}
    if axis != -1 and not function.startswith("sigmoid"):  # whose every element is a row
        options["axis"] = axis
    return partial(getattr(fx, function), *args, n_threads=1, **options)
