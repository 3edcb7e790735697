"""Two directives of these pages: `drawn` shows figures, `migration` the table of a library."""

import shutil
from pathlib import Path

from docutils import nodes
from docutils.parsers.rst import Directive
from docutils.statemachine import StringList
from figures import confident, exactness, speed, style

from tests.migration.libraries import BY_NAME, versions
from tests.migration.rows import SETUP

FOLDER = Path(__file__).parent / "generated" / "figures"
FIGURES = {
    draw.__name__: draw
    for draw in (
        confident.confident_loss, confident.confident_gradient, exactness.margin_loss, exactness.margin_gradient,
        exactness.ulps_loss, exactness.ulps_gradient, exactness.offset_loss, exactness.near_divergence,
        speed.ratio_loss, speed.ratio_gradient, speed.element_loss, speed.element_gradient,
        speed.element_loss_float64, speed.element_gradient_float64,
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


class Migration(Directive):
    """What the rows of a library need, and its tables under a heading each."""

    required_arguments = 1

    def run(self):
        library = BY_NAME[self.arguments[0]]
        text = [*fenced("python", "\n".join(filter(None, (SETUP, library.setup, library.imports)))), ""]
        if library.packages:
            found = ", ".join(f"{package} {version}" for package, version in versions(library).items())
            text += [f"The calls below were run with {found}.", ""]
        for title, rows in library.tables.items():
            text += [f"## {title}", "", *table(library, rows), ""]
        source = self.state.document["source"]
        parent = nodes.section()
        self.state.nested_parse(StringList(text, source=source), self.content_offset, parent, match_titles=True)
        return parent.children


def fenced(language, code):
    return [f"```{language}", *code.strip().splitlines(), "```"]


def table(library, rows):
    """Lines of a MyST table: their call, ours, what is different."""
    lines = ["````{list-table}", ":header-rows: 1", ":class: migration", ""]
    lines += ["* - their call", "  - ours", "  - difference"]
    for row in rows:
        for mark, cell in (("* -", fenced(library.language, row.theirs)), ("  -", fenced("python", row.ours))):
            lines += [f"{mark} {cell[0]}", *(f"    {line}" for line in cell[1:])]
        lines.append(f"  - {row.difference}")
    return [*lines, "````"]


def trim(app, doctree):
    """Code blocks without the empty line that ends an example for doctest."""
    for block in doctree.findall(nodes.literal_block):
        block[:] = [nodes.Text(block.astext().rstrip())]


def setup(app):
    app.connect("doctree-read", trim)
    app.add_directive("drawn", Drawn)
    app.add_directive("migration", Migration)
    shutil.rmtree(FOLDER, ignore_errors=True)
    FOLDER.mkdir(parents=True)
    for draw in FIGURES.values():
        style.write(draw, FOLDER)
    return {"parallel_read_safe": True}
