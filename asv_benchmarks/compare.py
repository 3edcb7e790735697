"""Whether a commit is slower than another: `python asv_benchmarks/compare.py BASE [HEAD]`, or `make bench-compare`.

asv measures the ratios of both commits, each built and installed into asv's environment. What is slower by more than
the factor is measured again, both commits in turns; what is so in every round is printed, and the exit status is 1.
"""

import argparse
import math
import re
import subprocess
import sys
from pathlib import Path
from typing import NoReturn

from asv.commands.compare import unroll_result
from asv.config import Config
from asv.environment import get_environments
from asv.repo import NoSuchNameError, get_repo
from asv.results import iter_results
from verdict import RATIOS, slower

CONFIG = Path(__file__).resolve().with_name("asv.conf.json")
ROUNDS = 3
FAILED = 2  # asv's exit status when a benchmark failed: one that a commit does not have yet, for instance
SLOWER, ERROR = 1, 2  # ours


def arguments(given: list[str] | None = None) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("base", help="the commit, branch or tag to compare with")
    parser.add_argument("head", nargs="?", default="HEAD", help="the one that should not be slower (HEAD)")
    parser.add_argument("--factor", type=float, default=1.2, help="how many times as large a ratio may be (1.2)")
    parser.add_argument("--bench", default=RATIOS, help=f"a regular expression for the benchmarks ({RATIOS})")
    parser.add_argument("--config", type=Path, default=CONFIG, help="asv's configuration")
    options = parser.parse_args(given)
    if not options.factor >= 1 or not math.isfinite(options.factor):
        parser.error(f"--factor is {options.factor}, but a ratio that is as good as before must not fail: at least 1")
    return options


def stop(message: str) -> NoReturn:
    """Ends the program without a verdict."""
    print(message, file=sys.stderr)
    raise SystemExit(ERROR)


def measure(config: Path, commits: list[str], bench: str) -> list[dict[str, float | None]]:
    """What asv measures of each commit, by benchmark and parameters; None where it failed."""
    command = [sys.executable, "-m", "asv", "run", "--bench", bench, "HASHFILE:-"]
    done = subprocess.run(command, cwd=config.parent, input="\n".join(commits), text=True)
    if done.returncode not in (0, FAILED):
        stop(f"asv run ended with status {done.returncode}")
    return [values(config, commit, bench) for commit in commits]


def values(config: Path, commit: str, bench: str) -> dict[str, float | None]:
    """The stored results of a commit in the environment that the configuration describes; skipped ones left out."""
    settings = Config.load(str(config))
    here = {environment.name for environment in get_environments(settings, None)}
    found = {}
    for result in iter_results(str(config.parent / settings.results_dir)):
        if result.commit_hash != commit or result.env_name not in here:
            continue
        for benchmark in result.get_all_result_keys():
            parameters = result.get_result_params(benchmark)
            measured = unroll_result(benchmark, parameters, result.get_result_value(benchmark, parameters))
            found |= {
                name: value for name, value in measured if re.search(bench, name) and value == value
            }  # nan: skipped
    return found


def regressions(config: Path, commits: list[str], bench: str, factor: float) -> dict[str, tuple[float, float]]:
    """What is slower in every round, with the values of the last one."""
    first = measure(config, commits, bench)
    if not any(value is not None for value in first[0].values()):
        stop(f"asv has no result of {commits[0]} for {bench}")
    left = slower(*first, factor)
    print(f"{len(first[0])} ratios of the base, {len(first[1])} of the head, {len(left)} more than {factor:g} times")
    for round_ in range(2, ROUNDS + 1):
        if left:
            print(f"Round {round_} of {ROUNDS}: {len(left)} once more", flush=True)
            again = "|".join(f"^{re.escape(name)}$" for name in left)
            measured = slower(*measure(config, commits, again), factor)
            left = {name: pair for name, pair in measured.items() if name in left}
    return left


def main(given: list[str] | None = None) -> int:
    options = arguments(given)
    config = options.config.resolve()
    settings = Config.load(str(config))
    settings.repo = str((config.parent / settings.repo).resolve())
    repo = get_repo(settings)
    try:
        commits = [repo.get_hash_from_name(name) for name in (options.base, options.head)]
    except NoSuchNameError as error:
        stop(f"There is no commit {error}")
    if commits[0] == commits[1]:
        stop(f"{options.base} and {options.head} are the same commit, {commits[0][:8]}: nothing to compare")
    found = regressions(config, commits, options.bench, options.factor)
    names = f"{options.head} ({commits[1][:8]}) beside {options.base} ({commits[0][:8]})"
    if not found:
        print(f"No ratio of {names} is more than {options.factor:g} times as large")
        return 0
    print(f"{len(found)} ratios of {names} are more than {options.factor:g} times as large in each of {ROUNDS} rounds:")
    for name, (old, new) in sorted(found.items(), key=lambda item: item[1][1] / item[1][0], reverse=True):
        print(f"{old:10.4g} -> {new:<10.4g}{new / old:8.2f} x   {name}")
    return SLOWER


if __name__ == "__main__":
    sys.exit(main())
