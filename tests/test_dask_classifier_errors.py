"""fastxent.dask.SoftmaxClassifier: what does not fit is named, with its partition, before anything is fitted."""

import warnings

import dask
import dask.array as da
import dask.dataframe as dd
import numpy as np
import pandas as pd
import pytest
from scipy import sparse

from fastxent.dask import SoftmaxClassifier
from tests.partitioned_samples import partitioned, samples

pytestmark = pytest.mark.usefixtures("dask_threads")


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
