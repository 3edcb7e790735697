"""What the tests of TemperatureScaling share: scores, their best temperature by bisection, its largest error."""

import numpy as np

from tests.samples import drawn

# The temperature's largest relative error in these tests: some roundings of the mean gradient.
ERROR = {np.dtype(np.float32): 2.5e-7, np.dtype(np.float64): 2e-15}
# With a bias: L-BFGS ends where no entry of the gradient exceeds 1e-8 or eps, and temperature and bias follow it, some
# ten times as much.
GRADIENT = {np.dtype(np.float32): 1e-5, np.dtype(np.float64): 1e-7}


def draw(rng, shape, scale=1.0, dtype=np.float64):
    """Scores, and classes drawn from what they say at the temperature `scale`."""
    logits = 2 * rng.standard_normal(shape)
    labels = drawn(logits, rng)
    if len(labels) > 9 * shape[1]:
        labels[: shape[1]] = np.arange(shape[1])  # so many samples have all classes, whatever is drawn
    return (scale * logits).astype(dtype), labels


def derivative(scores, labels, weight, inverse):
    """Of the summed loss in the inverse temperature, in longdouble."""
    d = scores.astype(np.longdouble)
    d -= np.take_along_axis(d, labels[:, None], axis=1)
    z = inverse * d
    z -= z.max(axis=1, keepdims=True)
    e = np.exp(z)
    return np.sum(weight * np.sum(np.where(e > 0, e * np.where(e > 0, d, 0), 0), axis=1) / e.sum(axis=1))


def bisected(scores, labels):
    """The best temperature, to all digits of a double."""
    low, high = np.longdouble(1e-3), np.longdouble(1e8)
    while (high - low) > 1e-17 * low:
        middle = np.sqrt(low * high)
        if not low < middle < high:
            break
        if derivative(scores, labels, 1.0, middle) < 0:
            low = middle
        else:
            high = middle
    return float(1 / low)
