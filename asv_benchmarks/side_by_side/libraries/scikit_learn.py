"""scikit-learn: its private compiled losses (what its own estimators call) and its public metric."""

import numpy as np
from sklearn._loss import HalfBinomialLoss, HalfMultinomialLoss
from sklearn.metrics import log_loss


def _calls(losses, y_true, raw_prediction, n_threads):
    """Losses are per row and gradients those of the sum; nothing is allocated."""
    loss_out = np.empty_like(y_true)
    gradient_out = np.empty_like(raw_prediction)

    def loss():
        return losses.loss(y_true, raw_prediction, None, loss_out, n_threads), None

    def loss_and_gradient():
        return losses.loss_gradient(y_true, raw_prediction, None, loss_out, gradient_out, n_threads)

    return {"loss": loss, "loss + gradient": loss_and_gradient}


def softmax(problem, n_threads):
    if problem.logits.ndim != 2:
        return {}
    y_true = problem.target.astype(problem.logits.dtype)
    return _calls(HalfMultinomialLoss(n_classes=problem.classes), y_true, problem.rows, n_threads)


def sigmoid(problem, n_threads):
    return _calls(HalfBinomialLoss(), problem.target, problem.logits, n_threads)


def clamped(problem, n_threads):
    labels = np.arange(problem.classes)
    return {"loss": lambda: (log_loss(problem.target, problem.logits, labels=labels), None)}
