"""Softmax focal loss: the cross entropy with less weight on rows that are right already."""

from __future__ import annotations

from typing import Literal, Unpack, overload

from numpy.typing import ArrayLike

from fastxent._kernels import door
from fastxent._types import Array, ClassWeight, Reduced, Reduction, SoftmaxFocalOptions


@overload
def softmax_focal_loss(
    logits: ArrayLike, target: ArrayLike, *, reduction: Reduced = ..., **options: Unpack[SoftmaxFocalOptions],
) -> float: ...  # fmt: skip


@overload
def softmax_focal_loss(
    logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], **options: Unpack[SoftmaxFocalOptions],
) -> Array: ...  # fmt: skip


def softmax_focal_loss(
    logits: ArrayLike, target: ArrayLike, *, gamma: float = 2.0, alpha: ArrayLike | None = None, axis: int = -1,
    class_weight: ClassWeight | None = None, sample_weight: ArrayLike | None = None, ignore_index: int | None = None,
    label_smoothing: float = 0.0, z_loss: float = 0.0, infogain: ArrayLike | None = None, reduction: Reduction = "mean",
    n_threads: int | None = None,
) -> float | Array:  # fmt: skip
    r"""Focal loss between targets and the softmax of logits.

    One row of C logits :math:`x` with the target :math:`t` has the loss [1]_

    .. math::

       l = -\sum_k t_k \alpha_k (1 - p_k)^\gamma \log p_k + c\, \mathrm{lse}^2, \qquad
       p_k = e^{x_k - \mathrm{lse}}, \qquad
       \mathrm{lse} = \log \sum_k e^{x_k}

    For a class index :math:`y` that is :math:`-\alpha_y (1 - p_y)^\gamma \log p_y`: the cross entropy of a row that is
    nearly right counts for little. :math:`\gamma = 0` is `softmax_cross_entropy`. Targets, class weights, label
    smoothing, the z-loss with its coefficient :math:`c` and the reductions are as there.

    Parameters
    ----------
    logits, target
        As `softmax_cross_entropy` takes them.
    gamma : float, default 2.0
        The focusing parameter: finite, not negative. The larger, the less a row counts that is nearly right.
    alpha : array_like, shape () or (C,), optional
        Balances the classes: a factor of each class's part of the loss, or one for all. Finite, not negative; 1 by
        default. Unlike `class_weight` it does not count in what the mean divides by.
    axis, class_weight, sample_weight, ignore_index, label_smoothing, z_loss, infogain, reduction, n_threads
        As `softmax_cross_entropy` takes them.

    Returns
    -------
    float or ndarray
        As `softmax_cross_entropy` returns it, in nats.

    Raises
    ------
    TypeError, ValueError
        As `softmax_cross_entropy` does; if `gamma` or an element of `alpha` is negative or not finite.

    See Also
    --------
    softmax_focal_loss_grad : The loss and its gradient.
    softmax_focal_loss_grad_hess : The loss, its gradient and its Hessian diagonal.
    softmax_cross_entropy : Without the modulating factor; says more about targets and options.
    sigmoid_focal_loss : For labels that do not exclude each other.

    Notes
    -----
    The modulating factor :math:`(1 - p_k)^\gamma` is computed from :math:`(1 - p_k) / p_k`, in which no 1 is
    subtracted, so it is finite and has its digits however large or small the logits and :math:`\gamma` are.

    The loss is linear in the target. For a distribution it is the loss that is expected when labels are drawn from
    it, as in Keras's CategoricalFocalCrossentropy; that of two classes is `sigmoid_focal_loss`.

    What is said of ignored rows, of infinite logits and of those far apart at `softmax_cross_entropy` holds here as
    well; a row that is nan is so also where the `alpha` of its class is 0.

    References
    ----------
    .. [1] T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollár, "Focal loss for dense object detection", ICCV, 2017,
       section 3.2, equation (5).

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> logits = np.array([[4.0, 0.5, -1.0], [0.1, 0.2, 0.3]])
    >>> np.round(fx.softmax_cross_entropy(logits, [0, 2], reduction="none"), 4)
    array([0.0363, 1.0019])
    >>> np.round(fx.softmax_focal_loss(logits, [0, 2], reduction="none"), 4)
    array([0.    , 0.4013])

    A rare class that counts three times:

    >>> round(fx.softmax_focal_loss(logits, [0, 2], gamma=1.0, alpha=[1.0, 1.0, 3.0]), 4)
    0.9517
    """
    return door.softmax_focal_loss(
        0, logits, target, gamma, alpha, axis, class_weight, sample_weight, ignore_index, label_smoothing, z_loss,
        infogain, reduction, n_threads,
    )  # fmt: skip


