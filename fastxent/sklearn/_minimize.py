"""L-BFGS of the objective in scaled variables, with scikit-learn's stopping rule in the original ones."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
from scipy import optimize
from sklearn.exceptions import ConvergenceWarning

from fastxent._quiet import quiet_in_place
from fastxent._types import Array
from fastxent.sklearn._callbacks import FRAMES, Iterations
from fastxent.sklearn._curvature import curvature
from fastxent.sklearn._objective import LinearObjective
from fastxent.sklearn._report import Report
from fastxent.sklearn._scaling import Scaling

# The variables are scaled anew, by the curvature at the model reached, when the objective has fallen to this share of
# what it was at the last scaling: confident samples have little curvature. On data that can be separated, as digits
# are, this takes a fifth of the iterations; L-BFGS starts anew each time, so not after a few iterations. A scaling that
# has not led to the optimum in many is renewed as well: of outliers and of random walks it soon is a wrong one.
FALLEN = 0.25
LEAST_ITERATIONS = 15
MANY_ITERATIONS = 60
# Until an iteration gains less than this share of the objective, large float64 data are multiplied in float32, in half
# the time: rounding is far below that. Large is what takes some milliseconds an evaluation.
COARSE_GAIN = 1e-5
LARGE = 10_000_000  # multiplications for the logits
# Steps that L-BFGS remembers: each takes two vectors, so with many parameters there are a quarter as many.
PAIRS = 20
MANY_PARAMETERS = 200_000
# The largest gradient alone says little of many small ones: with it the objective would be half as large again as
# LogisticRegression's on wide sparse data. So an iteration must also find the objective within this share of its least,
# by half the square of the gradient in the scaled variables, or so small that a share of it is nothing beside tol.
GAP = 1e-8
MISSED = 1e-6  # where L-BFGS has come to an end by itself: more than that says that it could not tell where to go
NEGLIGIBLE = 0.01  # of tol
# That takes a scaling of the place: below this share of what the objective was there, it is judged in a new one.
STALE = 0.5
LINE_SEARCH = 50  # steps; this and the next as in LogisticRegression
FTOL = 64 * np.finfo(np.float64).eps

Save = Callable[[Array, Array, Sequence[float]], None]  # what is told of the model and the curve after each iteration


@dataclass
class Progress:
    """What the last evaluation found, the objective after each iteration so far, and whether to go on."""

    objective: LinearObjective
    tol: float
    report: Report
    model: Callable[[Array, Array], dict[str, Any]]  # the attributes of a model, as callbacks see it
    unpack: Callable[[Array], tuple[Array, Array]] = field(init=False)  # the model at a point in scaled variables
    largest: float = np.inf  # the largest absolute entry of the gradient, in units of features that are above 1
    value: float = np.inf
    gap: float = np.inf  # about how much the objective is above its least
    curve: list[float] = field(default_factory=list)
    scaled_at: float = np.inf  # the objective, and the number of iterations, when the variables were scaled
    scaled_after: int = 0
    renew: bool = False  # whether to go on from here in variables scaled anew
    iterations: Iterations | None = None  # what callbacks are told of
    stopped: bool = False  # by a callback
    save: Save | None = None

    @property
    def coarse(self) -> bool:
        """Whether the multiplications are in less than the dtype of X."""
        return bool(self.objective.dtype != self.objective.given_dtype)

    @property
    def flat(self) -> bool:
        """Whether no entry of the gradient exceeds tol; that is judged in the dtype of X."""
        return self.largest <= self.tol and not self.coarse

    def converged(self, value: float, gain: float = np.inf) -> bool:
        """Whether the optimum is reached, or all of it that the dtype can tell."""
        least_gain = 0.1 * float(np.finfo(self.objective.given_dtype).eps) * value
        return self.flat and (self.gap <= GAP * value or value <= NEGLIGIBLE * self.tol or gain <= least_gain)

    @property
    def outgrown(self) -> bool:
        """Whether the variables should be scaled anew."""
        n_iter = len(self.curve) - self.scaled_after
        fallen = n_iter >= LEAST_ITERATIONS and self.curve[-1] < FALLEN * self.scaled_at
        return fallen or n_iter >= MANY_ITERATIONS

    def __call__(self, intermediate_result: optimize.OptimizeResult) -> None:
        """After an iteration; its point is the last one that was evaluated."""
        value = float(intermediate_result.fun)
        gain = (self.curve[-1] if self.curve else np.inf) - value
        self.curve.append(value)
        self.report(len(self.curve), value, self.largest)
        coef, intercept = self.unpack(intermediate_result.x)
        if self.save is not None:
            self.save(coef, intercept, self.curve)
        if self.iterations is not None and self.iterations(partial(self.model, coef, intercept)):
            self.stopped = True
            raise StopIteration
        done = self.converged(value, gain)
        self.renew = value < STALE * self.scaled_at if done else self.outgrown
        if done or self.renew:
            raise StopIteration
        if self.coarse and (gain < COARSE_GAIN * value or self.largest <= self.tol):
            raise StopIteration  # and go on in the dtype of X, in variables scaled by what that tells apart


def minimize(
    objective: LinearObjective, coef: Array, intercept: Array, fit_intercept: bool, *, tol: float, max_iter: int,
    verbose: int, iterations: Iterations | None = None, model: Callable[[Array, Array], dict[str, Any]],
    curve: Sequence[float] = (), save: Save | None = None,
) -> tuple[Array, Array, list[float]]:  # fmt: skip
    """The coefficients and intercepts of the optimum, and the objective after each iteration.

    Callbacks see ``model`` of them. A fit that goes on where another ended has that one's ``curve``.
    """
    report = Report(verbose, max_iter)
    progress = Progress(objective, tol, report, model, curve=list(curve), iterations=iterations, save=save)
    if iterations is not None:
        iterations.begin(partial(model, coef, intercept))
    if objective.size > LARGE:
        objective.compute_in(np.float32)
    going = True
    try:
        while going:
            n_iter = max_iter - len(progress.curve)
            coef, intercept, message = one_round(objective, coef, intercept, fit_intercept, progress, n_iter)
            going = not progress.stopped and (progress.coarse or (progress.renew and len(progress.curve) < max_iter))
            objective.compute_in(objective.given_dtype)
    finally:
        progress.report.close()
    rounded = len(progress.curve) < max_iter and progress.gap <= GAP * progress.value  # nothing is left to be gained
    if message is not None and not (progress.flat or progress.stopped or rounded):
        warn(message, progress)
    return coef, intercept, progress.curve


@quiet_in_place  # a step, or float32, may be too wide: that is seen by `minimize`
def one_round(
    objective: LinearObjective, coef: Array, intercept: Array, fit_intercept: bool, progress: Progress, n_iter: int
) -> tuple[Array, Array, str | None]:  # fmt: skip
    """The model after at most so many iterations in variables scaled for the model given; and why it is not optimal."""
    curve = curvature(objective, coef, intercept, fit_intercept)
    scaling, unit = Scaling(curve, objective.l2, fit_intercept), np.maximum(curve.size, 1.0)
    progress.unpack = scaling.unpack

    known: list[tuple[float, Array]] = []  # at the start

    def evaluate(flat: Array) -> tuple[float, Array]:
        if known:
            return known.pop()
        value, coef_grad, intercept_grad = objective(*scaling.unpack(flat))
        progress.value, progress.largest = value, float((np.abs(coef_grad) / unit).max(initial=0.0))
        if fit_intercept:
            progress.largest = max(progress.largest, float(np.abs(intercept_grad).max()))
        grad = scaling.gradient(coef_grad, intercept_grad)
        progress.gap = 0.5 * (float(np.linalg.norm(grad)) / scaling.length) ** 2
        return value, grad

    value, grad = evaluate(scaling.pack(coef, intercept))
    progress.scaled_at, progress.scaled_after, progress.renew = value, len(progress.curve), False
    length = float(np.linalg.norm(grad))
    if not np.isfinite(value + length):
        return coef, intercept, "the objective is not finite"
    if n_iter <= 0 or progress.converged(value) or (progress.coarse and progress.largest <= progress.tol):
        return coef, intercept, "no iteration is left"
    # L-BFGS-B begins with a step of length 1, which becomes Newton's for the Hessian that the scaling assumes.
    scaling.stretch(length)
    known.append((value, grad * length))
    pairs = PAIRS if grad.size <= MANY_PARAMETERS else PAIRS // 4
    found = optimize.minimize(
        evaluate, scaling.pack(coef, intercept), jac=True, method="L-BFGS-B", callback=progress,
        options={"maxiter": n_iter, "maxfun": np.inf, "maxls": LINE_SEARCH, "gtol": 0.0, "ftol": FTOL, "maxcor": pairs},
    )  # fmt: skip
    message = None if found.success else found.message.strip()
    if found.success and not progress.coarse and progress.gap > MISSED * progress.value and not progress.flat:
        message = "the objective changes no more, but its gradient says that it should"
    return *scaling.unpack(found.x), message


def warn(message: str, progress: Progress) -> None:
    """Say that, and how far, the optimum was missed."""
    advice = "Increase max_iter or tol" if np.isfinite(progress.largest) else "Scale the features"
    warnings.warn(
        f"lbfgs failed to converge after {len(progress.curve)} iteration(s): {message}. The largest entry of the "
        f"gradient is {progress.largest:.3g}, and tol = {progress.tol:.3g}. {advice}.",
        ConvergenceWarning,
        stacklevel=4 + FRAMES,
    )
