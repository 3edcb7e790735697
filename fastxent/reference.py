"""The public functions once more in float64 NumPy, to be read beside "The formulas" of docs/design.md.

Names and arguments are the public ones; every result is float64, whatever the input. The arguments are trusted: only
what would silently mean something else is refused. Inside, a row's classes lie along the last axis, and `[..., None]`
sets one number per row beside them.
"""

import math
from collections.abc import Mapping
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Loss = Array | np.float64 | float
Option = ArrayLike | None
ByClass = ArrayLike | Mapping[int, float] | None
Out = NDArray[np.float32] | NDArray[np.float64] | None
Result = NDArray[np.float32] | NDArray[np.float64]


class _Rows(NamedTuple):
    x: Array  # (..., C) logits or probabilities
    t: Array  # (..., C) target
    T: Array  # (..., 1) its sum
    T_minus_t: Array  # (..., C)
    v: Array  # (...) sample weight, 0 if ignored
    D: float  # what the mean divides by
    axis: int  # where the classes were


def _rows(logits: ArrayLike, target: ArrayLike, axis: int, class_weight: ByClass, sample_weight: Option,
          ignore_index: int | None, a: float, infogain: Option) -> _Rows:  # fmt: skip
    """What t is: t_k = w_k ((1-a) [k=y] + a/C), t_k = w_k ((1-a) t_k + a/C), or t = H[y, :]."""
    x = _classes_last(logits, axis)
    y = np.asarray(target)
    C = x.shape[-1]
    w = _class_weights(class_weight, C)
    share = a / C if C else 0.0
    if y.shape == np.shape(logits):
        if y.dtype.kind in "iub" and ((y < 0) | (y > 1)).any():
            raise ValueError(f"target has the logits' shape {y.shape}, but its integers are not zeros and ones")
        t = w * ((1 - a) * _classes_last(y, axis) + share)
        T = _sum(t)
        v = _weights(sample_weight, np.False_, x.shape[:-1])
        return _Rows(x, t, T, T - t, v, float(v.sum()), axis)
    ignored = np.zeros(y.shape, bool) if ignore_index is None else y == ignore_index
    if y.dtype.kind not in "iub" or y.shape != x.shape[:-1] or (~ignored & ((y < 0) | (y >= C))).any():
        raise ValueError("target is neither a distribution nor class indices")
    v = _weights(sample_weight, ignored, y.shape)
    y = np.where(ignored, 0, y).astype(np.intp)
    if infogain is not None:
        t = np.asarray(infogain, np.float64)[y]
        T = _sum(t)
        return _Rows(x, t, T, T - t, v, float(v.sum()), axis)
    own = np.arange(C) == y[..., None]
    t = w * ((1 - a) * own + share)
    others = share * _sum(np.where(own, 0, w))  # T - t_y, no rounded difference
    T = _sum(np.where(own, t, 0)) + others
    return _Rows(x, t, T, np.where(own, others, T - t), v, float((v * np.where(own, w, 0).sum(axis=-1)).sum()), axis)


def _class_weights(class_weight: ByClass, C: int) -> Array:
    """w_k, 1 if none; of a dict the values of the classes, which it has to have."""
    if isinstance(class_weight, Mapping):
        if set(class_weight) != set(range(C)):
            raise ValueError(f"class_weight has the keys {list(class_weight)}, but there are {C} classes")
        class_weight = [class_weight[k] for k in range(C)]
    return np.ones(C) if class_weight is None else np.asarray(class_weight, np.float64)


def _classes_last(x: ArrayLike, axis: int) -> Array:
    return np.ascontiguousarray(np.moveaxis(np.asarray(x), axis, -1), np.float64)


def _weights(sample_weight: Option, ignored: Any, shape: tuple[int, ...]) -> Array:
    """v_i = sample_weight_i (1 if none), 0 if ignored."""
    weight = np.asarray(1.0 if sample_weight is None else sample_weight, np.float64)
    if weight.ndim not in (0, len(shape)):
        raise ValueError(f"sample_weight has shape {weight.shape}, but there are {shape} samples")
    return np.where(ignored, 0.0, np.broadcast_to(weight, shape))


