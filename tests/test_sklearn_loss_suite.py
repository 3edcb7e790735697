"""scikit-learn's own tests of its losses, run through MultinomialLoss and BinomialLoss.

Their module is executed a second time, with our losses under the names of scikit-learn's: its lists of instances and
its parameters are then ours. What is about other losses is left out.
"""

import importlib.util
import sys
from unittest import mock

import numpy as np
import pytest
import sklearn._loss.loss
from sklearn._loss._loss import CyHalfBinomialLoss, CyHalfMultinomialLoss
from sklearn._loss.loss import BaseLoss

from fastxent.sklearn import BinomialLoss, MultinomialLoss

# About what we have no counterpart of: other losses, scikit-learn's classes for the array API and its compiled module.
OF_OTHERS = {"test_tweedie_log_identity_consistency", "test_loss_init_parameter_validation"}
if tuple(map(int, sklearn.__version__.split(".")[:2])) >= (1, 9):
    OF_OTHERS |= {"test_loss_array_api", "test_log1pexp", "test_cy_loss_classes_module"}


class HalfMultinomialLoss(MultinomialLoss):
    """Ours; two of the tests compare its results with those of scikit-learn's compiled loss in `closs`."""

    def __init__(self, **options):
        super().__init__(**options)
        self.closs = CyHalfMultinomialLoss()


class HalfBinomialLoss(BinomialLoss):
    def __init__(self, **options):
        super().__init__(**options)
        self.closs = CyHalfBinomialLoss()


OURS = {"binomial_loss": HalfBinomialLoss, "multinomial_loss": HalfMultinomialLoss}


def their_module():
    """A second copy of scikit-learn's test module, which knows no other losses than ours under these names."""
    spec = importlib.util.find_spec("sklearn._loss.tests.test_loss")
    module = importlib.util.module_from_spec(spec)
    with mock.patch.multiple(sklearn._loss.loss, _LOSSES=OURS, **{c.__name__: c for c in OURS.values()}):
        spec.loader.exec_module(module)
    return module


def is_ours(value):
    """Whether a parameter called loss, a row of parameters that starts with one, or a name is one of ours."""
    loss = value[0] if isinstance(value, tuple) else value
    if isinstance(loss, str):
        return loss in OURS
    return isinstance(loss, tuple(OURS.values())) if isinstance(loss, BaseLoss) else loss in OURS.values()


def only_ours(mark):
    """A mark of a test, and of one with the parameter `loss` only the rows with ours."""
    if mark.name != "parametrize" or not mark.args[0].startswith("loss"):
        return mark
    names, values = mark.args
    return pytest.mark.parametrize(names, [value for value in values if is_ours(value)], **mark.kwargs).mark


def their_tests():
    tests = {name: value for name, value in vars(their_module()).items() if name.startswith("test_")}
    assert tests.keys() >= OF_OTHERS
    for name in OF_OTHERS:
        del tests[name]
    for test in tests.values():
        test.pytestmark = [only_ours(mark) for mark in getattr(test, "pytestmark", [])]
    return tests


@pytest.fixture(params=[0, 42])
def global_random_seed(request):
    return request.param


@pytest.fixture(params=[np.float32, np.float64], ids=["float32", "float64"])
def global_dtype(request):
    return request.param


globals().update(their_tests())


def test_their_tests_run_ours():
    """Each of their tests that has the parameter `loss` has rows left, and they are ours."""
    for name, test in vars(sys.modules[__name__]).items():
        for mark in getattr(test, "pytestmark", []):
            if name.startswith("test_") and mark.name == "parametrize" and mark.args[0].startswith("loss"):
                assert mark.args[1], name
                assert all(map(is_ours, mark.args[1])), name
