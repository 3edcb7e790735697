"""fastxent.dask.SoftmaxClassifier: the optimum in memory, the same bits for any partitions of whole blocks."""

import itertools
import pickle
from fractions import Fraction

import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from threadpoolctl import threadpool_info, threadpool_limits

from fastxent import _threads
from fastxent.dask import SoftmaxClassifier, log_loss
from fastxent.dask._objective import PartitionedObjective
from fastxent.dask._partition import examine
from fastxent.dask._tree import Sums
from fastxent.metrics import log_loss as in_memory_log_loss
from fastxent.sklearn import SoftmaxClassifier as InMemory
from tests.partitioned_samples import objective, partitioned, samples
from tests.samples import IRIS, IRIS_NAMES

pytestmark = pytest.mark.usefixtures("dask_threads")
BLOCK = 500
FORMS = {"dense": np.asarray, "in Fortran order": np.asfortranarray, "sparse": sparse.csr_array}
OPTIONS = {
    "labels": {},
    "no intercept": {"fit_intercept": False},
    "weights": {"weighted": True},
    "class weights": {"class_weight": {0: 2.0}},
    "balanced": {"class_weight": "balanced", "weighted": True},
    "smoothing": {"label_smoothing": 0.1},
    "distributions": {"distributions": True},
}


@pytest.mark.parametrize("n_classes", [2, 4])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("name", OPTIONS)
def test_a_fit_has_the_optimum_of_one_in_memory(name, form, n_classes, rng):
    X, y = samples(rng, n_classes=n_classes)
    options = {"tol": 1e-8, "max_iter": 500, **OPTIONS[name]}
    weight = rng.random(len(y)) if options.pop("weighted", False) else None
    if options.pop("distributions", False):
        y = rng.random((len(y), n_classes)) ** 4
    want = InMemory(**options).fit(FORMS[form](X), y, weight)
    parts = None if weight is None else partitioned(weight)
    got = SoftmaxClassifier(**options, block_rows=BLOCK).fit(partitioned(X, form=FORMS[form]), partitioned(y), parts)
    assert objective(got) == pytest.approx(objective(want), rel=1e-9)  # GAP, within which both are of the least
    np.testing.assert_allclose(got.coef_, want.coef_, rtol=0, atol=1e-4)
    np.testing.assert_array_equal(got.classes_, want.classes_)


def test_large_data_are_multiplied_in_float32_first(rng, monkeypatch):
    seen, evaluate = [], PartitionedObjective.__call__
    monkeypatch.setattr("fastxent.sklearn._minimize.LARGE", 1000)
    monkeypatch.setattr(
        PartitionedObjective, "__call__", lambda self, *args: seen.append(self.dtype) or evaluate(self, *args)
    )
    X, y = samples(rng)
    got = SoftmaxClassifier(tol=1e-6).fit(partitioned(X), partitioned(y))
    assert [key for key, _ in itertools.groupby(seen)] == [np.float32, np.float64]
    assert objective(got) == pytest.approx(objective(InMemory(tol=1e-6).fit(X, y)), rel=1e-8)


@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize(
    "name, dtype", [("labels", np.float32), ("balanced", np.float64), ("distributions", np.float32)]
)
def test_partitions_of_whole_blocks_leave_the_same_bits(name, form, dtype, rng):
    X, y = samples(rng, n=4300, dtype=dtype)
    options = dict(OPTIONS[name])
    weight = rng.random(len(y)) if options.pop("weighted", False) else 1.0
    if options.pop("distributions", False):
        y = rng.random((len(y), 4))
    found = []
    for rows in (500, 1000, 4300, (1500, 0, 2500, 300), (3500, 800)):
        parts = partitioned(weight, rows) if np.ndim(weight) else weight
        model = SoftmaxClassifier(**options, block_rows=BLOCK)
        model.fit(partitioned(X, rows, FORMS[form]), partitioned(y, rows), parts)
        found.append((model.coef_, model.intercept_, model.loss_curve_))
    for other in found[1:]:
        assert all(np.array_equal(*pair) for pair in zip(found[0], other, strict=True))


