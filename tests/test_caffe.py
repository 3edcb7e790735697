"""Caffe's layers against their definitions, evaluated in plain loops. Caffe's own tests: test_caffe_properties.py."""

import math

import numpy as np
import pytest

import fastxent as fx
from fastxent import caffe
from tests.turns import in_turn
from tests.ulp import BOTH, BOUND, assert_ulp

FLT_MIN = 1.1754943508222875e-38
SHAPES = {
    "rows": ((10, 5), 1),
    "images": ((4, 5, 2, 3), 1),
    "inner axis": ((4, 2, 5, 2), 2),
    "last axis": ((3, 4, 5), -1),
}
shapes = in_turn("shape, axis", SHAPES.values())
modes = in_turn("mode", ["FULL", "VALID", "BATCH_SIZE", "NONE"])
ignored = in_turn("ignore", [None, 0, 255, -1])


def bottoms(rng, shape, axis, ignore):
    """Logits of standard deviation 10, as Caffe's tests draw them, and float labels, some to be ignored.

    The logits are multiples of 1/1024, so that their differences by hand are exact.
    """
    rows = np.delete(shape, axis)
    labels = rng.integers(shape[axis], size=rows).astype(float)
    labels[rng.random(rows) < 0.3] = 0 if ignore is None else ignore
    return np.round(rng.normal(0, 10240, shape)) / 1024, labels


def by_hand(x, labels, axis, ignore, mode, eps, infogain):
    """Loss, gradient, the size of its terms, and softmax by the layer's definition, one label at a time."""
    x = np.moveaxis(x, axis, -1)
    grad, size, prob = (np.zeros_like(x) for _ in range(3))
    loss, valid = 0.0, 0
    for at in np.ndindex(labels.shape):
        e = np.exp(x[at] - x[at].max())
        prob[at] = p = e / e.sum()
        label = math.trunc(labels[at])
        if label != ignore:
            gains = infogain[label]
            loss -= sum(h * math.log(max(q, eps)) for h, q in zip(gains, p, strict=True) if h)
            grad[at], size[at] = gains.sum() * p - gains, gains.sum() * p + gains
            valid += 1
    outer = math.prod(np.moveaxis(x, -1, axis).shape[: axis % x.ndim])
    n = max(1, {"FULL": labels.size, "VALID": valid, "BATCH_SIZE": outer, "NONE": 1}[mode])
    return loss / n, np.moveaxis(grad, -1, axis) / n, np.moveaxis(size, -1, axis) / n, np.moveaxis(prob, -1, axis)


def assert_is_definition(layer, bottoms, loss, grad, size, prob):
    """Loss, gradient times 3 and softmax of a layer are those by hand, which round as well."""
    got, p = layer.forward(*bottoms)
    assert_ulp(got, loss, BOTH * BOUND["loss"], np.float64)
    assert_ulp(p, prob, BOTH * BOUND["value"], np.float64)
    assert_ulp(layer.backward(3.0), 3 * grad, BOTH * BOUND["grad"], np.float64, 3 * size)


@shapes
@modes
@ignored
def test_softmax_with_loss_is_its_definition(shape, axis, mode, ignore, rng):
    x, labels = bottoms(rng, shape, axis, ignore)
    layer = caffe.SoftmaxWithLoss(ignore_label=ignore, axis=axis, normalization=mode)
    assert_is_definition(layer, (x, labels), *by_hand(x, labels, axis, ignore, mode, FLT_MIN, np.eye(5)))


@shapes
@modes
@ignored
def test_infogain_loss_is_its_definition(shape, axis, mode, ignore, rng):
    x, labels = bottoms(rng, shape, axis, ignore)
    infogain = rng.uniform(0.1, 2, (5, 5))
    want = by_hand(x, labels, axis, ignore, mode, 1e-20, infogain)
    options = {"ignore_label": ignore, "axis": axis, "normalization": mode}
    for layer, matrix in (
        (caffe.InfogainLoss(infogain, **options), None),
        (caffe.InfogainLoss(**options), infogain[None, None]),
    ):
        assert_is_definition(layer, (x, labels, matrix), *want)


