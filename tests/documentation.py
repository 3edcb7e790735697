"""The documentation as tests read it: its pages, the sections of a docstring in numpydoc's form, examples that run."""

import doctest
import inspect
import re
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
DOCS = ROOT / "docs"
API = (DOCS / "api.md").read_text()


def lists(text, name):
    """Whether a name stands alone in a line of a page."""
    return re.search(rf"^ *{name}$", text, re.MULTILINE) is not None


def sections(value):
    """{title: text} of a docstring; under "" what comes before the first title."""
    first, *parts = re.split(r"^(\S.*)\n-{3,}\n", inspect.getdoc(value) or "", flags=re.MULTILINE)
    return {"": first} | dict(zip(parts[::2], parts[1::2], strict=True))


def described(value):
    """The parameters that a docstring describes, in its order."""
    names = re.findall(r"^(\*{0,2}\w[\w, *]*) : ", sections(value).get("Parameters", ""), re.MULTILINE)
    return [one.strip("*") for several in names for one in several.split(", ")]


def assert_starts_with_one_sentence(value):
    summary, *rest = sections(value)[""].split("\n\n")
    assert summary.endswith(".")
    assert "\n" not in summary
    assert rest


def run_examples(tests):
    """How many examples there are in some doctests, all of which print what they say."""
    runner, printed = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE), []
    for test in tests:
        assert runner.run(test, out=printed.append).failed == 0, "".join(printed)
    return runner.tries
