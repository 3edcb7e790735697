"""fastxent.torch over torch.nn.functional; less is better.

`make peers-torch` installs torch and runs it; ARGS="linear_cross_entropy" is a part of it, --one-thread another. Both
compute the loss, and the loss and its gradients, from the same tensors in turns: processor time on one thread, then
time on the wall with the threads that users get. linear_cross_entropy is compared with torch's linear and
cross_entropy, and with torch's own function by chunks.
"""

import argparse
import time
from contextlib import AbstractContextManager, nullcontext
from functools import partial

import torch
from benchmarks import turns
from threadpoolctl import threadpool_limits
from torch.nn import functional as F

import fastxent as fx
import fastxent.torch as ft

SHAPES = [(64, 10), (64, 100), (1000, 100), (4096, 1000), (2048, 32000), (8, 21, 256, 256)]
BINARY = [(64, 10), (1_000_000, 10)]
LINEAR = [(1024, 32000, 1024), (1024, 128256, 256)]  # rows, classes, features
DTYPES = [torch.float32, torch.float64, torch.bfloat16, torch.float16]
CLOCKS = {"one thread": time.process_time, "default threads": time.perf_counter}


def logits_and_target(shape: tuple[int, ...], dtype: torch.dtype, binary: bool) -> tuple[torch.Tensor, torch.Tensor]:
    """Random ones."""
    generator = torch.Generator().manual_seed(20)
    logits = torch.randn(shape, generator=generator).to(dtype)
    if binary:
        return logits, torch.rand(shape, generator=generator).round().to(dtype)
    return logits, torch.randint(0, shape[1], (shape[0], *shape[2:]), generator=generator)


def both(function, logits, target):
    """The loss, and the gradient by the logits, which are a leaf of the graph."""
    logits = logits.detach().requires_grad_()
    function(logits, target).backward()


def pairs(name, logits, target):
    """What is compared: ours and theirs."""
    ours, theirs = getattr(ft, name), getattr(F, name)
    return {
        "loss": (partial(ours, logits, target), partial(theirs, logits, target)),
        "both": (partial(both, ours, logits, target), partial(both, theirs, logits, target)),
    }


def layer(n: int, classes: int, features: int, dtype: torch.dtype) -> tuple[torch.Tensor, ...]:
    """Random hidden states, a weight and labels."""
    generator = torch.Generator().manual_seed(20)
    hidden, weight = (torch.randn(rows, features, generator=generator).to(dtype) for rows in (n, classes))
    return hidden, weight / features**0.5, torch.randint(0, classes, (n,), generator=generator)


def linear_and_loss(hidden, weight, target):
    """What torch's function is without chunks."""
    return F.cross_entropy(F.linear(hidden, weight), target)


def both_linear(function, hidden, weight, target):
    """The loss, and the gradients by the hidden states and the weight."""
    hidden, weight = (each.detach().requires_grad_() for each in (hidden, weight))
    function(hidden, weight, target).backward()


def linear_ratios(clock, *tensors: torch.Tensor) -> list[str]:
    """Ours, and over each of theirs: the loss, and the loss with its gradients."""
    chunks = partial(F.linear_cross_entropy, options=torch.nn.LinearCrossEntropyOptions())
    functions = {"fastxent": ft.linear_cross_entropy, "linear + cross_entropy": linear_and_loss, "chunks": chunks}
    parts = []
    for work, made in (("loss", partial), ("both", lambda f, *rest: partial(both_linear, f, *rest))):
        times = turns.seconds(
            {name: made(function, *tensors) for name, function in functions.items()}, clock=clock, rounds=3
        )
        ours = times.pop("fastxent")
        parts += [f"{work} {ours:.2f} s, over {name} {ours / theirs:5.2f}" for name, theirs in times.items()]
    return parts


def threads_of(one: bool, threads: tuple[int, int]) -> AbstractContextManager:
    """Have all computed on one thread, or on as many as users get; what NumPy's BLAS has is the context's."""
    fx.set_num_threads(1 if one else threads[0])
    torch.set_num_threads(1 if one else threads[1])
    return threadpool_limits(1, "blas") if one else nullcontext()


def main() -> None:
    """Print a line for each function, shape and dtype."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("functions", nargs="*", help="those to time (default: all)")
    parser.add_argument("--one-thread", action="store_true", help="no times on the wall")
    options = parser.parse_args()
    asked = options.functions
    clocks = {"one thread": time.process_time} if options.one_thread else CLOCKS
    threads = fx.get_num_threads(), torch.get_num_threads()
    for name, shapes in (("cross_entropy", SHAPES), ("binary_cross_entropy_with_logits", BINARY)):
        for shape in shapes if not asked or name in asked else ():
            for dtype in DTYPES:
                line = []
                compared = pairs(name, *logits_and_target(shape, dtype, name != "cross_entropy"))
                for title, clock in clocks.items():
                    with threads_of(clock is time.process_time, threads):
                        ratios = [f"{work} {turns.ratio(*pair, clock=clock):5.2f}" for work, pair in compared.items()]
                    line.append(f"{title}: {', '.join(ratios)}")
                print(f"{name:32} {shape!s:18} {str(dtype)[6:]:8}", "   ".join(line), flush=True)
    for shape in LINEAR if not asked or "linear_cross_entropy" in asked else ():
        for dtype in (torch.float32, torch.bfloat16):
            for title, clock in clocks.items():
                with threads_of(clock is time.process_time, threads):
                    ratios = linear_ratios(clock, *layer(*shape, dtype))
                print(f"linear_cross_entropy {shape!s:20} {str(dtype)[6:]:8} {title}:", "; ".join(ratios), flush=True)


if __name__ == "__main__":
    main()
