"""What a linear model makes of samples: logits, the best class or probabilities, block by block of rows."""

from __future__ import annotations

from typing import Any, Literal

import numpy as np
from scipy import sparse

import fastxent as fx
from fastxent import _blas, _explain, _threads
from fastxent._kernels.job import Job
from fastxent._kernels.linear import Predictions
from fastxent._types import Array
from fastxent.sklearn._objective import WORTH_THREADS, is_native, linear, padded, rows_of_block, size_of

Wanted = Literal["logits", "best", "probabilities", "log_probabilities"]
ACTIVATIONS: dict[Wanted, Any] = {"probabilities": fx.softmax, "log_probabilities": fx.log_softmax}


def predictions(
    X: Any, coef: Any, intercept: Array, wanted: Wanted, batch_rows: int | None, n_threads: int | None
) -> Array:  # fmt: skip
    """(n, outputs) logits; (n,) numbers of classes; or (n, C) probabilities or their logarithms.

    One output is the log-odds of the second of two classes. Dense samples are computed without the GIL.
    """
    n_samples, n_outputs, dtype = X.shape[0], len(intercept), np.result_type(X.dtype, coef.dtype)
    rows = rows_of_block(X, max(2, n_outputs), batch_rows)
    shape = (n_samples,) if wanted == "best" else (n_samples, n_outputs if wanted == "logits" else max(2, n_outputs))
    out = np.empty(shape, np.intp if wanted == "best" else dtype)

    def by_numpy(number: int) -> None:
        block = slice(number * rows, (number + 1) * rows)
        predict_block(X[block], coef, intercept, wanted, out[block])

    def kernel(job: Job) -> None:
        _blas.one_thread.help()
        if body is None:
            job.each(by_numpy)
        else:
            body(*model, out, job)

    pins = [*_explain.pinned(X)]
    products = _blas.products("s" if dtype == np.float32 else "d")
    if products is None or not all(isinstance(one, np.ndarray) for one in (X, coef)) or not is_native(X):
        body = None
    else:
        body = Predictions(X, n_outputs, dtype.name, rows, products, wanted)
        model = padded(coef, intercept, body.width, dtype)
    n_threads = n_threads if size_of(X, n_outputs) >= WORTH_THREADS else 1
    with _blas.one_thread:
        _threads.run(kernel, (), -(-n_samples // rows), n_threads, blocks_each=1)
    del pins
    return out


def check_model(coef: Any, intercept: Any, n_classes: int, n_features: int) -> None:
    """Raise unless a model, whose attributes anybody may set, has the shapes and dtypes of one."""
    n_outputs = 1 if n_classes == 2 and np.shape(intercept) == (1,) else n_classes
    for name, value, shape in (("coef_", coef, (n_outputs, n_features)), ("intercept_", intercept, (n_outputs,))):
        if not (isinstance(value, np.ndarray) or sparse.issparse(value)):
            raise TypeError(f"{name} is a {type(value).__name__}, but it must be an array of shape {shape}")
        if value.dtype.kind not in "fiub" or value.dtype.itemsize > 8:
            raise TypeError(f"{name} has dtype {value.dtype}, but it must be of real numbers, float64 at most")
        if value.shape != shape:
            raise ValueError(
                f"{name} has shape {value.shape}, but of {n_classes} classes and {n_features} features it must be "
                f"{shape}"
            )


def predict_block(X: Any, coef: Any, intercept: Array, wanted: Wanted, out: Array) -> None:
    """By NumPy or SciPy."""
    n_outputs = len(intercept)
    logits = out
    if out.shape[1:] != (n_outputs,):
        logits = np.empty((X.shape[0], n_outputs), np.result_type(X.dtype, coef.dtype))
    product = linear(X, coef.T, intercept, logits)
    if product is not logits:
        logits[...] = product
    if wanted == "best":
        out[...] = logits.argmax(axis=1) if n_outputs > 1 else ~(logits[:, 0] <= 0)
    elif wanted != "logits":
        if n_outputs == 1:
            out[:, 0], out[:, 1] = 0.0, logits[:, 0]
        ACTIVATIONS[wanted](out, out=out, n_threads=1)
