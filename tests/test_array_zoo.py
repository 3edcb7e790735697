"""Every memory layout and dtype of every argument gives what the plain contiguous one gives, and is left as it was."""

import re

import numpy as np
import pandas as pd

from fastxent import _check
from tests.layouts import LAYOUTS, SAME_KERNEL
from tests.problem import problem, unmodified
from tests.rows import KERNELS, each_kernel
from tests.table import CLASS_LOSSES, FUNCTIONS, LOSSES, each_dtype, each_of
from tests.turns import in_turn
from tests.ulp import BOTH

each_layout = in_turn("layout", LAYOUTS)
PER_ROW = {f.kind: {"reduction": "none"} if f.takes("reduction") else {} for f in FUNCTIONS}
# Where the classes lie next to each other, an unusual layout of another argument does not change the kernel.
CLASSES_LAST = ("panel", "row")
INTEGERS = ["int8", "int16", "int32", "int64", "uint8", "uint16", "uint32", "uint64"]
REALS = ["float16", "float32", "float64", "int8", "int64", "uint16", "bool", ">f4", ">f8", ">i4"]


def run_unmodified(p):
    with unmodified(p.args, p.options):
        return p.run()


def assert_same(p, changed, exactly=False):
    """Both give the same, and the changed problem's arrays are left as they were.

    The rows are the same to the bit where the same kernel computes them; their sum may be taken in another order.
    """
    p.assert_close(run_unmodified(changed), p.run(), BOTH)
    if exactly:
        p, changed = p.change(**PER_ROW[p.function.kind]), changed.change(**PER_ROW[p.function.kind])
        got, want = run_unmodified(changed), p.run()
        for name in want:
            np.testing.assert_array_equal(got[name], want[name])


@each_of(FUNCTIONS)
@each_kernel
@each_layout
@each_dtype
def test_layout_of_the_logits(f, kernel, layout, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, f.option_sets[-1])
    assert_same(p, p.change(x=LAYOUTS[layout](p.x)), layout in SAME_KERNEL and kernel in CLASSES_LAST)


@each_of(LOSSES)
@each_kernel
@each_layout
@each_dtype
def test_layout_of_the_target(f, kernel, layout, dtype, rng):
    for options in ("index", "targets 0 and 1", "distribution"):
        if options in f.option_sets:
            p = problem(f, rng, *KERNELS[kernel], dtype, options)
            assert_same(p, p.change(target=LAYOUTS[layout](p.target)), kernel in CLASSES_LAST)


@each_of(LOSSES)
@each_kernel
@each_layout
@each_dtype
def test_layout_of_the_weights(f, kernel, layout, dtype, rng):
    for options in f.option_sets:
        p = problem(f, rng, *KERNELS[kernel], dtype, options)
        arrays = {name: LAYOUTS[layout](value) for name, value in p.options.items() if isinstance(value, np.ndarray)}
        if arrays:
            assert_same(p, p.change(**arrays), kernel in CLASSES_LAST)


@each_of(FUNCTIONS)
@in_turn("axis", [0, 1, -1])
@in_turn("fixed", [0, 1, 2])
@each_dtype
def test_broadcast_logits(f, axis, fixed, dtype, rng):
    p = problem(f, rng, (6, 7, 40), axis, dtype)
    broadcast = np.broadcast_to(np.take(p.x, [1], fixed), p.x.shape)
    assert_same(p.change(x=broadcast.copy()), p.change(x=broadcast))


@each_of(LOSSES)
@each_kernel
@each_dtype
def test_broadcast_target_and_weights(f, kernel, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, f.option_sets[-1])
    one = p.target.ravel()[1]
    p = p.change(
        target=np.full_like(p.target, one),
        sample_weight=np.full(np.shape(p.change(reduction="none").run()["loss"]), 0.5, dtype),
    )
    zero_strides = {
        "target": np.broadcast_to(one, p.target.shape),
        "sample_weight": np.broadcast_to(dtype(0.5), p.options["sample_weight"].shape),
    }
    assert_same(p, p.change(**zero_strides), exactly=True)


@each_of(CLASS_LOSSES)
@each_kernel
@in_turn("label_dtype", [*INTEGERS, ">i2", ">u4", ">i8", ">u8"])
@each_dtype
def test_class_indices_of_every_width(f, kernel, label_dtype, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype)
    p = p.change(target=p.target % 100)  # so that every label fits into 8 bits
    narrow = p.target.astype(label_dtype)
    assert_same(p, p.change(target=narrow), exactly=True)
    wide = np.zeros((*narrow.shape, 3), label_dtype)
    wide[..., 1] = narrow
    assert_same(p, p.change(target=wide[..., 1]), exactly=True)


