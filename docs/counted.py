"""Figures of the page promises: roles that count tests and make random calls while the pages are built."""

import re
import subprocess
import sys
from functools import cache
from pathlib import Path

from docutils import nodes

ROOT = Path(__file__).parents[1]
PAGE = (ROOT / "docs" / "promises.md").read_text()
LIST = re.compile(r"tests/test_{([\w,]+)}\.py")  # as the scripts in tools/ have it


def answer(*command):
    """What a module prints; if it fails, so does the build."""
    done = subprocess.run([sys.executable, "-m", *command], cwd=ROOT, capture_output=True, text=True)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)}:\n{done.stdout}{done.stderr}")
    return done.stdout


def names_of(text):
    """The parts after test_ of files' names: as they are, or those of a script."""
    script = ROOT / text
    if not script.is_file():
        return text.split()
    return [*dict.fromkeys(",".join(LIST.findall(script.read_text())).split(","))]


@cache
def collected():
    """How many tests pytest finds in each file that the page names."""
    named = [text for text in re.findall(r"{counted}`([^`]+)`", PAGE) if not (ROOT / text).is_dir()]
    files = sorted({f"tests/test_{name}.py" for text in named for name in names_of(text)})
    lines = answer("pytest", "--collect-only", "-qq", "-p", "no:cacheprovider", *files)
    return {name: int(n) for name, n in re.findall(r"^tests/test_(\w+)\.py: (\d+)$", lines, re.MULTILINE)}


def counted(role, rawtext, text, lineno, inliner, options=None, content=None):
    """Tests in the files test_NAME.py of the names given, or in those that a script names; patches in a folder."""
    folder = ROOT / text
    found = len(list(folder.glob("*.patch"))) if folder.is_dir() else sum(collected()[name] for name in names_of(text))
    return [nodes.Text(f"{found:,}")], []


@cache
def fuzzed(calls):
    """So many random calls have been made, each with a result that is right or an error that is usual."""
    said = answer("tests.fuzz", "--calls", calls, "--seed", "0")
    return re.search(r"^(\d+) calls$", said, re.MULTILINE)[1]


def called(role, rawtext, text, lineno, inliner, options=None, content=None):
    """So many random calls, made now."""
    return [nodes.Text(f"{int(fuzzed(text)):,}")], []


def setup(app):
    app.add_role("counted", counted)
    app.add_role("called", called)
    return {"parallel_read_safe": True}
