"""PyTorch."""

import numpy as np

from tests.migration.fused_rows import LAYER
from tests.migration.rows import Library, Row

SETUP = LAYER
IMPORTS = """\
import torch
import torch.nn.functional as F

x, q, t, a = map(torch.tensor, (logits, probs, soft, answers))
w, v, X = map(torch.tensor, (class_weight, sample_weight, images))
y, Y = torch.tensor(labels), torch.tensor(pixels)
h, W, b, m = map(torch.tensor, (hidden, head, bias, masked))
"""

SOFTMAX = (
    Row(
        "F.cross_entropy(x, y)",
        "fx.softmax_cross_entropy(logits, labels)",
        "The mean and the sum are Python floats, added up in double, not tensors in the dtype of the logits.",
    ),
    Row(
        "F.cross_entropy(x, torch.tensor(masked))",
        "fx.softmax_cross_entropy(logits, masked, ignore_index=-100)",
        "torch ignores the label -100 by default; fastxent ignores what you name, and -100 is an error otherwise.",
        trap="fx.softmax_cross_entropy(logits, masked)",
    ),
    Row(
        "F.cross_entropy(x, y, weight=w)",
        "fx.softmax_cross_entropy(logits, labels, class_weight=class_weight)",
        "The same but for the name: both divide by the sum of the weights of the labels that occur.",
        trap='fx.softmax_cross_entropy(logits, labels, class_weight=class_weight, reduction="sum") / 4',
    ),
    Row(
        "F.cross_entropy(x, y, weight=w, label_smoothing=0.1)",
        "fx.softmax_cross_entropy(logits, labels, class_weight=class_weight, label_smoothing=0.1)",
        "The same: the smoothed share of a class is multiplied by its weight; the divisor stays that of the labels.",
    ),
    Row(
        'F.cross_entropy(x, y, reduction="none")',
        'fx.softmax_cross_entropy(logits, labels, reduction="none")',
        'The same; `reduction="sum"` likewise.',
    ),
    Row(
        "F.cross_entropy(x, t)",
        "fx.softmax_cross_entropy(logits, soft)",
        "The same: a target of the shape of the logits is a distribution, and the mean divides by the number of rows.",
    ),
    Row(
        "F.cross_entropy(x, t, weight=w)",
        "fx.softmax_cross_entropy(logits, soft, class_weight=class_weight)",
        "The same: for distributions both divide by the number of rows, in which class weights do not count.",
    ),
    Row(
        "F.cross_entropy(X, Y)",
        "fx.softmax_cross_entropy(images, pixels, axis=1)",
        "torch's classes are on axis 1 always; fastxent's are on the last axis unless `axis` says where.",
        trap="fx.softmax_cross_entropy(images, pixels)",
    ),
    Row(
        "F.cross_entropy(x[0], y[0])",
        "fx.softmax_cross_entropy(logits[0], labels[0])",
        "The same: one row without a batch axis.",
    ),
    Row(
        "torch.nn.CrossEntropyLoss(weight=w, ignore_index=2, label_smoothing=0.1)(x, y)",
        "fx.softmax_cross_entropy(logits, labels, class_weight=class_weight, ignore_index=2, label_smoothing=0.1)",
        "A function; `functools.partial` keeps the options.",
    ),
    Row(
        "F.cross_entropy(x, torch.full((4,), -100))",
        "fx.softmax_cross_entropy(logits, np.full(4, -100), ignore_index=-100)",
        "The same: the mean of no rows is nan, and the gradient 0.",
    ),
    Row(
        "(F.cross_entropy(x, y, reduction='none') * v).sum() / v.sum()",
        "fx.softmax_cross_entropy(logits, labels, sample_weight=sample_weight)",
        "torch has no weights of rows; the mean divides by their sum.",
    ),
    Row(
        "F.cross_entropy(torch.tensor([[20.0, 0.0]]), torch.tensor([0]))",
        "fx.softmax_cross_entropy(np.float32([[20.0, 0.0]]), [0])",
        "torch's loss of a row that is right by 20 is 0 in float32; it is 2.06e-9.",
        agrees=False,
    ),
)

