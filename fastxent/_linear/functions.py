"""Softmax cross entropy of hidden @ weight.T, for vocabularies whose logits do not fit into memory."""

from __future__ import annotations

from collections.abc import Collection
from typing import Literal, Unpack, cast, overload

import numpy as np
from numpy.typing import ArrayLike

from fastxent._linear.arguments import LinearCall, Results, linear_call, outputs
from fastxent._linear.losses import TILE_CLASSES, losses_and_gradients, losses_of_labels, statistics
from fastxent._statistics import TargetStatistics
from fastxent._types import Array, ClassWeight, LinearOptions, Reduced, Reduction

Gradients = tuple[Array, Array, Array | None]


@overload
def linear_cross_entropy(
    hidden: ArrayLike, weight: ArrayLike, target: ArrayLike, bias: ArrayLike | None = ..., *, reduction: Reduced = ...,
    **options: Unpack[LinearOptions],
) -> float: ...  # fmt: skip


@overload
def linear_cross_entropy(
    hidden: ArrayLike, weight: ArrayLike, target: ArrayLike, bias: ArrayLike | None = ..., *,
    reduction: Literal["none"], **options: Unpack[LinearOptions],
) -> Array: ...  # fmt: skip


def linear_cross_entropy(
    hidden: ArrayLike, weight: ArrayLike, target: ArrayLike, bias: ArrayLike | None = None, *,
    class_weight: ClassWeight | None = None, sample_weight: ArrayLike | None = None, ignore_index: int | None = None,
    label_smoothing: float = 0.0, z_loss: float = 0.0, softcap: float | None = None, reduction: Reduction = "mean",
    chunk_rows: int | None = None, n_threads: int | None = None,
) -> float | Array:  # fmt: skip
    r"""Softmax cross entropy of a linear layer's logits, which never exist as a whole.

    The loss is that of `softmax_cross_entropy` for the logits [1]_

    .. math:: x = c \tanh\frac{W h + b}{c}, \qquad\text{without a cap } c\text{:}\quad x = W h + b

    made in tiles of rows and classes, of which each row's maximum and sum of exponentials are carried on [2]_: the
    memory does not depend on the size of the vocabulary.

    Parameters
    ----------
    hidden : array_like, shape (..., H)
        The last layer's input: of any float dtype, float16 and bfloat16 included.
    weight : array_like, shape (C, H)
        One row for each class, as ``torch.nn.Linear`` stores it.
    target : array_like, shape (...) or (..., C)
        Class indices; or distributions, which need whole rows of logits.
    bias : array_like, shape (C,), optional
        Added to the logits.
    class_weight, sample_weight, ignore_index, label_smoothing, z_loss, reduction
        As `softmax_cross_entropy` takes them.
    softcap : float, optional
        The cap c of the logits, positive.
    chunk_rows : int, optional
        How many rows are multiplied at once: 1024 by default; with distributions as many as fit into 128 MiB of
        logits, at least 256 and at most 1024.
    n_threads : int, optional
        The most threads to use, `get_num_threads` by default. The products are NumPy's, whose BLAS has one thread
        meanwhile in each of them.

    Returns
    -------
    float or ndarray
        In nats: a float, accumulated in double precision, for "mean" and "sum"; for "none" an array of the target's
        shape, of float64 if `hidden`, `weight` or `bias` is float64 or integers, else of float32.

    Raises
    ------
    TypeError, ValueError
        As `softmax_cross_entropy` does; if the shapes of `hidden`, `weight` and `bias` do not fit each other; if
        `softcap` is not positive and finite; if `chunk_rows` is no integer from 1 on.

    See Also
    --------
    linear_cross_entropy_grad : The loss and its gradients.
    linear_target_statistics : Log-probability, rank and entropy of each row.

    Notes
    -----
    Rows that are ignored or have the sample weight 0 are not computed, and cost nothing.

    Products are computed in the dtype computed in, float32 for float16 and bfloat16, and their rounding is that of
    NumPy's BLAS: it may change with the number of rows at a time, so with `chunk_rows`, and with the number of
    threads. What is made of them does not depend on either: a confident row's loss is as exact as
    `softmax_cross_entropy` has it. Beside a number for each row there are 1024 logits of each of `chunk_rows` rows at a
    time.

    References
    ----------
    .. [1] Gemma Team, "Gemma 2: Improving open language models at a practical size", arXiv:2408.00118, 2024, section 2.
    .. [2] M. Milakov and N. Gimelshein, "Online normalizer calculation for softmax", arXiv:1805.02867, 2018.

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> hidden = np.array([[1.0, 0.0], [0.0, 2.0]])
    >>> weight = np.array([[2.0, 0.0], [0.5, 1.0], [0.0, -1.0]])
    >>> round(fx.linear_cross_entropy(hidden, weight, [0, 1]), 4)
    0.2246
    >>> round(fx.softmax_cross_entropy(hidden @ weight.T, [0, 1]), 4)
    0.2246
    """
    call = linear_call(
        hidden, weight, target, bias, class_weight, sample_weight, ignore_index, label_smoothing, z_loss, softcap,
        reduction, chunk_rows, n_threads,
    )  # fmt: skip
    if call.targets.are_labels and call.product.classes > TILE_CLASSES:
        losses = np.zeros(len(call.product.hidden))
        call.computed(losses_of_labels, losses)
        return call.reduced(losses, cast(Collection[float], losses))
    per_row = call.per_row()
    totals = call.computed(losses_and_gradients, 1.0, None, per_row)
    return call.reduced(per_row, totals)


