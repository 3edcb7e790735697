"""scikit-learn's own tests of its CalibrationDisplay, run with ReliabilityDisplay in its place."""

import importlib.util
import inspect
from unittest.mock import patch

import matplotlib as mpl
import pytest
import sklearn.calibration

from fastxent.sklearn import ReliabilityDisplay

mpl.use("Agg")
import matplotlib.pyplot as plt  # the backend has to be chosen first


def their_module():
    """A second copy of scikit-learn's test module, which takes our display for scikit-learn's."""
    spec = importlib.util.find_spec("sklearn.tests.test_calibration")
    module = importlib.util.module_from_spec(spec)
    with patch.object(sklearn.calibration, "CalibrationDisplay", ReliabilityDisplay):
        spec.loader.exec_module(module)
    return module


MODULE = their_module()
iris_data, iris_data_binary = MODULE.iris_data, MODULE.iris_data_binary
TESTS = {
    name: test
    for name, test in vars(MODULE).items()
    if name.startswith("test_") and "CalibrationDisplay" in inspect.getsource(test)
}
globals().update(TESTS)


@pytest.fixture
def pyplot():
    yield plt
    plt.close("all")


def test_their_tests_are_here_and_take_ours():
    assert len(TESTS) >= 7
    assert MODULE.CalibrationDisplay is ReliabilityDisplay
