"""Which build of the kernels runs: the best that this processor can execute, or the one asked for."""

import importlib.util
import os
import re
from pathlib import Path

import numpy as np
import pytest

import fastxent
from fastxent import _isa
from fastxent._kernels import cpu
from tests.interpreter import interpreted

# What /proc/cpuinfo calls the features that each level adds.
FEATURES = {
    2: "cx16 lahf_lm popcnt pni sse4_1 sse4_2 ssse3",
    3: "avx avx2 bmi1 bmi2 f16c fma abm movbe xsave",
    4: "avx512f avx512bw avx512cd avx512dq avx512vl",
}
CPUINFO = Path("/proc/cpuinfo")


@pytest.fixture
def all_compiled(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name)


def test_the_level_is_what_the_system_reports():
    flags = re.search(r"^flags\s*:(.*)", CPUINFO.read_text(), re.MULTILINE) if CPUINFO.exists() else None
    if flags is None:
        pytest.skip("this system has no /proc/cpuinfo with x86 flags to compare with")
    found = set(flags[1].split())
    level = 1
    while level < 4 and found >= set(FEATURES[level + 1].split()):
        level += 1
    assert cpu.x86_64_level() == level


@pytest.mark.parametrize(
    ("level", "able"),
    [(0, ("base", "v3", "v4")), (2, ("base",)), (3, ("base", "v3")), (4, ("base", "v3", "v4"))],
)
def test_the_best_build_that_can_run_is_chosen(level, able, all_compiled):
    assert _isa.pick("", level)[:2] == (able[-1], able)


def test_the_reason_says_why_not_a_better_one(all_compiled):
    assert _isa.pick("", 4)[2] == "the best that can run here"
    assert re.search("not v4: it needs x86-64-v4, .* no more than x86-64-v3", _isa.pick("", 3)[2])


def test_a_build_that_was_not_compiled_is_not_chosen(monkeypatch):
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: name.endswith("base") or None)
    assert _isa.pick("", 4)[:2] == ("base", ("base",))
    assert "not v3: it was not compiled" in _isa.pick("", 4)[2]
    with pytest.raises(ImportError, match=r"FASTXENT_ISA = 'v3'.*not compiled"):
        _isa.pick("v3", 4)


@pytest.mark.parametrize("build", _isa.LEVELS)
def test_a_wish_overrides(build, all_compiled):
    assert _isa.pick(build, 4) == (build, ("base", "v3", "v4"), "FASTXENT_ISA asks for it")


@pytest.mark.parametrize(("build", "level"), [("v4", 3), ("v4", 2), ("v3", 2), ("base", 1)])
def test_a_build_that_this_processor_cannot_run_is_an_import_error(build, level, all_compiled):
    message = f"FASTXENT_ISA = '{build}'.*needs x86-64-v{_isa.LEVELS[build]}.*no more than x86-64-v{level}"
    with pytest.raises(ImportError, match=message):
        _isa.pick(build, level)


def test_a_processor_that_runs_no_build_is_an_import_error(all_compiled):
    with pytest.raises(ImportError, match=r"no build .* base: it needs x86-64-v2"):
        _isa.pick("", 1)


def test_an_unknown_build_is_an_import_error_that_names_the_known_ones():
    done = interpreted("import fastxent", FASTXENT_ISA="v5")
    assert done.returncode == 1
    assert "ImportError: FASTXENT_ISA = 'v5', but the builds of fastxent are base, v3, v4" in done.stderr


@pytest.mark.parametrize("build", _isa.available)
def test_every_build_of_this_machine_can_be_asked_for_and_has_the_same_functions(build):
    program = """
import fastxent, fastxent._isa as isa
print(isa.build, isa.kernels.__name__, *sorted(name for name in vars(isa.kernels) if name[0] != "_"))
"""
    name, module, *functions = interpreted(program, FASTXENT_ISA=build).stdout.split()
    assert (name, module) == (build, f"fastxent._kernels.{build}")
    assert functions == sorted(name for name in vars(_isa.kernels) if name[0] != "_")


def test_the_build_in_use_is_the_one_asked_for_or_the_best():
    assert _isa.build == (os.environ.get("FASTXENT_ISA") or _isa.available[-1])
    assert _isa.kernels.__name__ == f"fastxent._kernels.{_isa.build}"


def test_show_config_prints_versions_build_and_threads(capsys):
    fastxent.show_config()
    versions, build, threads = capsys.readouterr().out.splitlines()
    assert versions.startswith(f"fastxent {fastxent.__version__}, NumPy {np.__version__}, Python 3.")
    assert build == f"build    {_isa.build} of {', '.join(_isa.available)} ({_isa.reason})"
    assert threads.split() == ["threads", str(fastxent.get_num_threads())]
