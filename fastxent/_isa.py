"""Picks the build of the kernels once, at import: the best that can run here, or the one that FASTXENT_ISA names."""

from __future__ import annotations

import importlib
import importlib.util
import os
import platform
from typing import Any

import numpy as np

from fastxent._kernels import cpu

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


build, available, reason = pick(os.environ.get("FASTXENT_ISA", ""), cpu.x86_64_level())
kernels: Any = importlib.import_module(f"fastxent._kernels.{build}")


def show_config() -> None:
    """Print which build of the kernels runs and why, and how many threads large calls use.

    On x86-64 the kernels are compiled for the levels x86-64-v2 (``base``), x86-64-v3 (``v3``, with AVX2) and x86-64-v4
    (``v4``, with AVX-512). The best that the processor and its operating system can run is chosen when fastxent is
    imported. The environment variable ``FASTXENT_ISA``, set to one of the three names, overrides that; the import fails
    if that build cannot run.

    See Also
    --------
    get_num_threads : The number of threads, and where it comes from.

    Examples
    --------
    >>> fx.show_config()  # doctest: +SKIP
    fastxent 0.1.0, NumPy 2.4.6, Python 3.11.7
    build    v4 of base, v3, v4 (the best that can run here)
    threads  2
    """
    from fastxent import __version__, _threads  # not at the top: both are imported after this module

    print(f"fastxent {__version__}, NumPy {np.__version__}, Python {platform.python_version()}")
    print(f"build    {build} of {', '.join(available)} ({reason})")
    print(f"threads  {_threads.get_num_threads()}")
