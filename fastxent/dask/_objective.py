"""The objective of samples in partitions, as L-BFGS calls it on the client."""

from __future__ import annotations

from typing import Any

import dask
import numpy as np

from fastxent._types import Array
from fastxent.dask import _partition
from fastxent.dask._collections import constant
from fastxent.dask._partition import Query
from fastxent.dask._samples import Samples
from fastxent.sklearn._objective import Objective, penalised
from fastxent.sklearn._target import Target, weighed


class PartitionedObjective:
    """That of `fastxent.sklearn._objective.Objective`, summed in a tree over fixed blocks of rows.

    The client has a model and its gradient, and the samples that tell the curvature.
    """

    def __init__(
        self, samples: Samples, class_weight: Any, label_smoothing: float, strength: float, batch_rows: int | None
    ) -> None:
        self.samples = samples
        per_class, mass = weighed(samples.masses(), class_weight, samples.classes)
        denominator = float(mass.sum())
        X, values, weight = samples.sampled()
        self.target = Target(values, weight, per_class, label_smoothing, mass, denominator)
        self.l2 = 1.0 / (strength * denominator)
        self.sample = Objective(X, self.target, self.l2, batch_rows, None)
        self.n_samples, self.n_outputs = samples.n_samples, self.sample.n_outputs
        self.size = samples.size * self.n_outputs
        self.batch_rows = batch_rows
        self.given_dtype = self.dtype = samples.dtype

    def compute_in(self, dtype: Any) -> None:
        """Multiply in this dtype from now on."""
        self.dtype = np.dtype(dtype)
        self.sample.compute_in(dtype)

    def __call__(self, coef: Array, intercept: Array) -> tuple[float, Array, Array]:
        """The value and the gradients with respect to coef (C, F) and intercept (C,)."""
        query = Query(
            coef.astype(self.dtype), intercept.astype(self.dtype), self.target.class_weight,
            self.target.label_smoothing, len(self.target.mass), self.samples.block_rows, self.batch_rows,
        )  # fmt: skip
        shared: Any = query if self.samples.small else constant("model", query)
        with dask.config.set({"distributed.admin.large-graph-warning-threshold": "1 TiB"}):  # a model is no data
            total = self.samples.added("gradient", _partition.gradient, shared)
        return penalised(total, coef, self)
