"""What was measured, as lines for the terminal and as a Markdown table."""

import platform
from collections import defaultdict
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

from side_by_side.measure import Row

DISTRIBUTIONS = {"sklearn": "scikit-learn", "tensorflow": "tensorflow-cpu"}


def duration(seconds: float) -> str:
    """Three digits and the unit that fits."""
    if seconds < 1e-3:
        return f"{seconds * 1e6:.3g} µs"
    return f"{seconds * 1e3:.3g} ms" if seconds < 1 else f"{seconds:.3g} s"


def blocks(rows: list[Row]) -> dict:
    """The rows by shape, dtype, threads and kind of work: what is compared with each other."""
    grouped = defaultdict(list)
    for row in rows:
        grouped[row.shape, row.dtype, row.threads, row.kind].append(row)
    return grouped


def times_ours(row: Row, block: list[Row]) -> float | None:
    """How many times as long as fastxent, with a reused result, this call takes."""
    own = [other.seconds for other in block if other.library == "fastxent"]
    return row.seconds / own[0] if own else None


def lines(rows: list[Row]) -> list[str]:
    """One line per call, the calls that do the same work together."""
    text = []
    for (shape, dtype, threads, kind), block in blocks(rows).items():
        text.append(f"{shape.name}, {dtype}, {threads} thread{'s' * (threads > 1)}: {kind}")
        for row in block:
            times = times_ours(row, block)
            memory = row.bytes_per_element
            text.append(
                f"    {row.library:24}{duration(row.seconds):>10}{row.nanoseconds_per_element:12.3f} ns/element"
                + (f"{times:9.2f} x" if times else " " * 11)
                + (f"{memory:8.1f} bytes/element" if memory is not None else "")
            )
    return text


def markdown(rows: list[Row]) -> str:
    """For each number of threads and dtype, a table: a line per shape and kind of work, a column per library."""
    libraries = columns(rows)
    parts = [machine(libraries)]
    for threads, dtype in dict.fromkeys((row.threads, row.dtype) for row in rows):
        chosen = [row for row in rows if (row.threads, row.dtype) == (threads, dtype)]
        parts.append(f"\n## {dtype}, {threads} thread{'s' * (threads > 1)}\n")
        parts.append("| shape | work | " + " | ".join(libraries) + " |")
        parts.append("|---" * (2 + len(libraries)) + "|")
        for (shape, _, _, kind), block in blocks(chosen).items():
            cells = [_cell(library, block) for library in libraries]
            parts.append(f"| {shape.name} | {kind} | " + " | ".join(cells) + " |")
    parts.append(
        "\nMedian time of a call, and in brackets how many times as long as fastxent's into a reused result."
        "\nOf a peer's variants the fastest counts. B: bytes per element that a call takes at its peak beside its"
        "\narguments, fresh results included. limits: the sum of the logits beside a loss, a copy beside a gradient."
    )
    return "\n".join(parts) + "\n"


def columns(rows: list[Row]) -> list[str]:
    """The variants of fastxent each, every other library once."""
    names = [row.library if row.library.startswith("fastxent") else row.library.split(",")[0] for row in rows]
    return sorted(dict.fromkeys(names), key=lambda name: (not name.startswith("fastxent"), name == "limits"))


def best(library: str, rows: list[Row]) -> Row | None:
    """The fastest of a peer's variants; for fastxent, whose variants are columns of their own, the one named."""
    found = [row for row in rows if row.library == library]
    if library != "fastxent":
        found += [row for row in rows if row.library.startswith(f"{library}, ")]
    return min(found, key=lambda row: row.seconds, default=None)


def _cell(library, block):
    row = best(library, block)
    if row is None:
        return ""
    times = times_ours(row, block)
    cell = duration(row.seconds)
    if times and library != "fastxent":
        cell += f" ({times:.0f}x)" if times >= 10 else f" ({times:.2f}x)"
    if row.bytes_per_element is not None:
        cell += f", {max(0, row.bytes_per_element):.0f} B"
    return cell


def machine(libraries: list[str]) -> str:
    """The processor and the versions, for whoever compares with numbers from elsewhere."""
    cpuinfo = Path("/proc/cpuinfo")
    models = [line for line in cpuinfo.read_text().splitlines() if "model name" in line] if cpuinfo.exists() else []
    processor = f"{len(models)} x {models[0].partition(': ')[2]}" if models else platform.processor()
    versions = []
    for name in dict.fromkeys(library.split(",")[0] for library in libraries):
        try:
            versions.append(f"{name} {version(DISTRIBUTIONS.get(name, name))}")
        except PackageNotFoundError:
            continue
    if "fastxent" in libraries:
        from fastxent import _isa

        versions.append(f"kernels {_isa.build}")
    return f"{processor}, Python {platform.python_version()}, " + ", ".join(versions)
