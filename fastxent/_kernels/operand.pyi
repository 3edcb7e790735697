"""An array of any native real dtype read where it lies: labels, weights, distributions."""

from typing import Any, final

from numpy.typing import NDArray

@final
class Operand:
    def __init__(self, array: NDArray[Any]) -> None: ...