@modes
@ignored
@pytest.mark.parametrize("shape", [(10, 5), (4, 5, 2, 3), (6,)])
def test_sigmoid_cross_entropy_loss_is_its_definition(shape, mode, ignore, rng):
    x, target = rng.normal(0, 3, shape), rng.uniform(0, 1, shape).round(1)
    if ignore not in (None, 0):
        target[rng.random(shape) < 0.3] = ignore + math.copysign(0.5, ignore)  # truncated to the ignored label
    kept = np.ones(shape, dtype=bool) if ignore is None else np.trunc(target) != ignore
    n = max(1, {"FULL": x.size, "VALID": kept.sum(), "BATCH_SIZE": shape[0], "NONE": 1}[mode])
    p = 1 / (1 + np.exp(-x))
    layer = caffe.SigmoidCrossEntropyLoss(ignore_label=ignore, normalization=mode)
    want = (target * np.log1p(np.exp(-x)) + (1 - target) * np.log1p(np.exp(x)))[kept].sum() / n
    assert_ulp(layer.forward(x, target), want, BOTH * BOUND["loss"], np.float64)
    grad, size = (np.where(kept, 3 * (p + sign * target) / n, 0) for sign in (-1, 1))
    assert_ulp(layer.backward(3.0), grad, BOTH * BOUND["grad"], np.float64, size)


@pytest.mark.parametrize("label_shape", [(10,), (10, 1), (10, 1, 1, 1)])
@pytest.mark.parametrize("shape", [(10, 6), (10, 6, 1, 1), (10, 3, 1, 2)])
def test_multinomial_logistic_loss_is_its_definition(shape, label_shape, rng):
    q = rng.dirichlet(np.ones(6), 10)
    labels = rng.integers(6, size=10)
    q[3, labels[3]] = 0.0
    layer = caffe.MultinomialLogisticLoss()
    picked = np.maximum(q[np.arange(10), labels], 1e-20)
    loss = layer.forward(q.reshape(shape), labels.reshape(label_shape) + 0.0)
    assert_ulp(loss, -np.log(picked).sum() / 10, BOTH * BOUND["loss"], np.float64)
    want = np.zeros_like(q)
    want[np.arange(10), labels] = -2 / 10 / picked
    assert_ulp(layer.backward(2.0), want.reshape(shape), BOTH * BOUND["grad"], np.float64)


@pytest.mark.parametrize(
    "layer, want",
    [
        (caffe.SoftmaxWithLoss, "VALID"),
        (lambda: caffe.InfogainLoss(np.eye(5)), "VALID"),
        (lambda: caffe.SoftmaxWithLoss(normalize=True), "VALID"),
        (lambda: caffe.SoftmaxWithLoss(normalize=False), "BATCH_SIZE"),
        (lambda: caffe.SoftmaxWithLoss(normalize=False, normalization="FULL"), "FULL"),
    ],
)
def test_each_layer_has_its_own_default_normalization(layer, want, rng):
    x, labels = bottoms(rng, (4, 5, 2, 3), 1, None)
    assert layer().forward(x, labels)[0] == caffe.SoftmaxWithLoss(normalization=want).forward(x, labels)[0]


@pytest.mark.parametrize("normalize, want", [(None, "BATCH_SIZE"), (True, "VALID"), (False, "BATCH_SIZE")])
def test_the_sigmoid_layer_divides_by_the_batch_size_by_default(normalize, want, rng):
    x, target = rng.normal(0, 1, (4, 5)), rng.integers(2, size=(4, 5))
    got = caffe.SigmoidCrossEntropyLoss(normalize=normalize).forward(x, target)
    assert got == caffe.SigmoidCrossEntropyLoss(normalization=want).forward(x, target)


def test_the_exact_switch_gives_the_loss_of_the_package(rng):
    x, labels = bottoms(rng, (4, 5, 2, 3), 1, 255)
    x[0, :, 0, 0] = [0, 0, 0, 0, 500]
    labels[0, 0, 0] = 0
    infogain = rng.uniform(0.1, 2, (5, 5))
    for layer, options in (
        (caffe.SoftmaxWithLoss(ignore_label=255, exact=True), {}),
        (caffe.InfogainLoss(infogain, ignore_label=255, exact=True), {"infogain": infogain}),
    ):
        want = fx.softmax_cross_entropy(x, labels.astype(int), axis=1, ignore_index=255, **options)
        assert_ulp(layer.forward(x, labels)[0], want, BOTH * BOUND["loss"], np.float64)
        assert layer.forward(x, labels)[0] > 500 / 24  # of one pixel of 24; Caffe's clamp would cut it to 46 or 87


def test_float32_in_float32_out(rng):
    x, labels = bottoms(rng, (4, 5), 1, None)
    single, double = caffe.SoftmaxWithLoss(), caffe.SoftmaxWithLoss()
    x = x.astype(np.float32)
    (_, prob), (_, want) = single.forward(x, labels), double.forward(x.astype(np.float64), labels)
    grad = single.backward()
    assert prob.dtype == grad.dtype == np.float32
    assert_ulp(prob, want, BOUND["value"], np.float32)
    assert_ulp(grad, double.backward(), BOUND["grad"], np.float32)


def test_a_nan_logit_makes_the_loss_nan_as_in_caffe(rng):
    x, labels = bottoms(rng, (4, 5), 1, None)
    x[2, 1] = np.nan
    assert math.isnan(caffe.SoftmaxWithLoss().forward(x, labels)[0])


