"""Samples in partitions, for the tests of `fastxent.dask.SoftmaxClassifier`."""

import dask.array as da
import numpy as np

from tests.samples import drawn


def samples(rng, n=4000, n_classes=4, dtype=np.float64):
    """Features and labels."""
    X = rng.standard_normal((n, 6)).astype(dtype)
    return X, drawn(X @ rng.standard_normal((6, n_classes)), rng)


def partitioned(array, rows=1000, form=np.asarray):
    """A dask array with so many rows in each partition, or with those of a list."""
    made = da.from_array(array, chunks=(rows, *array.shape[1:]))
    return made if form is np.asarray else made.map_blocks(form)


def objective(model):
    return model.loss_curve_[-1]
