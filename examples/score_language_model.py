"""
Score a language model
======================

Log-probability, rank and entropy of each token of a text, at the size of a vocabulary of today, without the logits.

The last hidden states and the head's weight are random numbers, in bfloat16 where ml_dtypes is installed: as large as
in a small model with Llama 3's vocabulary of 128,256 tokens. The hidden state of a token leans towards the row of the
one that follows, so that there is something to be right about. ``linear_target_statistics`` takes both and makes a
chunk of logits at a time. Where torch is installed, it does the same as one writes it there, and is timed beside.

Run it with ``python examples/score_language_model.py``; ``--tokens`` and ``--block`` say how many, and how many at a
time.
"""

import argparse
import sys
import time

import numpy as np

import fastxent as fx

try:
    from ml_dtypes import bfloat16 as half
except ImportError:
    half = np.float32
try:
    import torch
except ImportError:
    torch = None
try:
    from tqdm import tqdm
except ImportError:
    tqdm = iter
try:
    import resource
except ImportError:  # not on Windows
    resource = None

CLASSES, WIDTH = 128_256, 256
BYTES = 4  # a token, about


def model_and_text(n, rng):
    """Hidden states (n, H), the head's weight (C, H), and the tokens that follow (n,)."""
    weight = np.empty((CLASSES, WIDTH), half)
    for part in np.array_split(weight, 64):  # so that no array in float32 is the most that there ever was
        part[...] = rng.standard_normal(part.shape, dtype=np.float32)
    target = rng.integers(CLASSES, size=n)
    hidden = 0.06 * weight[target].astype(np.float32) + 0.12 * rng.standard_normal((n, WIDTH), dtype=np.float32)
    return hidden.astype(half), weight, target


def ours(hidden, weight, target):
    """Log-probability and rank of each token, from a chunk of logits at a time."""
    statistics = fx.linear_target_statistics(hidden, weight, target)
    return statistics.log_prob, statistics.rank


def tensor(array):
    """An array's memory as a tensor."""
    if array.dtype == np.float32 or array.dtype.kind == "i":
        return torch.from_numpy(array)
    return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)


def with_torch(hidden, weight, target):
    """The same from the logits, in float32 as evaluation harnesses have them."""
    target = tensor(target)[:, None]
    logits = torch.nn.functional.linear(tensor(hidden), tensor(weight)).float()
    log_prob = logits.log_softmax(-1).gather(1, target)[:, 0]
    return log_prob.numpy(), (logits > logits.gather(1, target)).sum(1).numpy()


def megabytes():
    """The most memory that this process has had."""
    unit = 2**20 if sys.platform == "darwin" else 2**10
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / unit if resource else np.nan


def score(name, function, text, block, before):
    """Print how probable, how fast, and in how much memory; return the log-probabilities."""
    hidden, weight, target = text
    start = time.perf_counter()
    parts = [
        function(hidden[first : first + block], weight, target[first : first + block])
        for first in tqdm(range(0, len(target), block))
    ]
    seconds = time.perf_counter() - start
    log_prob, rank = map(np.concatenate, zip(*parts, strict=True))
    mean = -log_prob.astype(np.float64).mean()
    print(f"{name}: perplexity {np.exp(mean):.2f}, {mean / np.log(2) / BYTES:.4f} bits a byte", end="")
    print(f", at the top {(rank < 1).mean():.1%}, among the first ten {(rank < 10).mean():.1%}")
    memory = megabytes() - before
    print(f"    {len(target) / seconds:.0f} tokens a second, {memory:.0f} MB beside the model", flush=True)
    return log_prob


def main():
    """Score a text; fail if torch finds something else."""
    parser = argparse.ArgumentParser(description="Score a language model with a large vocabulary.")
    parser.add_argument("--tokens", type=int, default=1024, help="of the text (default: %(default)s)")
    parser.add_argument("--block", type=int, default=512, help="tokens at a time (default: %(default)s)")
    options = parser.parse_args()

    text = model_and_text(options.tokens, np.random.default_rng(0))
    print(f"{options.tokens} tokens of {CLASSES:,}, hidden states of {WIDTH}, {np.dtype(half).name}")
    before = megabytes()  # the most so far: who needs less goes first
    found = score("fastxent", ours, text, options.block, before)
    if torch is not None:
        expected = score("torch", with_torch, text, options.block, before)
        difference = np.abs(found - expected).max()
        print(f"The log-probabilities differ by up to {difference:.1e}: torch rounds the logits")
        if difference > 0.2:
            sys.exit("That is more than rounding.")


if __name__ == "__main__":
    main()
