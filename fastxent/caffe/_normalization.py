"""What Caffe divides a loss by."""

from __future__ import annotations

from fastxent import _check

NORMALIZATIONS = ("FULL", "VALID", "BATCH_SIZE", "NONE")


def mode_of(normalization: str) -> str:
    return _check.one_of(normalization, "normalization", NORMALIZATIONS)


def either(normalization: str | None, normalize: bool | None, default: str) -> str:
    """The normalization, else what the older option means, else the layer's own."""
    if normalization is not None:
        return normalization
    return default if normalize is None else "VALID" if normalize else "BATCH_SIZE"


def normalizer_of(mode: str, outer: int, full: int, valid: int) -> float:
    """What losses are divided by; at least 1, so that a batch without valid labels has the loss 0."""
    return float(max(1, {"FULL": full, "VALID": valid, "BATCH_SIZE": outer, "NONE": 1}[mode]))
