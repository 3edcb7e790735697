"""Everything that can raise. Each check returns its argument in the form that the rest of the package works with."""

from __future__ import annotations

import operator
from collections.abc import Iterator
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastxent import _threads
from fastxent._isa import kernels
from fastxent._kernels.operand import Operand
from fastxent._layout import BLOCK, READABLE
from fastxent._threads import thread_count

Array = np.ndarray[Any, Any]
REDUCTIONS = ("none", "sum", "mean")
LARGEST = float(np.finfo(np.float64).max)
SMALLEST = float(np.finfo(np.float64).smallest_subnormal)


def real_array(value: ArrayLike, name: str) -> Array:
    """``value`` as an array of numbers, without a copy where it is one."""
    if type(value) is not np.ndarray:
        if isinstance(value, np.ma.MaskedArray):
            raise TypeError(
                f"{name} is a masked array, and its mask would be ignored; fill it first: {name}.filled(...)"
            )
        if type(value).__module__.startswith("scipy.sparse"):
            raise TypeError(f"{name} is a sparse {type(value).__name__}; make it dense first: {name}.toarray()")
        value = np.asarray(value)
    if value.dtype.kind not in "fiub":
        raise TypeError(f"{name} has dtype {value.dtype}; expected real numbers")
    return value


def float_array(value: ArrayLike, name: str) -> tuple[Array, np.dtype[Any]]:
    """Logits or probabilities, and the dtype to compute in."""
    array = real_array(value, name)
    if array.ndim == 0:
        raise ValueError(f"{name} is a scalar ({array[()]}); expected at least one axis")
    dtype = array.dtype
    if dtype.kind != "f":
        return array, np.dtype(np.float64)
    if dtype.itemsize > 8:
        raise TypeError(f"{name} has dtype {dtype}; expected float16, float32 or float64")
    return array, np.dtype(np.float64 if dtype.itemsize == 8 else np.float32)


def axis_of(axis: Any, ndim: int, name: str) -> int:
    """A single integer axis, as a non-negative number."""
    try:
        number = operator.index(axis)
    except TypeError:
        raise TypeError(f"axis = {axis!r}, but it must be a single integer") from None
    if not -ndim <= number < ndim:
        raise ValueError(f"axis = {number}, but {name} have {ndim} axes")
    return number % ndim


def reduction_of(reduction: Any) -> str:
    """One of the three reductions."""
    if not isinstance(reduction, str) or reduction not in REDUCTIONS:
        raise ValueError(f"reduction = {reduction!r}, but it must be one of {', '.join(map(repr, REDUCTIONS))}")
    return reduction


def number_of(value: Any, name: str, low: float, high: float, what: str) -> float:
    """A real scalar in [low, high]."""
    if isinstance(value, str | bytes):
        raise TypeError(f"{name} = {value!r}, but it must be a real number")
    try:
        number = float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} = {value!r}, but it must be a real number") from None
    except OverflowError:
        raise ValueError(f"{name} is an integer beyond float64, but it must be {what}") from None
    if not low <= number <= high:
        raise ValueError(f"{name} = {number}, but it must be {what}")
    return number


def smoothing_of(value: Any) -> float:
    return number_of(value, "label_smoothing", 0.0, 1.0, "in [0, 1]")


def z_loss_of(value: Any) -> float:
    return number_of(value, "z_loss", 0.0, LARGEST, "finite and not negative")


def eps_of(value: Any, dtype: np.dtype[Any]) -> float:
    """The clamp's threshold; its reciprocal must be finite in the dtype, unless it is 0."""
    eps = number_of(value, "eps", 0.0, float(np.finfo(dtype).max), f"at least 0 and finite in {dtype}")
    with np.errstate(all="ignore"):
        if eps > 0.0 and not np.isfinite(dtype.type(1.0) / dtype.type(eps)):
            raise ValueError(f"eps = {eps}, but 1 / eps is not finite in {dtype}; use 0 for no clamp")
    return eps


def base_of(value: Any) -> float | None:
    """The base of a logarithm; None for nats."""
    if value is None:
        return None
    what = "positive, finite and not 1"
    base = number_of(value, "base", SMALLEST, LARGEST, what)
    if base == 1.0:
        raise ValueError(f"base = {base}, but it must be {what}")
    return base


def broadcast_of(arrays: dict[str, Array]) -> tuple[int, ...]:
    """The shape that arrays have together by NumPy's rules."""
    try:
        return np.broadcast_shapes(*(array.shape for array in arrays.values()))
    except ValueError:
        shapes = " and ".join(f"{name} has shape {array.shape}" for name, array in arrays.items())
        raise ValueError(f"{shapes}, which do not broadcast against each other") from None


def n_threads_of(value: Any) -> int | None:
    """The number of threads a call asks for; None leaves it to the pool."""
    return None if value is None else thread_count(value, "n_threads")


