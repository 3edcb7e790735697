"""Keras, and TensorFlow's own functions."""

import numpy as np

from tests.migration.rows import Library, Row

SETUP = """\
one_hot = np.eye(3)[labels]
masked = np.array([0, -1, 1, 0])
"""
IMPORTS = """\
import keras
import tensorflow as tf
"""

LOGITS = (
    Row(
        "keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits)",
        "fx.softmax_cross_entropy(logits, labels)",
        "Logits first, target second; float64 stays float64, where Keras computes in float32.",
        trap="fx.softmax_cross_entropy(labels, logits)",
    ),
    Row(
        "keras.losses.SparseCategoricalCrossentropy(from_logits=True, reduction=None)(labels, logits)",
        'fx.softmax_cross_entropy(logits, labels, reduction="none")',
        '`reduction=None` is `"none"`; `"sum_over_batch_size"` is `"mean"`.',
    ),
    Row(
        "keras.losses.SparseCategoricalCrossentropy(from_logits=True)(labels, logits, sample_weight=sample_weight)",
        'fx.softmax_cross_entropy(logits, labels, sample_weight=sample_weight, reduction="sum") / len(labels)',
        "Keras divides by the number of rows, whatever the weights are; fastxent's mean divides by their sum.",
        trap="fx.softmax_cross_entropy(logits, labels, sample_weight=sample_weight)",
    ),
    Row(
        "keras.losses.SparseCategoricalCrossentropy(\n"
        "    from_logits=True, reduction='mean_with_sample_weight'\n"
        ")(labels, logits, sample_weight=sample_weight)",
        "fx.softmax_cross_entropy(logits, labels, sample_weight=sample_weight)",
        "The same: this reduction of Keras divides by the sum of the weights.",
    ),
    Row(
        "keras.losses.SparseCategoricalCrossentropy(from_logits=True, ignore_class=-1)(masked, logits)",
        "fx.softmax_cross_entropy(logits, masked, ignore_index=-1)",
        "The same but for the name: the mean is over the rows that count.",
        trap="fx.softmax_cross_entropy(logits, masked)",
    ),
    Row(
        "keras.losses.CategoricalCrossentropy(from_logits=True, label_smoothing=0.1)(one_hot, logits)",
        "fx.softmax_cross_entropy(logits, labels, label_smoothing=0.1)",
        "No one-hot array is needed; a distribution in the logits' shape is taken as well.",
    ),
    Row(
        "keras.losses.CategoricalCrossentropy(from_logits=True, axis=1)(np.moveaxis(np.eye(3)[pixels], -1, 1), images)",
        "fx.softmax_cross_entropy(images, pixels, axis=1)",
        "The same but for the one-hot array. Keras's sparse loss has the classes on the last axis only.",
    ),
    Row(
        "keras.losses.sparse_categorical_crossentropy(labels, logits, from_logits=True)",
        'fx.softmax_cross_entropy(logits, labels, reduction="none")',
        "Keras's functions return one loss per row, its classes the mean; here `reduction` says which.",
        trap="fx.softmax_cross_entropy(logits, labels)",
    ),
    Row(
        "keras.losses.CategoricalFocalCrossentropy(from_logits=True)(one_hot, logits)",
        "fx.softmax_focal_loss(logits, labels, gamma=2.0, alpha=0.25)",
        "Keras multiplies by alpha = 0.25 by default; fastxent has no alpha unless it is given.",
        trap="fx.softmax_focal_loss(logits, labels, gamma=2.0)",
    ),
    Row(
        "keras.losses.SparseCategoricalCrossentropy(from_logits=True)(np.array([0]), np.float32([[20.0, 0.0]]))",
        "fx.softmax_cross_entropy(np.float32([[20.0, 0.0]]), [0])",
        "Keras's loss of a row that is right by 20 is 0 in float32; it is 2.06e-9.",
        agrees=False,
    ),
)

PROBABILITIES = (
    Row(
        "keras.losses.SparseCategoricalCrossentropy()(labels, probs)",
        "fx.clamped_cross_entropy(probs, labels, eps=1e-7)",
        "Keras expects probabilities by default, and clips them to [1e-7, 1 - 1e-7]; fastxent's threshold is 1e-20.",
        trap="fx.clamped_cross_entropy(probs, labels)",
    ),
    Row(
        "keras.losses.CategoricalCrossentropy(reduction=None)(one_hot, 2 * probs)",
        "p = 2 * probs / (2 * probs).sum(axis=1, keepdims=True)\n"
        'fx.clamped_cross_entropy(p, labels, eps=1e-7, reduction="none")',
        "Keras divides the probabilities by their sum; fastxent takes them as they are.",
        trap='fx.clamped_cross_entropy(2 * probs, labels, eps=1e-7, reduction="none")',
    ),
    Row(
        "keras.losses.CategoricalCrossentropy()(np.array([[1.0, 0.0]]), np.array([[1.0, 0.0]]))",
        "fx.clamped_cross_entropy(np.array([[1.0, 0.0]]), [0], eps=1e-7)",
        "Keras clips above as well: its loss of a probability of 1 is 1.2e-7. fastxent's is 0.",
        agrees=False,
    ),
    Row(
        "q = tf.constant([[0.25, 0.75], [0.0, 1.0]])\n"
        "with tf.GradientTape() as tape:\n"
        "    tape.watch(q)\n"
        "    loss = keras.losses.SparseCategoricalCrossentropy()(np.array([0, 0]), q)\n"
        "tape.gradient(loss, q)",
        "fx.clamped_cross_entropy_grad(np.float32([[0.25, 0.75], [0.0, 1.0]]), [0, 0], eps=1e-7)[1]",
        "Keras's gradient is 0 where it clips, and passes its division by the sum; fastxent's is -1 / max(q, eps).",
        agrees=False,
    ),
    Row(
        "keras.losses.BinaryCrossentropy()(1 - answers, probs)",
        "fx.clamped_cross_entropy(np.stack([1 - probs, probs], axis=-1), 1 - answers.astype(int), eps=1e-7)",
        "Two classes, and the threshold by name. With logits at hand prefer the sigmoid.",
        trap="fx.clamped_cross_entropy(np.stack([1 - probs, probs], axis=-1), 1 - answers.astype(int))",
    ),
    Row(
        "keras.losses.KLDivergence()(soft, probs)",
        "fx.kl_divergence(np.clip(soft, 1e-7, 1), np.clip(probs, 1e-7, 1)).mean()",
        "Keras clips both to [1e-7, 1]; fastxent's divergence is +inf where p > 0 and q = 0. The order is the same.",
        trap="fx.kl_divergence(soft, probs).mean()",
    ),
)

