"""The benchmarks that asv runs on each commit: cases.py says what is called, the other files what is measured."""

import sys
from pathlib import Path

# For side_by_side, the peers. Behind everything else, so that fastxent is the commit's that is installed.
sys.path.append(str(Path(__file__).resolve().parents[1]))
