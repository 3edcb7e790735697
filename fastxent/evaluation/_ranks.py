"""Where the scores of the true classes stand among all."""

from __future__ import annotations

import numpy as np

from fastxent import _bfloat16
from fastxent._statistics import target_statistics
from fastxent._types import Array


def ranks(scores: Array, classes: Array, axis: int, n_threads: int | None) -> tuple[Array, Array]:
    """Of each sample the class of the largest score, and how many scores exceed that of the true class.

    Of equal scores the first class counts. A sample that holds nan has no such class, -1, and a rank behind all.
    """
    shape = scores.shape[:axis] + scores.shape[axis + 1 :]
    found = target_statistics(scores, classes.reshape(shape), axis=axis, n_threads=n_threads)
    predicted, rank, lse = (np.array(part).reshape(-1) for part in (found.predicted, found.rank, found.lse))
    odd = np.isnan(lse)
    predicted[odd], rank[odd] = -1, np.iinfo(rank.dtype).max
    return predicted, rank


def largest(scores: Array, predicted: Array, axis: int) -> Array:
    """The scores of these classes, in double; nan where there is none."""
    classes = np.maximum(predicted, 0).reshape(scores.shape[:axis] + scores.shape[axis + 1 :])
    top = np.take_along_axis(scores, np.expand_dims(classes, axis), axis)
    return np.where(predicted < 0, np.nan, _bfloat16.widened(top).reshape(-1).astype(np.float64))
