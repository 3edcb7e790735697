"""What makes a caller's value canonical, or raises."""

from __future__ import annotations

import functools
import math
import operator
from collections.abc import Collection, Mapping
from decimal import Context, Decimal
from typing import Any

import numpy as np
from numpy.typing import ArrayLike

from fastxent import _bfloat16, _hints
from fastxent._explain import element, place, raise_outside
from fastxent._quiet import quiet
from fastxent._types import Array

REDUCTIONS = ("none", "sum", "mean")
LARGEST = float(np.finfo(np.float64).max)
MOST = 2**31 - 1  # classes, or bins
SMALLEST = float(np.finfo(np.float64).smallest_subnormal)
WEIGHT_RULE = "weights are finite and not negative"
ENTRY_RULE = "its entries are finite and not negative"
TARGET_RULE = "it must be finite and not negative"
PROBABILITY_RULE = "a probability is in [0, 1]"


def real_array(value: ArrayLike, name: str) -> Array:
    """``value`` as an array of numbers that NumPy computes with, without a copy where it is one."""
    return _bfloat16.widened(array_of(value, name))


def array_of(value: ArrayLike, name: str) -> Array:
    """``value`` as an array of numbers that the door can read: of bfloat16, too."""
    if type(value) is not np.ndarray:
        if isinstance(value, np.ma.MaskedArray):
            raise TypeError(
                f"{name} is a masked array, and its mask would be ignored; fill it first: {name}.filled(...)"
            )
        library = type(value).__module__.partition(".")[0]
        if type(value).__module__.startswith("scipy.sparse"):
            raise TypeError(f"{name} is a sparse {type(value).__name__}; make it dense first: {name}.toarray()")
        refuse_dask(value, name)
        if library == "pandas":
            value = without_missing(value, name)
        elif _bfloat16.is_tensor(value):
            value = tensor_memory(value, name)
        elif isinstance(value, str):
            shape = f" of shape (C,): {_hints.BALANCED} balances them" if name == "class_weight" else " of real numbers"
            raise TypeError(f"{name} = {value!r}, but it must be an array{shape}")
        value = as_array(value, name)
    if value.dtype.kind not in "fiub" and not _bfloat16.is_bfloat16(value.dtype):
        hint = _hints.not_numbers(value, name)
        raise TypeError(f"{name} has dtype {value.dtype}; expected real numbers{hint}")
    return value


def tensor_memory(value: Any, name: str) -> Array:
    """That of one of torch's tensors."""
    try:
        return _bfloat16.of_tensor(value)
    except RuntimeError as error:
        if "have storage" not in str(error):
            raise
        raise TypeError(
            f"{name} is a tensor without memory of its own, as within torch.func and torch.compile; fastxent.torch has "
            "losses that work there"
        ) from error


def refuse_dask(value: Any, name: str) -> None:
    """Raise for a dask collection, what holds one, or a list of some, of which NumPy would load all."""
    for _ in range(64):  # the most axes of an array; a list may hold itself
        if not isinstance(value, (list, tuple)) or not value:
            break
        value = value[0]
    graph = getattr(value, "__dask_graph__", None)
    if graph is None:
        return
    library, kind = type(value).__module__.partition(".")[0], type(value).__name__
    if library == "dask" or graph() is not None:  # xarray's objects have the method also if their arrays are in memory
        what = f"dask {kind}" if library == "dask" else f"{library} {kind} of dask"
        raise TypeError(
            f"{name} is a {what}, which would be loaded as a whole; fastxent.dask has what works on its blocks, else "
            f"call {name}.compute() first, or this function in map_blocks"
        )


def as_array(value: Any, name: str) -> Array:
    """What NumPy makes of it, which of rows of several lengths is nothing."""
    try:
        return np.asarray(value)
    except ValueError as error:
        raise ValueError(f"{name} is no array: {error}") from error
    except TypeError as error:
        if isinstance(value, list | tuple) and value and _bfloat16.is_tensor(value[0]):
            raise TypeError(f"{name} is a {type(value).__name__} of tensors; give torch.stack({name})") from error
        raise


def without_missing(value: Any, name: str) -> Any:
    """A pandas object; of its nullable dtypes, which NumPy takes for objects, the numbers."""
    if not hasattr(value, "to_numpy") or not hasattr(value, "isna"):
        return value
    dtypes = list(value.dtypes) if getattr(value, "ndim", 1) == 2 else [value.dtype]
    own = [getattr(dtype, "numpy_dtype", dtype) for dtype in dtypes]
    if own == dtypes and np.asarray(value).dtype.kind in "fiub":
        return value  # where nan is a number
    missing = np.asarray(value.isna())
    if missing.any():
        position = int(missing.ravel().argmax())
        raise ValueError(
            f"{place(name, missing.shape, position)} is missing (NA), but it must be a number: fill it in, or drop it"
        )
    numbers = all(isinstance(dtype, np.dtype) and dtype.kind in "fiub" for dtype in own)
    return value.to_numpy(dtype=np.result_type(*own)) if numbers else value


