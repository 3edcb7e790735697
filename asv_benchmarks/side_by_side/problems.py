"""What is measured: the shapes, and the arrays that every library gets."""

import importlib
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np

WIDE, HALF = ("float32", "float64"), ("float16", "bfloat16")


@dataclass(frozen=True)
class Shape:
    """One line of the table: an operation and the shape, class axis and memory order of its input."""

    operation: str
    shape: tuple[int, ...]
    axis: int = -1
    order: str = "C"
    dtypes: tuple[str, ...] = WIDE

    @property
    def name(self) -> str:
        sizes = "x".join(map(str, self.shape))
        operation = "" if self.operation == "softmax" else f"{self.operation} "
        return operation + sizes + (" Fortran" if self.order == "F" else "")

    @property
    def elements(self) -> int:
        return int(np.prod(self.shape))


SHAPES = [
    Shape("softmax", (1, 10)),
    Shape("softmax", (64, 10)),
    Shape("softmax", (1_000_000, 2)),
    # no float16 here, where torch's mean is nan, and no half precision of the images, where it is 1 % off
    Shape("softmax", (1_000_000, 10), dtypes=(*WIDE, "bfloat16")),
    Shape("softmax", (300_000, 32)),
    Shape("softmax", (200_000, 64)),
    Shape("softmax", (256, 1000)),
    Shape("softmax", (4096, 1000), dtypes=WIDE + HALF),
    Shape("softmax", (4096, 1024)),
    Shape("softmax", (1024, 32_000)),
    Shape("softmax", (128, 128_256), dtypes=WIDE + HALF),
    Shape("softmax", (32, 19, 256, 256), axis=1),
    Shape("softmax", (1_000_000, 10), order="F", dtypes=("float64",)),
    Shape("sigmoid", (10_000_000,)),
    Shape("clamped", (1_000_000, 10)),
    Shape("clamped", (4096, 1000)),
    Shape("log_softmax", (1_000_000, 10)),
    Shape("log_softmax", (4096, 1000)),
    Shape("information", (1_000_000, 10)),
    Shape("information", (4096, 1000)),
]


@dataclass
class Problem:
    """The arrays of one line in one dtype.

    `logits` are probabilities where the operation is clamped or information, and there `target` is another set of them.
    """

    logits: np.ndarray
    target: np.ndarray
    axis: int
    eps: float = field(default=1e-20)

    @property
    def classes(self) -> int:
        return self.logits.shape[self.axis]

    @cached_property
    def rows(self) -> np.ndarray:
        """The logits in C order, for libraries that know no other: the change of layout is not counted."""
        return np.ascontiguousarray(self.logits)


def numpy_dtype(name: str) -> np.dtype:
    """bfloat16 is ml_dtypes', which JAX and TensorFlow bring."""
    return np.dtype(importlib.import_module("ml_dtypes").bfloat16 if name == "bfloat16" else name)


def make(shape: Shape, dtype: str) -> Problem:
    """Normal logits of scale 2, or their softmax; class indices as int64, or float targets without a class axis."""
    rng = np.random.default_rng(20)
    logits = rng.standard_normal(shape.shape, dtype="float32" if dtype in HALF else dtype)
    logits *= 2
    logits = logits.astype(numpy_dtype(dtype), copy=False)
    if shape.operation == "sigmoid":
        return Problem(logits, rng.random(shape.shape, dtype=dtype), shape.axis)
    if shape.operation in ("clamped", "information"):
        np.exp(logits, out=logits)
        logits /= logits.sum(axis=shape.axis, keepdims=True)
    if shape.operation == "information":
        return Problem(logits, logits[::-1].copy(), shape.axis)
    rows = shape.shape[: shape.axis % len(shape.shape)] + shape.shape[shape.axis % len(shape.shape) + 1 :]
    target = rng.integers(0, shape.shape[shape.axis], rows)
    return Problem(np.asarray(logits, order=shape.order), target, shape.axis)
