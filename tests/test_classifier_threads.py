"""SoftmaxClassifier in several threads: the same bits for any number and any BLAS, and what of it is compiled."""

import signal
import threading

import numpy as np
import pytest
from scipy import sparse
from threadpoolctl import ThreadpoolController, threadpool_limits

from fastxent import _blas, _threads
from fastxent.sklearn import SoftmaxClassifier
from fastxent.sklearn import _objective as objectives
from fastxent.sklearn._objective import Objective
from fastxent.sklearn._target import Target, encode, target_of
from tests.layouts import strided
from tests.turns import in_turn

FORMS = {
    "C order": np.ascontiguousarray,
    "Fortran order": np.asfortranarray,
    "strided": strided,
    "backwards": lambda X: np.ascontiguousarray(X[::-1])[::-1],
    "wide rows": lambda X: np.concatenate([X, X], axis=1)[:, : X.shape[1]],
    "sparse": sparse.csr_array,
}
OPTIONS = {
    "labels": {},
    "weights": {"sample_weight": True},
    "class weights": {"class_weight": {0: 2.0}},
    "both weights": {"class_weight": {0: 2.0}, "sample_weight": True},
    "smoothing": {"label_smoothing": 0.1},
    "smoothing and class weights": {"label_smoothing": 0.1, "class_weight": {0: 2.0}},
    "distributions": {"distributions": True},
}


@pytest.fixture(autouse=True)
def always_threads(monkeypatch):
    """However small the data are."""
    monkeypatch.setattr(objectives, "WORTH_THREADS", 0)


def objective(rng, form, options, n_classes, dtype, n_threads, n_features=7):
    """An objective of several groups, and a model."""
    n = 1500 if n_classes < 100 else 750  # in blocks of 250
    X, y = rng.standard_normal((n, n_features)).astype(dtype), np.arange(n) % n_classes
    given = rng.random((n, n_classes)) if options.get("distributions") else y
    weight = rng.random(n) if options.get("sample_weight") else None
    rest = options.get("class_weight"), options.get("label_smoothing", 0.0), n_threads
    target = target_of(*encode(given), weight, *rest)
    made = Objective(FORMS[form](X), target, 0.1, 250, n_threads)
    return made, rng.standard_normal((made.n_outputs, n_features)), rng.standard_normal(made.n_outputs)


def evaluated(*args, compute_in=None, compiled=True):
    """The value and the gradients as one array."""
    made, coef, intercept = objective(np.random.default_rng(0), *args)
    if compute_in is not None:
        made.compute_in(compute_in)
    if not compiled:
        made.compiled = None
    value, coef_grad, intercept_grad = made(coef, intercept)
    return np.concatenate([[value], coef_grad.ravel(), intercept_grad])


@in_turn("compute_in", [np.float32, np.float64])
@in_turn("n_classes", [2, 3, 8, 300])
@in_turn("options", OPTIONS)
@pytest.mark.parametrize("form", FORMS)
def test_neither_threads_nor_blas_change_a_bit(form, options, n_classes, compute_in):
    args = form, OPTIONS[options], n_classes, np.float64
    with threadpool_limits(1, user_api="blas"):
        one = evaluated(*args, 1, compute_in=compute_in)
    for n_threads, limit in ((1, 2), (2, 1), (3, 4)):
        with threadpool_limits(limit, user_api="blas"):
            assert np.array_equal(evaluated(*args, n_threads, compute_in=compute_in), one)


@in_turn("compute_in", [np.float32, np.float64])
@in_turn("dtype", [np.float32, np.float64])
@in_turn("n_classes", [2, 3, 8, 300])
@in_turn("options", OPTIONS)
@pytest.mark.parametrize("form", FORMS)
def test_what_is_compiled_computes_the_same(form, options, n_classes, dtype, compute_in):
    args = form, OPTIONS[options], n_classes, dtype, 2
    got, want = (evaluated(*args, compute_in=compute_in, compiled=compiled) for compiled in (True, False))
    # means over the samples: products of 7 numbers of size 1 and their rounding
    np.testing.assert_allclose(got, want, rtol=0, atol=20 * np.finfo(compute_in).eps)


@in_turn("options", ["labels", "weights", "class weights", "both weights", "smoothing"])
@pytest.mark.parametrize("form", [form for form in FORMS if form != "sparse"])
def test_dense_labels_are_compiled(form, options, rng):
    made, _, _ = objective(rng, form, OPTIONS[options], 5, np.float32, 2)
    assert made.compiled is not None


