"""Ratios of times that were measured in turns, so that whatever else the machine does falls on both alike."""

import os
import time
from collections.abc import Callable

from side_by_side.rounds import seconds_per_call

import fastxent as fx

UNIT = "times"
LEAST_ROUNDS, MOST_ROUNDS = 7, 100
SECONDS = float(os.environ.get("RATIO_SECONDS", 0.4))  # of one comparison, when its rounds are short enough


def on_one_core() -> None:
    """Keeps this process, and all that it starts, on one core, and fastxent on one thread."""
    fx.set_num_threads(1)
    if hasattr(os, "sched_setaffinity"):
        os.sched_setaffinity(0, {min(os.sched_getaffinity(0))})


def seconds(calls: dict, clock: Callable[[], float] = time.process_time, rounds: int = LEAST_ROUNDS) -> dict:
    """The median time of each call over at least so many rounds: a few are enough for what takes seconds.

    One is enough where RATIO_SECONDS is 0, which asks no more than whether it runs.

    Processor time: with nine processes waiting for two cores, ratios of it stayed within 20 % of each other, and those
    of the time on the wall varied elevenfold.
    """
    rounds = rounds if SECONDS else 1
    return seconds_per_call(calls, rounds, max(rounds, MOST_ROUNDS), SECONDS, clock)


def ratio(call: Callable, *others: Callable, **options) -> float:
    """Ours / theirs, less is better: the time of `call` over that of the fastest of the others, to four digits."""
    times = seconds(dict(enumerate((call, *others))), **options)
    return float(f"{times.pop(0) / min(times.values()):.4g}")