def split_target(
    target: ArrayLike, shape: tuple[int, ...], axis: int, name: str, float_labels: bool = False
) -> tuple[Array | None, Array | None]:
    """(labels, None) for the shape of ``name`` without its class axis, (None, distribution) for the whole shape."""
    array = real_array(target, "target")
    rows = shape[:axis] + shape[axis + 1 :]
    if array.shape == shape:
        return None, array
    if array.shape != rows:
        raise ValueError(
            f"target has shape {array.shape}, but {name} have shape {shape}: expected {rows} for class indices "
            f"or {shape} for distributions"
        )
    if array.dtype.kind == "f" and not float_labels:
        if array.size:
            raise TypeError(f"target holds class labels of dtype {array.dtype}; cast them: target.astype(np.int64)")
        array = array.astype(np.int64)
    return array, None


def ignore_of(ignore_index: Any, labels: Array | None) -> int | None:
    """ignore_index as the kernels compare it with labels of this dtype; None where no label can be equal to it."""
    if ignore_index is None:
        return None
    try:
        number = operator.index(ignore_index)
    except TypeError:
        raise TypeError(f"ignore_index = {ignore_index!r}, but it must be an integer or None") from None
    if labels is None:
        raise ValueError(f"ignore_index = {number}, but the target is a distribution; use sample_weight 0 instead")
    if labels.dtype.kind == "b":
        return number if number in (0, 1) else None
    limits = np.iinfo(labels.dtype)
    if not limits.min <= number <= limits.max:
        return None
    return number if number < 2**63 else number - 2**64


def per_sample(value: Any, name: str, shape: tuple[int, ...]) -> Array:
    """Weights broadcast to the samples: a scalar, or the samples' rank with sizes 1 or n."""
    array = real_array(value, name)
    if array.ndim not in (0, len(shape)) or any(n not in (1, m) for n, m in zip(array.shape, shape, strict=False)):
        raise ValueError(
            f"{name} has shape {array.shape}, but the samples have shape {shape}: "
            "expected a scalar, or that rank with each size equal or 1"
        )
    return np.broadcast_to(array, shape)


def sample_weight_of(value: Any, shape: tuple[int, ...], n_threads: int | None) -> Array | None:
    if value is None:
        return None
    check_weight(real_array(value, "sample_weight"), "sample_weight", n_threads)
    return per_sample(value, "sample_weight", shape)


def class_weight_of(value: Any, classes: int, n_threads: int | None) -> Array | None:
    """(C,) float64."""
    if value is None:
        return None
    array = real_array(value, "class_weight")
    if array.shape != (classes,):
        raise ValueError(f"class_weight has shape {array.shape}, but there are {classes} classes")
    check_weight(array, "class_weight", n_threads)
    return np.ascontiguousarray(array, dtype=np.float64)


def gamma_of(value: Any) -> float:
    return number_of(value, "gamma", 0.0, LARGEST, "finite and not negative")


def alpha_of(value: Any, classes: int, n_threads: int | None) -> Array | None:
    """(C,) float64, from a factor for each class or one for all."""
    if value is None:
        return None
    array = real_array(value, "alpha")
    if array.shape not in ((), (classes,)):
        raise ValueError(f"alpha has shape {array.shape}, but there are {classes} classes")
    check_range(array, "alpha", 0.0, LARGEST, "its entries are finite and not negative", n_threads)
    return np.array(np.broadcast_to(array, classes), np.float64)


def balance_of(value: Any) -> tuple[float, float]:
    """The factors of the targets 1 and 0: (alpha, 1 - alpha), or (1, 1)."""
    if value is None:
        return 1.0, 1.0
    alpha = number_of(value, "alpha", 0.0, 1.0, "in [0, 1]")
    return alpha, 1.0 - alpha


def pos_weight_of(value: Any, shape: tuple[int, ...], n_threads: int | None) -> Array | None:
    """A scalar, (K,) on the last axis, or full rank, broadcast to the logits."""
    if value is None:
        return None
    array = real_array(value, "pos_weight")
    check_weight(array, "pos_weight", n_threads)
    if array.ndim == 1 and array.shape == shape[-1:]:
        return np.broadcast_to(array, shape)
    return per_sample(array, "pos_weight", shape)


def infogain_of(
    value: Any, classes: int, labels: Array | None, class_weight: Any, smoothing: float, n_threads: int | None
) -> Array | None:
    """(C, C), read by rows."""
    if value is None:
        return None
    if labels is None:
        raise ValueError("infogain goes with class indices, but the target is a distribution")
    if class_weight is not None or smoothing:
        raise ValueError("infogain goes neither with class_weight nor with label_smoothing: write them into the matrix")
    array = real_array(value, "infogain")
    if array.shape != (classes, classes):
        raise ValueError(f"infogain has shape {array.shape}, but there are {classes} classes")
    check_range(array, "infogain", 0.0, LARGEST, "its entries are finite and not negative", n_threads)
    return array if array.dtype in READABLE and array.flags.aligned else array.astype(np.float64)


def grad_output_of(value: Any, reduction: str, shape: tuple[int, ...]) -> tuple[float, Array | None]:
    """(scalar factor, None), or (1, a factor for each sample)."""
    if value is None:
        return 1.0, None
    array = real_array(value, "grad_output")
    if array.ndim == 0:
        return float(array), None
    if reduction != "none":
        raise ValueError(
            f'grad_output has shape {array.shape}, but with reduction="{reduction}" the loss is one number: '
            "expected a scalar"
        )
    if array.shape != shape:
        raise ValueError(f"grad_output has shape {array.shape}, but the losses have shape {shape}")
    return 1.0, array


