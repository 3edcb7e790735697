"""Where the partitions of a fit are: no worker of a cluster has more to do than another.

dask gives what is to be read to whoever is first, and an evaluation takes as long as the worker with the most. Copies
mend that: a task goes to a worker that has what it needs. None is told where to run, since dask lets tasks with such a
wish wait for ever once all workers were lost.
"""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from heapq import heapify, heappop, heappush
from typing import Any

from dask.base import get_scheduler
from dask.delayed import Delayed

Home = str | None  # a worker's address; without a cluster none
WORTH_A_MOVE = 1.1  # times as long as after it


@dataclass(frozen=True, slots=True)
class Workers:
    """Those of the cluster that dask runs on, with their numbers of threads; none without a cluster."""

    client: Any
    n_threads: Mapping[str, int]

    @classmethod
    def now(cls) -> Workers:
        """Those that there are."""
        client: Any = getattr(get_scheduler(), "__self__", None)  # of a method of a client
        return cls(client, client.nthreads() if hasattr(client, "nthreads") else {})

    def balanced(self, partitions: Sequence[Delayed], sizes: Sequence[int]) -> list[Home]:
        """Where partitions are, once some are copied to where they had better be."""
        if not self.n_threads:
            return [None] * len(partitions)
        distributed = sys.modules["distributed"]
        futures = distributed.futures_of(partitions)
        distributed.wait(futures)
        places = self.client.who_has(futures)
        there: dict[str, list[int]] = {worker: [] for worker in self.n_threads}
        for i, future in enumerate(futures):
            has = [worker for worker in places.get(future.key, ()) if worker in there]
            there[min(has or there)].append(i)
        before = {worker: {*own} for worker, own in there.items()}
        balance(there, sizes, self.n_threads)
        for worker, own in there.items():
            if moved := [futures[i] for i in own if i not in before[worker]]:
                with suppress(ValueError, KeyError):  # of a worker that is lost by now
                    self.client.replicate(moved, n=1, workers=[worker])
        home_of = {i: worker for worker, own in there.items() for i in own}
        return [home_of[i] for i in range(len(partitions))]

    def groups(self, homes: Sequence[Home], most: float) -> list[list[int]]:
        """Partitions of one worker, at most so many, but for each of its threads some: each task costs milliseconds.

        Without a cluster it costs little, and each has one.
        """
        there: dict[Home, list[int]] = {}
        for i, home in enumerate(homes):
            there.setdefault(home, []).append(i)
        groups = []
        for home, own in there.items():
            n = len(own)
            if home is not None:
                n = min(n, max(-(-n // max(1, int(most))), self.n_threads[home]))
            groups += [own[k * len(own) // n : (k + 1) * len(own) // n] for k in range(n)]
        return sorted(groups)


def balance(there: dict[str, list[int]], sizes: Sequence[int], n_threads: Mapping[str, int]) -> None:
    """Move partitions from the worker that takes longest to the one that is first, while that is worth it."""
    loads = {worker: sum(sizes[i] for i in own) / n_threads[worker] for worker, own in there.items()}
    heaps = {worker: [(sizes[i], i) for i in own] for worker, own in there.items()}
    for heap in heaps.values():
        heapify(heap)
    while True:
        last, first = max(loads, key=loads.__getitem__), min(loads, key=loads.__getitem__)
        if not heaps[last]:
            break
        smallest, _ = heaps[last][0]
        if loads[first] + smallest / n_threads[first] >= loads[last] / WORTH_A_MOVE:
            break
        heappush(heaps[first], heappop(heaps[last]))
        for worker, change in ((last, -smallest), (first, smallest)):
            loads[worker] += change / n_threads[worker]
    for worker, heap in heaps.items():
        there[worker][:] = [i for _, i in heap]
