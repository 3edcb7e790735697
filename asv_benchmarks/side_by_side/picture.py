"""The picture: time per element against shape, both logarithmic, with the limits drawn in."""

from matplotlib.figure import Figure

from side_by_side.measure import Row
from side_by_side.report import best, blocks, columns

# smaller calls show the library's overhead, which the table has
FROM_ELEMENTS = 1_000_000
STYLES = {
    "fastxent": {"color": "crimson", "linewidth": 2.5},
    "fastxent, in place": {"color": "crimson", "linewidth": 1, "linestyle": ":"},
    "limits": {"color": "black", "linestyle": "--"},
}
LIMITS = {"loss": "sum of the logits", "loss + gradient": "copy of the logits"}


def draw(rows: list[Row], path: str) -> None:
    """Softmax losses without and with gradient, on the fewest threads and in the shortest dtype that were measured."""
    threads, dtype = min(row.threads for row in rows), min(row.dtype for row in rows)
    rows = [row for row in rows if row.shape.operation == "softmax" and row.shape.elements >= FROM_ELEMENTS]
    rows = [row for row in rows if (row.threads, row.dtype, row.shape.order) == (threads, dtype, "C")]
    figure = Figure(figsize=(13, 5.5), layout="constrained")
    axes = figure.subplots(1, 2, sharey=True)
    for ax, (kind, limit) in zip(axes, LIMITS.items(), strict=True):
        by_shape = {key[0]: block for key, block in blocks(rows).items() if key[-1] == kind}
        for library in columns(rows):
            if library == "fastxent, fresh":
                continue
            found = [best(library, block) for block in by_shape.values()]
            points = sorted((_classes(row.shape), row.nanoseconds_per_element) for row in found if row)
            label = limit if library == "limits" else library
            style = {"linewidth": 1, "label": label} | STYLES.get(library, {})
            if points:
                ax.plot(*zip(*points, strict=True), marker="o", markersize=3, **style)
        _axes(ax, list(by_shape))
        ax.set_title(kind)
    axes[0].set_ylabel(f"ns per element, {dtype}, {threads} thread{'s' * (threads > 1)}")
    figure.savefig(path, dpi=120)


def _classes(shape):
    return shape.shape[shape.axis]


def _axes(ax, shapes):
    """A tick for each shape at its number of classes, without those that would overlap."""
    ticks = {}
    for shape in sorted(shapes, key=_classes):
        if not ticks or _classes(shape) > 1.2 * max(ticks):
            ticks[_classes(shape)] = shape.name
    ax.set(xscale="log", yscale="log", xlabel="shape, placed by its number of classes")
    ax.set_xticks(list(ticks), list(ticks.values()), rotation=45, ha="right", fontsize=8)
    ax.minorticks_off()
    ax.grid(alpha=0.3)
    ax.legend(fontsize=8, loc="center left", bbox_to_anchor=(1, 0.5))
