"""Apply each mutant to a copy of the tree, compile what it changes, and print which test notices it.

The test that does has to pass in the tree as it is. A mutant that no test notices is a missing test.
"""

import argparse
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from fastxent import _isa
from tests.mutants import ROOT, mutants

KERNELS = Path("fastxent/_kernels")
LIMIT = 1200  # seconds of a run of tests: who waits for ever is noticed as well
APPLIES = "tests/test_mutants.py"  # which would notice any of them
# Compiled in a third of the time; the tree that the mutants are compared with is so, too.
FLAGS = "-O1 -Wno-error=frame-larger-than="
OPTIONS = ("-p", "no:cacheprovider", "-q", "--tb=no", "-x", "-m", "not rest")  # as make test runs them


def copy_tree(folder):
    """What git knows of the tree, as it is now, and what is compiled for the best build."""
    command = ["git", "ls-files", "-z", "--cached", "--others", "--exclude-standard"]
    listed = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True).stdout
    others = {name for name in _isa.LEVELS if name != _isa.build}
    compiled = [
        path.relative_to(ROOT)
        for path in (ROOT / KERNELS).iterdir()
        if path.suffix in (".so", ".c") and path.name.partition(".")[0] not in others
    ]
    for name in [*filter(None, listed.split("\0")), *compiled]:
        if (ROOT / name).exists():
            (folder / name).parent.mkdir(parents=True, exist_ok=True)
            shutil.copy2(ROOT / name, folder / name)
    for name in sorted(compiled):  # newer than all sources
        os.utime(folder / name)


def compile_tree(folder):
    """What has changed of the best build and of what is compiled once; what the compiler says against it, or None."""
    command = ["setup.py", "-q", "build_ext", "--inplace"]
    code, printed = run(command, folder, FASTXENT_BUILDS=_isa.build, FASTXENT_CFLAGS=FLAGS)
    return printed[-1000:] if code else None


def run(command, folder, limit=None, **environment):
    """Its return code, None where it was ended after `limit` seconds, and what it printed."""
    env = os.environ | {"PYTHONPATH": str(folder), "FASTXENT_ISA": _isa.build, **environment}
    process = subprocess.Popen(
        [sys.executable, *command], cwd=folder, env=env, start_new_session=True, text=True,
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT,
    )  # fmt: skip
    try:
        printed, _ = process.communicate(timeout=limit)
    except subprocess.TimeoutExpired:
        os.killpg(process.pid, signal.SIGKILL)
        return None, process.communicate()[0]
    return process.returncode, printed


def failure(folder, *arguments, workers=0):
    """(which test failed first or where its process ended, what else there is to say), or None."""
    command = ["-m", "pytest", *OPTIONS, "-n", str(workers), f"--ignore={APPLIES}", *arguments]
    code, printed = run(command, folder, LIMIT)
    where = " ".join(arguments)
    if code == 0:
        return None
    if code is None:
        return where, f", which did not end in {LIMIT} s"
    if failed := re.findall(r"^(?:FAILED|ERROR) (\S+?::\S+?(?:\[.*?\])?)(?: - .*)?$", printed, re.MULTILINE):
        return failed[0], ""
    if code < 0:
        return where, f", whose process ended with signal {-code}"
    raise RuntimeError(f"pytest returned {code}: {printed[-1000:]}")


def outcome(mutant, tree, workers, only_first):
    """(what noticed it, or why it is none; whether all is as it should be)."""
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        shutil.copytree(tree, folder, dirs_exist_ok=True)
        if refused := mutant.apply(folder):
            return f"does not apply: {refused.strip()}", False
        os.utime(folder / mutant.source)
        if KERNELS in mutant.source.parents and (said := compile_tree(folder)):
            return f"does not compile: {said}", False
        found = failure(folder, mutant.first) or (None if only_first else failure(folder, workers=workers))
    if found is None:
        return f"NOTHING: {mutant.fault}", False
    where, how = found
    if where and failure(tree, where):
        return f"{where}, which fails without it too", False
    return f"{where or 'some test'}{how}", True


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.mutants", description=__doc__)
    parser.add_argument("names", nargs="*", help="some of them, all by default")
    parser.add_argument("--jobs", type=int, default=2, help="so many mutants at the same time")
    parser.add_argument("--first", action="store_true", help="run no tests but those that the patch names")
    options = parser.parse_args()
    every = mutants()
    if unknown := set(options.names) - set(map(str, every)):
        parser.error(f"there are no mutants {', '.join(sorted(unknown))}; those are {', '.join(map(str, every))}")
    chosen = [mutant for mutant in every if not options.names or str(mutant) in options.names]
    start, survivors = time.monotonic(), 0
    with tempfile.TemporaryDirectory() as name, ThreadPoolExecutor(options.jobs) as executor:
        tree = Path(name)
        copy_tree(tree)
        if any(KERNELS in mutant.source.parents for mutant in chosen):
            for path in (tree / KERNELS).glob(f"{_isa.build}.*.so"):
                path.unlink()
            if said := compile_tree(tree):
                sys.exit(said)
        workers = max(1, (os.cpu_count() or 1) // options.jobs)
        print(f"{'mutant':24}{'in':22}{'noticed by'}", flush=True)
        outcomes = executor.map(lambda mutant: outcome(mutant, tree, workers, options.first), chosen)
        for mutant, (found, good) in zip(chosen, outcomes, strict=True):
            survivors += not good
            print(f"{mutant!s:24}{mutant.source.name:22}{found}", flush=True)
    print(f"{len(chosen) - survivors} of {len(chosen)} noticed, build {_isa.build}, {time.monotonic() - start:.0f} s")
    sys.exit(1 if survivors else 0)


if __name__ == "__main__":
    main()
