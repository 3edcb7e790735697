"""Random calls with hostile arrays: ``python -m tests.fuzz --minutes 2``, which logs the seed of what it does.

Each call is one of the table's, with random options, shapes and layouts, with closed pages around its arrays; arrays
are resized while arguments are converted and while other threads run, labels and weights are of any value. Such a call
has the result of the reference or raises one of Python's usual errors, and writes to its outputs alone. A process that
dies has printed its last seed: ``--seed N --calls 1`` makes that call again.
"""

import argparse
import contextlib
import random
import sys
import threading
import time

import numpy as np

from tests.fences import Fenced
from tests.layouts import LAYOUTS
from tests.problem import problem, unmodified
from tests.table import FUNCTIONS
from tests.ulp import BOTH

USUAL = (TypeError, ValueError, MemoryError)
ANY_NUMBER = (0.0, -0.0, 1.0, -1.0, 0.5, 1e-300, 1e300, 1e40, np.inf, -np.inf, np.nan)
ANY_LABEL = (0, 1, -1, -100, 2**31, -(2**63), 2**63 - 1)


class Own(np.ndarray):
    """A subclass whose methods tell of another array."""

    def reshape(self, *_, **__):
        return np.zeros(3)

    view = transpose = astype = reshape


class Resizing:
    """What resizes another array when it is converted."""

    def __init__(self, value, other):
        self.value, self.other = value, other

    def __array__(self, dtype=None, copy=None):
        shape = random.choice([(1,), (2, 3), self.other.shape[::-1], (self.other.size + 7,)])
        self.other.resize(shape, refcheck=False)
        return self.value


def draw_shape(rng):
    kind = rng.integers(5)
    if kind == 0:
        return tuple(rng.integers(1, 5, rng.integers(1, 7)))
    if kind == 1:
        return int(rng.integers(1, 4)), int(rng.integers(200, 3000))
    if kind == 2:
        return int(rng.integers(0, 3000)), int(rng.integers(1, 24))
    return int(rng.integers(0, 200)), int(rng.integers(1, 300))


def draw(rng):
    """A valid problem in a random place."""
    f = FUNCTIONS[rng.integers(len(FUNCTIONS))]
    shape = draw_shape(rng)
    axis = int(rng.integers(-len(shape), len(shape))) if rng.random() < 0.3 and 0 not in shape else -1
    options = f.option_sets[rng.integers(len(f.option_sets))]
    dtype = (np.float32, np.float64)[rng.integers(2)]
    p = problem(f, rng, shape, axis, dtype, options, ("none", "sum", "mean")[rng.integers(3)], rng.choice([0.1, 1, 5]))
    return p.change(n_threads=int(rng.integers(1, 4)))


def placed(rng, array):
    """The same numbers in another layout, up to a closed page, or in a subclass that lies."""
    kind = rng.integers(4)
    if kind == 0 and array.ndim:
        return list(LAYOUTS.values())[rng.integers(len(LAYOUTS))](array)
    if kind == 1:
        return Fenced(array).array
    return array.view(Own) if kind == 2 else array


def arrays_of(p):
    options = {name: value for name, value in p.options.items() if isinstance(value, np.ndarray)}
    return options | {"x": p.x} | ({} if p.target is None else {"target": p.target})


def spoiled(rng, p):
    """The problem with any numbers in some places, or other dtypes."""
    for name, array in arrays_of(p).items():
        if rng.random() < 0.5:
            continue
        values = ANY_LABEL if array.dtype.kind in "iu" else ANY_NUMBER
        dtypes = [np.int8, np.uint64, np.float16, np.float32, ">f8", bool, np.longdouble, object, *[array.dtype] * 16]
        with np.errstate(all="ignore"):
            array = np.where(rng.random(array.shape) < 0.1, rng.choice(values, array.shape), array)
            p = p.change(**{name: array.astype(dtypes[rng.integers(len(dtypes))])})
    return p


def call(rng):
    """One call."""
    p = draw(rng)
    kind = rng.integers(4)
    outs = {}
    if rng.random() < 0.5:
        dtype = p.x.dtype if kind == 0 else (np.float16, np.float32, np.float64)[rng.integers(3)]
        outs = {name: Fenced(np.zeros(p.x.shape, dtype)) for name in p.function.array_results}
    given = {name: out.array for name, out in outs.items()}
    if kind == 0:  # valid, and right
        changed = p.change(**{name: placed(rng, array) for name, array in arrays_of(p).items()})
        with unmodified(changed.args, changed.options):
            got = changed.run(**given)
        if p.x.size <= 20_000 and p.x.shape[p.axis] > 1:  # of one class the reference's roundings are all there is
            p.assert_close(got, p.expected(), BOTH)
    elif kind == 1:  # any numbers
        changed = spoiled(rng, p)
        with np.errstate(all="ignore"):
            tried(changed.run, given)
    elif kind == 2:  # arrays that change while others are read
        arrays = {name: array.copy() for name, array in arrays_of(p).items()}
        names = list(arrays)
        victim = names[rng.integers(len(names))]
        name = names[rng.integers(len(names))]
        tried(p.change(**arrays | {name: Resizing(arrays[name], arrays[victim])}).run, given)
    else:  # another thread that resizes, all the time
        arrays = {name: array.copy() for name, array in arrays_of(p).items()}
        over = threading.Event()
        thread = threading.Thread(target=resize_until, args=(over, [*arrays.values()]))
        thread.start()
        try:
            tried(p.change(**arrays).run, {})
        finally:
            over.set()
            thread.join()
    assert all(out.intact for out in outs.values())


def resize_until(over, arrays):
    while not over.is_set():
        for array in arrays:
            with contextlib.suppress(ValueError):
                array.resize(array.shape[::-1] if array.ndim > 1 else array.size + 1, refcheck=False)


def tried(run, options):
    with contextlib.suppress(USUAL):
        run(**options)


def main():
    parser = argparse.ArgumentParser(prog="python -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=2.0)
    parser.add_argument("--calls", type=int, default=sys.maxsize)
    parser.add_argument("--seed", type=int, default=None)
    arguments = parser.parse_args()
    first = time.time_ns() % 2**40 if arguments.seed is None else arguments.seed
    print(f"seeds from {first} on", flush=True)
    end, seed = time.monotonic() + 60 * arguments.minutes, first
    while seed - first < arguments.calls and time.monotonic() < end:
        sys.stderr.write(f"\rseed {seed}")
        sys.stderr.flush()
        random.seed(seed)
        call(np.random.default_rng(seed))
        seed += 1
    print(f"\n{seed - first} calls")


if __name__ == "__main__":
    main()
