"""The public functions once more in float64 NumPy, to be read beside "The formulas" of docs/design.md.

Names and arguments are the public ones; every result is float64, whatever the input. The arguments are trusted: only
what would silently mean something else is refused. Inside, a row's classes lie along the last axis, and `[..., None]`
sets one number per row beside them.
"""

from fastxent.reference._activations import log_softmax, logsumexp, softmax
from fastxent.reference._clamped import clamped_cross_entropy, clamped_cross_entropy_grad
from fastxent.reference._information import cross_entropy, entropy, kl_divergence
from fastxent.reference._linear import linear_cross_entropy, linear_cross_entropy_grad, linear_target_statistics
from fastxent.reference._sigmoid import (
    sigmoid_cross_entropy,
    sigmoid_cross_entropy_grad,
    sigmoid_cross_entropy_grad_hess,
)
from fastxent.reference._sigmoid_focal import sigmoid_focal_loss, sigmoid_focal_loss_grad, sigmoid_focal_loss_grad_hess
from fastxent.reference._softmax import (
    softmax_cross_entropy,
    softmax_cross_entropy_grad,
    softmax_cross_entropy_grad_hess,
)
from fastxent.reference._softmax_focal import softmax_focal_loss, softmax_focal_loss_grad, softmax_focal_loss_grad_hess
from fastxent.reference._statistics import target_statistics

__all__ = [
    "clamped_cross_entropy",
    "clamped_cross_entropy_grad",
    "cross_entropy",
    "entropy",
    "kl_divergence",
    "linear_cross_entropy",
    "linear_cross_entropy_grad",
    "linear_target_statistics",
    "log_softmax",
    "logsumexp",
    "sigmoid_cross_entropy",
    "sigmoid_cross_entropy_grad",
    "sigmoid_cross_entropy_grad_hess",
    "sigmoid_focal_loss",
    "sigmoid_focal_loss_grad",
    "sigmoid_focal_loss_grad_hess",
    "softmax",
    "softmax_cross_entropy",
    "softmax_cross_entropy_grad",
    "softmax_cross_entropy_grad_hess",
    "softmax_focal_loss",
    "softmax_focal_loss_grad",
    "softmax_focal_loss_grad_hess",
    "target_statistics",
]
