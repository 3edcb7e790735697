"""What becomes of the rows' losses and derivatives: weights, the reduction, and the outputs."""

from typing import Any

import numpy as np

from fastxent.reference._types import Array, Loss, Option, Out, Result


@np.errstate(all="ignore")
def reduced(loss: Array, v: Array, D: float, reduction: str) -> Loss:
    """The rows combined: v_i l_i (none), sum_i v_i l_i (sum), sum_i v_i l_i / D (mean)."""
    if reduction not in ("none", "sum", "mean"):
        raise ValueError(f"reduction = {reduction!r}")
    loss = np.where(v == 0, 0, v * loss)
    if reduction == "none":
        return loss[()]
    return float(loss.sum() / (D or np.nan) if reduction == "mean" else loss.sum())


@np.errstate(all="ignore")
def results_of(found: list[Array], v: Array, D: float, reduction: str, g: Option, outs: tuple[Out, ...],
               axis: int | None = None) -> tuple[Any, ...]:  # fmt: skip
    """The loss, and each row's derivatives times v_i g / D (mean) or v_i g (sum, none); axis: where the classes go."""
    loss, *derivatives = found
    weight = v if reduction != "mean" else v / D if D else np.zeros_like(v)
    scale = weight * np.asarray(1.0 if g is None else g, np.float64)
    if axis is not None:
        weight, scale = weight[..., None], scale[..., None]
    scaled = [np.where(weight == 0, 0, scale * value) for value in derivatives]
    return reduced(loss, v, D, reduction), *(placed(*one, axis) for one in zip(scaled, outs, strict=True))


@np.errstate(all="ignore")
def placed(value: Array, out: Out, axis: int | None = None) -> Result:
    if axis is not None:
        value = np.moveaxis(value, -1, axis)
    if out is None:
        return value
    out[...] = value
    return out
