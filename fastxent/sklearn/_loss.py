"""What both losses share: scikit-learn's methods for losses, each one call of a kernel."""

from __future__ import annotations

from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from sklearn._loss.loss import BaseLoss

from fastxent._layout import BLOCK, Array
from fastxent.sklearn._loss_call import VIEWS, Call, call_of

Wanted = tuple[bool, bool, bool]  # losses, gradient, Hessian
Results = tuple[float, Any, Any, Any]  # the sum of the losses, and the outputs that are wanted


def is_number_of_threads(value: object) -> bool:
    """Whether a call for so many threads may go the quick way, which never needs a second one."""
    return value is None or (isinstance(value, int) and value is not True and value >= 1)


class CrossEntropy(BaseLoss):  # type: ignore[misc]  # scikit-learn has no types
    """The methods that do not depend on what the target is.

    It is a BaseLoss so that scikit-learn's estimators accept it. BaseLoss calls what computes the losses ``closs``;
    that is the loss itself here, which has the four methods of such an object.
    """

    def __init__(self, link: Any, n_classes: int) -> None:
        super().__init__(closs=self, link=link, n_classes=n_classes)

    _ignores = False  # whether some samples may not count

    def _raw(self, raw_prediction: Any) -> tuple[Array, np.dtype[Any]]:
        """Raw predictions, (n, n_classes) or (n,), and the dtype to compute in."""
        raise NotImplementedError

    def _quick(self, arrays: tuple[Any, ...], wanted: Wanted) -> Results | None:
        """The results of a small call that is plain; None if it has to go the long way."""
        raise NotImplementedError

    def _run(self, call: Call) -> float:
        """Fill the outputs of a call; the sum of the losses."""
        raise NotImplementedError

    def _total_weight(self, call: Call) -> float:
        """The sum of the sample weights that count."""
        raise NotImplementedError

    def _call(
        self, y_true: Any, raw_prediction: Any, sample_weight: Any, n_threads: Any, given: dict[str, Any]
    ) -> Call:
        """The arguments of a call, checked."""
        raw, dtype = self._raw(raw_prediction)
        return call_of(y_true, raw, dtype, sample_weight, n_threads, given)

    def _filled(self, arrays: tuple[Any, ...], wanted: Wanted, n_threads: Any) -> Results:
        """The sum of the losses and the outputs that are wanted: the caller's own arrays where there are some.

        ``arrays`` are raw predictions, labels, weights and the three outputs.
        """
        if is_number_of_threads(n_threads):
            results = self._quick(arrays, wanted)
            if results is not None:
                return results
        raw, y_true, sample_weight, *outs = arrays
        given = {name: out for name, out, want in zip(VIEWS, outs, wanted, strict=True) if want}
        call = self._call(y_true, raw, sample_weight, n_threads, given)
        total = self._copied(call, wanted)
        if total is None:
            total = self._run(call)
        loss, gradient, hessian = (
            call.outputs.get(name) if out is None else out for name, out in zip(VIEWS, outs, strict=True)
        )
        return total, loss, gradient, hessian

    def _copied(self, call: Call, wanted: Wanted) -> float | None:
        """The quick way on copies, which are no larger than the scratch of the long way; None for larger calls."""
        if not 0 < call.raw.size <= BLOCK:
            return None
        results = self._quick((*call.plain_inputs(), None, None, None), wanted)
        if results is None:
            return None
        for name, result in zip(VIEWS, results[1:], strict=True):
            if name in call.outputs:
                with np.errstate(all="ignore"):  # an output of less precision takes what it can hold
                    np.copyto(call.outputs[name], result, casting="same_kind")
        return results[0]

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
            The logits; several for `MultinomialLoss`, one for `BinomialLoss`. float32 and float16 are computed in
            float32; float64, integers and bool in float64.
        sample_weight : array_like, shape (n_samples,), optional
            Finite; 1 for each sample by default.
        loss_out : ndarray, shape (n_samples,), optional
            Where to write the losses: a writeable float32 or float64 array with any strides that shares no memory with
            an input. By default a new array.
        n_threads : int or None, default 1
            The most threads to use; None for `fastxent.get_num_threads`. The result is the same for any number.

        Returns
        -------
        ndarray, shape (n_samples,)
            `loss_out` if given; else an array of the dtype computed in. In nats.

        Raises
        ------
        TypeError
            If an argument is not an array of real numbers; if an output is not a float32 or float64 array.
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
        arrays = raw_prediction, y_true, sample_weight, loss_out, None, None
        loss: Array = self._filled(arrays, (True, False, False), n_threads)[1]
        return loss

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
            Where to write the gradient: a writeable float32 or float64 array with any strides. It may be
            `raw_prediction` itself, but must share no other memory with an input. By default a new array.

        Returns
        -------
        ndarray, shape (n_samples, n_classes) or (n_samples,)
            `gradient_out` if given; else an array of the dtype computed in, with the memory order of `raw_prediction`.

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
        arrays = raw_prediction, y_true, sample_weight, None, gradient_out, None
        gradient: Array = self._filled(arrays, (False, True, False), n_threads)[2]
        return gradient

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
        arrays = raw_prediction, y_true, sample_weight, loss_out, gradient_out, None
        return self._filled(arrays, (True, True, False), n_threads)[1:3]

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
        arrays = raw_prediction, y_true, sample_weight, None, gradient_out, hessian_out
        return self._filled(arrays, (False, True, True), n_threads)[2:]

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
        arrays = raw_prediction, y_true, sample_weight, None, None, None
        total = self._filled(arrays, (False, False, False), n_threads)[0]
        if sample_weight is None and not self._ignores:
            weight = float(np.size(y_true))
        else:
            weight = self._total_weight(self._call(y_true, raw_prediction, sample_weight, n_threads, {}))
        return total / weight if weight else float("nan")
