"""What does not follow the machine's speed: fastxent's time over that of something else, measured in turns with it.

Less is better: 1 is as long as the other takes, 0.1 a tenth of it. Where the other cannot do it, there is no point.
"""

import os
from functools import partial

import numpy as np
from side_by_side import libraries
from side_by_side.measure import thread_limits
from side_by_side.problems import Shape, make

from . import turns
from .cases import DTYPES, FUNCTIONS, SHAPES, prepared

PROBLEMS = {
    shape.name: shape
    for shape in [
        Shape("softmax", (64, 10)),
        Shape("softmax", (100_000, 10)),
        Shape("softmax", (1024, 1000)),
        Shape("softmax", (16, 5000, 20), axis=1),
        Shape("softmax", (200, 5000), order="F"),
        Shape("sigmoid", (1_000_000,)),
        Shape("clamped", (100_000, 10)),
        Shape("log_softmax", (1024, 1000)),
        Shape("information", (100_000, 10)),
    ]
}
PEERS = [name for name in libraries.LIBRARIES if name not in ("fastxent", "limits") and libraries.installed(name)]
# of what both libraries can do, the first of these is measured
WORK = ["loss + gradient", "loss", "log_softmax", "divergence"]


class OverCopy:
    """Over a copy of the first argument's bytes: how far from what memory allows."""

    params = (FUNCTIONS, [*SHAPES, (8, 16)], DTYPES)
    param_names = ("function", "shape", "dtype")
    unit = turns.UNIT

    def setup(self, function, shape, dtype):
        turns.on_one_core()
        self.call = prepared(function, shape, dtype)

    def track_ratio(self, function, shape, dtype):
        source = self.call.args[0]
        return turns.ratio(self.call, partial(np.copyto, np.ones_like(source), source))

    track_ratio.pretty_name = "every function: time over a copy's"


class OverPeer:
    """Over the NumPy formula and every installed library; of several ways that a library knows, the best counts."""

    params = (PEERS, list(PROBLEMS), DTYPES)
    param_names = ("peer", "problem", "dtype")
    unit = turns.UNIT

    def setup(self, peer, problem, dtype):
        turns.on_one_core()
        os.environ.update(thread_limits(1))  # read when a library is imported
        arrays = make(PROBLEMS[problem], dtype)
        own, others = (self.calls(name, PROBLEMS[problem].operation, arrays) for name in ("fastxent", peer))
        work = next((work for work in WORK if work in own and self.ways(others, work)), None)
        if work is None:
            raise NotImplementedError(f"{peer} does not know {problem}")
        self.call, self.others = own[work], self.ways(others, work)

    def calls(self, name, operation, arrays):
        calls = getattr(libraries.load(name), operation, lambda *_: {})
        return calls(arrays, 1)

    def ways(self, calls, work):
        return [call for title, call in calls.items() if title.partition(", ")[0] == work]

    def track_ratio(self, peer, problem, dtype):
        return turns.ratio(self.call, *self.others)

    track_ratio.pretty_name = "losses: time over other libraries'"
