"""Softmax cross entropy: loss, gradient and Hessian diagonal in one pass over the logits."""

from __future__ import annotations

from typing import Literal, Unpack, overload

from numpy.typing import ArrayLike

from fastxent._kernels import door
from fastxent._types import Array, ClassWeight, Reduced, Reduction, SoftmaxOptions


@overload
def softmax_cross_entropy(
    logits: ArrayLike, target: ArrayLike, *, reduction: Reduced = ..., **options: Unpack[SoftmaxOptions],
) -> float: ...  # fmt: skip


@overload
def softmax_cross_entropy(
    logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"], **options: Unpack[SoftmaxOptions],
) -> Array: ...  # fmt: skip


def softmax_cross_entropy(
    logits: ArrayLike, target: ArrayLike, *, axis: int = -1, class_weight: ClassWeight | None = None,
    sample_weight: ArrayLike | None = None, ignore_index: int | None = None, label_smoothing: float = 0.0,
    z_loss: float = 0.0, infogain: ArrayLike | None = None, reduction: Reduction = "mean", n_threads: int | None = None,
) -> float | Array:  # fmt: skip
    r"""Cross entropy between targets and the softmax of logits.

    One row of C logits :math:`x` with the target :math:`t` has the loss [1]_

    .. math::

       l = -\sum_k t_k \log p_k + c\, \mathrm{lse}^2, \qquad
       p_k = e^{x_k - \mathrm{lse}}, \qquad
       \mathrm{lse} = \log \sum_k e^{x_k}

    with the z-loss coefficient :math:`c` [2]_. Its target is made from its class index :math:`y`, from its distribution
    :math:`d`, both with class weights :math:`w` and label smoothing :math:`a` [3]_, or is row :math:`y` of an infogain
    matrix :math:`H` [4]_:

    .. math::

       t_k = w_k \Bigl((1 - a) [k = y] + \frac{a}{C}\Bigr), \qquad
       t_k = w_k \Bigl((1 - a) d_k + \frac{a}{C}\Bigr), \qquad
       t_k = H_{yk}

    Rows :math:`i` with sample weights :math:`v_i` are reduced to :math:`v_i l_i` ("none"), :math:`\sum_i v_i l_i`
    ("sum") or :math:`\sum_i v_i l_i / D` ("mean"), where :math:`D = \sum_i v_i w_{y_i}` for class indices and
    :math:`D = \sum_i v_i` for distributions and infogain.

    Parameters
    ----------
    logits : array_like, shape (..., C, ...)
        Unnormalised log-probabilities, at least one axis. float32, float16 and bfloat16 are computed in float32;
        float64, integers and bool in float64.
    target : array_like, shape (...) or (..., C, ...)
        Class indices, of any integer or bool dtype, in the logits' shape without `axis`; or distributions, finite and
        not negative, in the logits' shape. Distributions of integers or bool are zeros and ones;
        that of a single row, of one axis, is one-hot.
    axis : int, default -1
        The logits' axis that holds the classes.
    class_weight : array_like, shape (C,), or dict, optional
        Finite, not negative; 1 for each class by default. A dict has every class from 0 to C - 1 as a key.
    sample_weight : array_like, optional
        Finite, not negative; 1 for each row by default. A scalar, or an array with as many axes as there are besides
        `axis`, each of the rows' size or of size 1.
    ignore_index : int, optional
        Rows with this label have no influence. It may be a class; by default no label is ignored. Only for class
        indices.
    label_smoothing : float, default 0.0
        The share, in [0, 1], of the target that is spread evenly over the classes.
    z_loss : float, default 0.0
        Coefficient, not negative, of the squared log-sum-exp.
    infogain : array_like, shape (C, C), optional
        Row y is the target of the rows with label y: finite and not negative. Only for class indices, and neither with
        `class_weight` nor with `label_smoothing`.
    reduction : {"mean", "sum", "none"}, default "mean"
        How the losses of the rows are combined.
    n_threads : int, optional
        The most threads to use, `get_num_threads` by default. The result is the same, to the bit, for any number.

    Returns
    -------
    float or ndarray
        In nats: a float, accumulated in double precision, for "mean" and "sum"; for "none" an array of the logits'
        shape without `axis` and of the dtype computed in (a NumPy scalar if the logits are one row).

    Raises
    ------
    TypeError
        If an input is not an array of real numbers, or is masked, sparse or a dask collection; if the logits are
        longdouble; if class labels are floats; if an option is of the wrong type.
    ValueError
        If a shape does not fit; if a label is neither a class nor `ignore_index`; if a weight or a distribution is
        negative or not finite; if integers in the logits' shape are not zeros and ones; if an option is out of its
        range or goes against another; if there are rows but no class; if a pandas object has missing values.

    See Also
    --------
    softmax_cross_entropy_grad : The loss and its gradient.
    softmax_cross_entropy_grad_hess : The loss, its gradient and its Hessian diagonal.
    clamped_cross_entropy : The same for probabilities.
    sigmoid_cross_entropy : For labels that do not exclude each other.

    Notes
    -----
    The loss of a row is within 4 ulp of the real value, in the dtype computed in, and in one confident row of 100,000
    within 5; with z-loss, of the size of its terms. The maximum is left out of the sum, whose logarithm is taken by
    log1p [5]_; a confident row has a loss far below the dtype's epsilon, not 0.

    An ignored row, or one of sample weight 0, has loss 0 even if its logits are NaN. If nothing has weight
    (:math:`D = 0`), the mean is nan, and the sum 0.0.

    A logit of -inf is a class with :math:`p_k = 0`: it contributes nothing where :math:`t_k = 0`, and makes the
    loss +inf where :math:`t_k > 0`, so with label smoothing as well. A row that holds +inf or NaN, or nothing but
    -inf, has the loss nan, also where the weight of its class is 0. Of finite logits that are very far apart a float32
    loss may be inf in "none"; the sum and the mean are in double, and have its value.

    Distributions are used as they are, whether their rows sum to one or not. With class weights the mean over
    distributions divides by the sum of the sample weights alone, as PyTorch does.

    References
    ----------
    .. [1] C. M. Bishop, "Pattern Recognition and Machine Learning", Springer, 2006, section 4.3.4.
    .. [2] A. Chowdhery et al., "PaLM: Scaling language modeling with pathways", arXiv:2204.02311, 2022, section 5.
    .. [3] C. Szegedy, V. Vanhoucke, S. Ioffe, J. Shlens and Z. Wojna, "Rethinking the Inception architecture for
       computer vision", CVPR, 2016, section 7.
    .. [4] Y. Jia et al., "Caffe: Convolutional architecture for fast feature embedding", ACM Multimedia, 2014; the
       layer InfogainLoss.
    .. [5] P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and softmax
       functions", IMA Journal of Numerical Analysis 41, 2021, section 4.

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> logits = np.array([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3]])
    >>> round(fx.softmax_cross_entropy(logits, [0, 2]), 4)
    0.6216
    >>> np.round(fx.softmax_cross_entropy(logits, [0, -1], ignore_index=-1, reduction="none"), 4)
    array([0.2413, 0.    ])

    Distributions instead of class indices:

    >>> round(fx.softmax_cross_entropy(logits, [[0.8, 0.1, 0.1], [0.0, 0.5, 0.5]]), 4)
    0.8716

    A class for each pixel of an image, the classes along the first axis:

    >>> image = np.zeros((3, 4, 5))
    >>> round(fx.softmax_cross_entropy(image, np.ones((4, 5), dtype=np.uint8), axis=0), 4)
    1.0986

    A confident row keeps its small loss:

    >>> print(f"{fx.softmax_cross_entropy(np.float32([[20, 0]]), [0]):.2e}")
    2.06e-09
    """
    return door.softmax_cross_entropy(
        0, logits, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, z_loss, infogain,
        reduction, n_threads,
    )  # fmt: skip


