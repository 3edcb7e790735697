"""The functions of probabilities: all of them, and those of two."""

from tests.table import FUNCTIONS

INFORMATION = [f for f in FUNCTIONS if f.kind == "information"]
PAIRS = [f for f in INFORMATION if f.operands == 2]