@np.errstate(all="ignore")
def _reduced(loss: Array, v: Array, D: float, reduction: str) -> Loss:
    """The rows combined: v_i l_i (none), sum_i v_i l_i (sum), sum_i v_i l_i / D (mean)."""
    if reduction not in ("none", "sum", "mean"):
        raise ValueError(f"reduction = {reduction!r}")
    loss = np.where(v == 0, 0, v * loss)
    if reduction == "none":
        return loss[()]
    return float(loss.sum() / (D or np.nan) if reduction == "mean" else loss.sum())


@np.errstate(all="ignore")
def _results(found: list[Array], v: Array, D: float, reduction: str, g: Option, outs: tuple[Out, ...],
             axis: int | None = None) -> tuple[Any, ...]:  # fmt: skip
    """The loss, and each row's derivatives times v_i g / D (mean) or v_i g (sum, none); axis: where the classes go."""
    loss, *derivatives = found
    weight = v if reduction != "mean" else v / D if D else np.zeros_like(v)
    scale = weight * np.asarray(1.0 if g is None else g, np.float64)
    if axis is not None:
        weight, scale = weight[..., None], scale[..., None]
    scaled = [np.where(weight == 0, 0, scale * value) for value in derivatives]
    return _reduced(loss, v, D, reduction), *(_placed(*one, axis) for one in zip(scaled, outs, strict=True))


@np.errstate(all="ignore")
def _placed(value: Array, out: Out, axis: int | None = None) -> Result:
    if axis is not None:
        value = np.moveaxis(value, -1, axis)
    if out is None:
        return value
    out[...] = value
    return out


class _Exponentials(NamedTuple):
    m: Array  # (..., 1) the maximum
    d: Array  # (..., C) x_k - m
    e: Array  # (..., C)
    o: Array  # (..., C) s - e_k, the others' share
    s: Array  # (..., 1)
    log_s: Array  # (..., 1)


def _sum(terms: Array) -> Array:
    """The sum over the classes, in extended precision where there is one: equal terms are all rounded alike."""
    total: Array = terms.sum(axis=-1, keepdims=True, dtype=np.longdouble)
    return total.astype(np.float64)


@np.errstate(all="ignore")
def _exponentials(x: Array) -> _Exponentials:
    """What a row's formulas share, without a cancellation; nan if the row holds +inf or nan, or nothing but -inf."""
    m = x.max(axis=-1, keepdims=True, initial=-np.inf)
    x = np.where(np.isfinite(m), x, np.nan)
    top = x == m
    d = x - m
    b = d - x
    error = (x - (d - b)) - (m + b)  # of d, exactly (Knuth, TAOCP 2, 4.2.2, theorem B); it would cost |d| / 2 ulp of e
    e = np.exp(d)
    e = e + e * np.where(np.isfinite(error), error, 0)
    rest = _sum(np.where(top, 0, e))
    ties = top.sum(axis=-1, keepdims=True)
    s = ties + rest
    o = np.where(top, ties - 1 + rest, s - e)
    return _Exponentials(m, d, e, o, s, np.log1p(ties - 1 + rest))


@np.errstate(all="ignore")
def _softmax(rows: _Rows, c: float, order: int) -> list[Array]:
    """The loss of each row and its derivatives up to `order`, with z-loss coefficient c."""
    x, t, T, T_minus_t = rows[:4]
    m, d, e, o, s, log_s = _exponentials(x)
    lse = m + log_s
    z, z_slope = (c * lse**2, 2 * c * lse) if c else (0.0, 0.0)
    results = [(_sum(np.where(t > 0, -t * d, 0)) + T * log_s + z)[..., 0]]
    p, rest = e / s, o / s  # rest = 1 - p
    if order >= 1:
        results.append((T_minus_t + z_slope) * p - t * rest)
    if order >= 2:
        results.append((T + z_slope) * p * rest + 2 * c * p**2)
    return results


