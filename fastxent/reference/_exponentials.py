"""What the softmax formulas share."""

from typing import NamedTuple

import numpy as np

from fastxent.reference._types import Array


class _Exponentials(NamedTuple):
    m: Array  # (..., 1) the maximum
    d: Array  # (..., C) x_k - m
    p: Array  # (..., C) e_k / s
    q: Array  # (..., C) 1 - p_k, the others' share
    log_s: Array  # (..., 1)


@np.errstate(all="ignore")
def exponentials_of(x: Array) -> _Exponentials:
    """What a row's formulas share, without a cancellation; nan if the row holds +inf or nan, or nothing but -inf.

    The quotients are rounded once, from extended precision where there is one.
    """
    m = x.max(axis=-1, keepdims=True, initial=-np.inf)
    x = np.where(np.isfinite(m), x, np.nan)
    top = x == m
    d = x - m
    b = d - x
    error = (x - (d - b)) - (m + b)  # of d, exactly (Knuth, TAOCP 2, 4.2.2, theorem B); it would cost |d| / 2 ulp of e
    e = np.exp(d).astype(np.longdouble)
    e += e * np.where(np.isfinite(error), error, 0)
    others = top.sum(axis=-1, keepdims=True) - 1 + np.where(top, 0, e).sum(axis=-1, keepdims=True)
    s = 1 + others
    p, q = (part.astype(np.float64) for part in (e / s, np.where(top, others, s - e) / s))
    return _Exponentials(m, d, p, q, np.log1p(others.astype(np.float64)))


def class_sum(terms: Array) -> Array:
    """The sum over the classes, in extended precision where there is one: equal terms are all rounded alike."""
    total: Array = terms.sum(axis=-1, keepdims=True, dtype=np.longdouble)
    return total.astype(np.float64)
