"""entropy, cross_entropy and kl_divergence of probabilities along one axis."""

from __future__ import annotations

import functools
from decimal import Context, Decimal
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastxent import _check, _layout
from fastxent._kernels.operand import Operand
from fastxent._layout import Array, Samples, Views
from fastxent._problem import last, specialised

ENTROPY, CROSS_ENTROPY, DIVERGENCE = range(3)  # enum Information in _kernels/information.pxi
# From this many classes on, one sample at a time fills the lanes.
ROW_CLASSES = 128


def entropy(
    p: ArrayLike, *, axis: int = -1, base: float | None = None, n_threads: int | None = None
) -> np.floating[Any] | Array:
    return along(ENTROPY, p, None, axis, base, n_threads)


def cross_entropy(
    p: ArrayLike, q: ArrayLike, *, axis: int = -1, base: float | None = None, n_threads: int | None = None
) -> np.floating[Any] | Array:
    return along(CROSS_ENTROPY, p, q, axis, base, n_threads)


def kl_divergence(
    p: ArrayLike, q: ArrayLike, *, axis: int = -1, base: float | None = None, n_threads: int | None = None
) -> np.floating[Any] | Array:
    return along(DIVERGENCE, p, q, axis, base, n_threads)


def along(name: int, p: Any, q: Any, axis: Any, base: Any, n_threads: Any) -> np.floating[Any] | Array:
    """One number for each row of p, or of p and q broadcast against each other."""
    arrays, dtype = shares(name, p, q)
    shape = _check.broadcast_of({"p": arrays[0], "q": arrays[-1]})
    axis = _check.axis_of(axis, len(shape), "p" if q is None else "p and q")
    per_nat = units_per_nat(_check.base_of(base))
    threads = _check.n_threads_of(n_threads)
    rows, classes = shape[:axis] + shape[axis + 1 :], shape[axis]
    result = np.zeros(rows, dtype)
    if classes and result.size:
        views = [last(np.broadcast_to(array, shape), axis) for array in arrays]
        if apply(name, views, classes, dtype, per_nat, result, threads):
            raise_bad(arrays)
    return result if result.ndim else result[()]


def shares(name: int, p: Any, q: Any) -> tuple[list[Array], np.dtype[Any]]:
    """p, and q unless it is None, as arrays; and the dtype to compute in."""
    array, dtype = _check.float_array(p, "p")
    if q is None:
        return [array], dtype
    other, other_dtype = _check.float_array(q, "q")
    if name == CROSS_ENTROPY and other.dtype.kind != "f":
        raise TypeError(
            f"q has dtype {other.dtype}, but probabilities are floats; "
            "did you mean softmax_cross_entropy(logits, target)?"
        )
    return [array, other], max(dtype, other_dtype)


def apply(
    name: int,
    views: list[Array],
    classes: int,
    dtype: np.dtype[Any],
    per_nat: tuple[float, float],
    result: Array,
    n_threads: int | None,
) -> int:
    """Fill ``result``; returns how many elements are no probability. The larger operand's strides order the axes."""
    names = ("p", "q")[: len(views)]
    read: Views = dict(sorted(zip(names, views, strict=True), key=lambda item: item[1].strides.count(0)))
    samples = Samples(result.shape, classes, dtype, read, {"losses": result[..., None]})

    def bind(found: Views, sums: Array) -> tuple[Any, ...]:
        operands = (Operand(found[names[0]]), Operand(found[names[-1]]))
        return name, *operands, classes, *per_nat, found["losses"], sums

    _, bad = _layout.run(specialised("information", dtype), samples, bind, choose_way, n_threads)
    return bad


def choose_way(samples: Samples, views: Views) -> int:
    """Rows for many classes, unless they lie apart and the samples together; any strides will do."""
    inputs = [views[name] for name in samples.read]
    together = [array for array in inputs if array is not None and array.strides[2] in (0, array.itemsize)]
    if samples.classes >= ROW_CLASSES and len(together) == len(inputs):
        return _layout.ROWS
    return _layout.TRANSPOSED if together else _layout.PANEL


@functools.lru_cache(16)
def units_per_nat(base: float | None) -> tuple[float, float]:
    """1 / log(base) in two parts, so that the change of units rounds once."""
    if base is None:
        return 1.0, 0.0
    context = Context(prec=50)
    exact = context.divide(Decimal(1), context.ln(Decimal(base)))
    rounded = float(exact)
    return rounded, float(context.subtract(exact, Decimal(rounded)))


def raise_bad(arrays: list[Array]) -> None:
    """Name the first element that is no probability."""
    for name, array in zip(("p", "q"), arrays, strict=False):
        _check.check_range(array, name, 0.0, _check.LARGEST, "a probability is finite and not negative")
    raise ValueError("p or q changed while they were read")