@each_of(LOSSES)
@each_kernel
@in_turn("label_dtype, ignored", [("int8", -100), ("uint8", 255), ("uint64", 2**64 - 1), (">i2", -7)])
@each_dtype
def test_ignored_labels_of_every_width(f, kernel, label_dtype, ignored, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype)
    p = p.change(target=p.target % 100)
    ignore = rng.random(p.target.shape) < 0.3
    narrow = np.where(ignore, 0, p.target).astype(label_dtype)
    narrow[ignore] = ignored
    p = p.change(target=np.where(ignore, -1, p.target), ignore_index=-1)
    assert_same(p, p.change(target=narrow, ignore_index=ignored), exactly=True)


@each_of(LOSSES)
@each_kernel
@each_dtype
def test_bool_targets(f, kernel, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype)
    truth = rng.random(p.target.shape) < 0.5
    assert_same(p.change(target=truth.astype(int)), p.change(target=truth), exactly=True)


@each_of(FUNCTIONS)
@each_kernel
def test_a_bool_of_any_byte_but_0_is_true(f, kernel, rng):
    """As NumPy reads masks from files and views, whose bytes may be any."""
    for options in {f.option_sets[0], f.option_sets[-1]} | {"infogain", "distribution"} & set(f.option_sets):
        p = problem(f, rng, *KERNELS[kernel], np.float64, options)
        arrays = {name: value for name, value in p.options.items() if isinstance(value, np.ndarray)}
        arrays |= {"x": p.x} | ({"target": p.target} if f in LOSSES else {})
        for name, array in arrays.items():
            clean = rng.random(array.shape) < 0.5
            odd = np.where(clean, rng.integers(1, 256, array.shape), 0).astype(np.uint8).view(bool)
            got, want = run_unmodified(p.change(**{name: odd})), p.change(**{name: clean}).run()
            for result in want:
                np.testing.assert_array_equal(got[result], want[result])


def unaligned(array):
    """A copy whose elements lie at odd addresses."""
    copy = np.empty(array.nbytes + 1, np.uint8)[1:].view(array.dtype).reshape(array.shape)
    copy[...] = array
    return copy


@each_of(FUNCTIONS)
@each_kernel
@in_turn("change", [unaligned, lambda array: array.astype(array.dtype.newbyteorder())])
def test_every_array_may_be_unaligned_or_of_swapped_bytes(f, kernel, change, rng):
    for options in {f.option_sets[0], f.option_sets[-1]} | {"infogain", "class_weight"} & set(f.option_sets):
        p = problem(f, rng, *KERNELS[kernel], np.float64, options)
        arrays = {name: value for name, value in p.options.items() if isinstance(value, np.ndarray)}
        arrays |= {"x": p.x} | ({} if p.target is None else {"target": p.target})
        want = p.run()
        for name, array in arrays.items():
            got = run_unmodified(p.change(**{name: change(array)}))
            for result in want:
                np.testing.assert_array_equal(got[result], want[result])


@each_of(CLASS_LOSSES)
@in_turn("ignore_index", [2**63, -(2**63), 2**64, -(10**30)])
@in_turn("given", [bool, np.int8, np.uint64])
def test_an_ignore_index_that_no_label_can_be_changes_nothing(f, given, ignore_index, rng):
    p = problem(f, rng, (6, 5))
    p = p.change(target=(p.target % 2).astype(given))
    got, want = p.change(ignore_index=ignore_index).run(), p.run()
    for name in want:
        np.testing.assert_array_equal(got[name], want[name])


@each_of(LOSSES)
def test_every_argument_is_converted_once(f, rng):
    """Else what is checked might be another array than what is used."""

    class Counted:
        def __init__(self, array):
            self.array, self.count = array, 0

        def __array__(self, dtype=None, copy=None):
            self.count += 1
            return self.array

    for options in f.option_sets:
        p = problem(f, rng, (6, 5), options=options)
        arrays = {name: value for name, value in p.options.items() if isinstance(value, np.ndarray)}
        counted = {name: Counted(array) for name, array in (arrays | {"x": p.x, "target": p.target}).items()}
        p.change(**counted).run()
        assert {name: each.count for name, each in counted.items()} == dict.fromkeys(counted, 1)


@each_of(LOSSES)
@each_kernel
@in_turn("given", REALS)
@each_dtype
def test_distributions_and_weights_of_every_real_dtype(f, kernel, given, dtype, rng):
    p = problem(f, rng, *KERNELS[kernel], dtype, f.option_sets[-1])
    # small whole numbers: exact in every dtype; integers in the shape of the logits are one-hot
    largest = 2 if np.dtype(given).kind == "f" and f.kind != "sigmoid" else 1
    sizes = {name: np.shape(value) for name, value in p.options.items() if isinstance(value, np.ndarray)}
    plain = {name: rng.integers(0, 1, size, endpoint=True) for name, size in sizes.items()}
    plain["target"] = rng.integers(0, largest, p.target.shape, endpoint=True)
    converted = p.change(**{name: value.astype(given) for name, value in plain.items()})
    assert_same(
        p.change(**{name: value.astype(dtype) for name, value in plain.items()}), converted, kernel in CLASSES_LAST
    )


