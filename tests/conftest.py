"""What every test file shares: one deterministic hypothesis profile, one seeded generator per test."""

import gc
import os
import zlib

# Before NumPy is imported: processes of tests, one a core, wait for one another if each has several BLAS threads.
# Tests of such threads ask for them.
os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")

import hypothesis
import numpy as np
import pytest

from fastxent._kernels import ways
from tests.table import DTYPES

# SciPy reads it at its import; without it one of scikit-learn's checks of estimators would skip itself.
os.environ["SCIPY_ARRAY_API"] = "1"

# Derandomised, so that the same commit always tests the same examples; no deadline, since timing is no assertion here.
hypothesis.settings.register_profile("fastxent", derandomize=True, deadline=None, database=None, max_examples=60)
hypothesis.settings.load_profile("fastxent")


@pytest.fixture
def rng(request):
    """A random generator seeded by the name of the test."""
    return np.random.default_rng(zlib.crc32(request.node.nodeid.encode()))


@pytest.fixture(params=DTYPES, ids=lambda dtype: dtype.__name__)
def dtype(request):
    return request.param


@pytest.fixture
def small_blocks():
    """Blocks and tiles of an eighth of what they have otherwise: less data are many of them."""
    numbers = ways.numbers()
    before = ways.tune(**{name: numbers[name] // 8 for name in ("block_elements", "gather_blocks", "stage_bytes")})
    yield
    ways.tune(**before)


def pytest_collection_finish():
    """Ten thousand tests in memory: no search for garbage has to look at all of them once more."""
    gc.collect()
    gc.freeze()


def pytest_configure(config):
    config.addinivalue_line("markers", "rest: left to `make test-rest`: more of what other cases show already")
    config.addinivalue_line("markers", "xdist_group: known where pytest-xdist is not installed")
    config.addinivalue_line("markers", "thread_unsafe: of scikit-learn's tests, which test_metrics_suite.py runs")


@pytest.fixture
def dask_threads():
    """Tasks run in two threads of this process."""
    import dask

    with dask.config.set(scheduler="threads", num_workers=2):
        yield


@pytest.fixture
def seed_of_torch():
    """The same numbers for each test."""
    import torch

    torch.manual_seed(20)


@pytest.fixture
def no_torch(monkeypatch):
    """Fail where torch's own functions are called."""
    from fastxent.torch import _originals

    def refuse(*args, **kwargs):
        raise AssertionError("torch was asked")

    for name in _originals.__all__:
        monkeypatch.setattr(_originals, name, refuse)
