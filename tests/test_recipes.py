"""The recipes of the guide "Larger than memory" evaluate as one evaluation in memory does."""

import re
import shutil

import numpy as np
import pytest

from fastxent.evaluation import Evaluation
from tests.pages import DOCS

C = 5
RECIPES = dict(
    re.findall(
        r"^### (\w+)\n\n```python\n(.*?)^```", (DOCS / "guides" / "larger_than_memory.md").read_text(), re.M | re.S
    )
)


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


def test_the_guide_has_three_recipes():
    assert {"Ray", "Spark", "MPI"} <= set(RECIPES)


@pytest.mark.parametrize("title, module", [("Ray", "ray"), ("Spark", "pyspark"), ("MPI", "mpi4py.MPI")])
@pytest.mark.filterwarnings("ignore")  # of the libraries themselves
def test_a_recipe_evaluates_as_in_memory(title, module, pieces):
    pytest.importorskip(module, reason=f"{module} is not installed, or not complete", exc_type=ImportError)
    if title == "Spark" and not shutil.which("java"):
        pytest.skip("Spark needs Java")
    known = {"np": np, "Evaluation": Evaluation, "C": C, "pieces": pieces}
    try:
        exec(RECIPES[title], known)
    finally:
        if title == "Ray":
            known["ray"].shutdown()
        elif title == "Spark":
            known["SparkSession"].builder.getOrCreate().stop()
    expected = Evaluation(C)
    for logits, target in pieces:
        expected.update(np.load(logits), np.load(target))
    assert known["evaluation"].state() == expected.state()
