"""`fastxent.dask.SoftmaxClassifier`: ten iterations over four partitions, beside those of `fastxent.sklearn`."""

import warnings
from importlib import import_module

import numpy as np

N, F, C = 200_000, 54, 7


class PartitionedFit:
    params = (["partitions", "memory"],)
    param_names = ("samples",)

    def setup(self, samples):
        rng = np.random.default_rng(0)
        X, y = rng.standard_normal((N, F), np.float32), rng.integers(0, C, N)
        # an old commit does not have the module
        kind = import_module("fastxent.dask" if samples == "partitions" else "fastxent.sklearn").SoftmaxClassifier
        if samples == "partitions":
            from_array = import_module("dask.array").from_array
            X, y = from_array(X, chunks=(N // 4, -1)), from_array(y, chunks=N // 4)
        self.model, self.data = kind(tol=0.0, max_iter=10, n_threads=1), (X, y)

    def fit(self):
        with warnings.catch_warnings(), import_module("dask").config.set(scheduler="synchronous"):
            warnings.simplefilter("ignore")
            self.model.fit(*self.data)

    def time_fit(self, samples):
        self.fit()

    def peakmem_fit(self, samples):
        self.fit()

    time_fit.pretty_name = "dask: time of a fit"
    peakmem_fit.pretty_name = "dask: peak memory of a fit"
