"""The largest errors on rows that are hard, against the decimal arithmetic of the standard library."""

from __future__ import annotations

import decimal
from decimal import Decimal
from typing import Any, NamedTuple

import numpy as np

import fastxent as fx
from fastxent._selftest import formulas
from fastxent._types import Array

DIGITS = 50  # beyond what 1 - p loses at a margin of 30
RESULTS = {"loss": 4.0, "gradient": 4.0, "Hessian": 8.0}  # the most ulp that are promised
DTYPES = ("float32", "float64")


class Error(NamedTuple):
    """The largest error of one result, in ulp of its dtype."""

    name: str
    dtype: str
    fastxent: float
    numpy: float
    bound: float

    @property
    def holds(self) -> bool:
        """Whether the error is as small as promised; nan is not."""
        return self.fastxent <= self.bound


def measure() -> list[Error]:
    """Softmax and sigmoid cross entropy in both dtypes."""
    errors = []
    for dtype in DTYPES:
        x, y = hard_rows(dtype)
        rows = zip(x, y, strict=True)
        wanted = [np.stack(parts) for parts in zip(*(exact_softmax(row, label) for row, label in rows), strict=True)]
        own = fx.softmax_cross_entropy_grad_hess(x, y, reduction="none")
        errors += compare("softmax", dtype, wanted, own, formulas.softmax(x, y))

        x = np.concatenate([np.linspace(-30, 30, 200), [0.0, 1e-3, -1e-3]]).astype(dtype)
        t = (np.arange(x.size) % 2).astype(dtype)
        pairs = zip(x, t, strict=True)
        wanted = [np.array(parts) for parts in zip(*(exact_sigmoid(a, b) for a, b in pairs), strict=True)]
        own = fx.sigmoid_cross_entropy_grad_hess(x, t, reduction="none")
        errors += compare("sigmoid", dtype, wanted, own, formulas.sigmoid(x, t))
    return errors


def hard_rows(dtype: str) -> tuple[Array, Array]:
    """Rows of 20 logits: random, far from 0, one class well above the others, equal ones; and their labels."""
    rng = np.random.default_rng(20)
    x = rng.standard_normal((60, 20)) * np.repeat([1.0, 5.0, 10.0], 20)[:, None]
    x[20:30] += 1e6
    x[40:50] = 0.0
    x[np.arange(40, 50), np.arange(10)] = np.linspace(3.0, 30.0, 10)
    x[50:52] = 0.5
    y = rng.integers(0, 20, 60)
    y[40:50] = np.arange(10)
    return x.astype(dtype), y


def exact_softmax(row: Array, label: int) -> tuple[Array, Array, Array]:
    """Loss, gradient and Hessian diagonal of one row, as `Decimal`."""
    with decimal.localcontext(prec=DIGITS):
        x = [Decimal(float(value)) for value in row]
        top = max(x)
        e = [(value - top).exp() for value in x]
        s = sum(e, Decimal(0))
        p = [value / s for value in e]
        loss = s.ln() + top - x[label]
        grad = [value - (k == label) for k, value in enumerate(p)]
        return np.array(loss), np.array(grad), np.array([value * (1 - value) for value in p])


def exact_sigmoid(x: float, t: float) -> tuple[Decimal, Decimal, Decimal]:
    """Loss, gradient and second derivative of one element, as `Decimal`."""
    with decimal.localcontext(prec=DIGITS):
        value, target = Decimal(float(x)), Decimal(float(t))
        p = 1 / (1 + (-value).exp())
        loss = (1 + value.exp()).ln() - target * value
        return loss, p - target, p * (1 - p)


def compare(name: str, dtype: str, wanted: list[Array], own: Any, numpy: Any) -> list[Error]:
    """An `Error` for each of loss, gradient and Hessian."""
    return [
        Error(f"{name} {result}", dtype, ulps_off(a, want, dtype), ulps_off(b, want, dtype), bound)
        for (result, bound), want, a, b in zip(RESULTS.items(), wanted, own, numpy, strict=True)
    ]


def ulps_off(got: Array, want: Array, dtype: str) -> float:
    """The largest difference in units in the last place of the real value; nan if a result is nan."""
    unit = np.spacing(np.abs(want.astype(np.float64)).astype(dtype)).astype(np.float64)
    with decimal.localcontext(prec=DIGITS):
        off = np.array([Decimal(float(a)) - b for a, b in zip(got.flat, want.flat, strict=True)])
    return float(np.max(np.abs(off.astype(np.float64)) / unit.ravel()))


def table(errors: list[Error]) -> str:
    """One line per result."""
    lines = [f"{'':18}{'':9}{'fastxent':>10}{'NumPy formula':>16}{'promised':>10}"]
    lines += [
        f"{error.name:18}{error.dtype:9}{error.fastxent:10.2f}{error.numpy:16.3g}{error.bound:10g}" for error in errors
    ]
    return "\n".join(lines)
