"""fastxent.reference against mpmath: every function with every option.

test_exactness.py has the inputs on which exactness is promised.
"""

import numpy as np
import pytest
from mpmath import mp, mpf

from tests import oracle
from tests.problem import problem
from tests.table import LOSSES
from tests.terms import denominator
from tests.turns import in_turn

LOSS_OPTIONS = [(f, options) for f in LOSSES for options in f.option_sets]
OPTIONS_OF_TARGET = ("class_weight", "label_smoothing", "infogain", "alpha")
SHAPES = [
    ((4, 3, 2), 1, "none"), ((7, 2), -1, "sum"), ((2, 5), 0, "mean"), ((3, 20), -1, "mean"), ((6, 1), 1, "sum"),
]  # fmt: skip


def truth(p):
    """The results of a problem by name, with the size of their terms, row by row from the definitions."""
    options, elements = p.options, p.function.kind == "sigmoid"
    shape = p.x.shape if elements else tuple(np.delete(p.x.shape, p.axis))
    rows = list(np.ndindex(*shape))
    g = np.broadcast_to(options.get("grad_output", 1.0), shape)
    v = np.broadcast_to(options.get("sample_weight", 1.0), shape)
    with mp.workdps(oracle.DIGITS):
        weight = {row: mpf(float(v[row])) * (not ignored(p, row)) for row in rows}
        counts = [weight[row] * count(p, row) for row in rows if weight[row]]
        D = mp.fsum(counts) if options["reduction"] == "mean" else mpf(1)
        found = {row: exact_row(p, row) for row in rows}
        losses = [weight[row] * oracle.numbers(found[row].loss) for row in rows]
        results = {"loss": oracle.exact(losses if options["reduction"] == "none" else [mp.fsum(losses) / D])}
        terms = [weight[row] * oracle.numbers(getattr(found[row], "loss_terms", found[row].loss)) for row in rows]
        results["loss_terms"] = oracle.exact(terms if options["reduction"] == "none" else [mp.fsum(terms) / D])
        for name in {*next(iter(found.values()))._fields} - {"loss", "loss_terms"}:
            signed = 1 if name in p.function.gives else -1
            scaled = [weight[row] * float(g[row]) / D * oracle.numbers(getattr(found[row], name)) for row in rows]
            value = np.array([*map(abs, scaled)] if signed < 0 else scaled, object)
            results[name] = oracle.exact(value.reshape(p.x.shape) if elements else classes_back(p, value))
        return results


def classes_back(p, value):
    return np.moveaxis(value.reshape(np.moveaxis(p.x, p.axis, -1).shape), -1, p.axis)


def has_labels(p):
    return p.function.kind != "sigmoid" and np.ndim(p.target) < np.ndim(p.x)


def ignored(p, row):
    return "ignore_index" in p.options and p.target[row] == p.options["ignore_index"]


def count(p, row):
    """What a row of weight 1 counts for in D."""
    if has_labels(p) and "class_weight" in p.options:
        return mpf(float(p.options["class_weight"][p.target[row]]))
    return 1


def exact_row(p, row):
    """The results of one row without its weight; those of an ignored row have no influence."""
    options = {name: value for name, value in p.options.items() if name in OPTIONS_OF_TARGET}
    function = getattr(oracle, p.function.loss_only.name)
    formula = {name: p.options[name] for name in ("gamma", "z_loss", "eps") if name in p.options}
    if p.function.kind == "sigmoid":
        positive = np.broadcast_to(p.options.get("pos_weight", 1.0), p.x.shape)[row]
        return function(p.x[row], abs(p.target[row]), pos_weight=positive, **options, **formula)
    x = np.moveaxis(p.x, p.axis, -1)[row]
    if has_labels(p):
        t = oracle.target_of(len(x), max(p.target[row], 0), **options)
    else:
        t = oracle.target_of(len(x), distribution=np.moveaxis(p.target, p.axis, -1)[row], **options)
    return function(x, t, **formula)


def one_product(p):
    """Whether each gradient entry is one product, and exact relative to itself."""
    if p.function.kind == "sigmoid":
        return "label_smoothing" not in p.options and not (p.target % 1).any()
    return has_labels(p) and not {"label_smoothing", "z_loss", "infogain"} & {*p.options}


@in_turn("shape, axis, reduction", SHAPES)
@pytest.mark.parametrize("f, options", LOSS_OPTIONS, ids=str)
def test_losses_with_every_option(f, options, reduction, shape, axis, rng):
    p = problem(f, rng, shape, axis, np.float64, options, reduction)
    while not denominator(p):  # a mean of nothing is nan: test_reference_corner_cases.py
        p = problem(f, rng, shape, axis, np.float64, options, reduction)
    got, want = p.expected(), truth(p)
    if one_product(p):
        want.pop("grad_terms", None)
    for name in f.gives:
        scale = want[f"{name}_terms"].high if f"{name}_terms" in want else None
        off = oracle.ulps_off(np.reshape(got[name], want[name].high.shape), want[name], np.float64, scale)
        assert off.max() <= p.bounds[name]
