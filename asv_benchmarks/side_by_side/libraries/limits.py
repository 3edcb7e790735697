"""Not peers but limits: reading the logits once (their sum) beside a loss, copying them beside a gradient."""

from concurrent.futures import ThreadPoolExecutor

import numpy as np

KNOWS_HALF = True
# below this many elements, waking a thread costs more than it gives
THREADS_FROM = 1_000_000


def _limits(problem, n_threads):
    logits = problem.logits.reshape(-1, order="A")
    copy = np.empty_like(logits)
    if n_threads > 1 and logits.size >= THREADS_FROM:
        run = ThreadPoolExecutor(n_threads).map
        sources, copies = np.array_split(logits, n_threads), np.array_split(copy, n_threads)
    else:
        run, sources, copies = map, [logits], [copy]

    def read():
        for _ in run(np.ndarray.sum, sources):
            pass
        return None, None

    def read_and_write():
        for _ in run(np.copyto, copies, sources):
            pass
        return None, None

    if logits.itemsize == 2:  # which NumPy adds far more slowly than memory gives it
        return {"loss + gradient, copy": read_and_write}
    return {"loss, sum": read, "loss + gradient, copy": read_and_write, "log_softmax, copy": read_and_write}


def softmax(problem, n_threads):
    calls = _limits(problem, n_threads)
    calls.pop("log_softmax, copy", None)
    return calls


sigmoid = clamped = softmax


def log_softmax(problem, n_threads):
    return {"log_softmax, copy": _limits(problem, n_threads)["log_softmax, copy"]}
