"""tests.fuzz: what it finds becomes a test of its own, and what it draws is what it says."""

import faulthandler
import os
import runpy
import signal

import ml_dtypes
import numpy as np
import pytest

from tests import fuzz, hostile
from tests.fences import Fenced, needs_fences
from tests.interpreter import interpreted
from tests.layouts import LAYOUTS
from tests.snippet import packed, unpacked

DTYPES = ("i1", ">i8", "u8", "f2", "f4", ">f8", "g", "?", "O", ml_dtypes.bfloat16)


def die(*_):
    faulthandler.disable()  # which pytest has made speak up
    os.kill(os.getpid(), signal.SIGSEGV)


def fail(*_):
    raise AssertionError("not right")


@needs_fences
@pytest.mark.parametrize("fault, said", [(die, "signal 11"), (fail, "an error")])
def test_what_is_found_becomes_a_test_of_the_same_call(fault, said, tmp_path, monkeypatch):
    monkeypatch.setitem(fuzz.NAMES, "usual", fault)
    with pytest.raises(SystemExit, match=said) as error:
        fuzz.main(["--calls", "100", "--seed", "0", "--into", str(tmp_path)])
    seed = int(str(error.value.code).split()[1].rstrip(":"))
    found = runpy.run_path(str(tmp_path / f"test_found_{seed}.py"))
    drawn = fuzz.drawn(seed)
    assert found["CODE"].strip() == drawn.code
    assert {name: array.tobytes() for name, array in found["ARRAYS"].items()} == {
        name: array.tobytes() for name, array in drawn.arrays.items()
    }
    if fault is fail:
        with pytest.raises(AssertionError, match="not right"):
            found[f"test_seed_{seed}"]()
    monkeypatch.undo()
    found[f"test_seed_{seed}"]()


@pytest.mark.parametrize("dtype", DTYPES, ids=str)
@pytest.mark.parametrize("shape", [(), (0, 3), (2, 3), (9, 1, 7)], ids=str)
def test_an_array_is_the_same_as_an_expression(dtype, shape, rng):
    array = np.array(10 * rng.standard_normal(shape), dtype=dtype if dtype == "O" else None).astype(dtype)
    values = [array]
    if array.dtype.kind not in "iub":
        values.append(np.where(rng.random(shape) < 0.5, array, np.array(np.inf, dtype)))
    for value in values:
        again = eval(packed(value), {"np": np, "unpacked": unpacked})
        assert (again.dtype, again.shape, again.tolist()) == (value.dtype, value.shape, value.tolist())


@needs_fences
@pytest.mark.parametrize("place", hostile.PLACES.values(), ids=hostile.PLACES)
@pytest.mark.parametrize("first", [False, True])
def test_an_array_between_pages_has_its_numbers_and_strides(place, first, rng):
    array = place(rng.standard_normal((4, 6)).astype(np.float32))
    copy = hostile.fenced(array, first)
    np.testing.assert_array_equal(copy, array)
    assert (copy.strides, copy.dtype) == (array.strides, array.dtype)


@needs_fences
def test_places_are_what_their_names_say():
    assert min(hostile.far(np.ones((3, 50))).strides) == 8
    assert max(hostile.far(np.ones((3, 50))).strides) == hostile.FAR
    assert hostile.huge_strides(np.ones((1, 5))).strides == (hostile.LARGEST, 8)
    assert hostile.zero_strides(np.ones((3, 5))).strides == (0, 0)
    assert hostile.windows(np.add.outer(np.arange(3.0), np.arange(4.0))).strides == (8, 8)


WRITES_BESIDE = """
import ctypes
import numpy as np
from tests.fences import Fenced

fenced = Fenced(np.zeros(5), {first})
print(fenced.array.sum(), flush=True)
ctypes.memset(fenced.array.ctypes.data + {at}, 0, 1)
"""


@needs_fences
@pytest.mark.parametrize("first, at", [(False, 40), (True, -1)])
def test_who_writes_beyond_the_closed_page_is_ended(first, at):
    done = interpreted(WRITES_BESIDE.format(first=first, at=at), PYTHONPATH=str(fuzz.TESTS.parent))
    assert (done.stdout, done.returncode) == ("0.0\n", -signal.SIGSEGV)


@needs_fences
@pytest.mark.parametrize("layout, at", [("asfortranarray", -1), ("strided", 8), ("column_slice", 32)])
def test_who_writes_beside_the_entries_is_noticed(layout, at):
    fenced = Fenced(LAYOUTS[layout](np.zeros((3, 4))))
    assert fenced.intact
    fenced.array[...] = 1
    assert fenced.intact
    fenced.open[fenced.offset + at] += 1
    assert not fenced.intact
