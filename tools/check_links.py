"""check_links.py DIR: links, anchors and images within the pages built in DIR lead somewhere. Nothing is fetched.

What follows # in a link to the dashboard, a script reads there: DIR/dashboard is led to, and not looked into.
"""

import sys
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit


class Page(HTMLParser):
    """The anchors of a page, and what it refers to, each with its line."""

    def __init__(self, path):
        super().__init__()
        self.anchors, self.links = set(), []
        self.feed(path.read_text(encoding="utf-8"))

    def handle_starttag(self, tag, attributes):
        """Keep what the tag names, and what it refers to."""
        for name, value in attributes:
            if name == "id" or (tag == "a" and name == "name"):
                self.anchors.add(value)
            elif name in ("href", "src") and value is not None:
                self.links.append((value, self.getpos()[0]))


def main():
    """Print each broken link as page:line: link; fail if there is one, or no page."""
    root = Path(sys.argv[1]).resolve()
    apart = root / "dashboard"
    pages = {path: Page(path) for path in sorted(root.rglob("*.html")) if apart not in path.parents}
    checked, broken = 0, []
    for path, page in pages.items():
        for link, line in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            checked += 1
            target = (path.parent / unquote(parts.path)).resolve() if parts.path else path
            target = target / "index.html" if target.is_dir() else target
            anchor = unquote(parts.fragment)
            if not target.is_file() or (anchor and target in pages and anchor not in pages[target].anchors):
                broken.append(f"{path.relative_to(root)}:{line}: {link}")
    print(f"{len(pages)} pages, {checked} links within them, {len(broken)} broken", *broken, sep="\n")
    sys.exit(bool(broken) or not pages)


if __name__ == "__main__":
    main()
