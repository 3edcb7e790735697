"""What all loss calls share: bind the target, find the mean's denominator, run the kernel, return loss and outputs."""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastxent import _check, _layout
from fastxent._isa import kernels
from fastxent._kernels.operand import Operand
from fastxent._kernels.output import Output
from fastxent._kernels.target import Target
from fastxent._layout import Array, Samples, Views


@dataclass(slots=True)
class Outputs:
    """The arrays a call returns, as the user sees them, and the same with the class axis last."""

    grad: Array | None
    hess: Array | None
    losses: Array | None
    views: Views
    given: bool  # whether one of them is the user's


@dataclass(frozen=True, slots=True)
class DerivativesOnly:
    """A call that wants no loss: where its derivatives go, and what becomes of the second.

    The memory is not the user's, so that labels need not be looked through before it is written.
    """

    empty: Callable[[Array], Array]  # an array in the shape and memory order of this one, of either float dtype
    factor: float = 1.0
    floor: float = -math.inf
    gauss_newton: bool = False  # of focal loss


def operand(array: Array | None) -> Operand | None:
    return None if array is None else Operand(array)


def written(views: Views, only: DerivativesOnly | None = None) -> tuple[Output | None, ...]:
    """The gradient, and the second derivative where there can be one, as the kernels take them."""
    grad = views["grad"]
    gradient = None if grad is None else Output(grad)
    if "hess" not in views:
        return (gradient,)
    hess = views["hess"]
    if hess is None:
        return gradient, None
    return gradient, Output(hess) if only is None else Output(hess, only.factor, only.floor)


def last(array: Array, axis: int) -> Array:
    """A view with ``axis`` moved to the end."""
    if axis == array.ndim - 1:
        return array
    return array.transpose(*range(axis), *range(axis + 1, array.ndim), axis)


def outputs(
    logits: Array,
    dtype: np.dtype[Any],
    rows: tuple[int, ...],
    axis: int | None,
    reduction: str,
    order: int,
    given: tuple[Any, Any],
    inputs: dict[str, Any],
    only: DerivativesOnly | None = None,
) -> Outputs:
    """Check the given outputs and make the others; order 0, 1, 2: loss, gradient, Hessian. axis None: elementwise."""

    def empty() -> Array:
        return np.empty_like(logits, dtype=dtype, subok=False) if only is None else only.empty(logits)

    out = _check.output_of(given[0], "out", logits, inputs)
    hess_out = _check.output_of(given[1], "hess_out", logits, {**inputs, "out": out})
    grad = hess = losses = None
    if order >= 1:
        grad = empty() if out is None else out
    if order == 2:
        hess = empty() if hess_out is None else hess_out
    if reduction == "none":
        losses = np.empty(rows, dtype)

    def with_classes(array: Array | None) -> Array | None:
        if array is None:
            return None
        return array[..., None] if axis is None else last(array, axis)

    views: Views = {
        "losses": None if losses is None else losses[..., None],
        "grad": with_classes(grad),
        "hess": with_classes(hess),
    }
    return Outputs(grad, hess, losses, views, out is not None or hess_out is not None)


def reduced(total: float, denominator: float | None, losses: Array | None) -> Any:
    """The loss a call returns: per sample, the sum (denominator None), or the mean."""
    if losses is not None:
        return losses if losses.ndim else losses[()]
    if denominator is None:
        return total
    return total / denominator if denominator else float("nan")


def clear(outputs: Outputs) -> None:
    """Without any weight the gradient of the mean is 0 everywhere."""
    for array in (outputs.grad, outputs.hess):
        if array is not None:
            array[...] = 0.0


def nowhere(_: Samples, __: Views) -> int:
    """The way of kernels that do not look at classes."""
    return _layout.ROWS


