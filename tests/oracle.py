"""What the functions should return: the textbook definitions in mpmath, and how many ulp a result is away from them.

Nothing here is written for speed or against rounding: enough digits are carried instead. Classes of a row that have the
same logit and the same target are computed once, so that 128256 equal logits cost no more than one.
"""

import functools
from typing import NamedTuple

import mpmath
import numpy as np
from mpmath import mp, mpf

DIGITS = 50


class Exact(NamedTuple):
    """Real numbers, each as the nearest double and what is missing: 32 digits."""

    high: np.ndarray
    low: np.ndarray


def exact(numbers):
    """Exact from an mpmath number, or from a list or an array of them."""
    numbers = np.array(numbers, object)
    high = numbers.astype(np.float64)
    return Exact(high, np.where(np.isfinite(high), numbers - high, 0).astype(np.float64))


def numbers(value):
    """An Exact as mpmath numbers."""
    with mp.workdps(DIGITS):
        return np.frompyfunc(lambda high, low: mpf(high) + mpf(low), 2, 1)(*value)


def total(value):
    """The sum of an Exact."""
    with mp.workdps(DIGITS):
        return exact(mp.fsum(numbers(value)))


def stack(values):
    """One Exact, or tuple of Exact, from a list of them: a new first axis."""
    if isinstance(values[0], np.ndarray):
        return np.stack(values)
    return type(values[0])(*(stack(part) for part in zip(*values, strict=True)))


def ulps_off(got, want, dtype, scale=None):
    """|got - want| in ulp of `dtype` at `want`, or at `scale` where that is given, entry by entry.

    Where the real value is below the smallest normal number, any result that is too will do, 0 above all. Where the
    real value is infinite, only that infinity will; nan never.
    """
    got, info = np.asarray(got, np.float64), np.finfo(dtype)
    scale = np.abs(want.high) if scale is None else np.abs(scale)
    tiny, finite = float(info.smallest_normal), np.isfinite(want.high)
    unit = np.ldexp(float(info.eps), np.frexp(np.maximum(np.where(finite, scale, 1.0), tiny))[1] - 1)
    with np.errstate(invalid="ignore", over="ignore"):
        off = np.abs((got - want.high) - want.low) / unit
    off = np.where(np.isnan(off) | ~finite & (got != want.high), np.inf, off)
    return np.where((got == want.high) & ~finite | (scale < tiny) & (np.abs(got) <= tiny), 0.0, off)


class Kinds:
    """The distinct pairs (x_k, t_k) of a row and how many classes have each."""

    def __init__(self, x, t):
        t = np.asarray(t)
        _, x_kind = np.unique(x, return_inverse=True)
        # of mpmath's numbers the same object is the same number, which takes less than to compare them
        t_kinds, t_kind = np.unique([*map(id, t)] if t.dtype.hasobject else t, return_inverse=True)
        both = x_kind * len(t_kinds) + t_kind
        _, first, self.of_class, count = np.unique(both, return_index=True, return_inverse=True, return_counts=True)
        self.pairs = [(mpf(float(x[i])), mpf(t[i])) for i in first]
        self.count = count.tolist()

    def sum(self, term):
        return mp.fsum(n * term(a, b) for (a, b), n in zip(self.pairs, self.count, strict=True))

    def each(self, value):
        """An Exact with the value of every class."""
        high, low = exact([value(a, b) for a, b in self.pairs])
        return Exact(high[self.of_class], low[self.of_class])


def digits_for(x, powers=1):
    """DIGITS beyond those of the logits, and beyond those that 1 - p loses where one class is far above the others.

    Where numbers of up to (1 - p)^-(powers - 1) cancel, they lose as many each time more.
    """
    x = np.unique(np.asarray(x, np.float64))
    x = x[np.isfinite(x)]
    gap = min(x[-1] - x[-2], 1600.0) if x.size > 1 else 0.0
    return DIGITS + int(powers * gap / np.log(10) + np.log10(np.abs(x).max(initial=1.0)))


def target_of(classes, y=None, distribution=None, class_weight=None, label_smoothing=0, infogain=None, alpha=None):
    """The t of one row: a class index y, a distribution, or row y of the infogain matrix, weighted and smoothed."""
    if alpha is not None:
        t = target_of(classes, y, distribution, class_weight, label_smoothing, infogain)
        with mp.workdps(DIGITS):
            return np.array([mpf(float(a)) * mpf(d) for a, d in zip(alpha, t.tolist(), strict=True)], object)
    if infogain is not None:
        return np.asarray(infogain[y], np.float64)
    t = np.arange(classes) == y if distribution is None else np.asarray(distribution)
    t = t.astype(np.float64)
    if class_weight is None and not label_smoothing:
        return t
    with mp.workdps(DIGITS):
        a = mpf(label_smoothing)
        weight = np.ones(classes) if class_weight is None else np.asarray(class_weight, np.float64)
        kinds, of_class = np.unique([weight, t], axis=1, return_inverse=True)
        return np.array([mpf(w) * ((1 - a) * d + a / classes) for w, d in kinds.T.tolist()], object)[of_class.ravel()]


