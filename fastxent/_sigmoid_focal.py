"""Sigmoid focal loss: independent binary targets, with less weight on elements that are right already."""

from __future__ import annotations

from typing import Literal, Unpack, overload

from numpy.typing import ArrayLike

from fastxent._kernels import door
from fastxent._types import Array, Reduced, Reduction, SigmoidFocalOptions


@overload
def sigmoid_focal_loss(
    logits: ArrayLike, target: ArrayLike, *, reduction: Reduced = ..., **options: Unpack[SigmoidFocalOptions],
) -> float: ...  # fmt: skip


@overload
def sigmoid_focal_loss(
    logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], **options: Unpack[SigmoidFocalOptions],
) -> Array: ...  # fmt: skip


def sigmoid_focal_loss(
    logits: ArrayLike, target: ArrayLike, *, gamma: float = 2.0, alpha: float | None = None,
    sample_weight: ArrayLike | None = None, pos_weight: ArrayLike | None = None, ignore_index: float | None = None,
    label_smoothing: float = 0.0, reduction: Reduction = "mean", n_threads: int | None = None,
) -> float | Array:  # fmt: skip
    r"""Focal loss between binary targets and the sigmoid of logits, element by element.

    One logit :math:`x` with the target :math:`t` and the positive weight :math:`w` has the loss [1]_

    .. math::

       l = -w t\, \alpha\, (1 - p)^\gamma \log p - (1 - t) (1 - \alpha)\, p^\gamma \log (1 - p), \qquad
       p = \sigma(x) = \frac{1}{1 + e^{-x}}

    in which :math:`\alpha` and :math:`1 - \alpha` are left out if there is no `alpha`. For :math:`t` of 0 or 1 that is
    :math:`-\alpha_t (1 - p_t)^\gamma \log p_t`: the cross entropy of an element that is nearly right counts for little.
    :math:`\gamma = 0` is `sigmoid_cross_entropy`. Label smoothing and the reductions are as there.

    Parameters
    ----------
    logits, target
        As `sigmoid_cross_entropy` takes them.
    gamma : float, default 2.0
        The focusing parameter: finite, not negative. The larger, the less an element counts that is nearly right.
    alpha : float, optional
        Balances the two answers: in [0, 1], the factor of the target 1, where that of 0 is `1 - alpha`. By default
        both are 1.
    sample_weight, pos_weight, ignore_index, label_smoothing, reduction, n_threads
        As `sigmoid_cross_entropy` takes them.

    Returns
    -------
    float or ndarray
        As `sigmoid_cross_entropy` returns it, in nats.

    Raises
    ------
    TypeError, ValueError
        As `sigmoid_cross_entropy` does; if `gamma` is negative or not finite, or `alpha` is outside [0, 1].

    See Also
    --------
    sigmoid_focal_loss_grad : The loss and its gradient.
    sigmoid_focal_loss_grad_hess : The loss, its gradient and its second derivative.
    sigmoid_cross_entropy : Without the modulating factor; says more about targets and options.
    softmax_focal_loss : For labels that exclude each other.

    Notes
    -----
    The loss is linear in the target: the loss expected of a label that is 1 with probability :math:`t`, and the
    two-class `softmax_focal_loss` of :math:`(0, x)`. torchvision, optax and Keras's BinaryFocalCrossentropy agree for
    targets 0 and 1. Between them they mix the probabilities, :math:`p_t = t p + (1 - t) (1 - p)`, and raise
    :math:`1 - p_t` to the power, which is another loss. There the mean divides by the number of elements, here by the
    sum of the sample weights.

    Neither :math:`p` nor :math:`1 - p` is computed as 1 minus the other: the modulating factor has its digits however
    large the logits are. What is said of ignored elements and of infinite logits at `sigmoid_cross_entropy` holds here
    as well.

    References
    ----------
    .. [1] T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollár, "Focal loss for dense object detection", ICCV, 2017,
       section 3.2, equation (5).

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> logits = np.array([[0.5, -1.0], [2.0, 0.1]])
    >>> target = np.array([[1, 0], [1, 0]])
    >>> np.round(fx.sigmoid_cross_entropy(logits, target, reduction="none"), 4)
    array([[0.4741, 0.3133],
           [0.1269, 0.7444]])
    >>> np.round(fx.sigmoid_focal_loss(logits, target, reduction="none"), 4)
    array([[0.0676, 0.0227],
           [0.0018, 0.2052]])

    As in the paper, on average over all elements:

    >>> round(fx.sigmoid_focal_loss(logits, target, alpha=0.25), 4)
    0.0471
    """
    return door.sigmoid_focal_loss(
        0, logits, target, gamma, alpha, sample_weight, pos_weight, ignore_index, label_smoothing, reduction, n_threads,
    )  # fmt: skip


@overload
def sigmoid_focal_loss_grad(
    logits: ArrayLike, target: ArrayLike, *, reduction: Reduced = ...,
    grad_output: ArrayLike | None = ..., out: Array | None = ..., **options: Unpack[SigmoidFocalOptions],
) -> tuple[float, Array]: ...  # fmt: skip


@overload
def sigmoid_focal_loss_grad(
    logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
    grad_output: ArrayLike | None = ..., out: Array | None = ..., **options: Unpack[SigmoidFocalOptions],
) -> tuple[Array, Array]: ...  # fmt: skip


