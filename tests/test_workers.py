"""In the workers of joblib and dask: the same results, and no more threads than the worker's share."""

import functools

import dask
import dask.array as da
import distributed
import joblib
import numpy as np
import pytest

import fastxent
from tests.threaded_call import ARGUMENTS, FORK_WARNING, loss_and_gradient


@pytest.fixture(scope="module")
def cluster():
    """One process with two threads, which take tasks at the same time."""
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=True, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


# joblib's backend "multiprocessing" forks.
@pytest.mark.parametrize("backend", ["loky", "threading", pytest.param("multiprocessing", marks=FORK_WARNING)])
def test_workers_of_joblib_compute_the_same(backend):
    expected = loss_and_gradient(*ARGUMENTS)
    task = joblib.delayed(loss_and_gradient)
    assert set(joblib.Parallel(n_jobs=2, backend=backend)(task(*ARGUMENTS) for _ in range(4))) == {expected}


def test_a_worker_of_joblib_uses_its_share_of_the_processors():
    with joblib.parallel_config("loky", inner_max_num_threads=3):
        assert joblib.Parallel(n_jobs=2)([joblib.delayed(fastxent.get_num_threads)()]) == [3]


@pytest.mark.parametrize("scheduler", ["threads", "processes", "synchronous"])
def test_schedulers_of_dask_compute_the_same(scheduler):
    expected = loss_and_gradient(*ARGUMENTS)
    tasks = [dask.delayed(loss_and_gradient, pure=False)(*ARGUMENTS) for _ in range(4)]
    assert set(dask.compute(*tasks, scheduler=scheduler, num_workers=2)) == {expected}


def test_workers_of_a_dask_cluster_compute_the_same(cluster):
    expected = loss_and_gradient(*ARGUMENTS)
    x, y = cluster.scatter(ARGUMENTS, broadcast=True)
    futures = [cluster.submit(loss_and_gradient, x, y, pure=False) for _ in range(4)]
    assert set(cluster.gather(futures)) == {expected}


def test_a_worker_of_a_dask_cluster_uses_the_one_thread_that_dask_gives_it(cluster):
    assert cluster.submit(fastxent.get_num_threads).result() == 1


def test_the_blocks_of_a_dask_array_have_the_gradient_of_their_rows():
    x, y = ARGUMENTS
    gradient = functools.partial(fastxent.softmax_cross_entropy_grad, reduction="sum", n_threads=3)
    blocks = da.map_blocks(
        lambda rows, labels: gradient(rows, labels[:, 0])[1],
        da.from_array(x, chunks=(500, -1)),
        da.from_array(y[:, None], chunks=(500, 1)),
        dtype=x.dtype,
        chunks=(500, 1000),
    )
    np.testing.assert_array_equal(blocks.compute(scheduler="threads"), gradient(x, y)[1])
