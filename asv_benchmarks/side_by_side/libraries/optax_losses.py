"""optax, JAX's library of losses, compiled by jit."""

import optax

from side_by_side.libraries.jax_jit import calls


def softmax(problem, n_threads):
    def mean(x, target):
        return optax.softmax_cross_entropy_with_integer_labels(x, target, axis=problem.axis).mean()

    return calls(mean, problem.rows, problem.target.astype("int32"))


def sigmoid(problem, n_threads):
    def mean(x, target):
        return optax.sigmoid_binary_cross_entropy(x, target).mean()

    return calls(mean, problem.logits, problem.target)
