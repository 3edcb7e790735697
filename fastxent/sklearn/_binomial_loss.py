"""Sigmoid cross entropy as one of scikit-learn's losses: its protocol, its names, its order of arguments."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy
from sklearn._loss.link import Interval, LogitLink

from fastxent import _check, _explain
from fastxent._activations import softmax
from fastxent._kernels import door
from fastxent._types import Array
from fastxent.sklearn._loss import CrossEntropy, Results, rules
from fastxent.sklearn._samples import float_of, sample_weight_of, squeezed, weighted_blocks, y_true_of


def column(raw_prediction: Any) -> Any:
    """Raw predictions as they are, or of one column that column."""
    if type(raw_prediction) is np.ndarray and raw_prediction.ndim == 1:
        return raw_prediction
    return squeezed(_check.array_of(raw_prediction, "raw_prediction"))


def check_targets(y: Array, ignored: float | None) -> None:
    door.check_range(y, "y_true", 0.0, 1.0, "a target is in [0, 1]", None, ignored)


class BinomialLoss(CrossEntropy):
    r"""Sigmoid cross entropy as a loss of scikit-learn, with options bound.

    A sample with the raw prediction :math:`x` and the target :math:`t` has the loss [1]_

    .. math::

       l = v\, t \log(1 + e^{-x}) + (1 - t) \log(1 + e^x)

    where :math:`v` is the positive weight, and with label smoothing :math:`a` the target is :math:`t (1 - a) + a / 2`.
    Without options it is scikit-learn's HalfBinomialLoss.

    Parameters
    ----------
    pos_weight : float, optional
        Weight, finite and not negative, of the positive part of the loss; 1 by default.
    ignore_index : float, optional
        Samples with this target have no influence. It may be outside [0, 1], and nan stands for missing targets.
    label_smoothing : float, default 0.0
        The share, in [0, 1], of the target that is split evenly between 0 and 1.
    sample_weight : optional
        Not used: scikit-learn gives it to the constructor of every loss. The methods take weights.

    Raises
    ------
    TypeError
        If an option is not a number.
    ValueError
        If an option is out of its range.

    See Also
    --------
    MultinomialLoss : For several classes, with one raw prediction each.
    fastxent.sigmoid_cross_entropy : The function, with the same options.

    Notes
    -----
    Targets are numbers in [0, 1] of any real dtype, read where they lie; any other raises a ValueError with its value
    and place before anything is written. Arrays may have any memory layout, and raw predictions the shape (n_samples,)
    or (n_samples, 1).

    A sample that is ignored, or has weight 0, has the loss 0 and the gradient 0 even if its raw prediction is NaN; in a
    loss or gradient, one of weight 0 may have any target.
    Sample weights may be negative, as in scikit-learn.

    In float64 losses are within 4 ulp of the real values, gradients within 4 ulp of their larger term, Hessians within
    8 ulp.

    The methods multiply each sample by its weight and leave the mean to the caller, as scikit-learn does. Its linear
    models divide by the sum of the sample weights, ignored samples and all.

    References
    ----------
    .. [1] C. M. Bishop, "Pattern Recognition and Machine Learning", Springer, 2006, section 4.3.2.

    Examples
    --------
    >>> import numpy as np
    >>> from fastxent.sklearn import BinomialLoss
    >>> loss = BinomialLoss(pos_weight=2.0)
    >>> np.round(loss.loss(y_true=np.array([1.0, 0.0]), raw_prediction=np.array([0.5, -3.0])), 4)
    array([0.9482, 0.0486])
    """

    def __init__(
        self, *, pos_weight: float | None = None, ignore_index: float | None = None, label_smoothing: float = 0.0,
        sample_weight: object = None,
    ) -> None:  # fmt: skip
        super().__init__(LogitLink(), 2)
        self.interval_y_true = Interval(0, 1, True, True)
        largest = _check.LARGEST
        self._pos_weight = None
        if pos_weight is not None:
            self._pos_weight = _check.number_of(pos_weight, "pos_weight", 0.0, largest, "finite and not negative")
        self._ignore = None if ignore_index is None else _check.ignored_target(ignore_index)
        self._smoothing = _check.smoothing_of(label_smoothing)
        self._losses, self._derivatives, self._sums, _ = rules(-1)

    def _run(
        self, rules: door.Rules, order: int, y_true: Any, raw_prediction: Any, sample_weight: Any, n_threads: Any,
        outs: tuple[Any, Any, Any] = (None, None, None), reduction: str = "sum",
    ) -> Results:  # fmt: skip
        return door.sigmoid_cross_entropy(
            order, column(raw_prediction), y_true, sample_weight, self._pos_weight, self._ignore, self._smoothing,
            reduction, n_threads, None, squeezed(outs[1]), squeezed(outs[2]), rules, squeezed(outs[0]),
        )  # fmt: skip

    def in_y_true_range(self, y: ArrayLike) -> bool:
        """Whether all of `y` are targets: in [0, 1], or `ignore_index`."""
        return _explain.first_outside(_check.real_array(y, "y"), 0.0, 1.0, self._ignore) is None

    def predict_proba(self, raw_prediction: ArrayLike) -> Array:
        """Probabilities of the two classes, whatever the options.

        Parameters
        ----------
        raw_prediction : array_like, shape (n_samples,) or (n_samples, 1)
            The logits.

        Returns
        -------
        ndarray, shape (n_samples, 2)
            Of the dtype computed in. The smaller of the two has all its digits as well.

        Examples
        --------
        >>> from fastxent.sklearn import BinomialLoss
        >>> BinomialLoss().predict_proba([0.0, 100.0])
        array([[5.00000000e-01, 5.00000000e-01],
               [3.72007598e-44, 1.00000000e+00]])
        """
        raw, dtype = _check.float_array(column(raw_prediction), "raw_prediction")
        if raw.ndim != 1:
            _explain.raise_wrong_classes(raw.shape, "raw_prediction", -1)
        proba = np.empty((len(raw), 2), dtype)
        # the sigmoid is the softmax of 0 and x, shifted so that the larger is 0
        np.minimum(raw, 0.0, out=proba[:, 1])
        np.maximum(raw, 0.0, out=proba[:, 0])
        np.negative(proba[:, 0], out=proba[:, 0])
        return softmax(proba, axis=1, out=proba)

    def fit_intercept_only(self, y_true: ArrayLike, sample_weight: ArrayLike | None = None) -> np.floating[Any]:
        r"""Raw prediction that minimises the loss if it is the same for all samples.

        .. math:: x = \log \frac{\sum_i w_i\, v\, t_i}{\sum_i w_i (1 - t_i)}

        with the sample weights :math:`w`.

        Parameters
        ----------
        y_true : array_like, shape (n_samples,)
            Targets in [0, 1].
        sample_weight : array_like, shape (n_samples,), optional
            Finite; 1 by default.

        Returns
        -------
        NumPy scalar
            float32 if `y_true` is, else float64. The share of the positives is kept ten epsilons away from 0 and 1, as
            in scikit-learn, so that it is finite.

        Raises
        ------
        TypeError
            If an argument is not an array of real numbers.
        ValueError
            If a target is outside [0, 1]; if no sample has weight.

        Examples
        --------
        >>> from fastxent.sklearn import BinomialLoss
        >>> round(float(BinomialLoss().fit_intercept_only([0, 0, 0, 1])), 4)
        -1.0986
        """
        y = y_true_of(y_true)
        weight = sample_weight_of(sample_weight, y.shape)
        check_targets(y, self._ignore)
        up, down = [], []
        for block, weights in weighted_blocks(y, weight):
            kept = self._kept(block)
            up.append(weights[kept] @ self._up(block[kept]))
            down.append(weights[kept] @ self._down(block[kept]))
        positive = math.fsum(up)
        total = positive + math.fsum(down)
        if not total > 0.0:
            raise ValueError("y_true has no sample with weight, and so there is nothing to fit")
        dtype = float_of(y)
        margin = 10 * np.finfo(dtype).eps
        raw: np.floating[Any] = self.link.link(np.clip(dtype.type(positive / total), margin, 1 - margin))
        return raw

    def _kept(self, y: Array) -> Any:
        """An index of the targets that are not ignored."""
        if self._ignore is None:
            return slice(None)
        return ~np.isnan(y) if math.isnan(self._ignore) else y != self._ignore

    def _up(self, y: Array) -> Array:
        """The weight of log(1 + exp(-x))."""
        return (1.0 if self._pos_weight is None else self._pos_weight) * (
            y * (1.0 - self._smoothing) + 0.5 * self._smoothing
        )

    def _down(self, y: Array) -> Array:
        """The weight of log(1 + exp(x))."""
        return (1.0 - y) * (1.0 - self._smoothing) + 0.5 * self._smoothing

    def constant_to_optimal_zero(self, y_true: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
        r"""What has to be added to each sample's loss to make that of a perfect prediction 0.

        .. math:: v\, t \log \frac{v\, t}{v\, t + 1 - t} + (1 - t) \log \frac{1 - t}{v\, t + 1 - t}

        Parameters
        ----------
        y_true : array_like, shape (n_samples,)
            Targets in [0, 1].
        sample_weight : array_like, shape (n_samples,), optional
            Finite; 1 by default.

        Returns
        -------
        ndarray, shape (n_samples,)
            In nats; float32 if `y_true` is, else float64. 0 where the target is 0 or 1 and there is no smoothing.
        """
        y = y_true_of(y_true)
        weight = sample_weight_of(sample_weight, y.shape)
        check_targets(y, self._ignore)
        if self._ignore is not None:
            kept = self._kept(y)
            weight = kept * (1.0 if weight is None else weight)
            y = np.where(kept, y, 0)
        up, down = self._up(y), self._down(y)
        constant = xlogy(up, up / (up + down)) + xlogy(down, down / (up + down))
        return np.asarray(constant if weight is None else constant * weight, float_of(y))
