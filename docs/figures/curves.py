"""What `asv_benchmarks/benchmarks/curves.py` measured, read from the table that it wrote."""

import functools
from pathlib import Path
from typing import NamedTuple

from figures.style import MARKERS

TABLE = Path(__file__).resolve().parents[1] / "benchmarks" / "curves.md"
COLUMNS = ("loss", "loss + gradient", "copy")
STYLES = {
    "loss": {"linewidth": 1.5, "linestyle": "--"},
    "loss + gradient": {"linewidth": 2, "marker": MARKERS["fastxent"], "markersize": 3},
    "copy": {"linewidth": 1.5, "linestyle": ":"},
}


class Point(NamedTuple):
    samples: int
    classes: int
    dtype: str
    times: tuple[float, ...]


@functools.cache
def points():
    """Every line of the table, without its head."""
    found = []
    for text in TABLE.read_text().splitlines():
        cells = [cell.strip() for cell in text.strip("|").split("|")]
        if cells[0].isdigit():
            found.append(Point(int(cells[0]), int(cells[1]), cells[2], tuple(map(float, cells[3:]))))
    return found


def curves(axes, theme, chosen, x, label):
    """The time per logit of each column."""
    for column, name in enumerate(COLUMNS):
        colour = theme.ink if name == "copy" else theme.libraries["fastxent"]
        times = [point.times[column] for point in chosen]
        axes.plot(x, times, color=colour, label=name, **STYLES[name])
    axes.set(xscale="log", yscale="log", xlabel=label, ylabel="ns per logit, 1 thread")
    axes.grid(color=theme.ink, alpha=0.12)
    axes.legend(frameon=False, fontsize=9)


def of_classes(axes, theme, dtype):
    """Calls of the same number of logits."""
    most = max(point.samples for point in points() if point.classes == 1)
    chosen = [one for one in points() if one.dtype == dtype and one.samples == most // one.classes]
    curves(axes, theme, chosen, [point.classes for point in chosen], "classes")
    axes.set_title(f"{most:,} logits, {dtype}")


def of_samples(axes, theme, classes):
    """Calls of the same number of classes, in float32."""
    most = max(point.samples for point in points() if point.classes == 1)
    chosen = [one for one in points() if (one.dtype, one.classes) == ("float32", classes)]
    chosen = sorted(one for one in chosen if one.samples != most // classes)
    curves(axes, theme, chosen, [point.samples for point in chosen], "samples")
    axes.set_title(f"{classes:,} classes, float32")


def classes_float32(axes, theme):
    """Times per float32 logit from 1 to 2000 classes."""
    of_classes(axes, theme, "float32")


def classes_float64(axes, theme):
    """Times per float64 logit from 1 to 2000 classes."""
    of_classes(axes, theme, "float64")


def samples_of_10(axes, theme):
    """Times per logit from 1 sample of 10 classes on."""
    of_samples(axes, theme, 10)


def samples_of_1000(axes, theme):
    """Times per logit from 1 sample of 1000 classes on."""
    of_samples(axes, theme, 1000)
