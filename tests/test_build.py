"""setup.py says in one sentence what it lacks, before it has Cython translate anything."""

import os
import subprocess
import sys

import pytest

from tests.pages import ROOT

pytestmark = pytest.mark.skipif(sys.platform == "win32" or not (ROOT / "setup.py").exists(), reason="no setup.py here")


@pytest.fixture
def build(tmp_path):
    """Compiles into a folder of its own, with another compiler."""
    pytest.importorskip("Cython")
    pytest.importorskip("setuptools", "77")

    def run(compiler):
        command = ["setup.py", "-q", "build_ext", "--build-lib", tmp_path, "--build-temp", tmp_path]
        env = os.environ | {"CC": str(compiler)}
        return subprocess.run([sys.executable, *command], cwd=ROOT, env=env, capture_output=True, text=True)

    yield run
    assert list(tmp_path.rglob("*.so")) == []


def test_no_compiler_is_said_in_one_sentence(build):
    done = build("nocc")
    assert done.returncode == 1
    assert done.stderr.splitlines()[-1] == (
        "fastxent is compiled with a C compiler, and nocc is not here;"
        " on Debian or Ubuntu, run: sudo apt-get install gcc libc6-dev python3-dev"
    )
    assert "Traceback" not in done.stderr


def test_a_compiler_without_its_headers_is_said_with_their_package(build, tmp_path):
    compiler = tmp_path / "headless"
    compiler.write_text("#!/bin/sh\ngrep -q stdlib.h && exit 1\nexit 0\n")
    compiler.chmod(0o755)
    done = build(compiler)
    assert done.returncode == 1
    assert "stdlib.h" in done.stderr
    assert done.stderr.endswith("sudo apt-get install libc6-dev\n")