def test_labels_are_truncated_as_a_cast_to_int_does(rng):
    x = rng.normal(size=(3, 5))
    layer = caffe.SoftmaxWithLoss()
    assert layer.forward(x, [-0.9, 1.9, 4.5])[0] == layer.forward(x, np.array([0, 1, 4], dtype=np.uint8))[0]


@pytest.mark.parametrize("bad", [5.0, -1.0, np.nan, np.inf, 254.0])
@pytest.mark.parametrize(
    "layer", [caffe.SoftmaxWithLoss(ignore_label=255), caffe.InfogainLoss(np.eye(5), ignore_label=255)]
)
def test_a_label_that_is_no_class_is_named_with_its_place(layer, bad, rng):
    labels = np.zeros((4, 1, 2, 3))
    labels[2, 0, 1, 2] = bad
    with pytest.raises(ValueError, match=rf"label\[2, 0, 1, 2\] = {bad}, but there are 5 classes"):
        layer.forward(rng.normal(size=(4, 5, 2, 3)), labels)


@pytest.mark.parametrize("label_shape", [(4, 2), (4, 3, 2, 3), (24,), (1, 4, 2, 3), ()])
def test_labels_must_be_as_many_as_there_are_logits_per_class(label_shape, rng):
    with pytest.raises(ValueError, match="label has shape"):
        caffe.SoftmaxWithLoss().forward(rng.normal(size=(4, 5, 2, 3)), np.zeros(label_shape))


def test_what_caffe_would_not_check_or_would_crash_on_is_a_value_error(rng):
    x = rng.normal(size=(3, 5))
    with pytest.raises(ValueError, match=r"target\[1, 0\] = 1\.5"):
        caffe.SigmoidCrossEntropyLoss().forward(x, np.where(np.arange(15).reshape(3, 5) == 5, 1.5, 0.5))
    with pytest.raises(ValueError, match="target has shape"):
        caffe.SigmoidCrossEntropyLoss().forward(x, np.zeros((5, 3)))
    with pytest.raises(ValueError, match="normalization = 'MEAN'"):
        caffe.SoftmaxWithLoss(normalization="MEAN")
    with pytest.raises(ValueError, match="normalization = array"):
        caffe.SoftmaxWithLoss(normalization=np.ones(2))
    with pytest.raises(ValueError, match="infogain"):
        caffe.InfogainLoss(np.ones((5, 4))).forward(x, [0, 1, 2])
    with pytest.raises(ValueError, match="infogain"):
        caffe.InfogainLoss().forward(x, [0, 1, 2])
    for layer in (caffe.SoftmaxWithLoss, caffe.InfogainLoss, caffe.SigmoidCrossEntropyLoss):
        with pytest.raises(ValueError, match="ignore_label = 2147483648"):
            layer(ignore_label=2**31)
    with pytest.raises(RuntimeError, match="forward"):
        caffe.SoftmaxWithLoss().backward()


@in_turn("layer", [caffe.SoftmaxWithLoss, caffe.InfogainLoss, caffe.SigmoidCrossEntropyLoss])
@in_turn("value", ["a", 1.5, np.nan, [1], True, np.array([1, 2])])
def test_an_ignore_label_that_is_no_integer_is_named(layer, value):
    with pytest.raises(TypeError, match=r"ignore_label = .*an integer or None"):
        layer(ignore_label=value)


LAYERS = {
    caffe.SoftmaxWithLoss: [0.0, 1.0],
    lambda: caffe.InfogainLoss(np.eye(2)): [0.0, 1.0],
    caffe.MultinomialLogisticLoss: [0.0, 1.0],
    caffe.SigmoidCrossEntropyLoss: np.eye(2),
}


@in_turn("made, label", LAYERS.items())
@in_turn("value", ["a", None, [1], np.ones(1), 1j])
def test_a_loss_weight_that_is_no_number_is_named(made, label, value):
    layer = made()
    layer.forward(np.eye(2), label)
    with pytest.raises(TypeError, match="loss_weight = "):
        layer.backward(value)


def test_an_empty_batch():
    x = np.empty((0, 3))
    layer = caffe.MultinomialLogisticLoss()
    assert math.isnan(layer.forward(x, []))  # 0 / 0, as in Caffe
    assert layer.backward().shape == x.shape
    for layer in (caffe.SoftmaxWithLoss(), caffe.InfogainLoss(np.eye(3))):
        assert layer.forward(x, [])[0] == 0.0
        assert layer.backward().shape == x.shape
    layer = caffe.SigmoidCrossEntropyLoss()
    assert layer.forward(x, x) == 0.0
    assert layer.backward().shape == x.shape
