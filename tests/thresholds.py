"""Numbers of classes and samples on both sides of everything that a call's way through the kernels depends on."""

import numpy as np

from fastxent._kernels import ways

LANES, GROUP, PANELS, WIDTH = (ways.LIMITS[name] for name in ("lanes", "group", "panels", "width"))
TUNING = ways.numbers()


def around(*numbers):
    return {number + step for number in numbers for step in (-1, 0, 1)}


def most_side_by_side(dtype, with_hess=False, tuning=TUNING):
    """The most classes of samples that are computed side by side; with a Hessian, which is stored too, half as many."""
    size = np.dtype(dtype).itemsize
    if with_hess:
        return tuning["hess_panel_bytes"] // size // 2
    return tuning["double_panel_bytes" if size == 8 else "panel_bytes"] // size


def classes(dtype):
    strips = (TUNING["panel_elements"] // panels for panels in range(1, PANELS + 1))
    side_by_side = (most_side_by_side(dtype, with_hess) for with_hess in (False, True))
    groups = around(GROUP, 2 * LANES, GROUP * LANES)
    return sorted({1, 2, 3, 4, 200, 300} | groups | around(*strips, LANES, TUNING["row_classes"], *side_by_side))


def samples(C):
    solo = LANES * C // (C + TUNING["solo_elements"])
    return sorted({1, 2, 5, 13, max(solo, 1), solo + 1, 2 * LANES} | around(LANES, WIDTH))


def several_blocks(C):
    return 2 * (TUNING["block_elements"] // C // WIDTH * WIDTH) + LANES + 1
