"""Birth certificate of the polynomial coefficients in ``fastxent/_kernels/arithmetic/scalar.pxd``.

    python tools/minimax.py

prints, for each function and dtype, the coefficients that minimise the largest weighted error over the reduced argument
(Remez's exchange algorithm; Muller, Elementary Functions, 3rd ed., section 3.6), rounded to the dtype from the highest
power down: after each rounding the remaining coefficients are fitted again. The heading gives the largest error in
units of the last place (ulp of 1).
"""

from collections.abc import Callable, Sequence

import numpy as np
from mpmath import cos, exp, linspace, log, lu_solve, matrix, mp, mpf, pi, sqrt

mp.prec = 200
Function = Callable[[mpf], mpf]


def remez(target: Function, powers: Sequence[int], weight: Function, low: mpf, high: mpf) -> list[mpf]:
    """Coefficients of ``sum_j c_j r**powers[j]`` with the least ``max |weight * (sum - target)|`` on [low, high]."""
    n_points = len(powers) + 1
    # neither the first points nor the grid may hold 0, where every power vanishes
    points = [(low + high) / 2 - (high - low) / 2 * cos(pi * i / len(powers)) for i in range(n_points)]
    points = [r if abs(r) > (high - low) / 100 else (high - low) / 60 for r in points]
    grid = linspace(low, high, 3000)
    for _ in range(12):
        system = matrix(n_points, n_points)
        for i, r in enumerate(points):
            for j, power in enumerate(powers):
                system[i, j] = weight(r) * r**power
            system[i, len(powers)] = (-1) ** i
        solution = lu_solve(system, matrix([weight(r) * target(r) for r in points]))
        coefficients = list(solution)[:-1]
        error = [
            weight(r) * (sum(c * r**p for c, p in zip(coefficients, powers, strict=True)) - target(r)) for r in grid
        ]
        points = alternation(grid, error, n_points, points)
    return coefficients


def alternation(grid: list[mpf], error: list[mpf], n_points: int, previous: list[mpf]) -> list[mpf]:
    """The grid points of largest error in each run of one sign; the previous points where there are too few runs."""
    runs: list[list[int]] = [[0]]
    for i in range(1, len(grid)):
        if (error[i] > 0) == (error[i - 1] > 0):
            runs[-1].append(i)
        else:
            runs.append([i])
    peaks = [max(run, key=lambda i: abs(error[i])) for run in runs]
    while len(peaks) > n_points:
        peaks.pop(0 if abs(error[peaks[0]]) < abs(error[peaks[-1]]) else -1)
    return [grid[i] for i in peaks] if len(peaks) == n_points else previous


def rounded_fit(
    target: Function, powers: Sequence[int], weight: Function, low: mpf, high: mpf, dtype: type
) -> list[mpf]:
    """`remez` with coefficients that are numbers of ``dtype``."""
    fixed: list[mpf] = []
    for free in range(len(powers), 0, -1):
        done = list(zip(fixed, powers[free:], strict=True))
        free_part = remez(
            lambda r, done=done: target(r) - sum(c * r**p for c, p in done), powers[:free], weight, low, high
        )
        fixed.insert(0, to_dtype(free_part[-1], dtype))
    return fixed


def to_dtype(value: mpf, dtype: type) -> mpf:
    """``value`` rounded once to ``dtype``."""
    precision = np.finfo(dtype).nmant + 1
    with mp.workprec(precision):
        return +value


def show(
    name: str, target: Function, powers: Sequence[int], weight: Function, low: mpf, high: mpf, dtype: type
) -> None:
    """Print one function's coefficients, lowest power first."""
    coefficients = rounded_fit(target, powers, weight, low, high, dtype)
    grid = linspace(low, high, 5001)
    worst = max(
        abs(weight(r) * (sum(c * r**p for c, p in zip(coefficients, powers, strict=True)) - target(r))) for r in grid
    )
    print(
        f"{name}, {np.dtype(dtype).name}, powers {powers[0]} to {powers[-1]}: "
        f"{float(worst / np.finfo(dtype).eps):.3f} ulp"
    )
    for power, coefficient in zip(powers, coefficients, strict=True):
        print(f"    {power:3d}  {np.format_float_scientific(dtype(coefficient), unique=True)}")


def atanh_tail(z: mpf) -> mpf:
    """(log((1+s)/(1-s)) - 2s) / s at z = s^2, by its series at 0."""
    s = sqrt(z)
    return (log((1 + s) / (1 - s)) - 2 * s) / s if s > mpf(10) ** -12 else 2 * z / 3


def main() -> None:
    """Print all coefficients, and the two parts of log(2)."""
    half = log(mpf(2)) / 2
    low, high = mpf(-0.25), mpf(0.5)
    for dtype, degree in ((np.float32, 6), (np.float64, 12)):
        # exp(r) = 1 + r + r^2 q(r) on [-log(2)/2, log(2)/2], relative error
        show("exp", lambda r: exp(r) - 1 - r, range(2, degree + 1), lambda r: exp(-r), -half, half, dtype)
    # log(1+f) = f - f^2/2 + f^3 q(f) on [-1/4, 1/2], relative error (f stands in for the result near 0)
    show(
        "log",
        lambda f: log(1 + f) - f + f * f / 2,
        range(3, 11),
        lambda f: 1 / f if f else mpf(0),
        low,
        high,
        np.float32,
    )
    # log(1+f) = 2s + s R(s^2), s = f/(2+f), on s^2 in [0, 1/25]; the error of R counts as a part of 2
    show("log", atanh_tail, range(1, 8), lambda z: mpf(0.5), mpf(0), mpf(0.04), np.float64)
    # the tail of atanh for a divergence in float32, which is computed in double: T = R / (2 s^2), in fewer terms
    show(
        "divergence",
        lambda z: atanh_tail(z) / (2 * z),
        range(4),
        lambda z: mpf(1),
        mpf(10) ** -6,
        mpf(0.04),
        np.float64,
    )
    # log(2) in two parts: the first with so few bits that n times it is exact for every exponent n
    for dtype, bits in ((np.float32, 24 - 9), (np.float64, 53 - 12)):
        with mp.workprec(bits):
            first = +log(mpf(2))
        print(f"log(2), {np.dtype(dtype).name}: {dtype(first)!r} + {dtype(log(mpf(2)) - first)!r}")


if __name__ == "__main__":
    main()
