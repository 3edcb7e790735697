"""Caffe's four cross entropy layers with Caffe's own rules, for those who reproduce its results.

Each layer has Caffe's name, parameters and defaults. ``forward`` takes what Caffe calls the bottoms; ``backward`` gives
what Caffe would write into the difference of the first of them. It reads the array that ``forward`` was given once
more, so nothing may be written into that in between. Arrays of float32 and float64 take the place of ``Net<float>`` and
``Net<double>``; losses are added up in double.
"""

from __future__ import annotations

import math
import operator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

import fastxent as fx
from fastxent import _check, _explain
from fastxent._types import Array

__all__ = ["InfogainLoss", "MultinomialLogisticLoss", "SigmoidCrossEntropyLoss", "SoftmaxWithLoss"]

LOG_THRESHOLD = 1e-20  # kLOG_THRESHOLD in include/caffe/layers/loss_layer.hpp
FLT_MIN = float(np.finfo(np.float32).tiny)
NORMALIZATIONS = ("FULL", "VALID", "BATCH_SIZE", "NONE")


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
        _, grad = fx.clamped_cross_entropy_grad(flat, labels, eps=LOG_THRESHOLD, grad_output=loss_weight)
        return grad.reshape(array.shape)


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
        scale = loss_weight / normalizer
        _, grad = fx.softmax_cross_entropy_grad(array, labels, grad_output=scale, **self._options(infogain))
        return grad


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
        scale = loss_weight / normalizer
        _, grad = fx.sigmoid_cross_entropy_grad(
            array, targets, ignore_index=self._ignore_label, reduction="sum", grad_output=scale
        )
        return grad


def flattened(array: Array) -> Array:
    """All axes but the first as one."""
    return array.reshape(len(array), math.prod(array.shape[1:]))


def ignored_of(label: int | None) -> int | None:
    """The ignored label, an int32 in Caffe."""
    if label is None:
        return None
    number = operator.index(label)
    if not -(2**31) <= number < 2**31:
        raise ValueError(f"ignore_label = {number}, but it must be a number of 32 bits")
    return number


def mode_of(normalization: str) -> str:
    if normalization not in NORMALIZATIONS:
        raise ValueError(f"normalization = {normalization!r}, but it must be one of {', '.join(NORMALIZATIONS)}")
    return normalization


def either(normalization: str | None, normalize: bool | None, default: str) -> str:
    """The normalization, else what the older option means, else the layer's own."""
    if normalization is not None:
        return normalization
    return default if normalize is None else "VALID" if normalize else "BATCH_SIZE"


def normalizer_of(mode: str, outer: int, full: int, valid: int) -> float:
    """What losses are divided by; at least 1, so that a batch without valid labels has the loss 0."""
    return float(max(1, {"FULL": full, "VALID": valid, "BATCH_SIZE": outer, "NONE": 1}[mode]))


def labels_of(label: ArrayLike, shape: tuple[int, ...], axis: int, ignore_label: int | None) -> Array:
    """Class labels as integers in the shape of the logits without their class axis; truncated, as C++ casts floats."""
    array = _check.real_array(label, "label")
    rows = shape[:axis] + shape[axis + 1 :]
    labels = same_count(array, "label", shape, rows)
    whole = np.trunc(labels) if labels.dtype.kind == "f" else labels
    known = (whole >= 0) & (whole < shape[axis])
    if ignore_label is not None:
        known |= whole == ignore_label
    if not known.all():
        first = int(np.argmin(known))
        where = _explain.place("label", array.shape, first)
        raise ValueError(f"{where} = {_explain.element(array, first)}, but there are {shape[axis]} classes")
    return whole.astype(np.int64)


def same_count(array: Array, name: str, shape: tuple[int, ...], wanted: tuple[int, ...]) -> Array:
    """The array in another shape of as many elements; like Caffe this takes the batch size for the first axis."""
    if array.size != math.prod(wanted) or array.shape[:1] != shape[:1]:
        raise ValueError(
            f"{name} has shape {array.shape}, but the input has shape {shape}: expected {math.prod(wanted)} numbers, "
            f"{shape[0]} along the first axis"
        )
    return array.reshape(wanted)


def given(bottoms: Any) -> Any:
    """What forward was called with."""
    if bottoms is None:
        raise RuntimeError("backward needs a forward before it")
    return bottoms
