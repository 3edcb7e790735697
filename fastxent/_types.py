"""The types of arrays and of class weights in signatures."""

from collections.abc import Mapping
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray[Any, Any]
ClassWeight = ArrayLike | Mapping[int, float]