@each_of(FUNCTIONS)
def test_lists_frames_and_whatever_has_an_array(f, rng):
    class Wrapped:
        def __init__(self, array):
            self.array = array

        def __array__(self, dtype=None, copy=None):
            return self.array

    p = problem(f, rng, (6, 5), -1, np.float64, f.option_sets[0])
    for wrap in (np.ndarray.tolist, pd.DataFrame, Wrapped):
        changed = p.change(x=wrap(p.x))
        if p.target is not None:
            wrap_target = pd.Series if wrap is pd.DataFrame and p.target.ndim == 1 else wrap
            changed = changed.change(target=wrap_target(p.target))
        p.assert_close(changed.run(), p.run(), BOTH)


@each_of(FUNCTIONS)
@in_turn("prefix", ["", "U"])
def test_nullable_dtypes_of_pandas(f, prefix, rng):
    def nullable(array):
        name = "boolean" if array.dtype == bool else f"{array.dtype}".replace("f", "F").replace("int", f"{prefix}Int")
        return (pd.DataFrame if array.ndim == 2 else pd.Series)(array, index=range(3, 3 + len(array)), dtype=name)

    for options in f.option_sets:
        p = problem(f, rng, (6, 5), -1, np.float32, options).without("ignore_index")
        if p.target is not None:
            p = p.change(target=abs(p.target) % 2)  # none is ignored
        changed = p.change(**{name: nullable(a) for name, a in p.options.items() if isinstance(a, np.ndarray)})
        changed = changed.change(x=nullable(p.x))
        if p.target is not None:
            changed = changed.change(target=nullable(p.target))
        got, want = changed.run(), p.run()
        for name in want:
            np.testing.assert_array_equal(got[name], want[name], strict=True)


@each_of(LOSSES)
@in_turn("argument", ["x", "target", "sample_weight"])
def test_missing_value_of_a_nullable_dtype(f, argument, rng):
    p = problem(f, rng, (6, 5), -1, np.float64, "sample_weight")
    array = p.options[argument] if argument in p.options else getattr(p, argument)
    kind = {"f": "Float64", "i": "Int64"}[array.dtype.kind]
    missing = pd.DataFrame(array, dtype=kind) if array.ndim == 2 else pd.Series(array, dtype=kind)
    last = tuple(n - 1 for n in array.shape)
    missing.iloc[last] = pd.NA
    name = {"x": "probs" if f.kind == "clamped" else "logits"}.get(argument, argument)
    where = re.escape(f"{name}[{', '.join(map(str, last))}]")
    p.change(**{argument: missing}).assert_rejected(ValueError, rf"{where} is missing \(NA\)")


@each_of(FUNCTIONS)
def test_tensors_that_require_grad_are_taken_by_value(f, rng):
    class Tensor:
        """As torch's: it makes no array while it requires grad."""

        def __init__(self, array, requires_grad):
            self.array, self.requires_grad = array, requires_grad

        def detach(self):
            return Tensor(self.array, False)

        def __array__(self, dtype=None, copy=None):
            if self.requires_grad:
                raise RuntimeError("Can't call numpy() on Tensor that requires grad.")
            return self.array

    Tensor.__module__ = "torch"
    p = problem(f, rng, (6, 5), -1, np.float32, f.option_sets[-1])
    changed = p.change(x=Tensor(p.x, True))
    if p.target is not None:
        changed = changed.change(target=Tensor(p.target, False))
    got, want = changed.run(), p.run()
    for name in want:
        np.testing.assert_array_equal(got[name], want[name], strict=True)


@each_of(LOSSES)
def test_lists_of_weights(f, rng):
    p = problem(f, rng, (6, 5), -1, np.float64, f.option_sets[-1])
    assert_same(
        p,
        p.change(**{name: value.tolist() for name, value in p.options.items() if isinstance(value, np.ndarray)}),
        exactly=True,
    )


@each_of(FUNCTIONS)
@in_turn("shape, axis", [((0, 5), 1), ((5, 0), 0), ((0, 100), -1), ((3, 5, 0), 1), ((0, 5, 20), 1)])
@each_layout
@each_dtype
def test_empty(f, shape, axis, layout, dtype, rng):
    p = problem(f, rng, shape, axis, dtype)
    assert_same(p, p.change(x=LAYOUTS[layout](p.x)), exactly=True)


def test_class_weights_go_to_the_kernels_at_an_address_for_doubles(rng):
    """On x86-64 no result shows it: `make sanitize` does."""
    weights = unaligned(rng.random(3))
    assert not weights.flags.aligned
    assert _check.class_weight_of(weights, 3).flags.aligned