def float_array(value: ArrayLike, name: str) -> tuple[Array, np.dtype[Any]]:
    """Logits or probabilities, and the dtype to compute in."""
    array = real_array(value, name)
    check_logits(array, name)
    return array, np.dtype(np.float32 if array.dtype.kind == "f" and array.dtype.itemsize < 8 else np.float64)


def check_logits(array: Array, name: str) -> None:
    """Raise for a scalar, and for floats that are longer than the kernels'."""
    if array.ndim == 0:
        raise ValueError(f"{name} is a scalar ({_bfloat16.widened(array)[()]}); expected at least one axis")
    if array.dtype.kind == "f" and array.dtype.itemsize not in (2, 4, 8):
        raise TypeError(f"{name} has dtype {array.dtype}; expected float16, bfloat16, float32 or float64")


def integer(value: Any, name: str, what: str = "an integer") -> int:
    """An integer, which a bool is not meant to be."""
    try:
        if isinstance(value, bool):
            raise TypeError
        return operator.index(value)
    except TypeError:
        raise TypeError(f"{name} = {value!r}, but it must be {what}") from None


def axis_number(axis: Any) -> int:
    """A single integer axis."""
    return integer(axis, "axis", "a single integer")


def axis_of(axis: Any, ndim: int, name: str) -> int:
    """A single integer axis, as a non-negative number."""
    number = axis_number(axis)
    if not -ndim <= number < ndim:
        raise ValueError(f"axis = {number}, but {name} have {ndim} axes")
    return number % ndim


def whole_number(value: Any, name: str, least: int, most: int | None = None) -> int:
    """An integer that is at least, and at most, so large."""
    number = integer(value, name)
    if most is not None and number > most:
        raise ValueError(f"{name} = {number}, but it must be at most {most}")
    if number < least:
        raise ValueError(f"{name} = {number}, but it must be at least {least}")
    return number


def reduction_of(reduction: Any) -> str:
    """One of the three reductions."""
    return one_of(reduction, "reduction", REDUCTIONS)


def one_of(value: Any, name: str, names: Collection[str]) -> str:
    if not isinstance(value, str) or value not in names:
        raise ValueError(f"{name} = {value!r}, but it must be one of {', '.join(map(repr, names))}")
    return value


def yes_or_no(value: Any, name: str) -> bool:
    if not isinstance(value, bool | np.bool):
        raise TypeError(f"{name} = {value!r}, but it must be True or False")
    return bool(value)


def real_number(value: Any, name: str, what: str = "a real number") -> float:
    """A real scalar; NumPy takes the real part for one, and before 2.4 an array of one element."""
    try:
        if isinstance(value, str | bytes | np.complexfloating):
            raise TypeError
        if isinstance(value, np.ndarray) and (value.ndim or value.dtype.kind in "cSU"):
            raise TypeError
        return float(value)
    except (TypeError, ValueError):
        raise TypeError(f"{name} = {value!r}, but it must be a real number") from None
    except OverflowError:
        raise ValueError(f"{name} is an integer beyond float64, but it must be {what}") from None


def number_of(value: Any, name: str, low: float, high: float, what: str) -> float:
    """A real scalar in [low, high]."""
    number = real_number(value, name, what)
    if not low <= number <= high:
        raise ValueError(f"{name} = {number}, but it must be {what}")
    return number


def smoothing_of(value: Any) -> float:
    return number_of(value, "label_smoothing", 0.0, 1.0, "in [0, 1]")


def z_loss_of(value: Any) -> float:
    return number_of(value, "z_loss", 0.0, LARGEST, "finite and not negative")


@quiet
def eps_of(value: Any, dtype: str) -> float:
    """The clamp's threshold; its reciprocal must be finite in the dtype, unless it is 0."""
    kind = np.dtype(dtype).type
    eps = number_of(value, "eps", 0.0, float(np.finfo(dtype).max), f"at least 0 and finite in {dtype}")
    if eps > 0.0 and not np.isfinite(kind(1.0) / kind(eps)):
        raise ValueError(f"eps = {eps}, but 1 / eps is not finite in {dtype}; use 0 for no clamp")
    return eps