@overload
def linear_cross_entropy_grad(
    hidden: ArrayLike, weight: ArrayLike, target: ArrayLike, bias: ArrayLike | None = ..., *, reduction: Reduced = ...,
    grad_output: ArrayLike | None = ..., out_hidden: Array | None = ..., out_weight: Array | None = ...,
    out_bias: Array | None = ..., **options: Unpack[LinearOptions],
) -> tuple[float, Gradients]: ...  # fmt: skip


@overload
def linear_cross_entropy_grad(
    hidden: ArrayLike, weight: ArrayLike, target: ArrayLike, bias: ArrayLike | None = ..., *,
    reduction: Literal["none"], grad_output: ArrayLike | None = ..., out_hidden: Array | None = ...,
    out_weight: Array | None = ..., out_bias: Array | None = ..., **options: Unpack[LinearOptions],
) -> tuple[Array, Gradients]: ...  # fmt: skip


def linear_cross_entropy_grad(
    hidden: ArrayLike, weight: ArrayLike, target: ArrayLike, bias: ArrayLike | None = None, *,
    class_weight: ClassWeight | None = None, sample_weight: ArrayLike | None = None, ignore_index: int | None = None,
    label_smoothing: float = 0.0, z_loss: float = 0.0, softcap: float | None = None, reduction: Reduction = "mean",
    chunk_rows: int | None = None, n_threads: int | None = None, grad_output: ArrayLike | None = None,
    out_hidden: Array | None = None, out_weight: Array | None = None, out_bias: Array | None = None,
) -> tuple[float | Array, Gradients]:  # fmt: skip
    r"""Softmax cross entropy of a linear layer's logits, and its gradients with respect to the layer's arrays.

    With the gradient :math:`g_i` of row i's loss with respect to its logits, as `softmax_cross_entropy_grad` has it,
    times :math:`v_i` or :math:`v_i / D` and `grad_output`, and with a cap times :math:`1 - (x / c)^2`, [1]_

    .. math::

       \frac{\partial l}{\partial h_i} = W^T g_i, \qquad
       \frac{\partial l}{\partial W} = \sum_i g_i h_i^T, \qquad
       \frac{\partial l}{\partial b} = \sum_i g_i

    Parameters
    ----------
    hidden, weight, target, bias, softcap
        As `linear_cross_entropy` takes them.
    class_weight, sample_weight, ignore_index, label_smoothing, z_loss, reduction
        As `softmax_cross_entropy` takes them.
    chunk_rows : int, optional
        How many rows of logits exist at once, as a whole: by default as many as fit into 128 MiB with what goes along
        with them, at least 256 and at most 1024.
    n_threads
        As `linear_cross_entropy` takes it.
    grad_output : array_like, optional
        What all gradients are multiplied by: a scalar, or for "none" an array of the target's shape.
    out_hidden, out_weight, out_bias : ndarray, optional
        Where the gradients go: of their shapes, of any float dtype; they share memory with nothing else.

    Returns
    -------
    loss : float or ndarray
        As `linear_cross_entropy` returns it.
    gradients : tuple of ndarray
        ``(grad_hidden, grad_weight, grad_bias)``, the last one None without a bias: of the dtypes of `hidden`, `weight`
        and `bias`, or of the arrays given, float64 for integers.

    Raises
    ------
    TypeError, ValueError
        As `linear_cross_entropy` does; if an output has another shape, is not of a float dtype, is read-only, or shares
        memory with another array of the call; if `out_bias` is given, but no `bias`.

    See Also
    --------
    linear_cross_entropy : The loss alone, in less memory.

    Notes
    -----
    Sums over chunks are made in the dtype computed in, those of the bias in double, and rounded once to the gradients'
    dtype: with a ``grad_weight`` of float16 or bfloat16 and more than one chunk that takes two more bytes for each
    of its numbers, and eight with one that is computed in double and not of float64. By default the chunks are
    shorter by as much, where that leaves 128 rows.

    References
    ----------
    .. [1] C. M. Bishop, "Pattern Recognition and Machine Learning", Springer, 2006, section 4.3.4.

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> hidden = np.array([[1.0, 0.0], [0.0, 2.0]])
    >>> weight = np.array([[2.0, 0.0], [0.5, 1.0], [0.0, -1.0]])
    >>> loss, (grad_hidden, grad_weight, _) = fx.linear_cross_entropy_grad(hidden, weight, [0, 1])
    >>> np.round(grad_hidden, 3)
    array([[-0.223,  0.032],
           [ 0.084, -0.075]])
    """
    call = linear_call(
        hidden, weight, target, bias, class_weight, sample_weight, ignore_index, label_smoothing, z_loss, softcap,
        reduction, chunk_rows, n_threads, grad_output,
    )  # fmt: skip
    return loss_and_gradients(call, outputs(call, out_hidden, out_weight, out_bias))


