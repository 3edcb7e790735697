"""Print a pattern for `asv run --bench`: of each benchmark so many parameters that each value of each is among them.

The product of a benchmark's parameters is what asv would run; here the lists are gone through side by side.
"""

import re
from pathlib import Path

from asv_runner.discovery import disc_benchmarks

FOLDER = Path(__file__).with_name("benchmarks")


def covering(params):
    """As many combinations as the longest list has values, or one of nothing.

    Each list that starts again does so later than the one before it: two of one length do not always go together.
    """
    longest = max(map(len, params), default=1)
    return [
        tuple(values[(i + i // len(values) * position) % len(values)] for position, values in enumerate(params))
        for i in range(longest)
    ]


def names():
    """As asv compares them with the pattern."""
    for benchmark in disc_benchmarks(str(FOLDER)):
        for combination in covering(benchmark.params):
            yield f"{benchmark.name}({', '.join(combination)})" if combination else benchmark.name


if __name__ == "__main__":
    print(f"^({'|'.join(map(re.escape, names()))})$")
