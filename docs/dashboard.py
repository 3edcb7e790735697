"""The dashboard of the benchmarks, if `make dashboard-html` has made it: a link, and a copy beside these pages."""

import shutil
from pathlib import Path

HTML = Path(__file__).resolve().parents[1] / "asv_benchmarks" / "html"
MADE = HTML / "glance.html"  # the last file to be written there
PLACE = "<!-- the dashboard -->"
LINK = '<a href="dashboard/glance.html">Ratios at a glance</a> · <a href="dashboard/index.html">all graphs</a>'


def with_link(app, page, source):
    source[0] = source[0].replace(PLACE, LINK if MADE.exists() else "")


def copy(app, error):
    target = Path(app.outdir) / "dashboard"
    shutil.rmtree(target, ignore_errors=True)
    if error is None and app.builder.format == "html" and MADE.exists():
        shutil.copytree(HTML, target)


def setup(app):
    app.connect("source-read", with_link)
    app.connect("build-finished", copy)
    return {"parallel_read_safe": True}
