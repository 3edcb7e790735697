"""scikit-learn's own tests of the log loss, of the installed version, run with the functions of `fastxent.metrics`.

Its test modules are loaded a second time, with these functions in the place of scikit-learn's. Left out are tests that
other array libraries than NumPy take part in, and data frames of libraries that are not installed.
"""

import importlib.util
import inspect
from functools import partial
from unittest.mock import patch

import pytest
import sklearn.metrics
from sklearn.metrics import _classification, _scorer

from fastxent import metrics

# what scikit-learn's settings for its own tests let pass
pytestmark = pytest.mark.filterwarnings("default")

OURS = {"log_loss": metrics.log_loss, "d2_log_loss_score": metrics.d2_log_loss_score}
SCORER = {"neg_log_loss": metrics.neg_log_loss_scorer}
NAMES = {*OURS, "unnormalized_log_loss"}


def loaded(name):
    """The test module, which takes our functions for scikit-learn's."""
    spec = importlib.util.find_spec(f"sklearn.metrics.tests.{name}")
    module = importlib.util.module_from_spec(spec)
    public, private = (patch.multiple(module, **OURS) for module in (sklearn.metrics, _classification))
    with public, private, patch.dict(_scorer._SCORERS, SCORER):
        spec.loader.exec_module(module)
    return module


def found_in(module):
    return {name: f for name, f in vars(module).items() if name.startswith("test_") and "array_api" not in name}


def is_ours(value, names):
    """Whether a parameter is one of our functions, or the name of one."""
    value = value.func if isinstance(value, partial) else value
    return value in OURS.values() if callable(value) else value in names


def is_installed(library):
    return importlib.util.find_spec(library) is not None


def with_our_parameters(test, names):
    """The test, parametrised with our functions and no others; None if it is not parametrised with them."""
    marks, found = [], False
    for mark in getattr(test, "pytestmark", []):
        if mark.name == "parametrize" and mark.args[0] in {"name", "metric", "metric_name"}:
            values = [value for value in mark.args[1] if is_ours(value, names)]
            if not values:
                return None
            ids = [v if isinstance(v, str) else getattr(v, "__name__", "unnormalized_log_loss") for v in values]
            mark, found = pytest.mark.parametrize(mark.args[0], values, ids=ids).mark, True
        elif mark.name == "parametrize" and mark.args[0] == "df_lib_name":
            mark = pytest.mark.parametrize("df_lib_name", list(filter(is_installed, mark.args[1]))).mark
        marks.append(mark)
    test.pytestmark = marks
    return test if found else None


@pytest.fixture(autouse=True)
def our_scorer():
    """scikit-learn finds scorers by name, and then finds ours."""
    with patch.dict(_scorer._SCORERS, SCORER):
        yield


def suite():
    """The tests of single functions, and of whatever is parametrised with all metrics or scorers."""
    of_losses, of_metrics, of_scorers = map(loaded, ("test_classification", "test_common", "test_score_objects"))
    yield from ((name, f) for name, f in found_in(of_losses).items() if "log_loss" in name)
    yield from ((name, f) for name, f in found_in(of_scorers).items() if "neg_log_loss" in inspect.getsource(f))
    for module, names in ((of_metrics, NAMES), (of_scorers, SCORER)):
        yield from ((name, f) for name, f in found_in(module).items() if with_our_parameters(f, names))
    yield "memmap_data_and_estimators", of_scorers.memmap_data_and_estimators


globals().update(suite())


def test_the_functions_under_test_are_ours():
    for name, function in OURS.items():
        test = globals()[f"test_{name}"]
        assert test.__globals__[name] is function
    assert type(sklearn.metrics.get_scorer("neg_log_loss")) is type(metrics.neg_log_loss_scorer)