def softmax_cross_entropy(
    logits: ArrayLike, target: ArrayLike, *, axis: int = -1, class_weight: ByClass = None, sample_weight: Option = None,
    ignore_index: int | None = None, label_smoothing: float = 0.0, z_loss: float = 0.0, infogain: Option = None,
    reduction: str = "mean", n_threads: int | None = None,
) -> Loss:  # fmt: skip
    """The loss l = sum_k t_k (m - x_k) + T log s + c lse^2."""
    rows = _rows(logits, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain)
    return _reduced(_softmax(rows, z_loss, 0)[0], rows.v, rows.D, reduction)


def softmax_cross_entropy_grad(
    logits: ArrayLike, target: ArrayLike, *, axis: int = -1, class_weight: ByClass = None, sample_weight: Option = None,
    ignore_index: int | None = None, label_smoothing: float = 0.0, z_loss: float = 0.0, infogain: Option = None,
    reduction: str = "mean", n_threads: int | None = None, grad_output: Option = None, out: Out = None,
) -> tuple[Loss, Result]:  # fmt: skip
    """And its gradient dl/dx_k = [ (T - t_k + 2 c lse) e_k - t_k o_k ] / s."""
    rows = _rows(logits, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain)
    return _results(_softmax(rows, z_loss, 1), rows.v, rows.D, reduction, grad_output, (out,), axis)


def softmax_cross_entropy_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, axis: int = -1, class_weight: ByClass = None, sample_weight: Option = None,
    ignore_index: int | None = None, label_smoothing: float = 0.0, z_loss: float = 0.0, infogain: Option = None,
    reduction: str = "mean", n_threads: int | None = None, out: Out = None, hess_out: Out = None,
) -> tuple[Loss, Result, Result]:  # fmt: skip
    """And the Hessian diagonal d2l/dx_k2 = (T + 2 c lse) e_k o_k / s^2 + 2 c p_k^2."""
    rows = _rows(logits, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain)
    return _results(_softmax(rows, z_loss, 2), rows.v, rows.D, reduction, None, (out, hess_out), axis)


def _odds_times(p: Array, q: Array, L: Array) -> Array:
    """p L / q: 0 where p is, and 1 where p / q overflows."""
    return np.where(p == 0, 0, np.where(np.isinf(p / q), 1, p / q * L))


@np.errstate(all="ignore")
def _softmax_focal(rows: _Rows, gamma: float, alpha: Option, c: float, order: int) -> list[Array]:
    """The focal loss of each row and its derivatives up to `order`, with z-loss coefficient c; L_k = -log p_k."""
    t = rows.t * (1.0 if alpha is None else np.asarray(alpha, np.float64))
    m, d, e, o, s, log_s = _exponentials(rows.x)
    lse = m + log_s
    z, z_slope = (c * lse**2, 2 * c * lse) if c else (0.0, 0.0)
    p, q, L = e / s, o / s, log_s - d
    factor = q**gamma
    results = [(_sum(np.where(t > 0, t * factor * L, 0 * log_s)) + z)[..., 0]]  # a row that is nan is so without t
    odds_L = _odds_times(p, q, L)
    g = t * factor * (1 + gamma * odds_L)
    G = _sum(g)
    if order >= 1:
        results.append((G - g + z_slope) * p - g * q)
    if order >= 2:
        # sum_j h_j (p_k - [j = k])^2 with h_j = bend_j / q_j^2, which the largest class may make infinite
        bend = np.where(p == 0, 0, t * factor * gamma * p * q * (2 - L + (gamma - 1) * odds_L))
        top = np.arange(t.shape[-1]) == (p.argmax(axis=-1, keepdims=True) if t.shape[-1] else -1)
        h = np.where(top, 0, bend / q**2)
        top_bend, top_q = (np.where(top, value, 0).sum(axis=-1, keepdims=True) for value in (bend, q))
        ratio = np.where(top | (p == 0), 0, p / top_q)
        others = (h.sum(axis=-1, keepdims=True) - h) * p**2 + top_bend * ratio**2
        results.append((G + z_slope) * p * q + 2 * c * p**2 + bend + others)
    return results


