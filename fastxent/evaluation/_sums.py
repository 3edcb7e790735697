"""Sums of doubles as integers: the same in any order, and however they are cut."""

from __future__ import annotations

import math
import operator
import re
from typing import Any, Self

import numpy as np

from fastxent import _check
from fastxent._kernels import door
from fastxent._quiet import quietly
from fastxent._types import Array

PLACES = 1074  # every double is a multiple of 2^-1074
FORM = re.compile(r"(-?[0-9a-f]{1,4000})p(-?[0-9]{1,4})")
NOT_FINITE = (math.nan, math.inf, -math.inf)


class ExactSums:
    """So many sums, each an integer in units of 2^-1074 beside the number of nan, inf and -inf that were added."""

    def __init__(self, n: int) -> None:
        self.units: Array = np.zeros(n, object)
        self.not_finite = np.zeros((n, len(NOT_FINITE)), np.int64)

    def __len__(self) -> int:
        return len(self.units)

    def add(self, values: Array, groups: Array | None = None, k: int = 0) -> None:
        """Add doubles, each to the sum of its group, which may be none of them; without groups all to sum k."""
        if groups is None:
            total, bad = door.exact_sum(values)
            self.units[k] += total
            groups = np.full(len(values), k) if bad else None
        else:
            limbs, power, bad = door.exact_sums(values, groups, len(self))
            there = np.flatnonzero(limbs.any(axis=1))
            for i in range(limbs.shape[1]):
                self.units[there] += limbs[there, i].astype(object) << power + 32 * i
        if bad:
            assert groups is not None
            for kind, value in enumerate(NOT_FINITE):
                is_kind = np.isnan(values) if value != value else values == value
                of_kind = is_kind & (groups >= 0) & (groups < len(self))
                self.not_finite[:, kind] += np.bincount(groups[of_kind], minlength=len(self))

    def add_count(self, count: int, k: int = 0) -> None:
        """Add a whole number to sum k."""
        self.units[k] += count << PLACES

    def add_counts(self, groups: Array) -> None:
        """Add how often each sum is among the groups; -1 is none."""
        counts = np.bincount(groups + 1, minlength=len(self) + 1)[1:]
        there = np.flatnonzero(counts)
        self.units[there] += counts[there].astype(object) << PLACES

    def add_where(self, there: Array, v: Array | None, k: int = 0) -> None:
        """Add weights, all 1 by default, to sum k where it says so."""
        if v is None:
            self.add_count(int(np.count_nonzero(there)), k)
        else:
            self.add(v[there], None, k)

    def add_weights(self, v: Array | None, groups: Array) -> None:
        """Add weights, all 1 by default, to the sums of their groups."""
        if v is None:
            self.add_counts(groups)
        else:
            self.add(v, groups)

    def merge(self, other: Self) -> None:
        self.units += other.units
        self.not_finite += other.not_finite

    def number(self, k: int) -> float:
        """Sum k, rounded once."""
        return quotient(self.units[k], self.not_finite[k], 1 << PLACES)

    def numbers(self) -> Array:
        return np.array([self.number(k) for k in range(len(self))])

    def shares(self) -> Array:
        """Each sum over that of all, rounded once."""
        total = sum(self.units)
        return np.array([unit / total for unit in self.units])

    def over(self, k: int, other: ExactSums, i: int) -> float:
        """Sum k over sum i of another, rounded once; nan over 0."""
        if other.not_finite[i].any():  # weights whose product overflows
            return float(quietly(operator.truediv, np.float64(self.number(k)), other.number(i)))
        return quotient(self.units[k], self.not_finite[k], other.units[i])

    def all_over(self, other: ExactSums) -> Array:
        return np.array([self.over(k, other, k) for k in range(len(self))])

    def state(self) -> dict[str, Any]:
        """The sums as hexadecimal numbers with a power of 2, and those that have something beside."""
        beside = np.flatnonzero(self.not_finite.any(axis=1))
        return {
            "sums": [text_of(unit) for unit in self.units],
            "not_finite": [[int(k), *map(int, self.not_finite[k])] for k in beside],
        }

    def set_state(self, state: dict[str, Any]) -> None:
        if len(state["sums"]) != len(self):
            raise ValueError(f"the state has {len(state['sums'])} sums in the place of {len(self)}")
        self.units[:] = [units_of(text) for text in state["sums"]]
        for k, *counts in state["not_finite"]:
            if not 0 <= k < len(self) or len(counts) != len(NOT_FINITE):
                raise ValueError(f"the state has {[k, *counts]} in the place of a sum's number and three counts")
            self.not_finite[k] = [_check.whole_number(count, "a count of what is not finite", 0) for count in counts]


def quotient(units: int, not_finite: Array, denominator: int) -> float:
    """An exact sum over a whole number, rounded once."""
    nan, positive, negative = map(bool, not_finite)
    if nan or (positive and negative) or denominator == 0:
        return float("nan")
    if positive or negative:
        return float("inf") if positive == (denominator > 0) else float("-inf")
    try:
        return units / denominator
    except OverflowError:
        return float("inf") if (units > 0) == (denominator > 0) else float("-inf")


def text_of(units: int) -> str:
    """``3p-1`` is 1.5: a hexadecimal number that is odd, and a power of 2."""
    zeros = (units & -units).bit_length() - 1 if units else PLACES
    return f"{units >> zeros:x}p{zeros - PLACES}"


def units_of(text: str) -> int:
    number, power = FORM.fullmatch(text).groups()  # type: ignore[union-attr]  # None has none, which is said above
    return int(number, 16) << int(power) + PLACES