@overload
def softmax_cross_entropy_grad(
    logits: ArrayLike, target: ArrayLike, *, reduction: Reduced = ...,
    grad_output: ArrayLike | None = ..., out: Array | None = ..., **options: Unpack[SoftmaxOptions],
) -> tuple[float, Array]: ...  # fmt: skip


@overload
def softmax_cross_entropy_grad(
    logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
    grad_output: ArrayLike | None = ..., out: Array | None = ..., **options: Unpack[SoftmaxOptions],
) -> tuple[Array, Array]: ...  # fmt: skip


def softmax_cross_entropy_grad(
    logits: ArrayLike, target: ArrayLike, *, axis: int = -1, class_weight: ClassWeight | None = None,
    sample_weight: ArrayLike | None = None, ignore_index: int | None = None, label_smoothing: float = 0.0,
    z_loss: float = 0.0, infogain: ArrayLike | None = None, reduction: Reduction = "mean", n_threads: int | None = None,
    grad_output: ArrayLike | None = None, out: Array | None = None,
) -> tuple[float | Array, Array]:  # fmt: skip
    r"""Softmax cross entropy and its gradient with respect to the logits, in one pass.

    With the loss of `softmax_cross_entropy`, :math:`T = \sum_k t_k` and the z-loss coefficient :math:`c`, a row has the
    gradient [1]_

    .. math:: \frac{\partial l}{\partial x_k} = T p_k - t_k + 2 c\, \mathrm{lse}\, p_k

    times :math:`v_i` ("none", "sum") or :math:`v_i / D` ("mean"), and times `grad_output`.

    Parameters
    ----------
    logits, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, z_loss, infogain, n_threads
        As `softmax_cross_entropy` takes them.
    reduction : {"mean", "sum", "none"}, default "mean"
        The gradient is that of the result; for "none", of each row's own loss.
    grad_output : array_like, optional
        Factor of the gradient: a scalar, or for "none" an array with one value for each row; 1 by default.
    out : ndarray, optional
        Where to write the gradient: a writeable array of the logits' shape, of float16, bfloat16, float32 or float64,
        in native byte order, with any strides. It may be the logits themselves, but must share no other memory
        with an input. By default a new array.

    Returns
    -------
    loss : float or ndarray
        As `softmax_cross_entropy` returns it, in nats.
    grad : ndarray, shape (..., C, ...)
        `out` if given; else an array of the logits' shape and memory order and of the dtype computed in, or of the
        logits' where that is float16 or bfloat16: rounded once. Nats per unit of a logit.

    Raises
    ------
    TypeError
        As `softmax_cross_entropy` does, and if `out` is no array of such a dtype.
    ValueError
        As `softmax_cross_entropy` does; if `out` is read-only, of another shape, or overlaps an input in part; if
        `grad_output` is an array, but the loss is one number. All checks come before the first write.

    See Also
    --------
    softmax_cross_entropy_grad_hess : The Hessian diagonal as well.

    Notes
    -----
    The gradient of an ignored row, or of one of sample weight 0, is exactly 0, and so is the whole gradient
    where the mean is nan for want of any weight. At a logit of -inf the gradient is :math:`-t_k`, times the row's
    factor.

    For class indices without smoothing and z-loss every entry is within 4 ulp of the real value, that of a confident
    row's own class included (in one such row of 100,000 within 5); elsewhere within 4 ulp of
    :math:`(T + 2 c\, (|m| + \log s))\, p_k + t_k`, with the largest logit :math:`m` and
    :math:`\mathrm{lse} = m + \log s`.
    After a KeyboardInterrupt the content of `out` is unspecified.

    References
    ----------
    .. [1] C. M. Bishop, "Pattern Recognition and Machine Learning", Springer, 2006, section 4.3.4.

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> logits = np.array([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3]])
    >>> loss, grad = fx.softmax_cross_entropy_grad(logits, [0, 2])
    >>> round(loss, 4)
    0.6216
    >>> np.round(grad, 3)
    array([[-0.107,  0.088,  0.02 ],
           [ 0.15 ,  0.166, -0.316]])

    Written over the logits, which allocates nothing of their size:

    >>> loss, grad = fx.softmax_cross_entropy_grad(logits, [0, 2], out=logits)
    >>> grad is logits
    True
    """
    return door.softmax_cross_entropy(
        1, logits, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, z_loss, infogain,
        reduction, n_threads, grad_output, out,
    )  # fmt: skip


