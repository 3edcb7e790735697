"""What is a ratio by its name, and which ratios of a commit are too large beside those of another."""

import math

RATIOS = r"\.track_ratio(_\w+)?\b"


def slower(base: dict, head: dict, factor: float) -> dict[str, tuple[float, float]]:
    """Both values where the head's is too large, or is missing although the base has one."""
    pairs = {name: (value, head[name]) for name, value in base.items() if value is not None and name in head}
    pairs = {name: (old, math.inf if new is None else new) for name, (old, new) in pairs.items()}
    return {name: (old, new) for name, (old, new) in pairs.items() if new > factor * old}
