"""Sigmoid cross entropy: independent binary targets, element by element."""

from __future__ import annotations

from typing import Literal, Unpack, overload

from numpy.typing import ArrayLike

from fastxent._kernels import door
from fastxent._types import Array, Reduced, Reduction, SigmoidOptions


@overload
def sigmoid_cross_entropy(
    logits: ArrayLike, target: ArrayLike, *, reduction: Reduced = ..., **options: Unpack[SigmoidOptions],
) -> float: ...  # fmt: skip


@overload
def sigmoid_cross_entropy(
    logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], **options: Unpack[SigmoidOptions],
) -> Array: ...  # fmt: skip


def sigmoid_cross_entropy(
    logits: ArrayLike, target: ArrayLike, *, sample_weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None, ignore_index: float | None = None, label_smoothing: float = 0.0,
    reduction: Reduction = "mean", n_threads: int | None = None,
) -> float | Array:  # fmt: skip
    r"""Cross entropy between binary targets and the sigmoid of logits, element by element.

    One logit :math:`x` with the target :math:`t` and the positive weight :math:`w` has the loss [1]_

    .. math::

       l = -w t \log \sigma(x) - (1 - t) \log \sigma(-x)
         = w t\, \mathrm{softplus}(-x) + (1 - t)\, \mathrm{softplus}(x)

    where :math:`\sigma(x) = 1 / (1 + e^{-x})` and :math:`\mathrm{softplus}(x) = \max(x, 0) + \log(1 + e^{-|x|})`.
    Label smoothing :math:`a` first replaces :math:`t` by :math:`(1 - a) t + a / 2`, the two-class case of [2]_.

    Elements :math:`i` with sample weights :math:`v_i` are reduced to :math:`v_i l_i` ("none"),
    :math:`\sum_i v_i l_i` ("sum") or :math:`\sum_i v_i l_i / \sum_i v_i` ("mean").

    Parameters
    ----------
    logits : array_like
        Log-odds, of any shape with at least one axis. float32, float16 and bfloat16 are computed in float32; float64,
        integers and bool in float64.
    target : array_like, the shape of `logits`
        Of any real dtype, in [0, 1] where the element counts.
    sample_weight : array_like, optional
        Finite, not negative; 1 for each element by default. A scalar, or an array with as many axes as the logits,
        each of the same size or of size 1.
    pos_weight : array_like, optional
        Weight of the positive part of the loss: finite, not negative, 1 by default. A scalar, an array of shape
        (K,) where the logits' last axis has size K, or an array shaped as `sample_weight` may be.
    ignore_index : float, optional
        Elements with this target have no influence. It need not lie in [0, 1], and nan stands for missing targets; by
        default no target is ignored.
    label_smoothing : float, default 0.0
        The share, in [0, 1], of the target that is split evenly between 0 and 1.
    reduction : {"mean", "sum", "none"}, default "mean"
        How the losses of the elements are combined.
    n_threads : int, optional
        The most threads to use, `get_num_threads` by default. The result is the same, to the bit, for any number.

    Returns
    -------
    float or ndarray
        In nats: a float, accumulated in double precision, for "mean" and "sum"; for "none" an array of the logits'
        shape and of the dtype computed in.

    Raises
    ------
    TypeError
        If an input is not an array of real numbers, or is masked, sparse or a dask collection; if the logits are
        longdouble; if an option is of the wrong type.
    ValueError
        If a target is outside [0, 1] or NaN, and neither `ignore_index` nor of sample weight 0; if a shape does not
        fit; if a weight is negative or not finite; if an option is out of its range; if a pandas object has missing
        values.

    See Also
    --------
    sigmoid_cross_entropy_grad : The loss and its gradient.
    sigmoid_cross_entropy_grad_hess : The loss, its gradient and its second derivative.
    softmax_cross_entropy : For labels that exclude each other.

    Notes
    -----
    The logarithm is taken by log1p [3]_, and no sigmoid is computed as 1 minus the other: a confident element has a
    small loss with all its digits, not 0.

    An ignored element, or one of sample weight 0, has loss 0 even if its logit is NaN, and the latter whatever its
    target. If nothing has weight, the mean is nan, and the sum 0.0.

    An infinite logit on the right side has loss 0, on the wrong side +inf, never nan: a product with a factor 0 is
    0 here.

    The mean divides by the sum of the sample weights, in which `pos_weight` does not count, as in PyTorch.

    References
    ----------
    .. [1] C. M. Bishop, "Pattern Recognition and Machine Learning", Springer, 2006, section 4.3.2.
    .. [2] C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna, "Rethinking the Inception architecture for
       computer vision", CVPR, 2016, section 7.
    .. [3] M. Mächler, "Accurately computing log(1 - exp(.)), assessed by Rmpfr", vignette of the R package
       Rmpfr, 2012, equation (10).

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> logits = np.array([[0.5, -3.0], [20.0, 0.1]])
    >>> target = np.array([[1.0, 0.0], [1.0, 0.25]])
    >>> round(fx.sigmoid_cross_entropy(logits, target), 4)
    0.3105
    >>> np.round(fx.sigmoid_cross_entropy(logits, target, reduction="none"), 4)
    array([[0.4741, 0.0486],
           [0.    , 0.7194]])

    Unknown labels, and positives of the second column that count three times:

    >>> known = np.array([[1, np.nan], [1, 1]])
    >>> round(fx.sigmoid_cross_entropy(logits, known, ignore_index=np.nan, pos_weight=[1.0, 3.0]), 4)
    0.8024
    """
    return door.sigmoid_cross_entropy(
        0, logits, target, sample_weight, pos_weight, ignore_index, label_smoothing, reduction, n_threads,
    )  # fmt: skip


