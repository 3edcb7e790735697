"""Cross entropy of probabilities, clamped at a threshold (Caffe's MultinomialLogisticLoss)."""

from __future__ import annotations

from typing import Literal, Unpack, overload

from numpy.typing import ArrayLike

from fastxent._kernels import door
from fastxent._types import Array, ClampedOptions, ClassWeight, Reduced, Reduction


@overload
def clamped_cross_entropy(
    probs: ArrayLike, target: ArrayLike, *, reduction: Reduced = ..., **options: Unpack[ClampedOptions],
) -> float: ...  # fmt: skip


@overload
def clamped_cross_entropy(
    probs: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], **options: Unpack[ClampedOptions],
) -> Array: ...  # fmt: skip


def clamped_cross_entropy(
    probs: ArrayLike, target: ArrayLike, *, eps: float = 1e-20, axis: int = -1, class_weight: ClassWeight | None = None,
    sample_weight: ArrayLike | None = None, ignore_index: int | None = None, label_smoothing: float = 0.0,
    infogain: ArrayLike | None = None, reduction: Reduction = "mean", n_threads: int | None = None,
) -> float | Array:  # fmt: skip
    r"""Cross entropy between targets and probabilities, clamped away from zero.

    One row of C probabilities :math:`q` with the target :math:`t` has the loss

    .. math:: l = -\sum_k t_k \log \max(q_k, \epsilon)

    which is Caffe's MultinomialLogisticLoss where the target is a class index, and its InfogainLoss where it is a
    row of the matrix `infogain` [1]_. The target is made as in `softmax_cross_entropy`, with label smoothing
    :math:`a` [2]_ and class weights :math:`w`:

    .. math::

       t_k = w_k \Bigl((1 - a) [k = y] + \frac{a}{C}\Bigr), \qquad
       t_k = w_k \Bigl((1 - a) d_k + \frac{a}{C}\Bigr), \qquad
       t_k = H_{yk}

    Rows :math:`i` with sample weights :math:`v_i` are reduced to :math:`v_i l_i` ("none"), :math:`\sum_i v_i l_i`
    ("sum") or :math:`\sum_i v_i l_i / D` ("mean"), where :math:`D = \sum_i v_i w_{y_i}` for class indices and
    :math:`D = \sum_i v_i` for distributions and infogain.

    Parameters
    ----------
    probs : array_like, shape (..., C, ...)
        Probabilities, at least one axis. They are not normalised, and may be larger than 1. float32, float16 and
        bfloat16 are computed in float32; float64, integers and bool in float64.
    target : array_like, shape (...) or (..., C, ...)
        Class indices, of any integer or bool dtype, in the probabilities' shape without `axis`; or distributions,
        finite and not negative, in the probabilities' shape. Distributions of integers or bool are zeros and ones;
        that of a single row, of one axis, is one-hot.
    eps : float, default 1e-20
        The threshold of the clamp, not negative; 0 for no clamp. Its reciprocal must be finite in the dtype
        computed in.
    axis : int, default -1
        The probabilities' axis that holds the classes.
    class_weight, sample_weight, ignore_index, label_smoothing, infogain, reduction, n_threads
        As `softmax_cross_entropy` takes them.

    Returns
    -------
    float or ndarray
        In nats: a float, accumulated in double precision, for "mean" and "sum"; for "none" an array of the
        probabilities' shape without `axis` and of the dtype computed in (a NumPy scalar if they are one row).

    Raises
    ------
    TypeError, ValueError
        As `softmax_cross_entropy` does, of probabilities in place of logits; if a probability that is read is negative
        or NaN.

    See Also
    --------
    clamped_cross_entropy_grad : The loss and its gradient.
    softmax_cross_entropy : The same for logits: more exact and, with the gradient, more stable.

    Notes
    -----
    A class index without label smoothing and infogain reads its own probability alone: the loss costs a gather, not
    a pass over all classes, and the other probabilities are not checked.

    An ignored row, or one of sample weight 0, has loss 0 whatever its probabilities. If nothing has weight
    (:math:`D = 0`), the mean is nan, and the sum 0.0. With `eps` 0 a probability of 0 at a target makes the loss
    +inf, without a warning.

    Rows of probabilities or distributions are used as they are, whether they sum to one or not.

    References
    ----------
    .. [1] Y. Jia et al., "Caffe: Convolutional architecture for fast feature embedding", ACM Multimedia, 2014; the
       layers MultinomialLogisticLoss and InfogainLoss, whose threshold is kLOG_THRESHOLD = 1e-20.
    .. [2] C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna, "Rethinking the Inception architecture for
       computer vision", CVPR, 2016, section 7.

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> probs = np.array([[0.7, 0.2, 0.1], [0.1, 0.9, 0.0]])
    >>> round(fx.clamped_cross_entropy(probs, [0, 1]), 4)
    0.231

    A vanished probability costs -log(eps), which is 46.05 for the default:

    >>> np.round(fx.clamped_cross_entropy(probs, [0, 2], reduction="none"), 2)
    array([ 0.36, 46.05])

    An infogain matrix that makes it half as bad to take class 0 for class 1:

    >>> infogain = [[1.0, 0.5, 0.0], [0.0, 1.0, 0.0], [0.0, 0.0, 1.0]]
    >>> round(fx.clamped_cross_entropy(probs, [0, 1], infogain=infogain), 4)
    0.6334
    """
    return door.clamped_cross_entropy(
        0, probs, target, eps, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain, reduction,
        n_threads,
    )  # fmt: skip


