"""The arguments of a linear layer's losses: checked before anything is multiplied."""

from __future__ import annotations

import math
from collections.abc import Callable, Collection
from dataclasses import dataclass
from typing import Any, TypeVar

import numpy as np

from fastxent import _bfloat16, _check, _explain, _sums
from fastxent._kernels import door
from fastxent._linear.multiply import with_products
from fastxent._linear.product import Product
from fastxent._linear.rows import Targets
from fastxent._quiet import quietly
from fastxent._types import Array

NOTHING = np.empty(0)

R = TypeVar("R")


@dataclass(frozen=True)
class LinearCall:
    product: Product
    targets: Targets
    shape: tuple[int, ...]  # of the rows
    reduction: str
    chunk_rows: int | None
    scale: Any  # what the rows' gradients are multiplied by: a number, or one for each row
    read: dict[str, Array]  # what was given, or the memory of what is no array, by name
    pins: list[Any]  # hold the memory of all of them where it is

    def per_row(self) -> Array | None:
        """Where each row's loss goes, if it is wanted."""
        return np.zeros(len(self.product.hidden), self.product.dtype) if self.reduction == "none" else None

    def computed(self, function: Callable[..., R], *args: Any) -> R:
        """What a function of _linear/losses.py makes of the products."""
        call = self.product, self.targets, self.chunk_rows, *args
        return with_products(self.product.n_threads, self.product.size, function, *call)

    def reduced(self, losses: Array | None, parts: Collection[float]) -> float | Array:
        """The rows' losses, or the parts of their sum, reduced."""
        if self.reduction == "none":
            assert losses is not None
            result: Array = quietly(losses.astype, self.product.dtype, copy=False).reshape(self.shape)
            return result if self.shape else result[()]
        if self.targets.denominator == 0.0:
            return math.nan
        return _sums.total(parts) / self.targets.denominator


def linear_call(
    hidden: Any, weight: Any, target: Any, bias: Any, class_weight: Any, sample_weight: Any, ignore_index: Any,
    label_smoothing: Any, z_loss: Any, softcap: Any, reduction: Any, chunk_rows: Any, n_threads: Any,
    grad_output: Any = None, labels_only: bool = False,
) -> LinearCall:  # fmt: skip
    layer: dict[str, Array] = {}
    pins: list[Any] = []
    for name, value in (("hidden", hidden), ("weight", weight), ("bias", bias)):
        if value is not None or name != "bias":
            layer[name] = _check.array_of(value, name)[...]  # whose shape nobody else can change
            pins += _explain.pinned(layer[name])
    for name, array in layer.items():
        _check.check_logits(array, name)
    check_shapes(layer["hidden"], layer["weight"], layer.get("bias"))
    in_double = any(
        not _bfloat16.is_bfloat16(array.dtype) and (array.dtype.kind != "f" or array.dtype.itemsize == 8)
        for array in layer.values()
    )
    (*shape, features), classes = layer["hidden"].shape, len(layer["weight"])
    n, rows = math.prod(shape), tuple(shape)
    labels, distribution, *options, scale = door.plan(
        (*shape, classes), in_double, target, class_weight, sample_weight, ignore_index, label_smoothing, z_loss,
        reduction, n_threads, grad_output,
    )  # fmt: skip
    if labels_only and labels is None:
        raise ValueError(
            f"target has shape {distribution.shape}, but statistics are those of class indices: expected {rows}"
        )
    pins += [pin for array in (labels, distribution, options[1], scale) for pin in _explain.pinned(array)]
    given = {"target": target, "class_weight": class_weight, "sample_weight": sample_weight, "grad_output": grad_output}
    seen_as: dict[str, Any] = {
        "target": distribution if labels is None else labels,
        "sample_weight": options[1],
        "grad_output": scale,
    }
    read = dict(layer)
    for name, value in given.items():
        memory = value if isinstance(value, np.ndarray) else seen_as.get(name)
        if isinstance(memory, np.ndarray):
            read[name] = memory
    class_weight, sample_weight, ignored, smoothing, z_loss, denominator = options
    dtype = np.dtype(np.float64 if in_double else np.float32)
    product = Product(
        layer["hidden"].reshape(n, features), layer["weight"], layer.get("bias"), cap_of(softcap, dtype), dtype,
        _check.n_threads_of(n_threads),
    )  # fmt: skip
    targets = Targets(
        distribution.reshape(n, classes) if labels is None else labels.reshape(-1),
        class_weight,
        None if sample_weight is None else np.broadcast_to(sample_weight, shape).reshape(-1),
        ignored, smoothing, z_loss, denominator,
    )  # fmt: skip
    scale = scale.reshape(-1) if np.ndim(scale) else scale / (denominator or math.inf)
    size = None if chunk_rows is None else _check.whole_number(chunk_rows, "chunk_rows", 1)
    return LinearCall(product, targets, rows, reduction, size, scale, read, pins)


