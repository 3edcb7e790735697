"""SoftmaxClassifier beside LogisticRegression: the time each takes to the same value of the objective, and its memory.

Both fit the same data, and record the objective after each iteration: the higher of the two final values is the goal.
Then both fit again, in turns, until they have reached it; a ratio is that of the median times, less is better. First
each with what it does by default, threads included, on the wall's clock; then SoftmaxClassifier beside a
LogisticRegression with one BLAS thread. LogisticRegression is timed without its checks of the data, by the objective
and solver that it calls with its options; SoftmaxClassifier with all of them. Memory is what a fit allocates at most,
beside its data. Predictions are timed likewise, checks of the data included on both sides.
"""

import argparse
import contextlib
import time
import tracemalloc
import warnings
from functools import partial
from unittest import mock

import numpy as np
from benchmarks import turns
from scipy import optimize
from sklearn._loss import HalfMultinomialLoss
from sklearn.datasets import load_digits
from sklearn.linear_model import LogisticRegression
from sklearn.linear_model._linear_loss import LinearModelLoss
from threadpoolctl import threadpool_limits

from fastxent.sklearn import SoftmaxClassifier, _minimize

SHAPES = {
    "500 classes": (20_000, 100, 500),
    "7 classes": (200_000, 54, 7),
    "5 classes": (2_000_000, 20, 5),
    "digits": None,
}
SPIN = 0.3  # seconds that OpenBLAS's threads go on spinning after a call, beside whatever comes next
KINDS = ("isotropic", "correlated")
CLOCKS = {"wall": time.perf_counter, "cpu": time.process_time}


def problem(name, kind, dtype):
    """The data of a line: digits, or labels drawn from a linear model of normal features, all of variance 1."""
    if name == "digits":
        X, y = load_digits(return_X_y=True)
        return X.astype(dtype), y
    n_samples, n_features, n_classes = SHAPES[name]
    rng = np.random.default_rng(0)
    X = rng.standard_normal((n_samples, n_features))
    if kind == "correlated":
        X = (X * np.logspace(0, -2, n_features)) @ rng.standard_normal((n_features, n_features))
        X /= X.std(axis=0)
    coef = rng.standard_normal((n_features, n_classes)) * 2 / np.sqrt(n_features)
    logits = X @ coef + rng.standard_normal(n_classes) + rng.gumbel(size=(n_samples, n_classes))
    return X.astype(dtype), np.unique(logits.argmax(axis=1), return_inverse=True)[1]


class Reached(Exception):
    """The objective is as low as the goal."""


def our_fit(X, y, tol, max_iter, goal=-np.inf):
    """SoftmaxClassifier, until the goal is reached; the objective after each iteration."""
    curve = []

    class Watched(_minimize.Progress):
        def __call__(self, intermediate_result):
            record(curve, goal, intermediate_result)
            super().__call__(intermediate_result)

    with mock.patch.object(_minimize, "Progress", Watched), contextlib.suppress(Reached):
        SoftmaxClassifier(tol=tol, max_iter=max_iter).fit(X, y)
    return curve


def their_fit(X, y, tol, max_iter, goal=-np.inf):
    """The same of LogisticRegression(solver="lbfgs"): its loss, its start, its options."""
    n_classes = int(y.max()) + 1
    loss = LinearModelLoss(base_loss=HalfMultinomialLoss(n_classes=n_classes), fit_intercept=True)
    curve = []

    def watch(intermediate_result):
        record(curve, goal, intermediate_result)

    with contextlib.suppress(Reached):
        optimize.minimize(
            loss.loss_gradient, np.zeros(n_classes * (X.shape[1] + 1), X.dtype), jac=True, method="L-BFGS-B",
            args=(X, y.astype(X.dtype), None, 1 / len(X), 1), callback=watch,
            options={"maxiter": max_iter, "gtol": tol, "maxls": 50, "ftol": 64 * np.finfo(float).eps},
        )  # fmt: skip
    return curve


def record(curve, goal, intermediate_result):
    """After an iteration."""
    curve.append(float(intermediate_result.fun))
    if curve[-1] <= goal:
        raise Reached


def with_one_thread(call):
    """A call while BLAS may use one thread."""
    with threadpool_limits(1, user_api="blas"):
        return call()


def compare(X, y, tol, max_iter, **options):
    """Both curves, and the time to the goal over LogisticRegression's: by default, and with one BLAS thread."""
    fits = [partial(fit, X, y, tol, max_iter) for fit in (our_fit, their_fit)]
    curves = [fit() for fit in fits]
    goal = max(curve[-1] for curve in curves)
    return *curves, in_turns(*(partial(fit, goal) for fit in fits), **options)


def in_turns(ours, theirs, **options):
    """Our time over theirs: by default, and with one BLAS thread."""
    rest = partial(time.sleep, SPIN)
    calls = {"a": rest, "ours": ours, "b": rest, "theirs": theirs, "c": rest, "one": partial(with_one_thread, theirs)}
    times = turns.seconds(calls, **options)
    return [times["ours"] / times[other] for other in ("theirs", "one")]


def peak(model, X, y):
    """The most bytes that a fit allocates at once."""
    tracemalloc.start()
    try:
        model.fit(X, y)
        return tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()


def line(name, kind, dtype, options):
    """Measure one problem and print it."""
    X, y = problem(name, kind, dtype)
    timing = {"clock": CLOCKS[options.clock], "rounds": options.rounds}
    ours, theirs, ratios = compare(X, y, options.tol, options.max_iter, **timing)
    few = {"max_iter": 3, "tol": options.tol}
    models = SoftmaxClassifier(**few), LogisticRegression(**few)
    memory, of_theirs = (peak(model, X, y) for model in models)
    methods = "predict", "predict_proba"
    predicted = [in_turns(*(partial(getattr(model, one), X) for model in models), **timing) for one in methods]
    print(
        f"{name:12} {kind:11} {dtype:8} iterations {len(ours):4} and {len(theirs):4}, objective {ours[-1]:.7f} and "
        f"{theirs[-1]:.7f}: {ratios[0]:.2g} of LogisticRegression's time, {ratios[1]:.2g} of that with one BLAS "
        f"thread, {memory / of_theirs:.2g} of its memory; predict {predicted[0][0]:.2g} and {predicted[0][1]:.2g}, "
        f"predict_proba {predicted[1][0]:.2g} and {predicted[1][1]:.2g}",
        flush=True,
    )


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--shapes", nargs="+", choices=SHAPES, default=list(SHAPES))
    parser.add_argument("--dtype", nargs="+", choices=["float32", "float64"], default=["float32", "float64"])
    parser.add_argument("--kinds", nargs="+", choices=KINDS, default=list(KINDS), help="of generated features")
    parser.add_argument("--rounds", type=int, default=3, help="fits of each (default: %(default)s)")
    parser.add_argument("--tol", type=float, default=1e-5, help="largest entry of the gradient (default: %(default)s)")
    parser.add_argument("--max-iter", type=int, default=150)
    parser.add_argument("--clock", choices=CLOCKS, default="wall", help="cpu for a busy machine")
    options = parser.parse_args()
    warnings.simplefilter("ignore")  # max_iter is reached where features are correlated
    for name in options.shapes:
        for kind in ["-"] if name == "digits" else options.kinds:
            for dtype in options.dtype:
                line(name, kind, dtype, options)


if __name__ == "__main__":
    main()
