"""Sigmoid cross entropy: independent binary targets, element by element."""

from __future__ import annotations

from typing import Any

import numpy as np

from fastxent import _check, _layout
from fastxent._layout import Array, Samples, Views
from fastxent._problem import clear, nowhere, operand, outputs, reduced, specialised
from fastxent._isa import kernels


def sigmoid_cross_entropy(
    logits, target, *, sample_weight=None, pos_weight=None, ignore_index=None, label_smoothing=0.0, reduction="mean",
    n_threads=None,
):
    """Loss."""
    return solve(
        logits, target, 0, sample_weight, pos_weight, ignore_index, label_smoothing, reduction, n_threads
    )[0]


def sigmoid_cross_entropy_grad(
    logits, target, *, sample_weight=None, pos_weight=None, ignore_index=None, label_smoothing=0.0, reduction="mean",
    n_threads=None, grad_output=None, out=None,
):
    """Loss, grad."""
    return solve(
        logits, target, 1, sample_weight, pos_weight, ignore_index, label_smoothing, reduction, n_threads, grad_output, out
    )[:2]


def sigmoid_cross_entropy_grad_hess(
    logits, target, *, sample_weight=None, pos_weight=None, ignore_index=None, label_smoothing=0.0, reduction="mean",
    n_threads=None, out=None, hess_out=None,
):
    """Loss, grad, hess."""
    return solve(
        logits, target, 2, sample_weight, pos_weight, ignore_index, label_smoothing, reduction, n_threads, None, out, hess_out
    )


def solve(
    logits: Any, target: Any, order: int, sample_weight: Any, pos_weight: Any, ignore_index: Any, label_smoothing: Any,
    reduction: Any, n_threads: Any, grad_output: Any = None, out: Any = None, hess_out: Any = None,
) -> tuple[Any, Any, Any]:
    """(loss, grad, hess), computed up to ``order``."""
    x, dtype = _check.float_array(logits, "logits")
    shape = x.shape
    t = _check.real_array(target, "target")
    if t.shape != shape:
        raise ValueError(f"target has shape {t.shape}, but logits have shape {shape}: expected the same")
    reduction = _check.reduction_of(reduction)
    threads = _check.n_threads_of(n_threads)
    smoothing = _check.smoothing_of(label_smoothing)
    ignore = None if ignore_index is None else _check.number_of(
        ignore_index, "ignore_index", -_check.LARGEST, _check.LARGEST, "a finite number"
    )
    weight = _check.sample_weight_of(sample_weight, shape)
    positive = _check.pos_weight_of(pos_weight, shape)
    factor, per_element = _check.grad_output_of(grad_output, reduction, shape)
    inputs = {"target": target, "sample_weight": sample_weight, "pos_weight": pos_weight, "grad_output": grad_output}
    found = outputs(x, dtype, shape, None, reduction, order, (out, hess_out), inputs)
    rule = "a target is in [0, 1]"
    if found.given:
        _check.check_range(t, "target", 0.0, 1.0, rule, ignore)

    denominator = None
    if reduction == "mean":
        denominator = float(x.size)
        if weight is not None or ignore is not None:
            read: Views = {"target": t, "sample_weight": weight}
            denominator, _ = _layout.run(
                kernels.element_denominator, Samples(shape, 1, dtype, read, {}),
                lambda views, sums: (
                    operand(views["target"]), operand(views["sample_weight"]), ignore, *views["target"].shape[:2], sums
                ),
                nowhere, threads,
            )
    if denominator == 0.0:
        _check.check_range(t, "target", 0.0, 1.0, rule, ignore)
        clear(found)
        return float("nan"), found.grad, found.hess
    scale = factor if denominator is None else factor / denominator

    def bind(views: Views, sums: Array) -> tuple[Any, ...]:
        return (
            views["logits"], operand(views["target"]), operand(views["pos_weight"]), operand(views["sample_weight"]),
            operand(views["grad_output"]), scale, smoothing, ignore, views["losses"], views["grad"], views["hess"], sums,
        )

    read = {
        "logits": x[..., None], "target": t, "pos_weight": positive, "sample_weight": weight, "grad_output": per_element,
    }
    samples = Samples(shape, 1, dtype, read, found.views)
    total, bad = _layout.run(specialised("sigmoid_cross_entropy", dtype), samples, bind, nowhere, threads)
    if bad:
        _check.check_range(t, "target", 0.0, 1.0, rule, ignore)
    return reduced(total, denominator, found.losses), found.grad, found.hess