def softmax_focal_loss(
    logits: ArrayLike, target: ArrayLike, *, gamma: float = 2.0, alpha: Option = None, axis: int = -1,
    class_weight: ByClass = None, sample_weight: Option = None, ignore_index: int | None = None,
    label_smoothing: float = 0.0, z_loss: float = 0.0, infogain: Option = None, reduction: str = "mean",
    n_threads: int | None = None,
) -> Loss:  # fmt: skip
    """The loss l = -sum_k t_k alpha_k (1 - p_k)^gamma log p_k + c lse^2."""
    rows = _rows(logits, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain)
    return _reduced(_softmax_focal(rows, gamma, alpha, z_loss, 0)[0], rows.v, rows.D, reduction)


def softmax_focal_loss_grad(
    logits: ArrayLike, target: ArrayLike, *, gamma: float = 2.0, alpha: Option = None, axis: int = -1,
    class_weight: ByClass = None, sample_weight: Option = None, ignore_index: int | None = None,
    label_smoothing: float = 0.0, z_loss: float = 0.0, infogain: Option = None, reduction: str = "mean",
    n_threads: int | None = None, grad_output: Option = None, out: Out = None,
) -> tuple[Loss, Result]:  # fmt: skip
    """And its gradient dl/dx_k = p_k G - g_k + 2 c lse p_k, G = sum_k g_k."""
    rows = _rows(logits, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain)
    results = _softmax_focal(rows, gamma, alpha, z_loss, 1)
    return _results(results, rows.v, rows.D, reduction, grad_output, (out,), axis)


def softmax_focal_loss_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, gamma: float = 2.0, alpha: Option = None, axis: int = -1,
    class_weight: ByClass = None, sample_weight: Option = None, ignore_index: int | None = None,
    label_smoothing: float = 0.0, z_loss: float = 0.0, infogain: Option = None, reduction: str = "mean",
    n_threads: int | None = None, out: Out = None, hess_out: Out = None,
) -> tuple[Loss, Result, Result]:  # fmt: skip
    """And the Hessian diagonal d2l/dx_k2 = (G + 2 c lse) p_k q_k + 2 c p_k^2 + sum_j h_j (p_k - [j = k])^2."""
    rows = _rows(logits, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain)
    results = _softmax_focal(rows, gamma, alpha, z_loss, 2)
    return _results(results, rows.v, rows.D, reduction, None, (out, hess_out), axis)


@np.errstate(all="ignore")
def _clamped(rows: _Rows, eps: float, order: int) -> list[Array]:
    """The loss of each row of probabilities and its derivatives up to `order`."""
    q, t = np.maximum(rows.x, eps), rows.t
    results = [np.where(t > 0, t * -np.log(q), 0).sum(axis=-1)]
    if order >= 1:
        results.append(np.where(t > 0, -t / q, 0))
    return results


def clamped_cross_entropy(
    probs: ArrayLike, target: ArrayLike, *, eps: float = 1e-20, axis: int = -1, class_weight: ByClass = None,
    sample_weight: Option = None, ignore_index: int | None = None, label_smoothing: float = 0.0,
    infogain: Option = None, reduction: str = "mean", n_threads: int | None = None,
) -> Loss:  # fmt: skip
    """The loss l = -sum_k t_k log(max(q_k, eps))."""
    rows = _rows(probs, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain)
    return _reduced(_clamped(rows, eps, 0)[0], rows.v, rows.D, reduction)


def clamped_cross_entropy_grad(
    probs: ArrayLike, target: ArrayLike, *, eps: float = 1e-20, axis: int = -1, class_weight: ByClass = None,
    sample_weight: Option = None, ignore_index: int | None = None, label_smoothing: float = 0.0,
    infogain: Option = None, reduction: str = "mean", n_threads: int | None = None,
    grad_output: Option = None, out: Out = None,
) -> tuple[Loss, Result]:  # fmt: skip
    """And its gradient dl/dq_k = -t_k / max(q_k, eps), 0 where t_k = 0."""
    rows = _rows(probs, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain)
    return _results(_clamped(rows, eps, 1), rows.v, rows.D, reduction, grad_output, (out,), axis)


