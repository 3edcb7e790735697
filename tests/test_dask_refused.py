"""Functions for memory load no block of a dask collection: they name what works on its blocks."""

import dask
import dask.array as da
import numpy as np
import pytest

import fastxent as fx
from fastxent import boosting, caffe, metrics
from fastxent.evaluation import Evaluation
from fastxent.sklearn import (
    MultinomialLoss,
    ReliabilityDisplay,
    SoftmaxClassifier,
    SoftmaxClassifierCV,
    TemperatureScaling,
)

RNG = np.random.default_rng(0)
Y = np.arange(30) % 3
X = RNG.normal(size=(30, 3)) + np.eye(3)[Y]
PROBS = fx.softmax(X)
FITTED = SoftmaxClassifier().fit(X, Y)
SCALED = TemperatureScaling().fit(X, Y)
LOSS = MultinomialLoss(n_classes=3)
METRIC = boosting.softmax_metric("xgboost", api="sklearn")
CALLS = {
    "softmax": ("x", fx.softmax, [X]),
    "softmax_cross_entropy": ("logits", fx.softmax_cross_entropy, [X, Y]),
    "sigmoid_cross_entropy": ("logits", fx.sigmoid_cross_entropy, [X, X > 0]),
    "linear_cross_entropy": ("hidden", fx.linear_cross_entropy, [X, np.eye(3), Y]),
    "target_statistics": ("logits", fx.target_statistics, [X, Y]),
    "Evaluation.update": ("scores", lambda *args: Evaluation(3).update(*args), [X, Y]),
    "log_loss": ("y_true", metrics.log_loss, [Y, PROBS]),
    "d2_log_loss_score": ("y_true", metrics.d2_log_loss_score, [Y, PROBS]),
    "log_loss, multilabel": ("y_true", lambda *args: metrics.log_loss(*args, multilabel=True), [X > 0, PROBS]),
    "the scorer": ("X", lambda X, y: metrics.neg_log_loss_scorer(FITTED, X, y), [X, Y]),
    "SoftmaxClassifier.fit": ("X", lambda *args: SoftmaxClassifier().fit(*args), [X, Y, np.ones(30)]),
    "SoftmaxClassifierCV.fit": ("X", lambda *args: SoftmaxClassifierCV().fit(*args), [X, Y]),
    "SoftmaxClassifier.predict": ("X", FITTED.predict, [X]),
    "SoftmaxClassifier.predict_proba": ("X", FITTED.predict_proba, [X]),
    "SoftmaxClassifier.score": ("X", FITTED.score, [X, Y, np.ones(30)]),
    "TemperatureScaling.fit": ("X", lambda *args: TemperatureScaling().fit(*args), [X, Y, np.ones(30)]),
    "TemperatureScaling.predict_proba": ("X", SCALED.predict_proba, [X]),
    "ReliabilityDisplay": ("y_true", ReliabilityDisplay.from_predictions, [Y, PROBS]),
    "MultinomialLoss": ("y_true", LOSS.loss, [Y.astype(float), X]),
    "boosting": ("labels", METRIC, [Y, X]),
    "caffe": ("logits", lambda *args: caffe.SoftmaxWithLoss().forward(*args), [X, Y]),
}  # fmt: skip


def never(block):
    raise AssertionError("a block was loaded")


def lazy(array):
    return da.from_array(array, chunks=10).map_blocks(never, dtype=array.dtype, meta=np.empty((0,) * array.ndim))


@pytest.mark.parametrize("title, number", [(title, i) for title, (*_, args) in CALLS.items() for i in range(len(args))])
def test_each_argument_that_is_a_dask_array_is_refused(title, number):
    first, call, args = CALLS[title]
    name = first if number == 0 else r"\w+"
    with pytest.raises(
        TypeError, match=rf"^{name} is a dask Array, which .*; fastxent.dask has what works on its blocks"
    ):
        call(*[lazy(one) if i == number else one for i, one in enumerate(args)])


def test_lists_of_dask_arrays_are_refused_too():
    rows = [lazy(row) for row in X]
    for call in (fx.softmax_cross_entropy, metrics.log_loss, SoftmaxClassifier().fit):
        with pytest.raises(TypeError, match=r"^\w+ is a dask Array, which .*; fastxent.dask has"):
            call(rows, Y)
    itself = []
    itself.append(itself)
    with pytest.raises(ValueError, match="logits is no array"):
        fx.softmax_cross_entropy(itself, Y)


def test_other_collections_are_refused_by_name():
    with pytest.raises(TypeError, match="logits is a dask Delayed"):
        fx.softmax_cross_entropy(dask.delayed(never)(0), Y)


class Labelled:
    """As xarray's: it has the protocol's method, whether its array is one of dask's or in memory."""

    def __init__(self, array, graph):
        self.array, self.graph = array, graph

    def __dask_graph__(self):
        return self.graph

    def __array__(self, dtype=None, copy=None):
        return np.array(self.array, dtype)


def test_what_holds_a_dask_array_is_refused_and_what_could_is_not():
    with pytest.raises(TypeError, match="logits is a tests Labelled of dask"):
        fx.softmax_cross_entropy(Labelled(X, {"key": 0}), Y)
    assert fx.softmax_cross_entropy(Labelled(X, None), Y) == fx.softmax_cross_entropy(X, Y)
