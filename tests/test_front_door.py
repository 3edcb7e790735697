"""What a caller's own code may do while its arguments are read: an error, and never a write out of bounds."""

import ml_dtypes
import numpy as np
import pytest

import fastxent as fx
from fastxent import _explain, _threads, caffe
from tests.problem import unmodified
from tests.table import NAMED

CHANGED = r"changed while the others were read|axis"


class Later:
    """An argument whose conversion changes another one."""

    def __init__(self, value, change):
        self.value, self.change = value, change

    def __array__(self, dtype=None, copy=None):
        self.change()
        return self.value

    def __index__(self):
        self.change()
        return self.value

    def __float__(self):
        self.change()
        return self.value


every_dtype = pytest.mark.parametrize("dtype", [np.float64, np.float32, np.float16, ml_dtypes.bfloat16])


def shrink(array, *shape):
    return lambda: array.resize(shape, refcheck=False)


@pytest.mark.parametrize("shape", [(2,), (1, 6), (7,), (40, 60), (3, 2, 2)])
@every_dtype
def test_logits_that_change_while_options_are_read(shape, dtype):
    for name, option in (("sample_weight", np.ones(40)), ("class_weight", np.ones(6)), ("ignore_index", -1)):
        if name == "ignore_index" and shape == (40, 60):
            continue  # read before the number of classes is: the call has 60 of them
        x, y = np.zeros((40, 6), dtype), np.zeros(40, int)
        with pytest.raises((ValueError, TypeError), match=r"shape|changed|axis"):
            fx.softmax_cross_entropy_grad(x, y, **{name: Later(option, shrink(x, *shape))})


def test_labels_infogain_and_weights_that_change_while_options_are_read():
    x, y, weight, matrix = np.zeros((400, 6)), np.zeros(400, int), np.ones((400, 6)), np.eye(6)
    with pytest.raises(ValueError, match=CHANGED):
        fx.softmax_cross_entropy(x, y, sample_weight=Later(np.ones(400), shrink(y, 2)))
    y = np.zeros(400, int)
    with pytest.raises(ValueError, match=CHANGED):
        fx.softmax_cross_entropy(x, y, infogain=matrix, sample_weight=Later(np.ones(400), shrink(matrix, 1)))
    for shape in ((3,), (400, 5), (6, 400)):
        target = np.zeros((400, 6))
        with pytest.raises(ValueError, match=CHANGED):
            fx.softmax_cross_entropy(x, target, sample_weight=Later(np.ones(400), shrink(target, *shape)))
    target = np.zeros((400, 6))
    with pytest.raises(ValueError, match=CHANGED):
        fx.sigmoid_cross_entropy(x, target, sample_weight=Later(np.ones((400, 6)), shrink(target, 3)))
    with pytest.raises(ValueError, match=CHANGED):
        fx.sigmoid_cross_entropy(x, x, sample_weight=weight, pos_weight=Later(np.ones(6), shrink(weight, 3)))


@pytest.mark.parametrize("options", [{}, {"exact": True}])
def test_logits_of_a_layer_that_change_while_labels_are_read(options):
    x, y = np.zeros((25, 29)), np.zeros(25)
    layer = caffe.SoftmaxWithLoss(**options)

    def both_ways():
        layer.forward(x, Later(y, shrink(x, 29, 25)))
        layer.backward()

    with pytest.raises(ValueError, match=r"logits have shape"):
        both_ways()


@pytest.mark.parametrize("name", ["softmax", "log_softmax", "logsumexp", "entropy"])
@every_dtype
def test_an_array_that_loses_its_axis(name, dtype):
    x = np.full((3, 4), 0.25, dtype)
    with pytest.raises(ValueError, match=CHANGED):
        NAMED[name].call(x, axis=Later(1, shrink(x, 7)))


@pytest.mark.parametrize("name", ["cross_entropy", "kl_divergence"])
@pytest.mark.parametrize("rows", [1, 50])
def test_probabilities_that_change_while_the_axis_or_the_base_is_read(name, rows):
    for option in ("axis", "base"):
        p, q = np.full((50, 4), 0.25), np.full((rows, 4), 0.25)
        with pytest.raises(ValueError, match=r"broadcast|axis"):
            NAMED[name].call(p, q, **{option: Later(1 if option == "axis" else 2.0, shrink(p, 3))})


@pytest.mark.parametrize("changed", ["hidden", "weight", "bias"])
@pytest.mark.parametrize("name", ["linear_cross_entropy", "linear_cross_entropy_grad", "linear_target_statistics"])
def test_a_layer_that_is_to_change_while_labels_are_read(name, changed):
    layer = {"hidden": np.ones((40, 6)), "weight": np.ones((50, 6)), "bias": np.ones(50)}
    call = getattr(fx, name)
    with pytest.raises(ValueError, match="cannot resize"):
        call(**layer, target=Later(np.zeros(40, int), shrink(layer[changed], 3)))
    layer[changed].resize(3, refcheck=False)  # once the call is over


@pytest.mark.parametrize("as_view", [False, True])
def test_no_other_thread_resizes_a_layer_or_its_gradients(as_view, monkeypatch):
    """Products are NumPy's, without the interpreter's lock."""
    shapes = {"hidden": (40, 6), "weight": (50, 6), "bias": (50,)}
    whole = {name: np.ones(shape) for name, shape in shapes.items()}
    whole |= {"out_" + name: np.ones(shape) for name, shape in shapes.items()} | {"target": np.zeros(40, int)}
    matmul, products = np.matmul, []

    def tried(*args, **options):
        for array in whole.values():
            with pytest.raises(ValueError, match="cannot resize"):
                array.resize(3, refcheck=False)
        products.append(args)
        return matmul(*args, **options)

    monkeypatch.setattr(np, "matmul", tried)
    fx.linear_cross_entropy_grad(**{name: array[:] if as_view else array for name, array in whole.items()})
    assert products


