"""fastxent: into a reused result, into a fresh one, and over the logits themselves."""

import numpy as np

import fastxent as fx

KNOWS_HALF = True
# in place, each call works on the result of the one before: only worth a line where memory is the limit
IN_PLACE_FROM = 4_000_000


def _calls(plain, grad, problem, options):
    logits, target = problem.logits, problem.target
    out = np.empty_like(logits)
    return {
        "loss": lambda: (plain(logits, target, **options), None),
        "loss + gradient": lambda: grad(logits, target, out=out, **options),
        "loss + gradient, fresh": lambda: grad(logits, target, **options),
    }


def softmax(problem, n_threads):
    options = {"axis": problem.axis, "n_threads": n_threads}
    calls = _calls(fx.softmax_cross_entropy, fx.softmax_cross_entropy_grad, problem, options)
    if problem.logits.size >= IN_PLACE_FROM:
        work = problem.logits.copy(order="K")
        calls["loss + gradient, in place"] = lambda: fx.softmax_cross_entropy_grad(
            work, problem.target, out=work, **options
        )
    return calls


def sigmoid(problem, n_threads):
    return _calls(fx.sigmoid_cross_entropy, fx.sigmoid_cross_entropy_grad, problem, {"n_threads": n_threads})


def clamped(problem, n_threads):
    options = {"axis": problem.axis, "eps": problem.eps, "n_threads": n_threads}
    return _calls(fx.clamped_cross_entropy, fx.clamped_cross_entropy_grad, problem, options)


def log_softmax(problem, n_threads):
    out = np.empty_like(problem.logits)
    return {
        "log_softmax": lambda: (
            None,
            fx.log_softmax(problem.logits, axis=problem.axis, out=out, n_threads=n_threads),
        ),
        "log_softmax, fresh": lambda: (
            None,
            fx.log_softmax(problem.logits, axis=problem.axis, n_threads=n_threads),
        ),
    }


def information(problem, n_threads):
    p, q, options = problem.logits, problem.target, {"axis": problem.axis, "n_threads": n_threads}
    return {
        "entropy": lambda: (None, fx.entropy(p, **options)),
        "cross entropy": lambda: (None, fx.cross_entropy(p, q, **options)),
        "divergence": lambda: (None, fx.kl_divergence(p, q, **options)),
    }
