"""Softmax cross entropy: loss, gradient and Hessian diagonal in one pass over the logits."""

from __future__ import annotations

from typing import Any

from fastxent import _check, _layout
from fastxent._problem import ClassProblem, clear, reduced


def softmax_cross_entropy(
    logits, target, *, axis=-1, class_weight=None, sample_weight=None, ignore_index=None, label_smoothing=0.0,
    z_loss=0.0, infogain=None, reduction="mean", n_threads=None,
):
    """Loss."""
    return solve(
        logits, target, 0, z_loss, axis=axis, class_weight=class_weight, sample_weight=sample_weight,
        ignore_index=ignore_index, label_smoothing=label_smoothing, infogain=infogain, reduction=reduction,
        n_threads=n_threads,
    )[0]


def softmax_cross_entropy_grad(
    logits, target, *, axis=-1, class_weight=None, sample_weight=None, ignore_index=None, label_smoothing=0.0,
    z_loss=0.0, infogain=None, reduction="mean", n_threads=None, grad_output=None, out=None,
):
    """Loss, grad."""
    return solve(
        logits, target, 1, z_loss, axis=axis, class_weight=class_weight, sample_weight=sample_weight,
        ignore_index=ignore_index, label_smoothing=label_smoothing, infogain=infogain, reduction=reduction,
        n_threads=n_threads, grad_output=grad_output, out=out,
    )[:2]


def softmax_cross_entropy_grad_hess(
    logits, target, *, axis=-1, class_weight=None, sample_weight=None, ignore_index=None, label_smoothing=0.0,
    z_loss=0.0, infogain=None, reduction="mean", n_threads=None, out=None, hess_out=None,
):
    """Loss, grad, hess."""
    return solve(
        logits, target, 2, z_loss, axis=axis, class_weight=class_weight, sample_weight=sample_weight,
        ignore_index=ignore_index, label_smoothing=label_smoothing, infogain=infogain, reduction=reduction,
        n_threads=n_threads, out=out, hess_out=hess_out,
    )


def solve(logits: Any, target: Any, order: int, z_loss: Any, **options: Any) -> tuple[Any, Any, Any]:
    """(loss, grad, hess), computed up to ``order``."""
    z = _check.z_loss_of(z_loss)
    problem = ClassProblem("logits", logits, target, order=order, **options)
    found = problem.outputs
    if problem.denominator == 0.0:
        clear(found)
        return float("nan"), found.grad, found.hess
    total, bad = problem.run("softmax_cross_entropy", (z,), _layout.choose_way, found.views)
    if bad:
        problem.raise_bad_label()
    return reduced(total, problem.denominator, found.losses), found.grad, found.hess
