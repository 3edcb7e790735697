"""fastxent.dask.SoftmaxClassifier: the optimum in memory, the same bits for any partitions of whole blocks, errors."""

import itertools
import os
import pickle
import warnings
from fractions import Fraction

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from scipy import sparse
from threadpoolctl import threadpool_info, threadpool_limits

from fastxent import _threads
from fastxent.dask import SoftmaxClassifier, log_loss
from fastxent.dask._checkpoint import Checkpoint
from fastxent.dask._objective import PartitionedObjective
from fastxent.dask._partition import examine
from fastxent.dask._tree import Sums
from fastxent.metrics import log_loss as in_memory_log_loss
from fastxent.sklearn import SoftmaxClassifier as InMemory
from tests.samples import IRIS, IRIS_NAMES, drawn

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


@pytest.fixture(autouse=True)
def _in_threads():
    with dask.config.set(scheduler="threads", num_workers=2):
        yield


def samples(rng, n=4000, n_features=6, n_classes=4, dtype=np.float64):
    """Features and labels."""
    X = rng.standard_normal((n, n_features)).astype(dtype)
    return X, drawn(X @ rng.standard_normal((n_features, n_classes)), rng)


def partitioned(array, rows=1000, form=np.asarray):
    """A dask array with so many rows in each partition, or with those of a list."""
    made = da.from_array(array, chunks=(rows, *array.shape[1:]))
    return made if form is np.asarray else made.map_blocks(form)


def objective(model):
    return model.loss_curve_[-1]


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


def bad(rng, where, value):
    """Samples of which one number is wrong."""
    X, y = samples(rng, n=3000)
    weight = np.ones(len(y))
    if where == "X":
        X[1234, 2] = value
    elif where == "y":
        y = y.astype(float)
        y[1234] = value
    else:
        weight[1234] = value
    return X, y, weight


@pytest.mark.parametrize("where, value, said", [
    ("X", np.nan, r"X\[234, 2\] = nan"), ("X", -np.inf, r"X\[234, 2\] = -inf"), ("y", np.nan, "y contains NaN"),
    ("weight", -1.0, r"sample_weight\[234\] = -1"), ("weight", np.nan, r"sample_weight\[234\] = nan"),
])  # fmt: skip
def test_an_error_names_partition_and_place(where, value, said, rng):
    parts = map(partitioned, bad(rng, where, value))
    with pytest.raises(ValueError, match=f"partition 1, whose first row is 1000 of all: .*{said}"):
        SoftmaxClassifier().fit(*parts)


def test_a_sparse_nan_is_named_by_its_row_and_column(rng):
    X, y, _ = bad(rng, "X", np.nan)
    X[np.abs(X) < 1] = 0.0
    with pytest.raises(ValueError, match=r"partition 1, .*X\[234, 2\] = nan"):
        SoftmaxClassifier().fit(partitioned(X, form=sparse.csr_array), partitioned(y))


def test_a_label_that_is_no_class_is_named(rng):
    X, y = samples(rng, n=3000)
    y[1234] = 17
    with pytest.raises(ValueError, match=r"partition 1, .*y\[234\] = .*17.*, which is not among the classes"):
        SoftmaxClassifier(classes=range(4)).fit(partitioned(X), partitioned(y))


def unknown(array, rows):
    """A dask array that does not know how long it is."""
    made = partitioned(array, rows)
    return made[da.from_array(np.ones(len(array), bool), chunks=rows)]


def words_for_the_last(labels, block_info=None):
    return labels.astype(str) if block_info[0]["chunk-location"] == (2,) else labels


@pytest.mark.parametrize("make, error, said", [
    (lambda X, y: (X, partitioned(y)), TypeError, r"X is a numpy.ndarray, .*dask.array.from_array\(X, chunks"),
    (lambda X, y: (partitioned(X), y), TypeError, r"y is a numpy.ndarray, .*chunks=X.chunks\[0\]"),
    (lambda X, y: (partitioned(X), partitioned(y), np.ones(3000)), TypeError, "sample_weight is a numpy.ndarray"),
    (lambda X, y: (partitioned(X), partitioned(y[1:])), ValueError, "X has 3000 rows, but y 2999"),
    (lambda X, y: (unknown(X, 1000), unknown(y, 1500)), ValueError, "X has 3 partitions, but y 2, .*compute_chunk"),
    (lambda X, y: (unknown(X, (1000, 2000)), unknown(y, 1500)), ValueError, "partition 0.*X has 1000 rows, but y 1500"),
    (lambda X, y: (partitioned(X), partitioned(np.zeros(3000))), ValueError, "y holds one class"),
    (lambda X, y: (partitioned(X), partitioned(y + 0.5)), ValueError, "partition 0, .*Unknown label type"),
    (lambda X, y: (partitioned(X), partitioned(y), 0.0), ValueError, "the weight of every sample is zero"),
    (lambda X, y: (partitioned(X)[:0], partitioned(y)[:0]), ValueError, "X has no rows"),
    (lambda X, y: (partitioned(X)[:, 0], partitioned(y)), ValueError, "X has 1 ax"),
    (lambda X, y: (partitioned(X), partitioned(y).map_blocks(words_for_the_last, dtype=y.dtype)),
     ValueError, "kind of labels: strings in partition 2, but numbers in 0"),
])  # fmt: skip
def test_what_does_not_fit_together_is_an_error_before_anything_is_fitted(make, error, said, rng):
    with pytest.raises(error, match=said):
        SoftmaxClassifier().fit(*make(*samples(rng, n=3000)))


