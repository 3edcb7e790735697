"""How a figure looks, and how it is written: one SVG for the light theme and one for the dark."""

from pathlib import Path
from typing import NamedTuple

import matplotlib as mpl
from matplotlib.figure import Figure

SIZE = (4.7, 3.6)  # inches, of one figure; two stand side by side where the page is wide

INKED = ("text.color", "axes.edgecolor", "axes.labelcolor", "xtick.color", "ytick.color")


class Theme(NamedTuple):
    """Colours by what they mean, each with enough contrast on the page's background."""

    ink: str
    libraries: dict[str, str]


THEMES = {
    "light": Theme("#24292f", {
        "fastxent": "#0b5cd5", "NumPy": "#b42318", "SciPy": "#b35900", "scikit-learn": "#1a7f37", "torch": "#8250df",
        "JAX": "#bf3989", "TensorFlow": "#57606a",
    }),
    "dark": Theme("#d0d7de", {
        "fastxent": "#79b8ff", "NumPy": "#ff8a7a", "SciPy": "#f0a052", "scikit-learn": "#56d364", "torch": "#d2a8ff",
        "JAX": "#ff9bce", "TensorFlow": "#a8b3bf",
    }),
}  # fmt: skip
MARKERS = {
    "fastxent": "D", "NumPy": "o", "SciPy": "s", "scikit-learn": "^", "torch": "v", "JAX": "P", "TensorFlow": "X",
}  # fmt: skip
LINES = {
    "fastxent": {"linestyle": "--", "linewidth": 2, "zorder": 3},
    "NumPy": {"linewidth": 4, "alpha": 0.5},
    "SciPy": {"linewidth": 1.5},
    "scikit-learn": {"linestyle": (0, (1, 1)), "linewidth": 2},
}


def write(draw, folder: Path):
    """`draw(axes, theme)` as NAME-light.svg and NAME-dark.svg, where NAME is that of the function."""
    folder.mkdir(exist_ok=True)
    for name, theme in THEMES.items():
        ink = dict.fromkeys(INKED, theme.ink)
        with mpl.rc_context({**ink, "font.size": 10, "svg.hashsalt": "fastxent", "axes.titlesize": 10}):
            figure = Figure(figsize=SIZE, layout="constrained")
            axes = figure.subplots()
            axes.set_facecolor("none")
            axes.spines[["top", "right"]].set_visible(False)
            draw(axes, theme)
            path = folder / f"{draw.__name__}-{name}.svg"
            figure.savefig(path, transparent=True, metadata={"Date": None})


def line(axes, theme, library, x, y, **style):
    """One library's curve, in a style of its own: where curves coincide, all of them stay visible."""
    axes.plot(x, y, color=theme.libraries[library], label=library, **LINES[library] | style)
