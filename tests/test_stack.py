"""Threads with little stack: a call leaves some of 64 KiB, in the caller's thread and in the pool's."""

import pytest

from tests.interpreter import interpreted

# Problems are made in the main thread; in the small ones nothing happens but calls.
SCRIPT = """
import threading
import numpy as np
from fastxent import _threads
from tests.problem import problem
from tests.table import FUNCTIONS

def run(problems, failed):
    try:
        for p in problems:
            p.run()
    except BaseException as error:
        failed.append(error)

def problems():
    rng = np.random.default_rng(0)
    for f in FUNCTIONS:
        for options in f.option_sets:
            for shape in ((130, 2), (130, 10), (40, 60), (5, 300)):
                p = problem(f, rng, shape, -1, np.float64, options)
                for dtype in (np.float64, np.float32, ">f8"):
                    yield p.change(x=p.x.astype(dtype))
        p = problem(f, rng, (40_000, 20), -1, np.float64, f.option_sets[-1])
        yield p.change(n_threads=3)
        yield p.change(x=p.x.astype(np.float16), n_threads=3)

whole = list(problems())
threading.stack_size(56 * 1024)
failed = []
thread = threading.Thread(target=run, args=(whole, failed))
thread.start()
thread.join()
assert _threads.pool.size == 2
if failed:
    raise failed[0]
print(len(whole))
"""


def test_every_call_fits_into_a_thread_of_56_kibibytes():
    done = interpreted(SCRIPT, OMP_NUM_THREADS="1")
    if "ValueError: size not valid" in done.stderr:
        pytest.skip("this system does not start such threads")
    assert (done.returncode, done.stderr) == (0, "")
    assert int(done.stdout) > 1000
