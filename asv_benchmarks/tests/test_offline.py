"""offline.py on pages of its own."""

import pytest

from asv_benchmarks import offline

JQUERY = (
    '<script src="https://host.example/jquery-3.3.1.min.js" integrity="sha256-x" crossorigin="anonymous"'
    ' onerror="js_load_failure()"></script>'
)


@pytest.fixture
def page(tmp_path):
    """Writes a page with these lines in its head and rewrites it; what it is then."""

    def rewritten(head):
        index = tmp_path / "index.html"
        index.write_text(f"<html><head>{head}</head><body>{BODY}</body></html>")
        offline.localise(tmp_path)
        return index.read_text()

    return rewritten


BODY = '<a href="https://host.example/">a link stays one</a><img src="swallow.png">'


def test_a_script_of_another_host_is_copied_and_the_rest_of_its_tag_kept(page, tmp_path):
    text = page(JQUERY)
    assert '<script src="web/jquery-3.3.1.min.js" onerror="js_load_failure()"></script>' in text
    assert "jQuery" in (tmp_path / "web" / "jquery-3.3.1.min.js").read_text()
    assert BODY in text


def test_once_more_changes_nothing(page, tmp_path):
    text = page(JQUERY)
    assert offline.localise(tmp_path) == []
    assert (tmp_path / "index.html").read_text() == text


def test_a_file_that_is_not_known_is_named(page):
    with pytest.raises(SystemExit, match=r"https://host\.example/new\.js, which .* does not know"):
        page('<script src="https://host.example/new.js"></script>')


def test_a_file_that_is_not_installed_is_named(page, monkeypatch, tmp_path):
    monkeypatch.setattr(offline, "MODULES", tmp_path)
    with pytest.raises(SystemExit, match=r"jquery\.min\.js is missing: make dashboard"):
        page(JQUERY)
