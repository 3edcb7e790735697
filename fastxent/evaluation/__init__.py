"""How good predictions are, added up exactly over data that come in pieces: from files, in several processes."""

from fastxent.evaluation._evaluation import Evaluation
from fastxent.evaluation._scores import Scores

__all__ = ["Evaluation", "Scores"]
