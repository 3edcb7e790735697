"""fastxent.dask.from_npy: tasks read files, and the graph has none of their bytes."""

import pickle
import sys

import dask
import dask.array as da
import numpy as np
import pytest

import fastxent as fx
import fastxent.dask
from fastxent.dask._partition import examine, numbered
from tests.partitions import CUTS, LOGITS, TARGET, C, N, cut

unlinks = pytest.mark.skipif(sys.platform == "win32", reason="Windows deletes no file that is mapped")


@pytest.fixture
def folder(tmp_path):
    """Three files of 20 rows each, with numbers that sort otherwise as text."""
    for number, i in ((1, 0), (2, 20), (10, 40)):
        np.save(tmp_path / f"part-{number}.npy", LOGITS[i : i + 20])
    np.save(tmp_path / "target.npy", TARGET)
    return tmp_path


@pytest.mark.parametrize("rows", [1, 7, 20, 100])
def test_files_are_one_array_in_natural_order(folder, rows):
    array = fastxent.dask.from_npy(folder / "part-*.npy", chunk_rows=rows)
    assert (array.shape, array.dtype) == (LOGITS.shape, LOGITS.dtype)
    np.testing.assert_array_equal(array, LOGITS)
    target = fastxent.dask.from_npy(str(folder / "target.npy"), chunk_rows=rows)
    loss = fastxent.dask.softmax_cross_entropy(array, target)
    assert loss == fastxent.dask.softmax_cross_entropy(cut(LOGITS, CUTS["uneven"]), TARGET)


def test_a_directory_has_what_is_in_it(folder):
    (folder / "target.npy").unlink()
    np.testing.assert_array_equal(fastxent.dask.from_npy(folder), LOGITS)
    stack = folder / "stack"
    da.to_npy_stack(stack, da.from_array(LOGITS, chunks=(25, C)))
    np.testing.assert_array_equal(fastxent.dask.from_npy(stack), LOGITS)


def test_partitions_have_at_most_so_many_rows_and_bytes(tmp_path):
    for name, shape in (("narrow", (1_000_000,)), ("wide", (100, 2**22))):
        np.lib.format.open_memmap(tmp_path / f"{name}.npy", "w+", np.uint8, shape)  # sparse: no blocks of a disk
    assert fastxent.dask.from_npy(tmp_path / "narrow.npy").chunks == ((250_000,) * 4,)
    assert fastxent.dask.from_npy(tmp_path / "wide.npy").chunks == ((32, 32, 32, 4), (2**22,))


def test_the_graph_has_no_bytes_of_the_file_and_one_task_for_a_partition(tmp_path):
    rows = 200_000
    np.save(tmp_path / "logits.npy", np.zeros((rows, 10), np.float32))
    np.save(tmp_path / "target.npy", np.zeros(rows, np.uint8))
    logits, target = (
        fastxent.dask.from_npy(tmp_path / f"{name}.npy", chunk_rows=20_000) for name in ("logits", "target")
    )
    loss = fastxent.dask.softmax_cross_entropy(logits, target, compute=False)
    (optimized,) = dask.optimize(loss)
    graph = dict(optimized.__dask_graph__())
    assert len(pickle.dumps(graph)) < 20_000
    assert len(graph) == 10 + 1  # and the one that adds them up


def test_a_block_is_a_view_of_its_file(folder):
    def seen(block):
        return np.full((1, 1), not block.flags.owndata and not block.flags.writeable)

    array = fastxent.dask.from_npy(folder / "part-*.npy", chunk_rows=7)
    assert array.map_blocks(seen, dtype=bool, meta=np.empty((0, 0), bool)).compute().all()


def test_a_file_without_rows_is_a_partition_without_rows(folder):
    np.save(folder / "part-3.npy", LOGITS[:0])
    array = fastxent.dask.from_npy(folder / "part-*.npy")
    assert array.chunks[0] == (20, 20, 0, 20)
    assert fastxent.dask.softmax_cross_entropy(array, TARGET, reduction="none").shape == (N,)


def test_a_file_that_was_written_anew_is_another_array(folder):
    path = folder / "part-1.npy"
    before = fastxent.dask.from_npy(path)
    np.save(path, LOGITS[20:50])
    after = fastxent.dask.from_npy(path)
    assert before.name != after.name
    np.testing.assert_array_equal(after, LOGITS[20:50])
    with pytest.raises(
        ValueError, match=r"part-1.npy has an array of shape \(30, 5\) .*, but had one of shape \(20, 5\)"
    ):
        before.compute()