class Softmax(NamedTuple):
    """Results for one row, and the size of their terms: (T + 2 c (|m| + log s)) p_k + t_k for the gradient."""

    loss: Exact
    grad: Exact
    hess: Exact
    loss_terms: Exact
    grad_terms: Exact
    hess_terms: Exact


def softmax_cross_entropy(x, t, z_loss=0.0):
    """The loss sum_k t_k (lse - x_k) + c lse^2, and its first and second derivative by each x_k."""
    kinds = Kinds(x, t)
    with mp.workdps(digits_for(x)):
        c = mpf(z_loss)
        m = mpf(float(max(x)))
        s = kinds.sum(lambda x, t: mp.exp(x - m))
        T = kinds.sum(lambda x, t: t)
        lse, lse_terms = m + mp.log(s), abs(m) + mp.log(s)
        slope, size = T + 2 * c * lse, T + 2 * c * lse_terms
        p = functools.cache(lambda x: mp.exp(x - m) / s)
        loss = kinds.sum(lambda x, t: t * (lse - x) if t else t)
        return Softmax(
            exact(loss + c * lse**2),
            kinds.each(lambda x, t: slope * p(x) - t),
            kinds.each(lambda x, t: slope * p(x) * (1 - p(x)) + 2 * c * p(x) ** 2),
            exact(loss + c * lse_terms**2),
            kinds.each(lambda x, t: size * p(x) + t),
            kinds.each(lambda x, t: size * p(x) * (1 - p(x)) + 2 * c * p(x) ** 2),
        )


def softmax_focal_loss(x, t, gamma=2.0, z_loss=0.0):
    """The loss -sum_k t_k (1 - p_k)^gamma log p_k + c lse^2, and its first and second derivative by each x_k.

    With L = -log p and q = 1 - p the derivatives of q^gamma L by L are the slope and bend; dL_j / dx_k = p_k - [j = k].
    """
    kinds = Kinds(x, t)
    with mp.workdps(digits_for(x, powers=2)):  # bend has q^(gamma - 1)
        c, gamma = mpf(z_loss), mpf(gamma)
        m = mpf(float(max(x)))
        s = kinds.sum(lambda x, t: mp.exp(x - m))
        lse, lse_terms = m + mp.log(s), abs(m) + mp.log(s)
        p = functools.cache(lambda x: mp.exp(x - m) / s)

        def loss(x):
            return (1 - p(x)) ** gamma * (lse - x)

        def odds_loss(x):
            q = 1 - p(x)
            return p(x) * (lse - x) / q if q else mpf(1)  # one class

        @functools.cache
        def slope(x):
            return (1 - p(x)) ** gamma * (1 + gamma * odds_loss(x))

        @functools.cache
        def bend(x, sign=1):
            """The second derivative; with sign -1 the sum of its terms without their signs."""
            q = 1 - p(x)
            if not q:
                return mpf(0)
            last = (gamma - 1 if sign == 1 else abs(gamma - 1)) * odds_loss(x)
            return gamma * q ** (gamma - 1) * p(x) * (2 - sign * (lse - x) + last)

        G = kinds.sum(lambda x, t: t * slope(x) if t else t)
        H, H_terms = (kinds.sum(lambda x, t, sign=sign: t * bend(x, sign) if t else t) for sign in (1, -1))

        def hess(x, t, lean, H, sign):
            q = 1 - p(x)
            h = t * bend(x, sign) if t else t
            return (G + lean) * p(x) * q + 2 * c * p(x) ** 2 + (H - h) * p(x) ** 2 + h * q**2

        lean, most = 2 * c * lse, 2 * c * lse_terms
        total = kinds.sum(lambda x, t: t * loss(x) if t else t)
        return Softmax(
            exact(total + c * lse**2),
            kinds.each(lambda x, t: (G + lean) * p(x) - (t * slope(x) if t else t)),
            kinds.each(lambda x, t: hess(x, t, lean, H, 1)),
            exact(total + c * lse_terms**2),
            kinds.each(lambda x, t: (G + most) * p(x) + (t * slope(x) if t else t)),
            kinds.each(lambda x, t: hess(x, t, most, H_terms, -1)),
        )


class Clamped(NamedTuple):
    """Results for one row of probabilities."""

    loss: Exact
    grad: Exact


def clamped_cross_entropy(q, t, eps=1e-20):
    """The loss -sum_k t_k log(max(q_k, eps)), and -t_k / max(q_k, eps)."""
    kinds, eps = Kinds(q, t), mpf(eps)
    with mp.workdps(DIGITS):
        return Clamped(
            exact(-kinds.sum(lambda q, t: t * mp.log(max(q, eps)) if t else t)),
            kinds.each(lambda q, t: -t / max(q, eps) if t else t),
        )


