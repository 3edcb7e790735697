"""What `verbose` shows of a fit: a progress bar of tqdm's where it is installed, or a line for each iteration."""

from __future__ import annotations

from typing import Any


class Report:
    """Told of each iteration; closed at the end."""

    def __init__(self, verbose: int, max_iter: int) -> None:
        self.lines = verbose > 0
        self.bar: Any = None
        if verbose == 1:
            try:
                from tqdm.auto import tqdm
            except ImportError:
                return
            self.lines, self.bar = False, tqdm(total=max_iter, desc="iterations", leave=True)

    def __call__(self, n_iter: int, value: float, largest: float) -> None:
        text = f"objective {value:.9g}, largest gradient {largest:.3g}"
        if self.lines:
            print(f"iteration {n_iter}: {text}", flush=True)
        if self.bar is not None:
            self.bar.set_postfix_str(text, refresh=False)
            self.bar.update()

    def close(self) -> None:
        """The bar stays where it came to: convergence may be long before `max_iter`."""
        if self.bar is not None:
            self.bar.close()