class ClassProblem:
    """A call of softmax or clamped cross entropy, or of softmax focal loss: its options checked and bound."""

    def __init__(
        self,
        name: str,
        logits: Any,
        target: Any,
        *,
        axis: Any,
        class_weight: Any,
        sample_weight: Any,
        ignore_index: Any,
        label_smoothing: Any,
        infogain: Any,
        reduction: Any,
        n_threads: Any,
        order: int,
        grad_output: Any = None,
        out: Any = None,
        hess_out: Any = None,
        alpha: Any = None,
        only: DerivativesOnly | None = None,
    ) -> None:
        self.name = name
        self.logits, self.dtype = _check.float_array(logits, name)
        self.axis = axis = _check.axis_of(axis, self.logits.ndim, name)
        shape = self.logits.shape
        self.classes = classes = shape[axis]
        self.rows = rows = shape[:axis] + shape[axis + 1 :]
        self.only = only
        self.labels, self.distribution = _check.split_target(target, shape, axis, name, only is not None)
        if classes == 0 and 0 not in rows:
            raise ValueError(f"{name} have shape {shape}: 0 classes")
        self.reduction = _check.reduction_of(reduction)
        self.n_threads = _check.n_threads_of(n_threads)
        self.smoothing = _check.smoothing_of(label_smoothing)
        self.ignore_index = ignore_index
        self.ignore = _check.ignore_of(ignore_index, self.labels)
        self.infogain = _check.infogain_of(infogain, classes, self.labels, class_weight, self.smoothing, self.n_threads)
        self.class_weight = _check.class_weight_of(class_weight, classes, self.n_threads)
        factors = _check.alpha_of(alpha, classes, self.n_threads)
        if factors is None or self.class_weight is None:
            self.target_weight = self.class_weight if factors is None else factors
        else:
            self.target_weight = factors * self.class_weight
        self.sample_weight = _check.sample_weight_of(sample_weight, rows, self.n_threads)
        self.factor, self.grad_output = _check.grad_output_of(grad_output, self.reduction, rows)
        if self.distribution is not None:
            _check.check_range(
                self.distribution, "target", 0.0, _check.LARGEST, "it must be finite and not negative", self.n_threads
            )
        inputs = {
            "target": self.distribution if self.labels is None else self.labels,
            "sample_weight": self.sample_weight,
            "class_weight": class_weight,
            "infogain": self.infogain,
            "grad_output": self.grad_output,
        }
        self.outputs = outputs(
            self.logits, self.dtype, rows, axis, self.reduction, order, (out, hess_out), inputs, only
        )
        self.denominator = self.find_denominator()
        if self.denominator == 0.0:
            self.grad_scale = 0.0
        else:
            self.grad_scale = self.factor if self.denominator is None else self.factor / self.denominator

    def find_denominator(self) -> float | None:
        """D of the mean, else None. Looks through the labels where D or a given output asks for it."""
        mean = self.reduction == "mean"
        weighted = self.sample_weight is not None or (
            self.labels is not None and (self.ignore is not None or self.class_weight is not None)
        )
        if (mean and weighted) or (self.labels is not None and self.outputs.given):
            read: Views = {"labels": self.labels, "sample_weight": self.sample_weight}
            samples = Samples(self.rows, 1, self.dtype, read, {})

            def bind(views: Views, sums: Array) -> tuple[Any, ...]:
                lead = next(array for array in views.values() if array is not None)
                return (
                    self.target(views["labels"], None, self.class_weight),
                    operand(views["sample_weight"]),
                    *lead.shape[:2],
                    sums,
                )

            total, bad = _layout.run(kernels.denominator, samples, bind, nowhere, self.n_threads)
            if bad:
                self.raise_bad_label()
                raise ValueError("target changed while it was read")
            return total if mean else None
        return float(np.prod(self.rows, dtype=np.float64)) if mean else None

    def target(self, labels: Array | None, distribution: Array | None, weight: Array | None) -> Target:
        """The target as the kernels take it. In the denominator a distribution's class weights do not count."""
        matrix = self.infogain[:, None, :] if self.infogain is not None else distribution
        if labels is None and distribution is None:
            weight = None
        others = None
        if weight is not None and labels is not None and self.smoothing:
            others = sum_of_others(weight)
        return Target(self.classes, operand(labels), operand(matrix), weight, others, self.smoothing, self.ignore)

    def run(
        self, name: str, extra: tuple[Any, ...], choose: Callable[[Samples, Views], int | None], views: Views
    ) -> tuple[float, int]:
        """Run one kernel; ``extra`` stands between the scale and the outputs in its arguments."""
        read: Views = {
            "logits": last(self.logits, self.axis),
            "labels": self.labels,
            "distribution": None if self.distribution is None else last(self.distribution, self.axis),
            "sample_weight": self.sample_weight,
            "grad_output": self.grad_output,
        }
        samples = Samples(self.rows, self.classes, self.dtype, read, views)

        def bind(found: Views, sums: Array) -> tuple[Any, ...]:
            return (
                found["logits"],
                self.target(found["labels"], found["distribution"], self.target_weight),
                operand(found["sample_weight"]),
                operand(found["grad_output"]),
                self.grad_scale,
                *extra,
                found["losses"],
                *written(found, self.only),
                sums,
            )

        return _layout.run(specialised(name, self.dtype), samples, bind, choose, self.n_threads)

    def raise_bad_label(self) -> None:
        """Name the first label that is no class, if there is one."""
        if self.labels is not None:
            _check.raise_bad_label(self.labels, self.classes, self.ignore_index, self.name)


def sum_of_others(weight: Array) -> Array:
    """For each class the sum of the other classes' weights.

    The largest weight enters last and unrounded, so that no difference is smaller than what it is taken from: at most
    one class can weigh more than all others together.
    """
    top = int(weight.argmax())
    lower = weight.copy()
    lower[top] = 0.0
    rest = lower.sum()
    others: Array = (rest - weight) + weight[top]
    others[top] = rest
    return others


def specialised(name: str, dtype: np.dtype[Any]) -> Any:
    """The kernel for float32 or float64: picked here, since Cython's own dispatch takes twice the time."""
    return getattr(kernels, name)["float" if dtype == np.float32 else "double"]