LINEAR = (
    Row(
        "F.linear_cross_entropy(h, W, y)",
        "fx.linear_cross_entropy(hidden, head, labels)",
        "torch makes all logits unless `options` asks for chunks; fastxent never does.",
    ),
    Row(
        "options = torch.nn.LinearCrossEntropyOptions(batch_chunk_size=2)\n"
        "F.linear_cross_entropy(h, W, m, linear_bias=b, options=options)",
        "fx.linear_cross_entropy(hidden, head, masked, bias, ignore_index=-100, chunk_rows=2)",
        "-100 is ignored there by default. torch's chunks want class indices and no smoothing; these take all options.",
        trap="fx.linear_cross_entropy(hidden, head, masked, bias)",
    ),
    Row(
        "F.linear_cross_entropy(h, W, t, weight=w, label_smoothing=0.1)",
        "fx.linear_cross_entropy(hidden, head, soft, class_weight=class_weight, label_smoothing=0.1)",
        "The same; distributions, too, are used chunk by chunk.",
    ),
    Row(
        "H, V = h.clone().requires_grad_(), W.clone().requires_grad_()\n"
        "F.linear_cross_entropy(H, V, y, reduction='none').backward(v)\nH.grad, V.grad",
        "fx.linear_cross_entropy_grad(hidden, head, labels, reduction='none', grad_output=sample_weight)[1][:2]",
        "One call returns the losses and the gradients; that of the bias comes third.",
    ),
    Row(
        "-F.log_softmax(F.linear(h, W), dim=1).gather(1, y[:, None])[:, 0]",
        "-fx.linear_target_statistics(hidden, head, labels).log_prob",
        "Rank, prediction, entropy and the logarithm of the sum of exponentials come with it, in one pass.",
    ),
)

GRADIENTS = (
    Row(
        "p = x.clone().requires_grad_()\nloss = F.cross_entropy(p, y)\nloss.backward()\nloss, p.grad",
        "fx.softmax_cross_entropy_grad(logits, labels)",
        "There is no tape: the call returns the loss and its gradient with respect to the logits.",
    ),
    Row(
        "p = x.clone().requires_grad_()\nF.cross_entropy(p, y, reduction='none').backward(v)\np.grad",
        "fx.softmax_cross_entropy_grad(logits, labels, reduction='none', grad_output=sample_weight)[1]",
        'The gradient that comes from above is `grad_output`: one number, or with `"none"` one for each row.',
    ),
    Row(
        "p = x.clone().requires_grad_()\nF.binary_cross_entropy_with_logits(p, a).backward()\np.grad",
        "fx.sigmoid_cross_entropy_grad(logits, answers)[1]",
        "As above.",
    ),
)

LOG_PROBABILITIES = (
    Row(
        "F.nll_loss(F.log_softmax(x, dim=1), y)",
        "fx.softmax_cross_entropy(logits, labels)",
        "One call on the logits; the two of torch make an array of their size in between.",
    ),
    Row(
        "F.nll_loss(q.log(), y)",
        "fx.clamped_cross_entropy(probs, labels, eps=0)",
        "Probabilities go in, not their logarithms; a probability of 0 at a label is +inf in both with `eps=0`.",
        trap="fx.clamped_cross_entropy(probs, labels)",
    ),
    Row(
        "torch.nn.NLLLoss(reduction='none')(x, y)",
        "-np.take_along_axis(logits, labels[:, None], axis=1)[:, 0]",
        "NLLLoss takes no logarithm and normalises nothing: of numbers that are no log-probabilities it is a gather.",
        trap="fx.softmax_cross_entropy(logits, labels, reduction='none')",
    ),
    Row("F.log_softmax(x, dim=1)", "fx.log_softmax(logits, axis=1)", "`axis` is -1 unless given."),
    Row("F.softmax(X, dim=1)", "fx.softmax(images, axis=1)", "As above.", trap="fx.softmax(images)"),
    Row("torch.logsumexp(x, dim=1)", "fx.logsumexp(logits, axis=1)", "As above; one axis, not several."),
)