def sigmoid_focal_loss_grad(
    logits: ArrayLike, target: ArrayLike, *, gamma: float = 2.0, alpha: float | None = None,
    sample_weight: ArrayLike | None = None, pos_weight: ArrayLike | None = None, ignore_index: float | None = None,
    label_smoothing: float = 0.0, reduction: Reduction = "mean", n_threads: int | None = None,
    grad_output: ArrayLike | None = None, out: Array | None = None,
) -> tuple[float | Array, Array]:  # fmt: skip
    r"""Sigmoid focal loss and its gradient with respect to the logits, in one pass.

    With the loss of `sigmoid_focal_loss` and :math:`q = 1 - p` an element has the gradient [1]_

    .. math::

       \frac{\partial l}{\partial x} = (1 - t) (1 - \alpha)\, p^\gamma (p - \gamma q \log q)
       - w t\, \alpha\, q^\gamma (q - \gamma p \log p)

    times :math:`v_i` ("none", "sum") or :math:`v_i / \sum_i v_i` ("mean"), and times `grad_output`.

    Parameters
    ----------
    logits, target
        As `sigmoid_cross_entropy` takes them.
    gamma, alpha
        As `sigmoid_focal_loss` takes them.
    sample_weight, pos_weight, ignore_index, label_smoothing, n_threads
        As `sigmoid_cross_entropy` takes them.
    reduction : {"mean", "sum", "none"}, default "mean"
        The gradient is that of the result; for "none", of each element's own loss.
    grad_output, out
        As `sigmoid_cross_entropy_grad` takes them.

    Returns
    -------
    loss : float or ndarray
        As `sigmoid_focal_loss` returns it, in nats.
    grad : ndarray, the shape of `logits`
        `out` if given; else an array of the logits' memory order and of the dtype computed in, or of the logits' where
        that is float16 or bfloat16: rounded once. Nats per unit of a logit.

    Raises
    ------
    TypeError, ValueError
        As `sigmoid_focal_loss` and `sigmoid_cross_entropy_grad` do; all checks come before the first write.

    See Also
    --------
    sigmoid_focal_loss_grad_hess : The second derivative as well.

    References
    ----------
    .. [1] T.-Y. Lin, P. Goyal, R. Girshick, K. He and P. Dollár, "Focal loss for dense object detection", ICCV, 2017,
       appendix B.

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> logits = np.array([0.5, -1.0, 4.0])
    >>> loss, grad = fx.sigmoid_focal_loss_grad(logits, np.array([1, 0, 0]), reduction="sum")
    >>> round(loss, 4)
    3.9651
    >>> np.round(grad, 4)
    array([-0.1379,  0.0526,  1.0864])
    """
    return door.sigmoid_focal_loss(
        1, logits, target, gamma, alpha, sample_weight, pos_weight, ignore_index, label_smoothing, reduction, n_threads,
        grad_output, out,
    )  # fmt: skip


@overload
def sigmoid_focal_loss_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, reduction: Reduced = ...,
    out: Array | None = ..., hess_out: Array | None = ..., **options: Unpack[SigmoidFocalOptions],
) -> tuple[float, Array, Array]: ...  # fmt: skip


@overload
def sigmoid_focal_loss_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
    out: Array | None = ..., hess_out: Array | None = ..., **options: Unpack[SigmoidFocalOptions],
) -> tuple[Array, Array, Array]: ...  # fmt: skip


def sigmoid_focal_loss_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, gamma: float = 2.0, alpha: float | None = None,
    sample_weight: ArrayLike | None = None, pos_weight: ArrayLike | None = None, ignore_index: float | None = None,
    label_smoothing: float = 0.0, reduction: Reduction = "mean", n_threads: int | None = None,
    out: Array | None = None, hess_out: Array | None = None,
) -> tuple[float | Array, Array, Array]:  # fmt: skip
    r"""Sigmoid focal loss, its gradient and its second derivative, in one pass.

    With :math:`q = 1 - p` the second derivative of an element's loss is

    .. math::

       \frac{\partial^2 l}{\partial x^2} = w t\, \alpha\, q^{\gamma + 1} p\, b(p) + (1 - t) (1 - \alpha)\,
       p^{\gamma + 1} q\, b(q), \qquad
       b(p) = 1 + 2 \gamma + \gamma \log p - \gamma^2 \frac{p \log p}{1 - p}

    times :math:`v_i` ("none", "sum") or :math:`v_i / \sum_i v_i` ("mean"). Gradient boosting fits its trees to
    it [1]_.

    Parameters
    ----------
    logits, target
        As `sigmoid_cross_entropy` takes them.
    gamma, alpha
        As `sigmoid_focal_loss` takes them.
    sample_weight, pos_weight, ignore_index, label_smoothing, n_threads
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
        As `sigmoid_focal_loss` returns it, in nats.
    grad : ndarray, the shape of `logits`
        As `sigmoid_focal_loss_grad` returns it.
    hess : ndarray, the shape of `logits`
        `hess_out` if given; else an array like `grad`. Nats per squared unit of a logit.

    Raises
    ------
    TypeError, ValueError
        As `sigmoid_focal_loss_grad` does, for `hess_out` as well; ValueError if the two outputs overlap.

    Notes
    -----
    Focal loss is not convex: where an element is very wrong, its second derivative is negative. A Newton step needs a
    floor under it, as boosting libraries put one under the sum in a leaf.

    References
    ----------
    .. [1] T. Chen and C. Guestrin, "XGBoost: A scalable tree boosting system", KDD, 2016, section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> logits = np.array([0.5, -1.0, 4.0])
    >>> loss, grad, hess = fx.sigmoid_focal_loss_grad_hess(logits, np.array([1, 0, 0]), reduction="sum")
    >>> np.round(hess, 4)
    array([ 0.2405,  0.1106, -0.0467])
    """
    return door.sigmoid_focal_loss(
        2, logits, target, gamma, alpha, sample_weight, pos_weight, ignore_index, label_smoothing, reduction, n_threads,
        None, out, hess_out,
    )  # fmt: skip
