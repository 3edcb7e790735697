"""JAX and optax."""

import numpy as np

from tests.migration.rows import Library, Row

SETUP = """\
# the classes that take part
mask = np.array([[1, 1, 0], [1, 1, 1], [1, 1, 1], [1, 0, 1]], dtype=bool)
"""
IMPORTS = """\
import jax
import optax
"""

SOFTMAX = (
    Row(
        "optax.softmax_cross_entropy_with_integer_labels(logits, labels)",
        'fx.softmax_cross_entropy(logits, labels, reduction="none")',
        "optax returns one loss per row; fastxent returns their mean unless told otherwise.",
        trap="fx.softmax_cross_entropy(logits, labels)",
    ),
    Row(
        "optax.softmax_cross_entropy_with_integer_labels(logits, labels).mean()",
        "fx.softmax_cross_entropy(logits, labels)",
        "The same; float64 stays float64 in fastxent, where JAX makes it float32 unless `jax_enable_x64` is set.",
    ),
    Row(
        "optax.softmax_cross_entropy_with_integer_labels(logits, np.array([0, -1, 1, 3]))",
        'fx.softmax_cross_entropy(logits, [0, -1, 1, 3], reduction="none")',
        "For labels that are no class optax counts from the end or returns nan; fastxent raises a ValueError.",
        agrees=False,
    ),
    Row(
        "optax.softmax_cross_entropy_with_integer_labels(images, pixels, axis=1)",
        'fx.softmax_cross_entropy(images, pixels, axis=1, reduction="none")',
        "The same but for the reduction.",
    ),
    Row(
        "optax.softmax_cross_entropy(logits, soft)",
        'fx.softmax_cross_entropy(logits, soft, reduction="none")',
        "One function for class indices and distributions: the shape of the target tells them apart.",
    ),
    Row(
        "optax.softmax_cross_entropy(logits, optax.smooth_labels(jax.nn.one_hot(labels, 3), 0.1))",
        'fx.softmax_cross_entropy(logits, labels, label_smoothing=0.1, reduction="none")',
        "No one-hot array is made.",
    ),
    Row(
        "optax.softmax_cross_entropy(logits, soft, where=mask)",
        'fx.softmax_cross_entropy(np.where(mask, logits, -np.inf), mask * soft, reduction="none")',
        "A class that does not take part has the logit -inf and the target 0; neither renormalises the targets.",
        trap='fx.softmax_cross_entropy(logits, mask * soft, reduction="none")',
    ),
    Row(
        "optax.safe_softmax_cross_entropy(np.array([[2.0, 0.0, -np.inf]]), np.array([[0.5, 0.5, 0.0]]))",
        'fx.softmax_cross_entropy(np.array([[2.0, 0.0, -np.inf]]), [[0.5, 0.5, 0.0]], reduction="none")',
        "There is no unsafe one: a logit of -inf with the target 0 contributes 0, and so does its gradient.",
    ),
    Row(
        "optax.softmax_cross_entropy_with_integer_labels(np.float32([[20.0, 0.0]]), np.array([0]))",
        'fx.softmax_cross_entropy(np.float32([[20.0, 0.0]]), [0], reduction="none")',
        "optax's loss of a row that is right by 20 is 0 in float32; it is 2.06e-9.",
        agrees=False,
    ),
)

GRADIENTS = (
    Row(
        "jax.value_and_grad(\n"
        "    lambda x: optax.softmax_cross_entropy_with_integer_labels(x, labels).mean()\n"
        ")(logits.astype('float32'))",
        "fx.softmax_cross_entropy_grad(logits.astype('float32'), labels)",
        "No transformation and no compilation: the gradient comes with the loss.",
    ),
    Row(
        "jax.grad(lambda x: optax.sigmoid_binary_cross_entropy(x, answers).sum())(logits)",
        'fx.sigmoid_cross_entropy_grad(logits, answers, reduction="sum")[1]',
        "As above.",
    ),
    Row(
        "loss = lambda x: optax.softmax_cross_entropy_with_integer_labels(x, 2)\n"
        "jax.numpy.diag(jax.hessian(loss)(logits[0]))",
        "fx.softmax_cross_entropy_grad_hess(logits[0], 2)[2]",
        "The diagonal of the Hessian of each row, from the same pass.",
    ),
)

