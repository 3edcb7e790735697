"""numpydoc's docstrings, read: their sections, what each entry of the parameters describes, and their examples, run."""

import doctest
import inspect
import re


def docstring(value):
    return inspect.getdoc(value) or ""


def section(value, title):
    """The text of one section, or None."""
    parts = re.split(r"^(\S.*)\n-{3,}\n", docstring(value), flags=re.MULTILINE)
    return dict(zip(parts[1::2], parts[2::2], strict=True)).get(title)


def entries(value):
    """(names, type, text) of each entry of the section Parameters; the type is empty if there is none."""
    found = re.findall(r"^(\S.*)\n((?: +.*\n?|\n)*)", section(value, "Parameters") or "", re.MULTILINE)
    for head, text in found:
        names, _, kind = head.partition(" : ")
        yield [name.lstrip("*") for name in names.split(", ")], kind, " ".join(text.split())


def assert_every_parameter_is_described(value):
    """Once each; in the order of the signature within an entry, and so the first names of the entries."""
    place = {name: i for i, name in enumerate(inspect.signature(value).parameters) if name != "self"}
    described = [names for names, _, _ in entries(value)]
    assert sorted(name for names in described for name in names) == sorted(place)
    places = [[place[name] for name in names] for names in described]
    assert places == sorted(map(sorted, places))


def assert_starts_with_one_sentence(value):
    summary, *rest = docstring(value).split("\n\n")
    assert summary.endswith(".")
    assert "\n" not in summary
    assert rest


def run_examples(tests):
    """How many examples there are in some doctests, all of which print what they say."""
    runner, printed = doctest.DocTestRunner(optionflags=doctest.NORMALIZE_WHITESPACE), []
    for test in tests:
        assert runner.run(test, out=printed.append).failed == 0, "".join(printed)
    return runner.tries
