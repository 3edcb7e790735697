"""The formulas as a textbook writes them, in NumPy: what a user has without any of these libraries."""

import numpy as np


def _pick(values, target, axis):
    """values[..., target, ...]: the entry of each row at its class index."""
    return np.take_along_axis(values, np.expand_dims(target, axis), axis).squeeze(axis)


def _subtract_one_hot(grad, target, axis):
    index = np.expand_dims(target, axis)
    np.put_along_axis(grad, index, np.take_along_axis(grad, index, axis) - 1, axis)


def softmax(problem, n_threads):
    logits, target, axis = problem.logits, problem.target, problem.axis

    def shifted_and_sum():
        z = logits - logits.max(axis=axis, keepdims=True)
        e = np.exp(z)
        return z, e, e.sum(axis=axis, keepdims=True)

    def loss():
        z, _, s = shifted_and_sum()
        return (np.log(s.squeeze(axis)) - _pick(z, target, axis)).mean(), None

    def loss_and_gradient():
        z, e, s = shifted_and_sum()
        mean = (np.log(s.squeeze(axis)) - _pick(z, target, axis)).mean()
        e /= s
        _subtract_one_hot(e, target, axis)
        e /= target.size
        return mean, e

    return {"loss": loss, "loss + gradient": loss_and_gradient}


def sigmoid(problem, n_threads):
    x, t = problem.logits, problem.target

    def loss():
        return (np.maximum(x, 0) - x * t + np.log1p(np.exp(-np.abs(x)))).mean(), None

    def loss_and_gradient():
        e = np.exp(-np.abs(x))
        mean = (np.maximum(x, 0) - x * t + np.log1p(e)).mean()
        return mean, (np.where(x >= 0, 1, e) / (1 + e) - t) / x.size

    return {"loss": loss, "loss + gradient": loss_and_gradient}


def clamped(problem, n_threads):
    probs, target, eps = problem.logits, problem.target, problem.eps

    def at_target():
        return np.maximum(probs[np.arange(len(target)), target], eps)

    def loss():
        return -np.log(at_target()).mean(), None

    def loss_and_gradient():
        q = at_target()
        grad = np.zeros_like(probs)
        grad[np.arange(len(target)), target] = -1 / (q * len(target))
        return -np.log(q).mean(), grad

    return {"loss": loss, "loss + gradient": loss_and_gradient}


def log_softmax(problem, n_threads):
    logits, axis = problem.logits, problem.axis

    def values():
        z = logits - logits.max(axis=axis, keepdims=True)
        z -= np.log(np.exp(z).sum(axis=axis, keepdims=True))
        return None, z

    return {"log_softmax": values}


def information(problem, n_threads):
    p, q, axis = problem.logits, problem.target, problem.axis
    return {
        "entropy": lambda: (None, -(p * np.log(p)).sum(axis=axis)),
        "cross entropy": lambda: (None, -(p * np.log(q)).sum(axis=axis)),
        "divergence": lambda: (None, (p * np.log(p / q)).sum(axis=axis)),
    }