SIGMOID = (
    Row(
        "optax.sigmoid_binary_cross_entropy(logits, answers)",
        'fx.sigmoid_cross_entropy(logits, answers, reduction="none")',
        "optax returns one loss per element; fastxent returns their mean unless told otherwise.",
        trap="fx.sigmoid_cross_entropy(logits, answers)",
    ),
    Row(
        "optax.sigmoid_binary_cross_entropy(logits, 2 * answers)",
        'fx.sigmoid_cross_entropy(logits, 2 * answers, reduction="none")',
        "optax takes any target; fastxent raises a ValueError that names the first one outside [0, 1].",
        agrees=False,
    ),
    Row(
        "optax.sigmoid_focal_loss(logits, answers, alpha=0.25, gamma=2.0)",
        'fx.sigmoid_focal_loss(logits, answers, alpha=0.25, gamma=2.0, reduction="none")',
        "optax returns one loss per element; gamma is 2 and alpha left out by default in both.",
        trap="fx.sigmoid_focal_loss(logits, answers, alpha=0.25, gamma=2.0)",
    ),
)

INFORMATION = (
    Row(
        "optax.kl_divergence(np.log(probs[:3]), soft[:3])",
        "fx.kl_divergence(soft[:3], probs[:3])",
        "optax takes log q first and p second; fastxent takes p and q, as in the formula KL(p ‖ q).",
        trap="fx.kl_divergence(probs[:3], soft[:3])",
    ),
    Row(
        "optax.losses.kl_divergence_with_log_targets(np.log(soft[:2]), np.log(probs[:2]))",
        "fx.kl_divergence(probs[:2], soft[:2])",
        "Log-probabilities go through `np.exp` first.",
    ),
    Row(
        "optax.losses.convex_kl_divergence(np.log(probs[:3]), 2 * soft[:3])",
        "fx.kl_divergence(2 * soft[:3], probs[:3]) + (probs[:3] - 2 * soft[:3]).sum(axis=1)",
        "fastxent's divergence is the plain sum p log(p / q), also of what does not sum to one.",
        trap="fx.kl_divergence(2 * soft[:3], probs[:3])",
    ),
    Row(
        "jax.scipy.special.rel_entr(soft, soft[::-1]).sum(axis=1)",
        "fx.kl_divergence(soft, soft[::-1])",
        "The sum over the classes is part of the function; +inf where p > 0 and q = 0 in both.",
    ),
    Row("jax.scipy.special.entr(soft).sum(axis=1)", "fx.entropy(soft)", "As above; `base=2` gives bits."),
)

ACTIVATIONS = (
    Row("jax.nn.softmax(logits)", "fx.softmax(logits)", "The same: the last axis in both."),
    Row(
        "jax.nn.softmax(logits, where=mask)",
        "fx.softmax(np.where(mask, logits, -np.inf))",
        "A class that does not take part has the logit -inf.",
    ),
    Row("jax.nn.log_softmax(images, axis=1)", "fx.log_softmax(images, axis=1)", "The same."),
    Row(
        "jax.nn.logsumexp(logits)",
        "fx.logsumexp(logits.ravel())",
        "JAX takes all axes unless told otherwise, fastxent the last one.",
        trap="fx.logsumexp(logits)",
    ),
)

OPTAX = Library(
    "optax", "JAX, optax", ("jax", "optax"), SETUP, IMPORTS, np.float32,
    {
        "Softmax cross entropy": SOFTMAX,
        "Gradients": GRADIENTS,
        "Sigmoid cross entropy": SIGMOID,
        "Entropy and divergence": INFORMATION,
        "Activations": ACTIVATIONS,
    },
)  # fmt: skip
