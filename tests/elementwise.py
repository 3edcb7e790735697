"""exp, log and log1p as the kernels compute them: their arguments, thickly, their real results and their bounds."""

import numpy as np

from fastxent import _isa
from tests import oracle

NAMES = ("exp", "log", "log1p")
# ulp where results are normal numbers; smaller ones are exactly 0.
LIMIT = {np.float32: {"exp": 1, "log": 1, "log1p": 1}, np.float64: {"exp": 1, "log": 1.5, "log1p": 1.5}}
LARGEST_LOG1P = 2.0**126 * (1 - 2.0**-24)  # beyond every number of classes


def compiled(name, x):
    out = np.empty_like(x)
    _isa.kernels.elementwise(name, x, out)
    return out


def binades(low, high, count, dtype):
    """About `count` numbers from `low` to `high`, as many in every binade."""
    integer = np.dtype(f"i{np.dtype(dtype).itemsize}")
    first, last = (int(np.array(bound, dtype).view(integer)) for bound in (low, high))
    step = max((last - first) // count, 1) | 1
    return np.append(np.arange(first, last, step, dtype=integer), integer.type(last)).view(dtype)


def arguments(name, dtype, count):
    """What the kernels may pass: exp x <= 0, log x >= 0, log1p x >= 0. Half of them where most calls are."""
    info = np.finfo(dtype)
    largest, smallest = float(info.max), float(info.smallest_subnormal)
    ranges = {
        "exp": [(2.0**-30, -1.01 * np.log(smallest)), (0.0, largest)],
        "log": [(0.5, 2.0), (smallest, largest)],
        "log1p": [(2.0**-60, 2.0**20), (0.0, LARGEST_LOG1P)],
    }
    x = np.concatenate([binades(low, high, count // 2, dtype) for low, high in ranges[name]])
    return -x if name == "exp" else x


def real(name, x):
    """The results of NumPy in a wider type: float64 for float32, long double for float64."""
    wide = np.float64 if x.dtype == np.float32 else np.longdouble
    with np.errstate(under="ignore"):
        value = getattr(np, name)(x.astype(wide))
        high = value.astype(np.float64)
        return oracle.Exact(high, np.where(np.isfinite(high), value - high, 0).astype(np.float64))


def errors(name, got, want, dtype):
    """In ulp; infinite where something else than 0 stands for a number below the normal ones."""
    off = oracle.ulps_off(got, want, dtype)
    return np.where((name == "exp") & (want.high < np.finfo(dtype).smallest_normal) & (got != 0), np.inf, off)
