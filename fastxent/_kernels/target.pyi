"""What a row's target is, bound once for a call."""

from typing import final

import numpy as np
from numpy.typing import NDArray

from fastxent._kernels.operand import Operand

@final
class Target:
    def __init__(
        self,
        classes: int,
        labels: Operand | None,
        distribution: Operand | None,
        class_weight: NDArray[np.float64] | None,
        others: NDArray[np.float64] | None,
        smoothing: float,
        ignore_index: int | None,
    ) -> None: ...
