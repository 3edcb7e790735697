"""tools/once, by which make installs and compiles: one make at a time, and nothing twice."""

import os
import shutil
import subprocess
import sys

import pytest

from tests.pages import ROOT

ONCE = ROOT / "tools" / "once"
WORK = ["sh", "-c", "sleep 0.3; echo done >>log"]
pytestmark = pytest.mark.skipif(sys.platform == "win32" or not ONCE.exists(), reason="make's tools are not here")


@pytest.fixture
def start(tmp_path):
    """Starts the work for a target with a prerequisite, as make does."""
    (tmp_path / "Makefile").touch()
    (tmp_path / "source").touch()
    return lambda *command: subprocess.Popen(
        [ONCE, "target", "source", "--", *(command or WORK)], cwd=tmp_path, stdout=subprocess.PIPE, text=True
    )


@pytest.mark.skipif(not shutil.which("flock"), reason="there is no flock, and no lock without it")
def test_of_two_at_once_one_does_the_work_and_the_other_says_that_it_waits(start, tmp_path):
    both = [start(), start()]
    said = {one.communicate()[0] for one in both}
    assert [one.returncode for one in both] == [0, 0]
    assert (tmp_path / "log").read_text() == "done\n"
    assert said == {"", "Another make is installing here; waiting for it to end\n"}


def test_what_is_older_than_its_source_is_done_again(start, tmp_path):
    start().communicate()
    os.utime(tmp_path / "target", (1, 1))
    start().communicate()
    assert (tmp_path / "log").read_text() == "done\n" * 2


def test_what_failed_is_not_done(start, tmp_path):
    failing = start("false")
    failing.communicate()
    assert failing.returncode == 1
    assert not (tmp_path / "target").exists()