class _Elements(NamedTuple):
    x: Array  # logits
    vt: Array  # positive weight times target
    not_t: Array  # 1 - t
    v: Array  # sample weight, 0 if ignored


def _elements(logits: ArrayLike, target: ArrayLike, sample_weight: Option, pos_weight: Option,
              ignore_index: float | None, a: float) -> _Elements:  # fmt: skip
    """Smooth t to t (1-a) + a/2, and 1 - t to (1-t) (1-a) + a/2, which keeps its digits where t is near 1."""
    x, t = np.asarray(logits, np.float64), np.asarray(target, np.float64)
    if x.shape != t.shape:
        raise ValueError(f"target has shape {t.shape}, but logits have shape {x.shape}")
    missing = ignore_index is not None and math.isnan(ignore_index)
    ignored = np.isnan(t) if missing else np.zeros(x.shape, bool) if ignore_index is None else t == ignore_index
    positive = np.broadcast_to(np.asarray(1.0 if pos_weight is None else pos_weight, np.float64), x.shape)
    v = _weights(sample_weight, ignored, x.shape)
    return _Elements(x, positive * (t * (1 - a) + a / 2), (1 - t) * (1 - a) + a / 2, v)


def _product(factor: Array, value: Array) -> Array:
    """A product with a factor 0 is 0, also against inf."""
    return np.where((factor == 0) & np.isinf(value), 0, factor * value)


@np.errstate(all="ignore")
def _sigmoid(elements: _Elements, order: int) -> list[Array]:
    """The loss of each element and its derivatives up to `order`."""
    x, vt, not_t, _ = elements
    z = np.exp(-np.abs(x))
    softplus, softplus_minus = np.maximum(x, 0) + np.log1p(z), np.maximum(-x, 0) + np.log1p(z)
    sigmoid, sigmoid_minus = np.where(x < 0, z, 1) / (1 + z), np.where(x > 0, z, 1) / (1 + z)
    results = [_product(vt, softplus_minus) + _product(not_t, softplus)]
    if order >= 1:
        results.append(not_t * sigmoid - vt * sigmoid_minus)
    if order >= 2:
        results.append((vt + not_t) * sigmoid * sigmoid_minus)
    return results


def sigmoid_cross_entropy(
    logits: ArrayLike, target: ArrayLike, *, sample_weight: Option = None, pos_weight: Option = None,
    ignore_index: float | None = None, label_smoothing: float = 0.0, reduction: str = "mean",
    n_threads: int | None = None,
) -> Loss:  # fmt: skip
    """The loss l = v t softplus(-x) + (1-t) softplus(x)."""
    elements = _elements(logits, target, sample_weight, pos_weight, ignore_index, label_smoothing)
    return _reduced(_sigmoid(elements, 0)[0], elements.v, float(elements.v.sum()), reduction)


def sigmoid_cross_entropy_grad(
    logits: ArrayLike, target: ArrayLike, *, sample_weight: Option = None, pos_weight: Option = None,
    ignore_index: float | None = None, label_smoothing: float = 0.0, reduction: str = "mean",
    n_threads: int | None = None, grad_output: Option = None, out: Out = None,
) -> tuple[Loss, Result]:  # fmt: skip
    """And its gradient dl/dx = (1-t) sigmoid(x) - v t sigmoid(-x)."""
    elements = _elements(logits, target, sample_weight, pos_weight, ignore_index, label_smoothing)
    return _results(_sigmoid(elements, 1), elements.v, float(elements.v.sum()), reduction, grad_output, (out,))


def sigmoid_cross_entropy_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, sample_weight: Option = None, pos_weight: Option = None,
    ignore_index: float | None = None, label_smoothing: float = 0.0, reduction: str = "mean",
    n_threads: int | None = None, out: Out = None, hess_out: Out = None,
) -> tuple[Loss, Result, Result]:  # fmt: skip
    """And the second derivative d2l/dx2 = (v t + 1 - t) sigmoid(x) sigmoid(-x)."""
    elements = _elements(logits, target, sample_weight, pos_weight, ignore_index, label_smoothing)
    return _results(_sigmoid(elements, 2), elements.v, float(elements.v.sum()), reduction, None, (out, hess_out))


