"""Rows like those of tests/table.py for what calls the kernels in other libraries' terms; its own reference."""

from dataclasses import dataclass

import numpy as np

import fastxent
import fastxent.reference
from fastxent import boosting, caffe, evaluation, metrics
from fastxent.sklearn import BinomialLoss, MultinomialLoss
from tests.table import LARGE_VOCABULARY, Function

WEIGHT = ("sample_weight", "n_threads")


@dataclass(frozen=True)
class Adapter(Function):
    """`kind` says which formula its arguments are drawn for: those of a function of the table."""

    function: object = None

    @property
    def call(self):
        return self.function

    reference = call


def classes_of(array):
    return [0, *np.shape(array)][-1]


def log_loss(probs, target, **options):
    return metrics.log_loss(target, probs, labels=np.arange(classes_of(probs)), **options)


def d2_log_loss_score(probs, target, **options):
    return metrics.d2_log_loss_score(target, probs, labels=np.arange(classes_of(probs)), **options)


def layer(kind):
    def call(x, target):
        layer = kind()
        loss = layer.forward(x, target, *([np.eye(classes_of(x))] if kind is caffe.InfogainLoss else []))
        return (loss[0] if isinstance(loss, tuple) else loss), layer.backward()

    return call


def evaluated(logits, target, **options):
    classes = classes_of(logits)
    scores = evaluation.Evaluation(classes, top_k=(1,), calibration_bins=5).update(logits, target, **options).compute()
    return scores.loss, scores.accuracy


def multinomial(raw, target, out=None, hess_out=None, **options):
    loss = MultinomialLoss(n_classes=classes_of(raw))
    return loss.gradient_hessian(target, raw, gradient_out=out, hessian_out=hess_out, **options)


def binomial(raw, target, out=None, hess_out=None, **options):
    return BinomialLoss().gradient_hessian(target, raw, gradient_out=out, hessian_out=hess_out, **options)


def objective(kind):
    def call(raw, target, sample_weight=None):
        return kind("lightgbm", "sklearn")(target, raw, sample_weight)

    return call


@dataclass(frozen=True)
class OfLayer(Function):
    """A function of a linear layer with hidden states and target first, as a problem has its arguments."""

    @property
    def call(self):
        return lambda hidden, target, **options: getattr(fastxent, self.name)(hidden, target=target, **options)

    @property
    def reference(self):
        function = getattr(fastxent.reference, self.name)
        return lambda hidden, target, **options: function(hidden, target=target, **options)


VOCABULARY = tuple(OfLayer(f.name, f.kind, f.gives, f.options) if f.kind == "linear" else f for f in LARGE_VOCABULARY)
LOSS, DERIVATIVES = ("loss", "grad"), ("grad", "hess")
ADAPTERS = (
    Adapter("log_loss", "clamped", ("loss",), WEIGHT, log_loss),
    Adapter("d2_log_loss_score", "clamped", ("loss",), WEIGHT, d2_log_loss_score),
    Adapter("MultinomialLogisticLoss", "clamped", LOSS, (), layer(caffe.MultinomialLogisticLoss)),
    Adapter("SoftmaxWithLoss", "softmax", LOSS, (), layer(caffe.SoftmaxWithLoss)),
    Adapter("InfogainLoss", "softmax", LOSS, (), layer(caffe.InfogainLoss)),
    Adapter("SigmoidCrossEntropyLoss", "sigmoid", LOSS, (), layer(caffe.SigmoidCrossEntropyLoss)),
    Adapter("Evaluation", "softmax", ("loss", "value"), WEIGHT, evaluated),
    Adapter("MultinomialLoss", "softmax", DERIVATIVES, (*WEIGHT, "out", "hess_out"), multinomial),
    Adapter("BinomialLoss", "sigmoid", DERIVATIVES, (*WEIGHT, "out", "hess_out"), binomial),
    Adapter("softmax_objective", "softmax", DERIVATIVES, ("sample_weight",), objective(boosting.softmax_objective)),
    Adapter("sigmoid_objective", "sigmoid", DERIVATIVES, ("sample_weight",), objective(boosting.sigmoid_objective)),
    Adapter("focal_objective", "sigmoid", DERIVATIVES, ("sample_weight",), objective(boosting.focal_objective)),
)
