"""How far results are from the real value: fastxent, the NumPy formula, SciPy and scikit-learn, on the same inputs."""

import functools

import numpy as np

import fastxent as fx
from figures.style import line
from tests import oracle
from tests.peers import PEERS

FASTXENT = {name: getattr(fx, name) for name in ("softmax_cross_entropy", "softmax_cross_entropy_grad")}
FASTXENT["kl_divergence"] = fx.kl_divergence
LIBRARIES = {**PEERS, "fastxent": FASTXENT}
SMALLEST = 1e-9  # relative errors below are drawn here
EPSILON = float(np.finfo(np.float32).eps)
MARGINS = np.arange(0.0, 40.01, 0.25)
OFFSETS = np.geomspace(1, 1e6, 25)
DISTANCES = np.geomspace(1e-6, 1e-1, 21)


def per_row(library, name, logits, labels):
    """Losses of rows, and gradients where `name` has them, from any of the libraries."""
    call = LIBRARIES[library][name]
    return call(logits, labels, reduction="none")


def relative(found, real):
    return np.maximum(np.abs(np.asarray(found, np.float64) / real - 1), SMALLEST)


@functools.cache
def errors_of_margins(library):
    """Relative errors of loss and gradient at the label of float32 rows (margin, 0)."""
    logits = np.stack([MARGINS, np.zeros_like(MARGINS)], axis=1).astype(np.float32)
    loss, grad = per_row(library, "softmax_cross_entropy_grad", logits, np.zeros(len(logits), dtype=np.int64))
    return relative(loss, np.log1p(np.exp(-MARGINS))), relative(-grad[:, 0], 1 / (1 + np.exp(MARGINS)))


@functools.cache
def errors_of_offsets(library):
    """The largest relative error of the loss of 200 float32 rows of 10 logits with an offset added to each row."""
    rng = np.random.default_rng(0)
    rows, labels = rng.normal(0, 1, (200, 10)), rng.integers(10, size=200)
    largest = []
    for offset in OFFSETS:
        logits = (rows + offset).astype(np.float32)
        real = oracle_of_rows(logits.astype(np.float64), labels)
        largest.append(relative(per_row(library, "softmax_cross_entropy", logits, labels), real).max())
    return largest


def oracle_of_rows(logits, labels):
    """The losses of float32 rows in float64, in which x - m is exact."""
    shifted = logits - logits.max(axis=1, keepdims=True)
    return np.log(np.exp(shifted).sum(axis=1)) - np.take_along_axis(shifted, labels[:, None], axis=1)[:, 0]


@functools.cache
def rows_of_a_classifier():
    """1000 float32 rows of 10 logits, the label the largest but in every tenth row, and their real losses."""
    rng = np.random.default_rng(1)
    logits = rng.normal(0, 5, (1000, 10)).astype(np.float32)
    labels = logits.argmax(axis=1)
    labels[::10] = rng.integers(10, size=100)
    pairs = zip(logits, labels, strict=True)
    return logits, labels, oracle.stack([oracle.softmax_cross_entropy(x, oracle.target_of(10, y=y)) for x, y in pairs])


@functools.cache
def ulps(library):
    """The errors of rows_of_a_classifier in ulp, in order: of the losses, and of all entries of the gradient."""
    logits, labels, real = rows_of_a_classifier()
    found = per_row(library, "softmax_cross_entropy_grad", logits, labels)
    return [
        np.sort(oracle.ulps_off(got, want, np.float32).ravel())
        for got, want in zip(found, (real.loss, real.grad), strict=True)
    ]


@functools.cache
def errors_of_divergences(library):
    """Relative errors of KL(p || q) in float32, of two distributions of 10 classes at a relative distance."""
    p = np.array([0.25, 0.25, 0.25, 0.25])
    found, real = [], []
    for distance in DISTANCES:
        step = np.float32(distance / 4)
        q = np.array([0.25 + step, 0.25 - step, 0.25 + step / 2, 0.25 - step / 2], dtype=np.float32)
        found.append(LIBRARIES[library]["kl_divergence"](p.astype(np.float32)[None], q[None])[0])
        real.append(oracle.information(p, q.astype(np.float64)).kl_divergence.high)
    return relative(found, np.array(real))


def shares_within(axes, theme, which):
    """For each library the share of results within a number of ulp."""
    for library in LIBRARIES:
        errors = ulps(library)[which]
        line(axes, theme, library, np.maximum(errors, 0.05), np.arange(1, errors.size + 1) / errors.size)
    axes.axvline(4, color=theme.ink, linewidth=1, linestyle=":")
    axes.text(4.6, 0.04, "4 ulp", color=theme.ink)
    axes.set(xscale="log", xlim=(0.05, 3e7), ylim=(0, 1.02), xlabel="error, ulp", ylabel="share of the results within")
    axes.legend(loc="center right", frameon=False)


def relative_error(axes, theme, x, errors, xlabel, legend):
    for library in LIBRARIES:
        line(axes, theme, library, x, errors(library))
    axes.axhline(EPSILON, color=theme.ink, linewidth=1, linestyle=":")
    axes.text(x[-1], EPSILON * 2.5, "epsilon of float32", color=theme.ink, ha="right")
    axes.set(yscale="log", ylim=(SMALLEST, 3), xlabel=xlabel, ylabel="relative error")
    axes.legend(loc=legend, frameon=False)


def margin_loss(axes, theme):
    """Errors of losses against the margin."""
    relative_error(
        axes, theme, MARGINS, lambda library: errors_of_margins(library)[0], "margin of the right logit", "center right"
    )
    axes.set_title("loss, float32")


def margin_gradient(axes, theme):
    """Errors of gradients at the label against the margin."""
    relative_error(
        axes, theme, MARGINS, lambda library: errors_of_margins(library)[1], "margin of the right logit", "center right"
    )
    axes.set_title("gradient at the label, float32")


def ulps_loss(axes, theme):
    """How many losses are how exact."""
    shares_within(axes, theme, 0)
    axes.set_title("losses, float32")


def ulps_gradient(axes, theme):
    """How many entries of gradients are how exact."""
    shares_within(axes, theme, 1)
    axes.set_title("entries of gradients, float32")


def offset_loss(axes, theme):
    """Errors of losses against an offset of their row."""
    relative_error(axes, theme, OFFSETS, errors_of_offsets, "added to every logit of a row", "upper left")
    axes.set(xscale="log")
    axes.set_title("loss, float32")


def near_divergence(axes, theme):
    """Errors of divergences against the distance of the distributions."""
    for library in LIBRARIES:
        if "kl_divergence" in LIBRARIES[library]:
            line(axes, theme, library, DISTANCES, errors_of_divergences(library))
    axes.axhline(EPSILON, color=theme.ink, linewidth=1, linestyle=":")
    axes.text(DISTANCES[-1], EPSILON * 1.3, "epsilon of float32", color=theme.ink, ha="right")
    axes.set(xscale="log", yscale="log", xlabel="relative distance of p and q", ylabel="relative error")
    axes.set_title("Kullback-Leibler divergence, float32")
    axes.legend(loc="upper right", frameon=False)