@pytest.mark.parametrize(
    "name, array, said",
    [
        (
            "part-4",
            np.zeros((3, C + 1), np.float32),
            r"part-4.npy has an array of shape \(3, 6\) and dtype float32, but ",
        ),
        (
            "part-4",
            np.zeros((3, C)),
            r"part-4.npy has an array of shape \(3, 5\) and dtype float64, but .*part-1.npy one",
        ),
        ("part-4", np.float32(1), "part-4.npy has a scalar"),
        ("part-4", np.array([None]), "part-4.npy is no .npy file that can be mapped"),
    ],
    ids=["other classes", "another dtype", "a scalar", "objects"],
)
def test_files_that_are_no_parts_of_one_array_are_named(folder, name, array, said):
    np.save(folder / f"{name}.npy", array)
    with pytest.raises(ValueError, match=said):
        fastxent.dask.from_npy(folder / "part-*.npy")


def test_what_is_no_file_of_one_array_is_named(folder):
    np.savez(folder / "all.npz", a=LOGITS)
    (folder / "text.npy").write_text("1 2 3")
    (folder / "empty.npy").touch()
    (folder / "none").mkdir()
    with pytest.raises(ValueError, match=r"all.npz is an archive of arrays"):
        fastxent.dask.from_npy(folder / "all.npz")
    with pytest.raises(ValueError, match=r"text.npy is no .npy file that can be mapped"):
        fastxent.dask.from_npy(folder / "text.npy")
    with pytest.raises(ValueError, match=r"empty.npy is no .npy file that can be mapped"):
        fastxent.dask.from_npy(folder / "empty.npy")
    with pytest.raises(FileNotFoundError, match=r"no file .*absent-\*.npy"):
        fastxent.dask.from_npy(folder / "absent-*.npy")
    with pytest.raises(FileNotFoundError, match=r"no .npy file in .*none"):
        fastxent.dask.from_npy(folder / "none")
    with pytest.raises(ValueError, match="chunk_rows = 0, but it must be at least 1"):
        fastxent.dask.from_npy(folder / "target.npy", chunk_rows=0)


def test_bfloat16_lies_in_files_as_it_lies_in_memory(tmp_path):
    ml_dtypes = pytest.importorskip("ml_dtypes")
    logits = LOGITS.astype(ml_dtypes.bfloat16)
    x = da.from_array(logits, chunks=(25, C))
    losses = fastxent.dask.softmax_cross_entropy(x, TARGET, reduction="none", compute=False)
    assert losses.dtype == np.float32
    np.testing.assert_array_equal(losses, fx.softmax_cross_entropy(logits, TARGET, reduction="none"))


def test_a_partition_of_a_file_goes_to_another_worker_by_name(tmp_path):
    X = np.arange(40_000.0).reshape(10_000, 4)
    np.save(tmp_path / "X.npy", X)
    array = fastxent.dask.from_npy(tmp_path / "X.npy", chunk_rows=4000)
    block = array.to_delayed()[1, 0].compute(scheduler="synchronous")
    partition = examine(block, np.zeros(4000), None, None)
    message = pickle.dumps(partition)
    there = pickle.loads(message)
    assert len(message) < 34_000  # of which 32,000 are labels
    assert np.array_equal(there.X, X[4000:8000])
    assert isinstance(there.X.base.base, np.memmap)
    for other in (block[1:], block[:, ::2], block * 1.0):
        assert np.array_equal(pickle.loads(pickle.dumps(examine(other, np.zeros(len(other)), None, None))).X, other)


@unlinks
@pytest.mark.parametrize("replaced", [False, True], ids=["deleted", "replaced"])
def test_a_partition_of_a_file_that_is_there_no_more_goes_as_it_is(replaced, tmp_path):
    X = np.arange(400.0).reshape(100, 4)
    np.save(tmp_path / "X.npy", X)
    block = fastxent.dask.from_npy(tmp_path / "X.npy").to_delayed()[0, 0].compute(scheduler="synchronous")
    partition = examine(block, np.zeros(100), None, None)
    (tmp_path / "X.npy").unlink()
    if replaced:
        np.save(tmp_path / "X.npy", -X)
    assert np.array_equal(pickle.loads(pickle.dumps(partition)).X, X)


@unlinks
def test_a_worker_without_the_file_says_so_where_its_features_are_needed(tmp_path):
    """And not where they arrive: dask sends what cannot be unpickled again and again."""
    np.save(tmp_path / "X.npy", np.ones((100, 4)))
    block = fastxent.dask.from_npy(tmp_path / "X.npy").to_delayed()[0, 0].compute(scheduler="synchronous")
    message = pickle.dumps(examine(block, np.zeros(100), None, None))
    there = {}
    (tmp_path / "X.npy").unlink()
    there[FileNotFoundError] = pickle.loads(message)
    np.save(tmp_path / "X.npy", np.ones((50, 4)))
    there[ValueError] = pickle.loads(message)
    for error, partition in there.items():
        assert pickle.loads(pickle.dumps(partition)).__sizeof__() == partition.y.nbytes
        with pytest.raises(error, match=r"X\.npy.*; workers must find the files of from_npy under the same path"):
            numbered(partition, np.array([0.0]), block.dtype)
