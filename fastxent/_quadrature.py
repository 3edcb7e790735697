"""Integrals of p times a value over the support of p, however narrow, heavy-tailed or singular p is.

The support is cut at knots. Half of each gap between two knots belongs to either of them and is looked at on a
logarithmic scale: x = knot + d or knot - d, in cells over each of which d grows by a factor of 8,

    p(x) dx = p(x) d dlog(d)

So a peak as narrow as the spacing of floats is seen if a knot lies in it, a tail is followed up to 1e300, and an
algebraic singularity at a knot is smooth. What lies nearer to a knot than the nearest cell, or beyond the farthest one,
is added in closed form: there p is a power of d, as in tails and singularities, and the value a + b d^r or a + b log d.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from itertools import pairwise
from typing import Any

import numpy as np
from scipy.integrate import quad_vec
from scipy.special import exprel

from fastxent._types import Array

Function = Callable[[Array], Array]
Value = Callable[[Array, Array], Array]  # of x and log p(x)

FACTOR = 8.0  # a power of two, so that the first edges of the cells lie at distances without rounding
STEP = float(np.log(FACTOR))
NEAREST = 8.0  # of the float spacing at a knot; nearer than that, distances have hardly any digits
SMALLEST, HEAVY, FARTHEST = 1e-306, 1e100, 1e300  # a tail that has mass beyond 1e100 counts as a power law
DEAD = -707.0  # a logarithm of nothing
EVEN = 1e-9  # rates that differ by less balance each other
PRECISION, LIMIT = 1e-11, 100  # relative; the most bisections, reached only where rounding is in the way, or many jumps


class DivergentError(ArithmeticError):
    """The integral is +inf."""


class Grid:
    """The sides of the knots and the cells of all sides."""

    def __init__(self, lower: float, upper: float, cuts: Sequence[float]) -> None:
        knots = knots_of(lower, upper, cuts)
        gaps = list(pairwise(knots))
        sides = [(c, 1.0, (d - c) / 2) for c, d in gaps] + [(d, -1.0, (d - c) / 2) for c, d in gaps]
        self.open = range(len(sides), len(sides) + int(np.isinf(lower)) + int(np.isinf(upper)))
        sides += [(knots[0], -1.0, FARTHEST)] if np.isinf(lower) else []
        sides += [(knots[-1], 1.0, FARTHEST)] if np.isinf(upper) else []
        self.knot, self.sign, _ = np.array(sides).T
        self.edges = [edges_of(knot, far) for knot, _, far in sides]
        self.side = np.repeat(range(len(sides)), [len(e) - 1 for e in self.edges])
        self.start = np.log(np.concatenate([e[:-1] for e in self.edges]))
        self.stop = np.log(np.concatenate([e[1:] for e in self.edges]))

    def x(self, side: Any, distance: Array) -> Array:
        """The points at distances from the knots of sides."""
        points: Array = self.knot[side] + self.sign[side] * distance
        return points


def knots_of(lower: float, upper: float, cuts: Sequence[float]) -> list[float]:
    """The finite ends of the support, and those cuts inside it that leave room for cells."""
    knots = [lower] if np.isfinite(lower) else []
    for cut in sorted(cuts):
        room = 2 * NEAREST * FACTOR**4 * np.spacing(abs(cut))
        if lower < cut < min(upper - room, HEAVY) and cut > max(knots[-1] + room if knots else lower, -HEAVY):
            knots.append(cut)
    return [*knots, upper] if np.isfinite(upper) else knots or [0.0]


def edges_of(knot: float, far: float) -> Array:
    """Distances from the knot at which the cells of one of its sides meet."""
    near = min(max(NEAREST * float(np.spacing(abs(knot))), SMALLEST), far / FACTOR**4)
    count = int((np.log(far) - np.log(near)) / STEP)
    edges = np.ldexp(near, 3 * np.arange(count + 1))  # near times powers of FACTOR
    return np.append(edges[edges < far / 2], far)


def integral(logp: Function, value: Value, grid: Grid, tolerance: float) -> tuple[float, float, float]:
    """The integral of p times value, roughly that of its absolute value, and a bound of the error of the first.

    It ends when the error is below the tolerance, or below 1e-11 of the absolute value.

    Raises DivergentError where it is +inf.
    """
    near = np.stack([edges[:4] for edges in grid.edges], axis=1)
    tails = [beyond(*mass_and_value(logp, value, grid.x(slice(None), near), np.log(near)))]
    kept = np.ones(grid.side.size, dtype=bool)
    for outward in grid.open:
        last, tail = farthest(logp, value, grid, outward)
        tails.append(tail)
        kept &= (grid.side != outward) | (grid.stop <= last)
    side, start, length = grid.side[kept], grid.start[kept], (grid.stop - grid.start)[kept]

    def terms(t: float) -> Array:
        """The integrands of all cells at the same relative position in each."""
        y = start + length * t
        x = grid.x(side, np.exp(y))
        mass, values = mass_and_value(logp, value, x, y)
        straighten(logp, value, grid.knot[side], x, y, mass, values)
        return np.where(mass > DEAD, np.exp(mass) * length * values, 0.0)

    # The absolute value has kinks and is only needed as a scale.
    size = np.mean([np.abs(terms(t)).sum() for t in (0.1, 0.3, 0.5, 0.7, 0.9)])
    tolerance = max(tolerance, PRECISION * size)
    total, error = quad_vec(lambda t: terms(t).sum(), 0.0, 1.0, epsabs=tolerance, epsrel=0.0, limit=LIMIT)
    ends = np.sum(tails, axis=0)
    return float(total + ends[0]), float(size + ends[1]), float(error + ends[2])


def farthest(logp: Function, value: Value, grid: Grid, side: int) -> tuple[float, Array]:
    """The log distance up to which an open side is integrated, and the integral beyond it."""
    edges = grid.edges[side][:-1]
    mass, found = raw(logp, value, grid.x(side, edges), np.log(edges))
    good = (mass > DEAD) & np.isfinite(found)
    first = int(np.argmax(good))
    # Where the mass dies the side ends; formulas of densities may overflow into something far beyond.
    count = int(np.argmin(np.append(good[first:], False)))
    last = first + count - 1
    if count < 4:
        return np.inf, np.zeros(3)
    if edges[last] > HEAVY:
        four = last - np.arange(4)
        return float(np.log(edges[last])), beyond(mass[four, None], found[four, None])
    if mass[last + 1] > DEAD:
        raise DivergentError
    return float(np.log(edges[last + 1])), np.zeros(3)


def straighten(logp: Function, value: Value, knot: Array, x: Array, y: Array, mass: Array, values: Array) -> None:
    """Move mass and values from x, which is rounded, to the distance exp(y) where it should be, along their slopes."""
    shift = y - np.log(np.abs(x - knot))
    moved = (np.abs(shift) > 1e-12) & (mass > DEAD)
    x, knot, shift = x[moved], knot[moved], shift[moved]
    left, right = x - (x - knot) / 8, x + (x - knot) / 8
    run = np.log((right - knot) / (left - knot))
    log_left, log_right = logp(left), logp(right)
    more_mass = (log_right - log_left) / run * shift
    more_value = (value(right, log_right) - value(left, log_left)) / run * shift
    steady = np.isfinite(more_mass) & np.isfinite(more_value)
    mass[moved] += np.where(steady, more_mass, 0.0)
    values[moved] += np.where(steady, more_value, 0.0)


def raw(logp: Function, value: Value, x: Array, y: Array) -> tuple[Array, Array]:
    """log(p(x) d) with y = log d, and the value; 0 where there is no mass."""
    log_density = logp(x)
    mass = log_density + y
    return mass, np.where(mass > DEAD, value(x, log_density), 0.0)


def mass_and_value(logp: Function, value: Value, x: Array, y: Array) -> tuple[Array, Array]:
    """The same, all finite."""
    mass, found = raw(logp, value, x, y)
    for toward in (-np.inf, np.inf):
        odd = ~np.isfinite(found) | (mass == np.inf)
        if not odd.any():
            return mass, found
        # A zero or a pole at a single point counts for nothing: the next float on either side tells.
        mass[odd], found[odd] = raw(logp, value, np.nextafter(x[odd], toward), y[odd])
    odd = ~np.isfinite(found) | (mass == np.inf)
    if np.isposinf(found[odd]).any():
        raise DivergentError
    if odd.any():
        raise ValueError(f"log p or log q is nan or +inf around x = {x[odd][0]}, where p has mass")
    return mass, found


def beyond(mass: Array, value: Array) -> Array:
    """The integral outside the first of four edges, that of its absolute value, and its error.

    With M = p d at the edge, its rate of decay s and L = a + b d^r, the integral is M / s (L + r / (s - r) (L - a)).
    """
    here = mass[0] > DEAD
    mass, value = mass[:, here], value[:, here]
    decay = -np.diff(mass[::-1], axis=0)[::-1] / STEP
    s = decay[0]
    change = -np.diff(value, axis=0)
    # Where the value hardly changes, the ratio of its changes is noise.
    changing = (np.abs(change[0]) > 1e-6 + 1e-9 * np.abs(value[0])) & (change[0] / change[1] > 0)
    r = np.where(changing, np.log(np.abs(change[0] / change[1])) / STEP, 0.0)
    if (s <= np.where(r > 0.0, r + EVEN, 0.0)).any():
        raise DivergentError
    terms = np.exp(mass[0]) / s * (value[0] + change[0] / ((s - r) * STEP * exprel(-r * STEP)))
    # How much the decay still changes: not at all where p is a power law, by a share of itself where it becomes one.
    drift = np.abs(np.diff(decay, axis=0))
    share = np.nan_to_num(np.minimum(drift[0] / drift[1], 1.0), nan=1.0)
    error = np.abs(terms) * np.minimum(drift[0] * share / s, 1.0)
    return np.array([terms.sum(), np.abs(terms).sum(), error.sum()])
