"""make bench-compare on a repository whose ratios are known."""

import subprocess
import sys
from pathlib import Path

import pytest

from asv_benchmarks.tests.conftest import SLOWER
from asv_benchmarks.verdict import slower

COMPARE = Path(__file__).resolve().parents[1] / "compare.py"


@pytest.fixture
def compare(dashboard):
    """Runs the command in the repository of the dashboard; main~3 is the commit before the slower one."""

    def run(*options):
        command = [sys.executable, COMPARE, "--config", dashboard.config, *options]
        return subprocess.run(command, capture_output=True, text=True)

    return run


def test_ratios_within_the_factor_pass(compare, dashboard):
    done = compare(dashboard.commits[0], dashboard.commits[1])
    assert done.returncode == 0, done.stdout + done.stderr
    assert "6 ratios of the base, 6 of the head, 0 more" in done.stdout


def test_a_planted_regression_fails_and_is_named_with_both_values(compare, dashboard):
    done = compare("main~3", "main~2")
    assert done.returncode == 1, done.stdout + done.stderr
    (line,) = [line for line in done.stdout.splitlines() if " -> " in line]
    assert line.split() == ["2", "->", "3", "1.50", "x", "ratios.OverCopy.track_ratio('second')"]
    assert dashboard.commits[SLOWER][:8] in done.stdout


def test_the_factor_decides(compare):
    assert compare("main~3", "main~2", "--factor", "1.6").returncode == 0


@pytest.mark.parametrize(
    ("options", "message"),
    [
        (["main", "HEAD"], "the same commit"),
        (["nowhere"], "no commit nowhere"),
        (["main~1", "--factor", "0.9"], "--factor is 0.9"),
        (["main~1", "--factor", "nan"], "--factor is nan"),
        (["main~1", "--bench", "nothing"], "asv run ended with status 1"),
    ],
)
def test_what_cannot_be_compared_is_an_error_and_no_regression(compare, options, message):
    done = compare(*options)
    assert done.returncode == 2
    assert message in done.stderr
    assert "Traceback" not in done.stderr


def test_what_fails_on_the_head_alone_counts_and_what_is_new_does_not():
    base = {"both": 1.0, "fails": 1.0, "failed": None, "gone": 1.0}
    head = {"both": 1.1, "fails": None, "failed": 5.0, "new": 5.0}
    assert list(slower(base, head, 1.2)) == ["fails"]
