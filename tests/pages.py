"""The pages of the documentation, as tests read them."""

import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
API = (DOCS / "api.md").read_text()


def lists(text, name):
    """Whether a name stands alone in a line of a page."""
    return re.search(rf"^ *{name}$", text, re.MULTILINE) is not None
