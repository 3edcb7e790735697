"""L-BFGS of the objective in scaled variables, with scikit-learn's stopping rule in the original ones."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np
from scipy import optimize
from sklearn.exceptions import ConvergenceWarning

from fastxent._layout import Array
from fastxent.sklearn._curvature import curvature
from fastxent.sklearn._objective import Objective
from fastxent.sklearn._scaling import Scaling

# After so many iterations, and then after twice as many each time, the variables are scaled anew by the curvature at
# the model reached so far. On data that can be separated, as digits are, this takes a fifth of the iterations.
FIRST_ROUND = 15
# In so many rounds large float64 data are multiplied in float32, in half the time: the first iterations need no more
# digits, and the last are in float64 in any case. Large is what takes some milliseconds an evaluation.
COARSE_ROUNDS = 2
LARGE = 10_000_000  # multiplications for the logits
LINE_SEARCH = 50  # steps; this and the next as in LogisticRegression
FTOL = 64 * np.finfo(np.float64).eps


@dataclass
class Progress:
    """What the last evaluation found, and the objective after each iteration so far."""

    tol: float
    verbose: int
    largest: float = np.inf  # the largest absolute entry of the gradient with respect to coef and intercept
    curve: list[float] = field(default_factory=list)
    stopped: str | None = None  # how a round ended, if not by its number of iterations

    @property
    def converged(self) -> bool:
        return self.largest <= self.tol

    def __call__(self, intermediate_result: optimize.OptimizeResult) -> None:
        """After an iteration; its point is the last one that was evaluated."""
        self.curve.append(float(intermediate_result.fun))
        if self.verbose:
            print(f"iteration {len(self.curve)}: objective {self.curve[-1]:.9g}, largest gradient {self.largest:.3g}")
        if self.converged:
            raise StopIteration


def minimize(
    objective: Objective, coef: Array, intercept: Array, fit_intercept: bool, *, tol: float, max_iter: int, verbose: int
) -> tuple[Array, Array, list[float]]:
    """The coefficients and intercepts of the optimum, and the objective after each iteration."""
    progress = Progress(tol, verbose)
    coarse = COARSE_ROUNDS if objective.X.dtype == np.float64 and objective.size > LARGE else 0
    n_iter = FIRST_ROUND
    while True:
        objective.compute_in(np.float32 if coarse else objective.X.dtype)
        left = max_iter - len(progress.curve)
        with np.errstate(over="ignore", invalid="ignore"):  # a step, or float32, may be too wide: that is seen below
            coef, intercept = one_round(objective, coef, intercept, fit_intercept, progress, min(n_iter, left))
        if progress.stopped or len(progress.curve) >= max_iter:
            if not coarse:
                break
            coarse = 0  # whether it is the optimum is judged in the dtype of X
        else:
            coarse = max(coarse - 1, 0)
            n_iter *= 2
    if not progress.converged and progress.stopped != "by itself":
        warn(progress, max_iter)
    return coef, intercept, progress.curve


def one_round(
    objective: Objective, coef: Array, intercept: Array, fit_intercept: bool, progress: Progress, n_iter: int
) -> tuple[Array, Array]:
    """The model after at most so many iterations in variables scaled for the model given."""
    scaling = Scaling(curvature(objective, coef, intercept, fit_intercept), objective.l2, fit_intercept)

    def evaluate(flat: Array) -> tuple[float, Array]:
        value, coef_grad, intercept_grad = objective(*scaling.unpack(flat))
        progress.largest = float(np.abs(coef_grad).max(initial=0.0))
        if fit_intercept:
            progress.largest = max(progress.largest, float(np.abs(intercept_grad).max()))
        return value, scaling.gradient(coef_grad, intercept_grad)

    value, grad = evaluate(scaling.pack(coef, intercept))
    length = float(np.linalg.norm(grad))
    progress.stopped = None
    if progress.converged or not np.isfinite(value + length):
        progress.stopped = "at its start" if progress.converged else "because the objective is not finite"
    if progress.stopped or n_iter == 0:
        return coef, intercept
    # L-BFGS-B begins with a step of length 1, which becomes Newton's for the Hessian that the scaling assumes.
    scaling.stretch(length)
    found = optimize.minimize(
        evaluate, scaling.pack(coef, intercept), jac=True, method="L-BFGS-B", callback=progress,
        options={"maxiter": n_iter, "maxfun": np.inf, "maxls": LINE_SEARCH, "gtol": 0.0, "ftol": FTOL},
    )  # fmt: skip
    if found.success:
        progress.stopped = "by itself"
    elif progress.converged or found.nit < n_iter:
        progress.stopped = f"with {found.message.strip()!r}"
    return scaling.unpack(found.x)


def warn(progress: Progress, max_iter: int) -> None:
    """Say that, and how far, the optimum was missed."""
    why = f"it stopped {progress.stopped}" if progress.stopped else f"increase max_iter = {max_iter}"
    warnings.warn(
        f"lbfgs failed to converge after {len(progress.curve)} iteration(s): {why}. The largest entry of the gradient "
        f"is {progress.largest:.3g}, and tol = {progress.tol:.3g}.",
        ConvergenceWarning,
        stacklevel=4,
    )
