"""The dashboard as a visitor sees it: a newcomer's six commits, one of them slower, in a real browser."""

import json

import pytest
from selenium.webdriver.common.by import By
from selenium.webdriver.support.ui import WebDriverWait

from asv_benchmarks.tests.conftest import SLOWER

BENCHMARKS = [
    "accuracy.Accuracy.track_largest_error",
    "package.Import.timeraw_import",
    "ratios.OverCopy.track_ratio",
    "ratios.OverPeer.track_ratio",
    "whole.Memory.peakmem_call",
    "whole.Memory.peakmem_reference",
    "whole.Time.time_call",
]
PRETTY = {"ratios.OverPeer.track_ratio": "losses over others"}
PLANTED = "ratios.OverCopy.track_ratio('second')"
# what a page is for, or the first of it
PAGES = {
    "": "#summarygrid-display h1",
    "#/summarylist": "#summarylist-body tbody tr a",
    "#ratios.OverCopy.track_ratio": "#main-graph canvas.flot-overlay",
    "#/regressions": "#regressions-body tbody tr a",
}
WIDE, MEDIUM, NARROW = (1440, 900), (1000, 800), (390, 844)
each_size = pytest.mark.parametrize("size", [WIDE, NARROW], ids=["wide", "narrow"])
LINES = """
    const plot = $('#main-graph').data('plot');
    return plot ? plot.getData().map(line => line.data.filter(point => point[1] !== null).length) : [];
"""
ON_TOP = """
    const element = document.querySelector(arguments[0]);
    if (!element) return false;
    if (window.innerWidth < 1200) element.scrollIntoView();
    const box = element.getBoundingClientRect();
    const top = document.elementFromPoint(box.left + Math.min(box.width, 100) / 2, box.top + box.height / 2);
    return element.contains(top);
"""


@pytest.fixture(autouse=True)
def no_error_in_the_console(chromium):
    """What the pages of a test logged, at every level that a developer would be asked about."""
    chromium.get_log("browser")  # forgets the tests before
    yield
    assert [entry for entry in chromium.get_log("browser") if entry["level"] in ("SEVERE", "WARNING")] == []


@pytest.fixture
def visit(chromium, dashboard):
    """Opens a page of the dashboard and waits for a condition."""

    def opened(page, condition, size=WIDE):
        chromium.set_window_size(*size)
        chromium.get("about:blank")  # a new part after # alone would not load the page again
        chromium.get(dashboard.address + page)
        return WebDriverWait(chromium, 60).until(condition)

    return opened


def read(dashboard, name):
    return json.loads((dashboard.html / name).read_text())


def lines(driver):
    """The number of points of each line in the graph, once it is drawn."""
    return driver.execute_script(LINES)


def rows(selector):
    """A condition: the words of each row of a table, once there is one. asv may draw a table twice; read it at once."""

    def words(driver):
        texts = driver.execute_script("return $(arguments[0]).toArray().map(row => row.innerText)", selector)
        return [" ".join(text.split()) for text in texts]

    return words


REGRESSIONS = rows("#regressions-body .regression-div tbody tr")
WORSE = rows("#summarylist-body tbody tr:has(.positive-change)")


def test_the_pages_load_nothing_from_other_hosts(dashboard, chromium, visit):
    visit("", lambda driver: driver.find_elements(By.CSS_SELECTOR, "#summarygrid-display canvas"))
    loaded = chromium.execute_script("return performance.getEntriesByType('resource').map(entry => entry.name)")
    assert len(loaded) > 10
    assert [address for address in loaded if not address.startswith(dashboard.address)] == []


@each_size
def test_the_grid_shows_every_benchmark_with_a_picture(visit, chromium, screenshot, size):
    def drawn(driver):
        driver.execute_script("window.scrollTo(0, document.body.scrollHeight)")  # a picture is drawn when in view
        pictures = driver.find_elements(By.CSS_SELECTOR, "#summarygrid-display canvas.flot-base")
        return len(pictures) == len(BENCHMARKS)

    visit("", drawn, size)
    text = chromium.find_element(By.ID, "summarygrid-display").text
    shown = [PRETTY.get(name, name.partition(".")[2]) for name in BENCHMARKS]
    assert [name for name in shown if name not in text] == []
    chromium.execute_script("window.scrollTo(0, 0)")
    screenshot(f"grid-{size[0]}")


