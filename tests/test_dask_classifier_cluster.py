"""fastxent.dask.SoftmaxClassifier on clusters of threads, of processes that are killed, and of separate commands."""

import contextlib
import os
import signal
import subprocess
import sys
import threading
import time
import warnings

import dask
import dask.array as da
import distributed
import numpy as np
import pytest

from fastxent.dask import SoftmaxClassifier, _partition
from fastxent.dask._collections import pieces_of
from fastxent.dask._objective import PartitionedObjective
from fastxent.dask._samples import read
from fastxent.dask._workers import WORTH_A_MOVE, balance
from tests.samples import drawn

pytestmark = pytest.mark.xdist_group("clusters of fits")  # one process starts them, and not each of pytest's
OPTIONS = {"block_rows": 500, "tol": 1e-5}


def parts(rows=1500):
    """Features and labels, the same at each call."""
    rng = np.random.default_rng(0)
    X = rng.standard_normal((6000, 6)).astype(np.float32)
    y = drawn(X @ rng.standard_normal((6, 4)), rng)
    return da.from_array(X, chunks=(rows, -1)), da.from_array(y, chunks=rows)


@pytest.fixture(scope="module")
def one_machine():
    with dask.config.set(scheduler="threads"):
        return SoftmaxClassifier(**OPTIONS).fit(*parts())


def same_bits(model, other):
    names = ("coef_", "intercept_", "loss_curve_")
    return all(np.array_equal(getattr(model, name), getattr(other, name)) for name in names)


