"""Time per call beside the NumPy formula and a plain copy, in turns, so that a busy machine slows all of them alike."""

from __future__ import annotations

import statistics
from collections.abc import Callable
from time import perf_counter
from typing import Any, NamedTuple

import numpy as np

import fastxent as fx
from fastxent._selftest import formulas, machine

SOFTMAX_SHAPES: list[tuple[int, ...]] = [(64, 10), (200_000, 10), (2048, 1000), (32, 50_000)]
SIGMOID_SHAPES: list[tuple[int, ...]] = [(1_000_000,)]
DTYPES = ("float32", "float64")
SHORTEST = 0.002  # seconds of a measurement: small calls are repeated within it
FEWEST = 3  # rounds, however little time there is


class Case(NamedTuple):
    """A loss with its gradient, and the shape and dtype of its logits."""

    name: str
    call: Callable[..., Any]
    formula: Callable[..., Any]
    shape: tuple[int, ...]
    dtype: str


def table(seconds: float) -> str:
    """One line per loss, shape and dtype, in `seconds` altogether or a little more."""
    cases = [
        Case(name, call, formula, shape, dtype)
        for name, call, formula, shapes in (
            ("softmax", fx.softmax_cross_entropy_grad, formulas.mean_softmax, SOFTMAX_SHAPES),
            ("sigmoid", fx.sigmoid_cross_entropy_grad, formulas.mean_sigmoid, SIGMOID_SHAPES),
        )
        for dtype in DTYPES
        for shape in shapes
    ]
    n = fx.get_num_threads()
    several_threads = f"{n} thread{'s' if n > 1 else ''}"
    load = machine.load()
    lines = [f"{'':38}{'1 thread':>10}{several_threads:>11}{'copy':>10}{'NumPy':>8}"]
    for case in cases:
        times = times_of(case, seconds / len(cases))
        one, several = times["one"], times["several"]
        size = " x ".join(f"{length:,}" for length in case.shape)
        lines.append(
            f"{case.name:9}{size:20}{case.dtype:9}{amount(one):>10}{amount(several):>11}{amount(times['copy']):>10}"
            f"{times['numpy'] / one:7.1f}x"
        )
    lines.append("copy: what a copy of the logits takes, the same bytes. NumPy: how many times the time on 1 thread.")
    if load is not None:
        lines.append(f"{several_threads}: at a load average of {load:.2f} before: what else runs takes its share.")
    return "\n".join(lines)


def times_of(case: Case, seconds: float) -> dict[str, float]:
    """Median seconds of a call on one thread, on the usual number of threads, of the formula, and of a copy."""
    rng = np.random.default_rng(20)
    logits = rng.standard_normal(case.shape).astype(case.dtype)
    out = np.ones_like(logits)
    call, formula = case.call, case.formula
    labels = rng.integers(0, case.shape[-1], case.shape[:1])
    if case.name == "sigmoid":
        labels = (labels % 2).astype(case.dtype)
    return medians(
        {
            "one": lambda: call(logits, labels, out=out, n_threads=1),
            "several": lambda: call(logits, labels, out=out),
            "numpy": lambda: formula(logits, labels),
            "copy": lambda: np.copyto(out, logits),
        },
        seconds,
    )


def medians(calls: dict[str, Callable[[], Any]], seconds: float) -> dict[str, float]:
    """The median time of each call over rounds in which each has its turn."""
    repeats = {name: max(1, round(SHORTEST / max(time_of(call, 1), 1e-9))) for name, call in calls.items()}
    times: dict[str, list[float]] = {name: [] for name in calls}
    start, rounds = perf_counter(), 0
    while rounds < FEWEST or perf_counter() - start < seconds:
        for name, call in calls.items():
            times[name].append(time_of(call, repeats[name]))
        rounds += 1
    return {name: statistics.median(values) for name, values in times.items()}


def time_of(call: Callable[[], Any], repeats: int) -> float:
    """Seconds per call."""
    start = perf_counter()
    for _ in range(repeats):
        call()
    return (perf_counter() - start) / repeats


def amount(seconds: float) -> str:
    """A time with a unit that suits it."""
    for unit, factor in (("s", 1.0), ("ms", 1e3), ("us", 1e6)):
        if seconds * factor >= 1:
            return f"{seconds * factor:.3g} {unit}"
    return f"{seconds * 1e9:.0f} ns"