@pytest.mark.parametrize("size", [WIDE, MEDIUM, NARROW], ids=["wide", "medium", "narrow"])
@pytest.mark.parametrize(("page", "first"), PAGES.items(), ids=["grid", "list", "graph", "regressions"])
def test_nothing_covers_what_a_page_is_for(visit, size, page, first):
    def seen(driver):
        return driver.execute_script(ON_TOP, first)

    assert visit(page, seen, size)


def test_the_results_have_these_benchmarks(dashboard):
    assert sorted(read(dashboard, "index.json")["benchmarks"]) == BENCHMARKS


@pytest.mark.parametrize("name", BENCHMARKS)
def test_a_benchmark_has_a_graph_with_a_point_for_each_commit(visit, screenshot, dashboard, name):
    """The ratios have parameters, and a line for each choice of them."""
    points = visit(f"#{name}", lines)
    screenshot(name)
    parameters = {"ratios.OverCopy.track_ratio": 2, "ratios.OverPeer.track_ratio": 4}.get(name, 1)
    assert points == [len(dashboard.commits)] * parameters


def test_a_graph_is_more_than_its_axes(visit, chromium):
    """Pixels of the line's colour, somewhere on the canvas."""
    visit(f"#{BENCHMARKS[2]}", lines)
    colours = chromium.execute_script("""
        const canvas = document.querySelector('#main-graph canvas.flot-base');
        const pixels = canvas.getContext('2d').getImageData(0, 0, canvas.width, canvas.height).data;
        const colours = new Set();
        for (let i = 0; i < pixels.length; i += 4) {
            const [r, g, b, alpha] = pixels.slice(i, i + 4);
            if (alpha > 200 && Math.max(r, g, b) - Math.min(r, g, b) > 60) colours.add([r, g, b].join());
        }
        return colours.size;
    """)
    assert colours > 0


@each_size
def test_the_regressions_page_shows_the_planted_step_and_nothing_else(visit, screenshot, dashboard, size):
    found = visit("#/regressions", REGRESSIONS, size)
    screenshot(f"regressions-{size[0]}")
    assert len(found) == 1
    assert PLANTED in found[0]
    assert dashboard.commits[SLOWER][:8] in found[0]
    assert "1.50x 2.00 times 3.00 times" in found[0]


def test_the_list_marks_the_planted_step(visit, screenshot):
    worse = [row for row in visit("#/summarylist", WORSE) if "track_ratio" in row]
    screenshot("list")
    assert len(worse) == 1
    assert "track_ratio ('second')" in worse[0]
    assert "+50.0%" in worse[0]


@each_size
def test_every_page_says_that_less_is_better_and_leads_to_the_documentation_and_all_ratios(visit, chromium, size):
    for page in PAGES:
        menu = visit(page, lambda driver: driver.find_element(By.ID, "nav").text, size)
        assert "Less is better" in menu
    links = {link.text: link.get_attribute("href") for link in chromium.find_elements(By.CSS_SELECTOR, "#nav a")}
    assert links["Documentation"].endswith("/index.html")
    assert links["Ratios at a glance"].endswith("/glance.html")


@each_size
def test_all_newest_ratios_stand_on_one_page(visit, chromium, screenshot, size):
    def rows_of_cells(driver):
        return [
            [cell.text for cell in row.find_elements(By.TAG_NAME, "td")]
            for row in driver.find_elements(By.CSS_SELECTOR, "tr:has(td)")
        ]

    assert visit("glance.html", rows_of_cells, size) == [
        ["large", "0.5", "3"],
        ["small", "0.25", "1.5"],
        ["ratios.OverCopy.track_ratio", "2", "1", "2", "3"],
    ]
    assert len(chromium.find_elements(By.CSS_SELECTOR, "td.less")) == 2
    assert chromium.execute_script("return document.documentElement.scrollWidth <= innerWidth")
    screenshot(f"glance-{size[0]}")