@pytest.mark.parametrize("n_blocks", [1, 2, 7, 64, 100])
def test_it_does_not_matter_who_adds_which_blocks(n_blocks, rng):
    blocks = rng.standard_normal((n_blocks, 20)) * 10.0 ** rng.integers(-20, 20, (n_blocks, 20))
    totals = []
    for _ in range(20):
        parts = [Sums() for _ in range(rng.integers(1, 9))]
        for number in rng.permutation(n_blocks):
            parts[rng.integers(len(parts))].add_block(int(number), blocks[number])
        whole = Sums()
        for part in rng.permutation(np.array(parts, object)):
            whole.merge(part)
        totals.append(whole.total(n_blocks))
    assert all(np.array_equal(total, totals[0]) for total in totals)
    exact = [float(sum(map(int, column), start=0)) for column in (blocks * 2.0**60).round().astype(object).T]
    np.testing.assert_allclose(totals[0] * 2.0**60, exact, rtol=1e-15, atol=n_blocks)


def test_a_missing_block_is_no_sum():
    sums = Sums()
    for number in (0, 1, 3):
        sums.add_block(number, np.ones(2))
    with pytest.raises(RuntimeError, match="of 4 blocks"):
        sums.total(4)


def test_sums_that_overflow_are_infinite():
    sums = Sums()
    for number in range(2):
        sums.add_block(number, np.array([np.inf, 1e308, 1.0]))
    np.testing.assert_array_equal(sums.total(2), [np.inf, np.inf, 2.0])


def test_blas_has_one_thread_in_tasks_and_its_own_afterwards(rng, monkeypatch):
    def numbers():
        return {library["num_threads"] for library in threadpool_info() if library["user_api"] == "blas"}

    seen, run = [], _threads.run
    monkeypatch.setattr(_threads, "run", lambda *args, **options: seen.append(numbers()) or run(*args, **options))
    parts = tuple(map(partitioned, samples(rng)))
    with threadpool_limits(3, user_api="blas"):
        SoftmaxClassifier(max_iter=2, tol=1.0).fit(*parts)
        assert numbers() == {3}
    assert {1} in seen
    assert all(number == {1} for number in seen)


@pytest.mark.parametrize("form", [np.asarray, sparse.csr_array])
@pytest.mark.parametrize("offset", range(1, 8))
def test_a_partition_is_aligned_wherever_it_arrives(offset, form, rng):
    X, y = samples(rng, n=20)
    buffers = []
    message = pickle.dumps(examine(form(X), y, np.ones(20), None), 5, buffer_callback=buffers.append)
    moved = []
    for buffer in buffers:
        room = np.zeros(buffer.raw().nbytes + 16, np.uint8)
        start = -room.ctypes.data % 8 + offset
        moved.append(room[start : start + buffer.raw().nbytes])
        moved[-1][:] = buffer.raw()
    there = pickle.loads(message, buffers=moved)
    arrays = [there.X] if form is np.asarray else [there.X.data, there.X.indices, there.X.indptr]
    assert all(array.flags.aligned and array.flags.c_contiguous for array in (*arrays, there.y, there.weight))
    np.testing.assert_array_equal(there.X if form is np.asarray else there.X.toarray(), X)


@pytest.mark.parametrize(
    "labels", [IRIS_NAMES, IRIS_NAMES.astype(object), np.array([-7, 3, 10**12]), np.array([0.0, 1.0, 5.0])]
)
def test_labels_are_found_in_each_partition_and_merged(labels):
    X, numbers = IRIS
    y = labels[numbers]
    model = SoftmaxClassifier().fit(partitioned(X, 50), partitioned(y, 50))
    np.testing.assert_array_equal(model.classes_, np.sort(labels))
    np.testing.assert_array_equal(model.predict(partitioned(X, 40)).compute(), InMemory().fit(X, y).predict(X))


def test_classes_without_samples_are_classes(rng):
    X, y = samples(rng)
    model = SoftmaxClassifier(classes=[9, 0, 1, 2, 3]).fit(partitioned(X), partitioned(y))
    assert model.classes_.tolist() == [0, 1, 2, 3, 9]
    assert model.predict_proba(X)[:, 4].max() < 1e-3


@pytest.mark.parametrize("method", ["decision_function", "predict", "predict_proba", "predict_log_proba"])
@pytest.mark.parametrize("form", FORMS)
@pytest.mark.parametrize("n_classes", [2, 4])
def test_predictions_of_collections_are_lazy_and_those_of_arrays_are_not(n_classes, form, method, rng):
    X, y = samples(rng, n_classes=n_classes)
    model = SoftmaxClassifier().fit(partitioned(X), partitioned(y))
    want = getattr(model.to_local(), method)(X)
    got = getattr(model, method)(partitioned(X, 700, FORMS[form]))
    assert isinstance(got, da.Array)
    assert (got.shape, got.dtype) == (want.shape, want.dtype)
    np.testing.assert_allclose(got.compute(), want, rtol=1e-12, atol=1e-12)
    np.testing.assert_array_equal(getattr(model, method)(X), want)


