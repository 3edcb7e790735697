"""`python -m tests.mutants`: faults of one line, kept as patches, each of which some test has to notice.

A patch starts with what is wrong, and with the test, or the file of tests, that is likely to notice it.
"""

import os
import re
import subprocess
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path

FOLDER = Path(__file__).parent
ROOT = FOLDER.parents[1]


@dataclass(frozen=True)
class Mutant:
    path: Path

    def __str__(self):
        return self.path.stem

    @cached_property
    def text(self):
        return self.path.read_text()

    @property
    def fault(self):
        """What is wrong, in words."""
        return self.text.splitlines()[0]

    @property
    def first(self):
        """The test, or the file of tests, to begin with."""
        return "tests/" + re.search(r"^first: (.+)$", self.text, re.MULTILINE)[1]

    @property
    def source(self):
        """The file that it changes, relative to the tree's root."""
        (path,) = re.findall(r"^\+\+\+ b/(\S+)$", self.text, re.MULTILINE)
        return Path(path)

    def apply(self, tree, *options):
        """Change the tree; what git says against it, or ''."""
        # not as a part of the repository that the tree may lie in
        environment = os.environ | {"GIT_CEILING_DIRECTORIES": str(Path(tree).resolve().parent)}
        command = ["git", "apply", *options, str(self.path)]
        done = subprocess.run(command, cwd=tree, env=environment, capture_output=True, text=True)
        return done.stderr


def mutants():
    return [Mutant(path) for path in sorted(FOLDER.glob("*.patch"))]
