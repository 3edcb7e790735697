"""How many processors this process may use: its affinity, within the CPU quota of its control group (its container)."""

from __future__ import annotations

import math
import os
from collections.abc import Iterator
from pathlib import Path

ROOT = Path("/")


def usable_cpus() -> int:
    """The processors this process may run on, no more than its quota allows, at least 1."""
    try:
        cpus = len(os.sched_getaffinity(0))
    except AttributeError:  # macOS and Windows have no affinity that Python could read
        cpus = os.cpu_count() or 1
    return max(1, min([cpus, *(math.ceil(quota) for quota in quotas(ROOT))]))


def quotas(root: Path) -> Iterator[float]:
    """The CPU time per time that this process's control groups and their parents allow, where they set a limit."""
    for line in text(root / "proc/self/cgroup").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":  # version 2: one tree, "max 100000" or "150000 100000"
            for group in groups(root / "sys/fs/cgroup", path):
                yield from ratio(text(group / "cpu.max").split())
        elif "cpu" in controllers.split(","):  # version 1: a tree for each controller, -1 for no limit
            for group in groups(root / "sys/fs/cgroup/cpu", path):
                yield from ratio([text(group / f"cpu.cfs_{name}_us") for name in ("quota", "period")])


def groups(mount: Path, path: str) -> Iterator[Path]:
    """The group and its parents. In a container the path may be the host's, and only the mount itself is there."""
    group = mount / path.lstrip("/")
    yield group
    while group != mount:
        group = group.parent
        yield group


def text(path: Path) -> str:
    """What the file says, or nothing."""
    try:
        return path.read_text().strip()
    except OSError:
        return ""


def ratio(words: list[str]) -> Iterator[float]:
    """Quota over period, if the two are numbers and the quota is one."""
    if len(words) == 2 and words[0].isdigit() and words[1].isdigit() and int(words[1]) > 0:
        yield int(words[0]) / int(words[1])