@np.errstate(all="ignore")
def _focal_side(y: Array, gamma: float) -> tuple[Array, Array, Array]:
    """q^gamma L with p = sigmoid(y), q = 1 - p and L = -log p, and its derivatives."""
    z = np.exp(-np.abs(y))
    p, q, L = np.where(y < 0, z, 1) / (1 + z), np.where(y > 0, z, 1) / (1 + z), np.maximum(-y, 0) + np.log1p(z)
    odds_L = _odds_times(p, q, L)
    factor = q**gamma
    hess = np.where(p == 0, 0, factor * q * p * (1 + 2 * gamma - gamma * L + gamma**2 * odds_L))
    return factor * L, -factor * q * (1 + gamma * odds_L), hess


@np.errstate(all="ignore")
def _sigmoid_focal(elements: _Elements, gamma: float, alpha: float | None, order: int) -> list[Array]:
    """The loss of each element and its derivatives up to `order`: a part for either answer."""
    x, vt, not_t, _ = elements
    if alpha is not None:
        vt, not_t = alpha * vt, (1 - alpha) * not_t
    up, down = _focal_side(x, gamma), _focal_side(-x, gamma)
    signs = (1, -1, 1)  # of the derivatives by x = -y
    return [_product(vt, up[n]) + signs[n] * _product(not_t, down[n]) for n in range(order + 1)]


def sigmoid_focal_loss(
    logits: ArrayLike, target: ArrayLike, *, gamma: float = 2.0, alpha: float | None = None,
    sample_weight: Option = None, pos_weight: Option = None, ignore_index: float | None = None,
    label_smoothing: float = 0.0, reduction: str = "mean", n_threads: int | None = None,
) -> Loss:  # fmt: skip
    """The loss l = -v t alpha (1 - p)^gamma log p - (1 - t) (1 - alpha) p^gamma log(1 - p), p = sigmoid(x)."""
    elements = _elements(logits, target, sample_weight, pos_weight, ignore_index, label_smoothing)
    return _reduced(_sigmoid_focal(elements, gamma, alpha, 0)[0], elements.v, float(elements.v.sum()), reduction)


def sigmoid_focal_loss_grad(
    logits: ArrayLike, target: ArrayLike, *, gamma: float = 2.0, alpha: float | None = None,
    sample_weight: Option = None, pos_weight: Option = None, ignore_index: float | None = None,
    label_smoothing: float = 0.0, reduction: str = "mean", n_threads: int | None = None, grad_output: Option = None,
    out: Out = None,
) -> tuple[Loss, Result]:  # fmt: skip
    """And its gradient, -q^(gamma + 1) (1 + gamma p L / q) for the target 1, and the opposite for 0."""
    elements = _elements(logits, target, sample_weight, pos_weight, ignore_index, label_smoothing)
    results = _sigmoid_focal(elements, gamma, alpha, 1)
    return _results(results, elements.v, float(elements.v.sum()), reduction, grad_output, (out,))


def sigmoid_focal_loss_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, gamma: float = 2.0, alpha: float | None = None,
    sample_weight: Option = None, pos_weight: Option = None, ignore_index: float | None = None,
    label_smoothing: float = 0.0, reduction: str = "mean", n_threads: int | None = None, out: Out = None,
    hess_out: Out = None,
) -> tuple[Loss, Result, Result]:  # fmt: skip
    """And the second derivative, q^(gamma + 1) p (1 + 2 gamma - gamma L + gamma^2 p L / q) for the target 1."""
    elements = _elements(logits, target, sample_weight, pos_weight, ignore_index, label_smoothing)
    results = _sigmoid_focal(elements, gamma, alpha, 2)
    return _results(results, elements.v, float(elements.v.sum()), reduction, None, (out, hess_out))


