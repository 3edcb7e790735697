"""The types that the signatures name."""

from collections.abc import Mapping

import numpy as np
from numpy.typing import ArrayLike, NDArray

Array = NDArray[np.float64]
Loss = Array | np.float64 | float
Option = ArrayLike | None
ByClass = ArrayLike | Mapping[int, float] | None
Out = NDArray[np.float32] | NDArray[np.float64] | None
Result = NDArray[np.float32] | NDArray[np.float64]
