"""Whether a library's answer is the answer, before its time counts."""

from collections.abc import Callable

import numpy as np

from side_by_side.libraries import numpy_formula
from side_by_side.problems import Problem

TOLERANCE = {"float32": 1e-4, "float64": 1e-10, "float16": 2e-3, "bfloat16": 1e-2}  # some round losses to half as well
LEAST = {"float16": 2.0**-24}  # the step between subnormals, where gradients of means soon are


def expected(operation: str, problem: Problem) -> dict:
    """The textbook formula in float64, by kind of work."""
    exact = Problem(problem.logits.astype("float64"), problem.target.astype(_wide(problem.target)), problem.axis)
    calls = getattr(numpy_formula, operation)(exact, n_threads=1)
    return {kind: call() for kind, call in calls.items()}


def _wide(target):
    return "float64" if target.dtype.kind == "f" else target.dtype


def check(name: str, result: tuple, right: tuple, dtype: str, numpy_of: Callable = np.asarray) -> None:
    """Raises AssertionError where loss or array differ; per-row losses count by their mean, sums' gradients by 1/n."""
    loss, array = result
    right_loss, right_array = right
    rows = np.size(loss) if np.ndim(loss) else 1
    if loss is not None:
        _near(f"{name}: loss", np.mean(numpy_of(loss), dtype="float64"), right_loss, dtype)
    if array is not None:
        _near(f"{name}: array", numpy_of(array) / rows, right_array, dtype)


def _near(name, value, right, dtype):
    worst = np.max(np.abs(value - right))
    scale = np.max(np.abs(right))
    if not worst <= TOLERANCE[dtype] * scale + LEAST.get(dtype, 0.0):
        raise AssertionError(f"{name} is off by {worst:.3g} where the largest right value is {scale:.3g}")
