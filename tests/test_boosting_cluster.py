"""Metrics of XGBoost where several processes train together: those of all rows, wherever these are."""

import dask.array as da
import distributed
import numpy as np
import pytest
import xgboost.dask

import fastxent as fx
from tests.boosting import CLASSES, METRICS, OBJECTIVES, data

pytestmark = pytest.mark.xdist_group("clusters of losses")  # one process starts them, and not each of pytest's


@pytest.fixture(scope="module")
def client():
    """Of two processes."""
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.parametrize("kind", ["softmax", "sigmoid"])
def test_a_metric_is_that_of_all_rows(kind, client, rng):
    d = data(kind, rng, weighted=True)
    workers = list(client.scheduler_info()["workers"])

    def shared(array):
        """Unequal parts, one for each worker."""
        parts = [client.scatter(part, workers=[one]) for part, one in zip(np.split(array, [250]), workers, strict=True)]
        arrays = [
            da.from_delayed(part, (n, *array.shape[1:]), dtype=array.dtype)
            for part, n in zip(parts, (250, len(array) - 250), strict=True)
        ]
        return da.concatenate(arrays)

    rows = xgboost.dask.DaskDMatrix(client, shared(d.features), shared(d.labels), weight=shared(d.weights))
    settings = {"objective": "multi:softprob", "num_class": CLASSES} if kind == "softmax" else {"base_score": 0.5}
    trained = xgboost.dask.train(
        client, settings | {"nthread": 1, "disable_default_eval_metric": True}, rows, num_boost_round=2,
        obj=OBJECTIVES[kind]("xgboost"), custom_metric=METRICS[kind]("xgboost"), evals=[(rows, "all")],
    )  # fmt: skip
    scores = trained["booster"].predict(xgboost.DMatrix(d.features), output_margin=True)
    mean = {"softmax": fx.softmax_cross_entropy, "sigmoid": fx.sigmoid_cross_entropy}[kind]
    (found,) = trained["history"]["all"].values()
    want = mean(scores, d.labels, sample_weight=d.weights)
    np.testing.assert_allclose(found[-1], want, rtol=1e-6)  # float32 scores, and XGBoost writes six digits