def units_per_nat(value: Any) -> tuple[float, float]:
    """1 / log(base) in two parts, so that the change of units rounds once."""
    what = "positive, finite and not 1"
    base = number_of(value, "base", SMALLEST, LARGEST, what)
    if base == 1.0:
        raise ValueError(f"base = {base}, but it must be {what}")
    return reciprocal_of_log(base)


@functools.lru_cache(16)
def reciprocal_of_log(base: float) -> tuple[float, float]:
    context = Context(prec=50)
    exact = context.divide(Decimal(1), context.ln(Decimal(base)))
    rounded = float(exact)
    return rounded, float(context.subtract(exact, Decimal(rounded)))


def broadcast(p: Array, q: Array) -> tuple[Array, Array]:
    """p and q in the shape that they have together by NumPy's rules."""
    ndim = max(p.ndim, q.ndim)
    one, other = ((1,) * (ndim - array.ndim) + array.shape for array in (p, q))
    shape = tuple(n if m == 1 else m for m, n in zip(one, other, strict=True))  # np.broadcast knows 32 axes
    try:
        return np.broadcast_to(p, shape), np.broadcast_to(q, shape)
    except ValueError:
        raise ValueError(
            f"p has shape {p.shape} and q has shape {q.shape}, which do not broadcast against each other"
        ) from None


def n_threads_of(value: Any) -> int | None:
    """The number of threads a call asks for; None leaves it to the pool."""
    return None if value is None else whole_number(value, "n_threads", 1)


def integer_labels(array: Array, name: str, scores: str, classes: int, focal: bool) -> Array:
    """Labels that are floats: no array of them, if there are any."""
    if array.size:
        labels = _bfloat16.widened(array)
        odd = ~(np.isfinite(labels) & (labels == np.floor(labels)))
        if odd.any():
            position = int(odd.argmax())
            value = element(labels, position)
            missing = np.isnan(value)
            hint = "; give such rows an integer of their own, and that as ignore_index" if missing else ""
            raise TypeError(
                f"{place(name, array.shape, position)} {'is' if missing else '='} {value}, but class labels are "
                f"integers{hint}"
            )
        hint = _hints.one_column(labels, classes, scores, focal) or f"; cast them: {name}.astype(np.int64)"
        raise TypeError(f"{name} holds class labels of dtype {_bfloat16.name_of(array.dtype)}{hint}")
    return array.astype(np.int64)


def class_label(ignore_index: Any) -> int:
    """ignore_index as the label that it is."""
    return integer(ignore_index, "ignore_index", "an integer or None")


def ignored_label(ignore_index: Any, labels: Array | None) -> int | None:
    """ignore_index as the kernels compare it with labels of this dtype; None where no label can be equal to it."""
    number = class_label(ignore_index)
    if labels is None:
        raise ValueError(f"ignore_index = {number}, but the target is a distribution; use sample_weight 0 instead")
    if labels.dtype.kind in "fV":  # V: bfloat16
        return number if -(2**63) < number < 2**63 else None
    if labels.dtype.kind == "b":
        return number if number in (0, 1) else None
    limits = np.iinfo(labels.dtype)
    if not limits.min <= number <= limits.max:
        return None
    return number if number < 2**63 else number - 2**64


def ignored_target(value: Any) -> float:
    """The target of ignored elements; nan for those that are missing."""
    try:
        if math.isnan(value):
            return math.nan
    except (TypeError, ValueError, OverflowError):
        pass  # said in words below
    return number_of(value, "ignore_index", -LARGEST, LARGEST, "a finite number, or nan")


def aligned(array: Any, dtype: Any) -> Array:
    """In C order at an address for its numbers: np.ascontiguousarray leaves an array at an odd one."""
    return np.require(array, dtype, ["C_CONTIGUOUS", "ALIGNED"])


def near_one(dtype: np.dtype[Any]) -> float:
    """How far from 1 probabilities of a row may be by rounding: the root of epsilon, as scikit-learn has it of sums."""
    if _bfloat16.is_bfloat16(dtype):
        return math.sqrt(_bfloat16.EPSILON)
    return math.sqrt(np.finfo(dtype if dtype.kind == "f" else np.float64).eps)


def class_weight_of(value: Any, classes: int) -> Array:
    """(C,) float64; from a dict, if it names all classes."""
    if isinstance(value, Mapping):
        if set(value) != set(range(classes)):
            raise ValueError(
                f"class_weight is a dict with the keys {list(value)[:10]}, but it must name each class from 0 to "
                f"{classes - 1}; an array of shape ({classes},) will do too"
            )
        value = [value[k] for k in range(classes)]
    array = real_array(value, "class_weight")
    if array.shape != (classes,):
        raise ValueError(f"class_weight has shape {array.shape}, but there are {classes} classes")
    raise_outside(array, "class_weight", 0.0, LARGEST, WEIGHT_RULE)
    return aligned(array, np.float64)


