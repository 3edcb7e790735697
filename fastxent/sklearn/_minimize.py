"""L-BFGS of the objective in scaled variables, with scikit-learn's stopping rule in the original ones."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, field

import numpy as np
from scipy import optimize
from sklearn.exceptions import ConvergenceWarning

from fastxent._layout import Array
from fastxent.sklearn._objective import Objective
from fastxent.sklearn._scaling import Scaling


@dataclass
class Progress:
    """What the last evaluation found, and the values of the iterations so far."""

    tol: float
    verbose: int
    largest: float = np.inf  # the largest absolute entry of the gradient with respect to coef and intercept
    curve: list[float] = field(default_factory=list)

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
    objective: Objective, scaling: Scaling, coef: Array, intercept: Array, *, tol: float, max_iter: int, verbose: int
) -> tuple[Array, Array, list[float]]:
    """The coefficients and intercepts of the optimum, and the objective after each iteration."""
    progress = Progress(tol, verbose)

    def evaluate(flat: Array) -> tuple[float, Array]:
        value, coef_grad, intercept_grad = objective(*scaling.unpack(flat))
        progress.largest = float(np.abs(coef_grad).max(initial=0.0))
        if scaling.fit_intercept:
            progress.largest = max(progress.largest, float(np.abs(intercept_grad).max()))
        return value, scaling.gradient(coef_grad, intercept_grad)

    value, grad = evaluate(scaling.pack(coef, intercept))
    if progress.converged:
        return coef, intercept, progress.curve
    if max_iter == 0:
        warn(0, max_iter, "no iteration was allowed", progress)
        return coef, intercept, progress.curve
    length = float(np.linalg.norm(grad))
    if np.isfinite(length) and length > 0.0:
        # L-BFGS-B begins with a step of length 1, which is now Newton's for the Hessian that the scaling assumes.
        scaling.stretch(length)
    result = optimize.minimize(
        evaluate,
        scaling.pack(coef, intercept),
        jac=True,
        method="L-BFGS-B",
        callback=progress,
        options={"maxiter": max_iter, "maxfun": np.inf, "maxls": 50, "gtol": 0.0, "ftol": 64 * np.finfo(float).eps},
    )
    if not (progress.converged or result.success):
        warn(result.nit, max_iter, result.message, progress)
    return *scaling.unpack(result.x), progress.curve


def warn(n_iter: int, max_iter: int, message: str, progress: Progress) -> None:
    """Say that, and how far, the optimum was missed."""
    advice = "increase max_iter" if n_iter >= max_iter else "a larger tol may be all that the data allow"
    warnings.warn(
        f"lbfgs failed to converge after {n_iter} iteration(s): {message}. The largest entry of the gradient is "
        f"{progress.largest:.3g}, tol = {progress.tol:.3g}; {advice}.",
        ConvergenceWarning,
        stacklevel=4,
    )
