"""The figure of maths.md: what float32 formulas return for confident rows, beside the truth."""

from pathlib import Path

import matplotlib as mpl
import numpy as np
from matplotlib.figure import Figure

import fastxent as fx

MARGINS = np.arange(8.0, 30.01, 0.05)
COLOURS = {"light": ("#24292f", "#b42318", "#1f6feb"), "dark": ("#d0d7de", "#ff8a7a", "#79b8ff")}


def usual(logits: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
    """Loss and gradient at class 0 by the usual formulas, in the dtype of the logits."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    total = np.exp(shifted).sum(axis=1)
    return np.log(total) - shifted[:, 0], np.exp(shifted[:, 0]) / total - 1


def draw(folder: Path) -> None:
    """Write confident-light.svg and confident-dark.svg."""
    logits = np.stack([MARGINS, np.zeros_like(MARGINS)], axis=1).astype(np.float32)
    labels = np.zeros(len(logits), dtype=np.int64)
    loss, grad = fx.softmax_cross_entropy_grad(logits, labels, reduction="none")
    truth = np.log1p(np.exp(-MARGINS)), 1 / (1 + np.exp(MARGINS))
    exact = loss, -grad[:, 0]
    rounded = usual(logits)[0], -usual(logits)[1]
    folder.mkdir(exist_ok=True)
    for name, (ink, wrong, right) in COLOURS.items():
        style = dict.fromkeys(("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color"), ink)
        with mpl.rc_context({**style, "font.size": 11, "svg.hashsalt": "fastxent"}):
            figure = Figure(figsize=(9.2, 3.8), layout="constrained")
            titles = "loss", "gradient at the label, absolute value"
            for axes, title, real, theirs, ours in zip(
                figure.subplots(1, 2), titles, truth, rounded, exact, strict=True
            ):
                last = MARGINS[theirs > 0][-1]
                axes.semilogy(MARGINS, real, color=ink, linewidth=5, alpha=0.25, label="truth")
                axes.semilogy(
                    MARGINS, np.where(theirs > 0, theirs, np.nan), color=wrong, label="usual formula, float32"
                )
                axes.semilogy(MARGINS, ours, color=right, linestyle="--", label="fastxent, float32")
                axes.axvline(last, color=wrong, linestyle=":", linewidth=1)
                axes.text(last - 0.4, 1e-12, "0 from here on", color=wrong, rotation=90, ha="right")
                axes.set(title=title, xlabel="margin of the right logit", ylim=(1e-13, 1e-3))
                axes.set_facecolor("none")
            figure.axes[0].legend(loc="upper right", frameon=False)
            figure.savefig(folder / f"confident-{name}.svg", transparent=True, metadata={"Date": None})
