"""asv.conf.json: asv takes any key without a word, and leaves those that it does not know."""

import tomllib
from importlib.metadata import version
from pathlib import Path

import pytest
from asv.config import Config
from asv.util import load_json

ROOT = Path(__file__).resolve().parents[2]
KNOWN = {"version", *vars(Config())}


def unknown(settings):
    return sorted(set(settings) - KNOWN)


@pytest.fixture(scope="module")
def settings():
    return load_json(str(ROOT / "asv_benchmarks" / "asv.conf.json"), js_comments=True)


def test_every_key_is_one_that_asv_knows(settings):
    assert unknown(settings) == []


def test_a_misspelt_key_would_be_found(settings):
    assert unknown(settings | {"regression_thresholds": {}}) == ["regression_thresholds"]


def test_the_kinds_of_requirements_are_those_that_asv_knows(settings):
    assert set(settings["matrix"]) <= {"req", "env", "env_nobuild"}


def test_asv_and_its_runner_are_the_pinned_ones_here_and_in_the_environments(settings):
    groups = tomllib.loads((ROOT / "pyproject.toml").read_text())["dependency-groups"]
    (runner,) = settings["matrix"]["req"]["pip+asv_runner"]
    assert f"asv_runner=={runner}" in groups["bench"]
    assert version("asv_runner") == runner
    assert f"asv=={version('asv')}" in groups["bench"]


def test_the_folders_are_those_that_git_ignores(settings):
    ignored = (ROOT / ".gitignore").read_text().splitlines()
    for key in ("env_dir", "results_dir", "html_dir"):
        assert f"asv_benchmarks/{settings[key]}/" in ignored
