"""In the workers of joblib and dask: the same results, and no more threads than the worker's share."""

import functools

import dask
import dask.array as da
import distributed
import joblib
import numpy as np
import pytest

import fastxent

# joblib's backend of this name forks, of which Python 3.12 and later warn in a process with threads.
FORK_WARNING = pytest.mark.filterwarnings("ignore:.*multi-threaded, use of fork:DeprecationWarning")


@pytest.fixture(scope="module")
def arguments():
    rng = np.random.default_rng(0)
    return rng.normal(size=(2000, 1000)).astype(np.float32), rng.integers(0, 1000, 2000)


def loss_and_gradient(x, y):
    """Three threads, whatever a worker's share."""
    loss, grad = fastxent.softmax_cross_entropy_grad(x, y, n_threads=3)
    return loss, grad.tobytes()


@pytest.fixture(scope="module")
def cluster():
    """One process with two threads, which take tasks at the same time."""
    with (
        distributed.LocalCluster(n_workers=1, threads_per_worker=2, processes=True, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.mark.parametrize("backend", ["loky", "threading", pytest.param("multiprocessing", marks=FORK_WARNING)])
def test_workers_of_joblib_compute_the_same(backend, arguments):
    expected = loss_and_gradient(*arguments)
    task = joblib.delayed(loss_and_gradient)
    assert set(joblib.Parallel(n_jobs=2, backend=backend)(task(*arguments) for _ in range(4))) == {expected}


def test_a_worker_of_joblib_uses_its_share_of_the_processors():
    with joblib.parallel_config("loky", inner_max_num_threads=3):
        assert joblib.Parallel(n_jobs=2)([joblib.delayed(fastxent.get_num_threads)()]) == [3]


@pytest.mark.parametrize("scheduler", ["threads", "processes", "synchronous"])
def test_schedulers_of_dask_compute_the_same(scheduler, arguments):
    expected = loss_and_gradient(*arguments)
    tasks = [dask.delayed(loss_and_gradient, pure=False)(*arguments) for _ in range(4)]
    assert set(dask.compute(*tasks, scheduler=scheduler, num_workers=2)) == {expected}


def test_workers_of_a_dask_cluster_compute_the_same(cluster, arguments):
    expected = loss_and_gradient(*arguments)
    x, y = cluster.scatter(arguments, broadcast=True)
    futures = [cluster.submit(loss_and_gradient, x, y, pure=False) for _ in range(4)]
    assert set(cluster.gather(futures)) == {expected}


def test_a_worker_of_a_dask_cluster_uses_the_one_thread_that_dask_gives_it(cluster):
    assert cluster.submit(fastxent.get_num_threads).result() == 1


def test_the_blocks_of_a_dask_array_have_the_gradient_of_their_rows(arguments):
    x, y = arguments
    gradient = functools.partial(fastxent.softmax_cross_entropy_grad, reduction="sum", n_threads=3)
    blocks = da.map_blocks(
        lambda rows, labels: gradient(rows, labels[:, 0])[1],
        da.from_array(x, chunks=(500, -1)),
        da.from_array(y[:, None], chunks=(500, 1)),
        dtype=x.dtype,
        chunks=(500, 1000),
    )
    np.testing.assert_array_equal(blocks.compute(scheduler="threads"), gradient(x, y)[1])
