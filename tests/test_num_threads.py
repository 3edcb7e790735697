"""How many threads a large call uses, and where the number comes from."""

import os

import numpy as np
import pytest

import fastxent
from fastxent import _cpus, _threads
from tests.interpreter import interpreted


@pytest.fixture(autouse=True)
def nothing_set(monkeypatch):
    """No variable in the environment, nothing remembered from it, nothing chosen; as before again afterwards."""
    monkeypatch.delenv("FASTXENT_NUM_THREADS", raising=False)
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    monkeypatch.setattr(_threads, "chosen", None)
    _threads.default_num_threads.cache_clear()
    yield
    _threads.default_num_threads.cache_clear()


def test_the_default_is_what_the_process_may_use():
    assert fastxent.get_num_threads() == _cpus.usable_cpus() >= 1


@pytest.mark.parametrize(
    ("own", "shared", "expected"),
    [("3", None, 3), (" 5 ", None, 5), ("3", "7", 3), ("", "7", 7), (None, "7", 7), (None, "4,2", 4), (None, " 6 ", 6)],
)
def test_the_environment_gives_the_number(own, shared, expected, monkeypatch):
    for name, value in [("FASTXENT_NUM_THREADS", own), ("OMP_NUM_THREADS", shared)]:
        if value is not None:
            monkeypatch.setenv(name, value)
    assert fastxent.get_num_threads() == expected


@pytest.mark.parametrize("value", ["", "0", "-1", "many", "2.5", ","])
def test_an_omp_num_threads_that_makes_no_sense_is_ignored(value, monkeypatch):
    monkeypatch.setenv("OMP_NUM_THREADS", value)
    assert fastxent.get_num_threads() == _cpus.usable_cpus()


@pytest.mark.parametrize("value", ["0", "-1", "many", "2.5", "4,2"])
def test_a_fastxent_num_threads_that_makes_no_sense_is_an_error_at_first_use(value, monkeypatch):
    monkeypatch.setenv("FASTXENT_NUM_THREADS", value)
    for _ in range(2):
        with pytest.raises(ValueError, match=f"FASTXENT_NUM_THREADS = '{value}'"):
            fastxent.get_num_threads()


def test_set_num_threads_comes_before_the_environment(monkeypatch):
    monkeypatch.setenv("FASTXENT_NUM_THREADS", "3")
    fastxent.set_num_threads(5)
    assert fastxent.get_num_threads() == 5


@pytest.mark.parametrize("number", [1, 2, np.int8(4), np.uint64(2)])
def test_set_num_threads_takes_any_integer(number):
    fastxent.set_num_threads(number)
    assert fastxent.get_num_threads() == number
    assert type(fastxent.get_num_threads()) is int


@pytest.mark.parametrize("number", [0, -1, np.int64(-3)])
def test_set_num_threads_refuses_less_than_one(number):
    with pytest.raises(ValueError, match=f"n = {number}, but it must be at least 1"):
        fastxent.set_num_threads(number)


@pytest.mark.parametrize("number", [None, True, np.True_, 2.0, np.float32(2), "2", [2]])
def test_set_num_threads_refuses_what_is_no_integer(number):
    with pytest.raises(TypeError, match="but it must be an integer"):
        fastxent.set_num_threads(number)


@pytest.mark.parametrize(("n_threads", "expected"), [(None, 3), (2, 2), (5, 5)])
def test_the_argument_comes_before_set_num_threads(n_threads, expected, monkeypatch):
    monkeypatch.setattr(_threads, "pool", _threads.Pool())
    fastxent.set_num_threads(3)
    _threads.run(lambda job: job.stop(), (), 1000, n_threads)
    assert _threads.pool.size == expected - 1


def test_variables_of_a_new_process_count():
    program = "import fastxent; print(fastxent.get_num_threads())"
    assert interpreted(program, OMP_NUM_THREADS="9,1").stdout == "9\n"


@pytest.mark.skipif(not hasattr(os, "sched_setaffinity"), reason="this system has no affinity to set")
def test_the_affinity_of_a_process_counts():
    program = "import os, fastxent; os.sched_setaffinity(0, {cpu}); print(fastxent.get_num_threads())"
    program = program.replace("cpu", str(min(os.sched_getaffinity(0))))
    assert interpreted(program).stdout == "1\n"


# Files below the root, and the quotas that they set.
CONTROL_GROUPS = {
    "no control groups": ({}, []),
    "version 2, limit": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "150000 100000\n"}, [1.5]),
    "version 2, no limit": ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, []),
    "version 2, a parent's limit": (
        {
            "proc/self/cgroup": "0::/user/job\n",
            "sys/fs/cgroup/user/cpu.max": "400000 100000\n",
            "sys/fs/cgroup/user/job/cpu.max": "max 100000\n",
        },
        [4],
    ),
    "version 2, the host's path": (
        {"proc/self/cgroup": "0::/../pod/1\n", "sys/fs/cgroup/cpu.max": "50000 100000\n"},
        [0.5],
    ),
    "version 1": (
        {
            "proc/self/cgroup": "3:cpuset:/\n2:cpu,cpuacct:/docker/1\n1:name=systemd:/docker/1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "300000\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        [3],
    ),
    "version 1, no limit": (
        {
            "proc/self/cgroup": "2:cpu,cpuacct:/\n",
            "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
            "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
        },
        [],
    ),
}


@pytest.mark.parametrize("case", CONTROL_GROUPS)
def test_quotas_of_control_groups_are_found(case, tmp_path):
    files, expected = CONTROL_GROUPS[case]
    for name, content in files.items():
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text(content)
    assert list(_cpus.quotas(tmp_path)) == expected


@pytest.mark.parametrize(("quotas", "most"), [([], 1000), ([3, 0.1], 1), ([1.5], 2), ([2000], 1000)])
def test_a_quota_is_rounded_up_and_no_more_than_the_affinity(quotas, most, monkeypatch):
    monkeypatch.setattr(_cpus.os, "sched_getaffinity", lambda _: set(range(1000)), raising=False)
    monkeypatch.setattr(_cpus, "quotas", lambda _: quotas)
    assert _cpus.usable_cpus() == most
