"""The documentation's own tools: broken links are found, every figure is shown, every library has its page."""

import itertools
import re
import runpy
import subprocess
import sys

import pytest

from tests.migration.libraries import LIBRARIES
from tests.pages import DOCS, ROOT

PAGES = [path for path in sorted(DOCS.rglob("*.md")) if not {"_build", "generated"} & set(path.parts)]


def check_links(folder):
    command = [sys.executable, str(ROOT / "tools" / "check_links.py"), str(folder)]
    return subprocess.run(command, capture_output=True, text=True, check=False)


def test_links_between_pages_and_to_anchors_are_found(tmp_path):
    (tmp_path / "a.html").write_text(
        '<h1 id="top">A</h1><a href="b%20c.html#it"></a><a href="#top"></a><img src="i.svg">'
    )
    (tmp_path / "b c.html").write_text('<p id="it"><a href="a.html"></a><a href="https://nowhere.invalid/"></a></p>')
    (tmp_path / "i.svg").write_text("<svg/>")
    found = check_links(tmp_path)
    assert found.returncode == 0
    assert found.stdout == "2 pages, 4 links within them, 0 broken\n"


@pytest.mark.parametrize(
    "link", ['<a href="c.html">', '<a href="#nothing">', '<img src="i.png">', '<link href="_static/s.css">']
)
def test_a_link_that_leads_nowhere_is_named(tmp_path, link):
    (tmp_path / "a.html").write_text(f"<p>\n{link}")
    found = check_links(tmp_path)
    assert found.returncode == 1
    assert found.stdout.splitlines()[1] == "a.html:2: " + re.search('"(.*)"', link)[1]


def test_a_folder_without_pages_is_no_documentation(tmp_path):
    assert check_links(tmp_path).returncode == 1


@pytest.mark.parametrize("library", LIBRARIES, ids=lambda library: library.name)
def test_every_library_of_the_migration_tables_has_a_page(library):
    assert f"<!-- tables of {library.name} -->" in (DOCS / "migration" / f"{library.name}.md").read_text()


def test_every_figure_that_is_drawn_is_shown_and_none_else():
    registered = re.findall(
        r"\b(?:calibration|confident|curves|exactness|scoring|speed|threads)\.(\w+),",
        (DOCS / "directives.py").read_text(),
    )
    shown = {
        name for page in PAGES for names in re.findall(r"```{drawn} (.*)", page.read_text()) for name in names.split()
    }
    assert shown == set(registered)


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_code_in_a_page_is_an_example_that_runs_or_a_command(page):
    for language in re.findall(r"^```(python|py|pycon)\n(?!>>> )", page.read_text(), re.MULTILINE):
        raise AssertionError(f"{page}: a block of {language} that no doctest runs")


@pytest.mark.parametrize("page", PAGES, ids=lambda path: str(path.relative_to(DOCS)))
def test_an_example_is_as_wide_as_a_page(page):
    for line in re.findall(r"^(?:>>>|\.\.\.) .*", page.read_text(), re.MULTILINE):
        assert len(line) <= 90, line


@pytest.mark.parametrize("word", ["GPU", "autograd", "gradient", "perplexity"])
def test_a_search_for_it_leads_to_one_place(word):
    entries = (re.findall(rf"^```{{index}}.* ! {word}(?:,|$)", page.read_text(), re.MULTILINE) for page in PAGES)
    assert len(list(itertools.chain(*entries))) == 1


def test_a_long_name_breaks_where_its_parts_meet():
    allow = runpy.run_path(str(DOCS / "line_breaks.py"))["allow"]
    assert allow("<h1>sklearn.SoftmaxClassifier<a>") == "<h1>sklearn.<wbr>Softmax<wbr>Classifier<a>"
    assert allow("<i>softmax_cross_entropy()</i>") == "<i>softmax_<wbr>cross_<wbr>entropy()</i>"
    assert allow("<p>NumPy</p><p>a sentence_with_words</p>") == "<p>NumPy</p><p>a sentence_with_words</p>"