@pytest.mark.parametrize("options, said", [
    ({"block_rows": 0}, "block_rows = 0"), ({"classes": [1, 1, 2]}, "each of them once"), ({"C": -1.0}, "C = -1"),
])  # fmt: skip
def test_a_wrong_parameter_is_named(options, said, rng):
    X, y = samples(rng)
    with pytest.raises(ValueError, match=said):
        SoftmaxClassifier(**options).fit(partitioned(X), partitioned(y))


class Stop(Exception):
    """Of a fit."""


def interrupted(monkeypatch, evaluations, model, *parts):
    """A fit that is broken off."""
    count, evaluate = itertools.count(), PartitionedObjective.__call__

    def watched(self, *args):
        if next(count) == evaluations:
            raise Stop
        return evaluate(self, *args)

    with monkeypatch.context() as patch:
        patch.setattr(PartitionedObjective, "__call__", watched)
        with pytest.raises(Stop):
            model.fit(*parts)


def test_a_fit_goes_on_from_its_checkpoint(tmp_path, rng, monkeypatch):
    parts = tuple(map(partitioned, samples(rng)))
    path, options = tmp_path / "fit.npz", {"tol": 1e-8, "max_iter": 200}
    interrupted(monkeypatch, 12, SoftmaxClassifier(**options, checkpoint=path), *parts)
    with np.load(path) as saved:
        before = saved["curve"]
    assert len(before) % 5 == 0
    resumed = SoftmaxClassifier(**options, checkpoint=path, warm_start=True).fit(*parts)
    assert np.array_equal(resumed.loss_curve_[: len(before)], before)
    assert objective(resumed) == pytest.approx(objective(SoftmaxClassifier(**options).fit(*parts)), rel=1e-9)
    assert [found.name for found in tmp_path.iterdir()] == ["fit.npz"]
    again = SoftmaxClassifier(**options, checkpoint=path, warm_start=True).fit(*parts)
    assert again.n_iter_ <= resumed.n_iter_ + 1  # the last one was saved as well


