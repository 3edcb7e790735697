"""``python -m fastxent``: the configuration, and how exact and how fast the kernels are on this machine."""

from __future__ import annotations

import argparse
import math
import os
import sys

from fastxent import __version__, show_config
from fastxent._selftest import exactness, machine, speed


def main(arguments: list[str] | None = None) -> int:
    """Print the report; returns 1 if an error is larger than the library promises, else 0."""
    parser = argparse.ArgumentParser(
        prog="python -m fastxent",
        description="Print the configuration, and measure exactness and speed on this machine beside NumPy.",
    )
    parser.add_argument("--version", action="version", version=f"fastxent {__version__}")
    parser.add_argument(
        "--seconds", type=float, default=8.0, help="how long to measure the speed (default 8); 0 leaves that out"
    )
    options = parser.parse_args(arguments)
    if not 0 <= options.seconds < math.inf:
        parser.error(f"--seconds {options.seconds}: it must be a finite number, and not negative")

    show_config()
    for line in machine.report():
        print(line)
    print(
        "\nLargest error in ulp, against 50 decimal digits; 2^24 (float32) or 2^53 (float64) is no right digit at all\n"
    )
    errors = exactness.measure()
    print(exactness.table(errors))
    if options.seconds > 0:
        print("\nTime of loss and gradient, the median of calls in turns\n", flush=True)
        print(speed.table(options.seconds))
    broken = [error for error in errors if not error.holds]
    for error in broken:
        said = f"{error.fastxent:.3g} ulp off, and {error.bound:g} are promised"
        print(f"\nBROKEN: {error.name} in {error.dtype} is {said}", file=sys.stderr)
    print("\nself-test FAILED: please report all of the above" if broken else "\nself-test passed")
    return int(bool(broken))


def run() -> int:
    """`main`, and a quiet end if whoever reads has seen enough, as `head` has."""
    try:
        status = main()
        sys.stdout.flush()
    except BrokenPipeError:
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())  # the interpreter flushes once more at its end
        return 1
    return status


if __name__ == "__main__":
    sys.exit(run())
