"""The one table of public numeric functions that every other test is parametrised from.

A new function needs one row in FUNCTIONS; a new option needs its name in a signature here and, in problem.py, a way to
draw a valid value for it. test_completeness.py compares the rows with the package, the reference and the benchmarks.
"""

from dataclasses import dataclass

import numpy as np
import pytest

import fastxent
import fastxent.reference
from tests.turns import in_turn

DTYPES = (np.float32, np.float64)  # in which results are computed
REDUCTIONS = ("none", "sum", "mean")

# fmt: off
SOFTMAX = ("axis", "class_weight", "sample_weight", "ignore_index", "label_smoothing", "z_loss", "infogain",
           "reduction", "n_threads")
CLAMPED = ("eps", "axis", "class_weight", "sample_weight", "ignore_index", "label_smoothing", "infogain", "reduction",
           "n_threads")
SIGMOID = ("sample_weight", "pos_weight", "ignore_index", "label_smoothing", "reduction", "n_threads")
FOCAL = ("gamma", "alpha")
GRAD = ("grad_output", "out")
HESS = ("out", "hess_out")
INFORMATION = ("axis", "base", "n_threads")
LINEAR = ("class_weight", "sample_weight", "ignore_index", "label_smoothing", "z_loss", "softcap", "reduction",
          "chunk_rows", "n_threads")
# fmt: on

# What may be combined: every option alone, then together. "index" (class indices) and "distribution" say what the
# target is; "none" per-row losses come from the reduction.
WEIGHTS = ("class_weight", "sample_weight", "label_smoothing")
CLASS_OPTIONS = {
    "index": (),
    "class_weight": ("class_weight",),
    "sample_weight": ("sample_weight",),
    "ignore_index": ("ignore_index",),
    "label_smoothing": ("label_smoothing",),
    "infogain": ("infogain",),
    "grad_output": ("grad_output",),
    "index with all options": (*WEIGHTS, "ignore_index", "z_loss", "eps", *FOCAL, "grad_output"),
    "infogain with all options": ("infogain", "sample_weight", "ignore_index", "z_loss", "eps", *FOCAL, "grad_output"),
    "distribution": ("distribution",),
    "distribution with all options": ("distribution", *WEIGHTS, "z_loss", "eps", *FOCAL, "grad_output"),
}
OPTION_SETS = {
    "softmax": {"index": (), "z_loss": ("z_loss",), "gamma": ("gamma",), "alpha": ("alpha",)} | CLASS_OPTIONS,
    "clamped": {"index": (), "eps": ("eps",)} | CLASS_OPTIONS,
    "sigmoid": {
        "targets 0 and 1": (),
        "distribution": ("distribution",),
        "sample_weight": ("sample_weight",),
        "pos_weight": ("pos_weight",),
        "ignore_index": ("ignore_index",),
        "label_smoothing": ("label_smoothing",),
        "gamma": ("gamma",),
        "alpha": ("alpha",),
        "grad_output": ("grad_output",),
        "all options": (
            "distribution",
            "gamma",
            "alpha",
            "sample_weight",
            "pos_weight",
            "ignore_index",
            "label_smoothing",
            "grad_output",
        ),
    },
    "activation": {"plain": ()},
    "information": {"nats": (), "base": ("base",)},
}


@dataclass(frozen=True)
class Function:
    name: str
    kind: str  # softmax, clamped, sigmoid, activation or information: which formula of docs/design.md
    gives: tuple[str, ...]  # what it returns, in this order: loss, grad, hess; or a value
    options: tuple[str, ...]  # its keyword-only arguments

    def __str__(self):
        return self.name

    @property
    def call(self):
        return getattr(fastxent, self.name)

    @property
    def reference(self):
        return getattr(fastxent.reference, self.name)

    @property
    def loss_only(self):
        """The function of the same family that returns the loss alone."""
        return NAMED[self.name.removesuffix("_hess").removesuffix("_grad")]

    @property
    def focal(self):
        """Whether the loss has a modulating factor."""
        return "gamma" in self.options

    @property
    def array_results(self):
        """Which result each of the arguments `out` and `hess_out` receives."""
        results = {"out": "value" if self.kind == "activation" else "grad", "hess_out": "hess"}
        return {argument: result for argument, result in results.items() if argument in self.options}

    def takes(self, option):
        return option in self.options or (option == "distribution" and "loss" in self.gives)

    @property
    def operands(self):
        """How many arrays it takes: logits or probabilities, a target or other probabilities; of a layer four."""
        return 4 if self.kind == "linear" else 1 if self.kind == "activation" or self.name == "entropy" else 2

    def gives_one_per_row(self, result):
        """Whether the result has the shape of the rows, and not that of the input."""
        return result == "loss" or self.name == "logsumexp" or self.kind == "information"

    @property
    def option_sets(self):
        """Names of the option sets that make a difference to this function."""
        return [
            name for name, options in OPTION_SETS[self.kind].items() if not options or any(map(self.takes, options))
        ]


