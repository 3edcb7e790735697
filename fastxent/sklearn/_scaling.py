r"""A change of variables after which L-BFGS needs few iterations.

With the classes' shares :math:`\bar q`, the features' means :math:`\mu`, and the directions :math:`D^{-1} Q` with
their variances :math:`v` and penalties :math:`u` of `Curvature`, and the penalty's :math:`\lambda`,

.. math::

   W = (V / S)\, Q^T D^{-1}, \qquad b = c / \sqrt{\bar q} - W \mu, \qquad S_{kj} = \sqrt{\bar q_k v_j + \lambda u_j}

gives an objective of :math:`(V, c)` whose Hessian is near the identity. It is the same problem in other variables, so
its optimum is the same.
"""

from __future__ import annotations

import numpy as np

from fastxent._types import Array
from fastxent.sklearn._curvature import Curvature


class Scaling:
    """The change of variables between (coef, intercept) and the flat vector that L-BFGS sees."""

    def __init__(self, curvature: Curvature, l2: float, fit_intercept: bool) -> None:
        self.fit_intercept = fit_intercept
        self.mean, self.vectors, self.unit = curvature.mean, curvature.vectors, curvature.unit
        self.scale = np.sqrt(curvature.share[:, None] * curvature.variance + l2 * curvature.penalty)
        self.intercept_scale = np.sqrt(curvature.share)
        self.length = 1.0  # what a step that the scaling alone would make of length 1 has

    def stretch(self, factor: float) -> None:
        """Make a step of length 1 as long as one of length `factor` was."""
        self.length *= factor
        self.scale /= factor
        self.intercept_scale /= factor

    def pack(self, coef: Array, intercept: Array) -> Array:
        """The flat vector of a model."""
        rotated = coef if self.vectors is None else (coef * self.unit) @ self.vectors
        if not self.fit_intercept:
            return (rotated * self.scale).ravel()
        return np.append(rotated * self.scale, (intercept + coef @ self.mean) * self.intercept_scale)

    def unpack(self, flat: Array) -> tuple[Array, Array]:
        """The model (coef, intercept) of a flat vector."""
        coef: Array = flat[: self.scale.size].reshape(self.scale.shape) / self.scale
        if self.vectors is not None:
            coef = coef @ self.vectors.T / self.unit
        if not self.fit_intercept:
            return coef, np.zeros(len(coef))
        return coef, flat[self.scale.size :] / self.intercept_scale - coef @ self.mean

    def gradient(self, coef_grad: Array, intercept_grad: Array) -> Array:
        """The gradient with respect to the flat vector."""
        grad = coef_grad
        if self.fit_intercept:
            grad = grad - np.outer(intercept_grad, self.mean)
        if self.vectors is not None:
            grad = (grad / self.unit) @ self.vectors
        flat = np.empty(self.scale.size + len(intercept_grad) * self.fit_intercept)
        np.divide(grad, self.scale, out=flat[: self.scale.size].reshape(self.scale.shape))
        if self.fit_intercept:
            np.divide(intercept_grad, self.intercept_scale, out=flat[self.scale.size :])
        return flat
