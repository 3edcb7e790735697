"""What `make peers` measured, read from the table that it wrote."""

import functools
import math
import re
from pathlib import Path
from typing import NamedTuple

from figures.style import MARKERS

TABLE = Path(__file__).resolve().parents[1] / "benchmarks" / "table.md"
COLUMNS = {
    "fastxent": "fastxent", "numpy": "NumPy", "scipy": "SciPy", "sklearn": "scikit-learn", "torch": "torch",
    "jax": "JAX", "tensorflow": "TensorFlow", "limits": "limit",
}  # fmt: skip
UNITS = {"µs": 1e3, "ms": 1e6, "s": 1e9}
SHAPES = {
    "64x10": "64 x 10", "1000000x2": "1,000,000 x 2", "1000000x10": "1,000,000 x 10", "200000x64": "200,000 x 64",
    "4096x1000": "4096 x 1000", "128x128256": "128 x 128,256", "32x19x256x256": "32 x 19 x 256²",
    "sigmoid 10000000": "sigmoid, 10 million",
}  # fmt: skip


class Cell(NamedTuple):
    dtype: str
    shape: str
    work: str
    library: str
    nanoseconds: float


@functools.cache
def cells():
    """Every time in the table."""
    found, dtype, header = [], "", []
    for text in TABLE.read_text().splitlines():
        if text.startswith("## "):
            dtype = text.split()[1].rstrip(",")
        columns = [column.strip() for column in text.strip("|").split("|")]
        if text.startswith("| shape"):
            header = columns
        elif text.startswith("| "):
            shape, work = columns[:2]
            for name, entry in zip(header[2:], columns[2:], strict=True):
                time = re.match(r"([\d.e+]+) (µs|ms|s)\b", entry)
                if name in COLUMNS and time:
                    value = float(time[1]) * UNITS[time[2]]
                    found.append(Cell(dtype, shape, work, COLUMNS[name], value))
    return found


def times(dtype, shape, work):
    """{library: nanoseconds of a call}."""
    return {
        cell.library: cell.nanoseconds
        for cell in cells()
        if (cell.dtype, cell.shape, cell.work) == (dtype, shape, work)
    }


def elements(shape):
    return math.prod(int(number) for number in re.findall(r"\d+", shape))


def ratios(axes, theme, work):
    """A line per shape: how many times as long as fastxent each library takes."""
    shapes = [shape for shape in SHAPES if times("float32", shape, work)]
    for place, shape in enumerate(reversed(shapes)):
        found = times("float32", shape, work)
        axes.axhline(place, color=theme.ink, alpha=0.12, linewidth=1, zorder=0)
        for library, marker in MARKERS.items():
            if library in found:
                style = {"color": theme.libraries[library], "marker": marker, "linestyle": "none", "markersize": 7}
                axes.plot(found[library] / found["fastxent"], place, label=library, **style)
    axes.set_yticks(range(len(shapes)), [SHAPES[shape] for shape in reversed(shapes)])
    axes.set(xscale="log", xlim=(0.85, 100), xlabel="times fastxent's time, float32, 1 thread")
    axes.set_xticks([1, 2, 5, 10, 20, 50, 100], ["1", "2", "5", "10", "20", "50", "100"])
    axes.minorticks_off()
    axes.grid(axis="x", color=theme.ink, alpha=0.12)
    legend(axes)


def legend(axes):
    """Each library once, under the axes, in as many columns as a phone has room for."""
    handles, labels = axes.get_legend_handles_labels()
    unique = {label: handle for handle, label in zip(handles, labels, strict=True)}
    names = [name for name in (*MARKERS, "limit") if name in unique]
    axes.figure.legend(
        [unique[name] for name in names], names, loc="outside lower center", ncols=4, frameon=False, fontsize=9,
        handletextpad=0.2, columnspacing=1,
    )  # fmt: skip


def per_element(axes, theme, dtype, work):
    """Time per element of the larger softmax losses against the number of classes; the limit is a sum or a copy."""
    shapes = ["1000000x2", "1000000x10", "300000x32", "200000x64", "4096x1000", "1024x32000", "128x128256"]
    classes = [int(shape.split("x")[1]) for shape in shapes]
    found = [times(dtype, shape, work) for shape in shapes]
    for library in (*MARKERS, "limit"):
        points = [
            (count, one[library] / elements(shape))
            for count, shape, one in zip(classes, shapes, found, strict=True)
            if library in one
        ]
        if points:
            colour = theme.libraries.get(library, theme.ink)
            width = 2.5 if library == "fastxent" else 1.2
            marker = MARKERS.get(library, "")
            style = {"color": colour, "linewidth": width, "marker": marker, "markersize": 5, "label": library}
            axes.plot(*zip(*points, strict=True), linestyle=":" if library == "limit" else "-", **style)
    axes.set(xscale="log", yscale="log", xlabel="classes", ylabel="ns per element")
    axes.set_title(f"{work}, {dtype}, 1 thread")
    axes.grid(color=theme.ink, alpha=0.12)
    legend(axes)


def ratio_loss(axes, theme):
    """Times of losses alone, as multiples of fastxent's."""
    ratios(axes, theme, "loss")
    axes.set_title("loss")


def ratio_gradient(axes, theme):
    """Times of loss and gradient, as multiples of fastxent's."""
    ratios(axes, theme, "loss + gradient")
    axes.set_title("loss + gradient")


def element_loss(axes, theme):
    """Times of losses alone per float32 logit."""
    per_element(axes, theme, "float32", "loss")


def element_gradient(axes, theme):
    """Times of loss and gradient per float32 logit."""
    per_element(axes, theme, "float32", "loss + gradient")


def element_gradient_float64(axes, theme):
    """Times of loss and gradient per float64 logit."""
    per_element(axes, theme, "float64", "loss + gradient")


def element_loss_float64(axes, theme):
    """Times of losses alone per float64 logit."""
    per_element(axes, theme, "float64", "loss")
