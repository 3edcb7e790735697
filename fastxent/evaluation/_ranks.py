"""Where the scores of the true classes stand among all."""

from __future__ import annotations

import numpy as np

from fastxent import _bfloat16
from fastxent._statistics import target_statistics
from fastxent._types import Array


def ranks(scores: Array, classes: Array, axis: int, n_threads: int | None) -> tuple[Array, Array, Array]:
    """Of each sample the class of the largest score, this score, and how many scores exceed that of the true class.

    Of equal scores the first class counts. A sample that holds nan has that as its largest score, and the last rank.
    """
    shape = scores.shape[:axis] + scores.shape[axis + 1 :]
    found = target_statistics(scores, classes.reshape(shape), axis=axis, n_threads=n_threads)
    predicted, rank = np.asarray(found.predicted), np.asarray(found.rank)
    top = np.take_along_axis(scores, np.expand_dims(predicted, axis), axis)
    rank = np.where(np.isnan(found.lse), scores.shape[axis], rank)
    return predicted.reshape(-1), _bfloat16.widened(top).astype(np.float64).reshape(-1), rank.reshape(-1)
