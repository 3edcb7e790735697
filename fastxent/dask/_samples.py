"""The samples of all partitions, checked and encoded where they are; what of them the client knows."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from itertools import accumulate
from typing import Any

import dask
import numpy as np
from dask.delayed import Delayed
from scipy import sparse

from fastxent._types import Array
from fastxent.dask import _partition
from fastxent.dask._collections import Pieces, constant, task
from fastxent.dask._partition import Summary, kind_of
from fastxent.dask._workers import Workers
from fastxent.sklearn._curvature import step_of
from fastxent.sklearn._labels import check_classes, raise_one_class

SPLIT = 8  # sums that a task adds
SMALL = 2**15  # bytes of a model
WORTH_A_TASK = 500_000_000  # multiplications for the logits, in a tenth of a second


@dataclass(frozen=True, slots=True)
class Samples:
    """Partitions where they are, and what they hold."""

    partitions: list[Delayed]
    first_rows: list[int]
    first_blocks: list[int]
    n_samples: int
    n_features: int
    n_blocks: int
    size: int  # numbers that X holds
    dtype: np.dtype[Any]
    classes: Array
    block_rows: int
    groups: list[list[int]]  # partitions that one task goes through

    def added(self, name: str, function: Any, *args: Any) -> Array:
        """The sum over all blocks of what this function makes of a partition, in a tree of tasks."""
        make, merge = task(name, partial(_partition.each, function)), task("add", _partition.merge)
        sums = [
            make([self.first_blocks[i] for i in group], args, *(self.partitions[i] for i in group))
            for group in self.groups
        ]
        while len(sums) > SPLIT:
            sums = [merge(*sums[i : i + SPLIT]) for i in range(0, len(sums), SPLIT)]
        if self.small:
            return _partition.total(self.n_blocks, *dask.compute(*sums))
        result: Array = dask.compute(task("sum", _partition.total)(self.n_blocks, *sums))[0]
        return result

    @property
    def small(self) -> bool:
        """Whether a model is: telling every task of it, and adding the last sums here, spares two messages in turn."""
        return 8 * len(self.classes) * (self.n_features + 1) <= SMALL

    def masses(self) -> Array:
        """What the samples of each class weigh."""
        return self.added("masses", _partition.mass, self.block_rows, len(self.classes))

    def sampled(self) -> tuple[Any, Array, Array | None]:
        """The samples that tell the curvature: X, targets and weights."""
        step, make = step_of(self.n_samples, self.n_features), task("sample", _partition.sampled)
        pairs = zip(self.partitions, self.first_rows, strict=True)
        X, y, weight = zip(*dask.compute(*[make(partition, first, step) for partition, first in pairs]), strict=True)
        stacked = sparse.vstack(X, "csr") if sparse.issparse(X[0]) else np.concatenate(X)
        return stacked, np.concatenate(y), None if weight[0] is None else np.concatenate(weight)


def read(pieces: Pieces, classes: Array | None, block_rows: int) -> Samples:
    """Check all partitions, find the classes unless they are given, and keep what is computed of them where it is."""
    examine, summary_of = task("examine", _partition.examine), task("summary", _partition.summary_of)
    given = None if classes is None else constant("classes", classes)
    examined = dask.persist(*[examine(*piece, given) for piece in zip(*pieces, strict=True)])
    summaries: list[Summary] = list(dask.compute(*map(summary_of, examined)))
    check(summaries)
    kept = [pair for pair in zip(examined, summaries, strict=True) if pair[1].n_samples]
    examined, there = zip(*kept, strict=True)
    if classes is None:
        classes = merged(there)
    elif there[0].distributions and len(classes) != len(there[0].classes):
        raise ValueError(f"y has {len(there[0].classes)} columns, but there are {len(classes)} classes")
    if len(classes) < 2:
        raise_one_class(classes)
    dtype = np.result_type(*(summary.dtype for summary in there))
    number, classes_there = task("encode", _partition.numbered), constant("classes", classes)
    partitions = list(dask.persist(*[number(partition, classes_there, dtype) for partition in examined]))
    workers = Workers.now()
    homes = workers.balanced(partitions, [summary.size for summary in there])
    size = sum(summary.size for summary in there)
    groups = workers.groups(homes, WORTH_A_TASK * len(homes) / max(size * len(classes), 1))
    n_blocks = [-(-summary.n_samples // block_rows) for summary in there]
    first_rows = [0, *accumulate(summary.n_samples for summary in there)]
    first_blocks = [0, *accumulate(n_blocks)]
    return Samples(
        partitions, first_rows[:-1], first_blocks[:-1], first_rows[-1], there[0].n_features, first_blocks[-1],
        size, dtype, classes, block_rows, groups,
    )  # fmt: skip


def check(summaries: list[Summary]) -> None:
    """Raise what is wrong in the first partition that has something wrong, or where two do not agree."""
    first_row = 0
    for number, summary in enumerate(summaries):
        if summary.problem is not None:
            where = f"partition {number}, whose first row is {first_row} of all"
            raise summary.problem.kind(f"{where}: {summary.problem.text}")
        first_row += summary.n_samples
    there = [(number, summary) for number, summary in enumerate(summaries) if summary.n_samples]
    if not there:
        raise ValueError(f"X has no rows, in {len(summaries)} partitions")
    for what, asked in (
        ("features", lambda summary: summary.n_features),
        ("kind of X", lambda summary: "sparse" if summary.is_sparse else "dense"),
        ("targets", lambda summary: len(summary.classes) if summary.distributions else "labels"),
        ("kind of labels", lambda summary: kind_of(summary.classes)),
    ):
        for number, summary in there:
            if asked(summary) != asked(there[0][1]):
                raise ValueError(
                    f"{what}: {asked(summary)} in partition {number}, but {asked(there[0][1])} in {there[0][0]}"
                )


def merged(summaries: Sequence[Summary]) -> Array:
    """The classes of all partitions, sorted."""
    found = np.concatenate([summary.classes for summary in summaries])
    dtypes = {str(summary.classes.dtype): summary.classes.dtype.kind for summary in summaries}
    if found.dtype.kind == "f" and not set(dtypes.values()) - set("biu"):
        raise ValueError(f"labels are {' and '.join(dtypes)} in different partitions; cast them: y.astype(np.int64)")
    classes = np.unique(found)
    check_classes(classes, sum(summary.n_samples for summary in summaries))
    return classes
