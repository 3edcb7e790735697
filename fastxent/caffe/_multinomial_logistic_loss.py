"""Caffe's loss of probabilities."""

from __future__ import annotations

from numpy.typing import ArrayLike

import fastxent as fx
from fastxent import _check
from fastxent._types import Array
from fastxent.caffe._bottoms import flattened, given, labels_of
from fastxent.caffe._thresholds import LOG_THRESHOLD


class MultinomialLogisticLoss:
    r"""Caffe's MultinomialLogisticLoss: of probabilities and class labels, divided by the batch size.

    .. math::

       E = -\frac{1}{N} \sum_i \log \max(q_{i y_i}, 10^{-20}), \qquad
       \frac{\partial E}{\partial q_{iy_i}} = -\frac{1}{N \max(q_{i y_i}, 10^{-20})}

    The layer has no options: it ignores no label and knows no normalization [1]_.

    Notes
    -----
    Caffe keeps its threshold as a float. In a ``Net<double>`` it therefore is the float next to 1e-20, and the loss of
    a clamped row larger by 3e-8 than here.

    References
    ----------
    .. [1] BVLC/caffe, src/caffe/layers/multinomial_logistic_loss_layer.cpp.

    Examples
    --------
    >>> import numpy as np
    >>> from fastxent import caffe
    >>> layer = caffe.MultinomialLogisticLoss()
    >>> round(layer.forward(np.array([[0.8, 0.2], [0.5, 0.5]]), np.array([0.0, 1.0])), 4)
    0.4581
    >>> layer.backward()
    array([[-0.625,  0.   ],
           [ 0.   , -1.   ]])
    """

    _given: tuple[Array, Array] | None = None

    def forward(self, probs: ArrayLike, label: ArrayLike) -> float:
        """The loss.

        Parameters
        ----------
        probs : array_like, shape (N, ...)
            Probabilities. All axes but the first count together as the classes.
        label : array_like, shape (N,), (N, 1), (N, 1, 1) or (N, 1, 1, 1)
            Class labels; floats are truncated to integers.

        Returns
        -------
        float
            In nats.

        Raises
        ------
        ValueError
            If a label is no class, a probability at a label is negative or NaN, or a shape does not fit.
        """
        array, _ = _check.float_array(probs, "probs")
        flat = flattened(array)
        labels = labels_of(label, flat.shape, 1, None)
        self._given = array, labels
        return float(fx.clamped_cross_entropy(flat, labels, eps=LOG_THRESHOLD))

    def backward(self, loss_weight: float = 1.0) -> Array:
        """The gradient of `loss_weight` times the loss with respect to the probabilities, in their shape."""
        array, labels = given(self._given)
        flat = flattened(array)
        scale = _check.real_number(loss_weight, "loss_weight")
        _, grad = fx.clamped_cross_entropy_grad(flat, labels, eps=LOG_THRESHOLD, grad_output=scale)
        return grad.reshape(array.shape)
