"""A repository of a few commits whose benchmarks have known values: its package says what is measured of it."""

import json
import os
import subprocess
from pathlib import Path

from asv.util import load_json

CONFIG = Path(__file__).resolve().parents[1] / "asv.conf.json"
PYPROJECT = """\
[build-system]
requires = ["flit_core"]
build-backend = "flit_core.buildapi"

[project]
name = "known"
version = "1.0"
description = "What it is"
"""
# the benchmarks have the names of ours, so that the thresholds of our configuration are theirs
BENCHMARKS = {
    "ratios.py": """\
import known

class OverCopy:
    params = ["first", "second"]
    param_names = ["function"]
    unit = "times"

    def track_ratio(self, function):
        return known.VALUES[function]

class OverPeer:
    params = (["numpy", "torch"], ["large", "small"], ["float32"])
    param_names = ["peer", "problem", "dtype"]
    unit = "times"

    def track_ratio(self, peer, problem, dtype):
        return {"numpy": 0.25, "torch": 1.5}[peer] * (2 if problem == "large" else 1)
    track_ratio.pretty_name = "losses over others"
""",
    "skipped.py": """\
class Skipped:
    def setup(self):
        raise NotImplementedError

    def track_it(self):
        return 0
""",
    "unmeasured.py": """\
class Left:
    def track_it(self):
        return 0
""",
    "accuracy.py": """\
import known

class Accuracy:
    unit = "ulp"

    def track_largest_error(self):
        return known.VALUES["error"]
""",
    "package.py": """\
class Import:
    repeat, rounds, warmup_time = 3, 1, 0

    def timeraw_import(self):
        return "import time; time.sleep(0.1)"
""",
    "whole.py": """\
import time

class Memory:
    def setup(self):
        self.block = b"1" * 30_000_000

    def peakmem_call(self):
        return self.block * 2

    def peakmem_reference(self):
        pass

class Time:
    repeat, rounds, warmup_time = 3, 1, 0

    def time_call(self):
        time.sleep(0.05)
""",
}
ENVIRONMENT = {
    "GIT_AUTHOR_NAME": "A. U. Thor",
    "GIT_AUTHOR_EMAIL": "author@example.org",
    "GIT_COMMITTER_NAME": "A. U. Thor",
    "GIT_COMMITTER_EMAIL": "author@example.org",
    "GIT_CONFIG_GLOBAL": os.devnull,
}


def git(root: Path, *command: str, **environment: str) -> str:
    """What git prints."""
    env = os.environ | ENVIRONMENT | environment
    done = subprocess.run(["git", *command], cwd=root, env=env, check=True, stdout=subprocess.PIPE, text=True)
    return done.stdout.strip()


def write(root: Path, values: list[dict]) -> list[str]:
    """Makes the repository with one commit for each dictionary of values, a day apart; the commits, oldest first."""
    (root / "known").mkdir(parents=True)
    (root / "pyproject.toml").write_text(PYPROJECT)
    git(root, "init", "--quiet", "--initial-branch=main")
    commits = []
    for day, known in enumerate(values, start=1):
        (root / "known" / "__init__.py").write_text(f"VALUES = {known!r}\nCOMMIT = {day}\n")
        date = f"2026-01-{day:02}T12:00:00+0000"
        git(root, "add", ".")
        git(root, "commit", "--quiet", f"--message=Day {day}", GIT_AUTHOR_DATE=date, GIT_COMMITTER_DATE=date)
        commits.append(git(root, "rev-parse", "HEAD"))
    return commits


def configure(root: Path) -> Path:
    """Writes the benchmarks and our configuration, with nothing changed but where things are and what is installed."""
    folder = root / "asv_benchmarks"
    (folder / "benchmarks").mkdir(parents=True)
    (folder / "benchmarks" / "__init__.py").touch()
    for name, text in BENCHMARKS.items():
        (folder / "benchmarks" / name).write_text(text)
    settings = load_json(str(CONFIG), js_comments=True)
    runner = settings["matrix"]["req"]["pip+asv_runner"]
    settings |= {"project": "known", "matrix": {"req": {"pip+asv_runner": runner}}}
    path = folder / "asv.conf.json"
    path.write_text(json.dumps(settings))
    return path