@overload
def softmax_cross_entropy_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, reduction: Reduced = ...,
    out: Array | None = ..., hess_out: Array | None = ..., **options: Unpack[SoftmaxOptions],
) -> tuple[float, Array, Array]: ...  # fmt: skip


@overload
def softmax_cross_entropy_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, reduction: Literal["none"],
    out: Array | None = ..., hess_out: Array | None = ..., **options: Unpack[SoftmaxOptions],
) -> tuple[Array, Array, Array]: ...  # fmt: skip


def softmax_cross_entropy_grad_hess(
    logits: ArrayLike, target: ArrayLike, *, axis: int = -1, class_weight: ClassWeight | None = None,
    sample_weight: ArrayLike | None = None, ignore_index: int | None = None, label_smoothing: float = 0.0,
    z_loss: float = 0.0, infogain: ArrayLike | None = None, reduction: Reduction = "mean", n_threads: int | None = None,
    out: Array | None = None, hess_out: Array | None = None,
) -> tuple[float | Array, Array, Array]:  # fmt: skip
    r"""Softmax cross entropy, its gradient and the diagonal of its Hessian, in one pass.

    With :math:`T = \sum_k t_k` and the z-loss coefficient :math:`c` the second derivatives of a row's loss are [1]_

    .. math::

       \frac{\partial^2 l}{\partial x_k^2} = (T + 2 c\, \mathrm{lse})\, p_k (1 - p_k) + 2 c\, p_k^2

    times :math:`v_i` ("none", "sum") or :math:`v_i / D` ("mean"). Gradient boosting fits its trees to them [2]_.

    Parameters
    ----------
    logits, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, z_loss, infogain, n_threads
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
        As `softmax_cross_entropy` returns it, in nats.
    grad : ndarray, shape (..., C, ...)
        As `softmax_cross_entropy_grad` returns it.
    hess : ndarray, shape (..., C, ...)
        `hess_out` if given; else an array like `grad`. Nats per squared unit of a logit.

    Raises
    ------
    TypeError, ValueError
        As `softmax_cross_entropy_grad` does, for `hess_out` as well; ValueError if the two outputs overlap.

    Notes
    -----
    These are the second derivatives themselves. In their own objectives XGBoost multiplies them by 2 and LightGBM by
    C / (C - 1).

    References
    ----------
    .. [1] C. M. Bishop, "Pattern Recognition and Machine Learning", Springer, 2006, section 4.3.4.
    .. [2] T. Chen and C. Guestrin, "XGBoost: A scalable tree boosting system", KDD, 2016, section 2.2.

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> logits = np.array([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3]])
    >>> loss, grad, hess = fx.softmax_cross_entropy_grad_hess(logits, [0, 2], reduction="sum")
    >>> round(loss, 4)
    1.2433
    >>> np.round(hess, 3)
    array([[0.168, 0.145, 0.038],
           [0.21 , 0.222, 0.232]])
    """
    return door.softmax_cross_entropy(
        2, logits, target, axis, class_weight, sample_weight, ignore_index, label_smoothing, z_loss, infogain,
        reduction, n_threads, None, out, hess_out,
    )  # fmt: skip