@overload
def softmax_focal_loss_grad(
    logits: ArrayLike, target: ArrayLike, *, reduction: Reduced = ...,
    grad_output: ArrayLike | None = ..., out: Array | None = ..., **options: Unpack[SoftmaxFocalOptions],
) -> tuple[float, Array]: ...  # fmt: skip


@overload
def softmax_focal_loss_grad(
    logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
    grad_output: ArrayLike | None = ..., out: Array | None = ..., **options: Unpack[SoftmaxFocalOptions],
) -> tuple[Array, Array]: ...  # fmt: skip


def softmax_focal_loss_grad(
    logits: ArrayLike, target: ArrayLike, *, gamma: float = 2.0, alpha: ArrayLike | None = None, axis: int = -1,
    class_weight: ClassWeight | None = None, sample_weight: ArrayLike | None = None, ignore_index: int | None = None,
    label_smoothing: float = 0.0, z_loss: float = 0.0, infogain: ArrayLike | None = None, reduction: Reduction = "mean",
    n_threads: int | None = None, grad_output: ArrayLike | None = None, out: Array | None = None,
) -> tuple[float | Array, Array]:  # fmt: skip
    r"""Softmax focal loss and its gradient with respect to the logits, in one pass.

    With the loss of `softmax_focal_loss`, :math:`q_k = 1 - p_k` and the z-loss coefficient :math:`c` a row has the
    gradient [1]_

    .. math::

       \frac{\partial l}{\partial x_k} = p_k \sum_j g_j - g_k + 2 c\, \mathrm{lse}\, p_k, \qquad
       g_k = t_k \alpha_k q_k^\gamma \Bigl(1 - \gamma \frac{p_k \log p_k}{q_k}\Bigr)

    times :math:`v_i` ("none", "sum") or :math:`v_i / D` ("mean"), and times `grad_output`.

    Parameters
    ----------
    logits, target
        As `softmax_cross_entropy` takes them.
    gamma, alpha
        As `softmax_focal_loss` takes them.
    axis, class_weight, sample_weight, ignore_index, label_smoothing, z_loss, infogain, n_threads
        As `softmax_cross_entropy` takes them.
    reduction : {"mean", "sum", "none"}, default "mean"
        The gradient is that of the result; for "none", of each row's own loss.
    grad_output, out
        As `softmax_cross_entropy_grad` takes them.

    Returns
    -------
    loss : float or ndarray
        As `softmax_focal_loss` returns it, in nats.
    grad : ndarray, shape (..., C, ...)
        `out` if given; else an array of the logits' shape and memory order and of the dtype computed in, or of the
        logits' where that is float16 or bfloat16: rounded once. Nats per unit of a logit.

    Raises
    ------
    TypeError, ValueError
        As `softmax_focal_loss` and `softmax_cross_entropy_grad` do; all checks come before the first write.

    See Also
    --------
    softmax_focal_loss_grad_hess : The Hessian diagonal as well.

    Notes
    -----
    For a class index this is the gradient of the cross entropy times one factor for each row, which the row's loss
    gives. At a logit of -inf it is :math:`-t_k \alpha_k`, times the row's scale.

    References
    ----------
    .. [1] T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollár, "Focal loss for dense object detection", ICCV, 2017,
       appendix B.

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> logits = np.array([[4.0, 0.5, -1.0], [0.1, 0.2, 0.3]])
    >>> loss, grad = fx.softmax_focal_loss_grad(logits, [0, 2])
    >>> round(loss, 4)
    0.2007
    >>> np.round(grad, 3)
    array([[-0.   ,  0.   ,  0.   ],
           [ 0.13 ,  0.144, -0.274]])
    """
    return door.softmax_focal_loss(
        1, logits, target, gamma, alpha, axis, class_weight, sample_weight, ignore_index, label_smoothing, z_loss,
        infogain, reduction, n_threads, grad_output, out,
    )  # fmt: skip


