"""mypy and pyright accept what is right, the examples of the first pages included, and refuse what is wrong."""

import doctest
import json
import os
import re
import subprocess
import sys
import typing

import pytest

import fastxent as fx
from fastxent import boosting
from tests.pages import DOCS, ROOT

USES = ROOT / "tests" / "uses.py"  # where an error that is ignored has to be one
PAGES = [ROOT / "README.md", DOCS / "quickstart.md"]


def mypy(folder):
    options = ["--strict", "--config-file=", "--follow-imports=silent", "--disable-error-code=import-untyped"]
    return [sys.executable, "-m", "mypy", *options, *map(str, folder.glob("*.py"))]


def pyright(folder):
    rules = {"typeCheckingMode": "standard", "reportUnnecessaryTypeIgnoreComment": "error"}
    config = folder / "pyrightconfig.json"
    config.write_text(json.dumps(rules | {"include": ["*.py"], "extraPaths": [str(ROOT)]}))
    return [sys.executable, "-m", "basedpyright", "--pythonpath", sys.executable, "--project", str(config)]


@pytest.mark.parametrize(
    "command, module", [(mypy, "mypy"), pytest.param(pyright, "basedpyright", marks=pytest.mark.rest)]
)
def test_the_types_are_right(command, module, tmp_path):
    pytest.importorskip(module)
    for page in (USES, *PAGES):
        code = page.read_text()
        if page in PAGES:
            code = "".join(example.source for example in doctest.DocTestParser().get_examples(code))
        (tmp_path / page.with_suffix(".py").name).write_text(code)
    env = os.environ | {"MYPYPATH": str(ROOT)}
    checked = subprocess.run(command(tmp_path), capture_output=True, text=True, env=env, check=False)
    assert checked.returncode == 0, checked.stdout + checked.stderr


@pytest.mark.parametrize("module", [fx, boosting], ids=lambda module: module.__name__)
def test_each_overload_is_among_the_uses(module):
    called = re.findall(r"assert_type\((?:fx\.)?(\w+)\(", USES.read_text())
    overloads = {name: len(typing.get_overloads(getattr(module, name))) for name in callables_of(module)}
    assert sum(overloads.values()) > 20
    assert {name: n for name, n in overloads.items() if called.count(name) < n} == {}


def callables_of(module):
    return [name for name in module.__all__ if callable(getattr(module, name)) and name[0].islower()]
