"""The recipes of the guide "Larger than memory" evaluate as one evaluation in memory does."""

import importlib.util
import json
import shutil
import subprocess
import sys

import numpy as np
import pytest

from fastxent.evaluation import Evaluation
from tests.pages import DOCS, ROOT

C = 5
OF_LIBRARIES = pytest.mark.filterwarnings("ignore")  # which have warnings of their own
IN_MPI = """
import json, sys
from docs.recipes.with_mpi import MPI, evaluate
state = evaluate(json.loads(sys.argv[1]), 5).state()
print(json.dumps([MPI.COMM_WORLD.size, state]), flush=True) if MPI.COMM_WORLD.rank == 0 else None
"""


def recipe(name):
    path = DOCS / "recipes" / f"with_{name}.py"
    spec = importlib.util.spec_from_file_location(path.stem, path)
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.fixture
def pieces(tmp_path, rng):
    """The names of files, with logits and labels."""
    names = []
    for k in range(3):
        piece = tmp_path / f"logits-{k}.npy", tmp_path / f"target-{k}.npy"
        np.save(piece[0], rng.normal(size=(100, C)))
        np.save(piece[1], rng.integers(C, size=100))
        names.append(tuple(map(str, piece)))
    return names


@pytest.fixture
def state(pieces):
    """Of one evaluation in memory."""
    evaluation = Evaluation(C)
    for logits, target in pieces:
        evaluation.update(np.load(logits), np.load(target))
    return evaluation.state()


@OF_LIBRARIES
def test_the_recipe_for_ray(pieces, state):
    ray = pytest.importorskip("ray")
    ray.init(num_cpus=2, include_dashboard=False)
    try:
        assert recipe("ray").evaluate(pieces, C).state() == state
    finally:
        ray.shutdown()


@OF_LIBRARIES
def test_the_recipe_for_spark(pieces, state):
    sql = pytest.importorskip("pyspark.sql")
    if not shutil.which("java"):
        pytest.skip("Spark needs Java")
    session = sql.SparkSession.builder.master("local[2]").getOrCreate()
    try:
        assert recipe("spark").evaluate(pieces, C, session).state() == state
    finally:
        session.stop()


def test_the_recipe_for_mpi(pieces, state):
    pytest.importorskip("mpi4py")
    mpiexec = shutil.which("mpiexec", path=sys.prefix + "/bin") or shutil.which("mpiexec")
    if not mpiexec:
        pytest.skip("there is no mpiexec")
    command = [mpiexec, "-n", "2", sys.executable, "-c", IN_MPI, json.dumps(pieces)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout) == [2, json.loads(json.dumps(state))]
