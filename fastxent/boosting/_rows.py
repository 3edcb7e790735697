"""One row of several classes in plain Python numbers: CatBoost asks for one at a time, too few for NumPy to pay off.

All derivatives are those of minus the loss, which CatBoost maximises.
"""

from __future__ import annotations

from collections.abc import Iterator
from math import exp


def softmax_terms(scores: list[float]) -> tuple[list[float], list[float]]:
    """Each class's p and 1 - p; the largest score's 1 - p is a sum and no difference, or a sure row would lose it."""
    top = max(range(len(scores)), key=scores.__getitem__)
    largest = scores[top]
    exps = [exp(score - largest) for score in scores]
    exps[top] = 0.0
    rest = sum(exps)
    exps[top] = 1.0
    total = 1.0 + rest
    others = [total - value for value in exps]
    others[top] = rest
    return [value / total for value in exps], [value / total for value in others]


def class_target(
    label: float, weight: float, classes: int, class_weight: tuple[float, ...] | None, smoothing: float
) -> list[float]:
    """The target t of a row with this label and weight."""
    if not (0 <= label < classes and label == int(label)):
        raise ValueError(f"target = {label}, but class labels are integers from 0 to {classes - 1}")
    if class_weight is not None and len(class_weight) != classes:
        raise ValueError(f"class_weight has shape ({len(class_weight)},), but there are {classes} classes")
    target = [weight * smoothing / classes] * classes
    target[int(label)] += weight * (1.0 - smoothing)
    if class_weight is not None:
        target = [t * w for t, w in zip(target, class_weight, strict=True)]
    return target


def ascent(target: list[float], probs: list[float], others: list[float]) -> list[float]:
    """t - T p, written as t (1 - p) - (T - t) p."""
    total = sum(target)
    return [t * q - (total - t) * p for t, p, q in zip(target, probs, others, strict=True)]


def full_hessian(scale: float, probs: list[float], others: list[float]) -> Iterator[list[float]]:
    """The rows of -scale (diag(p) - p p^T), each made when it is asked for."""
    for k, (prob, other) in enumerate(zip(probs, others, strict=True)):
        factor = scale * prob
        row = [factor * p for p in probs]
        row[k] = -factor * other
        yield row


def diagonal_hessian(scale: float, probs: list[float], others: list[float], floor: float) -> Iterator[list[float]]:
    """The rows of the diagonal matrix of -max(scale p (1 - p), floor)."""
    for k, (prob, other) in enumerate(zip(probs, others, strict=True)):
        row = [0.0] * len(probs)
        row[k] = -max(scale * prob * other, floor)
        yield row
