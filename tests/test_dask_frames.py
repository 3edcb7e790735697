"""fastxent.dask takes DataFrames and Series, whose partitions have unknown lengths."""

import numpy as np
import pandas as pd
import pytest

import fastxent as fx
import fastxent.dask
from fastxent import metrics
from tests.partitions import LOGITS, PROBS, TARGET, WEIGHT, C, N, cut

dd = pytest.importorskip("dask.dataframe", reason="dask.dataframe needs pyarrow", exc_type=ImportError)
COLUMNS = [f"class {k}" for k in range(C)]
FRAME = pd.DataFrame(LOGITS, columns=COLUMNS).assign(target=TARGET, weight=WEIGHT, name=list("abcde" * (N // C)))


@pytest.fixture
def frame(tmp_path):
    """In many small files, which dask would join to read a single column."""
    for i in range(0, N, 5):
        FRAME[i : i + 5].to_parquet(tmp_path / f"{i:02}.parquet")
    return dd.read_parquet(tmp_path)


def test_the_columns_of_a_file_are_scores_target_and_weights(frame):
    scores, options = frame[COLUMNS], {"sample_weight": frame["weight"]}
    expected = fastxent.dask.softmax_cross_entropy(cut(LOGITS, (N, C)), TARGET, sample_weight=WEIGHT)
    assert fastxent.dask.softmax_cross_entropy(scores, frame["target"], **options) == expected
    some = frame[frame["target"] != 3]
    losses = fastxent.dask.softmax_cross_entropy(some[COLUMNS], some["target"], reduction="none")
    rows = TARGET != 3
    np.testing.assert_array_equal(losses, fx.softmax_cross_entropy(LOGITS[rows], TARGET[rows], reduction="none"))
    assert losses.dtype == np.float32


def test_a_series_of_logits_has_binary_targets(frame):
    loss = fastxent.dask.sigmoid_cross_entropy(frame["class 0"], frame["target"] > 2, sample_weight=frame["weight"])
    expected = fx.sigmoid_cross_entropy(LOGITS[:, 0], TARGET > 2, sample_weight=WEIGHT)
    assert loss == pytest.approx(expected, rel=1e-15)


@pytest.mark.parametrize("column", ["target", "name"])
@pytest.mark.parametrize("kind", ["as they are", "category"])
def test_labels_of_a_series_may_be_names(column, kind):
    y = FRAME[column] if kind == "as they are" else FRAME[column].astype("category")
    probs = dd.from_pandas(pd.DataFrame(PROBS), npartitions=7)
    loss = fastxent.dask.log_loss(dd.from_pandas(y, npartitions=7), probs)
    assert loss == pytest.approx(metrics.log_loss(FRAME[column].to_numpy(), PROBS), rel=1e-15)


def test_a_frame_of_one_column_is_a_series(frame):
    y, probs = frame["target"] == 2, dd.from_pandas(pd.DataFrame(PROBS[:, [2]]), npartitions=12)
    expected = metrics.log_loss(TARGET == 2, PROBS[:, 2])
    for labels in (y, y.to_frame()):
        assert fastxent.dask.log_loss(labels, probs) == pytest.approx(expected, rel=1e-15)


def test_nullable_dtypes_are_taken_if_nothing_is_missing(frame):
    expected = fastxent.dask.softmax_cross_entropy(cut(LOGITS, (5, C)), TARGET)
    scores, target = frame[COLUMNS].astype("Float32"), frame["target"].astype("Int64")
    assert fastxent.dask.softmax_cross_entropy(scores, target) == expected
    assert fastxent.dask.softmax_cross_entropy(scores, target, reduction="none", compute=False).dtype == np.float32
    missing = dd.from_pandas(FRAME["target"].astype("Int64").mask(FRAME.index == 23), npartitions=3)
    scores = dd.from_pandas(FRAME[COLUMNS], npartitions=3)
    with pytest.raises(ValueError, match=r"^partition 1, rows, here counted from 0: target\[3\] is missing \(NA\)"):
        fastxent.dask.softmax_cross_entropy(scores, missing)


def test_frames_go_with_arrays_in_partitions_of_the_same_lengths(frame):
    target = cut(TARGET, (5,))
    expected = fastxent.dask.softmax_cross_entropy(cut(LOGITS, (5, C)), target)
    assert fastxent.dask.softmax_cross_entropy(frame[COLUMNS], target) == expected
    with pytest.raises(ValueError, match="target has 15 partitions along axis 0, but logits 12"):
        fastxent.dask.softmax_cross_entropy(frame[COLUMNS], cut(TARGET, (4,)))
    with pytest.raises(TypeError, match="logits is a DataFrame in memory"):
        fastxent.dask.softmax_cross_entropy(FRAME[COLUMNS], target)
