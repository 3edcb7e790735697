"""The kernels. base, v3 and v4 are builds of the same source, so this describes all three.

An operand has the axes (outer, inner), or (outer, inner, classes). A kernel works on the blocks that ``job`` hands out,
writes its outputs, and leaves in ``sums``, (n_blocks, 2), each block's sum of losses and its number of bad elements.
"""

from collections.abc import Callable
from typing import Any, Generic, Literal, ParamSpec

import numpy as np
from numpy.typing import NDArray

from fastxent._kernels.job import Job
from fastxent._kernels.operand import Operand
from fastxent._kernels.output import Output
from fastxent._kernels.target import Target

_Arguments = ParamSpec("_Arguments")
_Floats = NDArray[np.float32] | NDArray[np.float64]

class _fused(Generic[_Arguments]):
    """A kernel for float32 and float64: one by name, or whichever the arguments ask for."""

    def __init__(self, kernel: Callable[_Arguments, None]) -> None: ...
    def __getitem__(self, floating: Literal["float", "double"]) -> Callable[_Arguments, None]: ...
    def __call__(self, *args: _Arguments.args, **kwargs: _Arguments.kwargs) -> None: ...

@_fused
def softmax_cross_entropy(
    way: int,
    logits: _Floats,
    target: Target,
    sample_weight: Operand | None,
    grad_output: Operand | None,
    grad_scale: float,
    z_loss: float,
    with_loss: bool,
    losses: _Floats | None,
    grad: Output | None,
    hess: Output | None,
    sums: NDArray[np.float64],
    block_outer: int,
    block_inner: int,
    job: Job,
) -> None: ...
@_fused
def softmax_focal_loss(
    way: int,
    logits: _Floats,
    target: Target,
    sample_weight: Operand | None,
    grad_output: Operand | None,
    grad_scale: float,
    z_loss: float,
    gamma: float,
    gauss_newton: bool,
    losses: _Floats | None,
    grad: Output | None,
    hess: Output | None,
    sums: NDArray[np.float64],
    block_outer: int,
    block_inner: int,
    job: Job,
) -> None: ...
@_fused
def clamped_cross_entropy(
    way: int,
    probs: _Floats,
    target: Target,
    sample_weight: Operand | None,
    grad_output: Operand | None,
    grad_scale: float,
    eps: float,
    losses: _Floats | None,
    grad: Output | None,
    sums: NDArray[np.float64],
    block_outer: int,
    block_inner: int,
    job: Job,
) -> None: ...
@_fused
def sigmoid_cross_entropy(
    way: int,
    logits: _Floats,
    target: Operand,
    pos_weight: Operand | None,
    sample_weight: Operand | None,
    grad_output: Operand | None,
    grad_scale: float,
    smoothing: float,
    ignore_index: float | None,
    with_loss: bool,
    losses: _Floats | None,
    grad: Output | None,
    hess: Output | None,
    sums: NDArray[np.float64],
    block_outer: int,
    block_inner: int,
    job: Job,
) -> None: ...
@_fused
def sigmoid_focal_loss(
    way: int,
    logits: _Floats,
    target: Operand,
    pos_weight: Operand | None,
    sample_weight: Operand | None,
    grad_output: Operand | None,
    grad_scale: float,
    smoothing: float,
    ignore_index: float | None,
    gamma: float,
    gauss_newton: bool,
    positive: float,
    negative: float,
    losses: _Floats | None,
    grad: Output | None,
    hess: Output | None,
    sums: NDArray[np.float64],
    block_outer: int,
    block_inner: int,
    job: Job,
) -> None: ...
@_fused
def activation(
    way: int, name: int, logits: _Floats, out: _Floats, block_outer: int, block_inner: int, job: Job
) -> None: ...
@_fused
def information(
    way: int,
    name: int,
    p: Operand,
    q: Operand,
    C: int,
    per_nat: float,
    per_nat_low: float,
    out: _Floats,
    sums: NDArray[np.float64],
    block_outer: int,
    block_inner: int,
    job: Job,
) -> None: ...
@_fused
def off_simplex(
    way: int,
    probs: _Floats,
    tolerance: float,
    sums: NDArray[np.float64],
    block_outer: int,
    block_inner: int,
    job: Job,
) -> None: ...
def denominator(
    way: int,
    target: Target,
    sample_weight: Operand | None,
    outer: int,
    inner: int,
    sums: NDArray[np.float64],
    block_outer: int,
    block_inner: int,
    job: Job,
) -> None: ...
def element_denominator(
    way: int,
    target: Operand,
    sample_weight: Operand | None,
    ignore_index: float | None,
    outer: int,
    inner: int,
    sums: NDArray[np.float64],
    block_outer: int,
    block_inner: int,
    job: Job,
) -> None: ...
def count_outside(
    values: Operand,
    n: int,
    low: float,
    high: float,
    ignore: float | None,
    counts: NDArray[np.intp],
    block_size: int,
    job: Job,
) -> None: ...
@_fused
def elementwise(
    name: Literal["exp", "log", "log1p", "inverse_power"], x: _Floats, out: _Floats, gamma: float = 0.0
) -> None: ...
def quick_softmax(
    logits: object,
    target: object,
    out: object,
    with_grad: bool,
    n_threads: int | None,
    large: Callable[[Any, Any, Any, int, int | None], float],
) -> tuple[float, NDArray[np.float32] | NDArray[np.float64] | None] | None: ...
def quick_multinomial(
    arrays: tuple[object, ...], wanted: tuple[bool, bool, bool], target: Target, z_loss: float, with_proba: bool
) -> tuple[float, Any, Any, Any] | None: ...
def quick_binomial(
    arrays: tuple[object, ...],
    wanted: tuple[bool, bool, bool],
    pos_weight: float,
    smoothing: float,
    ignore_index: float | None,
) -> tuple[float, Any, Any, Any] | None: ...
