"""What both losses share: scikit-learn's methods for losses, each one call of a kernel."""

from __future__ import annotations

from typing import Any

from numpy.typing import ArrayLike
from sklearn._loss.loss import BaseLoss

from fastxent._kernels.door import Rules
from fastxent._types import Array

Results = tuple[float, float, Any, Any, Any]  # the sum of the losses, of the weights; losses, gradient, Hessian


def rules(n_classes: int) -> tuple[Rules, Rules, Rules, Rules]:
    """What the door is told of calls for losses, for derivatives alone, for the sums alone, and for probabilities."""
    common: dict[str, Any] = {
        "logits": "raw_prediction", "target": "y_true", "float_labels": True, "strict": True, "signed_weights": True,
        "n_classes": n_classes,
    }  # fmt: skip
    outs = "loss_out", "gradient_out", "hessian_out"
    return (
        Rules(**common, outs=outs, with_losses=True),
        Rules(**common, outs=outs, with_loss=False),
        Rules(**common, mean_of_samples=True),
        Rules(**common, outs=(*outs[:2], "proba_out"), with_loss=False),
    )


class CrossEntropy(BaseLoss):  # type: ignore[misc]  # scikit-learn has no types
    """The methods that do not depend on what the target is.

    It is a BaseLoss so that scikit-learn's estimators accept it. BaseLoss calls what computes the losses ``closs``;
    that is the loss itself here, which has the four methods of such an object.
    """

    def __init__(self, link: Any, n_classes: int) -> None:
        super().__init__(closs=self, link=link, n_classes=n_classes)

    _losses: Rules
    _derivatives: Rules
    _sums: Rules

    def _run(
        self, rules: Rules, order: int, y_true: Any, raw_prediction: Any, sample_weight: Any, n_threads: Any,
        outs: tuple[Any, Any, Any] = (None, None, None), reduction: str = "sum",
    ) -> Results:  # fmt: skip
        """What the door returns for a call with the options of this loss; derivatives up to ``order``."""
        raise NotImplementedError

    def loss(
        self, y_true: ArrayLike, raw_prediction: ArrayLike, sample_weight: ArrayLike | None = None,
        loss_out: Array | None = None, n_threads: int | None = 1,
    ) -> Array:  # fmt: skip
        r"""Loss of each sample.

        .. math:: v_i\, l_i

        Parameters
        ----------
        y_true : array_like, shape (n_samples,)
            The targets, of any real dtype.
        raw_prediction : array_like, shape (n_samples, n_classes), or (n_samples,) or (n_samples, 1)
            The logits; several for `MultinomialLoss`, one for `BinomialLoss`. float32, float16 and bfloat16 are
            computed in float32; float64, integers and bool in float64.
        sample_weight : array_like, shape (n_samples,), optional
            Finite; 1 for each sample by default.
        loss_out : ndarray, shape (n_samples,), optional
            Where to write the losses: a writeable float32 or float64 array with any strides that shares no memory with
            an input. In float64 they are not rounded to the dtype computed in. By default a new array.
        n_threads : int or None, default 1
            The most threads to use; None for `fastxent.get_num_threads`. The result is the same for any number.

        Returns
        -------
        ndarray, shape (n_samples,)
            `loss_out` if given; else an array of the dtype computed in. In nats.

        Raises
        ------
        TypeError
            If an argument is not an array of real numbers; if an output is no array of such a dtype.
        ValueError
            If a shape does not fit; if a label or target is none, or a weight is not finite, with its value and place;
            if an output is read-only or overlaps another array. All checks come before the first write.

        Examples
        --------
        >>> import numpy as np
        >>> from fastxent.sklearn import BinomialLoss
        >>> np.round(BinomialLoss().loss(y_true=[1, 0], raw_prediction=[0.5, -3.0]), 4)
        array([0.4741, 0.0486])
        """
        outs = loss_out, None, None
        loss: Array = self._run(self._losses, 0, y_true, raw_prediction, sample_weight, n_threads, outs)[2]
        return loss if loss_out is None else loss_out

    def gradient(
        self, y_true: ArrayLike, raw_prediction: ArrayLike, sample_weight: ArrayLike | None = None,
        gradient_out: Array | None = None, n_threads: int | None = 1,
    ) -> Array:  # fmt: skip
        r"""Gradient of each sample's loss with respect to its raw prediction.

        .. math:: v_i\, \frac{\partial l_i}{\partial x_{ik}}

        Parameters
        ----------
        y_true, raw_prediction, sample_weight, n_threads
            As `loss` takes them.
        gradient_out : ndarray, the shape of `raw_prediction`, optional
            Where to write the gradient: a writeable array of float16, bfloat16, float32 or float64, with any strides.
            It may be `raw_prediction` itself, but must share no other memory with an input. By default a new array.

        Returns
        -------
        ndarray, shape (n_samples, n_classes) or (n_samples,)
            `gradient_out` if given; else an array of the memory order of `raw_prediction` and of the dtype computed in,
            or of that of `raw_prediction` where it is float16 or bfloat16: rounded once.

        Raises
        ------
        TypeError, ValueError
            As `loss` does.

        Examples
        --------
        >>> import numpy as np
        >>> from fastxent.sklearn import BinomialLoss
        >>> np.round(BinomialLoss().gradient(y_true=[1, 0], raw_prediction=[0.5, -3.0]), 4)
        array([-0.3775,  0.0474])
        """
        outs = None, gradient_out, None
        gradient: Array = self._run(self._derivatives, 1, y_true, raw_prediction, sample_weight, n_threads, outs)[3]
        return gradient if gradient_out is None else gradient_out

    def loss_gradient(
        self, y_true: ArrayLike, raw_prediction: ArrayLike, sample_weight: ArrayLike | None = None,
        loss_out: Array | None = None, gradient_out: Array | None = None, n_threads: int | None = 1,
    ) -> tuple[Array, Array]:  # fmt: skip
        r"""Loss and gradient of each sample, in one pass.

        .. math:: v_i\, l_i, \qquad v_i\, \frac{\partial l_i}{\partial x_{ik}}

        Parameters
        ----------
        y_true, raw_prediction, sample_weight, loss_out, n_threads
            As `loss` takes them.
        gradient_out : ndarray, optional
            As `gradient` takes it. If only one of the two outputs is given, the other gets its dtype.

        Returns
        -------
        loss : ndarray, shape (n_samples,)
            As `loss` returns it.
        gradient : ndarray, shape (n_samples, n_classes) or (n_samples,)
            As `gradient` returns it.

        Raises
        ------
        TypeError, ValueError
            As `loss` does.

        Examples
        --------
        >>> import numpy as np
        >>> from fastxent.sklearn import BinomialLoss
        >>> loss, gradient = BinomialLoss().loss_gradient(y_true=[1, 0], raw_prediction=[0.5, -3.0])
        >>> np.round(loss, 4), np.round(gradient, 4)
        (array([0.4741, 0.0486]), array([-0.3775,  0.0474]))
        """
        outs = loss_out, gradient_out, None
        _, _, loss, gradient, _ = self._run(self._losses, 1, y_true, raw_prediction, sample_weight, n_threads, outs)
        return loss if loss_out is None else loss_out, gradient if gradient_out is None else gradient_out

    def gradient_hessian(
        self, y_true: ArrayLike, raw_prediction: ArrayLike, sample_weight: ArrayLike | None = None,
        gradient_out: Array | None = None, hessian_out: Array | None = None, n_threads: int | None = 1,
    ) -> tuple[Array, Array]:  # fmt: skip
        r"""Gradient and Hessian diagonal of each sample, in one pass.

        .. math::

           v_i\, \frac{\partial l_i}{\partial x_{ik}}, \qquad v_i\, \frac{\partial^2 l_i}{\partial x_{ik}^2}

        Parameters
        ----------
        y_true, raw_prediction, sample_weight, gradient_out, n_threads
            As `gradient` takes them.
        hessian_out : ndarray, optional
            Like `gradient_out`, whose memory it must not share. If only one of the two outputs is given, the other gets
            its dtype.

        Returns
        -------
        gradient : ndarray, shape (n_samples, n_classes) or (n_samples,)
            As `gradient` returns it.
        hessian : ndarray, shape (n_samples, n_classes) or (n_samples,)
            `hessian_out` if given; else an array like the gradient.

        Raises
        ------
        TypeError, ValueError
            As `loss` does.

        Examples
        --------
        >>> import numpy as np
        >>> from fastxent.sklearn import BinomialLoss
        >>> gradient, hessian = BinomialLoss().gradient_hessian(y_true=[1, 0], raw_prediction=[0.5, -3.0])
        >>> np.round(hessian, 4)
        array([0.235 , 0.0452])
        """
        outs = None, gradient_out, hessian_out
        results = self._run(self._derivatives, 2, y_true, raw_prediction, sample_weight, n_threads, outs)
        return (
            results[3] if gradient_out is None else gradient_out,
            results[4] if hessian_out is None else hessian_out,
        )

    def __call__(
        self, y_true: ArrayLike, raw_prediction: ArrayLike, sample_weight: ArrayLike | None = None,
        n_threads: int | None = 1,
    ) -> float:  # fmt: skip
        r"""Mean of the losses, weighted by the samples' weights.

        .. math:: \frac{\sum_i v_i\, l_i}{\sum_i v_i}

        over the samples that are not ignored. Class weights, `pos_weight` and infogain are in :math:`l_i` and do not
        count in the denominator.

        Parameters
        ----------
        y_true, raw_prediction, sample_weight, n_threads
            As `loss` takes them.

        Returns
        -------
        float
            In nats, accumulated in double precision; nan if no sample has weight.

        Raises
        ------
        TypeError, ValueError
            As `loss` does.

        Examples
        --------
        >>> from fastxent.sklearn import BinomialLoss
        >>> round(BinomialLoss()(y_true=[1, 0], raw_prediction=[0.5, -3.0], sample_weight=[1, 3]), 4)
        0.155
        """
        total, weight, *_ = self._run(self._sums, 0, y_true, raw_prediction, sample_weight, n_threads, reduction="mean")
        return total / weight if weight else float("nan")
