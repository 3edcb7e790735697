r"""A change of variables after which L-BFGS needs few iterations.

At equal logits the Hessian of the mean softmax cross entropy with respect to the coefficients is, for logits without a
common shift, the Kronecker product of the class frequencies and the features' covariance [1]_. So with
:math:`\mathrm{cov}(X) = Q \Lambda Q^T`, the features' means :math:`\mu` and the penalty's :math:`\lambda`

.. math::

   W = (V / S) Q^T, \qquad b = c / \sqrt{\pi} - W \mu, \qquad S_{kj} = \sqrt{\pi_k \Lambda_j + \lambda}

has a Hessian near the identity there. It is the same problem in other variables: its optimum is the same.

References
----------
.. [1] D. Böhning, "Multinomial logistic regression algorithm", Annals of the Institute of Statistical Mathematics 44,
   1992, section 2.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse

from fastxent._layout import Array
from fastxent.sklearn._target import Target

LEAST_RATIO = 1e-7  # of variances, the smallest to the largest: below that, what is seen is rounding
SAMPLED = 10_000  # so many rows, or 20 for each feature, tell the scale of the features well enough
WORTH = 10  # evaluations of the objective that the eigenvectors may cost


class Scaling:
    """The change of variables between (coef, intercept) and the flat vector that L-BFGS sees."""

    def __init__(self, X: Any, target: Target, l2: float, fit_intercept: bool) -> None:
        self.fit_intercept = fit_intercept
        share = np.maximum(target.mass / target.denominator, LEAST_RATIO)
        share = share[:1] * share[1:] if target.binary else share
        self.mean, variance, self.vectors = moments(X, target.row_weight, len(share), fit_intercept)
        self.scale = np.sqrt(share[:, None] * variance + l2)
        self.intercept_scale = np.sqrt(share)

    def stretch(self, factor: float) -> None:
        """Make a step of length 1 as long as one of length `factor` was."""
        self.scale /= factor
        self.intercept_scale /= factor

    def pack(self, coef: Array, intercept: Array) -> Array:
        """The flat vector of a model."""
        rotated = coef if self.vectors is None else coef @ self.vectors
        if not self.fit_intercept:
            return (rotated * self.scale).ravel()
        return np.append(rotated * self.scale, (intercept + coef @ self.mean) * self.intercept_scale)

    def unpack(self, flat: Array) -> tuple[Array, Array]:
        """The model (coef, intercept) of a flat vector."""
        coef = flat[: self.scale.size].reshape(self.scale.shape) / self.scale
        if self.vectors is not None:
            coef = coef @ self.vectors.T
        if not self.fit_intercept:
            return coef, np.zeros(len(coef))
        return coef, flat[self.scale.size :] / self.intercept_scale - coef @ self.mean

    def gradient(self, coef_grad: Array, intercept_grad: Array) -> Array:
        """The gradient with respect to the flat vector."""
        grad = coef_grad
        if self.fit_intercept:
            grad = grad - np.outer(intercept_grad, self.mean)
        if self.vectors is not None:
            grad = grad @ self.vectors
        grad = grad / self.scale
        return np.append(grad, intercept_grad / self.intercept_scale) if self.fit_intercept else grad.ravel()


def moments(X: Any, weight: Array | None, n_outputs: int, centre: bool) -> tuple[Array, Array, Array | None]:
    """Means, variances along the eigenvectors of the covariance, and these; None where they would cost too much."""
    n_samples, n_features = X.shape
    step = max(1, n_samples // max(SAMPLED, 20 * n_features))
    X = X[::step]
    weight = np.ones(X.shape[0]) if weight is None else weight[::step]
    if not weight.any():
        weight = np.ones(X.shape[0])
    weight = weight / weight.sum()
    with np.errstate(over="ignore", invalid="ignore"):
        mean = np.asarray(X.T @ weight, np.float64) if centre else np.zeros(n_features)
        vectors = None
        if not sparse.issparse(X) and n_features * (2 * X.shape[0] + 27 * n_features) < WORTH * 4 * n_samples * (
            n_outputs + 20
        ):
            root = (X - mean.astype(X.dtype)) * np.sqrt(weight).astype(X.dtype)[:, None]
            covariance = (root.T @ root).astype(np.float64)
            if np.isfinite(covariance).all():
                variance, vectors = np.linalg.eigh(covariance)
        if vectors is None:
            squares = X.multiply(X) if sparse.issparse(X) else np.square(X, dtype=np.float64)
            variance = np.asarray(squares.T @ weight, np.float64) - mean * mean
    return usable(mean, variance, vectors)


def usable(mean: Array, variance: Array, vectors: Array | None) -> tuple[Array, Array, Array | None]:
    """Without variances that are rounding; the features as they are, where numbers overflow."""
    largest = variance.max(initial=0.0)
    if not (np.isfinite(mean).all() and np.isfinite(variance).all() and largest > 0.0):
        return np.zeros_like(mean), np.ones_like(mean), None
    return mean, np.maximum(variance, LEAST_RATIO * largest), vectors