SIGMOID = (
    Row(
        "keras.losses.BinaryCrossentropy(from_logits=True)(answers, logits)",
        "fx.sigmoid_cross_entropy(logits, answers)",
        "Logits first, target second.",
    ),
    Row(
        "keras.losses.BinaryCrossentropy(from_logits=True, reduction=None)(answers, logits)",
        'fx.sigmoid_cross_entropy(logits, answers, reduction="none").mean(axis=-1)',
        "Keras averages the last axis even without a reduction; fastxent returns every element.",
        trap='fx.sigmoid_cross_entropy(logits, answers, reduction="none")',
    ),
    Row(
        "keras.losses.BinaryCrossentropy(from_logits=True, label_smoothing=0.1)(answers, logits)",
        "fx.sigmoid_cross_entropy(logits, answers, label_smoothing=0.1)",
        "The same: half of the share goes to each answer.",
    ),
    Row(
        "keras.losses.BinaryFocalCrossentropy(from_logits=True)(answers, logits)",
        "fx.sigmoid_focal_loss(logits, answers, gamma=2.0)",
        "Keras uses its alpha of 0.25 only with `apply_class_balancing=True`; fastxent does if it is given.",
        trap="fx.sigmoid_focal_loss(logits, answers, gamma=2.0, alpha=0.25)",
    ),
    Row(
        "keras.losses.BinaryFocalCrossentropy(apply_class_balancing=True, from_logits=True)(answers, logits)",
        "fx.sigmoid_focal_loss(logits, answers, gamma=2.0, alpha=0.25)",
        "The same: alpha is the factor of the answer 1, and 1 - alpha that of 0.",
    ),
    Row(
        "tf.nn.sigmoid_cross_entropy_with_logits(labels=answers, logits=logits)",
        'fx.sigmoid_cross_entropy(logits, answers, reduction="none")',
        "TensorFlow returns one loss per element; fastxent their mean unless told otherwise.",
        trap="fx.sigmoid_cross_entropy(logits, answers)",
    ),
    Row(
        "tf.nn.weighted_cross_entropy_with_logits(labels=answers, logits=logits, pos_weight=class_weight)",
        'fx.sigmoid_cross_entropy(logits, answers, pos_weight=class_weight, reduction="none")',
        "As above.",
    ),
)

FUNCTIONS = (
    Row(
        "tf.nn.sparse_softmax_cross_entropy_with_logits(labels=labels, logits=logits)",
        'fx.softmax_cross_entropy(logits, labels, reduction="none")',
        "TensorFlow returns one loss per row; fastxent their mean unless told otherwise.",
        trap="fx.softmax_cross_entropy(logits, labels)",
    ),
    Row(
        "tf.nn.softmax_cross_entropy_with_logits(labels=soft, logits=logits)",
        'fx.softmax_cross_entropy(logits, soft, reduction="none")',
        "As above; one function, since the shape of the target tells.",
    ),
    Row(
        "x = tf.constant(logits)\n"
        "with tf.GradientTape() as tape:\n"
        "    tape.watch(x)\n"
        "    loss = tf.reduce_mean(tf.nn.sparse_softmax_cross_entropy_with_logits(labels, x))\n"
        "loss, tape.gradient(loss, x)",
        "fx.softmax_cross_entropy_grad(logits, labels)",
        "There is no tape: the call returns the loss and its gradient with respect to the logits.",
    ),
    Row("keras.ops.softmax(logits)", "fx.softmax(logits)", "The same: the last axis in both."),
    Row("tf.nn.log_softmax(logits)", "fx.log_softmax(logits)", "The same: the last axis in both."),
    Row(
        "keras.ops.logsumexp(logits)",
        "fx.logsumexp(logits.ravel())",
        "Keras and TensorFlow take all axes unless told otherwise, fastxent the last one.",
        trap="fx.logsumexp(logits)",
    ),
)

KERAS = Library(
    "keras", "Keras, TensorFlow", ("keras", "tensorflow"), SETUP, IMPORTS, np.float32,
    {
        "Losses of logits": LOGITS,
        "Losses of probabilities": PROBABILITIES,
        "Sigmoid cross entropy": SIGMOID,
        "Functions": FUNCTIONS,
    },
)  # fmt: skip
