"""Log loss and what is made of it: time, memory, and the time over that of scikit-learn's.

`python -m asv_benchmarks.benchmarks.metrics`, from the root of the repository, prints the ratios with one thread and
with several, on the wall.
"""

import itertools
import tracemalloc
from functools import partial
from time import perf_counter

import numpy as np

from . import turns
from .cases import DTYPES, LABELS, METRIC_SHAPES, METRICS, labels_and_probs

ROUNDS = 3  # scikit-learn takes a second


def both(function, args):
    """The call of `fastxent.metrics`, and that of scikit-learn in its place."""
    import sklearn.metrics

    import fastxent.metrics

    if function.endswith("_scorer"):
        y, probs = args
        args = fitted(y), probs, y
        return partial(fastxent.metrics.neg_log_loss_scorer, *args), partial(
            sklearn.metrics.get_scorer("neg_log_loss"), *args
        )
    return (partial(getattr(module.metrics, function), *args) for module in (fastxent, sklearn))


def fitted(y):
    """A classifier that takes its input for its predictions."""
    from sklearn.base import BaseEstimator, ClassifierMixin

    class Fitted(ClassifierMixin, BaseEstimator):
        classes_ = np.unique(y)

        def predict_proba(self, X):
            return X

    return Fitted()


class Metrics:
    params = (METRICS, METRIC_SHAPES, DTYPES)
    param_names = ("function", "shape", "dtype")

    def setup(self, function, shape, dtype, labels="integers"):
        self.args = labels_and_probs(np.random.default_rng(20), shape, dtype, labels)
        self.ours, self.theirs = both(function, self.args)

    def time_call(self, function, shape, dtype):
        self.ours()

    def peakmem_call(self, function, shape, dtype):
        self.ours()

    def peakmem_reference(self, function, shape, dtype):
        pass

    def track_ratio(self, function, shape, dtype):
        turns.on_one_core()
        return turns.ratio(self.ours, self.theirs, rounds=ROUNDS)

    track_ratio.unit = turns.UNIT
    time_call.pretty_name = "log loss: time"
    peakmem_call.pretty_name = "log loss: peak memory"
    peakmem_reference.pretty_name = "log loss: memory before the call"
    track_ratio.pretty_name = "log loss: time over scikit-learn's"


def main():
    """Print the ratios of all cases, and the memory that a call takes at most."""
    import fastxent

    threads = fastxent.get_num_threads()
    for *case, labels in itertools.product(*Metrics.params, LABELS):
        benchmark = Metrics()
        benchmark.setup(*case, labels)
        ratios = []
        for n_threads in (1, threads):
            fastxent.set_num_threads(n_threads)
            ratio = turns.ratio(benchmark.ours, benchmark.theirs, clock=perf_counter, rounds=ROUNDS)
            ratios.append(f"{ratio:.2g} of scikit-learn's time with n_threads={n_threads}")
        tracemalloc.start()
        benchmark.ours()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        share = 100 * peak / benchmark.args[1].nbytes
        memory = f"{share:.1f} % of the input, {peak / case[1][0]:.1f} bytes a row"
        print(*case, labels, *ratios, memory, sep=", ", flush=True)


if __name__ == "__main__":
    main()
