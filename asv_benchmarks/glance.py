"""One page with the newest ratios of everything that is compared with something, of what `asv publish` wrote."""

import ast
import html as markup
import json
import math
import statistics
from collections.abc import Iterator
from pathlib import Path
from typing import NamedTuple

PEERS = "ratios.OverPeer.track_ratio"  # by peer, problem and dtype: it has a table of its own
TITLES = {
    "numpy": "NumPy formula",
    "sklearn": "scikit-learn",
    "scipy": "SciPy",
    "jax": "JAX",
    "tensorflow": "TensorFlow",
}
PAGE = """\
<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<title>{project}: ratios at a glance</title>
<link rel="shortcut icon" href="swallow.ico">
<style>
body {{ font: 15px/1.5 system-ui, sans-serif; margin: 1.5rem auto; max-width: 70rem; padding: 0 1rem; color: #24292f; }}
a {{ color: #0b5cd5; }}
div {{ overflow-x: auto; }}
table {{ border-collapse: collapse; margin: 0.5rem 0 1.5rem; }}
th, td {{ padding: 0.3rem 0.7rem; text-align: right; border-bottom: 1px solid #d0d7de; white-space: nowrap; }}
th:first-child, td:first-child {{ text-align: left; position: sticky; left: 0; background: #fff; }}
td:first-child {{ white-space: normal; min-width: 9rem; }}
.less {{ background: #dcf5e3; }}
.more {{ background: #ffe3d9; }}
</style>
</head>
<body>
<p><a href="index.html">All graphs</a> · <a href="index.html#/regressions">Regressions</a> ·
<a href="../index.html">Documentation</a></p>
<h1>Ratios at a glance</h1>
<p>The time of {project} over that of something else that computes the same, on one core, measured in turns. <b>Less is
better</b>: 0.1 is a tenth of its time, 1 as long. Of the newest commit measured, {commit}.</p>
{tables}
</body>
</html>
"""


class Ratio(NamedTuple):
    """The newest value of a benchmark with one choice of its parameters."""

    benchmark: str
    given: tuple[str, ...]
    value: float


def ratios(html: Path, benchmarks: dict) -> Iterator[Ratio]:
    """What has the unit of a ratio; asv writes parameters as Python would."""
    for path in sorted(html.glob("graphs/**/summary.json")):
        for row in json.loads(path.read_text(encoding="utf-8")):
            one = benchmarks.get(row["name"])
            if one is None or one["unit"] != "times" or row["last_value"] is None or math.isnan(row["last_value"]):
                continue
            yield Ratio(row["name"], parameters(one["params"], row["idx"]), row["last_value"])


def parameters(params: list[list[str]], index: int | None) -> tuple[str, ...]:
    """The choice with this number, where the last parameter changes first."""
    given = []
    for values in reversed(params):
        index, k = divmod(index or 0, len(values))
        given.append(plain(values[k]))
    return tuple(reversed(given))


def plain(text: str) -> str:
    """A parameter without the quotes of a string."""
    try:
        value = ast.literal_eval(text)
    except (SyntaxError, ValueError):
        return text
    return value if isinstance(value, str) else text


def cell(value: float | None) -> str:
    """A number on the colour of its side of 1."""
    if value is None:
        return "<td></td>"
    side = "less" if value < 0.95 else "more" if value > 1.05 else ""
    return f'<td class="{side}">{value:.2g}</td>'


def peers(found: list[Ratio]) -> Iterator[str]:
    """A table for each dtype: a row for each problem, a column for each library."""
    names = list(dict.fromkeys(one.given[0] for one in found))
    for dtype in dict.fromkeys(one.given[2] for one in found):
        values = {one.given[:2]: one.value for one in found if one.given[2] == dtype}
        yield f'<h2><a href="index.html#{PEERS}">Losses over other libraries</a>, {dtype}</h2>\n<div><table>'
        yield "<tr><th>problem</th>" + "".join(f"<th>{TITLES.get(name, name)}</th>" for name in names) + "</tr>"
        for problem in dict.fromkeys(problem for _, problem in values):
            row = "".join(cell(values.get((name, problem))) for name in names)
            yield f"<tr><td>{markup.escape(problem)}</td>{row}</tr>"
        yield "</table></div>"


def others(found: list[Ratio], benchmarks: dict) -> Iterator[str]:
    """One row for each other benchmark: the least, the median and the largest of its ratios."""
    yield "<h2>Everything else that is compared</h2>\n<div><table>"
    yield "<tr><th>what</th><th>cases</th><th>least</th><th>median</th><th>largest</th></tr>"
    for name in dict.fromkeys(one.benchmark for one in found):
        values = [one.value for one in found if one.benchmark == name]
        title = markup.escape(benchmarks[name].get("pretty_name") or name)
        cells = "".join(map(cell, (min(values), statistics.median(values), max(values))))
        yield f'<tr><td><a href="index.html#{name}">{title}</a></td><td>{len(values)}</td>{cells}</tr>'
    yield "</table></div>"


def write(html: Path) -> None:
    """glance.html, beside asv's index.html."""
    index = json.loads((html / "index.json").read_text(encoding="utf-8"))
    found = list(ratios(html, index["benchmarks"]))
    over_peers = [one for one in found if one.benchmark == PEERS]
    rest = [one for one in found if one.benchmark != PEERS]
    tables = [*(peers(over_peers) if over_peers else ()), *(others(rest, index["benchmarks"]) if rest else ())]
    commit = index["revision_to_hash"][max(index["revision_to_hash"], key=int)][: index["hash_length"]]
    page = PAGE.format(
        project=index["project"], commit=commit, tables="\n".join(tables) or "<p>No ratio was measured.</p>"
    )
    (html / "glance.html").write_text(page, encoding="utf-8")