# fmt: off
FUNCTIONS = (
    Function("softmax_cross_entropy", "softmax", ("loss",), SOFTMAX),
    Function("softmax_cross_entropy_grad", "softmax", ("loss", "grad"), SOFTMAX + GRAD),
    Function("softmax_cross_entropy_grad_hess", "softmax", ("loss", "grad", "hess"), SOFTMAX + HESS),
    Function("softmax_focal_loss", "softmax", ("loss",), FOCAL + SOFTMAX),
    Function("softmax_focal_loss_grad", "softmax", ("loss", "grad"), FOCAL + SOFTMAX + GRAD),
    Function("softmax_focal_loss_grad_hess", "softmax", ("loss", "grad", "hess"), FOCAL + SOFTMAX + HESS),
    Function("clamped_cross_entropy", "clamped", ("loss",), CLAMPED),
    Function("clamped_cross_entropy_grad", "clamped", ("loss", "grad"), CLAMPED + GRAD),
    Function("sigmoid_cross_entropy", "sigmoid", ("loss",), SIGMOID),
    Function("sigmoid_cross_entropy_grad", "sigmoid", ("loss", "grad"), SIGMOID + GRAD),
    Function("sigmoid_cross_entropy_grad_hess", "sigmoid", ("loss", "grad", "hess"), SIGMOID + HESS),
    Function("sigmoid_focal_loss", "sigmoid", ("loss",), FOCAL + SIGMOID),
    Function("sigmoid_focal_loss_grad", "sigmoid", ("loss", "grad"), FOCAL + SIGMOID + GRAD),
    Function("sigmoid_focal_loss_grad_hess", "sigmoid", ("loss", "grad", "hess"), FOCAL + SIGMOID + HESS),
    Function("softmax", "activation", ("value",), ("axis", "out", "n_threads")),
    Function("log_softmax", "activation", ("value",), ("axis", "out", "n_threads")),
    Function("logsumexp", "activation", ("value",), ("axis", "keepdims", "n_threads")),
    Function("entropy", "information", ("value",), INFORMATION),
    Function("cross_entropy", "information", ("value",), INFORMATION),
    Function("kl_divergence", "information", ("value",), INFORMATION),
)
# Those of large vocabularies, which take other arrays and have laws of their own: test_linear*.py, test_statistics.py.
STATISTICS = ("log_prob", "lse", "predicted", "rank", "entropy")
LARGE_VOCABULARY = (
    Function("target_statistics", "statistics", STATISTICS, ("axis", "ignore_index", "n_threads")),
    Function("linear_target_statistics", "linear", STATISTICS, ("ignore_index", "softcap", "chunk_rows", "n_threads")),
    Function("linear_cross_entropy", "linear", ("loss",), LINEAR),
    Function("linear_cross_entropy_grad", "linear", ("loss", "grads"),
             (*LINEAR, "grad_output", "out_hidden", "out_weight", "out_bias")),
)
# fmt: on
NAMED = {f.name: f for f in FUNCTIONS}
LOSSES = [f for f in FUNCTIONS if "loss" in f.gives]
CLASS_LOSSES = [f for f in LOSSES if f.kind != "sigmoid"]
SOFTMAX_LOSSES = [f for f in LOSSES if f.kind == "softmax"]
CLAMPED_LOSSES = [f for f in LOSSES if f.kind == "clamped"]
SIGMOID_LOSSES = [f for f in LOSSES if f.kind == "sigmoid"]
FOCAL_LOSSES = [f for f in LOSSES if f.focal]
WITH_GRAD = [f for f in LOSSES if "grad" in f.gives]
WITH_GRAD_OUTPUT = [f for f in LOSSES if "grad_output" in f.options]
WITH_OUT = [f for f in FUNCTIONS if "out" in f.options]


def each_of(functions):
    """A test for each of these rows of the table, as its argument `f`."""
    return pytest.mark.parametrize("f", functions, ids=str)


each_dtype = in_turn("dtype", DTYPES)
each_reduction = in_turn("reduction", REDUCTIONS)
