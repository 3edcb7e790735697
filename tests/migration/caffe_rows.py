"""Caffe, which installs from no registry: what its layers return is computed here as its C++ files define it."""

import numpy as np

from tests.migration.rows import Library, Row

SETUP = """\
from fastxent import caffe

masked = np.array([0, 255, 1, 0])
infogain = np.array([[1.0, 0.5, 0.0], [0.0, 2.0, 0.0], [0.25, 0.0, 1.0]])

# what Caffe's Softmax layer returns
p = np.exp(logits) / np.exp(logits).sum(axis=1, keepdims=True)
P = np.exp(images) / np.exp(images).sum(axis=1, keepdims=True)
"""

PROBABILITIES = (
    Row(
        'layer { type: "MultinomialLogisticLoss" bottom: "probs" bottom: "labels" top: "loss" }',
        "caffe.MultinomialLogisticLoss().forward(probs, labels)",
        "The same: probabilities below 1e-20 count as 1e-20, and the sum is divided by the batch size.",
        definition="-np.log(np.maximum(probs[range(4), labels], 1e-20)).sum() / 4",
    ),
    Row(
        'layer { type: "MultinomialLogisticLoss" bottom: "probs" bottom: "labels" top: "loss" }',
        "fx.clamped_cross_entropy(probs, labels)",
        "The same: the threshold of 1e-20 is the default.",
        definition="-np.log(np.maximum(probs[range(4), labels], 1e-20)).sum() / 4",
    ),
    Row(
        "# its gradient, with respect to the probabilities",
        "fx.clamped_cross_entropy_grad(probs, labels)[1]",
        "The same: the gradient keeps its value below the threshold, so that it pushes a vanished probability back up.",
        definition="-np.eye(3)[labels] / np.maximum(probs, 1e-20) / 4",
    ),
)

SOFTMAX = (
    Row(
        'layer { type: "SoftmaxWithLoss" bottom: "images" bottom: "pixels" top: "loss" }',
        "fx.softmax_cross_entropy(images, pixels, axis=1)",
        "Caffe's classes are on axis 1 unless told otherwise, fastxent's on the last axis.",
        trap="fx.softmax_cross_entropy(images, pixels)",
        definition="-np.log(np.take_along_axis(P, pixels[:, None], axis=1)).mean()",
    ),
    Row(
        'layer {\n  type: "SoftmaxWithLoss" bottom: "logits" bottom: "masked" top: "loss"\n'
        "  loss_param { ignore_label: 255 }\n}",
        "fx.softmax_cross_entropy(logits, masked, ignore_index=255)",
        "The same: both divide by the number of labels that count (Caffe's VALID).",
        trap='fx.softmax_cross_entropy(logits, masked, ignore_index=255, reduction="sum") / 4',
        definition="-(np.log(p[0, 0]) + np.log(p[2, 1]) + np.log(p[3, 0])) / 3",
    ),
    Row(
        'layer {\n  type: "SoftmaxWithLoss" bottom: "logits" bottom: "masked" top: "loss"\n'
        "  loss_param { ignore_label: 255 normalization: FULL }\n}",
        'caffe.SoftmaxWithLoss(ignore_label=255, normalization="FULL").forward(logits, masked)[0]',
        "FULL divides by all labels, BATCH_SIZE by the first axes, NONE by 1: in fastxent, a sum divided by yours.",
        trap="fx.softmax_cross_entropy(logits, masked, ignore_index=255)",
        definition="-(np.log(p[0, 0]) + np.log(p[2, 1]) + np.log(p[3, 0])) / 4",
    ),
    Row(
        "# the same loss of a hopeless row: bottom[0] = {0, 120}, the label is 0",
        "caffe.SoftmaxWithLoss().forward([[0.0, 120.0]], [0])[0]",
        "Caffe's loss stops growing at -log(FLT_MIN) = 87.3; `exact=True` or fastxent's own loss gives 120.",
        trap="fx.softmax_cross_entropy([[0.0, 120.0]], [0])",
        definition="-np.log(np.finfo(np.float32).tiny.astype(float))",
    ),
    Row(
        "# all labels ignored",
        "caffe.SoftmaxWithLoss(ignore_label=255).forward(logits, np.full(4, 255))[0]",
        "Caffe divides by 1 at least, so the loss is 0; fastxent's mean of no rows is nan. The gradient is 0 in both.",
        trap="fx.softmax_cross_entropy(logits, np.full(4, 255), ignore_index=255)",
        definition="0.0",
    ),
    Row(
        "# its gradient, times loss_weight: 2",
        "fx.softmax_cross_entropy_grad(logits, labels, grad_output=2.0)[1]",
        "The same: `loss_weight` is `grad_output`.",
        definition="2 * (p - np.eye(3)[labels]) / 4",
    ),
)

INFOGAIN = (
    Row(
        'layer { type: "InfogainLoss" bottom: "logits" bottom: "labels" bottom: "infogain" top: "loss" }',
        "fx.softmax_cross_entropy(logits, labels, infogain=infogain)",
        "Caffe clamps probabilities at 1e-20, fastxent's loss of logits does not; `caffe.InfogainLoss` does.",
        definition="-(infogain[labels] * np.log(p)).sum() / 4",
    ),
    Row(
        "# its gradient",
        "fx.softmax_cross_entropy_grad(logits, labels, infogain=infogain)[1]",
        "The same: rows of H need not sum to one, and the gradient has their sum in it.",
        definition="(p * infogain[labels].sum(axis=1, keepdims=True) - infogain[labels]) / 4",
    ),
)

SIGMOID = (
    Row(
        'layer { type: "SigmoidCrossEntropyLoss" bottom: "logits" bottom: "answers" top: "loss" }',
        'fx.sigmoid_cross_entropy(logits, answers, reduction="sum") / len(logits)',
        "Caffe divides by the batch size, not by the number of elements: for K answers per row it is K times the mean.",
        trap="fx.sigmoid_cross_entropy(logits, answers)",
        definition="(np.log(1 + np.exp(logits)) - answers * logits).sum() / 4",
    ),
    Row(
        'layer {\n  type: "SigmoidCrossEntropyLoss" bottom: "logits" bottom: "answers" top: "loss"\n'
        "  loss_param { ignore_label: 0 normalization: VALID }\n}",
        "fx.sigmoid_cross_entropy(logits, answers, ignore_index=0)",
        "Caffe truncates targets before it compares them: 0.9 is ignored too, as in `caffe.SigmoidCrossEntropyLoss`.",
        definition="np.log(1 + np.exp(-logits))[answers == 1].mean()",
    ),
)

CAFFE = Library(
    "caffe", "Caffe", (), SETUP, "", np.float64,
    {
        "MultinomialLogisticLoss": PROBABILITIES,
        "SoftmaxWithLoss": SOFTMAX,
        "InfogainLoss": INFOGAIN,
        "SigmoidCrossEntropyLoss": SIGMOID,
    },
    language="text",
)  # fmt: skip
