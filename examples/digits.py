"""
Handwritten digits in NumPy
===========================

Softmax regression, trained with nothing but NumPy and fastxent.

scikit-learn ships 1797 pictures of digits, 8 x 8 grey values each. A linear model, ``logits = pixels @ weights``,
learns from one half of them by gradient descent and is tested on the other half. The loss and its gradient are one
call, ``softmax_cross_entropy_grad``; the rest is ordinary NumPy.

Run it with ``make demo`` or, where fastxent[demo] is installed, ``python examples/digits.py``.
"""

import argparse
import statistics
import sys
import time
from pathlib import Path

import matplotlib
import numpy as np
from sklearn.datasets import load_digits
from sklearn.metrics import log_loss
from tqdm import tqdm

import fastxent as fx

matplotlib.use("Agg")  # draw into a file; no screen is needed
import matplotlib.pyplot as plt  # the backend has to be chosen first

EPOCHS, BATCH = 100, 64
RATE, MOMENTUM, DECAY = 0.1, 0.9, 1e-3
WANTED = 0.95  # accuracy on the test half


def load_halves(rng):
    """Two halves of the digits in random order, each as (pixels, labels); the 65th pixel is 1 and carries the bias."""
    pictures, labels = load_digits(return_X_y=True)
    pixels = np.ones((len(pictures), 65), dtype=np.float32)
    pixels[:, :64] = pictures / 16
    order = rng.permutation(len(pixels))
    return [(pixels[half], labels[half]) for half in np.array_split(order, 2)]


def train(train_half, test_half, rng):
    """Weights (65, 10) after EPOCHS of minibatch descent with momentum, and the two losses after each epoch."""
    pixels, labels = train_half
    weights = np.zeros((65, 10), dtype=np.float32)
    velocity = np.zeros_like(weights)
    curve = []
    for _ in tqdm(range(EPOCHS), desc="training", unit="epoch"):
        order = rng.permutation(len(pixels))
        for batch in np.array_split(order, len(order) // BATCH):
            x, y = pixels[batch], labels[batch]
            logits = x @ weights
            _, grad = fx.softmax_cross_entropy_grad(logits, y, out=logits)  # the gradient overwrites the logits
            velocity = MOMENTUM * velocity - RATE * (x.T @ grad + DECAY * weights)
            weights += velocity
        curve.append([fx.softmax_cross_entropy(x @ weights, y) for x, y in (train_half, test_half)])
    return weights, np.array(curve)


def report(name, half, weights):
    """Print loss and accuracy of one half, with scikit-learn's loss as a check; return the accuracy."""
    pixels, labels = half
    logits = pixels @ weights
    loss = fx.softmax_cross_entropy(logits, labels)
    check = log_loss(labels, fx.softmax(logits))
    accuracy = np.mean(logits.argmax(axis=1) == labels)
    print(f"{name:5}  loss {loss:.6f}   sklearn.metrics.log_loss {check:.6f}   accuracy {accuracy:.3f}")
    return accuracy


def numpy_formula(logits, labels, out):
    """The same loss and gradient as everybody writes them in NumPy."""
    rows = np.arange(len(labels))
    np.subtract(logits, logits.max(axis=1, keepdims=True), out=out)
    np.exp(out, out=out)
    out /= out.sum(axis=1, keepdims=True)
    loss = -np.log(out[rows, labels]).mean()
    out[rows, labels] -= 1
    out /= len(labels)
    return loss, out


def compare_speed(logits, labels, rounds=500):
    """Print the median time of one loss and gradient, fastxent and NumPy taking turns on the same arrays."""
    grad = np.empty_like(logits)
    contestants = {
        "fastxent": lambda: fx.softmax_cross_entropy_grad(logits, labels, out=grad),
        "the NumPy formula": lambda: numpy_formula(logits, labels, out=grad),
    }
    seconds = {name: [] for name in contestants}
    for _ in range(rounds):
        for name, call in contestants.items():
            start = time.perf_counter()
            call()
            seconds[name].append(time.perf_counter() - start)
    medians = {name: 1e6 * statistics.median(values) for name, values in seconds.items()}
    times = ", ".join(f"{name} {median:.1f} us" for name, median in medians.items())
    print(f"loss and gradient of {len(logits)} x 10 logits: {times}")


def draw(curve, weights, path):
    """Learning curve on the left; on the right what each class looks for (blue) and what it shuns (red)."""
    figure = plt.figure(figsize=(11, 4), layout="constrained")
    left, right = figure.subfigures(1, 2, width_ratios=[4, 6])
    axes = left.subplots()
    axes.plot(np.arange(1, EPOCHS + 1), curve, label=["train", "test"])
    axes.set(xlabel="epoch", ylabel="cross entropy (nats)", yscale="log", title="Learning curve")
    axes.minorticks_off()
    axes.set_yticks([0.15, 0.2, 0.3, 0.5, 1.0], labels=["0.15", "0.2", "0.3", "0.5", "1"])
    axes.grid(axis="y", alpha=0.3)
    axes.legend(frameon=False)
    right.suptitle("Weights of the ten classes: blue speaks for the digit, red against it")
    limit = np.abs(weights[:64]).max()
    for digit, axes in enumerate(right.subplots(2, 5).flat):
        axes.imshow(weights[:64, digit].reshape(8, 8), cmap="RdBu", vmin=-limit, vmax=limit)
        axes.set(title=str(digit), xticks=[], yticks=[])
    figure.savefig(path, dpi=150)
    print(f"The learning curve and the weights are drawn in {path}")


def main():
    """Train, report, compare, draw; fail if the model did not learn to read."""
    parser = argparse.ArgumentParser(description="Softmax regression on handwritten digits with fastxent.")
    parser.add_argument("--picture", type=Path, default=Path("digits.png"), help="where to draw (default: %(default)s)")
    picture = parser.parse_args().picture

    rng = np.random.default_rng(0)
    train_half, test_half = load_halves(rng)
    weights, curve = train(train_half, test_half, rng)
    report("train", train_half, weights)
    accuracy = report("test", test_half, weights)
    for rows in (BATCH, len(train_half[0])):
        compare_speed(train_half[0][:rows] @ weights, train_half[1][:rows])
    draw(curve, weights, picture)
    if accuracy < WANTED:
        sys.exit(f"The test accuracy is {accuracy:.3f}, and {WANTED} was expected.")


if __name__ == "__main__":
    main()
