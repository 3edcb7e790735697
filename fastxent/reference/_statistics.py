"""What is said of a row's target."""

from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastxent.reference._activations import logsumexp
from fastxent.reference._arguments import rows_of
from fastxent.reference._exponentials import class_sum, exponentials_of


def target_statistics(
    logits: ArrayLike, target: ArrayLike, *, axis: int = -1, ignore_index: int | None = None,
    n_threads: int | None = None,
) -> tuple[Any, ...]:  # fmt: skip
    """log p_y = x_y - m - log s, lse, the first x_k = m, the number of x_k > x_y, and log s + sum_k p_k (m - x_k).

    Of an ignored row nan, and -1 for the classes.
    """
    rows = rows_of(logits, target, axis, None, None, ignore_index, 0.0, None)
    x, dead = rows.x, rows.v == 0
    y = np.where(dead, 0, np.asarray(target)).astype(np.intp)[..., None]
    own_x = np.take_along_axis(x, y, -1)
    _, d, p, _, log_s = exponentials_of(x)
    with np.errstate(all="ignore"):
        log_prob = np.take_along_axis(d, y, -1) - log_s
        entropy = log_s + class_sum(np.where(p > 0, -p * d, 0))
    lse = np.asarray(logsumexp(x))
    real = [np.where(dead, np.nan, value) for value in (log_prob[..., 0], lse, entropy[..., 0])]
    predicted, rank = (np.where(dead, -1, value) for value in (x.argmax(axis=-1), (x > own_x).sum(axis=-1)))
    return real[0][()], real[1][()], predicted[()], rank[()], real[2][()]
