"""Rows of numbers that no two ways would round alike by chance, each with its target, and batches made of them."""

from dataclasses import dataclass

import numpy as np

from tests.problem import Problem, problem

PLAIN = 8  # rows without anything special
SINGLE = 32  # distributions of one number that is not 0: their entropies are one logarithm each


@dataclass(frozen=True)
class Pool:
    """A problem whose rows are independent: reduction "none"."""

    whole: Problem

    @property
    def size(self):
        return len(self.whole.x)

    def batch(self, which):
        """The problem of these rows, in this order."""
        whole = self.whole
        per_row = {"x": whole.x, "target": whole.target, "sample_weight": whole.options.get("sample_weight")}
        return whole.change(**{name: value[which] for name, value in per_row.items() if value is not None})

    def alone(self):
        """Each row's results, computed without any other."""
        results = [self.batch(i).run() for i in range(self.size)]
        return {name: np.array([result[name] for result in results]) for name in results[0]}

    def finite(self):
        """The rows that have a finite loss."""
        return np.flatnonzero(np.isfinite(self.whole.run()["loss"].reshape(self.size, -1)).all(axis=1))


def pool(function, rng, C, dtype, options=""):
    make = probabilities if function.kind in ("clamped", "information") else logits
    x = make(rng, C, dtype)
    p = problem(function, rng, x.shape, -1, dtype, options, reduction="none").change(x=x)
    if function.kind == "information" and function.operands == 2:
        q = [rng.permutation(x[:PLAIN]), rng.uniform(0.01, 1, (SINGLE, C)), x[PLAIN + SINGLE :]]
        p = p.change(target=np.concatenate(q).astype(dtype))
    elif function.kind == "softmax" and p.target.ndim == 1:
        best = np.argmax(np.nan_to_num(x, nan=-np.inf, neginf=-np.inf), axis=1)
        p = p.change(target=np.where((rng.random(len(x)) < 0.5) & (p.target >= 0), best, p.target))
    return Pool(p)


def has_exact_total(p):
    """Whether losses are added up without rounding. Of float32 elements some are added plainly, which weights round."""
    return not (p.function.kind == "sigmoid" and p.dtype == np.float32 and "sample_weight" in p.options)


def with_ties(rng, row, count):
    """The row with `count` equal maxima."""
    row = row.copy()
    row[rng.permutation(row.size)[:count]] = row.max() + 1
    return row


def logits(rng, C, dtype):
    plain = rng.normal(0, 3, (PLAIN, C))
    row = rng.normal(0, 3, C)
    middle = np.arange(C) == C // 2
    rows = [
        *plain,
        *(with_ties(rng, plain[i], count) for i, count in enumerate((2, 2, 2, 3, 5, C // 2 + 1, C))),
        with_ties(rng, row, 3) + 1700,
        row * 10,
        row * 100,
        row + 1000,
        row - 2000,
        row * 1e30,
        row * 1e-310,
        np.copysign(float(np.finfo(dtype).max), row),
        np.where(rng.random(C) < 0.5, -np.inf, row),
        np.where(middle, row, -np.inf),
        np.where(middle, np.inf, row),
        np.where(middle, np.nan, row),
        np.full(C, -np.inf),
        np.full(C, -0.0),
    ]
    return np.array(rows).astype(dtype)


def probabilities(rng, C, dtype):
    info = np.finfo(dtype)
    plain = rng.dirichlet(np.ones(C), PLAIN)
    row = rng.dirichlet(np.ones(C))
    some = rng.random(C) < 0.4
    rows = [
        *plain,
        *(np.where(np.arange(C) == i % C, rng.uniform(0.01, 1), 0) for i in range(SINGLE)),
        row * 100,
        row * 1e30,
        row * 0,
        -row * 0,
        *(np.where(some, number, row) for number in (0, 1, info.tiny, info.smallest_subnormal, info.tiny * 2**20)),
        np.full(C, 1 / C),
        np.ones(C),
        np.full(C, float(info.max)),
        np.arange(C) == C // 2,
    ]
    return np.array(rows).astype(dtype)
