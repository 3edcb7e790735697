"""Confident rows: what float32 formulas return where one logit is far above the others, beside the truth."""

import functools

import numpy as np

import fastxent as fx
from figures.style import line
from tests.peers import PEERS

MARGINS = np.arange(8.0, 30.01, 0.05)
LIBRARIES = {
    "NumPy": PEERS["NumPy"]["softmax_cross_entropy_grad"],
    "fastxent": lambda x, y, reduction: fx.softmax_cross_entropy_grad(x, y, reduction=reduction),
}


@functools.cache
def results(library):
    """Loss, and absolute gradient at the label, of the rows (margin, 0) with the label 0."""
    logits = np.stack([MARGINS, np.zeros_like(MARGINS)], axis=1).astype(np.float32)
    loss, grad = LIBRARIES[library](logits, np.zeros(len(logits), dtype=np.int64), "none")
    return loss, -grad[:, 0]


def draw(axes, theme, which, truth):
    axes.semilogy(MARGINS, truth, color=theme.ink, linewidth=5, alpha=0.25, label="truth")
    for library, label in {"NumPy": "usual formula, float32", "fastxent": "fastxent, float32"}.items():
        found = results(library)[which]
        line(axes, theme, library, MARGINS, np.where(found > 0, found, np.nan))
        axes.lines[-1].set_label(label)
        if (found == 0).any():
            last, colour = MARGINS[found > 0][-1], theme.libraries[library]
            axes.axvline(last, color=colour, linestyle=":", linewidth=1)
            axes.text(last - 0.4, 1e-12, "0 from here on", color=colour, rotation=90, ha="right")
    axes.set(xlabel="margin of the right logit", ylim=(1e-13, 1e-3))
    axes.legend(loc="upper right", frameon=False)


def confident_loss(axes, theme):
    """Losses against the margin."""
    draw(axes, theme, 0, np.log1p(np.exp(-MARGINS)))
    axes.set_title("loss, nats")


def confident_gradient(axes, theme):
    """Gradients at the label against the margin."""
    draw(axes, theme, 1, 1 / (1 + np.exp(MARGINS)))
    axes.set_title("gradient at the label, absolute value")
