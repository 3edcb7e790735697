"""Log loss and what is made of it: time, memory, and how many times as fast as scikit-learn's.

`python -m asv_benchmarks.benchmarks.metrics`, from the root of the repository, prints the ratios with one thread and
with several.
"""

import itertools
import statistics
import tracemalloc
from functools import partial
from time import perf_counter

import numpy as np

from .cases import DTYPES, LABELS, METRIC_SHAPES, METRICS, labels_and_probs

ROUNDS = 3


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


def seconds(call):
    start = perf_counter()
    call()
    return perf_counter() - start


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
        """The time of scikit-learn's in times of ours, run in turns."""
        pairs = [(seconds(self.ours), seconds(self.theirs)) for _ in range(ROUNDS)]
        return statistics.median(theirs for _, theirs in pairs) / statistics.median(ours for ours, _ in pairs)

    track_ratio.unit = "times"


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
            ratios.append(f"{benchmark.track_ratio(*case):.0f} times with {n_threads}")
        tracemalloc.start()
        benchmark.ours()
        peak = tracemalloc.get_traced_memory()[1]
        tracemalloc.stop()
        share = 100 * peak / benchmark.args[1].nbytes
        memory = f"{share:.1f} % of the input, {peak / case[1][0]:.1f} bytes a row"
        print(*case, labels, *ratios, memory, sep=", ", flush=True)


if __name__ == "__main__":
    main()
