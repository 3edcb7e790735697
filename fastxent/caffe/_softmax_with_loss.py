"""Caffe's softmax and loss in one."""

from __future__ import annotations

from numpy.typing import ArrayLike

from fastxent._types import Array
from fastxent.caffe._normalization import either
from fastxent.caffe._of_logits import OfLogits
from fastxent.caffe._thresholds import FLT_MIN


class SoftmaxWithLoss(OfLogits):
    r"""Caffe's SoftmaxWithLoss: of logits and class labels.

    With the softmax :math:`p` along `axis` and the labels :math:`y_i` that are not ignored

    .. math::

       E = -\frac{1}{n} \sum_i \log \max(p_{i y_i}, \mathrm{FLT\_MIN}), \qquad
       \frac{\partial E}{\partial x_{ik}} = \frac{p_{ik} - [k = y_i]}{n}

    The forward pass clamps probabilities at 1.2e-38, the backward pass does not [1]_.

    Parameters
    ----------
    ignore_label : int, optional
        The label of what has no influence.
    axis : int, default 1
        The axis of the classes.
    normalization : {"FULL", "VALID", "BATCH_SIZE", "NONE"}, optional
        What :math:`n` is: the number of all labels, of those that are not ignored, of the entries on the axes before
        `axis`, or 1; at least 1 in any case. By default "VALID".
    normalize : bool, optional
        Caffe's older option, ignored if there is a `normalization`: True for "VALID", False for "BATCH_SIZE".
    exact : bool, default False
        Whether the loss is that of `fastxent.softmax_cross_entropy`, which neither clamps nor rounds p to 0 or 1.

    References
    ----------
    .. [1] BVLC/caffe, src/caffe/layers/softmax_loss_layer.cpp and LossParameter in src/caffe/proto/caffe.proto.

    Examples
    --------
    >>> import numpy as np
    >>> from fastxent import caffe
    >>> logits = np.array([[2.0, 0.0], [0.0, 200.0], [1.0, 1.0]])
    >>> layer = caffe.SoftmaxWithLoss(ignore_label=255)
    >>> loss, prob = layer.forward(logits, np.array([0.0, 0.0, 255.0]))
    >>> round(loss, 4)
    43.7317
    >>> np.round(layer.backward(), 4)
    array([[-0.0596,  0.0596],
           [-0.5   ,  0.5   ],
           [ 0.    ,  0.    ]])
    >>> exact = caffe.SoftmaxWithLoss(ignore_label=255, exact=True)
    >>> loss, prob = exact.forward(logits, np.array([0, 0, 255]))
    >>> round(loss, 4)
    100.0635
    """

    _eps = FLT_MIN

    def __init__(
        self, *, ignore_label: int | None = None, axis: int = 1, normalization: str | None = None,
        normalize: bool | None = None, exact: bool = False,
    ) -> None:  # fmt: skip
        super().__init__(ignore_label, axis, either(normalization, normalize, "VALID"), exact)

    def forward(self, logits: ArrayLike, label: ArrayLike) -> tuple[float, Array]:
        """The loss and the probabilities, which are Caffe's second top.

        Parameters
        ----------
        logits : array_like, shape (N, ..., C, ...)
            Unnormalised log-probabilities, the classes on the layer's axis.
        label : array_like
            Class labels, as many as there are logits per class, in the same order: (N, H, W) or (N, 1, H, W) for logits
            (N, C, H, W). Floats are truncated to integers.

        Returns
        -------
        loss : float
            In nats.
        prob : ndarray, the shape of `logits`
            The softmax.

        Raises
        ------
        ValueError
            If a label is neither a class nor `ignore_label`, or a shape does not fit.
        """
        return self._forward(logits, label, None)
