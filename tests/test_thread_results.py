"""The public functions give the same bits for any number of threads, beside whatever else runs."""

import threading
from concurrent.futures import ThreadPoolExecutor

import numpy as np
import pytest

import fastxent as fx
from fastxent import _threads
from fastxent._kernels import ways
from tests.layouts import byte_swapped
from tests.problem import problem
from tests.table import FUNCTIONS, WITH_GRAD

BLOCK = ways.numbers()["block_elements"]
LANES = ways.LIMITS["lanes"]
MANY = 8 * ways.numbers()["thread_blocks"]  # blocks, enough for eight threads
SMALL = MANY * BLOCK // 8  # elements in as many small blocks

LAYOUTS = {
    "rows": ((SMALL // 500, 500), -1, np.asarray),
    "transposed panels": ((SMALL // 7, 7), -1, np.asarray),
    "panels": ((8, 5, SMALL // 40), 1, np.asarray),
    "Fortran order": ((SMALL // 9, 9), -1, np.asfortranarray),
    "swapped bytes": ((SMALL // 500, 500), -1, byte_swapped),
}


@pytest.fixture
def eight_threads(small_blocks):
    """Several threads help a call, small as it is."""
    yield
    assert _threads.pool.size >= 7


@pytest.mark.parametrize("layout", LAYOUTS)
@pytest.mark.parametrize("which", [0, -1], ids=["plain", "all options"])
@pytest.mark.parametrize("f", FUNCTIONS, ids=str)
@pytest.mark.usefixtures("eight_threads")
def test_the_result_has_the_same_bits_for_any_number_of_threads(f, which, layout, rng):
    shape, axis, arrange = LAYOUTS[layout]
    p = problem(f, rng, shape, axis, np.float32, f.option_sets[which])
    p = p.change(x=arrange(p.x))
    results = [p.run(n_threads=n) for n in (1, 2, 8)]
    for name, value in results[0].items():
        assert all(np.asarray(result[name]).tobytes() == np.asarray(value).tobytes() for result in results), name


@pytest.mark.parametrize("f", WITH_GRAD, ids=str)
@pytest.mark.usefixtures("eight_threads")
def test_derivatives_in_another_dtype_have_the_same_bits_for_any_number_of_threads(f, rng):
    shape, axis, arrange = LAYOUTS["Fortran order"]
    p = problem(f, rng, shape, axis, np.float64)
    p = p.change(x=arrange(p.x))
    results = [
        p.run(n_threads=n, **{argument: np.empty(shape, np.float32, order="F") for argument in f.array_results})
        for n in (1, 2, 8)
    ]
    for name, value in results[0].items():
        assert all(np.asarray(result[name]).tobytes() == np.asarray(value).tobytes() for result in results), name


@pytest.mark.parametrize("f", FUNCTIONS, ids=str)
@pytest.mark.parametrize(
    ("shape", "n_threads"),
    [((64, 10), 8), ((BLOCK // 1000 * 10, 1000), 8), ((MANY * BLOCK // 1000, 1000), 1)],
    ids=["small", "below the threshold", "one thread"],
)
def test_small_calls_and_one_thread_never_touch_the_pool(shape, n_threads, f, rng, monkeypatch):
    monkeypatch.setattr(_threads, "pool", None)
    problem(f, rng, shape, dtype=np.float32).run(n_threads=n_threads)


@pytest.mark.parametrize("f", FUNCTIONS, ids=str)
def test_large_calls_do_touch_it(f, rng, monkeypatch):
    monkeypatch.setattr(_threads, "pool", _threads.Pool())
    blocks = MANY * (ways.numbers()["gather_blocks"] if f.name.startswith("clamped") else 1)
    problem(f, rng, (blocks * BLOCK // 1000, 1000), dtype=np.float32).run(n_threads=3)
    assert _threads.pool.size == 2


@pytest.mark.parametrize("blocks, helpers", [(11, 0), (12, 1), (17, 1), (18, 2), (47, 6)])
def test_a_helper_has_as_many_blocks_as_are_worth_a_thread(blocks, helpers, monkeypatch):
    assert ways.numbers()["thread_blocks"] == 6
    pool, asked = _threads.Pool(), []
    run = _threads.run
    monkeypatch.setattr(_threads, "pool", pool)
    monkeypatch.setattr(_threads, "run", lambda *args: asked.append(args) or run(*args))
    fx.logsumexp(np.zeros((blocks * (BLOCK // 1000), 1000), np.float32), n_threads=32)
    assert pool.size == helpers
    assert bool(asked) == (helpers > 0)  # a smaller call stays where it is


def test_threads_that_draw_tiny_blocks_at_once_lose_none_and_compute_none_twice():
    x = np.zeros((50_000, LANES), np.float32)
    want, found = fx.logsumexp(x[0]), []
    before = ways.tune(block_elements=LANES, thread_blocks=1)
    thread = threading.Thread(target=lambda: found.extend(fx.logsumexp(x, n_threads=8) for _ in range(10)), daemon=True)
    thread.start()
    done = -1
    while done < len(found):  # a call that has counted wrong waits for ever
        done = len(found)
        thread.join(60)
    ways.tune(**before)
    assert len(found) == 10
    assert all((values == want).all() for values in found)


def test_results_are_right_beside_a_busy_python_thread_and_many_callers(rng):
    f = FUNCTIONS[1]
    p = problem(f, rng, (MANY * BLOCK // 1000, 1000), dtype=np.float32)
    alone = p.run(n_threads=1)
    over = threading.Event()

    def spin():
        while not over.is_set():
            pass

    busy = threading.Thread(target=spin)
    busy.start()
    try:
        with ThreadPoolExecutor(4) as executor:
            results = list(executor.map(lambda _: p.run(n_threads=3), range(12)))
    finally:
        over.set()
        busy.join()
    assert {result["loss"] for result in results} == {alone["loss"]}
    assert all((result["grad"] == alone["grad"]).all() for result in results)