@contextlib.contextmanager
def local(**options):
    """A cluster of this machine, and its client."""
    with (
        distributed.LocalCluster(dashboard_address=":0", **options) as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


@pytest.fixture(scope="module")
def processes():
    """The client of two workers of one thread each."""
    with local(n_workers=2, threads_per_worker=1) as client:
        yield client


def test_workers_leave_the_same_bits_as_threads(processes, one_machine):
    with processes.as_current():
        assert same_bits(SoftmaxClassifier(**OPTIONS).fit(*parts()), one_machine)
        assert same_bits(SoftmaxClassifier(**OPTIONS).fit(*parts(rows=500)), one_machine)


def test_threads_of_workers_leave_the_same_bits(one_machine):
    with local(n_workers=2, processes=False):
        assert same_bits(SoftmaxClassifier(**OPTIONS).fit(*parts()), one_machine)


@pytest.mark.parametrize("largest", [0, 2**15], ids=["tasks", "client"])
def test_sums_have_the_same_bits_wherever_they_are_added(largest, one_machine, monkeypatch):
    monkeypatch.setattr("fastxent.dask._samples.SMALL", largest)
    for scheduler in ("threads", "synchronous"):
        with dask.config.set(scheduler=scheduler):
            assert same_bits(SoftmaxClassifier(**OPTIONS).fit(*parts(rows=500)), one_machine)


def test_a_worker_that_is_killed_in_the_middle_changes_no_bit(processes, one_machine, monkeypatch):
    count, evaluate, killed = 0, PartitionedObjective.__call__, []

    def watched(self, *args):
        nonlocal count
        count += 1
        if count == 4:
            killed.extend(processes.run(os.getpid).items())
            threading.Timer(0.01, os.kill, (killed[0][1], signal.SIGKILL)).start()
        return evaluate(self, *args)

    monkeypatch.setattr(PartitionedObjective, "__call__", watched)
    with processes.as_current():
        model = SoftmaxClassifier(**OPTIONS).fit(*parts())
        processes.wait_for_workers(2)
        assert killed[0] not in processes.run(os.getpid).items()
    assert same_bits(model, one_machine)


@pytest.mark.rest
@pytest.mark.parametrize("n_workers", [1, 2])
def test_all_workers_are_killed_and_others_come(n_workers, one_machine, monkeypatch):
    evaluate, killed = PartitionedObjective.__call__, []

    def watched(self, *args):
        if not killed:
            killed.extend(client.run(os.getpid).values())
            for process in killed:
                os.kill(process, signal.SIGKILL)
        return evaluate(self, *args)

    monkeypatch.setattr(PartitionedObjective, "__call__", watched)
    with local(n_workers=n_workers, threads_per_worker=1) as client:
        assert same_bits(SoftmaxClassifier(**OPTIONS).fit(*parts()), one_machine)
    assert killed


def test_partitions_that_one_worker_has_are_balanced():
    X, y = parts(rows=500)
    with local(n_workers=2, processes=False) as client:
        first, second = client.nthreads()
        with dask.config.set({"distributed.scheduler.work-stealing": False}):
            X, y = client.persist((X, y), workers=[first])
            distributed.wait((X, y))
            samples = read(pieces_of(X, y, None), None, 500)
            distributed.wait(samples.partitions)
        places = client.who_has(distributed.futures_of(samples.partitions))
        homes = [set(places[partition.key]) for partition in samples.partitions]
        assert sum(second in home for home in homes) == 6
        assert [len(group) for group in samples.groups] == [6, 6]
        assert all(set.intersection(*(homes[i] for i in group)) for group in samples.groups)


def test_thousands_of_partitions_are_balanced_by_threads_and_sizes():
    threads = {"few": 1, "some": 2, "many": 4}
    sizes = np.random.default_rng(0).integers(0, 1000, 20_000).tolist()
    there = {"few": list(range(len(sizes))), "some": [], "many": []}
    balance(there, sizes, threads)
    assert sorted(i for own in there.values() for i in own) == list(range(len(sizes)))
    loads = [sum(sizes[i] for i in own) / threads[worker] for worker, own in there.items()]
    assert max(loads) <= WORTH_A_MOVE * (min(loads) + max(sizes))


@pytest.mark.rest
def test_work_that_is_stolen_changes_no_bit(one_machine, monkeypatch):
    gradient = _partition.gradient

    def slow(*args):
        time.sleep(0.02)
        return gradient(*args)

    monkeypatch.setattr("fastxent.dask._workers.balance", lambda *args: None)
    monkeypatch.setattr("fastxent.dask._samples.WORTH_A_TASK", 0)
    monkeypatch.setattr(_partition, "gradient", slow)
    often = dask.config.set({"distributed.scheduler.work-stealing-interval": "10ms"})
    with often, local(n_workers=2, threads_per_worker=1, processes=False) as client:
        X, y = client.persist(parts(rows=500), workers=[min(client.nthreads())])
        assert same_bits(SoftmaxClassifier(**OPTIONS).fit(X, y), one_machine)
        stealing = client.cluster.scheduler.extensions["stealing"]
        assert sum(stealing.metrics["request_count_total"].values())


def test_partitions_that_two_workers_have_change_no_bit(processes, one_machine, monkeypatch):
    evaluate = PartitionedObjective.__call__

    def shuffled(self, *args):
        processes.replicate(distributed.futures_of(self.samples.partitions), 2)
        return evaluate(self, *args)

    monkeypatch.setattr(PartitionedObjective, "__call__", shuffled)
    with processes.as_current():
        assert same_bits(SoftmaxClassifier(**OPTIONS).fit(*parts()), one_machine)


def test_no_partition_goes_through_the_client(processes, monkeypatch):
    largest, gather = [], distributed.Client.gather

    def watched(self, *args, **kwargs):
        result = gather(self, *args, **kwargs)
        largest.append(dask.sizeof.sizeof(result))
        return result

    monkeypatch.setattr(distributed.Client, "gather", watched)
    monkeypatch.setattr("fastxent.sklearn._curvature.SAMPLED", 200)
    with processes.as_current():
        X, y = processes.persist(parts(rows=1000))
        SoftmaxClassifier(**OPTIONS).fit(X, y)
    assert 0 < max(largest) < 200 * 2 * 6 * 4 * 2  # the sampled rows


def test_tasks_have_names_for_the_tools_of_distributed(monkeypatch):
    monkeypatch.setattr("fastxent.dask._samples.SMALL", 0)
    with local(n_workers=1, processes=False) as client, distributed.get_task_stream(client) as stream:
        SoftmaxClassifier(**OPTIONS).fit(*parts())
    names = {dask.utils.key_split(task["key"]) for task in stream.data}
    assert {f"fastxent-{name}" for name in ("examine", "encode", "masses", "sample", "gradient", "sum")} <= names


@pytest.mark.rest
def test_workers_that_were_started_as_commands(tmp_path, one_machine):
    file = tmp_path / "scheduler.json"
    environment = os.environ | {"PYTHONPATH": os.pathsep.join(sys.path)}
    common = ["--scheduler-file", str(file), "--dashboard-address", ":0"]
    commands = [["dask_scheduler", "--port", "0", *common]]
    commands += [["dask_worker", "--nthreads", "1", "--name", str(i), *common] for i in range(2)]
    with contextlib.ExitStack() as stack:
        for module, *arguments in commands:
            process = subprocess.Popen(
                [sys.executable, "-m", f"distributed.cli.{module}", *arguments],
                env=environment, cwd=tmp_path, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
            )  # fmt: skip
            stack.callback(process.wait, 60)
            stack.callback(process.terminate)
        client = stack.enter_context(distributed.Client(scheduler_file=str(file)))
        client.wait_for_workers(2, timeout=60)
        assert same_bits(SoftmaxClassifier(**OPTIONS).fit(*parts()), one_machine)


def test_a_large_model_is_sent_without_the_warning_of_data_in_a_graph():
    rng, threshold = np.random.default_rng(0), {"distributed.admin.large-graph-warning-threshold": "100 kB"}
    X, y = rng.standard_normal((400, 500)), np.arange(400) % 50  # a model of 200 kB
    with local(n_workers=1, processes=False) as client, dask.config.set(threshold), warnings.catch_warnings():
        X, y = (client.scatter(array, hash=False) for array in (X, y))
        X, y = da.from_delayed(X, (400, 500), float), da.from_delayed(y, (400,), int)
        warnings.simplefilter("error", UserWarning)
        model = SoftmaxClassifier(max_iter=1, tol=1e9).fit(X, y)
    assert model.coef_.nbytes == 200_000
