"""fastxent.torch over torch.nn.functional; less is better.

`make peers-torch` installs torch and runs it. Both compute the loss, and the loss and its gradient, from the same
tensors in turns: processor time on one thread, then time on the wall with the threads that users get.
"""

import time
from functools import partial

import torch
from benchmarks import turns
from torch.nn import functional as F

import fastxent as fx
import fastxent.torch as ft

SHAPES = [(64, 10), (4096, 1000), (2048, 32000), (8, 21, 256, 256)]
BINARY = [(64, 10), (1_000_000, 10)]
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


def main() -> None:
    """Print a line for each function, shape and dtype."""
    threads = fx.get_num_threads(), torch.get_num_threads()
    for name, shapes in (("cross_entropy", SHAPES), ("binary_cross_entropy_with_logits", BINARY)):
        for shape in shapes:
            for dtype in DTYPES:
                line = []
                compared = pairs(name, *logits_and_target(shape, dtype, name != "cross_entropy"))
                for title, clock in CLOCKS.items():
                    one = clock is time.process_time
                    fx.set_num_threads(1 if one else threads[0])
                    torch.set_num_threads(1 if one else threads[1])
                    ratios = [f"{work} {turns.ratio(*pair, clock=clock):5.2f}" for work, pair in compared.items()]
                    line.append(f"{title}: {', '.join(ratios)}")
                print(f"{name:32} {shape!s:18} {str(dtype)[6:]:8}", "   ".join(line), flush=True)


if __name__ == "__main__":
    main()
