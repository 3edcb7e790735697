"""Softmax cross entropy as one of scikit-learn's losses: its protocol, its names, its order of arguments."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.special import xlogy
from sklearn._loss.link import Interval, MultinomialLogit

from fastxent import _check, _explain
from fastxent._activations import softmax
from fastxent._kernels import door
from fastxent._types import Array, ClassWeight
from fastxent.sklearn._loss import CrossEntropy, Results, rules
from fastxent.sklearn._samples import float_of, raise_bad_label, sample_weight_of, weighted_blocks, y_true_of


class MultinomialLoss(CrossEntropy):
    r"""Softmax cross entropy of class labels as a loss of scikit-learn, with options bound.

    A sample with the raw predictions :math:`x`, whose label :math:`y` gives the target :math:`t`, has the loss [1]_

    .. math::

       l = -\sum_k t_k \log p_k + c\, \mathrm{lse}^2, \qquad
       p_k = e^{x_k - \mathrm{lse}}, \qquad
       \mathrm{lse} = \log \sum_k e^{x_k}

    where :math:`t_k = w_k ((1 - a) [k = y] + a / C)` with class weights :math:`w` and label smoothing :math:`a`, or row
    :math:`y` of an infogain matrix; :math:`c` is the z-loss coefficient. Without options it is scikit-learn's
    HalfMultinomialLoss.

    Parameters
    ----------
    n_classes : int, default 3
        The number of classes :math:`C`, at least 1.
    class_weight : array_like, shape (n_classes,), or dict, optional
        Finite, not negative; 1 for each class by default. A dict has every class from 0 to n_classes - 1 as a key.
    ignore_index : int, optional
        Samples with this label have no influence. It may be a class; by default no label is ignored.
    label_smoothing : float, default 0.0
        The share, in [0, 1], of the target that is spread evenly over the classes.
    z_loss : float, default 0.0
        Coefficient, not negative, of the squared log-sum-exp.
    infogain : array_like, shape (n_classes, n_classes), optional
        Row y is the target of the samples with label y: finite and not negative. Neither with `class_weight` nor with
        `label_smoothing`.
    sample_weight : optional
        Not used: scikit-learn gives it to the constructor of every loss. The methods take weights.

    Raises
    ------
    TypeError
        If an option is of the wrong kind.
    ValueError
        If an option is out of its range or goes against another.

    See Also
    --------
    BinomialLoss : For two classes and one raw prediction.
    fastxent.softmax_cross_entropy : The function, with the same options.

    Notes
    -----
    Labels are integers from 0 to `n_classes` - 1 of any integer, bool or float dtype, read where they lie. Any other
    label raises a ValueError with its value and place before anything is written; scikit-learn reads out of bounds.
    Arrays may have any memory layout.

    A sample that is ignored, or has weight 0, has the loss 0 and the gradient 0 even if its raw predictions are NaN.
    Weights may be negative, as in scikit-learn.

    In float64 losses and gradients are within 4 ulp of the real values, in rare rows within 5, Hessians within 8; with
    label smoothing, infogain or z-loss, within as many of the size of their terms, which may cancel.

    The methods multiply each sample by its weight and leave the mean to the caller, as scikit-learn does. Its linear
    models divide by the sum of the sample weights, ignored samples and all: class weights and ignored samples change
    how much the penalty counts. They make the full Hessian (solvers newton-cg and newton-cholesky) of the
    probabilities alone, which is that of the loss without options.

    References
    ----------
    .. [1] C. M. Bishop, "Pattern Recognition and Machine Learning", Springer, 2006, section 4.3.4.

    Examples
    --------
    >>> import numpy as np
    >>> from fastxent.sklearn import MultinomialLoss
    >>> loss = MultinomialLoss(n_classes=3, label_smoothing=0.1)
    >>> raw = np.array([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3]])
    >>> np.round(loss.gradient(y_true=np.array([0.0, 2.0]), raw_prediction=raw), 3)
    array([[-0.148,  0.142,  0.006],
           [ 0.267,  0.299, -0.566]])

    Boosted trees with it:

    >>> from sklearn.ensemble import HistGradientBoostingClassifier
    >>> model = HistGradientBoostingClassifier(loss=loss, max_iter=5)
    >>> X = np.arange(90.0).reshape(-1, 1)
    >>> model.fit(X, np.repeat([0, 1, 2], 30)).predict([[10.0], [80.0]])
    array([0, 2])
    """

    is_multiclass = True

    def __init__(
        self, n_classes: int = 3, *, class_weight: ClassWeight | None = None, ignore_index: int | None = None,
        label_smoothing: float = 0.0, z_loss: float = 0.0, infogain: ArrayLike | None = None,
        sample_weight: object = None,
    ) -> None:  # fmt: skip
        classes = _check.whole_number(n_classes, "n_classes", 1, _check.MOST)
        super().__init__(MultinomialLogit(), classes)
        self.interval_y_true = Interval(0, classes - 1, True, True)
        labels = np.empty(0, np.int64)
        if ignore_index is not None:
            _check.ignored_label(ignore_index, labels)
        smoothing = _check.smoothing_of(label_smoothing)
        weight = None if class_weight is None else _check.class_weight_of(class_weight, classes)
        self._infogain = None
        if infogain is not None:
            matrix = _check.infogain_of(infogain, classes, labels, class_weight, smoothing)
            door.check_range(matrix, "infogain", 0.0, _check.LARGEST, _check.ENTRY_RULE, None)
            self._infogain = matrix.astype(np.float64)  # a copy, as of the weights: they are bound
        self._ignore_index = ignore_index
        self._smoothing = smoothing
        self._z_loss = _check.z_loss_of(z_loss)
        self._class_weight = None if weight is None else weight.copy()
        self._losses, self._derivatives, self._sums, self._probabilities = rules(classes)

    def _run(
        self, rules: door.Rules, order: int, y_true: Any, raw_prediction: Any, sample_weight: Any, n_threads: Any,
        outs: tuple[Any, Any, Any] = (None, None, None), reduction: str = "sum",
    ) -> Results:  # fmt: skip
        return door.softmax_cross_entropy(
            order, raw_prediction, y_true, 1, self._class_weight, sample_weight, self._ignore_index, self._smoothing,
            self._z_loss, self._infogain, reduction, n_threads, None, outs[1], outs[2], rules, outs[0],
        )  # fmt: skip

    def in_y_true_range(self, y: ArrayLike) -> bool:
        """Whether all of `y` are labels: integers from 0 to `n_classes` - 1, or `ignore_index`."""
        return _explain.first_bad_label(_check.real_array(y, "y"), self.n_classes, self._ignore_index) is None

    def gradient_proba(
        self, y_true: ArrayLike, raw_prediction: ArrayLike, sample_weight: ArrayLike | None = None,
        gradient_out: Array | None = None, proba_out: Array | None = None, n_threads: int | None = 1,
    ) -> tuple[Array, Array]:  # fmt: skip
        r"""Gradient and class probabilities of each sample.

        .. math:: v_i\, \frac{\partial l_i}{\partial x_{ik}}, \qquad p_{ik}

        Parameters
        ----------
        y_true, raw_prediction, sample_weight, gradient_out, n_threads
            As `gradient` takes them.
        proba_out : ndarray, shape (n_samples, n_classes), optional
            Like `gradient_out`, whose memory it must not share. If only one of the two outputs is given, the other gets
            its dtype.

        Returns
        -------
        gradient : ndarray, shape (n_samples, n_classes)
            As `gradient` returns it.
        proba : ndarray, shape (n_samples, n_classes)
            `proba_out` if given; else an array like the gradient. The softmax, without weights or options.

        Raises
        ------
        TypeError, ValueError
            As `loss` does.

        Examples
        --------
        >>> import numpy as np
        >>> from fastxent.sklearn import MultinomialLoss
        >>> gradient, proba = MultinomialLoss().gradient_proba(y_true=[2], raw_prediction=[[2.0, 0.5, -1.0]])
        >>> np.round(gradient, 3), np.round(proba, 3)
        (array([[ 0.786,  0.175, -0.961]]), array([[0.786, 0.175, 0.039]]))
        """
        gradient, proba = door.gradient_proba(
            raw_prediction, y_true, sample_weight, self._ignore_index, self._smoothing, self._z_loss,
            self._class_weight, self._infogain, n_threads, gradient_out, proba_out, self._probabilities,
        )  # fmt: skip
        return gradient if gradient_out is None else gradient_out, proba if proba_out is None else proba_out

    def predict_proba(self, raw_prediction: ArrayLike) -> Array:
        """Class probabilities: the softmax of the raw predictions, whatever the options.

        Parameters
        ----------
        raw_prediction : array_like, shape (n_samples, n_classes)
            The logits.

        Returns
        -------
        ndarray, shape (n_samples, n_classes)
            As `fastxent.softmax` returns them.

        Examples
        --------
        >>> import numpy as np
        >>> from fastxent.sklearn import MultinomialLoss
        >>> np.round(MultinomialLoss().predict_proba([[2.0, 0.5, -1.0]]), 3)
        array([[0.786, 0.175, 0.039]])
        """
        raw = _check.array_of(raw_prediction, "raw_prediction")
        _check.check_logits(raw, "raw_prediction")
        if raw.ndim != 2 or raw.shape[1] != self.n_classes:
            _explain.raise_wrong_classes(raw.shape, "raw_prediction", self.n_classes)
        return softmax(raw_prediction, axis=1)

    def fit_intercept_only(self, y_true: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
        r"""Raw prediction that minimises the loss if it is the same for all samples.

        .. math:: x_k = \log \bar t_k - \frac{1}{C} \sum_j \log \bar t_j, \qquad \bar t_k = \sum_i v_i t_{ik}

        and with z-loss, where the mean of :math:`x` matters, :math:`x_k = \log (\bar t_k / \sum_j \bar t_j)`.

        Parameters
        ----------
        y_true : array_like, shape (n_samples,)
            Labels. As in scikit-learn an integer that is no class counts for none.
        sample_weight : array_like, shape (n_samples,), optional
            Finite; 1 by default.

        Returns
        -------
        ndarray, shape (n_classes,)
            float32 if `y_true` is, else float64. Shares are kept an epsilon away from 0 and 1, so that it is finite.

        Raises
        ------
        TypeError
            If an argument is not an array of real numbers.
        ValueError
            If a label is not an integer; if no sample has weight.

        Examples
        --------
        >>> import numpy as np
        >>> from fastxent.sklearn import MultinomialLoss
        >>> np.round(MultinomialLoss().fit_intercept_only([0, 0, 1, 2]), 3)
        array([ 0.462, -0.231, -0.231])
        """
        y = y_true_of(y_true)
        counts = self._class_totals(y, sample_weight_of(sample_weight, y.shape))
        totals = self._targets(counts)
        if not totals.sum() > 0.0:
            raise ValueError("y_true has no sample with weight, and so there is nothing to fit")
        dtype = float_of(y)
        eps = np.finfo(dtype).eps
        shares = np.clip(totals / totals.sum(), eps, 1.0 - eps).astype(dtype)
        raw = np.log(shares / shares.sum()) if self._z_loss else self.link.link(shares[None]).reshape(-1)
        return np.asarray(raw)

    def _class_totals(self, y: Array, weight: Array | None) -> Array:
        """The sum of the weights of each class."""
        totals = np.zeros(self.n_classes)
        position = 0
        for labels, weights in weighted_blocks(y, weight):
            bad = ~(labels == np.floor(labels)) | np.isinf(labels)
            if bad.any():
                raise_bad_label(y, position + int(bad.argmax()), self.n_classes)
            counted = (labels >= 0) & (labels < self.n_classes)
            if self._ignore_index is not None:
                counted &= labels != self._ignore_index
            totals += np.bincount(labels[counted].astype(np.intp), weights[counted], self.n_classes)
            position += labels.size
        return totals

    def _targets(self, counts: Array) -> Array:
        """The sum of the targets of samples, so many of each class."""
        if self._infogain is not None:
            return np.asarray(counts @ self._infogain)
        smoothed = (1.0 - self._smoothing) * counts + self._smoothing / self.n_classes * counts.sum()
        return np.asarray(smoothed if self._class_weight is None else self._class_weight * smoothed)

    def constant_to_optimal_zero(self, y_true: ArrayLike, sample_weight: ArrayLike | None = None) -> Array:
        r"""What has to be added to each sample's loss to make that of a perfect prediction 0.

        .. math:: v \sum_k t_k \log \frac{t_k}{\sum_j t_j}

        Parameters
        ----------
        y_true : array_like, shape (n_samples,)
            Labels.
        sample_weight : array_like, shape (n_samples,), optional
            Finite; 1 by default.

        Returns
        -------
        ndarray, shape (n_samples,)
            In nats; float32 if `y_true` is, else float64. 0 but for label smoothing and infogain.
        """
        y = y_true_of(y_true)
        weight = sample_weight_of(sample_weight, y.shape)
        _explain.raise_bad_label(y, self.n_classes, self._ignore_index, "y_true", "")
        constant = np.zeros(y.shape, float_of(y))
        if not self._smoothing and self._infogain is None:
            return constant
        kept = slice(None) if self._ignore_index is None else y != self._ignore_index
        constant[kept] = self._least_losses()[y[kept].astype(np.intp)]
        return -constant if weight is None else -constant * weight

    def _least_losses(self) -> Array:
        """For each class the entropy of its target, which is the least that its loss can be without z-loss."""
        if self._infogain is not None:
            total = self._infogain.sum(axis=1)
            return np.asarray(xlogy(total, total) - xlogy(self._infogain, self._infogain).sum(axis=1))
        weight = np.ones(self.n_classes) if self._class_weight is None else self._class_weight
        other = weight * self._smoothing / self.n_classes
        own = other + weight * (1.0 - self._smoothing)
        total = other.sum() - other + own
        return np.asarray(xlogy(total, total) - xlogy(own, own) - (xlogy(other, other).sum() - xlogy(other, other)))
