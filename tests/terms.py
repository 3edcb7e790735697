"""How large the terms are that a result is the sum of, from the textbook formulas on a dense target.

A sum of terms with opposite signs cannot be exact relative to itself; the bounds of docs/design.md are relative to the
terms: (T + 2 c (|m| + log s)) p_k + t_k for the gradient. Where the result is one product (class indices without
smoothing and z-loss, the clamped gradient) the scale is the result itself and nothing is returned here.
"""

import numpy as np
from scipy.special import expit, rel_entr, xlogy

from fastxent import _check


def terms(problem):
    """The size of the terms of loss, grad, hess or value, in their shapes, as far as it is not their own size."""
    if problem.function.name == "logsumexp":
        x, keepdims = np.asarray(problem.x, np.float64), problem.options.get("keepdims", False)
        return {"value": abs(x.max(problem.axis, keepdims=keepdims, initial=-np.inf)) + np.log1p(x.shape[problem.axis])}
    if problem.function.kind == "information":
        return {"value": information_terms(problem)}
    if problem.function.kind == "softmax":
        return softmax_terms(problem)
    return sigmoid_terms(problem) if problem.function.kind == "sigmoid" else {}


def lost_terms(problem):
    """The size of those terms of a focal loss's Hessian whose p, below the smallest normal number, may count as 0."""
    if not problem.function.focal or "hess" not in problem.function.gives:
        return {}
    of_kind = softmax_terms if problem.function.kind == "softmax" else sigmoid_terms
    return {"hess": of_kind(problem, float(np.finfo(problem.dtype).smallest_normal))["hess"]}


def information_terms(problem):
    """sum |p log q|; for the divergence sum (p log(p / q) - d) + |sum d|, d = p - q, where p is not 0."""
    p, q = _check.broadcast(*(np.asarray(array, np.float64) for array in (problem.x, problem.args[-1])))
    if problem.function.name == "kl_divergence":
        d = np.where(p > 0, p - q, 0)
        size = (rel_entr(p, q) - d).sum(axis=problem.axis) + abs(d.sum(axis=problem.axis))
    else:
        size = abs(xlogy(p, q)).sum(axis=problem.axis)
    return size / abs(np.log(problem.options.get("base", np.e)))


def softmax_terms(problem, below=np.inf):
    """Of the Hessian only the terms whose p is below this."""
    options = problem.options
    one_product = np.ndim(problem.target) < np.ndim(problem.x) and not (
        options.get("label_smoothing") or options.get("z_loss") or options.get("infogain") is not None
    )
    t, kept, _ = dense_target(problem)
    rows = row_factor(problem)
    x = np.where(kept[..., None], np.moveaxis(np.asarray(problem.x, np.float64), problem.axis, -1), 0)
    p, others, m, log_s = shares(x)
    size = abs(m) + log_s  # of lse
    c = options.get("z_loss", 0.0)
    gamma = options.get("gamma", 2.0) if problem.function.focal else 0.0
    target, bend = t, np.zeros_like(t)
    if problem.function.focal:
        t, bend = focal_terms(t, p, others, m - x + log_s, gamma)
    share = t.sum(axis=-1, keepdims=True) + 2 * c * size
    seen = p < below
    hess = seen * (share * p * others + 2 * c * p * p) + squares(seen * bend, p, others)
    found = {"grad": share * p + t, "hess": hess}
    if one_product:
        del found["grad"]
    found = {name: np.moveaxis(value * rows[..., None], -1, problem.axis) for name, value in found.items()}
    if c:
        losses = (target * (m - x + log_s) * others**gamma).sum(axis=-1)
        found["loss"] = reduced(problem, losses + c * size[..., 0] ** 2)
    return found


def focal_terms(t, p, q, loss, gamma):
    """t times the first derivative of q^gamma L by L = -log p, and q^2 times what the second is made of."""
    odds_loss = np.divide(p * loss, q, out=np.ones_like(q), where=q > 0)
    factor = q**gamma
    return t * factor * (1 + gamma * odds_loss), t * factor * gamma * p * q * (2 + loss + abs(gamma - 1) * odds_loss)


