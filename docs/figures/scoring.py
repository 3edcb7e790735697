"""Time and memory of fastxent.metrics.log_loss beside scikit-learn's, measured while the pages are built."""

import functools
import tracemalloc

import numpy as np
import sklearn.metrics

import fastxent.metrics
from asv_benchmarks.benchmarks import turns
from asv_benchmarks.benchmarks.cases import labels_and_probs
from figures.style import line

ELEMENTS = 2_000_000
CLASSES = (2, 10, 100, 1000)
LIBRARIES = {"scikit-learn": sklearn.metrics.log_loss, "fastxent": fastxent.metrics.log_loss}
ROUNDS = 3


def peak(call):
    """The most bytes that a call has at a time beside its arguments."""
    tracemalloc.start()
    call()
    most = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    return most


@functools.cache
def measured():
    """For each library, by classes: nanoseconds of processor time, and bytes, of each row."""
    found = {name: ([], []) for name in LIBRARIES}
    for classes in CLASSES:
        rows = ELEMENTS // classes
        args = labels_and_probs(np.random.default_rng(20), (rows, classes), "float64")
        calls = {name: functools.partial(call, *args) for name, call in LIBRARIES.items()}
        for name, seconds in turns.seconds(calls, rounds=ROUNDS).items():
            found[name][0].append(1e9 * seconds / rows)
            found[name][1].append(peak(calls[name]) / rows)
    return found


def draw(axes, theme, which, title):
    for name, values in measured().items():
        line(axes, theme, name, CLASSES, values[which], marker="o", markersize=4)
    axes.set(xscale="log", yscale="log", xlabel="classes", title=title)
    axes.set_xticks(CLASSES, labels=CLASSES)
    axes.minorticks_off()
    axes.legend(loc="upper left", frameon=False)


def log_loss_time(axes, theme):
    """Nanoseconds of each row, against the number of classes."""
    draw(axes, theme, 0, "log loss: nanoseconds a row")


def log_loss_memory(axes, theme):
    """Bytes of each row, against the number of classes."""
    draw(axes, theme, 1, "log loss: bytes a row, beside the arguments")
