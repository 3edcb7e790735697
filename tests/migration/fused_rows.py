"""Liger-Kernel and Cut Cross-Entropy, which need a GPU: their formulas, which torch checks."""

import numpy as np

from tests.migration.rows import Library, Row

LAYER = """\
# a linear layer: what it is applied to, a row of weights for each class, and a bias
hidden = np.array([[1.0, 0.5], [-0.3, 0.2], [2.0, -1.0], [0.1, 0.4]])
head = np.array([[2.0, 0.0], [0.5, 1.0], [0.0, -1.0]])
bias = np.array([0.1, -0.2, 0.3])
masked = np.array([0, -100, 1, 0])
"""
SETUP = LAYER + "\n# its logits, which neither library makes as a whole\nz = hidden @ head.T\n"
IMPORTS = """\
import torch
import torch.nn.functional as F

h, W, b, w = map(torch.tensor, (hidden, head, bias, class_weight))
y, m = map(torch.tensor, (labels, masked))
"""

LIGER = (
    Row(
        "LigerFusedLinearCrossEntropyLoss()(W, h, y)",
        "fx.linear_cross_entropy(hidden, head, labels)",
        "Liger takes the weight first; its loss is a tensor, and ours a float, added up in double.",
        trap="fx.linear_cross_entropy(head, hidden, labels)",
        definition="(np.log(np.exp(z).sum(axis=1)) - z[np.arange(4), labels]).mean()",
        by_torch="F.cross_entropy(F.linear(h, W), y)",
    ),
    Row(
        "LigerFusedLinearCrossEntropyLoss()(W, h, m, b)",
        "fx.linear_cross_entropy(hidden, head, masked, bias, ignore_index=-100)",
        "Liger ignores -100 by default; fastxent what you name. Rows that are ignored are not multiplied.",
        trap="fx.linear_cross_entropy(hidden, head, masked, bias)",
        definition="a = (z + bias)[masked >= 0]\n"
        "(np.log(np.exp(a).sum(axis=1)) - a[np.arange(3), masked[masked >= 0]]).mean()",
        by_torch="F.cross_entropy(F.linear(h, W, b), m)",
    ),
    Row(
        "LigerFusedLinearCrossEntropyLoss(ce_weight=w, label_smoothing=0.1)(W, h, y)",
        "fx.linear_cross_entropy(hidden, head, labels, class_weight=class_weight, label_smoothing=0.1)",
        "Other names.",
        trap="fx.linear_cross_entropy(hidden, head, labels, label_smoothing=0.1)",
        definition="t = (0.9 * np.eye(3)[labels] + 0.1 / 3) * class_weight\n"
        "(t * (np.log(np.exp(z).sum(axis=1))[:, None] - z)).sum() / class_weight[labels].sum()",
        by_torch="F.cross_entropy(F.linear(h, W), y, weight=w, label_smoothing=0.1)",
    ),
    Row(
        "LigerFusedLinearCrossEntropyLoss(lse_square_scale=1e-2, softcap=1.5)(W, h, y)",
        "fx.linear_cross_entropy(hidden, head, labels, z_loss=1e-2, softcap=1.5)",
        "`lse_square_scale` is `z_loss`.",
        trap="fx.linear_cross_entropy(hidden, head, labels, softcap=1.5)",
        definition="a = 1.5 * np.tanh(z / 1.5)\nlse = np.log(np.exp(a).sum(axis=1))\n"
        "(lse - a[np.arange(4), labels] + 1e-2 * lse**2).mean()",
        by_torch="a = 1.5 * torch.tanh(F.linear(h, W) / 1.5)\n"
        "F.cross_entropy(a, y) + 1e-2 * torch.logsumexp(a, 1).square().mean()",
    ),
    Row(
        "loss = LigerFusedLinearCrossEntropyLoss()(W, h, y)\nloss.backward()\nh.grad, W.grad",
        "fx.linear_cross_entropy_grad(hidden, head, labels)[1][:2]",
        "One call for the loss and the gradients of the hidden states, the weight and the bias (None without one).",
        definition="p = np.exp(z) / np.exp(z).sum(axis=1, keepdims=True)\ng = (p - np.eye(3)[labels]) / 4\n"
        "(g @ head, g.T @ hidden)",
        by_torch="h, W = h.clone().requires_grad_(), W.clone().requires_grad_()\n"
        "F.cross_entropy(F.linear(h, W), y).backward()\n(h.grad, W.grad)",
    ),
)

CUT = (
    Row(
        "linear_cross_entropy(h, W, m)",
        "fx.linear_cross_entropy(hidden, head, masked, ignore_index=-100)",
        "Arguments in the same order; -100 is ignored there by default.",
        trap="fx.linear_cross_entropy(hidden, head, masked)",
        definition="a = z[masked >= 0]\n(np.log(np.exp(a).sum(axis=1)) - a[np.arange(3), masked[masked >= 0]]).mean()",
        by_torch="F.cross_entropy(F.linear(h, W), m)",
    ),
    Row(
        'linear_cross_entropy(h, W, y, bias=b, softcap=1.5, reduction="none")',
        'fx.linear_cross_entropy(hidden, head, labels, bias, softcap=1.5, reduction="none")',
        "The same.",
        definition="a = 1.5 * np.tanh((z + bias) / 1.5)\nnp.log(np.exp(a).sum(axis=1)) - a[np.arange(4), labels]",
        by_torch='F.cross_entropy(1.5 * torch.tanh(F.linear(h, W, b) / 1.5), y, reduction="none")',
    ),
    Row(
        "linear_cross_entropy(h, W, y, shift=1)",
        "fx.linear_cross_entropy(hidden[:-1], head, labels[1:])",
        "Each position predicts the next token there; here you say so by slices, which are views.",
        trap="fx.linear_cross_entropy(hidden, head, labels)",
        definition="(np.log(np.exp(z[:-1]).sum(axis=1)) - z[np.arange(3), labels[1:]]).mean()",
        by_torch="F.cross_entropy(F.linear(h[:-1], W), y[1:])",
    ),
)

FUSED = Library(
    "fused", "Liger-Kernel, Cut Cross-Entropy", (), SETUP, IMPORTS, np.float64,
    {"Liger-Kernel": LIGER, "Cut Cross-Entropy": CUT},
)  # fmt: skip
