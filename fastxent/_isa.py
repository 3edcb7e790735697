"""Picks the build of the kernels once, at import: the best that can run here, or the one that FASTXENT_ISA names."""

from __future__ import annotations

import importlib
import importlib.util
import os
from typing import Any

from fastxent._kernels import ways
from fastxent._kernels.cpu import x86_64_level

# The x86-64 level that each build needs. Other processors have the base build alone, compiled for what they are.
LEVELS = {"base": 2, "v3": 3, "v4": 4}


def missing(name: str, level: int) -> str | None:
    """Why the build of this name cannot be imported here; None if it can."""
    if importlib.util.find_spec(f"fastxent._kernels.{name}") is None:
        return "it was not compiled in this installation"
    if level == 0 or level >= LEVELS[name]:
        return None
    return f"it needs x86-64-v{LEVELS[name]}, and this processor and its system run no more than x86-64-v{level}"


def pick(wanted: str, level: int) -> tuple[str, tuple[str, ...], str]:
    """The build for this processor, all builds that it can run, and why this one. ``wanted`` is FASTXENT_ISA, or ""."""
    problems = {name: missing(name, level) for name in LEVELS}
    able = tuple(name for name, problem in problems.items() if problem is None)
    if wanted:
        if wanted not in LEVELS:
            raise ImportError(f"FASTXENT_ISA = {wanted!r}, but the builds of fastxent are {', '.join(LEVELS)}")
        if wanted not in able:
            raise ImportError(f"FASTXENT_ISA = {wanted!r}, but that build cannot run: {problems[wanted]}")
        return wanted, able, "FASTXENT_ISA asks for it"
    if not able:
        raise ImportError(f"no build of fastxent can run here; base: {problems['base']}")
    best = able[-1]
    better = list(LEVELS)[list(LEVELS).index(best) + 1 :]
    return best, able, "; ".join(["the best that can run here", *(f"not {name}: {problems[name]}" for name in better)])


build, available, reason = pick(os.environ.get("FASTXENT_ISA", ""), x86_64_level())
ways.tune(**ways.of_build(build))
kernels: Any = importlib.import_module(f"fastxent._kernels.{build}")