@overload
def softmax_focal_loss_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, reduction: Reduced = ...,
    out: Array | None = ..., hess_out: Array | None = ..., **options: Unpack[SoftmaxFocalOptions],
) -> tuple[float, Array, Array]: ...  # fmt: skip


@overload
def softmax_focal_loss_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
    out: Array | None = ..., hess_out: Array | None = ..., **options: Unpack[SoftmaxFocalOptions],
) -> tuple[Array, Array, Array]: ...  # fmt: skip


def softmax_focal_loss_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, gamma: float = 2.0, alpha: ArrayLike | None = None, axis: int = -1,
    class_weight: ClassWeight | None = None, sample_weight: ArrayLike | None = None, ignore_index: int | None = None,
    label_smoothing: float = 0.0, z_loss: float = 0.0, infogain: ArrayLike | None = None, reduction: Reduction = "mean",
    n_threads: int | None = None, out: Array | None = None, hess_out: Array | None = None,
) -> tuple[float | Array, Array, Array]:  # fmt: skip
    r"""Softmax focal loss, its gradient and the diagonal of its Hessian, in one pass.

    With :math:`q_k = 1 - p_k`, :math:`L_k = -\log p_k` and :math:`g_k` as in `softmax_focal_loss_grad` the second
    derivatives of a row's loss are

    .. math::

       \frac{\partial^2 l}{\partial x_k^2}
       &= \Bigl(\sum_j g_j + 2 c\, \mathrm{lse}\Bigr) p_k q_k + 2 c\, p_k^2 + \sum_j h_j (p_k - [j = k])^2 \\
       h_k &= t_k \alpha_k \gamma q_k^{\gamma - 1} p_k \Bigl(2 - L_k + (\gamma - 1) \frac{p_k L_k}{q_k}\Bigr)

    times :math:`v_i` ("none", "sum") or :math:`v_i / D` ("mean"). Gradient boosting fits its trees to them [1]_.

    Parameters
    ----------
    logits, target
        As `softmax_cross_entropy` takes them.
    gamma, alpha
        As `softmax_focal_loss` takes them.
    axis, class_weight, sample_weight, ignore_index, label_smoothing, z_loss, infogain, n_threads
        As `softmax_cross_entropy` takes them.
    reduction : {"mean", "sum", "none"}, default "mean"
        The derivatives are those of the result; for "none", of each row's own loss.
    out : ndarray, optional
        As `softmax_cross_entropy_grad` takes it.
    hess_out : ndarray, optional
        Where to write the Hessian diagonal: like `out`, whose memory it must not share.

    Returns
    -------
    loss : float or ndarray
        As `softmax_focal_loss` returns it, in nats.
    grad : ndarray, shape (..., C, ...)
        As `softmax_focal_loss_grad` returns it.
    hess : ndarray, shape (..., C, ...)
        `hess_out` if given; else an array like `grad`. Nats per squared unit of a logit.

    Raises
    ------
    TypeError, ValueError
        As `softmax_focal_loss_grad` does, for `hess_out` as well; ValueError if the two outputs overlap.

    Notes
    -----
    Focal loss is not convex: where a row is very wrong, entries of the Hessian are negative. A Newton step needs a
    floor under them, as boosting libraries put one under the sum in a leaf.

    References
    ----------
    .. [1] T. Chen and C. Guestrin, "XGBoost: A scalable tree boosting system", KDD, 2016, section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> logits = np.array([[4.0, 0.5, -1.0], [0.1, 0.2, 0.3]])
    >>> loss, grad, hess = fx.softmax_focal_loss_grad_hess(logits, [2, 1], reduction="sum")
    >>> np.round(hess, 3)
    array([[ 0.   ,  0.03 , -0.031],
           [ 0.255,  0.494,  0.304]])
    """
    return door.softmax_focal_loss(
        2, logits, target, gamma, alpha, axis, class_weight, sample_weight, ignore_index, label_smoothing, z_loss,
        infogain, reduction, n_threads, None, out, hess_out,
    )  # fmt: skip
