"""fastxent.dask on clusters: the same bits on other workers, and after one was killed; no block goes to the client."""

import contextlib
import json
import os
import signal
import subprocess
import sys
import time
import tracemalloc
from pathlib import Path

import dask
import distributed
import numpy as np
import pytest

import fastxent.dask
from fastxent.evaluation import Evaluation
from tests.pages import ROOT
from tests.partitions import C

pytestmark = pytest.mark.xdist_group("clusters of losses")  # one process starts them, and not each of pytest's
ROWS, ROWS_OF_BLOCK = 200_000, 10_000
OPTIONS = {"top_k": (1, 3), "calibration_bins": 10, "per_class": True}
MEBIBYTE = 2**20


@pytest.fixture(scope="module")
def files(tmp_path_factory):
    """8 MB of logits, and labels."""
    folder, rng = tmp_path_factory.mktemp("samples"), np.random.default_rng(0)
    np.save(folder / "logits.npy", rng.standard_normal((ROWS, 2 * C), np.float32))
    np.save(folder / "target.npy", rng.integers(2 * C, size=ROWS))
    return folder


@pytest.fixture(scope="module")
def expected(files):
    """The state of an evaluation in memory, and the loss."""
    logits, target = (np.load(files / f"{name}.npy") for name in ("logits", "target"))
    evaluation = Evaluation(2 * C, **OPTIONS).update(logits, target)
    return evaluation.state(), evaluation.compute().loss


@pytest.fixture(scope="module")
def client():
    """Of two processes."""
    with (
        distributed.LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=":0") as cluster,
        distributed.Client(cluster) as client,
    ):
        yield client


def samples(files):
    return [fastxent.dask.from_npy(files / f"{name}.npy", chunk_rows=ROWS_OF_BLOCK) for name in ("logits", "target")]


def test_no_block_goes_to_the_client(client, files, expected):
    logits, target = samples(files)
    fastxent.dask.softmax_cross_entropy(logits[:10], target[:10])  # imports what it imports
    tracemalloc.start()
    try:
        evaluation = fastxent.dask.evaluate(logits, target, **OPTIONS)
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert evaluation.state() == expected[0]
    assert peak < 3 * MEBIBYTE  # the scheduler, which runs here, included; a fifth of the data


def test_a_worker_that_is_killed_in_the_middle_changes_no_bit(client, files, expected, tmp_path):
    killed = tmp_path / "killed"

    def kill_once(block, block_id):
        """Kill the process that first comes to the twelfth block."""
        if block_id == (12, 0) and not killed.exists():
            killed.write_text(str(os.getpid()))
            os.kill(os.getpid(), signal.SIGKILL)
        return block

    before = set(client.run(os.getpid).values())
    logits, target = samples(files)
    logits = logits.map_blocks(kill_once, dtype=logits.dtype, meta=np.empty((0, 0), logits.dtype))
    assert fastxent.dask.evaluate(logits, target, **OPTIONS).state() == expected[0]
    assert int(killed.read_text()) in before
    client.wait_for_workers(2, timeout=30)
    assert int(killed.read_text()) not in client.run(os.getpid).values()


def test_more_workers_and_other_partitions_change_no_bit(client, files, expected):
    client.cluster.scale(3)
    client.wait_for_workers(3, timeout=30)
    logits, target = samples(files)
    loss = fastxent.dask.softmax_cross_entropy(logits.rechunk((30_000, 7)), target)
    assert loss == expected[1]


def test_work_that_is_stolen_changes_no_state(files, expected):
    def slow(block):
        time.sleep(0.02)
        return block

    options = {"n_workers": 2, "threads_per_worker": 1, "processes": False, "dashboard_address": ":0"}
    with (
        dask.config.set({"distributed.scheduler.work-stealing-interval": "10ms"}),
        distributed.LocalCluster(**options) as cluster,
        distributed.Client(cluster) as client,
    ):
        logits, target = client.persist(samples(files), workers=[min(client.nthreads())])
        logits = logits.map_blocks(slow, dtype=logits.dtype, meta=np.empty((0, 0), logits.dtype))
        assert fastxent.dask.evaluate(logits, target, **OPTIONS).state() == expected[0]
        assert sum(cluster.scheduler.extensions["stealing"].metrics["request_count_total"].values())


def test_an_error_of_a_worker_names_the_partition(client, files):
    logits, target = samples(files)
    with pytest.raises(
        ValueError, match=r"^partition 0, rows 0 to 9999, .*: target\[\d+\] = 9, but logits have 9 classes"
    ):
        fastxent.dask.softmax_cross_entropy(logits[:ROWS_OF_BLOCK, :9], target[:ROWS_OF_BLOCK])


def test_what_was_computed_on_workers_stays_there(client, files):
    logits, target = samples(files)
    losses = fastxent.dask.softmax_cross_entropy(logits, target, reduction="none", compute=False).persist()
    loss = fastxent.dask.softmax_cross_entropy(logits, target)
    assert float(losses.mean().compute()) == pytest.approx(loss, rel=1e-5)


@contextlib.contextmanager
def commands(folder):
    """A scheduler and two workers as on a cluster: commands of their own, which meet in a file."""
    environment = os.environ | {"PYTHONPATH": str(ROOT)}
    place = ["--scheduler-file", str(folder / "scheduler.json")]
    parts = [["scheduler", *place, "--port", "0", "--no-dashboard"]]
    parts += [
        ["worker", *place, "--nthreads", "1", "--no-nanny", "--no-dashboard", "--local-directory", str(folder)]
    ] * 2
    with contextlib.ExitStack() as stack:
        for number, part in enumerate(parts):
            log = stack.enter_context(open(folder / f"{number}.log", "w"))
            process = subprocess.Popen(
                [sys.executable, "-m", "dask", *part], cwd=folder, env=environment, stdout=log, stderr=log
            )
            stack.callback(process.wait, 30)
            stack.callback(process.terminate)
        yield folder / "scheduler.json"


@pytest.mark.rest
def test_workers_that_were_started_as_commands_have_the_same_bits(files, expected, tmp_path):
    with commands(tmp_path) as place, distributed.Client(scheduler_file=str(place), timeout=60) as client:
        client.wait_for_workers(2, timeout=60)
        logits, target = samples(files)
        evaluation = fastxent.dask.evaluate(logits, target, **OPTIONS)
        assert json.dumps(evaluation.state()) == json.dumps(expected[0])
        assert {Path(folder).parent for folder in client.run(os.getcwd).values()} == {tmp_path.parent}


def test_schedulers_without_a_cluster_have_the_same_bits(files, expected):
    logits, target = samples(files)
    lazy = fastxent.dask.softmax_cross_entropy(logits, target, compute=False)
    values = {float(dask.compute(lazy, scheduler=scheduler)[0]) for scheduler in ("threads", "synchronous")}
    assert values == {expected[1]}
