"""A call that three threads compute, for tests of what else runs beside it: its arguments and its result."""

import numpy as np
import pytest

import fastxent

RNG = np.random.default_rng(0)
ARGUMENTS = RNG.normal(size=(2000, 1000)).astype(np.float32), RNG.integers(0, 1000, 2000)

# Python 3.12 and later warn of any fork in a process with threads; that it is safe here is what the tests show.
FORK_WARNING = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


def loss_and_gradient(x, y):
    """Three threads, whatever a worker's share; a value that processes can send and sets can hold."""
    loss, grad = fastxent.softmax_cross_entropy_grad(x, y, n_threads=3)
    return loss, grad.tobytes()
