"""Caffe's four cross entropy layers with Caffe's own rules, for those who reproduce its results.

Each layer has Caffe's name, parameters and defaults. ``forward`` takes what Caffe calls the bottoms; ``backward`` gives
what Caffe would write into the difference of the first of them. It reads the array that ``forward`` was given once
more, so nothing may be written into that in between. Arrays of float32 and float64 take the place of ``Net<float>`` and
``Net<double>``; losses are added up in double.
"""

from fastxent.caffe._infogain_loss import InfogainLoss
from fastxent.caffe._multinomial_logistic_loss import MultinomialLogisticLoss
from fastxent.caffe._sigmoid_cross_entropy_loss import SigmoidCrossEntropyLoss
from fastxent.caffe._softmax_with_loss import SoftmaxWithLoss

__all__ = ["InfogainLoss", "MultinomialLogisticLoss", "SigmoidCrossEntropyLoss", "SoftmaxWithLoss"]