SIGMOID = (
    Row(
        "F.binary_cross_entropy_with_logits(x, a)",
        "fx.sigmoid_cross_entropy(logits, answers)",
        "Targets may be integers or bool, and have to lie in [0, 1].",
    ),
    Row(
        "F.binary_cross_entropy_with_logits(x, a, pos_weight=w)",
        "fx.sigmoid_cross_entropy(logits, answers, pos_weight=class_weight)",
        "The same: one weight for each entry of the last axis, and the mean divides by the number of elements.",
    ),
    Row(
        "F.binary_cross_entropy_with_logits(x, a, weight=v[:, None])",
        "each = sample_weight[:, None]\n"
        "fx.sigmoid_cross_entropy(logits, answers, sample_weight=each, reduction='sum') / logits.size",
        "torch divides by the number of elements, whatever the weights are; fastxent's mean divides by their sum.",
        trap="fx.sigmoid_cross_entropy(logits, answers, sample_weight=sample_weight[:, None])",
    ),
    Row(
        "F.binary_cross_entropy_with_logits(x, a, weight=w)",
        "fx.sigmoid_cross_entropy(logits, answers, sample_weight=class_weight[None], reduction='sum') / logits.size",
        "As above; and weights need as many axes as the logits, so that none is broadcast by accident.",
        trap="fx.sigmoid_cross_entropy(logits, answers, sample_weight=class_weight, reduction='sum') / logits.size",
    ),
    Row(
        "F.binary_cross_entropy_with_logits(x, 2 * a)",
        "fx.sigmoid_cross_entropy(logits, 2 * answers)",
        "torch takes any target; fastxent raises a ValueError that names the first one outside [0, 1].",
        agrees=False,
    ),
    Row(
        "torch.nn.BCEWithLogitsLoss(reduction='sum', pos_weight=w)(x, a)",
        "fx.sigmoid_cross_entropy(logits, answers, reduction='sum', pos_weight=class_weight)",
        "A function; `functools.partial` keeps the options.",
    ),
    Row(
        "torch.nn.MultiLabelSoftMarginLoss()(x, a)",
        "fx.sigmoid_cross_entropy(logits, answers)",
        "The same: it is the same loss.",
    ),
    Row(
        "F.soft_margin_loss(x, 2 * a - 1)",
        "fx.sigmoid_cross_entropy(logits, answers)",
        "torch's targets are 1 and -1 here.",
        trap="fx.sigmoid_cross_entropy(logits, 2 * answers - 1)",
    ),
    Row(
        "F.binary_cross_entropy(q, 1 - a)",
        "fx.clamped_cross_entropy(np.stack([1 - probs, probs], axis=-1), 1 - answers.astype(int), eps=np.exp(-100))",
        "Two classes, and the threshold by name: torch bounds the logarithm at -100. From logits, prefer the sigmoid.",
        trap="fx.clamped_cross_entropy(np.stack([1 - probs, probs], axis=-1), 1 - answers.astype(int))",
    ),
)

INFORMATION = (
    Row(
        "F.kl_div(q[:3].log(), t[:3], reduction='batchmean')",
        "fx.kl_divergence(soft[:3], probs[:3]).mean()",
        "torch takes log q first and p second; fastxent takes p and q, as in the formula KL(p ‖ q).",
        trap="fx.kl_divergence(probs[:3], soft[:3]).mean()",
    ),
    Row(
        "F.kl_div(q[:3].log(), t[:3])",
        "fx.kl_divergence(soft[:3], probs[:3]).sum() / soft[:3].size",
        "torch's default mean divides by rows times classes, so that it is not the mean divergence of the rows.",
        trap="fx.kl_divergence(soft[:3], probs[:3]).mean()",
    ),
    Row(
        "F.kl_div(q[:3].log(), t[:3].log(), reduction='none', log_target=True).sum(dim=1)",
        "fx.kl_divergence(soft[:3], probs[:3])",
        "One number per row; log-probabilities go through `np.exp` first. torch gives nan where p = 0 in this form.",
        agrees=False,
    ),
    Row(
        "F.kl_div(F.log_softmax(x, dim=1), t, reduction='batchmean')",
        "fx.softmax_cross_entropy(logits, soft) - fx.entropy(soft).mean()",
        "The gradient with respect to the logits is that of the cross entropy: the entropy of the target is constant.",
        trap="fx.softmax_cross_entropy(logits, soft)",
    ),
    Row(
        "torch.nn.KLDivLoss(reduction='sum')(q[:3].log(), t[:3])",
        "fx.kl_divergence(soft[:3], probs[:3]).sum()",
        "As above.",
    ),
    Row("torch.special.entr(t).sum(dim=1)", "fx.entropy(soft)", "The same; `base=2` gives bits."),
    Row(
        "torch.distributions.Categorical(probs=3 * q).entropy()",
        "fx.entropy(3 * probs / (3 * probs).sum(axis=1, keepdims=True))",
        "torch divides by the sum and moves a probability of 0 to the dtype's epsilon; fastxent does neither.",
        trap="fx.entropy(3 * probs)",
    ),
)

TORCH = Library(
    "torch", "torch", ("torch",), SETUP, IMPORTS, np.float64,
    {
        "Softmax cross entropy": SOFTMAX,
        "Gradients": GRADIENTS,
        "A linear layer and its loss": LINEAR,
        "Log-probabilities and activations": LOG_PROBABILITIES,
        "Sigmoid cross entropy": SIGMOID,
        "Entropy and divergence": INFORMATION,
    },
)  # fmt: skip
