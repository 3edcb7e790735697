"""What SoftmaxWithLoss and InfogainLoss share."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

import fastxent as fx
from fastxent import _check
from fastxent._types import Array
from fastxent.caffe._bottoms import given, ignored_of, labels_of
from fastxent.caffe._normalization import mode_of, normalizer_of


class OfLogits:
    """What SoftmaxWithLoss and InfogainLoss share: a softmax of their own, labels, ignored labels, normalization."""

    _eps: float
    _given: tuple[Array, Array, float, Array | None] | None = None

    def __init__(self, ignore_label: int | None, axis: int, normalization: str, exact: bool) -> None:
        self._ignore_label = ignored_of(ignore_label)
        self._axis = axis
        self._normalization = mode_of(normalization)
        self._exact = exact

    def _options(self, infogain: Array | None) -> dict[str, Any]:
        return {
            "axis": self._axis, "ignore_index": self._ignore_label, "infogain": infogain, "reduction": "sum",
        }  # fmt: skip

    def _forward(self, logits: ArrayLike, label: ArrayLike, infogain: Array | None) -> tuple[float, Array]:
        array, dtype = _check.float_array(logits, "logits")
        axis = _check.axis_of(self._axis, array.ndim, "logits")
        prob = fx.softmax(array, axis=axis, out=np.empty_like(array, dtype))  # not rounded before the loss
        labels = labels_of(label, prob.shape, axis, self._ignore_label)
        valid: Array = labels != self._ignore_label  # everywhere, if that is None
        normalizer = normalizer_of(self._normalization, math.prod(prob.shape[:axis]), labels.size, int(valid.sum()))
        if self._exact:
            loss = fx.softmax_cross_entropy(array, labels, **self._options(infogain))
        elif np.isnan(prob.sum(axis=axis)[valid]).any():
            loss = math.nan  # as in Caffe, where a NaN passes std::max
        else:
            loss = fx.clamped_cross_entropy(prob, labels, eps=self._eps, **self._options(infogain))
        self._given = array, labels, normalizer, infogain
        return float(loss) / normalizer, prob

    def backward(self, loss_weight: float = 1.0) -> Array:
        """The gradient of `loss_weight` times the loss with respect to the logits, in their shape; never clamped."""
        array, labels, normalizer, infogain = given(self._given)
        scale = _check.real_number(loss_weight, "loss_weight") / normalizer
        _, grad = fx.softmax_cross_entropy_grad(array, labels, grad_output=scale, **self._options(infogain))
        return grad
