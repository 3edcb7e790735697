"""The functions as others write them: NumPy's textbook formulas, SciPy and scikit-learn where they are installed.

Each takes (x, target, reduction), (x) or (p, q) with the classes last and returns what the fastxent function of the
same name does.
"""

import importlib.util
import warnings

import numpy as np


def pick(x, y):
    return np.take_along_axis(x, y[:, None], 1)[:, 0]


def one_hot(x, y):
    return np.arange(x.shape[1]) == y[:, None]


def with_reduction(derive):
    """`derive` gives loss, gradient and Hessian; a function for each number of them that fastxent returns."""

    def function(results):
        def call(x, target, reduction):
            loss, *derivatives = derive(x, target)[:results]
            loss = loss if reduction == "none" else loss.sum()
            return (loss, *derivatives) if derivatives else loss

        return call

    return function


def losses(name, derive, orders):
    """The functions of one loss by their public names."""
    suffixes = ("", "_grad", "_grad_hess")[:orders]
    return {f"{name}_cross_entropy{suffix}": with_reduction(derive)(n) for n, suffix in enumerate(suffixes, 1)}


def textbook():
    def softmax(x):
        e = np.exp(x - x.max(axis=1, keepdims=True))
        return e / e.sum(axis=1, keepdims=True)

    def log_softmax(x):
        z = x - x.max(axis=1, keepdims=True)
        return z - np.log(np.exp(z).sum(axis=1, keepdims=True))

    def logsumexp(x):
        m = x.max(axis=1)
        return m + np.log(np.exp(x - m[:, None]).sum(axis=1))

    def softmax_loss(x, y):
        p = softmax(x)
        return -pick(log_softmax(x), y), p - one_hot(x, y), p * (1 - p)

    def clamped_loss(q, y):
        q = np.maximum(q, q.dtype.type(1e-20))
        return -np.log(pick(q, y)), np.where(one_hot(q, y), -1 / q, 0)

    def sigmoid_loss(x, t):
        p = 1 / (1 + np.exp(-x))
        return np.maximum(x, 0) - x * t + np.log1p(np.exp(-abs(x))), p - t, p * (1 - p)

    return {
        **losses("softmax", softmax_loss, 3),
        **losses("clamped", clamped_loss, 2),
        **losses("sigmoid", sigmoid_loss, 3),
        "softmax": softmax,
        "log_softmax": log_softmax,
        "logsumexp": logsumexp,
        "entropy": lambda p: -(p * np.log(p)).sum(axis=1),
        "cross_entropy": lambda p, q: -(p * np.log(q)).sum(axis=1),
        "kl_divergence": lambda p, q: (p * np.log(p / q)).sum(axis=1),
    }


def scipy():
    from scipy import special

    def softmax_loss(x, y):
        p = special.softmax(x, axis=1)
        return -pick(special.log_softmax(x, axis=1), y), p - one_hot(x, y), p * (1 - p)

    def sigmoid_loss(x, t):
        p, not_p = special.expit(x), special.expit(-x)
        return -np.where(t == 1, special.log_expit(x), special.log_expit(-x)), p - t, p * not_p

    return {
        **losses("softmax", softmax_loss, 3),
        **losses("sigmoid", sigmoid_loss, 3),
        "softmax": lambda x: special.softmax(x, axis=1),
        "log_softmax": lambda x: special.log_softmax(x, axis=1),
        "logsumexp": lambda x: special.logsumexp(x, axis=1),
        "entropy": lambda p: special.entr(p).sum(axis=1),
        "kl_divergence": lambda p, q: special.rel_entr(p, q).sum(axis=1),
    }


def scikit_learn():
    from sklearn._loss.loss import HalfBinomialLoss, HalfMultinomialLoss
    from sklearn.metrics import log_loss

    def softmax_loss(x, y):
        loss, y = HalfMultinomialLoss(n_classes=x.shape[1]), y.astype(x.dtype)
        return loss.loss(y, x), *loss.gradient_hessian(y, x)

    def clamped_loss(q, y):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")  # rows of float32 that sum to one only nearly
            labels = range(q.shape[1])
            return (np.array([log_loss(y[i : i + 1], q[i : i + 1], labels=labels) for i in range(len(q))]),)

    def sigmoid_loss(x, t):
        loss, t = HalfBinomialLoss(), t.astype(x.dtype)
        return loss.loss(t, x), *loss.gradient_hessian(t, x)

    return {
        **losses("softmax", softmax_loss, 3),
        **losses("clamped", clamped_loss, 1),
        **losses("sigmoid", sigmoid_loss, 3),
    }


INSTALLED = [name for name in ("scipy", "sklearn") if importlib.util.find_spec(name)]
PACKAGES = [name.replace("sklearn", "scikit-learn") for name in INSTALLED]
PEERS = {"NumPy": textbook()}
if "scipy" in INSTALLED:
    PEERS["SciPy"] = scipy()
if "sklearn" in INSTALLED:
    PEERS["scikit-learn"] = scikit_learn()