class Own(np.ndarray):
    """A subclass like any other."""


@pytest.mark.parametrize("shape", [(1, 40), (40,)])
def test_an_array_of_a_subclass_that_is_resized_while_options_are_read(shape):
    """What is held is a view of it, whose memory is gone then."""
    x = Own((60_000, 40))
    x[...] = 0
    with pytest.raises(ValueError, match=CHANGED):
        fx.log_softmax(x, axis=Later(-1, shrink(x, *shape)))


@pytest.mark.parametrize("subclass", [np.ndarray, Own])
@pytest.mark.parametrize("as_view", [False, True])
@every_dtype
def test_no_other_thread_resizes_arrays_while_they_are_read_and_written(dtype, as_view, subclass, monkeypatch):
    """The pool is where other threads run, and anything may happen."""
    rows, C = 6000, 100
    shapes = {"logits": (rows, C), "target": (rows,), "sample_weight": (rows,), "infogain": (C, C), "out": (rows, C)}
    dtypes = {"target": np.int64, "sample_weight": np.float64, "infogain": np.float64}
    whole = {name: np.ones(shape, dtypes.get(name, dtype)) for name, shape in shapes.items()}
    arrays = {name: (array[:] if as_view else array).view(subclass) for name, array in whole.items()}
    if subclass is np.ndarray and not as_view:
        arrays = whole
    tried, in_pool = [], _threads.run

    def run(*args):
        for array in whole.values():
            with pytest.raises(ValueError, match="cannot resize"):
                array.resize((2, 2), refcheck=False)
        tried.append(args)
        in_pool(*args)

    monkeypatch.setattr(_threads, "run", run)
    fx.softmax_cross_entropy_grad(**arrays)
    assert tried
    monkeypatch.undo()
    arrays.clear()
    for array in whole.values():
        array.resize((2, 2), refcheck=False)  # once the call is over


class Lying(np.ndarray):
    """An array whose methods tell of another one."""

    def view(self, *_):
        return np.empty((40, 6))

    def reshape(self, *_, **__):
        return np.empty((40, 6))

    def transpose(self, *_):
        return np.empty((40, 6))


@pytest.mark.parametrize("memory", [(1, 1), (40, 5), (6, 40)])
def test_outputs_whose_class_lies_about_their_shape(memory):
    whole = np.full(2000, 7.0)
    out = whole[: memory[0] * memory[1]].reshape(memory).view(Lying)
    with unmodified((whole,)), pytest.raises(ValueError, match="out has shape"):
        fx.softmax(np.zeros((40, 6)), out=out)
    with unmodified((whole,)), pytest.raises(ValueError, match="out has shape"):
        fx.softmax_cross_entropy_grad(np.zeros((40, 6)), np.zeros(40, int), out=out)


def test_outputs_of_a_subclass_are_written_and_returned():
    x, out = np.zeros((40, 6)), np.zeros((40, 6)).view(Lying)
    assert fx.softmax(x, out=out) is out
    np.testing.assert_array_equal(np.asarray(out), fx.softmax(x))
    reading = np.zeros((40, 6)).view(Lying)
    reading.flags.writeable = False
    with pytest.raises(ValueError, match="out is read-only"):
        fx.softmax(x, out=reading)


@pytest.mark.parametrize("classes", [2**40 + 1, 2**61, 2**62 - 1])
def test_more_classes_than_memory_has_addresses(classes):
    x = np.broadcast_to(np.int8(0), (1, classes))
    for call in (fx.logsumexp, fx.entropy, lambda x: fx.softmax_cross_entropy(x, [0])):
        with pytest.raises((ValueError, MemoryError), match=r"more classes than 1099511627776$|^$"):
            call(x)


@every_dtype
def test_without_any_weight_an_output_of_a_subclass_is_cleared_whatever_it_says(dtype):
    class Deaf(np.ndarray):
        def __setitem__(self, key, value):
            pass

    out = np.full((2, 3), 7, dtype).view(Deaf)
    loss, grad = fx.softmax_cross_entropy_grad(np.ones((2, 3)), [0, 1], sample_weight=[0.0, 0.0], out=out)
    assert np.isnan(loss)
    assert grad is out
    assert not np.asarray(out).any()


def test_no_other_thread_resizes_what_an_error_is_explained_by(monkeypatch):
    x, y, weight = np.full((40, 6), -1.0), np.full(40, 7), np.ones(40)
    in_blocks, arrays = _explain.in_blocks, []

    def tried(array, dtype):
        for one in (x, y, weight):
            if one is array or array.base is one:
                arrays.append(one)
                with pytest.raises(ValueError, match="cannot resize"):
                    one.resize(3, refcheck=False)
        return in_blocks(array, dtype)

    monkeypatch.setattr(_explain, "in_blocks", tried)
    with pytest.raises(ValueError, match="but logits have 6 classes"):
        fx.softmax_cross_entropy(x, y, sample_weight=weight)
    with pytest.raises(ValueError, match="a target is in"):
        fx.sigmoid_cross_entropy(x, x)
    assert len(arrays) == 2


class Changing(str):
    """A name that changes the array which it stands in, when it is looked at."""

    def isdigit(self):
        self.change()
        return True


def test_names_in_place_of_labels_that_change_their_array():
    first = Changing("a")
    y = np.array([first, *"bcdefgh"], object)
    first.change = shrink(y, 1)
    with pytest.raises(TypeError, match="dtype object"):
        fx.softmax_cross_entropy(np.zeros((8, 3)), y)
