"""One call in scikit-learn's protocol for losses: its arguments checked, its outputs made, its kernel run."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any

import numpy as np

from fastxent import _check, _layout
from fastxent._layout import Array, Samples, Views
from fastxent._problem import nowhere, specialised, written

VIEWS = {"loss_out": "losses", "gradient_out": "grad", "hessian_out": "hess"}  # what the kernels call the outputs
LIMIT = 2**63


@dataclass(slots=True)
class Call:
    """The checked arguments, and the arrays to fill by the names of their arguments."""

    y_true: Array  # (n,)
    raw: Array  # (n, n_classes) or (n,)
    dtype: np.dtype[Any]  # of the computation
    sample_weight: Array | None  # (n,)
    n_threads: int | None
    outputs: dict[str, Array]
    given: bool  # whether one of them is the caller's

    @property
    def with_loss(self) -> bool:
        """Whether the losses are wanted, and not derivatives alone."""
        return "loss_out" in self.outputs or not self.outputs

    def plain_inputs(self) -> tuple[Array, Array, Array | None]:
        """Raw predictions, targets and weights, copied where they are not contiguous and of a native dtype."""
        raw = np.ascontiguousarray(self.raw, self.dtype)
        return raw, plain(self.y_true), None if self.sample_weight is None else plain(self.sample_weight)

    def run(self, kernel: str, choose: Any, bind: Callable[[Views], tuple[Any, ...]]) -> tuple[float, int]:
        """Fill the outputs; the sum of the losses and the number of labels or targets that are none.

        ``bind`` makes the kernel's arguments between the logits and the outputs.
        """
        raw = columns(self.raw)
        outputs = self.outputs
        write: Views = {"losses": None, "grad": None, "hess": None}
        for name, array in outputs.items():
            if name in VIEWS:
                write[VIEWS[name]] = columns(array)
        read: Views = {"logits": raw, "y_true": self.y_true, "sample_weight": self.sample_weight}

        def arguments(views: Views, sums: Array) -> tuple[Any, ...]:
            return views["logits"], *bind(views), views["losses"], *written(views), sums

        samples = Samples(self.y_true.shape, raw.shape[1], self.dtype, read, write)
        return _layout.run(specialised(kernel, self.dtype), samples, arguments, choose, self.n_threads)

    def run_check(self, kernel: Any, bind: Callable[[Views], tuple[Any, ...]], weighted: bool) -> tuple[float, int]:
        """Run one of the kernels of checks.pxi: the sum of the weights, and the number of labels that are none."""
        read: Views = {"y_true": self.y_true, "sample_weight": self.sample_weight if weighted else None}

        def arguments(views: Views, sums: Array) -> tuple[Any, ...]:
            y = views["y_true"]
            assert y is not None
            return *bind(views), *y.shape, sums

        samples = Samples(self.y_true.shape, 1, self.dtype, read, {})
        return _layout.run(kernel, samples, arguments, nowhere, self.n_threads)


def plain(array: Array) -> Array:
    """A contiguous array of a dtype that the kernels read."""
    native = array.dtype.newbyteorder("=")
    return np.ascontiguousarray(array, native if native in _layout.READABLE else np.float64)


def columns(array: Array) -> Array:
    """One number for each sample as a column."""
    return array if array.ndim == 2 else array[:, None]


def squeezed(array: Any) -> Any:
    """(n, 1) as (n,), everything else as it is."""
    if isinstance(array, np.ndarray) and array.ndim == 2 and array.shape[1] == 1:
        return array[:, 0]
    return array


def call_of(
    y_true: Any, raw: Array, dtype: np.dtype[Any], sample_weight: Any, n_threads: Any, given: dict[str, Any]
) -> Call:
    """Check everything but the labels; ``given`` has the outputs that are wanted, None for those to be made."""
    threads = _check.n_threads_of(n_threads)
    y = y_true_of(y_true, raw.shape)
    weight = sample_weight_of(sample_weight, y.shape, threads)
    outputs = {}
    others = {"y_true": y, "sample_weight": weight}
    for name, out in given.items():
        if out is None:
            continue
        like = y if name == "loss_out" else raw
        inputs = others | {"raw_prediction": raw} if name == "loss_out" else others
        array = _check.output_of(out if raw.ndim == 2 else squeezed(out), name, like, inputs)
        assert array is not None
        outputs[name] = array
        others |= {name: array}
    kind = next((array.dtype for array in outputs.values()), dtype)
    made = {
        name: outputs[name]
        if name in outputs
        else np.empty(y.shape, kind)
        if name == "loss_out"
        else np.empty_like(raw, dtype=kind, subok=False)
        for name in given
    }
    return Call(y, raw, dtype, weight, threads, made, bool(outputs))


def y_true_of(value: Any, shape: tuple[int, ...] | None) -> Array:
    """One label or target for each sample of raw predictions of this shape."""
    y = _check.real_array(value, "y_true")
    if shape is None:
        if y.ndim != 1:
            raise ValueError(f"y_true has shape {y.shape}; expected one axis")
    elif y.shape != shape[:1]:
        raise ValueError(f"y_true has shape {y.shape}, but raw_prediction has shape {shape}: expected {shape[:1]}")
    return y


def sample_weight_of(value: Any, shape: tuple[int, ...], n_threads: int | None) -> Array | None:
    """One finite number for each sample, negative ones included: scikit-learn only multiplies by them."""
    if value is None:
        return None
    weight = _check.real_array(value, "sample_weight")
    if weight.shape != shape:
        raise ValueError(f"sample_weight has shape {weight.shape}, but y_true has shape {shape}: expected the same")
    _check.check_range(weight, "sample_weight", -_check.LARGEST, _check.LARGEST, "weights are finite", n_threads)
    return weight


def ignored_of(ignore_index: int | None, labels: Array) -> int | None:
    """ignore_index as the kernels compare it with labels of this dtype; None where no label can be equal to it."""
    if ignore_index is None or labels.dtype.kind != "f":
        return _check.ignore_of(ignore_index, labels)
    return ignore_index if -LIMIT < ignore_index < LIMIT and int(float(ignore_index)) == ignore_index else None


def first_bad_label(labels: Array, classes: int, ignore_index: int | None) -> int | None:
    """Position of the first label that is neither a class nor ignored."""
    if not labels.size:
        return None
    ignored = ignore_index if labels.dtype.kind != "f" else ignored_of(ignore_index, labels)
    position = 0
    for block in _check.in_blocks(labels, labels.dtype):
        bad = ~((block >= 0) & (block < classes))
        if block.dtype.kind == "f":
            bad |= block != np.floor(block)
        if ignored is not None:
            bad &= block != ignored
        if bad.any():
            return position + int(bad.argmax())
        position += block.size
    return None


def raise_bad_label(labels: Array, position: int, rule: str) -> None:
    """Name a label and its place."""
    raise ValueError(f"{_check.place('y_true', labels.shape, position)} = {labels[position]}, but {rule}")


def weighted_blocks(y_true: Array, sample_weight: Array | None) -> Iterator[tuple[Array, Array]]:
    """Targets and weights as float64, block by block; a block is valid until the next one is asked for."""
    weight = np.broadcast_to(np.float64(1.0), y_true.shape) if sample_weight is None else sample_weight
    if y_true.size:
        yield from np.nditer(
            (y_true, weight), ["external_loop", "buffered"], order="C", op_dtypes=[np.float64] * 2, casting="unsafe"
        )


def float_of(y_true: Array) -> np.dtype[Any]:
    """The dtype of what scikit-learn derives from the targets alone."""
    return np.dtype(np.float32 if y_true.dtype.newbyteorder("=") == np.float32 else np.float64)
