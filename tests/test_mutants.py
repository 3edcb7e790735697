"""The faults of `make mutants` are patches of one line, which apply to the tree as it is."""

import shutil
import sys

import pytest

from tests.mutants import ROOT, mutants

pytestmark = pytest.mark.skipif(
    sys.platform == "win32" or not (ROOT / "setup.py").exists() or shutil.which("git") is None, reason="needs the tree"
)


def test_every_mutant_applies_and_says_what_is_wrong():
    every = mutants()
    assert len(every) >= 50
    for mutant in every:
        assert mutant.apply(ROOT, "--check") == "", mutant
        file, *function = mutant.first.partition("[")[0].split("::")
        assert all(f"def {name}(" in (ROOT / file).read_text() for name in function), mutant
        assert mutant.fault, mutant
