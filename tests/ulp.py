"""Distances in units in the last place of a dtype, and the bounds that docs/design.md promises in them."""

import numpy as np

# Loss and gradient 4 ulp, Hessian 8 ulp; the activations have no further cancellation than the loss.
BOUND = {"loss": 4, "grad": 4, "hess": 8, "value": 4}

# What a factor of a derivative adds: one rounding. Of softmax losses it goes into what is rounded anyway.
FACTOR = 0.5

# Two results, each within its bound of the real value, differ by twice the bound at most.
BOTH = 2

# What a unit of gamma adds for a focal loss. (1 - p)^gamma has gamma times the relative error of (1 - p) / p, in which
# two exponentials and a quotient are rounded: 5/2 epsilon, or up to 5 ulp.
PER_GAMMA = 5


def bounds(gamma=None):
    """The bounds of a focal loss; without gamma, of everything else."""
    return {name: bound + PER_GAMMA * (gamma or 0.0) for name, bound in BOUND.items()}


def ulp(scale, dtype):
    """One unit in the last place at `scale`; never below the smallest normal number, since smaller results are 0."""
    info = np.finfo(dtype)
    return np.spacing(np.maximum(np.abs(scale), info.tiny / info.eps).astype(dtype)).astype(np.float64)


def assert_ulp(got, want, bound, dtype, scale=None, what="result", lost=0.0):
    """|got - want| <= bound ulp at `scale` (at `want` itself unless given) for every entry.

    `scale` is the sum of the absolute terms that `want` is made of, `lost` of those that may count as 0. Infinities and
    NaN must stand in the same places.
    """
    got, want = np.asarray(got, np.float64), np.asarray(want, np.float64)
    assert got.shape == want.shape, f"{what}: shape {got.shape}, expected {want.shape}"
    finite = np.isfinite(want)
    np.testing.assert_array_equal(got[~finite], want[~finite], err_msg=f"{what}: the entries that are not finite")
    scale = np.abs(want[finite]) if scale is None else np.broadcast_to(np.abs(scale), want.shape)[finite]
    lost = np.broadcast_to(lost, want.shape)[finite]
    distance = np.maximum(np.abs(got[finite] - want[finite]) - lost, 0) / ulp(scale, dtype)
    if distance.size and not distance.max() <= bound:
        worst = int(np.argmax(np.nan_to_num(distance, nan=np.inf)))
        at = tuple(int(i) for i in np.argwhere(finite)[worst])
        raise AssertionError(
            f"{what}{list(at)} is {distance[worst]:.3g} ulp off (at most {bound} allowed): "
            f"{got[at]!r}, expected {want[at]!r}"
        )