def output_of(out: Any, name: str, logits: Array, others: dict[str, Any]) -> Array | None:
    """A given output: writeable native floats of the logits' shape that overlap nothing, or exactly the logits."""
    if out is None:
        return None
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray | np.matrix):
        raise TypeError(f"{name} is a {type(out).__name__}, but it must be a plain NumPy array")
    if out.dtype not in (np.float32, np.float64) or not out.dtype.isnative:
        raise TypeError(f"{name} has dtype {out.dtype}, but it must be native float32 or float64")
    if out.shape != logits.shape:
        raise ValueError(f"{name} has shape {out.shape}, but its input has shape {logits.shape}")
    if not out.flags.writeable:
        raise ValueError(f"{name} is read-only")
    if out.size and any(stride == 0 and n > 1 for stride, n in zip(out.strides, out.shape, strict=True)):
        raise ValueError(f"{name} has elements that share memory (strides {out.strides})")
    if not exactly(out, logits) and overlap(out, logits):
        raise ValueError(f"{name} overlaps its input in part; it may only be exactly the same memory, or none of it")
    for other, array in others.items():
        if isinstance(array, np.ndarray) and overlap(out, array):
            raise ValueError(f"{name} overlaps {other}")
    return out


def exactly(a: Array, b: Array) -> bool:
    """Whether element by element they are the same memory."""
    same = a.shape == b.shape and a.strides == b.strides and a.itemsize == b.itemsize
    return same and a.__array_interface__["data"][0] == b.__array_interface__["data"][0]


def overlap(a: Array, b: Array) -> bool:
    """Whether they share an element; where that is too hard to tell, whether their bounds meet."""
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=10_000)  # type: ignore[arg-type]  # NumPy's stub knows -1 and 0 only
    except np.exceptions.TooHardError:
        return True


def check_weight(array: Array, name: str, n_threads: int | None) -> None:
    """Raise for the first weight that cannot be one."""
    check_range(array, name, 0.0, LARGEST, "weights are finite and not negative", n_threads)


def check_range(
    array: Array, name: str, low: float, high: float, rule: str, n_threads: int | None, ignore: float | None = None
) -> None:
    """Raise for the first element outside [low, high]; nan is outside."""
    flat = array.ravel(order="K") if array.flags.forc else None
    if flat is not None and array.dtype in READABLE and array.flags.aligned:
        counts = np.zeros(-(-flat.size // BLOCK), np.intp)
        if flat.size:
            args = (Operand(flat[None]), flat.size, low, high, ignore, counts, BLOCK)
            _threads.run(kernels.count_outside, args, len(counts), n_threads)
        if not counts.any():
            return
    elif first_outside(array, low, high, ignore) is None:
        return
    position = first_outside(array, low, high, ignore)
    assert position is not None
    raise ValueError(f"{place(name, array.shape, position)} = {array.flat[position]}, but {rule}")


def first_outside(array: Array, low: float, high: float, ignore: float | None) -> int | None:
    """Position, in C order, of the first element outside [low, high]; block by block, for any dtype and layout."""
    if not array.size:
        return None
    position = 0
    for block in in_blocks(array, np.float64):
        outside = ~((block >= low) & (block <= high))
        if ignore is not None:
            outside &= block != ignore
        if outside.any():
            return position + int(outside.argmax())
        position += block.size
    return None


def in_blocks(array: Array, dtype: Any) -> Iterator[Array]:
    """The elements in C order, converted block by block; a block is valid until the next one is asked for."""
    flags = ["external_loop", "buffered"]
    blocks: Iterator[Array] = np.nditer(  # type: ignore[call-overload]
        array, flags, order="C", op_dtypes=[dtype], casting="unsafe"
    )
    return blocks


def raise_bad_label(labels: Array, classes: int, ignore_index: int | None, name: str) -> None:
    """Name the first label that is no class, if there is one."""
    position = 0
    for block in in_blocks(labels, labels.dtype):
        bad = ~((block >= 0) & (block < classes))
        if block.dtype.kind == "f":
            bad |= block != np.floor(block)
        if ignore_index is not None:
            bad &= block != ignore_index
        if bad.any():
            position += int(bad.argmax())
            where, label = place("target", labels.shape, position), labels.flat[position]
            if block.dtype.kind == "f":
                if not (abs(label) < 2.0**31 and label == int(label)):
                    raise ValueError(f"{where} = {label}, but class labels are integers from 0 to {classes - 1}")
                label = int(label)
            raise ValueError(f"{where} = {label}, but {name} have {classes} classes")
        position += block.size


def place(name: str, shape: tuple[int, ...], position: int) -> str:
    """``name[i, j]``, or the name alone for a scalar."""
    if not shape:
        return name
    return f"{name}[{', '.join(str(int(i)) for i in np.unravel_index(position, shape))}]"
