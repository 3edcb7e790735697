"""Where the scores of the true classes stand among all."""

from __future__ import annotations

import numpy as np

from fastxent import _bfloat16
from fastxent._types import Array


def ranks(scores: Array, classes: Array, axis: int) -> tuple[Array, Array, Array]:
    """Of each sample the class of the largest score, this score, and how many scores exceed that of the true class.

    Of equal scores the first class counts. A sample that holds nan has that as its largest score, and the last rank.
    """
    rows = np.moveaxis(_bfloat16.widened(scores), axis, -1)
    rows = rows.reshape(-1, rows.shape[-1])
    own = np.take_along_axis(rows, classes[:, None], axis=1)
    predicted = rows.argmax(axis=1)  # nan is the largest
    top = np.take_along_axis(rows, predicted[:, None], axis=1)[:, 0].astype(np.float64)
    rank = np.where(np.isnan(top), rows.shape[1], np.count_nonzero(rows > own, axis=1))
    return predicted, top, rank