def test_a_checkpoint_is_not_lost_and_not_taken_for_another_problem(tmp_path, rng):
    X, y = samples(rng)
    path = tmp_path / "fit"
    SoftmaxClassifier(checkpoint=path).fit(partitioned(X), partitioned(y))
    content = path.read_bytes()
    with pytest.raises(FileExistsError, match="warm_start=True"):
        SoftmaxClassifier(checkpoint=path).fit(partitioned(X), partitioned(y))
    other = SoftmaxClassifier(warm_start=True).fit(partitioned(X[:3000]), partitioned(y[:3000]))
    with pytest.raises(ValueError, match="of another problem"):
        other.set_params(checkpoint=path).fit(partitioned(X[:3000]), partitioned(y[:3000]))
    for options, data, said in (
        ({"C": 2.0}, (X, y), "C is 1.0 there, but 2.0 here"),
        ({"label_smoothing": 0.5}, (X, y), "label_smoothing is 0.0 there, but 0.5 here"),
        ({}, (X[:3000], y[:3000]), "the number of samples is 4000 there, but 3000 here"),
        ({}, (X + 1, y), "a digest of some samples"),
        ({}, (X, np.array(list("abcd"))[y]), "a digest of the classes"),
    ):
        with pytest.raises(ValueError, match=f"of another problem: {said}"):
            SoftmaxClassifier(checkpoint=path, warm_start=True, **options).fit(*map(partitioned, data))
    assert path.read_bytes() == content
    path.write_bytes(content[: len(content) // 2])
    with pytest.raises(ValueError, match="is no checkpoint"):
        SoftmaxClassifier(checkpoint=path, warm_start=True).fit(partitioned(X), partitioned(y))


def test_a_mapped_file_stays_one(tmp_path, rng):
    X, y = samples(rng)
    mapped = np.memmap(tmp_path / "X", X.dtype, "w+", shape=X.shape)
    mapped[:] = X
    partition = examine(mapped[1000:2000], y[1000:2000], None, None)
    assert np.shares_memory(partition.X, mapped)
    assert partition.__sizeof__() == partition.y.nbytes
    assert examine(X[1000:2000], y[1000:2000], None, None).__sizeof__() == X[:1000].nbytes + y[:1000].nbytes


def test_a_checkpoint_that_cannot_be_written_is_an_error_before_anything_is_read(tmp_path):
    def never(block):
        raise AssertionError("a block was loaded")

    X, y = (da.ones(shape, chunks=10).map_blocks(never, dtype=float) for shape in ((30, 2), 30))
    with pytest.raises(FileNotFoundError, match=r"checkpoint .*absent/fit cannot be written: No such file"):
        SoftmaxClassifier(checkpoint=tmp_path / "absent" / "fit").fit(X, y)
    (tmp_path / "fit").touch()
    with pytest.raises(FileExistsError, match="warm_start=True"):
        SoftmaxClassifier(checkpoint=tmp_path / "fit").fit(X, y)
    assert [found.name for found in tmp_path.iterdir()] == ["fit"]


def test_two_fits_may_save_the_same_checkpoint_at_once(tmp_path):
    one, other = (Checkpoint(tmp_path / "fit", {}) for _ in range(2))
    replace = os.replace

    def between(source, target):
        """The other one saves while this one does."""
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(os, "replace", replace)
            other.save(np.ones((2, 3)), np.ones(2), [1.0])
        replace(source, target)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "replace", between)
        one.save(np.zeros((2, 3)), np.zeros(2), [2.0])
    assert one.load()[2] == [2.0]
    assert [found.name for found in tmp_path.iterdir()] == ["fit"]


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


@pytest.mark.parametrize("rows", [4, 1000])
def test_many_classes_are_no_reason_to_warn(rows, rng):
    """Of a partition with few samples of each, or of the classes alone, scikit-learn warns of a regression."""
    X, y = rng.standard_normal((1000, 2)), np.arange(1000) % 25
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        model = SoftmaxClassifier(max_iter=1, tol=1.0).fit(partitioned(X, 10 * rows), partitioned(y, 10 * rows))
    assert len(model.classes_) == 25
    few = slice(0, 30)
    with pytest.warns(UserWarning, match="number of unique classes is greater than 50%"):
        SoftmaxClassifier(max_iter=1, tol=1.0).fit(partitioned(X[few], 10), partitioned(y[few], 10))


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


def test_what_is_wrong_with_features_or_labels_is_said_of_their_partition(rng):
    X, y = samples(rng, n=3000)
    model = SoftmaxClassifier(max_iter=3, tol=1.0).fit(partitioned(X), partitioned(y))
    wrong = X.copy()
    wrong[1234, 2] = np.nan
    with pytest.raises(ValueError, match=r"^partition 1, .*Input X contains NaN"):
        model.predict_proba(partitioned(wrong)).compute()
    with pytest.raises(ValueError, match=r"^partition 1, .*Input X contains NaN"):
        model.score(partitioned(wrong), partitioned(y))
    with pytest.raises(ValueError, match=r"^partition 1, .*Input y contains NaN"):
        model.score(partitioned(X), partitioned(np.where(np.arange(3000) == 1234, np.nan, y)))
    with pytest.raises(ValueError, match=r"^partition [012], .*y has strings, but the classes are numbers"):
        model.score(partitioned(X), partitioned(y.astype(str)))
    with pytest.raises(ValueError, match="the weight of every sample is zero"):
        model.score(partitioned(X), partitioned(y), 0.0)


def test_other_columns_are_refused_before_anything_is_computed(rng):
    X, y = samples(rng, n=100)
    frame = dd.from_pandas(pd.DataFrame(X, columns=list("abcdef")), npartitions=2)
    model = SoftmaxClassifier(max_iter=3, tol=1.0).fit(frame, dd.from_pandas(pd.Series(y), npartitions=2))
    with pytest.raises(ValueError, match="must be in the same order"):
        model.predict(frame[list("fedcba")])
    with pytest.raises(ValueError, match="X has 5 features, but SoftmaxClassifier is expecting 6"):
        SoftmaxClassifier(max_iter=3, tol=1.0).fit(partitioned(X), partitioned(y)).predict(partitioned(X[:, 1:]))


def test_integers_that_only_floats_hold_together_are_no_labels():
    """As float64, neighbours beyond 2^53 would be one class."""
    X, y = da.ones((40, 2), chunks=20), np.arange(40) % 2 + 2**62
    halves = y[:20], y[20:].astype(np.uint64)
    labels = da.concatenate([da.from_delayed(dask.delayed(half), (20,), y.dtype) for half in halves])
    with pytest.raises(ValueError, match="labels are int64 and uint64 in different partitions; cast them"):
        SoftmaxClassifier().fit(X, labels)
