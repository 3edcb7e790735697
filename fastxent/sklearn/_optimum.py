"""The optimal temperature by a safeguarded Newton iteration; temperature and bias by L-BFGS."""

from __future__ import annotations

import math
from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from scipy.optimize import minimize

from fastxent._types import Array
from fastxent.sklearn._scaled_loss import MODERATE, ScaledLoss

FEW, STEP = 4096, 8  # from so many samples on, every eighth says first where the optimum roughly is
QUADRATIC = 1e-3  # relative steps below this are to shrink quadratically; if they do not, they are rounding errors


class Optimum(NamedTuple):
    """What minimises the cross entropy, in the unit of the scores."""

    inverse: float  # 1 / temperature
    bias: Array
    n_iter: int
    problem: str | None  # why there is no proper optimum


def temperature_alone(loss: ScaledLoss, tol: float, max_iter: int) -> Optimum:
    """Minimise over the temperature; where no temperature is best, say why and take a sensible one."""
    none = np.zeros(1 if loss.scores.array.ndim == 1 else loss.scores.n_classes)
    eps = float(np.finfo(loss.scores.dtype).eps)
    low, high = loss.bounds()
    if low == high == 0.0:
        return Optimum(1.0 / loss.unit, none, 0, "all classes of a sample have equal scores; the temperature stays 1")
    if high <= 0.0:
        far = float(np.finfo(loss.scores.dtype).max) / 2.0 ** (MODERATE + 1)  # no score becomes infinite
        inverse = min(-math.log(eps) / loss.gap(), far)
        return Optimum(
            inverse, none, 0, "the scores separate the classes, and any smaller temperature would fit better"
        )
    start = 1.0
    if len(loss.labels) >= FEW:
        rough, _, converged = newton(loss.every(STEP).derivatives, start, 1e-2, max_iter)
        start = rough if converged and rough > 0.0 else start
    inverse, n_iter, converged = newton(loss.derivatives, start, max(tol, 4.0 * eps), max_iter)
    problem = None
    if not converged:
        problem = f"Newton's method did not converge in max_iter = {max_iter} iterations"
    elif inverse == 0.0:
        problem = "no temperature beats equal probabilities: the scores say nothing of the classes, or the opposite"
    return Optimum(inverse, none, n_iter, problem)


def newton(
    derivatives: Callable[[float], tuple[float, float]], start: float, tol: float, max_iter: int
) -> tuple[float, int, bool]:
    """Where an increasing first derivative is 0 on [0, inf), or 0 if it is nowhere; iterations; whether it converged.

    Keeps the zero between the largest point known to be below it and the smallest above.
    """
    at, low, high, last = start, -math.inf, math.inf, math.inf
    for n_iter in range(1, max_iter + 1):
        first, second = derivatives(at)
        if math.isnan(first):
            first, second = math.inf, 0.0  # so far beyond the zero that products overflow
        if first == 0.0 or (at == 0.0 and first > 0.0):
            return at, n_iter, True
        if first < 0.0:
            low = at
        else:
            high = at
        step = -first / second if second > 0.0 else math.copysign(math.inf, -first)
        if abs(step) <= tol * at or (last / 2 <= abs(step) <= QUADRATIC * at):
            return at + step, n_iter, True
        last, at = abs(step), at + step
        if low < 0.0:
            at = max(at, 0.0)  # is the zero above 0 at all?
        elif not low < at < high:
            last, at = math.inf, between(low, high)
    return at, max_iter, False


def between(low: float, high: float) -> float:
    """A point for when Newton's leaves the bracket."""
    if high == math.inf:
        return 4.0 * low if low > 0.0 else 1.0
    return math.sqrt(low) * math.sqrt(high) if low > 0.0 else high / 16.0


def temperature_and_bias(loss: ScaledLoss, start: Optimum, shares: Array, tol: float, max_iter: int) -> Optimum:
    """Minimise over temperature and bias, from the best temperature alone.

    L-BFGS sees both in units in which the loss has a curvature of about 1: a bias of a class has p (1 - p).
    """
    if start.problem is not None and start.inverse > 0.0:
        return start
    curvature = loss.derivatives(start.inverse)[1] / loss.total
    units = 1.0 / np.sqrt([curvature or 1.0, *(shares * (1.0 - shares))[-len(start.bias) :]])

    def loss_grad(point: Array) -> tuple[float, Array]:
        inverse, *bias = point * units
        value, by_inverse, by_bias = loss.loss_grad(inverse, np.array(bias))
        return value / loss.total, np.array([by_inverse, *by_bias]) * units / loss.total

    found = minimize(
        loss_grad,
        np.array([start.inverse, *start.bias]) / units,
        method="L-BFGS-B",
        jac=True,
        bounds=[(0.0, None)] + [(None, None)] * len(start.bias),
        options={"gtol": max(tol, float(np.finfo(np.float64).eps)), "ftol": 0.0, "maxiter": max_iter},
    )
    inverse, *bias = found.x * units
    centred = np.array(bias) - np.mean(bias) if len(bias) > 1 else np.array(bias)
    problem = None
    if found.nit >= max_iter:
        problem = f"L-BFGS did not converge in max_iter = {max_iter} iterations"
    elif inverse == 0.0:
        problem = (
            "no temperature beats the classes' frequencies: the scores say nothing of the classes, or the opposite"
        )
    return Optimum(float(inverse), centred, start.n_iter + found.nit, problem)
