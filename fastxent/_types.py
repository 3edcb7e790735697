"""The types of arrays, of class weights and of what a function's overloads have in common, in signatures."""

from collections.abc import Mapping
from typing import Any, Literal, TypedDict

import numpy as np
from numpy.typing import ArrayLike

Array = np.ndarray[Any, Any]
ClassWeight = ArrayLike | Mapping[int, float]
Reduced = Literal["mean", "sum"]  # the loss is one number
Reduction = Literal["mean", "sum", "none"]


class Options(TypedDict, total=False):
    sample_weight: ArrayLike | None
    label_smoothing: float
    n_threads: int | None


class ClassOptions(Options, total=False):
    axis: int
    class_weight: ClassWeight | None
    ignore_index: int | None
    infogain: ArrayLike | None


class ClampedOptions(ClassOptions, total=False):
    eps: float


class SoftmaxOptions(ClassOptions, total=False):
    z_loss: float


class LinearOptions(TypedDict, total=False):
    class_weight: ClassWeight | None
    sample_weight: ArrayLike | None
    ignore_index: int | None
    label_smoothing: float
    z_loss: float
    softcap: float | None
    chunk_rows: int | None
    n_threads: int | None


class SoftmaxFocalOptions(SoftmaxOptions, total=False):
    gamma: float
    alpha: ArrayLike | None


class SigmoidOptions(Options, total=False):
    pos_weight: ArrayLike | None
    ignore_index: float | None


class SigmoidFocalOptions(SigmoidOptions, total=False):
    gamma: float
    alpha: float | None
