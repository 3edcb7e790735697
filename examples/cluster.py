"""
Fit on a cluster
================

A classifier of samples that the workers of a cluster have, one of which is lost on the way; a fit that goes on from a
checkpoint.

The cluster is two processes of this machine; ``distributed.Client(scheduler_file=...)`` or ``Client("tcp://...")`` in
its place connects to any other, and nothing else changes. It needs the extras ``dask`` and ``sklearn``.

Run it with ``python examples/cluster.py``.
"""

# %%
import os
import signal
import tempfile
import threading
import warnings
from pathlib import Path

import dask.array as da
import distributed
import numpy as np
from sklearn.exceptions import ConvergenceWarning

from fastxent.dask import SoftmaxClassifier

warnings.simplefilter("ignore", ConvergenceWarning)  # of a fit that is stopped below
ROWS, FEATURES, CLASSES, PARTITION = 100_000, 20, 5, 50_000


# %%
# Samples are made where they will stay, and what is made is the same if it has to be made again.
def make():
    """A dask array of features, and one of labels drawn from a linear model."""
    X = da.random.default_rng(0).standard_normal((ROWS, FEATURES), chunks=(PARTITION, -1)).astype(np.float32)
    coef = np.random.default_rng(1).standard_normal((FEATURES, CLASSES)).astype(np.float32)
    noise = da.random.default_rng(2).gumbel(size=(ROWS, CLASSES), chunks=(PARTITION, -1))
    return X, (X @ coef + noise).argmax(axis=1)


def main():
    """Fit, lose a worker, and go on from a checkpoint."""
    with (
        tempfile.TemporaryDirectory() as folder,
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        X, y = client.persist(make())
        first = SoftmaxClassifier(C=np.inf).fit(X, y)
        print(f"{first.n_iter_[0]} iterations to {first.loss_curve_[-1]:.5f} nats, accuracy {first.score(X, y):.4f}")

        # A worker that is killed takes its samples with it. The other one, and the one that dask starts in its place,
        # make them again, and the sums have the same bits.
        lost = min(client.run(os.getpid).values())
        threading.Timer(0.3, os.kill, (lost, signal.SIGKILL)).start()
        second = SoftmaxClassifier(C=np.inf).fit(X, y)
        print("the same bits after a worker was killed:", np.array_equal(first.coef_, second.coef_))

        # A checkpoint is for what happens to the client. Here the fit is stopped after ten iterations.
        path = Path(folder) / "fit.npz"
        options = {"C": np.inf, "checkpoint": path}
        SoftmaxClassifier(**options, max_iter=10).fit(X, y)
        resumed = SoftmaxClassifier(**options, warm_start=True).fit(X, y)
        print(f"{resumed.n_iter_[0]} iterations, 10 of them from the checkpoint, to {resumed.loss_curve_[-1]:.5f} nats")

        # What is small goes home: an estimator of ``fastxent.sklearn``, for samples in memory.
        print(resumed.to_local().predict_proba(X[:2].compute()).round(3))


if __name__ == "__main__":
    main()
