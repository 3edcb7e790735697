"""`fastxent.evaluation`: the time of an update of an `Evaluation` over that of the mean loss of the same samples.

`python -m asv_benchmarks.benchmarks.evaluation`, from the root of the repository, prints the ratios, and how long it
takes to make `Scores` of it.
"""

import itertools
from functools import partial
from importlib import import_module

import numpy as np

import fastxent as fx

from . import turns
from .cases import DTYPES, logits_and_classes

SHAPES = [(1_000_000, 10), (4096, 1000)]
KEPT = {
    "loss": {"top_k": ()},
    "accuracy": {"top_k": (1, 5)},
    "all": {"top_k": (1, 5), "per_class": True, "calibration_bins": 15},
}


class Evaluations:
    params = (list(KEPT), SHAPES, DTYPES)
    param_names = ("kept", "shape", "dtype")

    def setup(self, kept, shape, dtype):
        args = logits_and_classes(np.random.default_rng(20), shape, dtype)
        # an old commit does not have the module
        evaluation = import_module("fastxent.evaluation").Evaluation(shape[-1], **KEPT[kept])
        self.update = partial(evaluation.update, *args, n_threads=1)
        self.mean = partial(fx.softmax_cross_entropy, *args, n_threads=1)
        self.compute = evaluation.compute

    def track_ratio(self, kept, shape, dtype):
        turns.on_one_core()
        return turns.ratio(self.update, self.mean)

    def time_compute(self, kept, shape, dtype):
        self.compute()

    def peakmem_update(self, kept, shape, dtype):
        self.update()

    def peakmem_reference(self, kept, shape, dtype):
        pass

    track_ratio.unit = turns.UNIT
    track_ratio.pretty_name = "evaluation: time over the mean loss's"
    time_compute.pretty_name = "evaluation: time of the scores"
    peakmem_update.pretty_name = "evaluation: peak memory"
    peakmem_reference.pretty_name = "evaluation: memory before the call"


def main():
    """Print the ratios of all cases."""
    for case in itertools.product(*Evaluations.params):
        benchmark = Evaluations()
        benchmark.setup(*case)
        ratio = benchmark.track_ratio(*case)
        scores = 1e6 * turns.seconds({"compute": benchmark.compute})["compute"]
        print(*case, f"{ratio} of the mean's time, Scores in {scores:.0f} microseconds", sep=", ", flush=True)


if __name__ == "__main__":
    main()