@overload
def sigmoid_cross_entropy_grad(
    logits: ArrayLike, target: ArrayLike, *, reduction: Reduced = ...,
    grad_output: ArrayLike | None = ..., out: Array | None = ..., **options: Unpack[SigmoidOptions],
) -> tuple[float, Array]: ...  # fmt: skip


@overload
def sigmoid_cross_entropy_grad(
    logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
    grad_output: ArrayLike | None = ..., out: Array | None = ..., **options: Unpack[SigmoidOptions],
) -> tuple[Array, Array]: ...  # fmt: skip


def sigmoid_cross_entropy_grad(
    logits: ArrayLike, target: ArrayLike, *, sample_weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None, ignore_index: float | None = None, label_smoothing: float = 0.0,
    reduction: Reduction = "mean", n_threads: int | None = None, grad_output: ArrayLike | None = None,
    out: Array | None = None,
) -> tuple[float | Array, Array]:  # fmt: skip
    r"""Sigmoid cross entropy and its gradient with respect to the logits, in one pass.

    With the loss of `sigmoid_cross_entropy` an element has the gradient [1]_

    .. math:: \frac{\partial l}{\partial x} = (1 - t)\, \sigma(x) - w t\, \sigma(-x)

    times :math:`v_i` ("none", "sum") or :math:`v_i / \sum_i v_i` ("mean"), and times `grad_output`.

    Parameters
    ----------
    logits, target, sample_weight, pos_weight, ignore_index, label_smoothing, n_threads
        As `sigmoid_cross_entropy` takes them.
    reduction : {"mean", "sum", "none"}, default "mean"
        The gradient is that of the result; for "none", of each element's own loss.
    grad_output : array_like, optional
        Factor of the gradient: a scalar, or for "none" an array of the logits' shape; 1 by default.
    out : ndarray, optional
        Where to write the gradient: a writeable array of the logits' shape, of float16, bfloat16, float32 or float64,
        in native byte order, with any strides. It may be the logits themselves, but must share no other memory
        with an input. By default a new array.

    Returns
    -------
    loss : float or ndarray
        As `sigmoid_cross_entropy` returns it, in nats.
    grad : ndarray, the shape of `logits`
        `out` if given; else an array of the logits' memory order and of the dtype computed in, or of the logits' where
        that is float16 or bfloat16: rounded once. Nats per unit of a logit.

    Raises
    ------
    TypeError
        As `sigmoid_cross_entropy` does, and if `out` is no array of such a dtype.
    ValueError
        As `sigmoid_cross_entropy` does; if `out` is read-only, of another shape, or overlaps an input in part; if
        `grad_output` is an array, but the loss is one number. All checks come before the first write to `out`.

    See Also
    --------
    sigmoid_cross_entropy_grad_hess : The second derivative as well.

    Notes
    -----
    The gradient of an ignored element, or of one of sample weight 0, is exactly 0, and so is the whole gradient where
    the mean is nan for want of any weight. After a KeyboardInterrupt the content of `out` is unspecified.

    References
    ----------
    .. [1] C. M. Bishop, "Pattern Recognition and Machine Learning", Springer, 2006, section 4.3.2.

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> logits = np.array([0.5, -3.0, 2.0])
    >>> loss, grad = fx.sigmoid_cross_entropy_grad(logits, np.array([1, 0, 1]), reduction="sum")
    >>> round(loss, 4)
    0.6496
    >>> np.round(grad, 4)
    array([-0.3775,  0.0474, -0.1192])
    """
    return door.sigmoid_cross_entropy(
        1, logits, target, sample_weight, pos_weight, ignore_index, label_smoothing, reduction, n_threads, grad_output,
        out,
    )  # fmt: skip