def loss_and_gradients(call: LinearCall, results: Results) -> tuple[float | Array, Gradients]:
    """What a call returns whose arguments and outputs are checked."""
    losses = call.per_row()
    totals = call.computed(losses_and_gradients, call.scale, results.arrays, losses)
    return call.reduced(losses, totals), results.returned()


def linear_target_statistics(
    hidden: ArrayLike, weight: ArrayLike, target: ArrayLike, bias: ArrayLike | None = None, *,
    ignore_index: int | None = None, softcap: float | None = None, chunk_rows: int | None = None,
    n_threads: int | None = None,
) -> TargetStatistics:  # fmt: skip
    r"""Log-probability, rank and entropy of each row of a linear layer's logits, which never exist as a whole.

    They are those of `target_statistics` for the logits of `linear_cross_entropy` [1]_:

    .. math::

       \log p_y = x_y - \mathrm{lse}, \qquad
       \mathrm{rank} = \#\{k : x_k > x_y\}, \qquad
       \mathrm{entropy} = -\sum_k p_k \log p_k, \qquad
       x = c \tanh\frac{W h + b}{c}

    Parameters
    ----------
    hidden, weight, bias, softcap
        As `linear_cross_entropy` takes them.
    target : array_like, shape (...)
        Class indices.
    ignore_index : int, optional
        Rows with this label are not computed: their `log_prob`, `lse` and `entropy` are nan, `predicted` and `rank` -1.
    chunk_rows : int, optional
        How many rows of logits exist at once, as a whole: by default as many as fit into 128 MiB, at least 256 and at
        most 1024.
    n_threads : int, optional
        The most threads to use, `get_num_threads` by default.

    Returns
    -------
    TargetStatistics
        A named tuple ``(log_prob, lse, predicted, rank, entropy)``, as `target_statistics` returns it.

    Raises
    ------
    TypeError, ValueError
        As `linear_cross_entropy` does; if the target is not class indices.

    See Also
    --------
    target_statistics : The same for logits.
    linear_cross_entropy : The loss, weighted and reduced.

    References
    ----------
    .. [1] T. M. Cover and J. A. Thomas, "Elements of Information Theory", 2nd edition, Wiley, 2006, section 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> hidden = np.array([[1.0, 0.0], [0.0, 2.0]])
    >>> weight = np.array([[2.0, 0.0], [0.5, 1.0], [0.0, -1.0]])
    >>> fx.linear_target_statistics(hidden, weight, [0, 0]).rank
    array([0, 1])
    """
    call = linear_call(
        hidden, weight, target, bias, None, None, ignore_index, 0.0, 0.0, softcap, "sum", chunk_rows, n_threads,
        labels_only=True,
    )  # fmt: skip
    records = call.computed(statistics).reshape(call.shape)
    return TargetStatistics(*(records[name][()] for name in TargetStatistics._fields))
