"""What machine this is, as a bug report should say."""

from __future__ import annotations

import os
import platform
from collections.abc import Iterator

from fastxent import _cpus

VARIABLES = ("FASTXENT_ISA", "FASTXENT_NUM_THREADS", "OMP_NUM_THREADS")


def report() -> Iterator[str]:
    """A line each for the processor, the system and, where they are set, the variables that fastxent reads."""
    yield f"machine  {processor()}, {_cpus.usable_cpus()} of {os.cpu_count()} processors usable"
    yield f"system   {platform.platform()}, {platform.python_implementation()}, {platform.machine()}"
    found = [f"{name}={os.environ[name]}" for name in VARIABLES if name in os.environ]
    if found:
        yield f"set      {', '.join(found)}"


def processor() -> str:
    """The processor's name; Linux keeps it in a file, others may tell Python."""
    for line in _cpus.text(_cpus.ROOT / "proc/cpuinfo").splitlines():
        key, _, value = line.partition(":")
        if key.strip() in ("model name", "Model"):
            return value.strip()
    return platform.processor() or "unknown processor"


def load() -> float | None:
    """How many processes wanted a processor, on average over the last minute; None where the system does not count."""
    try:
        return os.getloadavg()[0]
    except (AttributeError, OSError):  # Windows has no such number, some containers hide it
        return None
