"""fastxent.dask.SoftmaxClassifier goes on from its checkpoints, and mistakes none for another's."""

import itertools
import os

import dask.array as da
import numpy as np
import pytest

from fastxent.dask import SoftmaxClassifier
from fastxent.dask._checkpoint import Checkpoint
from fastxent.dask._objective import PartitionedObjective
from tests.partitioned_samples import objective, partitioned, samples

pytestmark = pytest.mark.usefixtures("dask_threads")


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


# of what the archive says at its end about its first array
DAMAGES = {"encrypted": (8, 0x01), "patched": (8, 0x20), "packed in an unknown way": (10, 99)}


@pytest.mark.parametrize("place, bits", DAMAGES.values(), ids=DAMAGES)
def test_a_damaged_checkpoint_is_said_to_be_none(tmp_path, place, bits):
    checkpoint = Checkpoint(tmp_path / "fit", {})
    checkpoint.save(np.zeros((2, 3)), np.zeros(2), [1.0])
    content = bytearray(checkpoint.path.read_bytes())
    content[content.index(b"PK\x01\x02") + place] ^= bits
    checkpoint.path.write_bytes(content)
    with pytest.raises(ValueError, match="is no checkpoint of a fit"):
        checkpoint.load()


def test_a_number_is_the_same_problem_however_it_is_written(tmp_path, rng):
    parts = tuple(map(partitioned, samples(rng)))
    path = tmp_path / "fit"
    SoftmaxClassifier(C=1, checkpoint=path).fit(*parts)
    SoftmaxClassifier(C=np.float32(1.0), checkpoint=path, warm_start=True).fit(*parts)


@pytest.mark.parametrize("names, dtypes", [(range(4), ("i4", "i8")), ("abcd", ("U1", "U5")), ("abcd", ("U1", "O"))])
def test_labels_of_another_dtype_are_the_same_problem(tmp_path, rng, names, dtypes):
    X, y = samples(rng)
    for dtype in dtypes:
        labels = np.array(list(names), dtype)[y]
        SoftmaxClassifier(checkpoint=tmp_path / "fit", warm_start=True).fit(partitioned(X), partitioned(labels))


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