@overload
def clamped_cross_entropy_grad(
    probs: ArrayLike, target: ArrayLike, *, reduction: Reduced = ...,
    grad_output: ArrayLike | None = ..., out: Array | None = ..., **options: Unpack[ClampedOptions],
) -> tuple[float, Array]: ...  # fmt: skip


@overload
def clamped_cross_entropy_grad(
    probs: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
    grad_output: ArrayLike | None = ..., out: Array | None = ..., **options: Unpack[ClampedOptions],
) -> tuple[Array, Array]: ...  # fmt: skip


def clamped_cross_entropy_grad(
    probs: ArrayLike, target: ArrayLike, *, eps: float = 1e-20, axis: int = -1, class_weight: ClassWeight | None = None,
    sample_weight: ArrayLike | None = None, ignore_index: int | None = None, label_smoothing: float = 0.0,
    infogain: ArrayLike | None = None, reduction: Reduction = "mean", n_threads: int | None = None,
    grad_output: ArrayLike | None = None, out: Array | None = None,
) -> tuple[float | Array, Array]:  # fmt: skip
    r"""Clamped cross entropy and its gradient with respect to the probabilities, in one pass.

    With the loss of `clamped_cross_entropy` a row has the gradient

    .. math:: \frac{\partial l}{\partial q_k} = -\frac{t_k}{\max(q_k, \epsilon)}

    and 0 where :math:`t_k = 0`, times :math:`v_i` ("none", "sum") or :math:`v_i / D` ("mean"), and times `grad_output`.

    Parameters
    ----------
    probs, target, eps, axis
        As `clamped_cross_entropy` takes them.
    class_weight, sample_weight, ignore_index, label_smoothing, infogain, n_threads
        As `softmax_cross_entropy` takes them.
    reduction : {"mean", "sum", "none"}, default "mean"
        The gradient is that of the result; for "none", of each row's own loss.
    grad_output : array_like, optional
        Factor of the gradient: a scalar, or for "none" an array with one value for each row; 1 by default.
    out : ndarray, optional
        Where to write the gradient: a writeable array of the probabilities' shape, of float16, bfloat16, float32 or
        float64, with any strides. It may be the probabilities themselves, but must share no other memory with an input.
        By default a new array.

    Returns
    -------
    loss : float or ndarray
        As `clamped_cross_entropy` returns it, in nats.
    grad : ndarray, shape (..., C, ...)
        `out` if given; else an array of the probabilities' shape and memory order and of the dtype computed in, or of
        the probabilities' where that is float16 or bfloat16: rounded once. Nats per unit of probability.

    Raises
    ------
    TypeError
        As `clamped_cross_entropy` does, and if `out` is no array of such a dtype.
    ValueError
        As `clamped_cross_entropy` does; if `out` is read-only, of another shape, or overlaps an input in part; if
        `grad_output` is an array, but the loss is one number. All checks come before the first write to `out`.

    See Also
    --------
    softmax_cross_entropy_grad : The same for logits.

    Notes
    -----
    Below the threshold the loss is constant, but the gradient is not 0: it keeps the value that it has at the
    threshold, as in Caffe [1]_, so that it pushes a vanished probability back up. With `eps` 0 it is -inf there.
    float16 holds numbers up to 65504: a gradient of float16 that is larger is -inf, as it is of a vanished probability
    for the default `eps`. Give an `out` of float32, or a larger `eps`.

    The gradient of an ignored row, or of one of sample weight 0, is exactly 0, and so is the whole gradient where the
    mean is nan for want of any weight. After a KeyboardInterrupt the content of `out` is unspecified.

    References
    ----------
    .. [1] Y. Jia et al., "Caffe: Convolutional architecture for fast feature embedding", ACM Multimedia, 2014; the
       layer MultinomialLogisticLoss, which divides by max(prob, kLOG_THRESHOLD).

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> probs = np.array([[0.8, 0.2, 0.0], [0.5, 0.25, 0.25]])
    >>> loss, grad = fx.clamped_cross_entropy_grad(probs, [0, 2])
    >>> round(loss, 4)
    0.8047
    >>> np.round(grad, 3)
    array([[-0.625,  0.   ,  0.   ],
           [ 0.   ,  0.   , -2.   ]])

    Inside the clamp:

    >>> loss, grad = fx.clamped_cross_entropy_grad(probs[:1], [2], eps=1e-4)
    >>> np.round(grad)
    array([[     0.,      0., -10000.]])
    """
    return door.clamped_cross_entropy(
        1, probs, target, eps, axis, class_weight, sample_weight, ignore_index, label_smoothing, infogain, reduction,
        n_threads, grad_output, out,
    )  # fmt: skip
