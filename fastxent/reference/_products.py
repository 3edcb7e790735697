"""Products with a factor that may be 0 beside one that is not finite."""

import numpy as np

from fastxent.reference._types import Array


def product(factor: Array, value: Array) -> Array:
    """A product with a factor 0 is 0, also against inf."""
    return np.where((factor == 0) & np.isinf(value), 0, factor * value)


def odds_times(p: Array, q: Array, L: Array) -> Array:
    """p L / q: 0 where p is, and 1 where p / q overflows."""
    return np.where(p == 0, 0, np.where(np.isinf(p / q), 1, p / q * L))
