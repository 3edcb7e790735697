"""SciPy's special functions and stats; it has no cross entropy, so the loss is logsumexp and a gather."""

import numpy as np
from scipy import special, stats


def softmax(problem, n_threads):
    logits, target, axis = problem.logits, problem.target, problem.axis
    index = np.expand_dims(target, axis)

    def loss():
        picked = np.take_along_axis(logits, index, axis).squeeze(axis)
        return (special.logsumexp(logits, axis=axis) - picked).mean(), None

    return {"loss": loss}


def log_softmax(problem, n_threads):
    return {"log_softmax": lambda: (None, special.log_softmax(problem.logits, axis=problem.axis))}


def information(problem, n_threads):
    p, q, axis = problem.logits, problem.target, problem.axis
    return {
        "entropy, entr": lambda: (None, special.entr(p).sum(axis=axis)),
        "entropy, stats": lambda: (None, stats.entropy(p, axis=axis)),  # also divides by the sum
        "cross entropy": lambda: (None, -special.xlogy(p, q).sum(axis=axis)),
        "divergence, rel_entr": lambda: (None, special.rel_entr(p, q).sum(axis=axis)),
        "divergence, stats": lambda: (None, stats.entropy(p, q, axis=axis)),
    }
