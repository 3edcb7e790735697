"""
A language model, trained with torch's loss and with ours
=========================================================

Two trainings in step, the same in all but the function that computes the loss: their losses agree to rounding.

The first is a small causal transformer over the documentation strings of Python's standard library, whose words and
signs are the vocabulary: ``linear_cross_entropy`` takes the last hidden states and the head's weight. The second is a
network of two layers for scikit-learn's handwritten digits, with ``cross_entropy``. Both functions are imported from
`fastxent.torch` in one training and from `torch.nn.functional` in the other; nothing else differs.

Run it where fastxent[torch] and scikit-learn are installed: ``python examples/language_model.py``. It needs torch,
which the environment that builds these pages has not: it is not run here, but by ``make torch-test``.
"""

import argparse
import ast
import itertools
import re
import sys
import sysconfig
import time
from pathlib import Path

import numpy as np
import torch
from sklearn.datasets import load_digits
from torch import nn
from torch.nn import functional as F

import fastxent.torch as ft

WIDTH, LENGTH, BATCH = 128, 64, 8
STEPS = 200  # at most
AGREE = 1e-3  # nats between two losses: rounding, after all steps have passed it on


def documentation():
    """The documentation strings of the standard library's modules, one after the other."""
    kinds = ast.Module, ast.ClassDef, ast.FunctionDef, ast.AsyncFunctionDef
    for path in sorted(Path(sysconfig.get_path("stdlib")).glob("*.py")):
        for node in ast.walk(ast.parse(path.read_bytes())):
            if isinstance(node, kinds):
                yield ast.get_docstring(node) or ""


def tokens_of(text):
    """The number of each word and sign of a text, and how many different ones there are."""
    words = re.findall(r"\w+|[^\w\s]", text)
    vocabulary = {word: number for number, word in enumerate(dict.fromkeys(words))}
    return torch.tensor([vocabulary[word] for word in words]), len(vocabulary)


class LanguageModel(nn.Module):
    """The hidden state of each position, from the tokens up to it, and the head that makes logits of it."""

    def __init__(self, n_tokens):
        super().__init__()
        self.token = nn.Embedding(n_tokens, WIDTH)
        self.position = nn.Parameter(0.02 * torch.randn(LENGTH, WIDTH))
        self.layer = nn.TransformerEncoderLayer(WIDTH, 4, 4 * WIDTH, dropout=0.0, batch_first=True, norm_first=True)
        self.head = nn.Linear(WIDTH, n_tokens, bias=False)

    def forward(self, tokens):
        """The hidden states, a row for each position of each piece."""
        mask = nn.Transformer.generate_square_subsequent_mask(LENGTH)
        return self.layer(self.token(tokens) + self.position, mask, is_causal=True).flatten(0, 1)

    def loss(self, functions, tokens, following):
        """That of each position's next token; the logits are made where the loss is."""
        return functions.linear_cross_entropy(self(tokens), self.head.weight, following.flatten())


class DigitModel(nn.Sequential):
    """Logits of the ten digits, from 64 grey values."""

    def __init__(self):
        super().__init__(nn.Linear(64, WIDTH), nn.ReLU(), nn.Linear(WIDTH, 10))

    def loss(self, functions, pixels, digits):
        """That of each picture's digit."""
        return functions.cross_entropy(self(pixels), digits)


def text_batches(tokens, generator):
    """Pieces of the text, and the same one token further on."""
    while True:
        starts = torch.randint(0, len(tokens) - LENGTH, (BATCH,), generator=generator)
        pieces = tokens[starts[:, None] + torch.arange(LENGTH + 1)]
        yield pieces[:, :-1], pieces[:, 1:]


def digit_batches(generator):
    """Pictures, and what they show."""
    pictures, digits = map(torch.from_numpy, load_digits(return_X_y=True))
    while True:
        batch = torch.randint(0, len(digits), (256,), generator=generator)
        yield pictures[batch].float() / 16, digits[batch]


def train_in_step(name, make, batches, seconds):
    """Both trainings, a step of each at a time; True if their losses agree."""
    contestants = {"torch": F, "fastxent": ft}
    models, optimizers = {}, {}
    for title in contestants:
        torch.manual_seed(0)
        models[title] = make()
        optimizers[title] = torch.optim.SGD(models[title].parameters(), lr=0.1, momentum=0.9)
    losses, times = {title: [] for title in contestants}, dict.fromkeys(contestants, 0.0)
    for batch in itertools.islice(batches, STEPS):
        for title in sorted(contestants, reverse=len(losses["torch"]) % 2 == 1):  # by turns who is first
            start = time.perf_counter()
            loss = models[title].loss(contestants[title], *batch)
            optimizers[title].zero_grad()
            loss.backward()
            nn.utils.clip_grad_norm_(models[title].parameters(), 1.0)
            optimizers[title].step()
            losses[title].append(loss.item())
            times[title] += time.perf_counter() - start
        if sum(times.values()) > seconds:
            break
    ours, theirs = (np.array(losses[title]) for title in ("fastxent", "torch"))
    difference = np.abs(ours - theirs).max()
    n = len(ours)
    print(f"{name}: {n} steps, loss {ours[:5].mean():.3f} at first, {ours[-5:].mean():.3f} at last")
    print(f"    largest difference of a step's losses: {difference:.1e} nats")
    print("    seconds a step, all of it: " + ", ".join(f"{title} {times[title] / n:.4f}" for title in contestants))
    return difference < AGREE


def main():
    """Train both models twice; fail if the losses differ by more than rounding."""
    parser = argparse.ArgumentParser(description="Train with torch's loss and with fastxent's, in step.")
    parser.add_argument("--seconds", type=float, default=60.0, help="of training (default: %(default)s)")
    seconds = parser.parse_args().seconds

    tokens, n_tokens = tokens_of("\n".join(documentation()))
    print(f"{len(tokens):,} words and signs of documentation, {n_tokens:,} different ones")
    generator = torch.Generator().manual_seed(0)
    agree = [
        train_in_step("text", lambda: LanguageModel(n_tokens), text_batches(tokens, generator), 0.9 * seconds),
        train_in_step("digits", DigitModel, digit_batches(generator), 0.1 * seconds),
    ]
    if not all(agree):
        sys.exit("The losses differ by more than rounding.")


if __name__ == "__main__":
    main()
