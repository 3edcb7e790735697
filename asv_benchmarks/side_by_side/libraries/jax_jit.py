"""JAX, compiled by jit, with 64-bit types switched on; each call waits for its results."""

import jax
import jax.numpy as jnp

jax.config.update("jax_enable_x64", True)


def calls(mean, x, target):
    """The compiled loss and the compiled loss with gradient of mean(x, target)."""
    x, target = jnp.asarray(x), jnp.asarray(target)
    compiled = jax.jit(mean)
    compiled_with_gradient = jax.jit(jax.value_and_grad(mean))

    def loss():
        return compiled(x, target).block_until_ready(), None

    def loss_and_gradient():
        return jax.block_until_ready(compiled_with_gradient(x, target))

    return {"loss": loss, "loss + gradient": loss_and_gradient}


def softmax(problem, n_threads):
    axis, rows, target = problem.axis, problem.rows, problem.target.astype("int32")

    def gathered(x, target):
        picked = jnp.take_along_axis(x, jnp.expand_dims(target, axis), axis).squeeze(axis)
        return (jax.nn.logsumexp(x, axis=axis) - picked).mean()

    def one_hot(x, target):
        picked = jnp.sum(x * jax.nn.one_hot(target, problem.classes, axis=axis, dtype=x.dtype), axis=axis)
        return (jax.nn.logsumexp(x, axis=axis) - picked).mean()

    # XLA fuses now one, now the other form better, by shape
    variant = {f"{title}, one-hot": call for title, call in calls(one_hot, rows, target).items()}
    return calls(gathered, rows, target) | variant


def sigmoid(problem, n_threads):
    def spelled_out(x, target):
        return (jnp.maximum(x, 0) - x * target + jnp.log1p(jnp.exp(-jnp.abs(x)))).mean()

    def softplus(x, target):
        return (jax.nn.softplus(x) - x * target).mean()

    # XLA turns the spelled-out loss into a much faster loop, but its derivative at -0.0 is wrong
    variant = {"loss, spelled out": calls(spelled_out, problem.logits, problem.target)["loss"]}
    return calls(softplus, problem.logits, problem.target) | variant


def clamped(problem, n_threads):
    def mean(q, target):
        picked = jnp.take_along_axis(q, target[:, None], 1)
        return -jnp.log(jnp.maximum(picked, problem.eps)).mean()

    return calls(mean, problem.logits, problem.target.astype("int32"))


def log_softmax(problem, n_threads):
    x = jnp.asarray(problem.rows)
    compiled = jax.jit(lambda x: jax.nn.log_softmax(x, axis=problem.axis))
    return {"log_softmax": lambda: (None, compiled(x).block_until_ready())}