class Sigmoid(NamedTuple):
    """Results for one logit; the terms are the sums of the derivatives' terms without their signs."""

    loss: Exact
    grad: Exact
    hess: Exact
    grad_terms: Exact
    hess_terms: Exact


def sigmoid_cross_entropy(x, t, pos_weight=1.0, label_smoothing=0.0):
    """The loss -v t log sigmoid(x) - (1 - t) log(1 - sigmoid(x)), and its first and second derivative."""
    with mp.workdps(digits_for([x, 0.0])):
        x, a, v = mpf(float(x)), mpf(label_smoothing), mpf(float(pos_weight))
        t = mpf(float(t)) * (1 - a) + a / 2
        sigmoid = 1 / (1 + mp.exp(-x))
        loss = -v * t * mp.log(sigmoid) - (1 - t) * mp.log(1 - sigmoid)
        up, down = (1 - t) * sigmoid, v * t * (1 - sigmoid)
        hess = (v * t + 1 - t) * sigmoid * (1 - sigmoid)
        return Sigmoid(exact(loss), exact(up - down), exact(hess), exact(up + down), exact(hess))


def sigmoid_focal_loss(x, t, gamma=2.0, alpha=None, pos_weight=1.0, label_smoothing=0.0):
    """The loss -v t alpha q^gamma log p - (1 - t) (1 - alpha) p^gamma log q of p = sigmoid(x), q = 1 - p."""
    with mp.workdps(digits_for([x, 0.0])):
        x, a, v, gamma = mpf(float(x)), mpf(label_smoothing), mpf(float(pos_weight)), mpf(gamma)
        t = mpf(float(t)) * (1 - a) + a / 2
        p = 1 / (1 + mp.exp(-x))
        up, down = v * t, 1 - t
        if alpha is not None:
            up, down = mpf(alpha) * up, (1 - mpf(alpha)) * down

        def side(p):
            """q^gamma L with L = -log p, the size of its derivative by the logit, the second, and that one's terms."""
            q, L = 1 - p, -mp.log(p)
            bend = [1 + 2 * gamma - sign * gamma * L + gamma**2 * p * L / q for sign in (1, -1)]
            return q**gamma * L, q ** (gamma + 1) * (1 + gamma * p * L / q), *(q ** (gamma + 1) * p * b for b in bend)

        pairs = [(up * one, down * other) for one, other in zip(side(p), side(1 - p), strict=True)]
        (loss, slope, bend, terms) = (sum(pair) for pair in pairs)
        return Sigmoid(exact(loss), exact(pairs[1][1] - pairs[1][0]), exact(bend), exact(slope), exact(terms))


class Activations(NamedTuple):
    """Results for one row; lse_terms is |m| + log sum_k exp(x_k - m)."""

    softmax: Exact
    log_softmax: Exact
    logsumexp: Exact
    lse_terms: Exact


def activations(x):
    """The shares exp(x_k) / s, their logarithms and log s, where s = sum_k exp(x_k)."""
    kinds = Kinds(x, np.zeros(len(x)))
    with mp.workdps(digits_for(x)):
        m = mpf(float(max(x)))
        s = kinds.sum(lambda x, t: mp.exp(x - m))
        return Activations(
            kinds.each(lambda x, t: mp.exp(x - m) / s),
            kinds.each(lambda x, t: x - m - mp.log(s)),
            exact(m + mp.log(s)),
            exact(abs(m) + mp.log(s)),
        )


class Information(NamedTuple):
    """Results for one row of probabilities, and what their bounds are relative to."""

    entropy: Exact
    cross_entropy: Exact
    kl_divergence: Exact
    entropy_terms: Exact
    cross_entropy_terms: Exact
    kl_divergence_terms: Exact


def information(p, q):
    """-sum p log p, -sum p log q and sum p log(p / q) over p > 0.

    The terms are the sums of |p log p|, of |p log q|, and, d = p - q, sum (p log(p / q) - d) + |sum d|.
    """
    kinds = Kinds(p, np.asarray(q, np.float64))
    with mp.workdps(DIGITS):

        def over_support(term):
            return kinds.sum(lambda p, q: term(p, q) if p else mpf(0))

        divergence = over_support(lambda p, q: p * mp.log(p / q) if q else mp.inf)
        difference = over_support(lambda p, q: p - q)
        return Information(
            exact(over_support(lambda p, q: -p * mp.log(p))),
            exact(over_support(lambda p, q: -p * mp.log(q))),
            exact(divergence),
            exact(over_support(lambda p, q: abs(p * mp.log(p)))),
            exact(over_support(lambda p, q: abs(p * mp.log(q)))),
            exact(divergence - difference + abs(difference)),
        )


def elementwise(name, x):
    """exp, log or log1p of each number of an array."""
    function = {"exp": mp.exp, "log": mp.log, "log1p": mpmath.log1p}[name]
    with mp.workdps(DIGITS):
        return exact([function(mpf(float(v))) for v in x])
