"""What a row of logits says of its target: log-probability, rank and entropy, in one pass."""

from __future__ import annotations

from typing import NamedTuple

from numpy.typing import ArrayLike

from fastxent._kernels import door
from fastxent._types import Array


class TargetStatistics(NamedTuple):
    """What `target_statistics` returns: arrays of one shape, or NumPy scalars for a single row.

    Parameters
    ----------
    log_prob : ndarray
        The target's log-probability, in nats: the loss with the other sign.
    lse : ndarray
        The logarithm of the sum of the logits' exponentials.
    predicted : ndarray of int64
        The class with the largest logit, the first of equal ones.
    rank : ndarray of int64
        How many logits exceed the target's: the target is among the k most probable classes where ``rank < k``. Equal
        ones, which half precision has many of, do not count; of several that are largest the first is `predicted`.
    entropy : ndarray
        The entropy of the softmax, in nats.
    """

    log_prob: Array
    lse: Array
    predicted: Array
    rank: Array
    entropy: Array


def target_statistics(
    logits: ArrayLike, target: ArrayLike, *, axis: int = -1, ignore_index: int | None = None,
    n_threads: int | None = None,
) -> TargetStatistics:  # fmt: skip
    r"""Log-probability, rank and entropy of each row, in one pass over the logits.

    One row of logits :math:`x` with the class index :math:`y` has [1]_ [2]_

    .. math::

       \log p_y = x_y - \mathrm{lse}, \qquad
       \mathrm{lse} = \log \sum_k e^{x_k}, \qquad
       \mathrm{predicted} = \arg\max_k x_k, \qquad
       \mathrm{rank} = \#\{k : x_k > x_y\}, \qquad
       \mathrm{entropy} = -\sum_k p_k \log p_k

    Parameters
    ----------
    logits : array_like, shape (..., C, ...)
        Unnormalised log-probabilities, as `softmax_cross_entropy` takes them.
    target : array_like, shape (...)
        Class indices, of any integer or bool dtype, in the logits' shape without `axis`.
    axis : int, default -1
        The logits' axis that holds the classes.
    ignore_index : int, optional
        Rows with this label are left out: their `log_prob`, `lse` and `entropy` are nan, `predicted` and `rank` -1.
    n_threads : int, optional
        The most threads to use, `get_num_threads` by default. The result is the same, to the bit, for any number.

    Returns
    -------
    TargetStatistics
        A named tuple ``(log_prob, lse, predicted, rank, entropy)`` of arrays of the target's shape: in nats, of the
        dtype computed in (float64 for float64, integers and bool; else float32), and int64. They are views of one
        array of records. NumPy scalars if the logits are one row.

    Raises
    ------
    TypeError, ValueError
        As `softmax_cross_entropy` does; if the target is not class indices.

    See Also
    --------
    softmax_cross_entropy : The loss, weighted and reduced: the mean of ``-log_prob``.
    linear_target_statistics : The same without the logits, of what they are the product of.

    Notes
    -----
    A logit of -inf is a class that adds nothing. In a row that holds +inf or NaN, or nothing but -inf, `log_prob` and
    `entropy` are nan and `lse` is as `logsumexp` has it; `predicted` is the first NaN if there is one, as in
    `numpy.argmax`.

    References
    ----------
    .. [1] P. Blanchard, D. J. Higham and N. J. Higham, "Accurately computing the log-sum-exp and softmax
       functions", IMA Journal of Numerical Analysis 41, 2021, section 4.
    .. [2] T. M. Cover and J. A. Thomas, "Elements of Information Theory", 2nd edition, Wiley, 2006, section 2.1.

    Examples
    --------
    >>> import numpy as np
    >>> import fastxent as fx
    >>> logits = np.array([[2.0, 0.5, -1.0], [0.1, 0.2, 0.3]])
    >>> statistics = fx.target_statistics(logits, [0, 1])
    >>> np.round(statistics.log_prob, 4)
    array([-0.2413, -1.1019])
    >>> statistics.rank
    array([0, 1])

    Perplexity, accuracy and top-2 accuracy:

    >>> round(float(np.exp(-statistics.log_prob.mean())), 3)
    1.957
    >>> float((statistics.predicted == [0, 1]).mean()), float((statistics.rank < 2).mean())
    (0.5, 1.0)
    """
    records = door.target_statistics(logits, target, axis, ignore_index, n_threads)
    return TargetStatistics(*(records[name][()] for name in TargetStatistics._fields))
