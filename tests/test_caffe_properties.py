"""What Caffe's own tests of its loss layers check, with their shapes, steps and thresholds."""

import numpy as np
import pytest

from fastxent import caffe
from tests.ulp import BOTH, BOUND, assert_ulp


def infogain_loss(**options):
    return caffe.InfogainLoss(np.ones((5, 5)), **options)


def blobs(rng):
    """Logits of standard deviation 10 and labels, as in Caffe's test of SoftmaxWithLoss."""
    return rng.normal(0, 10, (10, 5, 2, 3)), rng.integers(5, size=(10, 1, 2, 3)).astype(float)


of_logits = pytest.mark.parametrize("make", [caffe.SoftmaxWithLoss, infogain_loss])


@of_logits
def test_each_label_is_included_in_all_sums_but_one(make, rng):
    x, labels = blobs(rng)
    full, _ = make(normalization="BATCH_SIZE").forward(x, labels)
    parts = [make(normalization="BATCH_SIZE", ignore_label=k).forward(x, labels)[0] for k in range(5)]
    assert_ulp(sum(parts), 4 * full, BOTH * BOUND["loss"], np.float64)


@of_logits
def test_the_differences_of_ignored_labels_are_zero(make, rng):
    x, labels = blobs(rng)
    ignored = labels[:, 0] == 0
    np.moveaxis(x, 1, -1)[ignored] = np.nan
    layer = make(ignore_label=0)
    assert np.isfinite(layer.forward(x, labels)[0])
    grad = np.moveaxis(layer.backward(), 1, -1)
    assert not grad[ignored].any()
    assert grad[~ignored].any(axis=-1).all()


def test_the_differences_of_ignored_targets_are_zero(rng):
    x, target = rng.normal(size=(10, 5)), rng.uniform(size=(10, 5))
    target[::2] = -1
    layer = caffe.SigmoidCrossEntropyLoss(ignore_label=-1)
    layer.forward(x, target)
    grad = layer.backward()
    assert not grad[::2].any()
    assert grad[1::2].all()


def test_a_batch_of_ignored_labels_has_loss_and_gradient_0(rng):
    x = rng.normal(size=(3, 5))
    for make in (caffe.SoftmaxWithLoss, infogain_loss):
        layer = make(ignore_label=7)
        assert layer.forward(x, [7, 7, 7])[0] == 0.0
        assert not layer.backward().any()
    layer = caffe.SigmoidCrossEntropyLoss(ignore_label=-1, normalization="VALID")
    assert layer.forward(x, np.full((3, 5), -1)) == 0.0
    assert not layer.backward().any()


def multinomial(rng):
    q = np.abs(rng.normal(size=(10, 5)))
    return caffe.MultinomialLogisticLoss(), q / q.sum(axis=1, keepdims=True), rng.integers(5, size=10)


def softmax(rng, **options):
    return caffe.SoftmaxWithLoss(**options), *blobs(rng)


def infogain(rng):
    layer = caffe.InfogainLoss(rng.uniform(0.1, 2, (5, 5)), axis=2)
    return layer, rng.uniform(-0.5, 2, (4, 2, 5, 2)), rng.integers(5, size=(4, 2, 1, 2))


def sigmoid(rng):
    return caffe.SigmoidCrossEntropyLoss(), rng.normal(size=(10, 5)), rng.uniform(size=(10, 5))


# The layer, then step and threshold of the checker, and up to which distance from 0 it does not look.
# fmt: off
CHECKS = {
    "multinomial": (multinomial, 1e-2, 2e-2, 0.05),
    "softmax": (softmax, 1e-2, 1e-2, 0.0),
    "softmax, one label ignored": (lambda rng: softmax(rng, ignore_label=0), 1e-2, 1e-2, 0.0),
    "softmax, divided by the batch size": (lambda rng: softmax(rng, normalize=False), 1e-2, 1e-2, 0.0),
    "infogain": (infogain, 1e-4, 2e-2, 0.0),
    "sigmoid": (sigmoid, 1e-2, 1e-2, 0.0),
}
# fmt: on


@pytest.mark.parametrize("make, step, threshold, kink", CHECKS.values(), ids=CHECKS)
def test_the_gradient_passes_caffes_gradient_checker(make, step, threshold, kink, rng):
    layer, x, label = make(rng)

    def objective(x):
        top = layer.forward(x, label)
        return 2.0 * (top[0] if isinstance(top, tuple) else top)

    objective(x)
    grad = layer.backward(2.0)
    for at in zip(*np.nonzero(np.abs(x) > kink), strict=True):
        shift = np.zeros_like(x)
        shift[at] = step
        estimate = (objective(x + shift) - objective(x - shift)) / (2 * step)
        assert abs(grad[at] - estimate) <= threshold * max(1.0, abs(grad[at]), abs(estimate))
