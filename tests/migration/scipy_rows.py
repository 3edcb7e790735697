"""SciPy."""

import numpy as np

from tests.migration.rows import Library, Row

SETUP = "counts = np.array([[3.0, 1.0, 4.0], [1.0, 5.0, 9.0]])\n"
IMPORTS = """\
from fastxent import continuous
from scipy import special, stats

wide, narrow = stats.norm(0, 2), stats.norm(1, 0.05)
"""

ACTIVATIONS = (
    Row(
        "special.softmax(logits, axis=1)",
        "fx.softmax(logits)",
        "SciPy takes all axes unless told otherwise, fastxent the last one.",
    ),
    Row("special.softmax(logits)", "fx.softmax(logits.ravel()).reshape(4, 3)", "As above.", trap="fx.softmax(logits)"),
    Row("special.log_softmax(images, axis=1)", "fx.log_softmax(images, axis=1)", "As above."),
    Row(
        "special.logsumexp(logits)",
        "fx.logsumexp(logits.ravel())",
        "As above; infinities are treated as SciPy does.",
        trap="fx.logsumexp(logits)",
    ),
    Row(
        "special.logsumexp(logits, axis=1, b=class_weight)",
        "fx.logsumexp(logits + np.log(class_weight))",
        "Positive factors go into the logits as logarithms.",
        trap="fx.logsumexp(logits)",
    ),
)

LOSSES = (
    Row(
        "-np.take_along_axis(special.log_softmax(logits, axis=1), labels[:, None], axis=1).mean()",
        "fx.softmax_cross_entropy(logits, labels)",
        "One call, without arrays of the size of the logits in between.",
    ),
    Row(
        "-np.where(answers == 1, special.log_expit(logits), special.log_expit(-logits)).mean()",
        "fx.sigmoid_cross_entropy(logits, answers)",
        "As above; targets between 0 and 1 too.",
    ),
    Row(
        "-special.log_softmax(np.float32([[20.0, 0.0]]), axis=1)[0, 0]",
        "fx.softmax_cross_entropy(np.float32([[20.0, 0.0]]), [0])",
        "SciPy's loss of a row that is right by 20 is 0 in float32; it is 2.06e-9.",
        agrees=False,
    ),
)

INFORMATION = (
    Row(
        "stats.entropy(probs, axis=1)",
        "fx.entropy(probs)",
        "SciPy takes the first axis unless told otherwise, fastxent the last one.",
    ),
    Row(
        "stats.entropy(counts, axis=1)",
        "fx.entropy(counts / counts.sum(axis=1, keepdims=True))",
        "SciPy divides by the sum, so that it takes counts; fastxent takes probabilities as they are.",
        trap="fx.entropy(counts)",
    ),
    Row("stats.entropy(probs, axis=1, base=2)", "fx.entropy(probs, base=2)", "The same: bits."),
    Row(
        "stats.entropy(counts[0], counts[1])",
        "p, q = counts / counts.sum(axis=1, keepdims=True)\nfx.kl_divergence(p, q)",
        "With two arguments SciPy's entropy is the Kullback-Leibler divergence.",
        trap="fx.cross_entropy(counts[0], counts[1])",
    ),
    Row("special.entr(soft).sum(axis=1)", "fx.entropy(soft)", "The sum over the classes is part of the function."),
    Row(
        "special.rel_entr(soft, probs).sum(axis=1)",
        "fx.kl_divergence(soft, probs)",
        "As above; +inf where p > 0 and q = 0 in both.",
    ),
    Row(
        "special.kl_div(counts, counts[::-1]).sum(axis=1)",
        "fx.kl_divergence(counts, counts[::-1]) - counts.sum(axis=1) + counts[::-1].sum(axis=1)",
        "SciPy's kl_div adds q - p, which sums to 0 for probabilities only.",
        trap="fx.kl_divergence(counts, counts[::-1])",
    ),
    Row(
        "-special.xlogy(soft, soft[::-1]).sum(axis=1)",
        "fx.cross_entropy(soft, soft[::-1])",
        "The sum and the sign are part of the function.",
    ),
    Row(
        "special.entr(-soft).sum(axis=1)",
        "fx.entropy(-soft)",
        "Of a negative number SciPy returns -inf; fastxent raises a ValueError that names it.",
        agrees=False,
    ),
    Row(
        "special.rel_entr(np.float32([0.25, 0.75]), np.float32([0.25 + 2**-20, 0.75 - 2**-20])).sum()",
        "fx.kl_divergence(np.float32([0.25, 0.75]), np.float32([0.25 + 2**-20, 0.75 - 2**-20]))",
        "The terms cancel: where p and q are as near as here SciPy's float32 sum has one right digit.",
        agrees=False,
    ),
)

DENSITIES = (
    Row("wide.entropy()", "continuous.entropy(wide)", "The same; SciPy has it in closed form, fastxent by quadrature."),
    Row(
        "narrow.expect(lambda x: -wide.logpdf(x))",
        "continuous.cross_entropy(narrow, wide)",
        "The same.",
    ),
    Row(
        "narrow.expect(lambda x: narrow.logpdf(x) - wide.logpdf(x))",
        "continuous.kl_divergence(narrow, wide)",
        "The same.",
    ),
)

SCIPY = Library(
    "scipy", "SciPy", ("scipy",), SETUP, IMPORTS, np.float64,
    {"Activations": ACTIVATIONS, "Losses": LOSSES, "Entropy and divergence": INFORMATION, "Densities": DENSITIES},
)  # fmt: skip