def softmax(x: ArrayLike, *, axis: int = -1, out: Out = None, n_threads: int | None = None) -> Result:
    """The shares p_k = e_k / s."""
    found = _exponentials(_classes_last(x, axis))
    return _placed(found.e / found.s, out, axis)


def log_softmax(x: ArrayLike, *, axis: int = -1, out: Out = None, n_threads: int | None = None) -> Result:
    """Their logarithms, log p_k = x_k - m - log s."""
    found = _exponentials(_classes_last(x, axis))
    return _placed(found.d - found.log_s, out, axis)


def logsumexp(
    x: ArrayLike, *, axis: int = -1, keepdims: bool = False, n_threads: int | None = None
) -> Array | np.float64:
    """The logarithm of the sum of exponentials, lse = m + log s; -inf, inf and nan as they are."""
    found = _exponentials(_classes_last(x, axis))
    lse = np.where(np.isfinite(found.m), found.m + found.log_s, found.m)
    return np.moveaxis(lse, -1, axis) if keepdims else lse[..., 0][()]


def target_statistics(
    logits: ArrayLike, target: ArrayLike, *, axis: int = -1, ignore_index: int | None = None,
    n_threads: int | None = None,
) -> tuple[Any, ...]:  # fmt: skip
    """log p_y = x_y - m - log s, lse, the first x_k = m, the number of x_k > x_y, and log s + sum_k e_k (m - x_k) / s.

    Of an ignored row nan, and -1 for the classes.
    """
    rows = _rows(logits, target, axis, None, None, ignore_index, 0.0, None)
    x, dead = rows.x, rows.v == 0
    y = np.where(dead, 0, np.asarray(target)).astype(np.intp)[..., None]
    own_x = np.take_along_axis(x, y, -1)
    _, d, e, _, s, log_s = _exponentials(x)
    with np.errstate(all="ignore"):
        log_prob = np.take_along_axis(d, y, -1) - log_s
        entropy = log_s + _sum(np.where(e > 0, -e * d, 0)) / s
    lse = np.asarray(logsumexp(x))
    real = [np.where(dead, np.nan, value) for value in (log_prob[..., 0], lse, entropy[..., 0])]
    predicted, rank = (np.where(dead, -1, value) for value in (x.argmax(axis=-1), (x > own_x).sum(axis=-1)))
    return real[0][()], real[1][()], predicted[()], rank[()], real[2][()]


@np.errstate(all="ignore")
def _linear(hidden: ArrayLike, weight: ArrayLike, bias: Option, softcap: float | None) -> tuple[Array, Array]:
    """x = c tanh((W h + b) / c), and its derivative by W h + b."""
    x = np.asarray(hidden, np.float64) @ np.asarray(weight, np.float64).T
    x = x if bias is None else x + np.asarray(bias, np.float64)
    if softcap is None:
        return x, np.ones_like(x)
    return softcap * np.tanh(x / softcap), 1 / np.cosh(x / softcap) ** 2


def linear_cross_entropy(
    hidden: ArrayLike, weight: ArrayLike, target: ArrayLike, bias: Option = None, *, class_weight: ByClass = None,
    sample_weight: Option = None, ignore_index: int | None = None, label_smoothing: float = 0.0, z_loss: float = 0.0,
    softcap: float | None = None, reduction: str = "mean", chunk_rows: int | None = None, n_threads: int | None = None,
) -> Loss:  # fmt: skip
    """The loss of the logits x = c tanh((W h + b) / c)."""
    x, _ = _linear(hidden, weight, bias, softcap)
    rows = _rows(x, target, -1, class_weight, sample_weight, ignore_index, label_smoothing, None)
    return _reduced(_softmax(rows, z_loss, 0)[0], rows.v, rows.D, reduction)


