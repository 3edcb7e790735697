"""Caffe's loss of independent binary targets."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike

import fastxent as fx
from fastxent import _check
from fastxent._types import Array
from fastxent.caffe._bottoms import given, ignored_of, same_count
from fastxent.caffe._normalization import either, mode_of, normalizer_of


class SigmoidCrossEntropyLoss:
    r"""Caffe's SigmoidCrossEntropyLoss: of logits and a target for each of them.

    With the elements :math:`i` that are not ignored

    .. math::

       E = -\frac{1}{n} \sum_i t_i \log \sigma(x_i) + (1 - t_i) \log (1 - \sigma(x_i)), \qquad
       \frac{\partial E}{\partial x_i} = \frac{\sigma(x_i) - t_i}{n}

    Nothing is clamped: Caffe's forward pass is a stable form as well [1]_.

    Parameters
    ----------
    ignore_label : int, optional
        Elements whose target, truncated to an integer, is this have no influence. So 0 leaves out all targets below 1.
    normalization : {"FULL", "VALID", "BATCH_SIZE", "NONE"}, optional
        What :math:`n` is: the number of elements, of those that are not ignored, the size of the first axis, or 1; at
        least 1 in any case. By default "BATCH_SIZE", unlike in the other layers.
    normalize : bool, optional
        Caffe's older option, ignored if there is a `normalization`: True for "VALID", False for "BATCH_SIZE".

    References
    ----------
    .. [1] BVLC/caffe, src/caffe/layers/sigmoid_cross_entropy_loss_layer.cpp.

    Examples
    --------
    >>> import numpy as np
    >>> from fastxent import caffe
    >>> layer = caffe.SigmoidCrossEntropyLoss(ignore_label=-1)
    >>> round(layer.forward(np.array([[2.0, 0.0, 1.0]]), np.array([[1.0, 0.25, -1.0]])), 4)
    0.8201
    >>> np.round(layer.backward(), 4)
    array([[-0.1192,  0.25  ,  0.    ]])
    """

    _given: tuple[Array, Array, float] | None = None

    def __init__(
        self, *, ignore_label: int | None = None, normalization: str | None = None, normalize: bool | None = None
    ) -> None:
        self._ignore_label = ignored_of(ignore_label)
        self._normalization = mode_of(either(normalization, normalize, "BATCH_SIZE"))

    def forward(self, logits: ArrayLike, target: ArrayLike) -> float:
        """The loss.

        Parameters
        ----------
        logits : array_like, shape (N, ...)
            Log-odds.
        target : array_like
            As many numbers in [0, 1], or ignored ones, in the same order and with the same first axis.

        Returns
        -------
        float
            In nats.

        Raises
        ------
        ValueError
            If a target is outside [0, 1], which Caffe does not check, and not ignored; if a shape does not fit.
        """
        array, _ = _check.float_array(logits, "logits")
        targets = same_count(_check.real_array(target, "target"), "target", array.shape, array.shape)
        valid = targets.size
        if self._ignore_label is not None:
            ignored = np.trunc(targets) == self._ignore_label
            valid -= int(ignored.sum())
            targets = np.where(ignored, np.float64(self._ignore_label), targets)
        normalizer = normalizer_of(self._normalization, len(array), array.size, valid)
        loss = fx.sigmoid_cross_entropy(array, targets, ignore_index=self._ignore_label, reduction="sum")
        self._given = array, targets, normalizer
        return float(loss) / normalizer

    def backward(self, loss_weight: float = 1.0) -> Array:
        """The gradient of `loss_weight` times the loss with respect to the logits, in their shape."""
        array, targets, normalizer = given(self._given)
        scale = _check.real_number(loss_weight, "loss_weight") / normalizer
        _, grad = fx.sigmoid_cross_entropy_grad(
            array, targets, ignore_index=self._ignore_label, reduction="sum", grad_output=scale
        )
        return grad
