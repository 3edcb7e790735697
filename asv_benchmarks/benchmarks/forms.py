"""Every form of call at 64 x 10 float32, where much of the time is spent before and after the kernel.

`python -m asv_benchmarks.benchmarks.forms`, from the root of the repository, prints them as a table; with `--write` it
goes into the documentation.
"""

import argparse
import importlib
from functools import partial
from pathlib import Path

import numpy as np
from side_by_side.report import machine

import fastxent as fx

from . import formulas as by_hand
from . import turns
from .cases import labels_and_probs

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "forms.md"
ROUNDS = 60  # of the table
N, C = 64, 10
rng = np.random.default_rng(20)
x = rng.standard_normal((N, C), np.float32)
y, q = labels_and_probs(rng, (N, C), "float32")
p = q[::-1].copy()
t, weight, class_weight, row_weight = (rng.random(shape, np.float32) for shape in ((N, C), (N, C), C, N))
labels, answers = y.astype(np.float32), rng.integers(0, 2, N * C).astype(np.float32)
out = {"out": np.ones_like(x)}
outs = out | {"hess_out": np.ones_like(x)}

# function: {form: (the formula, and what both take)}; the first form is the plain one
# fmt: off
FORMS = {
    "softmax_cross_entropy": {"": (by_hand.softmax_loss, (x, y), {})},
    "softmax_cross_entropy_grad": {
        "out": (by_hand.softmax_grad, (x, y), out),
        "": (by_hand.softmax_grad, (x, y), {}),
        "axis": (by_hand.softmax_grad, (x, y), {"axis": 1}),
        "sum": (by_hand.softmax_reduced, (x, y), {"reduction": "sum"}),
        "none": (by_hand.softmax_reduced, (x, y), {"reduction": "none"}),
        "ignore_index": (by_hand.softmax_ignore_index, (x, y), {"ignore_index": 3}),
        "label_smoothing": (by_hand.softmax_label_smoothing, (x, y), {"label_smoothing": 0.1}),
        "z_loss": (by_hand.softmax_z_loss, (x, y), {"z_loss": 1e-4}),
        "class_weight": (by_hand.softmax_class_weight, (x, y), {"class_weight": class_weight}),
        "sample_weight": (by_hand.softmax_sample_weight, (x, y), {"sample_weight": row_weight}),
        "distribution": (by_hand.softmax_distribution, (x, p), {}),
    },
    "softmax_cross_entropy_grad_hess": {
        "out": (by_hand.softmax_grad_hess, (x, y), outs),
        "": (by_hand.softmax_grad_hess, (x, y), {}),
    },
    "softmax_focal_loss_grad": {"out": (by_hand.softmax_focal, (x, y), out), "": (by_hand.softmax_focal, (x, y), {})},
    "MultinomialLoss.loss_gradient": {"": (by_hand.softmax_of_float_labels, (labels, x), {})},
    "sigmoid_cross_entropy": {
        "": (by_hand.sigmoid_loss, (x, t), {}),
        "sample_weight": (by_hand.sigmoid_sample_weight_loss, (x, t), {"sample_weight": weight}),
        "pos_weight": (by_hand.sigmoid_pos_weight_loss, (x, t), {"pos_weight": class_weight}),
    },
    "sigmoid_cross_entropy_grad": {
        "out": (by_hand.sigmoid_grad, (x, t), out),
        "": (by_hand.sigmoid_grad, (x, t), {}),
        "sample_weight": (by_hand.sigmoid_sample_weight, (x, t), {"sample_weight": weight}),
        "pos_weight": (by_hand.sigmoid_pos_weight, (x, t), {"pos_weight": class_weight}),
    },
    "sigmoid_cross_entropy_grad_hess": {
        "out": (by_hand.sigmoid_grad_hess, (x, t), outs),
        "": (by_hand.sigmoid_grad_hess, (x, t), {}),
    },
    "sigmoid_focal_loss_grad": {"out": (by_hand.sigmoid_focal, (x, t), out), "": (by_hand.sigmoid_focal, (x, t), {})},
    "BinomialLoss.gradient": {"": (by_hand.sigmoid_gradient, (answers, x.ravel()), {})},
    "clamped_cross_entropy": {
        "": (by_hand.clamped_loss, (q, y), {}),
        "none": (by_hand.clamped_losses, (q, y), {"reduction": "none"}),
    },
    "clamped_cross_entropy_grad": {
        "out": (by_hand.clamped_grad, (q, y), out),
        "": (by_hand.clamped_grad, (q, y), {}),
        "none": (by_hand.clamped_parts, (q, y), {"reduction": "none"}),
    },
    "log_loss": {"": (by_hand.log_loss, (y, q), {})},
    "softmax": {"out": (by_hand.softmax, (x,), out), "": (by_hand.softmax, (x,), {})},
    "log_softmax": {"out": (by_hand.log_softmax, (x,), out), "": (by_hand.log_softmax, (x,), {})},
    "logsumexp": {"": (by_hand.logsumexp, (x,), {})},
    "entropy": {"": (by_hand.entropy, (p,), {})},
    "cross_entropy": {"": (by_hand.cross_entropy, (p, q), {})},
    "kl_divergence": {"": (by_hand.kl_divergence, (p, q), {})},
}
# the function whose plain form is that of another
PLAIN = {
    "softmax_focal_loss_grad": "softmax_cross_entropy_grad",
    "MultinomialLoss.loss_gradient": "softmax_cross_entropy_grad",
    "sigmoid_focal_loss_grad": "sigmoid_cross_entropy_grad",
    "BinomialLoss.gradient": "sigmoid_cross_entropy_grad",
    "log_loss": "clamped_cross_entropy",
    "log_softmax": "softmax",
    "logsumexp": "softmax",
    "cross_entropy": "entropy",
    "kl_divergence": "entropy",
}
# fmt: on
NAMES = [f"{function}, {form}".removesuffix(", ") for function, forms in FORMS.items() for form in forms]