def squares(bend, p, q):
    """sum_j h_j (p_k - [j = k])^2 with h_j = bend_j / q_j^2, where p_k <= q_j."""
    best = p.argmax(axis=-1, keepdims=True) if p.shape[-1] else -1
    top = np.arange(p.shape[-1]) == best
    h = np.where(top, 0, bend / np.where(top, 1, q) ** 2)
    of_best = np.where(top, bend, 0).sum(axis=-1, keepdims=True)
    best_q = np.where(top, q, 0).sum(axis=-1, keepdims=True)
    ratio = np.divide(p, best_q, out=np.zeros_like(p), where=~top & (p > 0))
    return bend + (h.sum(axis=-1, keepdims=True) - h) * p**2 + of_best * ratio**2


def reduced(problem, losses):
    """The rows' losses combined as the problem says, without warnings where nothing counts."""
    reduction = problem.options.get("reduction", "mean")
    losses = losses * weights(problem, dense_target(problem)[1])
    if reduction == "none":
        return losses
    return losses.sum() / ((denominator(problem) or np.nan) if reduction == "mean" else 1.0)


def shares(x):
    """p, 1 - p without cancellation, and the two parts of log sum exp; classes last."""
    m = x.max(axis=-1, keepdims=True, initial=-np.inf)
    e = np.exp(x - m)
    rest = np.where(x == m, 0, e).sum(axis=-1, keepdims=True) + ((x == m).sum(axis=-1, keepdims=True) - 1)
    return e / (1 + rest), np.where(x == m, rest, 1 + rest - e) / (1 + rest), m, np.log1p(rest)


def sigmoid_terms(problem, below=np.inf):
    """Of a focal loss's Hessian only the terms whose p is below this."""
    t, kept, _ = dense_target(problem)
    x = np.where(kept, np.asarray(problem.x, np.float64), 0)
    up, down = np.asarray(problem.options.get("pos_weight", 1.0), np.float64) * t, 1 - t
    if not problem.function.focal:
        return {"grad": (down * expit(x) + up * expit(-x)) * row_factor(problem)}
    gamma, alpha = (problem.options.get(name) for name in ("gamma", "alpha"))
    if alpha is not None:
        up, down = alpha * up, (1 - alpha) * down
    gamma = 2.0 if gamma is None else gamma
    grad = hess = 0.0
    for side, y in ((up, x), (down, -x)):
        p, q = expit(y), expit(-y)
        slope, bend = focal_terms(side, p, q, np.logaddexp(0, -y), gamma)
        grad, hess = grad + slope * q, hess + (p < below) * (slope * p * q + bend)
    return {"grad": grad * row_factor(problem), "hess": hess * row_factor(problem)}


def dense_target(problem):
    """The t_k (weighted and smoothed, classes last), which rows are not ignored, and what each counts for in D."""
    options, target = problem.options, np.asarray(problem.target)
    a = options.get("label_smoothing", 0.0)
    kept = np.array(target != options["ignore_index"] if "ignore_index" in options else np.ones(target.shape, bool))
    if problem.function.kind == "sigmoid":
        return np.where(kept, target, 0) * (1 - a) + a / 2, kept, 1.0
    C = np.shape(problem.x)[problem.axis]
    weight = np.broadcast_to(np.asarray(options.get("class_weight", 1.0), np.float64), C)
    counted = 1.0
    if target.ndim == np.ndim(problem.x):
        t, kept = np.moveaxis(target.astype(np.float64), problem.axis, -1), kept.all(axis=problem.axis)
    else:
        y = np.where(kept, target, 0).astype(int)
        t = np.asarray(options["infogain"], np.float64)[y] if "infogain" in options else y[..., None] == np.arange(C)
        counted = weight[y]
    weight = weight * np.asarray(options.get("alpha", 1.0), np.float64)
    return weight * ((1 - a) * t + a / max(C, 1)), kept, counted


def denominator(problem):
    """D of docs/design.md, "Reductions"."""
    _, kept, counted = dense_target(problem)
    return (weights(problem, kept) * counted).sum()


def weights(problem, kept):
    """v_i of docs/design.md, "Reductions"."""
    return np.broadcast_to(np.asarray(problem.options.get("sample_weight", 1.0), np.float64), kept.shape) * kept


def row_factor(problem):
    """What each row's derivatives are multiplied by, without its sign: v_i |grad_output|, over D for the mean."""
    _, kept, _ = dense_target(problem)
    factor = weights(problem, kept) * abs(np.asarray(problem.options.get("grad_output", 1.0), np.float64))
    if problem.options.get("reduction", "mean") != "mean":
        return factor
    D = denominator(problem)
    return factor / D if D else factor * 0