def linear_cross_entropy_grad(
    hidden: ArrayLike, weight: ArrayLike, target: ArrayLike, bias: Option = None, *, class_weight: ByClass = None,
    sample_weight: Option = None, ignore_index: int | None = None, label_smoothing: float = 0.0, z_loss: float = 0.0,
    softcap: float | None = None, reduction: str = "mean", chunk_rows: int | None = None, n_threads: int | None = None,
    grad_output: Option = None, out_hidden: Out = None, out_weight: Out = None, out_bias: Out = None,
) -> tuple[Loss, tuple[Result, Result, Result | None]]:  # fmt: skip
    """And its gradients dl/dh_i = W^T g_i, dl/dW = sum_i g_i h_i^T, dl/db = sum_i g_i."""
    x, slope = _linear(hidden, weight, bias, softcap)
    rows = _rows(x, target, -1, class_weight, sample_weight, ignore_index, label_smoothing, None)
    loss, grad = _results(_softmax(rows, z_loss, 1), rows.v, rows.D, reduction, grad_output, (None,), -1)
    g = np.where(grad == 0, 0, grad * slope)
    h = np.asarray(hidden, np.float64).reshape(-1, np.shape(hidden)[-1])
    flat = g.reshape(-1, g.shape[-1])
    by_bias = None if bias is None else _placed(flat.sum(axis=0), out_bias)
    return loss, (_placed(g @ np.asarray(weight, np.float64), out_hidden), _placed(flat.T @ h, out_weight), by_bias)


def linear_target_statistics(
    hidden: ArrayLike, weight: ArrayLike, target: ArrayLike, bias: Option = None, *, ignore_index: int | None = None,
    softcap: float | None = None, chunk_rows: int | None = None, n_threads: int | None = None,
) -> tuple[Any, ...]:  # fmt: skip
    """The statistics of the same logits."""
    return target_statistics(_linear(hidden, weight, bias, softcap)[0], target, ignore_index=ignore_index)


def _both(p: ArrayLike, q: ArrayLike, axis: int) -> tuple[Array, Array]:
    if np.shape(p) != np.shape(q):
        p, q = np.broadcast_arrays(p, q)
    return _classes_last(p, axis), _classes_last(q, axis)


def _in_base(nats: Array, base: float | None) -> Array | np.float64:
    return (nats if base is None else nats / np.log(base))[()]


@np.errstate(all="ignore")
def entropy(
    p: ArrayLike, *, axis: int = -1, base: float | None = None, n_threads: int | None = None
) -> Array | np.float64:
    """The entropy H(p) = -sum_k p_k log p_k."""
    return cross_entropy(p, p, axis=axis, base=base)


@np.errstate(all="ignore")
def cross_entropy(
    p: ArrayLike, q: ArrayLike, *, axis: int = -1, base: float | None = None, n_threads: int | None = None
) -> Array | np.float64:
    """The cross entropy H(p, q) = -sum_k p_k log q_k."""
    p, q = _both(p, q, axis)
    return _in_base(np.where(p > 0, p * -np.log(q), 0).sum(axis=-1), base)


@np.errstate(all="ignore")
def kl_divergence(
    p: ArrayLike, q: ArrayLike, *, axis: int = -1, base: float | None = None, n_threads: int | None = None
) -> Array | np.float64:
    """The divergence sum_k [p_k log(p_k / q_k) - d_k] + sum_k d_k, d = p - q; where d is not small, without it.

    With s = d / (p + q), p log(p / q) - d = d s (1 + s (1 + s) T), T = (atanh(s) - s) / s^3 = 1/3 + s^2/5 + s^4/7 + ...
    """
    p, q = _both(p, q, axis)
    near = (p > q / 3) & (p < 3 * q)
    d = np.where(near, p - q, 0)
    s = np.where(near, d / (p + q), 0)
    T = sum(s ** (2 * n) / (2 * n + 3) for n in range(30))
    (x, i), (y, j) = np.frexp(p), np.frexp(q)  # p / q itself may overflow
    far = np.where(p > 0, p * (np.log(x / y) + (i - j) * np.log(2)), 0)
    terms = np.where(near, d * s * (1 + s * (1 + s) * T), far).sum(axis=-1)
    return _in_base(terms + np.apply_along_axis(math.fsum, -1, d) if d.size else terms, base)
