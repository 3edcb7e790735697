"""Timing calls in turns, so that whatever else the machine does falls on all of them alike; and their memory."""

import ctypes
import gc
import re
import statistics
from collections.abc import Callable
from pathlib import Path
from time import perf_counter

# a measurement lasts at least this long: small calls are repeated within it
MEASUREMENT = 0.002
# calls shorter than this are warmed up by one more call before each measurement, since another library ran just before
WARM_UP_BELOW = 0.02


def seconds_per_call(
    calls: dict, least_rounds: int, most_rounds: int, budget: float, clock: Callable[[], float] = perf_counter
) -> dict:
    """The median time of each call over interleaved rounds: as many as fit into `budget` seconds, within the bounds."""
    roughly = {key: _time(call, 1, clock) for key, call in calls.items()}
    times: dict = {key: [] for key in calls}
    start = clock()
    gc.disable()
    try:
        for done in range(most_rounds):
            if done >= least_rounds and clock() - start > budget:
                break
            for key, call in calls.items():
                if roughly[key] < WARM_UP_BELOW:
                    call()
                times[key].append(_time(call, max(1, round(MEASUREMENT / roughly[key])), clock))
    finally:
        gc.enable()
    return {key: statistics.median(values) for key, values in times.items()}


def _time(call: Callable, repeats: int, clock: Callable[[], float]) -> float:
    turns = range(repeats)
    start = clock()
    for _ in turns:
        call()
    return (clock() - start) / repeats


def peak_extra_bytes(call: Callable) -> int | None:
    """How far a call raises the process's resident memory, fresh results included; None where there is no /proc.

    The most of three calls: JAX may free the results of one call only during the next, which then seems to take less.
    """
    try:
        return max(_raised_by(call) for _ in range(3))
    except (OSError, AttributeError, TypeError):
        return None


def _raised_by(call: Callable) -> int:
    ctypes.CDLL(None).malloc_trim(0)  # gives back what earlier calls freed, which this one would reuse unseen
    Path("/proc/self/clear_refs").write_text("5")  # sets the peak (VmHWM) back to the present (VmRSS)
    before = _status_bytes("VmHWM")
    call()
    return _status_bytes("VmHWM") - before


def _status_bytes(field: str) -> int:
    (kilobytes,) = re.findall(rf"{field}:\s+(\d+) kB", Path("/proc/self/status").read_text())
    return 1024 * int(kilobytes)
