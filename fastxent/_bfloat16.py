"""bfloat16, which NumPy has no dtype for: arrays of ml_dtypes (so JAX's and TensorFlow's), and torch's tensors.

Within the package their memory is seen through a dtype of our own; what is returned has the dtype that came in.
"""

from __future__ import annotations

import importlib
from typing import Any

import numpy as np

from fastxent._types import Array

BFLOAT16: np.dtype[Any] = np.dtype([("bfloat16", np.uint16)], align=True)
SWAPPED = BFLOAT16.newbyteorder()


def is_tensor(value: Any) -> bool:
    """Whether it is a tensor of torch's."""
    return type(value).__module__.partition(".")[0] == "torch" and hasattr(value, "detach")


def is_bfloat16(dtype: np.dtype[Any]) -> bool:
    """Whether it is bfloat16: ours, or another library's, by its name, so that no library is imported."""
    return dtype.kind == "V" and dtype.itemsize == 2 and (is_own(dtype) or dtype.name == "bfloat16")


def is_own(dtype: np.dtype[Any]) -> bool:
    """Whether it is one of the two dtypes of this module."""
    return dtype is BFLOAT16 or dtype is SWAPPED


def seen(array: Array) -> Array:
    """An array of another library's bfloat16 through the dtype of ours; any other as it is."""
    if is_own(array.dtype) or not is_bfloat16(array.dtype):
        return array
    return np.ndarray.view(array, BFLOAT16 if array.dtype.isnative else SWAPPED, np.ndarray)


def of_tensor(tensor: Any) -> Array:
    """A tensor's memory as an array."""
    tensor = tensor.detach()
    if str(getattr(tensor, "dtype", None)) != "torch.bfloat16":
        return np.asarray(tensor)
    torch = importlib.import_module("torch")
    return tensor.view(torch.int16).numpy().view(BFLOAT16)


def array_of_output(out: Any, name: str) -> Any:
    """The array to write to; what is neither an array of bfloat16 nor a tensor, as it is."""
    if is_tensor(out):
        if out.requires_grad:
            raise TypeError(f"{name} is a tensor that requires grad; give {name}.detach()")
        return of_tensor(out)
    if isinstance(out, np.ndarray) and not isinstance(out, np.ma.MaskedArray | np.matrix):
        return seen(out)
    return out


def owned(array: Array, dtype: np.dtype[Any]) -> Any:
    """An array of ours as what the logits came as: their dtype, or a tensor if that is ours."""
    if not is_own(dtype):
        return array.view(dtype.newbyteorder("="))
    torch = importlib.import_module("torch")
    return torch.from_numpy(array.view(np.int16)).view(torch.bfloat16)


def widened(array: Array) -> Array:
    """The same numbers in a dtype that NumPy computes in: bfloat16 as float32, all others as they are."""
    array = seen(array)
    return (array["bfloat16"].astype(np.uint32) << 16).view(np.float32) if is_own(array.dtype) else array


def name_of(dtype: np.dtype[Any]) -> str:
    """The dtype's name, as users know it."""
    return "bfloat16" if is_own(dtype) else str(dtype)
