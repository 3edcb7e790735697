"""Cross entropy on probabilities, clamped at a threshold (Caffe's MultinomialLogisticLoss)."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastxent import _check, _layout
from fastxent._problem import ClassProblem, clear, last, reduced


def clamped_cross_entropy(
    probs, target, *, eps=1e-20, axis=-1, class_weight=None, sample_weight=None, ignore_index=None, label_smoothing=0.0,
    infogain=None, reduction="mean", n_threads=None,
):
    """Loss."""
    return solve(
        probs, target, 0, eps, axis=axis, class_weight=class_weight, sample_weight=sample_weight,
        ignore_index=ignore_index, label_smoothing=label_smoothing, infogain=infogain, reduction=reduction,
        n_threads=n_threads,
    )[0]


def clamped_cross_entropy_grad(
    probs, target, *, eps=1e-20, axis=-1, class_weight=None, sample_weight=None, ignore_index=None, label_smoothing=0.0,
    infogain=None, reduction="mean", n_threads=None, grad_output=None, out=None,
):
    """Loss, grad."""
    return solve(
        probs, target, 1, eps, axis=axis, class_weight=class_weight, sample_weight=sample_weight,
        ignore_index=ignore_index, label_smoothing=label_smoothing, infogain=infogain, reduction=reduction,
        n_threads=n_threads, grad_output=grad_output, out=out,
    )


def solve(probs: Any, target: Any, order: int, eps: Any, **options: Any) -> tuple[Any, Any]:
    """(loss, grad), computed up to ``order``."""
    problem = ClassProblem("probs", probs, target, order=order, **options)
    threshold = _check.eps_of(eps, problem.dtype)
    found = problem.outputs
    views = {"losses": found.views["losses"], "grad": found.views["grad"]}
    if found.given:  # the loss alone reads what the gradient reads, and writes nothing of the user's
        _, bad = problem.run("clamped_cross_entropy", (threshold,), _layout.choose_elementwise, {"losses": None, "grad": None})
        raise_bad(problem, bad)
    if problem.denominator == 0.0:
        clear(found)
        return float("nan"), found.grad
    total, bad = problem.run("clamped_cross_entropy", (threshold,), _layout.choose_elementwise, views)
    raise_bad(problem, bad)
    return reduced(total, problem.denominator, found.losses), found.grad


def raise_bad(problem: ClassProblem, bad: int) -> None:
    """Name the first label that is no class, else the first probability that is none among those read."""
    if not bad:
        return
    labels, classes = problem.labels, problem.classes
    probs = last(problem.logits, problem.axis)
    read = np.ones(problem.rows, bool) if problem.sample_weight is None else problem.sample_weight != 0
    if labels is not None:
        inside = (labels >= 0) & (labels < classes)
        wanted = np.ones(problem.rows, bool) if problem.ignore is None else labels != problem.ignore
        if not inside[wanted].all():
            problem.raise_bad_label()
        read = read & wanted
        chosen = np.take_along_axis(probs, np.where(inside, labels, 0).astype(np.intp)[..., None], -1)
        plain = problem.infogain is None and not problem.smoothing
    else:
        plain, chosen = False, probs
    wrong = ~(chosen >= 0) & read[..., None] if plain else ~(probs >= 0) & read[..., None]
    first = tuple(int(i) for i in np.argwhere(wrong)[0])
    sample = first[:-1]
    k = int(np.asarray(labels)[sample]) if plain else first[-1]
    where = (*sample[: problem.axis], k, *sample[problem.axis :])
    index = ", ".join(map(str, where))
    raise ValueError(f"probs[{index}] = {problem.logits[where]}, but a probability is not negative")
