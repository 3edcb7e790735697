"""`make bench BRIEF=yes`: the pattern that covering.py prints, as asv reads it."""

import itertools
import json
import subprocess
import sys
from pathlib import Path

from asv.benchmarks import Benchmarks
from asv.config import Config
from asv.runner import BENCHMARK_RUN_SCRIPT

FOLDER = Path(__file__).resolve().parents[1]


def test_a_brief_run_is_every_benchmark_with_each_value_of_its_parameters(tmp_path):
    listed = tmp_path / "listed.json"
    subprocess.run([sys.executable, BENCHMARK_RUN_SCRIPT, "discover", str(FOLDER / "benchmarks"), listed], check=True)
    command = [sys.executable, str(FOLDER / "covering.py")]
    pattern = subprocess.run(command, check=True, capture_output=True, text=True).stdout.strip()
    found = json.loads(listed.read_text())
    chosen = Benchmarks(Config(), found, regex=pattern)
    assert set(chosen) == {benchmark["name"] for benchmark in found}
    for name, benchmark in chosen.items():
        if params := benchmark["params"]:
            every = list(itertools.product(*params))
            runs = [every[i] for i in chosen.benchmark_selection[name]]
            assert [set(values) for values in zip(*runs, strict=True)] == [set(values) for values in params], name
            assert len(runs) == max(map(len, params)), name