def function_of(name):
    """The function; modules beside the package are imported where they are needed: old commits do not have them."""
    if name == "log_loss":
        return importlib.import_module("fastxent.metrics").log_loss
    loss, _, method = name.partition(".")
    if method:
        options = {"n_classes": C} if loss == "MultinomialLoss" else {}
        return getattr(getattr(importlib.import_module("fastxent.sklearn"), loss)(**options), method)
    return getattr(fx, name)


def plain_of(name):
    """The name of the form that a form is compared with."""
    function = name.partition(", ")[0]
    function = PLAIN.get(function, function)
    return f"{function}, {next(iter(FORMS[function]))}".removesuffix(", ")


def calls_of(name):
    """A form's call, and that of the formula."""
    function, _, form = name.partition(", ")
    formula, args, options = FORMS[function][form]
    return partial(function_of(function), *args, **options), partial(formula, *args, **options)


class FormsOfCall:
    params = NAMES
    param_names = ("form",)

    def setup(self, form):
        turns.on_one_core()
        self.call, self.formula = calls_of(form)
        self.plain, _ = calls_of(plain_of(form))

    def track_ratio(self, form):
        """Over the plain form; the plain one itself has no point."""
        return float("nan") if form == plain_of(form) else turns.ratio(self.call, self.plain)

    def track_ratio_formula(self, form):
        return turns.ratio(self.call, self.formula)

    track_ratio.unit = track_ratio_formula.unit = turns.UNIT
    track_ratio.pretty_name = "options at 64 x 10: time over the plain one's"
    track_ratio_formula.pretty_name = "options at 64 x 10: time over NumPy's"


def table():
    """All forms in Markdown; those of one plain form and their formulas take turns."""
    lines = [
        machine(["fastxent", "numpy", "scipy"]),
        "",
        "| form | µs | over the plain form | over the formula |",
        "|---|---|---|---|",
    ]
    for plain in dict.fromkeys(map(plain_of, NAMES)):
        names = sorted((name for name in NAMES if plain_of(name) == plain), key=plain.__ne__)
        pairs = {name: calls_of(name) for name in names}
        calls = {(name, which): call for name, pair in pairs.items() for which, call in enumerate(pair)}
        times = turns.seconds(calls, rounds=ROUNDS)
        for name in names:
            function, _, form = name.partition(", ")
            cells = f"`{function}`" + (f", {form}" if form else ""), f"{1e6 * times[name, 0]:.3g}"
            over_plain, over_formula = (f"{times[name, 0] / time:.2f}" for time in (times[plain, 0], times[name, 1]))
            cells += "plain" if name == plain else over_plain, over_formula
            lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines) + "\n"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(PAGE.parents[2])}")
    options = parser.parse_args()
    turns.on_one_core()
    text = table()
    print(text, end="")
    if options.write:
        PAGE.write_text(text)


if __name__ == "__main__":
    main()
