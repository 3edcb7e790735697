"""What is made for these pages while they are built: the directive `drawn` shows figures; tables of migration."""

import re
import shutil
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from figures import calibration, confident, curves, exactness, scoring, speed, style, threads

from tests.migration.libraries import BY_NAME, versions
from tests.migration.rows import SETUP
from tests.pages import API, lists

FOLDER = Path(__file__).parent / "generated" / "figures"
FIGURES = {
    draw.__name__: draw
    for draw in (
        confident.confident_loss, confident.confident_gradient, exactness.margin_loss, exactness.margin_gradient,
        exactness.ulps_loss, exactness.ulps_gradient, exactness.offset_loss, exactness.near_divergence,
        speed.ratio_loss, speed.ratio_gradient, speed.element_loss, speed.element_gradient,
        speed.element_loss_float64, speed.element_gradient_float64,
        curves.classes_float32, curves.classes_float64, curves.samples_of_10, curves.samples_of_1000,
        calibration.reliability_before, calibration.reliability_after,
        scoring.log_loss_time, scoring.log_loss_memory, threads.blocks_shared, threads.blocks_halved,
    )
}  # fmt: skip


class Drawn(Directive):
    """The figures named, side by side where there is room; for each a paragraph that says what is to be seen there."""

    required_arguments = 1
    final_argument_whitespace = True
    has_content = True

    def run(self):
        pair = nodes.container(classes=["drawn"])
        texts = "\n".join(self.content).split("\n\n")
        for name, text in zip(self.arguments[0].split(), texts, strict=True):
            for theme in style.THEMES:
                uri = f"/{FOLDER.relative_to(Path(__file__).parent)}/{name}-{theme}.svg"
                pair += nodes.image(uri=uri, alt=" ".join(text.split()), classes=[f"only-{theme}"])
        return [pair]


def with_tables(app, page, source):
    """A page's text with the tables of a library in place of the comment that names it."""
    source[0] = re.sub("<!-- tables of (.*) -->", lambda match: tables(BY_NAME[match[1]]), source[0])


def tables(library):
    """MyST: what the rows of a library need, and its tables under a heading each."""
    text = fenced("python", "\n".join(filter(None, (SETUP, library.setup, library.imports))))
    if library.packages:
        found = ", ".join(f"{package} {version}" for package, version in versions(library).items())
        text += ["", f"The calls below were run with {found}."]
    for title, rows in library.tables.items():
        text += ["", f"## {title}", "", *index_entries(rows), "", *table(library, rows)]
    return "\n".join(text)


def index_entries(rows):
    """Lines of a MyST directive, so that a search for a library's class leads to its row; for one of ours, to ours."""
    called = (name for row in rows for name in re.findall(r"\b([A-Z]\w+(?:Loss|[Ee]ntropy|Divergence))\(", row.theirs))
    theirs = [name for name in dict.fromkeys(called) if not lists(API, name)]
    return [f"```{{index}} {', '.join(f'! {name}' for name in theirs)}", "```"] if theirs else []


def fenced(language, code):
    return [f"```{language}", *code.strip().splitlines(), "```"]


def table(library, rows):
    """Lines of a MyST table: their call, ours, what is different."""
    lines = ["````{list-table}", ":header-rows: 1", ":class: migration", ""]
    lines += [f"* - {library.title}", "  - fastxent", "  - difference"]
    for row in rows:
        for mark, cell in (("* -", fenced(library.language, row.theirs)), ("  -", fenced("python", row.ours))):
            lines += [f"{mark} {cell[0]}", *(f"    {line}" for line in cell[1:])]
        lines.append(f"  - {row.difference}")
    return [*lines, "````"]


def keep_initials(app, what, name, obj, options, lines):
    """References begin with an author's initial, which would else be the letter of an item in a list."""
    lines[:] = [re.sub(r"^(\.\. \[\S+\] )([A-Z]\.)", r"\1\\\2", line) for line in lines]


def trim(app, doctree):
    """Code blocks without the empty line that ends an example for doctest."""
    for block in doctree.findall(nodes.literal_block):
        block.rawsource = block.astext().rstrip()
        block[:] = [nodes.Text(block.rawsource)]


def setup(app):
    app.connect("doctree-read", trim)
    app.setup_extension("sphinx.ext.autodoc")
    app.connect("autodoc-process-docstring", keep_initials, priority=900)  # after numpydoc
    app.add_directive("drawn", Drawn)
    app.connect("source-read", with_tables)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for draw in FIGURES.values():
        style.write(draw, FOLDER)
    return {"parallel_read_safe": True}
