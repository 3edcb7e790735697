"""Caffe's loss with an infogain matrix."""

from __future__ import annotations

import math

from numpy.typing import ArrayLike

from fastxent import _check
from fastxent._types import Array
from fastxent.caffe._of_logits import OfLogits
from fastxent.caffe._thresholds import LOG_THRESHOLD


class InfogainLoss(OfLogits):
    r"""Caffe's InfogainLoss: of logits, class labels and a matrix H of what a class gains from another's label.

    With the softmax :math:`p` along `axis` and the labels :math:`y_i` that are not ignored

    .. math::

       E = -\frac{1}{n} \sum_i \sum_k H_{y_i k} \log \max(p_{ik}, 10^{-20}), \qquad
       \frac{\partial E}{\partial x_{ik}} = \frac{1}{n} \Bigl( p_{ik} \sum_j H_{y_i j} - H_{y_i k} \Bigr)

    The forward pass clamps, the backward pass does not [1]_. The layer has had a softmax of its own since 2017; its
    earlier form on probabilities is `fastxent.clamped_cross_entropy_grad` with ``infogain``.

    Parameters
    ----------
    infogain : array_like, K x K numbers, optional
        The matrix, not negative, if it is not given to `forward`.
    ignore_label : int, optional
        The label of what has no influence.
    axis : int, default 1
        The axis of the classes.
    normalization : {"FULL", "VALID", "BATCH_SIZE", "NONE"}, default "VALID"
        What :math:`n` is, as in `SoftmaxWithLoss`.
    exact : bool, default False
        Whether the loss is that of `fastxent.softmax_cross_entropy`, which does not clamp.

    References
    ----------
    .. [1] BVLC/caffe, src/caffe/layers/infogain_loss_layer.cpp.

    Examples
    --------
    >>> import numpy as np
    >>> from fastxent import caffe
    >>> layer = caffe.InfogainLoss(infogain=[[1.0, 0.5], [0.0, 2.0]])
    >>> loss, prob = layer.forward(np.array([[2.0, 0.0], [0.0, 1.0]]), [0, 1])
    >>> round(loss, 4)
    0.9085
    >>> np.round(layer.backward(), 4)
    array([[ 0.1606, -0.1606],
           [ 0.2689, -0.2689]])
    """

    _eps = LOG_THRESHOLD

    def __init__(
        self, infogain: ArrayLike | None = None, *, ignore_label: int | None = None, axis: int = 1,
        normalization: str = "VALID", exact: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(ignore_label, axis, normalization, exact)
        self._infogain = infogain

    def forward(
        self, logits: ArrayLike, label: ArrayLike, infogain: ArrayLike | None = None
    ) -> tuple[float, Array]:  # fmt: skip
        """The loss and the probabilities, which are Caffe's second top.

        Parameters
        ----------
        logits : array_like, shape (N, ..., C, ...)
            Unnormalised log-probabilities, the classes on the layer's axis.
        label : array_like
            Class labels, as in `SoftmaxWithLoss.forward`.
        infogain : array_like, C x C numbers, optional
            Caffe's third bottom; the layer's own matrix by default.

        Returns
        -------
        loss : float
            In nats.
        prob : ndarray, the shape of `logits`
            The softmax.

        Raises
        ------
        ValueError
            If a label is neither a class nor `ignore_label`, a shape does not fit, or there is no matrix.
        """
        matrix = self._infogain if infogain is None else infogain
        if matrix is None:
            raise ValueError("there is no infogain matrix: give it to the layer, or to forward")
        array = _check.real_array(matrix, "infogain")
        size = math.isqrt(array.size)
        if size * size != array.size:
            raise ValueError(f"infogain has shape {array.shape}, but the matrix is square")
        return self._forward(logits, label, array.reshape(size, size))