@overload
def sigmoid_cross_entropy_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, reduction: Reduced = ...,
    out: Array | None = ..., hess_out: Array | None = ..., **options: Unpack[SigmoidOptions],
) -> tuple[float, Array, Array]: ...  # fmt: skip


@overload
def sigmoid_cross_entropy_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
    out: Array | None = ..., hess_out: Array | None = ..., **options: Unpack[SigmoidOptions],
) -> tuple[Array, Array, Array]: ...  # fmt: skip


def sigmoid_cross_entropy_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, sample_weight: ArrayLike | None = None,
    pos_weight: ArrayLike | None = None, ignore_index: float | None = None, label_smoothing: float = 0.0,
    reduction: Reduction = "mean", n_threads: int | None = None, out: Array | None = None,
    hess_out: Array | None = None,
) -> tuple[float | Array, Array, Array]:  # fmt: skip
    r"""Sigmoid cross entropy, its gradient and its second derivative, in one pass.

    The second derivative of an element's loss is [1]_

    .. math:: \frac{\partial^2 l}{\partial x^2} = (w t + 1 - t)\, \sigma(x)\, \sigma(-x)

    times :math:`v_i` ("none", "sum") or :math:`v_i / \sum_i v_i` ("mean"). Gradient boosting fits its trees to it
    and the gradient [2]_.

    Parameters
    ----------
    logits, target, sample_weight, pos_weight, ignore_index, label_smoothing, n_threads
        As `sigmoid_cross_entropy` takes them.
    reduction : {"mean", "sum", "none"}, default "mean"
        The derivatives are those of the result; for "none", of each element's own loss.
    out : ndarray, optional
        As `sigmoid_cross_entropy_grad` takes it.
    hess_out : ndarray, optional
        Where to write the second derivative: like `out`, whose memory it must not share.

    Returns
    -------
    loss : float or ndarray
        As `sigmoid_cross_entropy` returns it, in nats.
    grad : ndarray, the shape of `logits`
        As `sigmoid_cross_entropy_grad` returns it.
    hess : ndarray, the shape of `logits`
        `hess_out` if given; else an array like `grad`. Nats per squared unit of a logit.

    Raises
    ------
    TypeError, ValueError
        As `sigmoid_cross_entropy_grad` does, for `hess_out` as well; ValueError if the two outputs overlap.

    References
    ----------
    .. [1] C. M. Bishop, "Pattern Recognition and Machine Learning", Springer, 2006, section 4.3.3.
    .. [2] T. Chen and C. Guestrin, "XGBoost: A scalable tree boosting system", KDD, 2016, section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> logits = np.array([0.5, -3.0, 2.0])
    >>> loss, grad, hess = fx.sigmoid_cross_entropy_grad_hess(logits, np.array([1, 0, 1]), reduction="sum")
    >>> np.round(grad, 4)
    array([-0.3775,  0.0474, -0.1192])
    >>> np.round(hess, 4)
    array([0.235 , 0.0452, 0.105 ])
    """
    return door.sigmoid_cross_entropy(
        2, logits, target, sample_weight, pos_weight, ignore_index, label_smoothing, reduction, n_threads, None, out,
        hess_out,
    )  # fmt: skip