@pytest.mark.parametrize("letter", ["s", "d"])
def test_the_products_of_scipy_are_as_good(letter, monkeypatch):
    args = "C order", {}, 8, np.float32 if letter == "s" else np.float64, 2
    want = evaluated(*args)
    monkeypatch.setattr(_blas, "bundled", list)
    _blas.products.cache_clear()
    try:
        assert _blas.products(letter) is not None
        np.testing.assert_allclose(evaluated(*args), want, rtol=0, atol=20 * np.finfo(args[3]).eps)
    finally:
        _blas.products.cache_clear()


@pytest.mark.parametrize("form", ["C order", "sparse"])
def test_a_whole_fit_and_its_predictions_have_the_same_bits(form, rng):
    X = FORMS[form](rng.standard_normal((4000, 6)))
    y = rng.integers(0, 5, 4000)
    found = []
    for n_threads, limit in ((1, 1), (2, 2), (3, 1)):
        with threadpool_limits(limit, user_api="blas"):
            model = SoftmaxClassifier(n_threads=n_threads, batch_rows=300).fit(X, y)
            found.append((model.coef_, model.intercept_, model.predict_log_proba(X), model.decision_function(X)))
    for other in found[1:]:
        assert all(np.array_equal(*pair) for pair in zip(found[0], other, strict=True))


def test_groups_are_drawn_by_several_threads(rng, monkeypatch):
    seen, together = set(), threading.Barrier(2, timeout=20)
    add_block = Objective.add_block

    def watched(self, *args):
        if len(seen) < 2:
            seen.add(threading.get_ident())
            together.wait()  # until another thread has a block as well
        add_block(self, *args)

    monkeypatch.setattr(Objective, "add_block", watched)
    monkeypatch.setattr(_threads, "pool", _threads.Pool())  # whose queue has no offers of an earlier test
    made, coef, intercept = objective(rng, "sparse", {}, 3, np.float64, 2)
    made(coef, intercept)
    assert len(seen) == 2


def test_blas_has_its_threads_again_after_a_fit_a_failure_and_a_prediction(rng, monkeypatch):
    def numbers():
        return [library.num_threads for library in ThreadpoolController().select(user_api="blas").lib_controllers]

    X, y = rng.standard_normal((500, 4)), rng.integers(0, 3, 500)
    with threadpool_limits(3, user_api="blas"):
        before = numbers()
        model = SoftmaxClassifier().fit(X, y)
        assert numbers() == before
        model.predict_proba(X)
        assert numbers() == before
        monkeypatch.setattr(Objective, "__call__", lambda *_: 1 / 0)
        with pytest.raises(ZeroDivisionError):
            model.fit(X, y)
        assert numbers() == before


@pytest.mark.skipif(not hasattr(signal, "setitimer"), reason="needs a timer")
@pytest.mark.parametrize("compiled", [True, False])
def test_ctrl_c_does_not_wait_for_a_group(compiled, monkeypatch):
    n = 300_000_000  # rows without memory: a group of them would take seconds
    X = np.broadcast_to(np.zeros((1, 1), np.float32), (n, 1))
    target = Target(np.zeros(n, np.uint8), None, None, 0.0, np.ones(3), float(n))
    monkeypatch.setattr(objectives, "MOST_GROUPS", 2)
    made = Objective(X, target, 0.0, None, 2)
    made.sums[:] = 0.0
    if not compiled:
        made.compiled = None
    before = signal.signal(signal.SIGALRM, signal.default_int_handler)
    try:
        signal.setitimer(signal.ITIMER_REAL, 0.1)
        with pytest.raises(KeyboardInterrupt):
            made(np.zeros((3, 1)), np.zeros(3))
    finally:
        signal.signal(signal.SIGALRM, before)
    assert made.sums[:, -1].max() < n / 2 * np.log(3) * 0.99  # the loss of a whole group


def test_a_small_fit_wakes_no_thread(rng, monkeypatch):
    monkeypatch.undo()
    monkeypatch.setattr(_threads.pool, "offer", lambda job: 1 / 0)
    X, y = rng.standard_normal((500, 4)), rng.integers(0, 3, 500)
    SoftmaxClassifier(n_threads=2).fit(X, y).predict_proba(X)


def test_weights_at_any_address_are_those_of_an_aligned_copy(rng):
    X, y, weight = rng.normal(size=(90, 2)), np.arange(90) % 3, rng.random(90)
    odd = np.empty(weight.nbytes + 1, np.uint8)[1:].view(weight.dtype)
    odd[:] = weight
    assert not odd.flags.aligned
    assert np.array_equal(*(SoftmaxClassifier().fit(X, y, own).coef_ for own in (weight, odd)))
