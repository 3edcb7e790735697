"""One pass over the chosen lines of the table with a given number of threads, in a process of its own."""

import os
from dataclasses import dataclass

import numpy as np

from side_by_side import libraries
from side_by_side.agreement import check, expected
from side_by_side.problems import HALF, Shape, make
from side_by_side.rounds import peak_extra_bytes, seconds_per_call

# memory is measured from this many elements on: below, it drowns in what an allocator keeps
MEMORY_FROM = 1_000_000


@dataclass(frozen=True)
class Row:
    """One measured call."""

    shape: Shape
    dtype: str
    threads: int
    kind: str  # "loss", "loss + gradient" or "log_softmax"
    library: str  # with its variant after a comma
    seconds: float
    bytes_per_element: float | None

    @property
    def nanoseconds_per_element(self) -> float:
        return 1e9 * self.seconds / self.shape.elements


@dataclass(frozen=True)
class Effort:
    """How long each block of calls is measured."""

    least_rounds: int
    most_rounds: int
    seconds: float


def thread_limits(n_threads: int) -> dict[str, str]:
    """Environment variables that must be set before any library is imported."""
    names = ["OMP", "OPENBLAS", "MKL", "TF_NUM_INTRAOP", "NUMEXPR"]
    limits = {f"{name}_NUM_THREADS": str(n_threads) for name in names}
    limits |= {
        "JAX_PLATFORMS": "cpu",
        "CUDA_VISIBLE_DEVICES": "-1",
        "TF_CPP_MIN_LOG_LEVEL": "3",
        "TF_ENABLE_ONEDNN_OPTS": "1",
    }
    return limits | {"XLA_FLAGS": "--xla_cpu_multi_thread_eigen=false" if n_threads == 1 else ""}


def measure(shape: Shape, dtype: str, n_threads: int, names: list[str], effort: Effort) -> list[Row]:
    """Checks that the libraries agree on one line of the table, then times them in turns."""
    if hasattr(os, "sched_setaffinity"):  # a library that ignores every limit cannot take more cores than these
        os.sched_setaffinity(0, sorted(os.sched_getaffinity(0))[:n_threads])
    problem = make(shape, dtype)
    right = expected(shape.operation, problem)
    calls, extra = {}, {}
    for name in names:
        library = libraries.load(name)
        if not hasattr(library, shape.operation) or (dtype in HALF and not getattr(library, "KNOWS_HALF", False)):
            continue
        for title, call in getattr(library, shape.operation)(problem, n_threads).items():
            kind, _, variant = title.partition(", ")
            result = call()
            numpy_of = getattr(library, "numpy_of", np.asarray)
            check(f"{name} on {shape.name} {dtype}, {title}", result, right[kind], dtype, numpy_of)
            key = kind, f"{name}, {variant}" if variant else name
            calls[key] = call
            result = None
            visible = shape.elements >= MEMORY_FROM and not getattr(library, "MEMORY_IS_HIDDEN", False)
            extra[key] = peak_extra_bytes(call) if visible else None
    del right
    seconds = seconds_per_call(calls, effort.least_rounds, effort.most_rounds, effort.seconds)
    return [
        Row(shape, dtype, n_threads, kind, library, time, None if more is None else more / shape.elements)
        for (kind, library), time in seconds.items()
        for more in [extra[kind, library]]
    ]