@pytest.mark.parametrize("name", ["labels", "weights", "distributions"])
def test_the_score_is_that_of_the_model_in_memory(name, rng):
    X, y = samples(rng)
    target = rng.random((len(y), 4)) if name == "distributions" else y
    weight = rng.random(len(y)) if name == "weights" else None
    model = SoftmaxClassifier().fit(partitioned(X), partitioned(y))
    got = model.score(partitioned(X), partitioned(target), None if weight is None else partitioned(weight))
    assert got == pytest.approx(model.to_local().score(X, target, weight), rel=1e-14)
    assert model.score(X, target, weight) == model.to_local().score(X, target, weight)


def test_data_frames_have_partitions_of_unknown_length_and_names(rng):
    X, y = samples(rng)
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(y=np.array(["u", "v", "w", "x"])[y])
    parts = dd.from_pandas(frame, npartitions=5)
    few = parts[parts.a > -1.0]
    model = SoftmaxClassifier(tol=1e-8, max_iter=500).fit(few[list("abcdef")], few.y)
    kept = frame[frame.a > -1.0]
    want = InMemory(tol=1e-8, max_iter=500).fit(kept[list("abcdef")], kept.y)
    assert objective(model) == pytest.approx(objective(want), rel=1e-9)
    assert model.feature_names_in_.tolist() == list("abcdef")
    np.testing.assert_array_equal(model.predict(few[list("abcdef")]).compute(), want.predict(kept[list("abcdef")]))
    assert model.predict_proba(few[list("abcdef")]).compute().shape == (len(kept), 4)
    assert model.score(few[list("abcdef")], few.y) == pytest.approx(want.score(kept[list("abcdef")], kept.y), rel=1e-12)
    arrays = few[list("abcdef")].to_dask_array(), few.y
    assert objective(SoftmaxClassifier(tol=1e-8, max_iter=500).fit(*arrays)) == objective(model)


def test_a_mapped_file_stays_one(tmp_path, rng):
    X, y = samples(rng)
    mapped = np.memmap(tmp_path / "X", X.dtype, "w+", shape=X.shape)
    mapped[:] = X
    partition = examine(mapped[1000:2000], y[1000:2000], None, None)
    assert np.shares_memory(partition.X, mapped)
    assert partition.__sizeof__() == partition.y.nbytes
    assert examine(X[1000:2000], y[1000:2000], None, None).__sizeof__() == X[:1000].nbytes + y[:1000].nbytes


@pytest.mark.parametrize("columns", [["a"], list("abcdef")])
def test_columns_of_many_small_files_keep_their_partitions(columns, tmp_path, rng):
    """dask joins such files as it reads them, more of them for fewer columns."""
    X, y = samples(rng, n=300)
    frame = pd.DataFrame(X, columns=list("abcdef")).assign(y=y)
    for i in range(0, 300, 15):
        frame[i : i + 15].to_parquet(tmp_path / f"{i:03}.parquet")
    parts = dd.read_parquet(tmp_path)
    some = parts[parts.a > -1.0]
    model = SoftmaxClassifier().fit(some[columns], some.y)
    kept = frame[frame.a > -1.0]
    probs = model.predict_proba(some[columns])
    assert log_loss(some.y, probs) == pytest.approx(
        in_memory_log_loss(kept.y, model.predict_proba(kept[columns])), rel=1e-13
    )
    np.testing.assert_array_equal(model.predict(some[columns]), model.predict(kept[columns]))
    assert model.score(some[columns], some.y) == model.score(kept[columns], kept.y)


@pytest.mark.parametrize("weighted", [False, True])
def test_a_score_has_the_same_bits_for_every_partitioning(weighted, rng):
    X, y = samples(rng, n=999)
    model, weight = SoftmaxClassifier(max_iter=3, tol=1.0).fit(partitioned(X), partitioned(y)), rng.random(999)
    right = model.predict(X) == y
    v = weight if weighted else np.ones(999)
    exact = float(sum(map(Fraction, v[right])) / sum(map(Fraction, v)))
    for rows in (1, 7, 49, 999):
        weights = partitioned(weight, rows) if weighted else None
        assert model.score(partitioned(X, rows), partitioned(y, rows), weights) == exact
