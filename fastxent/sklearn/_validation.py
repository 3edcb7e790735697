"""What an estimator is given, checked as scikit-learn does, but block by block: in threads, and Ctrl-C is heard."""

from __future__ import annotations

from typing import Any

import numpy as np
from scipy import sparse
from sklearn.utils import assert_all_finite, check_array, check_consistent_length, column_or_1d
from sklearn.utils.validation import validate_data

from fastxent import _check, _threads
from fastxent._blocks import blocks
from fastxent._kernels.job import Job
from fastxent._quiet import quietly
from fastxent._types import Array
from fastxent.sklearn._target import is_distribution

FLOATS = (np.float64, np.float32)
CHECKED_BYTES = 2**24  # at a time: a tenth of a second even from a slow disk


def features_and_target(estimator: Any, X: Any, y: Any) -> tuple[Any, Array]:
    """X for a fit, in either float dtype, and labels or distributions."""
    if y is None:
        validate_data(estimator, X, None)  # raises
    X = features(estimator, X, reset=True)
    if is_distribution(y):
        y = check_array(y, dtype=None, ensure_all_finite=False, input_name="y")
    else:
        y = column_or_1d(y, warn=True)
    check_consistent_length(X, y)
    if y.dtype.kind in "fcO":
        check_finite(y, "y", None)
    return X, y


def features(estimator: Any, X: Any, *, reset: bool = False) -> Any:
    """X, of as many features as in the fit unless this is the fit."""
    _check.refuse_dask(X, "X")
    X = validate_data(estimator, X, accept_sparse="csr", dtype=FLOATS, ensure_all_finite=False, reset=reset)
    check_finite(X.data if sparse.issparse(X) else X, "X", type(estimator).__name__)
    return X


def check_finite(array: Array, name: str, estimator: str | None) -> None:
    """Raise scikit-learn's error for what is NaN or infinite."""
    if array.flags.f_contiguous:
        array = array.T
    bytes_of_row = array.itemsize * int(np.prod(array.shape[1:]))
    parts = list(blocks(len(array), max(1, CHECKED_BYTES // max(1, bytes_of_row))))

    def kernel(job: Job) -> None:
        quietly(
            job.each,
            lambda number: assert_all_finite(array[parts[number]], input_name=name, estimator_name=estimator),
        )

    _threads.run(kernel, (), len(parts), blocks_each=1)
