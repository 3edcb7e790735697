"""Sums of doubles that are rounded once."""

from __future__ import annotations

import math
from collections.abc import Collection


def total(parts: Collection[float]) -> float:
    """The sum of the parts; as plain additions have it where it is no finite number."""
    try:
        return math.fsum(parts)
    except (OverflowError, ValueError):  # inf - inf, or finite parts whose sum overflows
        return float(sum(parts))
