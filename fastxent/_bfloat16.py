"""bfloat16, which NumPy has no dtype for: arrays of ml_dtypes (so JAX's and TensorFlow's), and torch's tensors.

Arrays are taken as they are. The memory of a tensor is an array of a dtype of our own, which nobody else meets.
"""

from __future__ import annotations

import importlib
import sys
from functools import cache
from typing import Any

import numpy as np

from fastxent._types import Array

OF_TENSORS: np.dtype[Any] = np.dtype([("bfloat16", np.uint16)], align=True)
EPSILON = 2.0**-7  # from 1 to the next number


def is_bfloat16(dtype: np.dtype[Any]) -> bool:
    """Whether it is ours, or another library's: by its name, so that no library is imported."""
    return dtype is OF_TENSORS or (dtype.kind == "V" and dtype.itemsize == 2 and dtype.name == "bfloat16")


def is_tensor(value: Any) -> bool:
    """Whether it is a tensor of torch's, or of a class made from it."""
    return any(cls.__module__.partition(".")[0] == "torch" for cls in type(value).__mro__) and hasattr(value, "detach")


def of_tensor(tensor: Any) -> Array:
    """A tensor's memory as an array."""
    torch = sys.modules.get("torch")
    if torch is not None and type(tensor) is torch.nn.Parameter:
        is_plain = tensor.is_cpu and tensor.layout is torch.strided and not tensor.is_neg()
        if is_plain:
            return memory_of(tensor)
    tensor = tensor.detach()
    if torch is None or str(getattr(tensor, "dtype", None)) != "torch.bfloat16":
        return np.asarray(tensor)
    array: Array = tensor.view(torch.int16).numpy().view(OF_TENSORS)
    return array


class Memory:
    """A tensor for NumPy."""

    __slots__ = ("__array_interface__", "tensor")
    __array_interface__: dict[str, Any]
    tensor: Any


def memory_of(tensor: Any) -> Array:
    """The array of a plain tensor, which torch can still resize, as FSDP does with parameters.

    After `Tensor.numpy`, which takes half as long, it never can.
    """
    kind, own = numpy_dtype(tensor.dtype)
    size = kind.itemsize
    array: Array
    if size and not tensor.numel():
        return np.empty(tensor.shape, own or kind)
    pointer = tensor.data_ptr() if size else 0
    if not pointer:  # torch says why
        array = tensor.numpy(force=True)
        return array
    memory = Memory()
    memory.tensor = tensor
    memory.__array_interface__ = {
        "version": 3,
        "data": (pointer, False),
        "typestr": kind.str,
        "shape": tensor.shape,
        "strides": None if tensor.is_contiguous() else tuple([step * size for step in tensor.stride()]),
    }
    array = np.asarray(memory)
    return array if own is None else array.view(own)


@cache
def numpy_dtype(dtype: Any) -> tuple[np.dtype[Any], np.dtype[Any] | None]:
    """NumPy's dtype for one of torch's, of no size if it has none; and what bits are then taken for."""
    name = str(dtype).removeprefix("torch.")
    if name == "bfloat16":
        return np.dtype(np.uint16), OF_TENSORS
    try:
        same = np.dtype(name)
    except TypeError:
        same = np.dtype("V")
    return same if same.kind in "biufc" else np.dtype("V"), None


def of_output(tensor: Any, name: str) -> Array:
    """The same for one that is to be written to."""
    if tensor.requires_grad:
        raise TypeError(f"{name} is a tensor that requires grad; give {name}.detach()")
    return of_tensor(tensor)


def tensor_of(array: Array) -> Any:
    """The way back of `of_tensor`."""
    torch = importlib.import_module("torch")
    return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)


def widened(array: Array) -> Array:
    """The same numbers in a dtype that NumPy computes in: bfloat16 as float32, all others as they are."""
    if array.dtype is OF_TENSORS:
        return (array["bfloat16"].astype(np.uint32) << 16).view(np.float32)
    return array.astype(np.float32) if is_bfloat16(array.dtype) else array


def name_of(dtype: np.dtype[Any]) -> str:
    """The dtype's name, as users know it."""
    return "bfloat16" if dtype is OF_TENSORS else str(dtype)
