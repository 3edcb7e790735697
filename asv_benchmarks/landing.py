"""Makes the pages that `asv publish` wrote say what they show: `python -m asv_benchmarks.landing [DIR]`.

What was not measured has no tile, and a single commit a point in it. On every page stands that less is better, and
where the documentation is: one folder up, where docs/dashboard.py puts these pages. glance.html has all ratios.
"""

import json
import re
import sys
from pathlib import Path

from asv_benchmarks import glance

HERE = Path(__file__).resolve().parent
LINKS = """\
<li><a href="../index.html">Documentation</a></li>
	<li><a href="glance.html">Ratios at a glance</a></li>
	"""
NOTE = '<li><p class="navbar-text"><b>Less is better</b> in every graph</p></li>\n        '
FIRST, LAST = '<li id="nav-li-" class="active">', '<li id="nav-li-graphdisplay">'
CREDIT = re.compile(r"airspeed velocity</a>\s+of an unladen")


def measured(html: Path, name: str) -> bool:
    """Whether a benchmark has a value, on any commit."""
    path = html / "graphs" / "summary" / f"{name}.json"
    return path.exists() and any(value is not None for _, value in json.loads(path.read_text(encoding="utf-8")))


def leave_out_what_was_not_measured(html: Path) -> None:
    """asv lists every benchmark, also those that this run left out: they would be empty tiles and empty lines."""
    path = html / "index.json"
    index = json.loads(path.read_text(encoding="utf-8"))
    index["benchmarks"] = {name: one for name, one in index["benchmarks"].items() if measured(html, name)}
    path.write_text(json.dumps(index), encoding="utf-8")
    for path in html.glob("graphs/**/summary.json"):
        rows = json.loads(path.read_text(encoding="utf-8"))
        rows = [row for row in rows if row["name"] in index["benchmarks"]]
        path.write_text(json.dumps(rows), encoding="utf-8")


def put(path: Path, additions: dict[str, str]) -> None:
    """Each addition before the text that it belongs to, of which there has to be one."""
    text = path.read_text(encoding="utf-8")
    for place, addition in additions.items():
        if text.count(place) != 1:
            raise SystemExit(
                f"asv's {path.name} has not one {place}, before which asv_benchmarks/landing.py puts its own"
            )
        if addition + place not in text:
            text = text.replace(place, addition + place)
    path.write_text(text, encoding="utf-8")


def link(html: Path) -> None:
    """Links and the note in the menu, in place of asv's own words, which fill it."""
    path = html / "index.html"
    put(path, {FIRST: LINKS, LAST: NOTE})
    path.write_text(CREDIT.sub("</a>", path.read_text(encoding="utf-8")), encoding="utf-8")


def finish(html: Path) -> None:
    """All of it, once: what asv publishes it writes afresh."""
    leave_out_what_was_not_measured(html)
    link(html)
    put(html / "summarygrid.js", {"shadowSize: 0": "points: {show: data.length === 1},\n                        "})
    glance.write(html)


if __name__ == "__main__":
    finish(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE / "html")
