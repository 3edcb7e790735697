"""Half precision over float32, and over torch in the same dtype; less is better.

`python -m asv_benchmarks.benchmarks.half`, from the root of the repository, prints both: torch's where it is installed,
as in the environment of `make peers`.
"""

import importlib
import importlib.util
import itertools
import time
from functools import partial

import numpy as np

import fastxent as fx

from . import turns
from .cases import logits_and_classes

SHAPES = [(4096, 1000), (128, 128256), (1_000_000, 10), (1, 1000), (8, 21, 256, 256), (8, 3, 256, 256)]
FUNCTIONS = ["softmax_cross_entropy", "softmax_cross_entropy_grad"]


def dtype_of(name):
    """bfloat16 comes from ml_dtypes, which commits without half precision do not need."""
    return np.dtype(name if name == "float16" else importlib.import_module("ml_dtypes").bfloat16)


class Half:
    """Loss, and loss and gradient into an array of the logits' dtype, over a copy of the logits; images have axis 1."""

    params = (FUNCTIONS, SHAPES, ["float16", "bfloat16"])
    param_names = ("function", "shape", "dtype")

    def setup(self, function, shape, dtype):
        classes_last = (shape[0], *shape[2:], shape[1]) if len(shape) == 4 else shape
        wide, labels = logits_and_classes(np.random.default_rng(20), classes_last, np.float32)
        wide = wide if wide.ndim == 2 else np.ascontiguousarray(np.moveaxis(wide, -1, 1))
        half = wide.astype(dtype_of(dtype))
        self.calls = [
            partial(
                getattr(fx, function), x, labels, axis=1, **({"out": np.ones_like(x)} if "grad" in function else {})
            )
            for x in (half, wide)
        ]
        self.labels, self.half = labels, half

    def track_ratio(self, function, shape, dtype):
        turns.on_one_core()
        return turns.ratio(self.calls[0], partial(np.copyto, np.ones_like(self.half), self.half))

    track_ratio.unit = turns.UNIT
    track_ratio.pretty_name = "half precision: time over a copy's"


def call_of_torch(benchmark, function):
    """torch's loss of the same logits, and its gradient."""
    torch = importlib.import_module("torch")
    dtype = torch.float16 if benchmark.half.dtype == np.float16 else torch.bfloat16
    logits = torch.from_numpy(benchmark.half.view(np.int16)).view(dtype)
    labels = torch.from_numpy(benchmark.labels)
    if "grad" not in function:
        return partial(torch.nn.functional.cross_entropy, logits, labels)
    logits = logits.requires_grad_()

    def both():
        logits.grad = None
        torch.nn.functional.cross_entropy(logits, labels).backward()

    return both


def main():
    """Print all ratios: processor time of one thread, then time on the wall with the threads that users get."""
    torch = importlib.util.find_spec("torch") and importlib.import_module("torch")
    threads = fx.get_num_threads(), torch and torch.get_num_threads()
    for case in itertools.product(*Half.params):
        benchmark = Half()
        benchmark.setup(*case)
        for clock, title in ((time.process_time, "one thread"), (time.perf_counter, "default threads")):
            one = clock is time.process_time
            fx.set_num_threads(1 if one else threads[0])
            line = [f"{turns.ratio(*benchmark.calls, clock=clock):.2f} of float32"]
            if torch:
                torch.set_num_threads(1 if one else threads[1])
                theirs = call_of_torch(benchmark, case[0])
                line.append(f"{turns.ratio(benchmark.calls[0], theirs, clock=clock):.3f} of torch")
            print(*case, title, *line, sep=", ", flush=True)


if __name__ == "__main__":
    main()