def check_shapes(hidden: Array, weight: Array, bias: Array | None) -> None:
    """Raise unless the layer's arrays fit each other."""
    if weight.ndim != 2 or hidden.shape[-1] != weight.shape[1]:
        hint = ""
        if weight.ndim == 2 and hidden.shape[-1] == weight.shape[0]:
            hint = "; did you mean weight.T? weight has one row for each class"
        raise ValueError(
            f"hidden has shape {hidden.shape} and weight {weight.shape}: expected (..., H) and (C, H){hint}"
        )
    if bias is not None and bias.shape != weight.shape[:1]:
        raise ValueError(f"bias has shape {bias.shape}, but weight has {len(weight)} rows: expected {weight.shape[:1]}")


def cap_of(softcap: Any, dtype: np.dtype[Any]) -> float | None:
    if softcap is None:
        return None
    low, high = float(np.finfo(dtype).tiny), float(np.finfo(dtype).max)
    return _check.number_of(softcap, "softcap", low, high, f"a positive normal number of {dtype}, or None")


def known(given: Any, array: Array | None) -> Any:
    """A gradient as its owner knows it."""
    if given is None and array is not None and array.dtype is _bfloat16.OF_TENSORS:
        return _bfloat16.tensor_of(array)
    return array if given is None else given


@dataclass(frozen=True)
class Results:
    """Where the gradients go: as the caller knows them, and as rows."""

    given: tuple[Any, ...]
    whole: tuple[Array | None, ...]
    arrays: tuple[Array | None, Array | None, Array | None]
    pins: list[Any]

    def returned(self) -> tuple[Any, Any, Any]:
        hidden, rows = self.whole[0], self.arrays[0]
        if hidden is not None and rows is not None and not np.may_share_memory(hidden, rows):
            hidden[...] = rows.reshape(hidden.shape)  # whose rows do not lie in equal steps
        grad_hidden, grad_weight, grad_bias = map(known, self.given, self.whole)
        return grad_hidden, grad_weight, grad_bias


def outputs(
    call: LinearCall, out_hidden: Any, out_weight: Any, out_bias: Any,
    wanted: tuple[bool, bool, bool] = (True, True, True),
) -> Results:  # fmt: skip
    """The gradients' arrays, made or checked; those that are not wanted are None."""
    product = call.product
    if out_bias is not None and product.bias is None:
        raise ValueError("out_bias is given, but there is no bias")
    hidden = product.hidden.reshape(*call.shape, product.hidden.shape[1])
    like = {"out_hidden": hidden, "out_weight": product.weight, "out_bias": product.bias}
    others = dict(call.read)
    given = {"out_hidden": out_hidden, "out_weight": out_weight, "out_bias": out_bias}
    whole: list[Any] = []
    for (name, out), is_wanted in zip(given.items(), wanted, strict=True):
        source = like[name]
        if source is None or not is_wanted:
            whole.append(None)
            continue
        if out is None:
            out = np.empty(source.shape, dtype_of_gradient(source.dtype))
        else:
            out = _bfloat16.of_output(out, name) if _bfloat16.is_tensor(out) else out
            _check.check_output(out, name, source.shape, NOTHING, others)
            out = np.ndarray.view(out, np.ndarray)
        whole.append(out)
        others[name] = out
    rows = None if whole[0] is None else whole[0].reshape(product.hidden.shape)
    pins = [pin for out in whole for pin in _explain.pinned(out)]
    return Results(tuple(given.values()), tuple(whole), (rows, whole[1], whole[2]), pins)


def dtype_of_gradient(dtype: np.dtype[Any]) -> np.dtype[Any]:
    """That of an array of floats, in the machine's byte order; float64 for all others."""
    if _bfloat16.is_bfloat16(dtype):
        return dtype  # the object itself, by which it is known
    return dtype.newbyteorder("=") if dtype.kind == "f" else np.dtype(np.float64)