def gamma_of(value: Any) -> float:
    return number_of(value, "gamma", 0.0, LARGEST, "finite and not negative")


def alpha_of(value: Any, classes: int) -> Array:
    """(C,) float64, from a factor for each class or one for all."""
    array = real_array(value, "alpha")
    if array.shape not in ((), (classes,)):
        raise ValueError(f"alpha has shape {array.shape}, but there are {classes} classes")
    raise_outside(array, "alpha", 0.0, LARGEST, ENTRY_RULE)
    return np.array(np.broadcast_to(array, classes), np.float64)


def balance_of(value: Any) -> float:
    """The factor of the target 1, if that of 0 is what it lacks of 1."""
    return number_of(value, "alpha", 0.0, 1.0, "in [0, 1]")


def infogain_of(value: Any, classes: int, labels: Array | None, class_weight: Any, smoothing: float) -> Array:
    """(C, C), read by rows."""
    if labels is None:
        raise ValueError("infogain goes with class indices, but the target is a distribution")
    if class_weight is not None or smoothing:
        raise ValueError("infogain goes neither with class_weight nor with label_smoothing: write them into the matrix")
    array = real_array(value, "infogain")
    if array.shape != (classes, classes):
        raise ValueError(f"infogain has shape {array.shape}, but there are {classes} classes")
    direct = array.dtype.isnative and array.flags.aligned and array.dtype.itemsize <= 8 and array.dtype != np.float16
    return array if direct else array.astype(np.float64)


def check_output(out: Any, name: str, shape: tuple[int, ...], logits: Array | None, others: dict[str, Array]) -> None:
    """Raise unless it is writeable, of native floats and this shape, and overlaps nothing but exactly the logits."""
    if not isinstance(out, np.ndarray) or isinstance(out, np.ma.MaskedArray | np.matrix):
        raise TypeError(f"{name} is a {type(out).__name__}, but it must be a plain NumPy array")
    plain: Array = np.ndarray.view(out, np.ndarray)  # not what a subclass makes of it
    half = logits is not None and (plain.dtype == np.float16 or _bfloat16.is_bfloat16(plain.dtype))
    if not (half or plain.dtype in (np.float32, np.float64)) or not plain.dtype.isnative:
        known = "float32 or float64" if logits is None else "float16, bfloat16, float32 or float64"
        raise TypeError(f"{name} has dtype {_bfloat16.name_of(plain.dtype)}, but it must be native {known}")
    if plain.shape != shape:
        raise ValueError(f"{name} has shape {plain.shape}, but its input has shape {shape}")
    if not plain.flags.writeable:
        raise ValueError(f"{name} is read-only")
    if plain.size and overlaps_itself(plain):
        raise ValueError(f"{name} has elements that share memory (strides {plain.strides})")
    if logits is not None and not exactly(plain, logits) and overlap(plain, logits):
        raise ValueError(f"{name} overlaps its input in part; it may only be exactly the same memory, or none of it")
    for other, array in others.items():
        if overlap(plain, array):
            raise ValueError(f"{name} overlaps {other}")


def exactly(a: Array, b: Array) -> bool:
    """Whether element by element they are the same memory."""
    same = a.shape == b.shape and a.itemsize == b.itemsize
    steps = zip(a.shape, a.strides, b.strides, strict=same)
    same = same and all(a_step == b_step for n, a_step, b_step in steps if n > 1)
    return same and a.__array_interface__["data"][0] == b.__array_interface__["data"][0]


def overlaps_itself(a: Array) -> bool:
    """Whether two elements share a byte. None do where each axis steps over all that lies along those before."""
    extent = a.itemsize
    axes = sorted((abs(step), n) for step, n in zip(a.strides, a.shape, strict=True) if n > 1)
    nested = True
    for step, n in axes:
        nested = nested and step >= extent
        extent += step * (n - 1)
    if nested or a.nbytes > extent:
        return not nested
    places = np.zeros(1, np.int64)
    for step, n in axes:
        places = np.add.outer(places, step * np.arange(n)).ravel()
    return bool((np.diff(np.sort(places)) < a.itemsize).any())


def overlap(a: Array, b: Array) -> bool:
    """Whether they share an element; where that is too hard to tell, whether their bounds meet."""
    if not np.may_share_memory(a, b):
        return False
    try:
        return np.shares_memory(a, b, max_work=10_000)  # type: ignore[arg-type]  # NumPy's stub knows -1 and 0 only
    except np.exceptions.TooHardError:
        return True
