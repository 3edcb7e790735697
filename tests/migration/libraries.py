"""All libraries that have rows, and what they were found to return."""

import importlib.util
import json
from pathlib import Path

from tests.migration.caffe_rows import CAFFE
from tests.migration.fused_rows import FUSED
from tests.migration.keras_rows import KERAS
from tests.migration.optax_rows import OPTAX
from tests.migration.rows import as_array
from tests.migration.scipy_rows import SCIPY
from tests.migration.sklearn_rows import SKLEARN
from tests.migration.torch_rows import TORCH

LIBRARIES = (TORCH, OPTAX, KERAS, SKLEARN, SCIPY, CAFFE, FUSED)
BY_NAME = {library.name: library for library in LIBRARIES}
VALUES = Path(__file__).with_name("values.json")


def installed(library):
    """Whether the rows can be run against the library itself."""
    return bool(library.packages) and all(importlib.util.find_spec(package) for package in library.packages)


def kept(library):
    """{their call: the arrays it returned}."""
    values = json.loads(VALUES.read_text())[library.name]
    return {call: [as_array(part) for part in parts] for call, parts in values["calls"].items()}


def versions(library):
    """The versions that the kept values are of."""
    return json.loads(VALUES.read_text())[library.name]["versions"]
