"""The formulas as one writes them in NumPy and SciPy, for rows of few classes, with the arguments of forms.py.

Of the ways that are right the fastest: NumPy for a softmax, SciPy for a sigmoid and for entropies, where 0 log 0 = 0.
"""

import numpy as np
from scipy.special import entr, expit, rel_entr, xlogy


def exponentials(x, out=None):
    """x - max x, its exponentials, and their sum."""
    z = x - x.max(axis=-1, keepdims=True)
    e = np.exp(z, out=out)
    return z, e, e.sum(axis=-1, keepdims=True)


def softmax(x, out=None):
    _, e, s = exponentials(x, out)
    e /= s
    return e


def log_softmax(x, out=None):
    z, _, s = exponentials(x)
    return np.subtract(z, np.log(s), out=z if out is None else out)


def logsumexp(x):
    m = x.max(axis=-1, keepdims=True)
    return np.log(np.exp(x - m).sum(axis=-1)) + m[:, 0]


def softmax_losses(x, y):
    z, _, s = exponentials(x)
    return np.log(s[:, 0]) - z[np.arange(len(x)), y]


def softmax_loss(x, y):
    return softmax_losses(x, y).mean()


def softmax_parts(x, y, out=None):
    """The loss of each row, and its gradient."""
    rows = np.arange(len(x))
    z, p, s = exponentials(x, out)
    p /= s
    p[rows, y] -= 1
    return np.log(s[:, 0]) - z[rows, y], p


def softmax_grad(x, y, axis=-1, out=None):
    loss, grad = softmax_parts(x, y, out)
    grad /= len(x)
    return loss.mean(), grad


def softmax_reduced(x, y, reduction):
    loss, grad = softmax_parts(x, y)
    return loss.sum() if reduction == "sum" else loss, grad


def softmax_sample_weight(x, y, sample_weight):
    loss, grad = softmax_parts(x, y)
    share = sample_weight / sample_weight.sum()
    grad *= share[:, None]
    return share @ loss, grad


def softmax_class_weight(x, y, class_weight):
    return softmax_sample_weight(x, y, class_weight[y])


def softmax_ignore_index(x, y, ignore_index):
    kept = y != ignore_index
    return softmax_sample_weight(x, np.where(kept, y, 0), kept.astype(x.dtype))


def softmax_label_smoothing(x, y, label_smoothing):
    rows = np.arange(len(x))
    z, p, s = exponentials(x)
    loss = np.log(s[:, 0]) - (1 - label_smoothing) * z[rows, y] - label_smoothing * z.mean(axis=-1)
    p /= s
    p -= label_smoothing / x.shape[-1]
    p[rows, y] -= 1 - label_smoothing
    p /= len(x)
    return loss.mean(), p


def softmax_z_loss(x, y, z_loss):
    rows = np.arange(len(x))
    m = x.max(axis=-1, keepdims=True)
    p = np.exp(x - m)
    s = p.sum(axis=-1, keepdims=True)
    lse = np.log(s) + m
    loss = lse[:, 0] - x[rows, y] + z_loss * lse[:, 0] ** 2
    p *= (1 + 2 * z_loss * lse) / s
    p[rows, y] -= 1
    p /= len(x)
    return loss.mean(), p


def softmax_distribution(x, t):
    z, p, s = exponentials(x)
    loss = np.log(s[:, 0]) - np.vecdot(t, z)
    p /= s
    p -= t
    p /= len(x)
    return loss.mean(), p


def softmax_grad_hess(x, y, out=None, hess_out=None):
    rows = np.arange(len(x))
    z, p, s = exponentials(x, out)
    p /= s
    hess = np.subtract(1, p, out=hess_out)
    hess *= p
    hess /= len(x)
    p[rows, y] -= 1
    p /= len(x)
    return (np.log(s[:, 0]) - z[rows, y]).mean(), p, hess


def softmax_focal(x, y, out=None, gamma=2):
    own = np.arange(len(x)), y
    z, p, s = exponentials(x, out)
    p /= s
    loss, share = np.log(s[:, 0]) - z[own], p[own]
    others = 1 - share
    p[own] -= 1
    p *= ((others**gamma + gamma * others ** (gamma - 1) * share * loss) / len(x))[:, None]
    return (others**gamma * loss).mean(), p


def softmax_of_float_labels(y, x):
    return softmax_parts(x, y.astype(np.intp))


def softplus(x):
    """log(1 + e^x)."""
    return np.maximum(x, 0) + np.log1p(np.exp(-np.abs(x)))


def sigmoid_loss(x, t):
    return (softplus(x) - x * t).mean()


def sigmoid_sample_weight_loss(x, t, sample_weight):
    return (sample_weight * (softplus(x) - x * t)).sum() / sample_weight.sum()


def sigmoid_pos_weight_loss(x, t, pos_weight):
    return ((1 - t) * x + (1 + (pos_weight - 1) * t) * softplus(-x)).mean()


def sigmoid_gradient(t, x, out=None):
    grad = expit(x, out=out)
    grad -= t
    return grad


def sigmoid_grad(x, t, out=None):
    grad = sigmoid_gradient(t, x, out)
    grad /= x.size
    return sigmoid_loss(x, t), grad


def sigmoid_sample_weight(x, t, sample_weight):
    grad = sigmoid_gradient(t, x)
    grad *= sample_weight / sample_weight.sum()
    return sigmoid_sample_weight_loss(x, t, sample_weight), grad


def sigmoid_pos_weight(x, t, pos_weight):
    grad = expit(x)
    grad *= 1 + (pos_weight - 1) * t
    grad -= pos_weight * t
    grad /= x.size
    return sigmoid_pos_weight_loss(x, t, pos_weight), grad


def sigmoid_grad_hess(x, t, out=None, hess_out=None):
    p = expit(x, out=out)
    hess = np.subtract(1, p, out=hess_out)
    hess *= p
    hess /= x.size
    p -= t
    p /= x.size
    return sigmoid_loss(x, t), p, hess


def sigmoid_focal(x, t, out=None, gamma=2):
    p, up = expit(x), softplus(-x)
    q, down = 1 - p, up + x
    ones, zeros = t * q**gamma, (1 - t) * p**gamma
    grad = np.multiply(zeros, p + gamma * q * down, out=out)
    grad -= ones * (q + gamma * p * up)
    grad /= x.size
    return (ones * up + zeros * down).mean(), grad


def clamped_losses(q, y, reduction="none", eps=1e-20):
    return -np.log(np.maximum(q[np.arange(len(q)), y], eps))


def clamped_loss(q, y):
    return clamped_losses(q, y).mean()


def log_loss(y, q):
    eps = np.finfo(q.dtype).eps
    return -np.log(np.clip(q[np.arange(len(q)), y], eps, 1 - eps)).mean()


def clamped_parts(q, y, out=None, reduction="none", eps=1e-20):
    """The loss of each row, and its gradient."""
    own = np.arange(len(q)), y
    at_target = np.maximum(q[own], eps)
    grad = np.empty_like(q) if out is None else out
    grad.fill(0)
    grad[own] = -1 / at_target
    return -np.log(at_target), grad


def clamped_grad(q, y, out=None):
    loss, grad = clamped_parts(q, y, out)
    grad /= len(q)
    return loss.mean(), grad


def entropy(p):
    return entr(p).sum(axis=-1)


def cross_entropy(p, q):
    return -xlogy(p, q).sum(axis=-1)


def kl_divergence(p, q):
    return rel_entr(p, q).sum(axis=-1)
