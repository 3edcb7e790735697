"""What NumPy says of overflow and the like is as before after every call, also one that is interrupted."""

import itertools
import sys

import numpy as np
import pytest
import scipy.stats

import fastxent as fx
from fastxent import continuous
from fastxent.evaluation import Evaluation
from fastxent.sklearn import SoftmaxClassifier, TemperatureScaling

HIDDEN, WEIGHT, LABELS = np.eye(3), np.arange(12.0).reshape(4, 3), np.array([0, 1, 3])
WIDE = np.ones((1025, 3))  # more classes than a tile has
LOGITS = np.array([[1.0, 0.0, 2.0, 0.5], [0.0, 1.0, 0.0, 3.0], [0.0, 2.0, 0.0, 1.0]])
# fmt: off
CALLS = {
    "linear_cross_entropy": lambda: fx.linear_cross_entropy(HIDDEN, WEIGHT, LABELS),
    "linear_cross_entropy of tiles": lambda: fx.linear_cross_entropy(HIDDEN, WIDE, LABELS, reduction="none"),
    "linear_cross_entropy_grad": lambda: fx.linear_cross_entropy_grad(HIDDEN, WEIGHT, LABELS),
    "linear_target_statistics": lambda: fx.linear_target_statistics(HIDDEN, WEIGHT, LABELS),
    "clamped_cross_entropy": lambda: fx.clamped_cross_entropy(np.full((3, 4), 0.25), LABELS, eps=np.float32(0.125)),
    "Evaluation": lambda: Evaluation(4).update(LOGITS, LABELS),
    "continuous.entropy": lambda: continuous.entropy(scipy.stats.norm),
    "TemperatureScaling": lambda: TemperatureScaling(classes=range(4)).fit(LOGITS, LABELS),
    "SoftmaxClassifier": lambda: SoftmaxClassifier().fit(HIDDEN, LABELS),
}
# fmt: on


class Interrupt:
    """Ctrl-C at one of the places where Python comes through NumPy's errstate for us."""

    def __init__(self, place):
        self.left = place

    def __call__(self, frame, event, _):
        name, caller = (f.f_globals.get("__name__", "") for f in (frame, frame.f_back))
        if name != "numpy._core._ufunc_config" or not caller.startswith("fastxent."):  # scikit-learn has its own
            return None
        if self.left == 0:
            raise KeyboardInterrupt
        self.left -= 1
        return self


@pytest.mark.parametrize("name", CALLS)
def test_an_interrupt_within_errstate_leaves_it_as_it_was(name):
    before = np.geterr()
    traced = sys.gettrace()
    for place in itertools.count():
        try:
            sys.settrace(Interrupt(place))
            CALLS[name]()
        except KeyboardInterrupt:
            pass
        else:
            break
        finally:
            sys.settrace(traced)
            after = np.geterr()
            np.seterr(**before)
        assert after == before, place
    assert place > 0


def test_a_fit_may_underflow():
    X, y = np.random.default_rng(0).standard_normal((120, 6)), np.arange(120) % 3
    with np.errstate(all="raise"):
        SoftmaxClassifier().fit(1e-150 * X, y)
