"""What an evaluation keeps of samples: counts, and exact sums."""

from __future__ import annotations

from typing import Any

from fastxent import _check
from fastxent.evaluation._sums import ExactSums


class Totals:
    """Of samples with losses l and weights v, by name: of all of them, and as far as the options want it of more.

    The sums of all are v l (`loss`), what it is divided by (`weight`), v, and v of the hits: `top`, of the largest
    scores, and `hits`, for each k. Those of each class and each bin have its name before theirs, and a number n.
    """

    def __init__(self, sizes: dict[str, int]) -> None:
        self.counts = {"n": 0, "n_bytes": 0, "n_without_bytes": 0}
        self.sums = {name: ExactSums(size) for name, size in sizes.items()}

    def empty(self) -> Totals:
        return Totals({name: len(sums) for name, sums in self.sums.items()})

    def plus(self, *others: Totals) -> Totals:
        """Those of all, as new ones: what is interrupted changes nothing."""
        both = self.empty()
        for one in (self, *others):
            for name, count in one.counts.items():
                both.counts[name] += count
            for name, sums in one.sums.items():
                both.sums[name].merge(sums)
        return both

    def state(self) -> dict[str, Any]:
        return {"counts": self.counts.copy(), "sums": {name: sums.state() for name, sums in self.sums.items()}}

    def set_state(self, counts: dict[str, int], sums: dict[str, Any]) -> None:
        for given, names in ((counts, self.counts), (sums, self.sums)):
            if given.keys() != names.keys():
                raise ValueError(f"the state has {sorted(given)} in the place of {sorted(names)}")
        for name, count in counts.items():
            self.counts[name] = _check.whole_number(count, name, 0)
        for name, one in self.sums.items():
            one.set_state(sums[name])


def sizes_of(options: dict[str, Any]) -> dict[str, int]:
    """How many sums there are of each name."""
    C, n_bins, hits = options["n_classes"], options["calibration_bins"], len(options["top_k"])
    sizes = {"loss": 1, "weight": 1}
    if hits:
        sizes |= {"v": 1, "top": 1}
    if hits and options["of"] != "multilabel_logits":
        sizes["hits"] = hits
    if options["per_class"]:
        sizes |= {f"class_{name}": C for name in ("n", "loss", "weight", *(["v", "top"] if hits else []))}
    if n_bins:
        sizes |= {f"bin_{name}": n_bins for name in ("n", "v", "true", "prob")}
    return sizes
