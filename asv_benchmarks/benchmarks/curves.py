"""Time per logit of softmax cross entropy against the number of classes, and against the number of samples.

`python -m asv_benchmarks.benchmarks.curves`, from the root of the repository, prints the times in nanoseconds; with
`--write` they go into the documentation, which draws them.
"""

import argparse
from functools import partial
from pathlib import Path

import numpy as np
from side_by_side.report import machine

import fastxent as fx

from . import turns
from .cases import DTYPES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "benchmarks" / "curves.md"
LOGITS = 2**20  # of each call with another number of classes
MOST_LOGITS = 3 * 10**7  # of a call with another number of samples
# both sides of each whole group of classes, and of where panels give way to rows
BORDERS = [*range(8, 48, 8), 64, 96, 112, 128, 136, 152, 160, 176, 192, 224, 248, 256, 288, 320, 384, 512]
BORDERS += [768, 1024, 1536]
CLASSES = sorted({*range(1, 16), 20, 28, 48, 80, 400, 640, 900, 1200, 2000, *BORDERS, *(c + 1 for c in BORDERS)})
SAMPLES = [1, 2, 5, 10, 20, 32, 50, 100, 200, 500, 1000, 3000, 10**4, 30_000, 10**5, 3 * 10**5, 10**6]
COLUMNS = ("loss", "loss + gradient", "copy")


def times(n, classes, dtype):
    """Nanoseconds per logit of each column."""
    rng = np.random.default_rng(20)
    x, y = rng.standard_normal((n, classes), dtype), rng.integers(0, classes, n)
    out = np.ones_like(x)
    calls = {
        "loss": partial(fx.softmax_cross_entropy, x, y, n_threads=1),
        "loss + gradient": partial(fx.softmax_cross_entropy_grad, x, y, n_threads=1, out=out),
        "copy": partial(np.copyto, out, x),
    }
    return {name: 1e9 * time / x.size for name, time in turns.seconds(calls).items()}


def table():
    """Lines of Markdown."""
    yield from (machine(["fastxent", "numpy"]), "", f"| samples | classes | dtype | {' | '.join(COLUMNS)} |")
    yield "|---" * (3 + len(COLUMNS)) + "|"
    shapes = [(LOGITS // classes, classes) for classes in CLASSES]
    shapes += [(n, classes) for classes in (10, 1000) for n in SAMPLES if n * classes <= MOST_LOGITS]
    for dtype in DTYPES:
        for n, classes in shapes:
            found = times(n, classes, dtype)
            yield f"| {n} | {classes} | {dtype} | {' | '.join(f'{found[name]:.3g}' for name in COLUMNS)} |"


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--write", action="store_true", help=f"write {PAGE.relative_to(PAGE.parents[2])}")
    options = parser.parse_args()
    turns.on_one_core()
    lines = []
    for line in table():
        print(line, flush=True)
        lines.append(line)
    if options.write:
        PAGE.write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
