"""Derivatives written where they lie: of either float dtype, whatever they are computed in, and by a library's rule."""

from typing import Any, final

from numpy.typing import NDArray

@final
class Output:
    def __init__(self, array: NDArray[Any], factor: float = 1.0, floor: float = ...) -> None: ...
